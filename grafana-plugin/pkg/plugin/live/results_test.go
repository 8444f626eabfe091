package live

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/frames"
	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/macros"
)

// TestBuilderRuns: every query in the builder's tests runs, as it stands.
func TestBuilderRuns(t *testing.T) {
	_, s := served(t, nil)
	files, err := filepath.Glob("../../builder/testdata/*.json")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var q object
			if err := json.Unmarshal(text, &q); err != nil {
				t.Fatal(err)
			}
			r := s.one(t, q)
			if r.Error != nil {
				t.Errorf("%v\n%s", r.Error, r.Frames[0].Meta.ExecutedQueryString)
			}
		})
	}
}

// TestNamedRuns: every named query runs, with the dashboard's filters too, which
// stand around it.
func TestNamedRuns(t *testing.T) {
	_, s := served(t, nil)
	var queries []struct {
		ID     string
		Params []struct {
			Name, Type string
			Required   bool
		}
	}
	s.get(t, "named", &queries)
	if len(queries) < 20 {
		t.Fatalf("%d queries", len(queries))
	}
	values := map[string]string{"varchar": "alias/objects", "integer": "1", "days": "7", "double": "0.5", "boolean": "true", "timestamp": "2026-10-10T00:00:00Z"}
	for _, q := range queries {
		t.Run(q.ID, func(t *testing.T) {
			params := object{}
			for _, p := range q.Params {
				if p.Required {
					params[p.Name] = values[p.Type]
				}
			}
			query := object{"kind": "named", "named": object{"id": q.ID, "params": params}}
			f := s.frame(t, query)
			query["adhoc"] = []object{{"key": "region", "operator": "=", "value": "eu-west-1"}, {"key": "nothing", "operator": "!=", "value": "x"}}
			if filtered := s.frame(t, query); filtered.Rows() > f.Rows() || !strings.Contains(notices(filtered), "nothing") {
				t.Errorf("%d rows, filtered %d: %s", f.Rows(), filtered.Rows(), notices(filtered))
			}
			t.Log(f.Rows(), f.Meta.Type)
		})
	}
}

// TestMacrosRun: every example of a macro means something to the server.
func TestMacrosRun(t *testing.T) {
	_, s := served(t, nil)
	for _, m := range macros.List() {
		t.Run(m.Name, func(t *testing.T) {
			sql := "SELECT " + m.Example + " FROM kms_calls LIMIT 1"
			if strings.Contains(m.Name, "Filter") {
				sql = "SELECT count(*) AS n FROM kms_calls AS calls WHERE " + strings.NewReplacer("(day)", "(event_time)", "(hour)", "(event_time)").Replace(m.Example)
			}
			r := s.one(t, object{"kind": "sql", "format": "table", "sql": sql, "variables": object{
				"account": []string{"111122223333"}, "region": []string{"eu-west-1", "us-east-1"}, "key": []string{macros.All}, "principal": []string{"it's"},
			}, "adhoc": []object{{"key": "event_name", "operator": "=~", "value": "^Gen"}, {"key": "nothing", "operator": "=", "value": "x"}}})
			if r.Error != nil {
				t.Errorf("%s: %v", sql, r.Error)
			}
		})
	}
}

// TestTypes: every type that DuckDB returns comes through.
func TestTypes(t *testing.T) {
	_, s := served(t, nil)
	text, err := os.ReadFile("../../frames/testdata/alltypes.sql")
	if err != nil {
		t.Fatal(err)
	}
	f := s.frame(t, sqlQuery(string(text)))
	if f.Rows() == 0 || len(f.Fields) < len(frames.Conversions()) {
		t.Errorf("%d rows of %d columns, of %d types", f.Rows(), len(f.Fields), len(frames.Conversions()))
	}
	for _, x := range []struct{ sql, want string }{
		{"TIMESTAMP '2026-10-02 03:04:05.678901'", "2026-10-02T03:04:05.678901Z"},
		{"DATE '2026-10-02'", "2026-10-02T00:00:00Z"},
		{"TIMESTAMPTZ '2026-10-02 03:04:05+02'", "2026-10-02T01:04:05Z"},
		{"sum(123::BIGINT)", "123"},
		{"CAST(1.5 AS DECIMAL(10,2))", "1.5"},
		{"uuid '1234abcd-12ab-34cd-56ef-1234567890ab'", "1234abcd-12ab-34cd-56ef-1234567890ab"},
		{"MAP {'b': 1, 'a': 2}", `{"b":1,"a":2}`},
		{"[1, NULL]", "[1,null]"},
		{"{'a': 1, 'b': 'x'}", `{"a":1,"b":"x"}`},
		{"INTERVAL '90 seconds'", "90"},
		{"'\\xAB'::BLOB", "ab"},
	} {
		t.Run(x.sql, func(t *testing.T) {
			f := s.frame(t, sqlQuery("SELECT "+x.sql+" AS v"))
			v, ok := f.Fields[0].ConcreteAt(0)
			if at, isTime := v.(time.Time); isTime {
				v = at.UTC().Format(time.RFC3339Nano)
			}
			if raw, isJSON := v.(json.RawMessage); isJSON {
				v = string(raw)
			}
			if got := fmt.Sprint(v); !ok || got != x.want {
				t.Errorf("%s, want %s", got, x.want)
			}
		})
	}
}

// TestErrors: an error stands at its place, with what was run, and says whose it
// is.
func TestErrors(t *testing.T) {
	_, s := served(t, nil)
	for _, test := range []struct {
		name   string
		query  object
		status backend.Status
		text   string
		// line and column of the place, 0 for none.
		line, column float64
	}{
		{"syntax", sqlQuery("SELEC 1"), 400, "syntax error", 1, 1},
		{"column", sqlQuery("SELECT 1,\n  nothing FROM keys"), 400, "nothing", 2, 3},
		{"column behind a macro", sqlQuery("SELECT count(*) FROM kms_calls\nWHERE $__timeFilter(event_time) AND nothing = 1"), 400, "nothing", 2, 37},
		{"macro", sqlQuery("SELECT 1,\n $__timeFiltre(event_time)"), 400, "$__timeFilter", 2, 2},
		{"two statements", sqlQuery("SELECT 1; SELECT 2"), 400, "statements", 0, 0},
		{"file", sqlQuery("SELECT * FROM read_csv('/etc/passwd')"), 400, "refused", 0, 0},
		{"values", sqlQuery("SELECT CAST(i AS TINYINT) AS v FROM range(1000) AS t(i)"), 400, "range", 0, 0},
		{"nothing", object{"kind": "sql", "sql": " "}, 400, "empty", 0, 0},
		{"kind", object{"kind": "graph"}, 400, "unknown kind", 0, 0},
		{"no table", object{"kind": "builder", "builder": object{"table": "nothing"}}, 400, "nothing", 0, 0},
		{"named", object{"kind": "named", "named": object{"id": "key_usrs"}}, 404, "key_users", 0, 0},
		{"parameter", object{"kind": "named", "named": object{"id": "key_users", "params": object{"kee": "x"}}}, 400, "kee", 0, 0},
		{"format", object{"kind": "sql", "format": "time_series", "sql": "SELECT 'a' AS b"}, 400, "column", 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := s.one(t, test.query)
			if r.Error == nil {
				t.Fatal("no error")
			}
			t.Log(r.Error)
			if r.Status != test.status || r.ErrorSource != backend.ErrorSourceDownstream || !strings.Contains(r.Error.Error(), test.text) {
				t.Errorf("status %d of %s: %v", r.Status, r.ErrorSource, r.Error)
			}
			if len(r.Frames) != 1 || r.Frames[0].Rows() != 0 {
				t.Fatalf("%d frames", len(r.Frames))
			}
			place, ok := r.Frames[0].Meta.Custom.(object)["error"].(object)
			if !ok || test.line > 0 && (place["line"] != test.line || place["column"] != test.column) {
				t.Errorf("place %v, want %v %v", place, test.line, test.column)
			}
			if test.query["sql"] != nil && strings.TrimSpace(test.query["sql"].(string)) != "" && r.Frames[0].Meta.ExecutedQueryString == "" {
				t.Error("what was run is not told")
			}
		})
	}
}

func notices(f *data.Frame) string {
	var out []string
	for _, n := range f.Meta.Notices {
		out = append(out, n.Text)
	}
	return strings.Join(out, "\n")
}

// TestNotices: panels say what the store does not have, and what was left out.
func TestNotices(t *testing.T) {
	_, s := served(t, options{"maxRows": 5})
	const sql = "SELECT event_name FROM kms_calls WHERE $__timeFilter(event_time)"
	at := func(day int) time.Time { return time.Date(2026, 10, day, 0, 0, 0, 0, time.UTC) }
	for _, test := range []struct {
		name     string
		from, to time.Time
		query    object
		has      []string
		hasNot   []string
	}{
		{"all of it", at(-10), at(60), sqlQuery(sql), []string{"Events up to 2026-10-31", "starts before the first event", "not complete"}, nil},
		{"in the middle", at(10), at(20), sqlQuery(sql), []string{"not complete", "more. The named query"}, []string{"Events up to", "starts before"}},
		{"cut", at(10), at(20), sqlQuery(sql), []string{"5 rows"}, nil},
		{"limit", at(10), at(20), object{"kind": "sql", "sql": sql, "limit": 2}, []string{"2 rows"}, nil},
		{"no rows", at(10), at(20), sqlQuery(sql + " AND false"), []string{"not complete"}, nil},
		{"filters without a place", at(10), at(20), object{"kind": "sql", "sql": sql, "adhoc": []object{{"key": "region", "operator": "=", "value": "eu-west-1"}}}, []string{"$__adhocFilters()"}, nil},
		{"filter of another table", at(10), at(20), object{"kind": "sql", "sql": sql + " AND $__adhocFilters()", "adhoc": []object{{"key": "severity", "operator": "=", "value": "high"}}}, []string{"severity"}, nil},
		{"no such variable", at(10), at(20), object{"kind": "sql", "sql": sql + " AND $__accountFilter(caller_account_id)"}, []string{"account"}, nil},
		{"named query's filters", at(10), at(20), object{"kind": "named", "named": object{"id": "top_callers"}, "adhoc": []object{{"key": "severity", "operator": "=", "value": "high"}}}, []string{"severity"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := panelQuery(t, "A", test.query)
			q.TimeRange = backend.TimeRange{From: test.from, To: test.to}
			r, err := s.ask(t.Context(), nil, q)
			if err != nil || r["A"].Error != nil {
				t.Fatal(err, r["A"].Error)
			}
			got := notices(r["A"].Frames[0])
			for _, want := range test.has {
				if !strings.Contains(got, want) {
					t.Errorf("notices: %s\nwant %q", got, want)
				}
			}
			for _, not := range test.hasNot {
				if strings.Contains(got, not) {
					t.Errorf("notices: %s\nwant no %q", got, not)
				}
			}
		})
	}
}

// TestAlerting: rules get numbers, nothing at all where there is nothing, and
// need no variables.
func TestAlerting(t *testing.T) {
	_, s := served(t, nil)
	ask := func(q object) backend.DataResponse {
		t.Helper()
		r, err := s.ask(t.Context(), map[string]string{backend.FromAlertHeaderName: "true"}, panelQuery(t, "A", q))
		if err != nil {
			t.Fatal(err)
		}
		return r["A"]
	}
	r := ask(object{"kind": "sql", "sql": "SELECT region, sum(call_count) AS calls FROM usage_hourly WHERE $__timeFilter(hour) AND $__accountFilter(paying_account_id) AND $__adhocFilters() GROUP BY region"})
	if r.Error != nil || len(r.Frames) != 1 || r.Frames[0].Meta.Type != data.FrameTypeNumericLong {
		t.Errorf("%v %v", r.Error, r.Frames)
	}
	r = ask(object{"kind": "findings", "findings": object{"severities": []string{"$severity"}}})
	if r.Error != nil || len(r.Frames) != 1 {
		t.Errorf("%v %v", r.Error, r.Frames)
	}
	if r = ask(sqlQuery("SELECT region FROM keys WHERE false")); r.Error != nil || len(r.Frames) != 0 {
		t.Errorf("without rows: %v %v", r.Error, r.Frames)
	}
	if f := s.frame(t, sqlQuery("SELECT region FROM keys WHERE false")); len(f.Fields) != 0 || f.Meta.ExecutedQueryString == "" {
		t.Errorf("for people: %v", f)
	}
	if r = ask(sqlQuery("SELEC")); r.Error == nil {
		t.Error("no error")
	}
}

// TestFilters: the dashboard's filters select rows in each kind of query, and
// values are never SQL.
func TestFilters(t *testing.T) {
	_, s := served(t, nil)
	evil := `x' OR '1'='1`
	for name, q := range map[string]object{
		"sql":       sqlQuery("SELECT region FROM keys WHERE $__adhocFilters()"),
		"builder":   {"kind": "builder", "format": "table", "builder": object{"table": "usage_daily", "columns": []string{"region"}}},
		"named":     {"kind": "named", "format": "table", "named": object{"id": "unused_keys"}},
		"findings":  {"kind": "findings", "format": "table"},
		"lifecycle": {"kind": "lifecycle", "format": "table"},
	} {
		t.Run(name, func(t *testing.T) {
			all := s.frame(t, q).Rows()
			q["adhoc"] = []object{{"key": "region", "operator": "=", "value": "eu-west-1"}}
			f := s.frame(t, q)
			i := slices.IndexFunc(f.Fields, func(f *data.Field) bool { return f.Name == "region" })
			for row := range f.Rows() {
				if v, _ := f.Fields[i].ConcreteAt(row); v != "eu-west-1" {
					t.Errorf("row %d is of %v", row, v)
				}
			}
			if f.Rows() == 0 || f.Rows() >= all {
				t.Errorf("%d rows of %d", f.Rows(), all)
			}
			q["adhoc"] = []object{{"key": "region", "operator": "=", "value": evil}}
			if f := s.frame(t, q); f.Rows() != 0 {
				t.Errorf("%d rows", f.Rows())
			}
		})
	}
}

// TestMillion: a million rows come, all of them.
func TestMillion(t *testing.T) {
	_, s := served(t, options{"maxRows": 1_000_000})
	f := s.frame(t, manyRows(1_000_000))
	if f.Rows() != 1_000_000 {
		t.Fatalf("%d rows", f.Rows())
	}
	for _, i := range []int{0, 1, 123_456, 999_999} {
		if v, _ := f.Fields[1].ConcreteAt(i); v != int64(2*i) {
			t.Errorf("row %d has %v", i, v)
		}
	}
}
