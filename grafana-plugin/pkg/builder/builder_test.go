package builder

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/macros"
)

var (
	update   = flag.Bool("update", false, "write the SQL in testdata anew")
	expanded = flag.String("expanded", "", "write the SQL without macros for October 2026 into this folder")
)

// tables reads the tables of the store from the data dictionary.
func tables(t *testing.T) map[string]Table {
	t.Helper()
	page, err := os.ReadFile("../../../docs/data-dictionary.md")
	if err != nil {
		t.Fatal(err)
	}
	heading := regexp.MustCompile(`^## ([a-z_]+)$`)
	row := regexp.MustCompile("^\\| `([a-z_]+)` \\| ([A-Z][^|]*?)(?:, always)? \\|")
	columns := map[string][]Column{}
	name := ""
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		if m := heading.FindStringSubmatch(line); m != nil {
			name = m[1]
		} else if m := row.FindStringSubmatch(line); m != nil {
			columns[name] = append(columns[name], Column{m[1], m[2]})
		}
	}
	out := map[string]Table{}
	for name, c := range columns {
		out[name] = NewTable(name, c)
	}
	if len(out) < 30 || len(out["kms_calls"].Columns) < 60 {
		t.Fatalf("read %d tables from the data dictionary, %d columns of kms_calls", len(out), len(out["kms_calls"].Columns))
	}
	return out
}

// TestNewTable: what this package says of tables holds for those of the store.
func TestNewTable(t *testing.T) {
	all := tables(t)
	for name, table := range all {
		if _, ok := kinds[name]; !ok {
			t.Errorf("nothing is said of %s", name)
		}
		for _, column := range []string{table.TimeColumn, table.EndColumn} {
			if c, ok := table.column(column); column != "" && (!ok || !isTime(c.Type)) {
				t.Errorf("%s has no time %s", name, column)
			}
		}
		if c, _ := table.column(table.TimeColumn); c.Type == "DATE" && table.Grain < 24*time.Hour {
			t.Errorf("a day of %s is a grain", name)
		}
		if c, ok := table.column(table.sum); table.sum != "" && (!ok || c.Type != "BIGINT") {
			t.Errorf("%s has no number %s", name, table.sum)
		}
		for _, b := range []Builder{{Table: name}, {Table: name, Metrics: []Metric{table.DefaultMetric()}}} {
			if _, err := b.SQL(table); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for name := range kinds {
		if _, ok := all[name]; !ok {
			t.Errorf("there is no %s", name)
		}
	}
	unknown := NewTable("new", []Column{{"a", "VARCHAR"}, {"b", "DATE"}, {"c", "TIMESTAMP"}})
	if unknown.TimeColumn != "b" || unknown.Grain != 24*time.Hour {
		t.Errorf("a table that is not known: %+v", unknown)
	}
}

// query is what testdata/*.json hold: queries as dashboards save them.
type query struct {
	Kind      string
	Builder   Builder
	Findings  Findings
	Lifecycle Lifecycle
	Variables map[string][]string
	AdHoc     []macros.AdHoc
}

func (q query) sql(t *testing.T, all map[string]Table) (string, Table, error) {
	t.Helper()
	switch q.Kind {
	case "findings":
		sql, err := FindingsSQL(q.Findings)
		return sql, all["findings"], err
	case "lifecycle":
		sql, err := LifecycleSQL(q.Lifecycle)
		return sql, all["key_changes"], err
	}
	table, ok := all[q.Builder.Table]
	if !ok {
		t.Fatalf("there is no table %s", q.Builder.Table)
	}
	sql, err := q.Builder.SQL(table)
	return sql, table, err
}

// TestGolden holds testdata/NAME.json against testdata/NAME.sql, and expands it.
func TestGolden(t *testing.T) {
	all := tables(t)
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(file, ".json")
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var q query
			if err := json.Unmarshal(text, &q); err != nil {
				t.Fatal(err)
			}
			sql, table, err := q.sql(t, all)
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(name+".sql", []byte(sql+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name + ".sql")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), sql+"\n"); diff != "" {
				t.Error(diff)
			}
			e, err := macros.Expand(sql, macros.Env{
				From: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
				Interval: 20 * time.Minute, MaxDataPoints: 1000, Variables: q.Variables, AdHoc: q.AdHoc,
				Columns: func(_, name string) bool { _, ok := table.column(name); return ok },
				Type:    func(_, name string) string { c, _ := table.column(name); return c.Type },
			})
			if err != nil {
				t.Fatal(err)
			}
			if !e.AdHoc || strings.Contains(e.SQL, "$__") {
				t.Errorf("expanded:\n%s", e.SQL)
			}
			if (q.Builder.Time != nil && q.Builder.Table != "usage_monthly") != (e.Bucket > 0) || e.Bucket < table.Grain && e.Bucket > 0 {
				t.Errorf("groups of %s for a grain of %s", e.Bucket, table.Grain)
			}
			if *expanded != "" {
				if err := os.WriteFile(filepath.Join(*expanded, filepath.Base(name)+".sql"), []byte(e.SQL), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestErrors(t *testing.T) {
	count := []Metric{{Aggregate: "count"}}
	tests := []struct {
		name    string
		in      Builder
		field   string
		message string
	}{
		{"no table", Builder{}, "table", "choose a table"},
		{"another table", Builder{Table: "keys"}, "table", "keys is not kms_calls"},
		{"limit", Builder{Limit: -1}, "limit", "a limit cannot be negative"},
		{"column", Builder{Columns: []string{"event_time", "evnt"}}, "columns[1]", `kms_calls has no column "evnt"`},
		{"near column", Builder{Columns: []string{"arn"}}, "columns[0]", `kms_calls has no column "arn"; there is caller_arn`},
		{"no column", Builder{Columns: []string{""}}, "columns[0]", "choose a column"},
		{"column twice", Builder{Columns: []string{"region", "Region"}}, "columns[1]", `there is a column "region" already: choose another name`},
		{"time column", Builder{Time: &Time{Column: "nope"}}, "time.column", `kms_calls has no column "nope"`},
		{"no time", Builder{Time: &Time{Column: "region"}}, "time.column", "region is a VARCHAR, not a time"},
		{"no time column", Builder{Table: "keys", Time: &Time{}}, "time.column", "choose a column: keys has none that its rows lie in time by"},
		{"bucket", Builder{Time: &Time{Bucket: "5 parsecs"}}, "time.bucket", `"parsecs" is no unit: write ms, s, m, h, d or w`},
		{"bucket of a month", Builder{Time: &Time{Bucket: "1M"}}, "time.bucket", `"1M" has no fixed length: group by date_trunc('month', …) or date_trunc('year', …) instead, or read usage_monthly`},
		{"too fine", Builder{Table: "usage_hourly", Time: &Time{Bucket: "5m"}}, "time.bucket", "a row of usage_hourly stands for 1h: choose a multiple of that, not 5m"},
		{"no multiple", Builder{Table: "usage_hourly", Time: &Time{Bucket: "90m"}}, "time.bucket", "a row of usage_hourly stands for 1h: choose a multiple of that, not 90m"},
		{"days", Builder{Table: "usage_daily", Time: &Time{Bucket: "1h"}}, "time.bucket", "a row of usage_daily stands for 1d: choose a multiple of that, not 1h"},
		{"months", Builder{Table: "usage_monthly", Time: &Time{Bucket: "30d"}}, "time.bucket", "a row of usage_monthly stands for a month: leave it at auto"},
		{"aggregate", Builder{Metrics: []Metric{{Aggregate: "median", Column: "pending_window_days"}}}, "metrics[0].aggregate", `there is no aggregate "median"; there are sum, count, count_distinct, min, max, avg, p50, p95, p99`},
		{"injected aggregate", Builder{Metrics: []Metric{{Aggregate: "sum(1)) --", Column: "x"}}}, "metrics[0].aggregate", `there is no aggregate "sum(1)) --"; there are sum, count, count_distinct, min, max, avg, p50, p95, p99`},
		{"rows of sums", Builder{Table: "usage_daily", Metrics: count}, "metrics[0].aggregate", "a row of usage_daily stands for many calls or records, so a count of rows says little: choose the sum of call_count"},
		{"metric without column", Builder{Metrics: []Metric{{Aggregate: "sum"}}}, "metrics[0].column", "choose a column"},
		{"sum of text", Builder{Metrics: []Metric{{Aggregate: "count"}, {Aggregate: "sum", Column: "region"}}}, "metrics[1].column", "region is a VARCHAR: sum needs a number"},
		{"least list", Builder{Metrics: []Metric{{Aggregate: "min", Column: "grant_operations"}}}, "metrics[0].column", "grant_operations is a VARCHAR[], which has no least and no greatest value"},
		{"text over time", Builder{Time: &Time{}, Metrics: []Metric{{Aggregate: "max", Column: "region"}}}, "metrics[0].column", "region is a VARCHAR: a time series needs numbers"},
		{"alias twice", Builder{Metrics: []Metric{{Aggregate: "count"}, {Aggregate: "count"}}}, "metrics[1].alias", `there is a column "call_count" already: choose another name`},
		{"alias of the time", Builder{Time: &Time{}, Metrics: []Metric{{Aggregate: "count", Alias: "Time"}}}, "metrics[0].alias", `there is a column "Time" already: choose another name`},
		{"alias with a NUL", Builder{Metrics: []Metric{{Aggregate: "count", Alias: "a\x00"}}}, "metrics[0].alias", `"a\x00" cannot be the name of a column`},
		{"group", Builder{GroupBy: []string{"region; drop table x"}}, "groupBy[0]", `kms_calls has no column "region; drop table x"; there is region`},
		{"group by a map", Builder{GroupBy: []string{"region", "tags"}}, "groupBy[1]", "tags is a map: group by one of its keys, such as tags['aws:s3:arn']"},
		{"key of no map", Builder{GroupBy: []string{"region['a']"}}, "groupBy[0]", "region is a VARCHAR, and has no keys"},
		{"filter column", Builder{Filters: []Filter{{Column: "x", Operator: "="}}}, "filters[0].column", `kms_calls has no column "x"; there is tls_key_exchange`},
		{"operator", Builder{Filters: []Filter{{Column: "region", Operator: "between", Values: []string{"a"}}}}, "filters[0].operator", `there is no operator "between"; there are =, !=, in, not in, like, not like, <, <=, >, >=, is null, is not null, =~, !~`},
		{"no value", Builder{Filters: []Filter{{Column: "region", Operator: "="}}}, "filters[0].values", "there is no value to compare with"},
		{"two values", Builder{Filters: []Filter{{Column: "region", Operator: "<", Values: []string{"a", "b"}}}}, "filters[0].values", "< compares with one value, not with 2"},
		{"number", Builder{Filters: []Filter{{Column: "region", Operator: "=", Values: []string{"a"}}, {Column: "copy_count", Operator: "=", Values: []string{"1 or 1=1"}}}}, "filters[1].values", `"1 or 1=1" is not a number`},
		{"expression", Builder{Filters: []Filter{{Column: "region", Operator: "=~", Values: []string{"a("}}}}, "filters[0].values", `"a(" is no regular expression: missing closing ): "a("`},
		{"map", Builder{Filters: []Filter{{Column: "tags", Operator: "=", Values: []string{"a"}}}}, "filters[0].values", "a map has no value to compare with: choose one of its keys"},
		{"map by variable", Builder{Filters: []Filter{{Column: "tags", Operator: "=", Values: []string{"$a"}}}}, "filters[0].values", "tags is a MAP(VARCHAR, VARCHAR), which has no value to compare with: choose one of its keys"},
		{"list by variable", Builder{Filters: []Filter{{Column: "grant_operations", Operator: "like", Values: []string{"$a"}}}}, "filters[0].operator", "grant_operations is a list, which takes a variable with in and not in only"},
		{"order of totals", Builder{GroupBy: []string{"region"}, OrderBy: []Order{{Column: "event_time"}}}, "orderBy[0].column", `the result has no column "event_time": order by a group or a metric`},
		{"order of rows", Builder{OrderBy: []Order{{Column: "nope"}}}, "orderBy[0].column", `kms_calls has no column "nope"`},
	}
	all := tables(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			table, ok := all[test.in.Table]
			if test.name == "another table" || !ok {
				table = all["kms_calls"]
			}
			if test.in.Table == "" && test.name != "no table" {
				test.in.Table = "kms_calls"
			}
			sql, err := test.in.SQL(table)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("no error: %v\n%s", err, sql)
			}
			if diff := cmp.Diff(Error{test.field, test.message}, *e); diff != "" {
				t.Error(diff)
			}
		})
	}
	for field, f := range map[string]func() (string, error){
		"findings.limit":  func() (string, error) { return FindingsSQL(Findings{Limit: -1}) },
		"findings.keys":   func() (string, error) { return FindingsSQL(Findings{Keys: []string{"\xff"}}) },
		"lifecycle.kinds": func() (string, error) { return LifecycleSQL(Lifecycle{Kinds: []string{"\xff"}}) },
	} {
		var e *Error
		if _, err := f(); !errors.As(err, &e) || e.Field != field {
			t.Errorf("%v is not about %s", err, field)
		}
	}
}

func TestVariable(t *testing.T) {
	for in, want := range map[string]string{"$a": "a", "${a_1}": "a_1", " ${a:csv} ": "a", "$5": "", "a$b": "", "$": "", "${a": "", "$a b": ""} {
		if got, ok := Variable(in); got != want || ok != (want != "") {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestGroups(t *testing.T) {
	for want, b := range map[int64]Builder{
		0:             {Time: &Time{}, Limit: 3},
		DefaultGroups: {Time: &Time{}, GroupBy: []string{"a"}},
		3:             {Time: &Time{}, GroupBy: []string{"a"}, Limit: 3},
	} {
		if got := b.Groups(); got != want {
			t.Errorf("%d, want %d", got, want)
		}
	}
}

func TestUnasked(t *testing.T) {
	for _, test := range []struct {
		in           Builder
		groups, rows int64
	}{
		{Builder{}, 0, DefaultRows},
		{Builder{Limit: 3}, 0, 0},
		{Builder{Time: &Time{}}, 0, 0},
		{Builder{Time: &Time{}, GroupBy: []string{"a"}}, DefaultGroups, 0},
		{Builder{Time: &Time{}, GroupBy: []string{"a"}, Limit: 3}, 0, 0},
		{Builder{GroupBy: []string{"a"}}, 0, DefaultRows},
		{Builder{Metrics: []Metric{{Aggregate: "count"}}}, 0, 0},
		{Builder{Metrics: []Metric{{Aggregate: "count"}}, GroupBy: []string{"a"}}, 0, DefaultRows},
	} {
		if groups, rows := test.in.Unasked(); groups != test.groups || rows != test.rows {
			t.Errorf("%+v: %d groups, %d rows", test.in, groups, rows)
		}
	}
}

// FuzzSQL: whatever is clicked, pasted or forged, there is an error about a
// field, or SQL in which nothing but the typed names and values changes: no text
// is open, no statement follows.
func FuzzSQL(f *testing.F) {
	all := NewTable("kms_calls", []Column{
		{"event_time", "TIMESTAMP"}, {"region", "VARCHAR"}, {"n", "BIGINT"}, {"flag", "BOOLEAN"}, {"id", "UUID"},
		{"list", "VARCHAR[]"}, {"map", "MAP(VARCHAR, VARCHAR)"}, {"we'ird\"; --", "VARCHAR"}, {"day", "DATE"},
	})
	for _, s := range []string{"region", "map['a''b']", "we'ird\"; --", "$x", "'; drop table x; --", "\x00", "list", "n", "day", "5m", "like", "count"} {
		for _, o := range []string{"=", "not in", "=~", "<"} {
			f.Add(s, o, s, s, s)
		}
	}
	f.Fuzz(func(t *testing.T, column, operator, value, alias, bucket string) {
		for _, b := range []Builder{
			{Columns: []string{column}, OrderBy: []Order{{Column: column}}},
			{GroupBy: []string{column}, Metrics: []Metric{{Aggregate: "count", Alias: alias}}, Filters: []Filter{{Column: column, Operator: operator, Values: []string{value, "x"}}}},
			{Time: &Time{Bucket: bucket}, GroupBy: []string{column}, Metrics: []Metric{{Aggregate: "max", Column: "n", Alias: alias}}},
			{Time: &Time{Column: column}, Metrics: []Metric{{Aggregate: operator, Column: value}}},
		} {
			b.Table = "kms_calls"
			sql, err := b.SQL(all)
			if err != nil {
				var e *Error
				if !errors.As(err, &e) || e.Field == "" || e.Message == "" {
					t.Fatalf("%v is about no field", err)
				}
				continue
			}
			e, err := macros.Expand(sql, macros.Env{Variables: map[string][]string{}})
			if err != nil {
				t.Fatalf("%v\n%s", err, sql)
			}
			if strings.Count(strip(e.SQL), "'")+strings.Count(strip(e.SQL), ";")+strings.Count(strip(e.SQL), "--") > 0 {
				t.Fatalf("%s\n%s", e.SQL, strip(e.SQL))
			}
		}
	})
}

var literals = regexp.MustCompile(`(?s)'(?:[^']|'')*'|"(?:[^"]|"")*"`)

// strip removes texts and quoted names.
func strip(sql string) string { return literals.ReplaceAllString(sql, "_") }

// Texts keep their line ends, wherever the statement has them.
func TestSQL_lines(t *testing.T) {
	all := tables(t)
	for _, b := range []Builder{
		{},
		{Metrics: []Metric{{Aggregate: "count"}}, GroupBy: []string{"region"}},
		{Time: &Time{}, GroupBy: []string{"region"}},
		{Time: &Time{}, GroupBy: []string{"encryption_context['x\n  y\nz']"}},
	} {
		b.Table = "kms_calls"
		b.Filters = []Filter{{Column: "user_agent", Operator: "!=", Values: []string{"one\ntwo\n", "$three"}}}
		sql, err := b.SQL(all["kms_calls"])
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(sql, "'one\ntwo\n'") || len(b.GroupBy) > 0 && b.GroupBy[0] != "region" && !strings.Contains(sql, "'x\n  y\nz'") {
			t.Errorf("other texts than were asked for:\n%s", sql)
		}
	}
}

func TestDeterministic(t *testing.T) {
	all := tables(t)
	b := Builder{Table: "kms_calls", Time: &Time{}, GroupBy: []string{"region", "service"}, Filters: []Filter{{Column: "region", Operator: "in", Values: []string{"b", "a", "$x"}}}}
	var got []string
	for range 20 {
		sql, err := b.SQL(all["kms_calls"])
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, sql)
	}
	if len(slices.Compact(got)) != 1 {
		t.Error("the same builder gives different SQL")
	}
}
