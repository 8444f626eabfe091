//go:build duckdb_arrow

package duck_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/histories"
	"github.com/kmstrail/kmstrail/schema"
)

var (
	historyCount = flag.Int("histories", 6, "how many generated histories to try")
	historySeed  = flag.Uint64("histories-seed", 1, "seed of the first generated history; a failure names its seed")
)

// TestDerivedTablesAreExact holds what DESIGN 2.6 asks: whatever arrives when,
// in whatever files and transactions, how often ever, with restarts, background
// work and rebuilding anywhere between, the derived tables are in the end those
// that their definitions give, and those of a store that was fed once in order;
// and the counts are those that the history's calls say.
func TestDerivedTablesAreExact(t *testing.T) {
	var total tally
	for i := range *historyCount {
		seed := *historySeed + uint64(i)
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			tryHistory(t, seed, &total)
		})
	}
	t.Logf("%+v", total)
}

// tally is what a run of the property test looked at.
type tally struct {
	Histories, Records, Calls, Files, Runs, Commits, Restarts, Maintained, Beside, Rebuilt int
	Corrections, Duplicates                                                                int64
	TablesCompared, RowsCompared, CountsCompared, CellsCompared                            int
}

func tryHistory(t *testing.T, seed uint64, total *tally) {
	conflicts := seed%5 == 4
	h := histories.New(seed, histories.Options{Conflicts: conflicts})
	delivery := h.Deliver(seed)
	p := &path{
		T: t, history: h, seed: seed, total: total, watch: seed%4 == 1, threads: 1,
		file: filepath.Join(t.TempDir(), "history.db"),
	}
	if seed%7 == 3 {
		p.watch = false // expired events are no change
		p.keep = duck.Retention{schema.KMSEvents.Name: 7 * 24 * time.Hour}
	}
	p.walk(delivery)
	total.Histories++
	total.Records += len(h.Records)
	total.Calls += len(h.Calls)
	total.Files += len(delivery.Files)

	asDefined(t, p.store)
	arrived := dumpAll(t, p.store, h)
	if p.keep == nil {
		p.compareCounts(h.Count())
	}
	if err := p.store.Rebuild(t.Context(), nil, nil); err != nil {
		t.Fatal(err)
	}
	compareDumps(t, total, "rebuilt", arrived, dumpAll(t, p.store, h))
	if conflicts {
		// Of two records with one event id the one written first stays. Where
		// one of them is in three files, which that is depends on the order.
		return
	}
	once := openHistory(t, duck.Memory, 1)
	run(t, once, h, histories.Step{Files: delivery.Files, CommitRows: 1 << 20, Batches: 1}, func() {})
	fresh := dumpAll(t, once, h)
	if p.keep != nil {
		// Cryptographic and reading calls are deleted; what changed keys is not.
		maps.DeleteFunc(fresh, func(name string, _ []string) bool {
			return !slices.Contains([]string{
				"key_change_records", "key_changes", "key_timeline", "grants", "resource_tags", "log_file_days", "log_file_days" + withoutQuarantine,
			}, name)
		})
		maps.DeleteFunc(arrived, func(name string, _ []string) bool { _, kept := fresh[name]; return !kept })
	}
	for _, d := range []map[string][]string{arrived, fresh} {
		// The ledger says of a repeated record that was corrected whether it
		// was a duplicate or superseded when it came.
		for _, name := range []string{"coverage", "log_file_days"} {
			if _, ok := d[name]; ok {
				d[name] = d[name+withoutQuarantine]
			}
		}
	}
	compareDumps(t, total, "fed once in order", arrived, fresh)
}

// path is one way of a history into a store.
type path struct {
	*testing.T
	history *histories.History
	seed    uint64
	total   *tally
	file    string
	store   *duck.Store
	threads int
	// keep is how long rows are kept; nil for ever.
	keep duck.Retention
	// watch compares the cells that each run says it changed with those that
	// are changed.
	watch bool
}

func (p *path) walk(d *histories.Delivery) {
	p.store = openHistory(p.T, p.file, p.threads)
	for _, step := range d.Steps {
		switch step.Kind {
		case histories.Ingest:
			p.ingest(step)
		case histories.Restart:
			if err := p.store.Close(); err != nil {
				p.Fatal(err)
			}
			p.store = openHistory(p.T, p.file, p.threads)
			p.total.Restarts++
		case histories.Maintain:
			p.maintain()
		case histories.Rebuild:
			if err := p.store.Rebuild(p.Context(), nil, nil); err != nil {
				p.Fatal(err)
			}
			p.total.Rebuilt++
		}
	}
}

// maintain does the background work, all of it and not only what is worth it.
func (p *path) maintain() {
	now := histories.Start.Add(histories.Span)
	if _, err := p.store.Maintain(p.Context(), duck.Maintenance{Now: now, All: true, Retention: p.keep}); err != nil {
		p.Error(err)
	}
	p.total.Maintained++
}

// beside does the background work some times, or until the function that it
// returns is called, which waits for the end.
func (p *path) beside() (stop func()) {
	quit, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for range 5 {
			select {
			case <-quit:
				return
			default:
				p.maintain()
			}
		}
	}()
	return func() { close(quit); <-stopped }
}

func (p *path) ingest(step histories.Step) {
	before := lastCommit(p.T, p.store)
	watch := &watcher{path: p}
	if p.watch {
		watch.cells, watch.commit = cellsOf(p.T, p.store), before
	}
	stop := func() {}
	if step.Beside {
		stop = p.beside()
		p.total.Beside++
	}
	s := run(p.T, p.store, p.history, step, watch.committed)
	stop()
	watch.committed()
	p.total.Runs++
	p.total.Corrections += s.Superseded
	p.total.Duplicates += s.Duplicates
	p.total.Commits += int(lastCommit(p.T, p.store) - before)
}

func lastCommit(t *testing.T, s *duck.Store) int64 {
	t.Helper()
	n, err := s.LastCommit(t.Context())
	if err != nil {
		t.Error(err) // not Fatal: commits are watched in the ingester's goroutine
	}
	return n
}

// watcher compares the cells that each commit says it changed with those that
// are changed.
type watcher struct {
	*path
	cells  map[string]string
	commit int64
}

func (w *watcher) committed() {
	if !w.watch {
		return
	}
	noted := map[string]bool{}
	for _, c := range rowsOf(w.T, w.store, fmt.Sprintf(`SELECT 'hour ' || region || ' ' || hour::VARCHAR FROM changed_cells WHERE commit_id > %d
		UNION SELECT 'day ' || coalesce(account_id, '') || ' ' || region || ' ' || hour::DATE::VARCHAR FROM changed_cells WHERE commit_id > %d`, w.commit, w.commit)) {
		noted[c] = true
	}
	now := cellsOf(w.T, w.store)
	for cell := range union(w.cells, now) {
		w.total.CellsCompared++
		if w.cells[cell] != now[cell] && !noted[cell] {
			w.Errorf("seed %d: the commit after %d changed the cell %q and does not say so", w.seed, w.commit, cell)
		}
	}
	w.cells, w.commit = now, lastCommit(w.T, w.store)
}

func union(a, b map[string]string) map[string]string {
	u := maps.Clone(a)
	maps.Copy(u, b)
	return u
}

// asDefined compares views with their definitions, which other engines run: the
// store may answer them in another way.
func asDefined(t *testing.T, s *duck.Store) {
	t.Helper()
	for _, v := range schema.Views() {
		if v.Kept != nil || v.ReadSQL() == v.SQL {
			continue
		}
		got := dump(t, s, v.Name, v.Columns, "true")
		want := dump(t, s, "(\n"+v.SQL+"\n)", v.Columns, "true")
		extra, missing := difference(got, want)
		if len(extra)+len(missing) > 0 {
			t.Errorf("%s: %d rows that its definition does not give, %d missing; such as\n  %s\nand\n  %s", v.Name, len(extra), len(missing),
				strings.Join(extra[:min(len(extra), 3)], "\n  "), strings.Join(missing[:min(len(missing), 3)], "\n  "))
		}
	}
}

// cellsOf tells what derived tables say of each hour and Region, and what
// arrivals says of each account, Region and day.
func cellsOf(t *testing.T, s *duck.Store) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, row := range rowsOf(t, s, `
		SELECT 'hour ' || region || ' ' || hour::VARCHAR || chr(9) || string_agg(said, ' ' ORDER BY said) FROM (
			SELECT region, hour, 'usage ' || bit_xor(hash(u))::VARCHAR AS said FROM usage_hourly u GROUP BY ALL
			UNION ALL SELECT log_region, date_trunc('hour', event_time), 'change ' || bit_xor(hash(c))::VARCHAR FROM key_change_records c GROUP BY ALL
			UNION ALL SELECT region, date_trunc('hour', event_time), 'event ' || bit_xor(hash(event_id, error_code, source_ip_address))::VARCHAR FROM kms_events GROUP BY ALL)
		GROUP BY region, hour
		UNION ALL SELECT 'day ' || coalesce(account_id, '') || ' ' || region || ' ' || day::VARCHAR || chr(9) || bit_xor(hash(a))::VARCHAR
		FROM arrivals a GROUP BY account_id, region, day`) {
		cell, said, _ := strings.Cut(row, "\t")
		out[cell] = said
	}
	return out
}

// openHistory opens a store with quotas so small that the calls come near.
func openHistory(t *testing.T, file string, threads int) *duck.Store {
	t.Helper()
	s, err := duck.Open(t.Context(), file, duck.Options{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() }) // closed by the test itself when it reopens
	rec, err := schema.Rows(&schema.Quotas, [][]any{
		{"cryptographic_symmetric", nil, nil, 3.0, "default"},
		{"cryptographic_symmetric", "111122223333", nil, 2.0, "override"},
		{"custom_key_store", nil, "us-east-1", 2.0, "default"},
		{"cryptographic_symmetric", nil, "eu-central-1", 1.0, "default"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Release()
	if err := s.Replace(t.Context(), &schema.Quotas, rec); err != nil {
		t.Fatal(err)
	}
	return s
}

// run reads the files of a step; committed is called after each commit.
func run(t *testing.T, s *duck.Store, h *histories.History, step histories.Step, committed func()) ingest.Summary {
	t.Helper()
	held := &holding{Store: s, every: step.Batches, committed: committed}
	sum, err := ingest.Run(t.Context(), ingest.Options{
		Source: (*bucket)(&step), Sink: held, CommitRows: step.CommitRows,
		SelfPrincipals: []string{h.Self}, Concurrency: 1, Decoders: 1,
	})
	if err := errors.Join(err, s.Commit(t.Context())); err != nil {
		t.Fatal(err)
	}
	return sum
}

// holding puts several batches into a transaction, as the ingester does with
// large ones.
type holding struct {
	*duck.Store
	every, n  int
	committed func()
}

func (h *holding) Commit(ctx context.Context) error {
	if h.n++; h.n%h.every != 0 {
		return nil
	}
	defer h.committed()
	return h.Store.Commit(ctx)
}

// bucket is a source with the files of one step.
type bucket histories.Step

func (b *bucket) Name() string { return "s3://example-logs" }

func (b *bucket) Requests() ingest.Requests { return ingest.Requests{} }

func (b *bucket) List(_ context.Context, _ ingest.Selection, visit func([]ingest.Object) error) error {
	for files := range slices.Chunk(b.Files, 8) {
		var page []ingest.Object
		for _, f := range files {
			location, _ := ingest.ParseKey(f.Key)
			page = append(page, ingest.Object{Key: f.Key, ETag: f.ETag, Size: int64(len(f.Body)), Location: location})
		}
		slices.SortFunc(page, func(a, b ingest.Object) int { return strings.Compare(a.Key, b.Key) })
		if err := visit(page); err != nil {
			return err
		}
	}
	return nil
}

func (b *bucket) Read(_ context.Context, obj ingest.Object, dst []byte, _ int64) ([]byte, error) {
	if b.Broken[obj.Key] {
		return dst, errors.New("access denied for now")
	}
	for _, f := range b.Files {
		if f.Key == obj.Key {
			return append(dst, f.Body...), nil
		}
	}
	return dst, fmt.Errorf("read %s: %w", obj.Key, fs.ErrNotExist)
}

// withoutQuarantine marks what dumpAll returns of tables besides, without the
// number of quarantined records.
const withoutQuarantine = " without quarantine"

// dumpAll returns the rows of all derived tables as sorted text.
func dumpAll(t *testing.T, s *duck.Store, h *histories.History) map[string][]string {
	t.Helper()
	var newest time.Time
	for _, r := range h.Records {
		if r.KMS && r.Time.After(newest) {
			newest = r.Time
		}
	}
	out := map[string][]string{}
	for _, v := range schema.Views() {
		where := "true"
		if v.Name == "request_seconds" {
			// What is older may be in request_rate by now, or not yet.
			where = fmt.Sprintf("second >= TIMESTAMP '%s'", newest.AddDate(0, 0, -3).Format(time.DateTime))
		}
		out[v.Name] = dump(t, s, v.Name, v.Columns, where)
		if v.Name == "coverage" || v.Name == "log_file_days" {
			columns := slices.DeleteFunc(slices.Clone(v.Columns), func(c schema.Column) bool { return c.Name == "quarantined_count" })
			out[v.Name+withoutQuarantine] = dump(t, s, v.Name, columns, where)
		}
	}
	return out
}

func dump(t *testing.T, s *duck.Store, table string, columns []schema.Column, where string) []string {
	t.Helper()
	parts := make([]string, len(columns))
	for i, c := range columns {
		value := `"` + c.Name + `"`
		if c.Type == schema.StringMap {
			value = "list_sort(map_entries(" + value + "))" // the order of a map means nothing
		}
		parts[i] = "'" + c.Name + "=' || coalesce(CAST(" + value + " AS VARCHAR), '(null)')"
	}
	rows := rowsOf(t, s, "SELECT concat_ws(' ', "+strings.Join(parts, ", ")+") FROM "+table+" WHERE "+where)
	slices.Sort(rows)
	return rows
}

// rowsOf returns the first column of a query as text.
func rowsOf(t *testing.T, s *duck.Store, sql string) []string {
	t.Helper()
	r, err := s.Query(t.Context(), sql)
	if err != nil {
		t.Errorf("%v in %s", err, sql)
		return nil
	}
	defer r.Release()
	var out []string
	for r.Next() {
		column := r.RecordBatch().Column(0)
		for i := range column.Len() {
			out = append(out, strings.Clone(column.ValueStr(i)))
		}
	}
	if err := r.Err(); err != nil {
		t.Errorf("%v in %s", err, sql)
	}
	return out
}

// compareDumps names the tables that differ, and some of their rows. Tables
// that are not in want are not compared.
func compareDumps(t *testing.T, total *tally, other string, got, want map[string][]string) {
	t.Helper()
	for _, v := range schema.Views() {
		if _, ok := want[v.Name]; !ok {
			continue
		}
		total.TablesCompared++
		total.RowsCompared += len(want[v.Name])
		extra, missing := difference(got[v.Name], want[v.Name])
		if len(extra)+len(missing) == 0 {
			continue
		}
		t.Errorf("%s: %d rows that are not there when %s, %d missing; such as\n  %s\nand\n  %s", v.Name, len(extra), other, len(missing),
			strings.Join(extra[:min(len(extra), 3)], "\n  "), strings.Join(missing[:min(len(missing), 3)], "\n  "))
	}
}

// difference compares sorted rows.
func difference(got, want []string) (extra, missing []string) {
	n := map[string]int{}
	for _, r := range got {
		n[r]++
	}
	for _, r := range want {
		if n[r]--; n[r] < 0 {
			missing = append(missing, r)
		}
	}
	for _, r := range got {
		if n[r] > 0 {
			n[r]--
			extra = append(extra, r)
		}
	}
	return extra, missing
}

// compareCounts compares the counters with what the calls say, which no SQL had
// a part in.
func (p *path) compareCounts(want *histories.Counts) {
	p.Helper()
	p.counts("calls by caller", want.Calls, `SELECT caller_id, sum(call_count) FROM usage_daily GROUP BY 1 HAVING sum(call_count) > 0`)
	p.counts("uses by key", want.Uses, `SELECT key_arn, sum(use_count) FROM usage_daily GROUP BY 1 HAVING sum(use_count) > 0`)
	p.counts("calls in kms_calls", want.Seen, `SELECT event_name, count(*) FROM kms_calls GROUP BY 1`)
	p.counts("copies in kms_calls", map[string]int64{"all": want.Records}, `SELECT 'all', sum(copy_count) FROM kms_calls`)
	p.counts("calls in usage_hourly", want.Calls, `SELECT caller_id, sum(call_count) FROM usage_hourly GROUP BY 1 HAVING sum(call_count) > 0`)
	keyUse := map[string]int64{}
	for k, n := range want.KeyUse {
		keyUse[k.Key+" "+k.Caller+" "+k.Account] = n
	}
	p.counts("key_use", keyUse, `SELECT key_arn || ' ' || caller_id || ' ' || coalesce(caller_account_id, ''), call_count FROM key_use`)
	minutes := map[string]int64{}
	for m, r := range want.Minutes {
		at := m.Account + " " + m.Region + " " + m.Quota + " " + m.Store + " " + m.Start.Format(time.DateTime)
		minutes[at+" requests"], minutes[at+" throttled"] = r.Requests, r.Throttled
		minutes[at+" peak "+r.PeakSecond.Format(time.DateTime)] = r.Peak
	}
	p.counts("request_rate", minutes, `SELECT concat_ws(' ', account_id, region, quota_name, coalesce(custom_key_store_id, ''), minute::VARCHAR, what), n
		FROM (SELECT *, 'requests' AS what, request_count AS n FROM request_rate
			UNION ALL SELECT *, 'throttled', throttled_count FROM request_rate
			UNION ALL SELECT *, 'peak ' || peak_second::VARCHAR, peak_count FROM request_rate)`)
	arrived := map[string]int64{}
	for d, n := range want.Arrived {
		arrived[d.Account+" "+d.Region+" "+d.Start.Format(time.DateOnly)] = n
	}
	p.counts("arrivals", arrived, `SELECT account_id || ' ' || region || ' ' || day::VARCHAR, sum(kms_event_count) FROM arrivals GROUP BY 1`)
}

// counts compares a query of names and numbers with what is wanted.
func (p *path) counts(what string, want map[string]int64, sql string) {
	p.Helper()
	got := map[string]bool{}
	wrong := 0
	complain := func(format string, args ...any) {
		if wrong++; wrong <= 3 {
			p.Errorf("seed %d: %s: "+format, append([]any{p.seed, what}, args...)...)
		}
	}
	for _, row := range rowsOf(p.T, p.store, "SELECT concat_ws(chr(9), q.name, q.n::VARCHAR) FROM ("+sql+") q (name, n)") {
		name, n, _ := strings.Cut(row, "\t")
		got[name] = true
		p.total.CountsCompared++
		if wanted := fmt.Sprint(want[name]); n != wanted {
			complain("%s: %s, want %s", name, n, wanted)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !got[name] && want[name] != 0 {
			complain("%s: nothing, want %d", name, want[name])
		}
	}
}
