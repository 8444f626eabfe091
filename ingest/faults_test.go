package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/duck"
)

// stored is what a store has in the end, however it got there: rows, ledger and
// what is derived. Which of two files brought a record that both have depends on
// their order.
func stored(t testing.TB, s *duck.Store) map[string]string {
	t.Helper()
	out := map[string]string{}
	for name, query := range map[string]string{
		"kms_events":     `SELECT * EXCLUDE (log_file_id, record_index) FROM kms_events ORDER BY event_id`,
		"related_events": `SELECT * EXCLUDE (log_file_id, record_index) FROM related_events ORDER BY event_id`,
		"log_files": `SELECT split_part(object_key, '/', -1) AS file, etag, size_bytes, status, error, record_count, kms_count, inserted_count + duplicate_count AS judged,
			quarantined_count FROM log_files ORDER BY ALL`,
		"inserted":     `SELECT sum(inserted_count) = (SELECT count(*) FROM kms_events) AS exact FROM log_files`,
		"quarantine":   `SELECT split_part(object_key, '/', -1) AS file, q.* EXCLUDE (log_file_id, quarantined_at) FROM quarantine q JOIN log_files USING (log_file_id) ORDER BY ALL`,
		"usage_hourly": `SELECT * FROM usage_hourly ORDER BY ALL`,
		"usage_daily":  `SELECT * FROM usage_daily ORDER BY ALL`,
		"key_use":      `SELECT * FROM key_use ORDER BY ALL`,
		"request_rate": `SELECT * FROM request_rate ORDER BY ALL`,
		"kms_calls":    `SELECT count(*) AS calls FROM kms_calls`,
	} {
		r, err := s.Query(t.Context(), query)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var b bytes.Buffer
		for r.Next() {
			if err := array.RecordToJSON(r.RecordBatch(), &b); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Err(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r.Release()
		out[name] = b.String()
	}
	return out
}

// stage is a point of a run at which something goes wrong, once.
type stage struct {
	name string
	// source and sink fail their n-th call of this stage.
	source func(f *faulty)
	sink   func(f *faultySink)
	// ends is true where the run must end with the error, rewrites where an object
	// has a record more than before.
	ends, rewrites bool
}

// faulty is a directory whose n-th object goes wrong when it is read. What is
// wrong with its lists, breaking does.
type faulty struct {
	breaking
	dir     string
	n, gets int
	hit     bool
	get     func(f *faulty, obj ingest.Object) error
	after   func(f *faulty, body []byte) []byte
}

func (f *faulty) Read(ctx context.Context, obj ingest.Object, dst []byte, limit int64) ([]byte, error) {
	f.gets++
	now := f.gets == f.n
	if now && f.get != nil {
		f.hit = true
		if err := f.get(f, obj); err != nil {
			return nil, err
		}
	}
	body, err := f.Source.Read(ctx, obj, dst, limit)
	if now && f.after != nil && err == nil {
		f.hit = true
		body = f.after(f, body)
	}
	return body, err
}

// faultySink is a real store whose n-th call of one kind goes wrong.
type faultySink struct {
	*duck.Store
	call string // Ledger, Add, Commit
	done bool   // the call is done, and its answer lost
	n    int
	hit  bool
}

func (f *faultySink) fails(call string) bool {
	if call != f.call {
		return false
	}
	f.n--
	f.hit = f.hit || f.n == 0
	return f.n == 0
}

func (f *faultySink) NextLogFileID(ctx context.Context) (int64, error) {
	if f.fails("NextLogFileID") {
		return 0, errInjected
	}
	return f.Store.NextLogFileID(ctx)
}

func (f *faultySink) Ledger(ctx context.Context, source, first, last string) (map[string]ingest.LedgerEntry, error) {
	if f.fails("Ledger") {
		return nil, errInjected
	}
	return f.Store.Ledger(ctx, source, first, last)
}

func (f *faultySink) Add(ctx context.Context, b *ingest.Batch) (ingest.BatchResult, error) {
	if !f.fails("Add") {
		return f.Store.Add(ctx, b)
	}
	if f.done {
		if _, err := f.Store.Add(ctx, b); err != nil {
			return ingest.BatchResult{}, err
		}
	}
	return ingest.BatchResult{}, errors.Join(errInjected, f.Store.Rollback(ctx))
}

func (f *faultySink) Commit(ctx context.Context) error {
	if !f.fails("Commit") {
		return f.Store.Commit(ctx)
	}
	if f.done {
		return errors.Join(errInjected, f.Store.Commit(ctx))
	}
	return errors.Join(errInjected, f.Store.Rollback(ctx))
}

// stages are all points at which a run can fail.
func stages(t *testing.T) []stage {
	sink := func(call string, done bool) func(f *faultySink) {
		return func(f *faultySink) { f.call, f.done = call, done }
	}
	// rewrite writes the object anew, with a record more.
	rewrite := func(f *faulty, obj ingest.Object) error {
		e := cttest.Sample("Encrypt", "111122223333", start)
		e.ID = cttest.EventID("rewritten " + obj.Key)
		text, err := os.ReadFile(filepath.Join(f.dir, filepath.FromSlash(obj.Key)))
		if err != nil {
			return err
		}
		write(t, f.dir, obj.Key, append(text, cttest.Gzip(append([]byte("\n"), e.JSON()...))...))
		return nil
	}
	return []stage{
		{name: "first id", sink: sink("NextLogFileID", false), ends: true},
		{name: "list", source: func(f *faulty) {
			f.onList = func(page int64) error {
				if int(page) != f.n {
					return nil
				}
				f.hit = true
				return errInjected
			}
		}, ends: true},
		{name: "ledger", sink: sink("Ledger", false), ends: true},
		{name: "get", source: func(f *faulty) { f.get = func(*faulty, ingest.Object) error { return errInjected } }},
		{name: "get of an object that is gone", source: func(f *faulty) {
			f.get = func(f *faulty, obj ingest.Object) error {
				path := filepath.Join(f.dir, filepath.FromSlash(obj.Key))
				text, err := os.ReadFile(path)
				if err == nil {
					err = os.Remove(path)
				}
				if err != nil {
					return err
				}
				_, err = f.Source.Read(t.Context(), obj, nil, 1<<20)
				write(t, f.dir, obj.Key, text) // it is back for the next run
				return err
			}
		}},
		{name: "object that changes before it is read", source: func(f *faulty) { f.get = rewrite }, rewrites: true},
		{name: "object that is cut off", source: func(f *faulty) {
			f.after = func(_ *faulty, body []byte) []byte { return body[:len(body)/2] }
		}},
		{name: "object with other bytes", source: func(f *faulty) {
			f.after = func(_ *faulty, body []byte) []byte { return append(body[:0], "<html>503</html>"...) }
		}},
		{name: "append", sink: sink("Add", false), ends: true},
		{name: "append that was done", sink: sink("Add", true), ends: true},
		{name: "commit", sink: sink("Commit", false), ends: true},
		{name: "commit that was done", sink: sink("Commit", true), ends: true},
	}
}

// TestFaultAnywhere has the n-th call of every stage of a run go wrong, for every
// n until none does, each time with log files of its own. After each the next run
// has every record; and in the end the store has exactly what one has that never
// saw a fault.
func TestFaultAnywhere(t *testing.T) {
	files := max(2, *kills/5)
	s, clean := openStore(t, duck.Memory), openStore(t, duck.Memory)
	root, faults := t.TempDir(), 0
	for _, st := range stages(t) {
		t.Run(st.name, func(t *testing.T) {
			for n := 1; ; n++ {
				dir := filepath.Join(root, strings.ReplaceAll(fmt.Sprint(st.name, " ", n), " ", "-"))
				ids := writeFiles(t, dir, fmt.Sprint(st.name, " ", n), files)
				hit := faultAt(t, st, s, dir, n)
				got := count(t, s, `SELECT count(*), (SELECT count(*) FROM log_files WHERE source LIKE '%`+dir+`' AND status = 'ingested')
					FROM kms_events JOIN log_files USING (log_file_id) WHERE source LIKE '%`+dir+`'`)
				if st.rewrites && hit {
					ids++
				}
				if diff := cmp.Diff([]int64{ids, int64(files)}, got); diff != "" {
					t.Errorf("after fault %d: events and files (-want +got)\n%s", n, diff)
				}
				if !hit {
					if n == 1 {
						t.Error("nothing was injected")
					}
					break
				}
				faults++
			}
		})
	}
	if _, err := ingest.Run(t.Context(), ingest.Options{Source: openDir(t, root), Sink: clean}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(stored(t, clean), stored(t, s)); diff != "" {
		t.Errorf("against a store without faults (-want +got)\n%s", diff)
	}
	t.Logf("%d faults in %d stages", faults, len(stages(t)))
}

// writeFiles writes log files of three KMS records, the first of which the file
// before has too, and one of another service. It returns the number of different
// KMS records.
func writeFiles(t *testing.T, dir, name string, files int) (distinct int64) {
	t.Helper()
	for f := range files {
		at := start.Add(time.Duration(f) * time.Minute)
		var records [][]byte
		for _, id := range []int{2 * f, 2*f + 1, 2*f + 2} {
			e := cttest.Sample("Decrypt", "111122223333", start.Add(time.Duration(id)*time.Second))
			e.ID = cttest.EventID(fmt.Sprint(name, " ", id))
			records = append(records, e.JSON())
		}
		other := cttest.PutBucketTagging(at, cttest.Root("111122223333"), "us-east-1", "logs", cttest.Pairs("team", "red"))
		other.ID = cttest.EventID(fmt.Sprint(name, " related ", f))
		records = append(records, other.JSON())
		write(t, dir, cttest.Key("", "", "111122223333", "us-east-1", at, cttest.Suffix(name, fmt.Sprint(f))), cttest.LogFile(records...))
	}
	return int64(2*files + 1)
}

// faultAt injects the n-th fault of a stage into a run, and runs again; it reports
// false when there was none to inject.
func faultAt(t *testing.T, st stage, s *duck.Store, dir string, n int) bool {
	src, sink := &faulty{breaking: breaking{Source: openDir(t, dir)}, dir: dir, n: n}, &faultySink{Store: s, n: n}
	if st.source != nil {
		st.source(src)
	} else {
		st.sink(sink)
	}
	// Small batches, one after the other, make many appends and commits.
	o := ingest.Options{Source: src, Sink: sink, Concurrency: 1, Decoders: 1, CommitRows: 1}
	_, err := ingest.Run(t.Context(), o)
	hit := src.hit || sink.hit
	if want := hit && st.ends; errors.Is(err, errInjected) != want || err != nil && !want {
		t.Fatalf("fault %d: the run ended with %v", n, err)
	}
	// What was read as broken is looked at again when somebody asks for that.
	if _, err := ingest.Run(t.Context(), ingest.Options{Source: openDir(t, dir), Sink: s, Reconcile: true}); err != nil {
		t.Fatalf("after fault %d: %v", n, err)
	}
	return hit
}

func closeStores(t testing.TB, stores ...*duck.Store) {
	t.Helper()
	for _, s := range stores {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestStoreThatCannotBeWritten holds that a run into a store that is open for
// reading only ends with an error that says so, and leaves the store as it was.
func TestStoreThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	writeBucket(t, dir, 3, 6)
	path := filepath.Join(t.TempDir(), "k.duckdb")
	s := openStore(t, path)
	if _, err := ingest.Run(t.Context(), ingest.Options{Source: openDir(t, dir), Sink: s}); err != nil {
		t.Fatal(err)
	}
	before := stored(t, s)
	closeStores(t, s)
	write(t, dir, cttest.Key("", "", "111122223333", "us-east-1", start, cttest.Suffix("late")),
		cttest.LogFile(cttest.PutObject(start, cttest.Root("111122223333"), "us-east-1", "b", "o", "").JSON()))
	s, err := duck.Open(t.Context(), path, duck.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStores(t, s)
	_, err = ingest.Run(t.Context(), ingest.Options{Source: openDir(t, dir), Sink: s})
	if err == nil || !strings.Contains(fmt.Sprint(err), "read") {
		t.Errorf("a run into a store for reading ended with %v", err)
	}
	if diff := cmp.Diff(before, stored(t, s)); diff != "" {
		t.Error(diff)
	}
}
