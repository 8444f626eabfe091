//go:build trino

package trino

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/go-cmp/cmp"
)

// addressVariable names the server that these tests ask. They are built only
// under their tag, and then fail without a server instead of being skipped.
const addressVariable = "TEST_TRINO_URL"

func openLive(t *testing.T) *Engine {
	t.Helper()
	address := os.Getenv(addressVariable)
	if address == "" {
		t.Fatalf("set %s to the URL of a Trino server for tests", addressVariable)
	}
	e, err := Open(t.Context(), Options{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// collect reads a whole result as the text of its cells; NULL is (null).
func collect(t *testing.T, e *Engine, sql string, args ...any) (*arrow.Schema, [][]string) {
	t.Helper()
	r, err := e.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	defer r.Release()
	var rows [][]string
	for r.Next() {
		rows = append(rows, cells(r.RecordBatch())...)
	}
	if err := r.Err(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return r.Schema(), rows
}

func TestLive_types(t *testing.T) {
	e := openLive(t)
	for _, tc := range []struct{ sql, arrow, value string }{
		{"true", "bool", "true"},
		{"tinyint '-128'", "int8", "-128"},
		{"smallint '32767'", "int16", "32767"},
		{"-2147483648", "int32", "-2147483648"},
		{"bigint '9223372036854775807'", "int64", "9223372036854775807"},
		{"bigint '-9223372036854775808'", "int64", "-9223372036854775808"},
		{"bigint '9007199254740993'", "int64", "9007199254740993"},
		{"real '0.1'", "float32", "0.1"},
		{"real 'NaN'", "float32", "NaN"},
		{"0.1e0 + 0.2e0", "float64", "0.30000000000000004"},
		{"nan()", "float64", "NaN"},
		{"infinity()", "float64", "+Inf"},
		{"-infinity()", "float64", "-Inf"},
		{"double '5e-324'", "float64", "5e-324"},
		{"double '1.7976931348623157e308'", "float64", "1.7976931348623157e+308"},
		{"decimal '12.30'", "decimal(4, 2)", "12.3"},
		{"decimal '-0.05'", "decimal(2, 2)", "-0.05"},
		{"decimal '99999999999999999999999999999999999999'", "decimal(38, 0)", "99999999999999999999999999999999999999"},
		{"cast(decimal '-0.00000000000000000000000000000000000001' as decimal(38,38))", "decimal(38, 38)", "-1e-38"},
		{"'a\"b\\c'", "utf8", `a"b\c`},
		{"cast('ab' as char(4))", "utf8", "ab  "},
		{"uuid '11112222-3333-4444-5555-666677778888'", "utf8", "11112222-3333-4444-5555-666677778888"},
		{`json '{"a":[1,null]}'`, "utf8", `{"a":[1,null]}`},
		{"x'00ff41'", "binary", "AP9B"},
		{"date '2026-01-04'", "date32", "2026-01-04"},
		{"date '1969-12-31'", "date32", "1969-12-31"},
		{"date '0001-01-01'", "date32", "0001-01-01"},
		{"timestamp '2026-01-04 10:00:00'", "timestamp[us]", "2026-01-04T10:00:00Z"},
		{"timestamp '2026-01-04 23:59:59.999999'", "timestamp[us]", "2026-01-04T23:59:59.999999Z"},
		{"timestamp '1969-12-31 23:59:59.000001'", "timestamp[us]", "1969-12-31T23:59:59.000001Z"},
		{"timestamp '2026-01-04 10:00:00.123456789'", "timestamp[ns]", "2026-01-04T10:00:00.123456789Z"},
		{"timestamp '2026-01-04 10:00:00.5 +02:30'", "timestamp[us, tz=UTC]", "2026-01-04T07:30:00.5Z"},
		{"timestamp '2026-01-04 10:00:00.000001 UTC'", "timestamp[us, tz=UTC]", "2026-01-04T10:00:00.000001Z"},
		{"timestamp '-0044-03-15 10:00:00.000001'", "timestamp[us]", "-0044-03-15T10:00:00.000001Z"},
		{"timestamp '12026-01-04 10:00:00.000001'", "timestamp[us]", "12026-01-04T10:00:00.000001Z"},
		{"null", "int32", "(null)"},
		{"array['a', null, '']", "list<item: utf8, nullable>", `["a",null,""]`},
		{"array[array[bigint '9007199254740993'], array[], null]", "list<item: list<item: int64, nullable>, nullable>", "[[9007199254740993],[],null]"},
		{"array[timestamp '2026-01-04 10:00:00.000001']", "list<item: timestamp[us], nullable>", `["2026-01-04T10:00:00.000001"]`},
		{"map(array['k', 'z', 'a'], array['v', null, ''])", "map<utf8, utf8, items_nullable>", `[{"key":"k","value":"v"},{"key":"z","value":null},{"key":"a","value":""}]`},
		{"map(array[bigint '9007199254740993'], array[1])", "map<int64, int32, items_nullable>", `[{"key":9007199254740993,"value":1}]`},
		{"map(array[timestamp '2026-01-04 10:00:00.000001'], array[true])", "map<timestamp[us], bool, items_nullable>", `[{"key":"2026-01-04T10:00:00.000001","value":true}]`},
		{"cast(row(1, null) as row(a bigint, b varchar))", "struct<a: int64 nullable, b: utf8 nullable>", `{"a":1,"b":null}`},
		{"row('x', array[row(date '2026-01-04')])", "struct<field0: utf8 nullable, field1: list<item: struct<field0: date32 nullable>, nullable> nullable>", `{"field0":"x","field1":[{"field0":"2026-01-04"}]}`},
		{"map()", "map<int32, int32, items_nullable>", "[]"},
		{"cast(null as map(varchar, array(double)))", "map<utf8, list<item: float64, nullable>, items_nullable>", "(null)"},
		{"from_unixtime(0)", "timestamp[us, tz=UTC]", "1970-01-01T00:00:00Z"},
		{"ipaddress '203.0.113.7'", "utf8", "203.0.113.7"},
	} {
		schema, rows := collect(t, e, "select "+tc.sql+" as x")
		if got := schema.Field(0).Type.String(); got != tc.arrow {
			t.Errorf("%s has the Arrow type %s, want %s", tc.sql, got, tc.arrow)
		}
		if want := [][]string{{tc.value}}; !cmp.Equal(rows, want) {
			t.Errorf("%s = %q, want %q", tc.sql, rows, want)
		}
	}
}

func TestLive_refusedTypes(t *testing.T) {
	e := openLive(t)
	for sql, want := range map[string]string{
		"select time '10:00:00' as x":                                   "cast it to varchar",
		"select timestamp '2026-01-04 10:00:00.123456789012' as x":      "timestamp(6)",
		"select map(array[array[1]], array[1]) as x":                    "keys are not scalars",
		"select timestamp '2026-10-25 02:30:00 Europe/Berlin' as x":     "at_timezone",
		"select array[timestamp '2026-01-04 10:00 Europe/Berlin'] as x": "at_timezone",
	} {
		if err := run(t.Context(), e, sql); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", sql, err, want)
		}
	}
}

// run reads a whole result and drops it.
func run(ctx context.Context, e *Engine, sql string, args ...any) error {
	r, err := e.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer r.Release()
	for r.Next() {
		continue
	}
	return r.Err()
}

// hostile returns strings that a statement could stumble over.
func hostile() []string {
	list := []string{
		"", "'", "''", "'''", `\`, `\'`, "?", "??", "$1", ";", "--", "/*", "*/", "'; drop table x; --", "' || '",
		"a\x00b", "\x00", "\n", "\r\n", "\r", "\t", "\u2028\u2029", "\ufeff", "\ufffd", "é", "e\u0301", "😀", "\U0010ffff",
		"${x}", "{{x}}", "%s", "U&'\\0041'", "null", "NULL", strings.Repeat("'", 1000), strings.Repeat("ü'\n😀", 1000), "\x01\x1f\x7f\u0085",
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		runes := make([]rune, random.IntN(40))
		for i := range runes {
			for runes[i] = rune(random.IntN(0x110000)); runes[i] >= 0xd800 && runes[i] <= 0xdfff; {
				runes[i] = rune(random.IntN(0x110000))
			}
			if random.IntN(3) == 0 {
				runes[i] = rune("'\\\n\x00\"?"[random.IntN(6)])
			}
		}
		list = append(list, string(runes))
	}
	return list
}

// TestLive_hostileStrings sends each string alone, as an item and within a
// statement that holds it too, and wants it back as it was.
func TestLive_hostileStrings(t *testing.T) {
	e := openLive(t)
	list := hostile()
	marks := make([]string, len(list))
	args := make([]any, len(list))
	for i, s := range list {
		marks[i] = fmt.Sprintf("(%d, cast(? as varchar))", i)
		args[i] = s
	}
	_, rows := collect(t, e, "select s, to_hex(to_utf8(s)) from (values "+strings.Join(marks, ", ")+") v(i, s) order by i", args...)
	if len(rows) != len(list) {
		t.Fatalf("%d rows, want %d", len(rows), len(list))
	}
	for i, row := range rows {
		if row[0] != list[i] || row[1] != fmt.Sprintf("%X", list[i]) {
			t.Errorf("%q came back as %q (%s)", list[i], row[0], row[1])
		}
	}
	_, rows = collect(t, e, "select s from unnest(cast(? as array(varchar))) with ordinality u(s, n) order by n", list)
	for i, row := range rows {
		if row[0] != list[i] {
			t.Errorf("item %q came back as %q", list[i], row[0])
		}
	}
	if _, rows = collect(t, e, "select '?''\n-- ?', cast(? as varchar) -- ?\n/* ? */", "x'"); !cmp.Equal(rows, [][]string{{"?'\n-- ?", "x'"}}) {
		t.Errorf("a statement with quotes and comments gave %q", rows)
	}
}

func TestLive_parameters(t *testing.T) {
	e := openLive(t)
	moment := time.Date(2026, 1, 4, 10, 0, 0, 123456789, time.FixedZone("", 2*3600))
	sql := "select cast(? as bigint), typeof(?), cast(? as double), cast(? as double), cast(? as double), cast(? as double), cast(? as boolean), " +
		"cast(? as timestamp(6)), cast(? as varchar), cast(? as bigint), cardinality(cast(? as array(varchar)))"
	_, rows := collect(t, e, sql, int64(math.MinInt64), 5, 0.1, math.Inf(-1), math.NaN(), math.MaxFloat64, false, moment, nil, nil, []string{})
	want := [][]string{{"-9223372036854775808", "bigint", "0.1", "-Inf", "NaN", "1.7976931348623157e+308", "false",
		"2026-01-04T08:00:00.123456Z", "(null)", "(null)", "0"}}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
}

// TestLive_large: what no header could hold.
func TestLive_large(t *testing.T) {
	e := openLive(t)
	sql := "select ? as x -- " + strings.Repeat("a comment that's long ", 5000)
	if _, rows := collect(t, e, sql, "v"); !cmp.Equal(rows, [][]string{{"v"}}) {
		t.Errorf("a statement of %d bytes gave %q", len(sql), rows)
	}
	text := strings.Repeat("ü😀\n", 240_000)
	if _, rows := collect(t, e, "select cast(? as varchar)", text); rows[0][0] != text {
		t.Errorf("a string of %d bytes came back changed", len(text))
	}
	many := make([]string, 10_000)
	for i := range many {
		many[i] = fmt.Sprint("key", i)
	}
	if _, rows := collect(t, e, "select cardinality(array_distinct(cast(? as array(varchar))))", many); rows[0][0] != "10000" {
		t.Errorf("of 10000 strings %s arrived", rows[0][0])
	}
	err := run(t.Context(), e, "select length(?)", strings.Repeat("x", 1_000_001))
	if err == nil || !strings.Contains(err.Error(), "query.max-length") {
		t.Errorf("error %v, want one that names query.max-length", err)
	}
}

func TestLive_errors(t *testing.T) {
	e := openLive(t)
	for _, tc := range []struct {
		sql          string
		args         []any
		name         string
		line, column int
		hint         string
	}{
		{"select 1,\n  nofunc(1)", nil, "FUNCTION_NOT_FOUND", 2, 3, ""},
		{"select 1,\n  nofunc(?)", []any{1}, "FUNCTION_NOT_FOUND", 2, 3, ""},
		{"select from from", nil, "SYNTAX_ERROR", 1, 8, ""},
		{"select '?',\n ? from from", []any{"x\ny"}, "SYNTAX_ERROR", 2, 9, ""},
		{"select ?", []any{1, 2}, "INVALID_PARAMETER_USAGE", 1, 2, ""},
		{"select * from nosuch.a.b", nil, "CATALOG_NOT_FOUND", 1, 15, "configuration"},
		{"select * from lake.nosuch.b", nil, "SCHEMA_NOT_FOUND", 1, 15, "lake ddl"},
		{"select * from lake.information_schema.b", nil, "TABLE_NOT_FOUND", 1, 15, "lake ddl"},
		{"select 1 / (x - x) from unnest(sequence(1, 3)) u(x)", nil, "DIVISION_BY_ZERO", 0, 0, ""},
	} {
		err := run(t.Context(), e, tc.sql, tc.args...)
		var got *Error
		if !errors.As(err, &got) {
			t.Errorf("%q: error %v, want an *Error", tc.sql, err)
			continue
		}
		if got.Name != tc.name || got.Line != tc.line || got.Column != tc.column || got.QueryID == "" || !strings.Contains(got.Hint, tc.hint) {
			t.Errorf("%q: %v", tc.sql, got)
		}
	}
}

// slow takes hours.
const slow = "select count(*) from (select sin(a.x) * cos(b.x) as y from unnest(sequence(1, 10000)) a(x) cross join unnest(sequence(1, 10000)) b(x) cross join unnest(sequence(1, 10000)) c(x)) where y > 0.1"

// endless gives rows for hours.
const endless = "select a.x * b.x * c.x as y from unnest(sequence(1, 10000)) a(x) cross join unnest(sequence(1, 10000)) b(x) cross join unnest(sequence(1, 10000)) c(x)"

// runningLike counts the queries at the server that hold a mark.
func runningLike(t *testing.T, e *Engine, mark string) string {
	t.Helper()
	_, rows := collect(t, e, "select count(*) from system.runtime.queries where query like ? and query not like '%runtime.queries%' and state not in ('FINISHED', 'FAILED')", "%"+mark+"%")
	return rows[0][0]
}

// waitUntil waits until n queries with a mark run.
func waitUntil(t *testing.T, e *Engine, mark, n string) {
	t.Helper()
	for range 100 {
		if runningLike(t, e, mark) == n {
			return
		}
		<-time.After(50 * time.Millisecond)
	}
	t.Fatalf("the server never ran %s queries with %s", n, mark)
}

func TestLive_cancel(t *testing.T) {
	e := openLive(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	done := make(chan error, 1)
	go func() { done <- run(ctx, e, slow+" /* mark_cancel */") }()
	waitUntil(t, e, "mark_cancel", "1")
	cancel(enough)
	select {
	case err := <-done:
		if !errors.Is(err, enough) {
			t.Errorf("error %v, want the cause of the cancellation", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the query goes on")
	}
	if n := runningLike(t, e, "mark_cancel"); n != "0" {
		t.Errorf("%s queries still run when the caller has the error", n)
	}
}

func TestLive_deadline(t *testing.T) {
	e := openLive(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := run(ctx, e, slow+" /* mark_deadline */"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want the deadline", err)
	}
	if n := runningLike(t, e, "mark_deadline"); n != "0" {
		t.Errorf("%s queries still run", n)
	}
}

func TestLive_releaseEarly(t *testing.T) {
	e := openLive(t)
	r, err := e.Query(t.Context(), endless+" /* mark_release */")
	if err != nil {
		t.Fatal(err)
	}
	if !r.Next() {
		t.Fatal(r.Err())
	}
	if n := runningLike(t, e, "mark_release"); n != "1" {
		t.Fatalf("%s queries run, want 1: is the statement too quick?", n)
	}
	r.Release()
	if n := runningLike(t, e, "mark_release"); n != "0" {
		t.Errorf("%s queries run after Release", n)
	}
}

// TestLive_midway: a query that fails after many good rows must not look
// complete.
func TestLive_midway(t *testing.T) {
	e := openLive(t)
	r, err := e.Query(t.Context(), "select 1 / (x - 4000000) as y from (select a.x * 2000 + b.x as x from unnest(sequence(0, 1999)) a(x) cross join unnest(sequence(1, 2000)) b(x))")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	rows := int64(0)
	for r.Next() {
		rows += r.RecordBatch().NumRows()
	}
	var failed *Error
	if !errors.As(r.Err(), &failed) || failed.Name != "DIVISION_BY_ZERO" {
		t.Errorf("error %v after %d rows, want DIVISION_BY_ZERO", r.Err(), rows)
	}
	if rows == 0 {
		t.Error("it failed before the first row, which shows nothing")
	}
}

func TestLive_exec(t *testing.T) {
	e := openLive(t)
	name := fmt.Sprintf("memory.default.trinoclient_%d", os.Getpid())
	if err := e.Exec(t.Context(), "create table "+name+" as select 1 as x"); err != nil {
		t.Fatal(err)
	}
	if _, rows := collect(t, e, "select * from "+name); !cmp.Equal(rows, [][]string{{"1"}}) {
		t.Errorf("rows %q", rows)
	}
	if err := e.Exec(t.Context(), "drop table "+name); err != nil {
		t.Error(err)
	}
	if err := e.Exec(t.Context(), "drop table "+name); err == nil {
		t.Error("dropping it twice gave no error")
	}
}

// TestLive_streaming reads a million rows and looks at the memory held halfway.
func TestLive_streaming(t *testing.T) {
	e := openLive(t)
	began := time.Now()
	r, err := e.Query(t.Context(), `select a.x * 1000 + b.x as id, 'arn:aws:kms:eu-central-1:111122223333:key/' || cast(a.x as varchar) as key_arn,
		timestamp '2026-01-04 10:00:00.000001' + b.x * interval '1' second as event_time, a.x * 0.1e0 as d,
		map(array['app', 'table'], array['x', cast(b.x as varchar)]) as context
		from unnest(sequence(0, 999)) a(x) cross join unnest(sequence(1, 1000)) b(x)`)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	var rows, sum, most int64
	base := heap()
	for batch := 0; r.Next(); batch++ {
		rec := r.RecordBatch()
		if rec.NumRows() > maxRows {
			t.Fatalf("a batch has %d rows", rec.NumRows())
		}
		rows += rec.NumRows()
		for _, v := range rec.Column(0).(*array.Int64).Int64Values() {
			sum += v
		}
		if batch%20 == 0 {
			most = max(most, heap()-base)
		}
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	if want := int64(1_000_000); rows != want || sum != want*(want+1)/2 {
		t.Errorf("%d rows with the sum %d", rows, sum)
	}
	took := time.Since(began)
	t.Logf("%d rows in %v, %.0f rows/s, at most %d KiB more on the heap", rows, took, float64(rows)/took.Seconds(), most>>10)
	if most > 32<<20 {
		t.Errorf("%d bytes held on the way, want a page", most)
	}
}

// heap returns what is in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestLive_small says how long the smallest queries take.
func TestLive_small(t *testing.T) {
	e := openLive(t)
	const n = 20
	began := time.Now()
	for i := range n {
		if _, rows := collect(t, e, "select cast(? as bigint) + 1", i); rows[0][0] != fmt.Sprint(i+1) {
			t.Fatalf("%d + 1 = %s", i, rows[0][0])
		}
	}
	t.Logf("%v a query", time.Since(began)/n)
}
