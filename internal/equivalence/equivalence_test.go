//go:build duckdb_arrow && trino

package equivalence_test

import (
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/dirsource"
	"github.com/kmstrail/kmstrail/internal/casestore"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/golden"
	"github.com/kmstrail/kmstrail/internal/sqlcase"
	"github.com/kmstrail/kmstrail/internal/sqlfile"
	"github.com/kmstrail/kmstrail/queries"
	"github.com/kmstrail/kmstrail/schema"
)

// maxStages is what a file may need; Trino and Athena allow 150.
const maxStages = 100

// file is a detector or a query.
type file struct {
	kind, id string
	params   sqlfile.Params
	bind     func(given map[string]string, w sqlfile.Window) (sqlfile.Statement, error)
	detector *detectors.Detector
	cases    []sqlcase.Case
}

// each has every case run by itself; what fires is looked at then.
var each = flag.Bool("each", false, "run every case by itself, not those of a file together")

// TestSameRows is the gate: whatever one engine answers, the other does. The events
// of a file's cases are loaded together: more rows to differ in, and a tenth of the
// time, most of which is for telling Trino of tables.
func TestSameRows(t *testing.T) {
	var all table
	t.Run("sample", func(t *testing.T) { sample(t, &all) })
	t.Run("cases", func(t *testing.T) {
		for _, f := range files(t) {
			stores := f.cases
			if !*each {
				stores = sqlcase.Merge(f.cases)
			}
			for i := range stores {
				t.Run(f.id+"/"+stores[i].Name, func(t *testing.T) {
					t.Parallel()
					f.compareStore(t, &stores[i], &all)
				})
			}
		}
	})
	t.Log("on average\n" + all.times())
	if !t.Failed() && !*each {
		golden.EqualString(t, all.page(), "../../docs/equivalence.md")
	}
}

// files are all detectors and queries with their cases.
func files(t *testing.T) []file {
	t.Helper()
	var out []file
	builtin, err := detectors.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range builtin {
		out = append(out, file{"detector", d.ID, d.Params, d.Bind, d, cases(t, detectors.BuiltinFS(), d.ID)})
	}
	named, err := queries.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range named {
		out = append(out, file{"query", q.ID, q.Params, q.Bind, nil, cases(t, queries.BuiltinFS(), q.ID)})
	}
	return out
}

func cases(t *testing.T, fsys fs.FS, id string) []sqlcase.Case {
	t.Helper()
	src, err := fs.ReadFile(fsys, id+".txtar")
	if err != nil {
		t.Fatal(err)
	}
	list, err := sqlcase.Parse(id+".txtar", src)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// question is what a case asks.
type question struct {
	params map[string]string
	window sqlfile.Window
}

// questions are those of all cases whose events are in a store, each once.
func (f *file) questions(store *sqlcase.Case) []question {
	if *each {
		return []question{{store.Params, store.Window}}
	}
	var out []question
	for _, c := range f.cases {
		q := question{c.Params, c.Window}
		same := func(o question) bool { return reflect.DeepEqual(o, q) }
		if reflect.DeepEqual(c.Config, store.Config) && reflect.DeepEqual(c.State, store.State) && !slices.ContainsFunc(out, same) {
			out = append(out, q)
		}
	}
	return out
}

// compareStore loads the events of a case, or of several, and asks both engines.
func (f *file) compareStore(t *testing.T, c *sqlcase.Case, all *table) {
	t.Helper()
	store := open(t)
	if err := c.Load(t.Context(), store, false); err != nil {
		t.Fatal(err)
	}
	e := exported(t, store)
	for _, q := range f.questions(c) {
		var n int
		if f.detector != nil {
			n = f.sameFindings(t, e, q, all)
		} else {
			n = f.sameRows(t, e, q, all)
		}
		if *each && c.Fires() != (n > 0) {
			t.Errorf("%d rows or findings came", n)
		}
	}
}

func (f *file) sameRows(t *testing.T, e engines, q question, all *table) int {
	t.Helper()
	st, err := f.bind(q.params, q.window)
	if err != nil {
		t.Fatal(err)
	}
	duck, trino := compare(t, e, st, true)
	all.ran(f.kind, f.id, duck, trino)
	return len(duck.rows)
}

// sameFindings compares findings, which have all that a row has.
func (f *file) sameFindings(t *testing.T, e engines, q question, all *table) int {
	t.Helper()
	duck, onDuck := f.find(t, e.duck, q)
	trino, onTrino := f.find(t, e.trino, q)
	all.ran(f.kind, f.id, onDuck, onTrino)
	if diff := cmp.Diff(duck, trino, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("findings on DuckDB (-) and Trino (+):\n%s", diff)
	}
	return len(duck)
}

func (f *file) find(t *testing.T, e runner, q question) ([]detectors.Finding, result) {
	t.Helper()
	began := time.Now()
	findings, err := f.detector.Find(t.Context(), e, q.params, q.window)
	if err != nil {
		t.Fatal(err)
	}
	return findings, result{rows: make([][]any, len(findings)), took: time.Since(began)}
}

func open(t *testing.T) *casestore.Store {
	t.Helper()
	s, err := casestore.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// sample compares every view, and every file over the whole sample bucket.
func sample(t *testing.T, all *table) {
	e := exported(t, sampleStore(t))
	for _, v := range schema.Views() {
		t.Run(v.Name, func(t *testing.T) {
			var columns []string
			for _, c := range v.Columns {
				columns = append(columns, c.Name)
			}
			st := sqlfile.Statement{SQL: "select " + strings.Join(columns, ", ") + " from " + v.Name}
			duck, trino := compare(t, e, st, false)
			all.ran("view", v.Name, duck, trino)
			all.needs("view", v.Name, stages(t, e, st))
			if len(duck.rows) == 0 {
				t.Error("the view has no row")
			}
		})
	}
	window := span(t, e)
	for _, f := range files(t) {
		t.Run(f.id, func(t *testing.T) {
			st, err := f.bind(f.anyParams(t, e), window)
			if err != nil {
				t.Fatal(err)
			}
			duck, trino := compare(t, e, st, true)
			all.ran(f.kind, f.id, duck, trino)
			all.needs(f.kind, f.id, stages(t, e, st))
		})
	}
}

func sampleStore(t *testing.T) *casestore.Store {
	t.Helper()
	store := open(t)
	root := filepath.Join("..", "..", "sampledata")
	cfg, err := config.Load(config.Options{File: filepath.Join(root, "kmstrail.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	for _, rows := range cfg.Tables() {
		rec, err := schema.Rows(rows.Table, rows.Rows)
		if err != nil {
			t.Fatal(err)
		}
		err = store.Replace(t.Context(), rows.Table, rec)
		rec.Release()
		if err != nil {
			t.Fatal(err)
		}
	}
	source, err := dirsource.New(filepath.Join(root, "bucket"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ingest.Run(t.Context(), ingest.Options{Source: source, Sink: store.Store, SelfPrincipals: cfg.SelfPrincipals, Decoders: 1}); err != nil {
		t.Fatal(err)
	}
	takeInventory(t, store)
	return store
}

// takeInventory stores one in the middle of the sample, of every second key: it says
// of some what the logs say, of others something else.
func takeInventory(t *testing.T, store *casestore.Store) {
	t.Helper()
	e := engines{duck: store}
	window := span(t, e)
	at := window.Start.Add(window.End.Sub(window.Start) / 2).Truncate(time.Hour)
	keys := ask(t, e.duck, sqlfile.Statement{SQL: "select key_arn from keys order by key_arn"})
	var rows [][]any
	for i, r := range keys.rows {
		if i%2 > 0 {
			continue
		}
		row := make([]any, len(schema.InventoryKeys.Columns))
		place := strings.SplitN(r[0].(string), ":", 6)
		for name, v := range map[string]any{
			"run_id": uuid.UUID{1}, "taken_at": at, "key_arn": r[0], "account_id": place[4], "region": place[3], "key_id": strings.TrimPrefix(place[5], "key/"),
			"key_state": []any{"Enabled", "Disabled", nil}[i/2%3], "aliases": []string{fmt.Sprint("alias/seen-", i)}, "tags": map[string]string{"Seen": "yes"},
			"rotation_enabled": i%4 == 0, "description": "", "refused": []string{},
		} {
			row[schema.InventoryKeys.Column(name)] = v
		}
		rows = append(rows, row)
	}
	rec, err := schema.Rows(&schema.InventoryKeys, rows)
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Release()
	if err := store.Replace(t.Context(), &schema.InventoryKeys, rec); err != nil {
		t.Fatal(err)
	}
}

// span is the time that the sample is about without its first and last day, so
// that a query which looked beyond its window would show.
func span(t *testing.T, e engines) sqlfile.Window {
	t.Helper()
	var w sqlfile.Window
	r := ask(t, e.duck, sqlfile.Statement{SQL: "select cast(min(day) as varchar), cast(max(day) as varchar) from arrivals"})
	for i, at := range []string{r.rows[0][0].(string), r.rows[0][1].(string)} {
		day, err := time.Parse(time.DateOnly, at)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			w.Start = day.AddDate(0, 0, 1)
		} else {
			w.End = day
		}
	}
	return w
}

// anyParams gives required parameters a value that the sample has.
func (f *file) anyParams(t *testing.T, e engines) map[string]string {
	t.Helper()
	given := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(f.params)) {
		column := map[string]string{"key_arn": "key_arn", "principal": "principal_arn", "principal_arn": "principal_arn", "resource": "resource"}[name]
		if !f.params[name].Required || column == "" {
			continue
		}
		r := ask(t, e.duck, sqlfile.Statement{SQL: "select " + column + " from kms_calls where " + column + " is not null group by 1 order by count(*) desc, 1 limit 1"})
		given[name] = r.rows[0][0].(string)
	}
	return given
}

var fragment = regexp.MustCompile(`(?m)^Fragment \d+ `)

// stages counts the stages of Trino's plan.
func stages(t *testing.T, e engines, st sqlfile.Statement) int {
	t.Helper()
	// Trino explains no statement with parameters.
	sql := "explain (type distributed) " + literal(st)
	r := ask(t, e.trino, sqlfile.Statement{SQL: sql, Events: st.Events})
	n := len(fragment.FindAllString(r.rows[0][0].(string), -1))
	if n == 0 || n > maxStages {
		t.Errorf("Trino's plan has %d stages; at most %d are allowed: it computes a CTE anew wherever it is named", n, maxStages)
	}
	return n
}

// literal writes the arguments of a statement into its text.
func literal(st sqlfile.Statement) string {
	var b strings.Builder
	for i, part := range strings.Split(st.SQL, "?") {
		if i > 0 {
			b.WriteString(sqlValue(st.Args[i-1]))
		}
		b.WriteString(part)
	}
	return b.String()
}

func sqlValue(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return "'" + strings.ReplaceAll(v, "'", "''") + "'"
	case time.Time:
		return "timestamp '" + v.UTC().Format("2006-01-02 15:04:05.000000") + "'"
	default:
		return fmt.Sprint(v)
	}
}
