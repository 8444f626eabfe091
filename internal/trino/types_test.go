package trino

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// typed returns the JSON of a type signature.
func typed(raw string, arguments ...string) string {
	return `{"rawType":"` + raw + `","arguments":[` + strings.Join(arguments, ",") + `]}`
}

func of(t string) string     { return `{"kind":"TYPE","value":` + t + `}` }
func number(n string) string { return `{"kind":"LONG","value":` + n + `}` }
func named(n, t string) string {
	return `{"kind":"NAMED_TYPE","value":{"fieldName":{"name":"` + n + `"},"typeSignature":` + t + `}}`
}

func parseType(t *testing.T, text string) (arrow.DataType, error) {
	t.Helper()
	var s signature
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return arrowType(s, 0)
}

func TestArrowType_refused(t *testing.T) {
	deep := typed("bigint")
	for range maxDepth + 2 {
		deep = typed("array", of(deep))
	}
	for _, text := range []string{
		typed("time", number("3")), typed("HyperLogLog"), typed(""), typed("interval day to second"), deep,
		typed("array"), typed("array", number("1")), typed("map", of(typed("bigint"))), typed("row", of(typed("bigint"))),
		typed("map", of(typed("row", named("a", typed("bigint")))), of(typed("bigint"))),
		typed("decimal"), typed("decimal", number("39"), number("0")), typed("decimal", number("3"), number("4")), typed("decimal", number(`"x"`)),
		typed("timestamp", number("12")), typed("array", of(typed("time"))),
	} {
		if got, err := parseType(t, text); err == nil {
			t.Errorf("%.200s became %s", text, got)
		}
	}
}

// decode reads JSON as one value of a type, and returns its text.
func decode(t *testing.T, typeText, data string) (string, error) {
	t.Helper()
	dt, err := parseType(t, typeText)
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid([]byte(data)) {
		t.Fatalf("%s is not JSON", data)
	}
	b := array.NewBuilder(memory.DefaultAllocator, dt)
	defer b.Release()
	add, err := appender(b)
	if err != nil {
		t.Fatal(err)
	}
	c := &cursor{data: []byte(data)}
	if err := add(c); err != nil {
		return "", err
	}
	if c.peek() != 0 {
		t.Errorf("%s was not read to its end", data)
	}
	a := b.NewArray()
	defer a.Release()
	return cell(a, 0), nil
}

func TestDecode(t *testing.T) {
	varchar, bigint, double := typed("varchar"), typed("bigint"), typed("double")
	moment, zoned := typed("timestamp", number("6")), typed("timestamp with time zone", number("6"))
	for _, tc := range []struct{ t, data, want string }{
		{varchar, `"a\u0000\n\ud83d\ude00\"\\\/"`, "a\x00\n😀\"\\/"},
		{varchar, `"plain ü"`, "plain ü"},
		{varchar, " \n null ", "(null)"},
		{bigint, "-9223372036854775808", "-9223372036854775808"},
		{double, `"NaN"`, "NaN"}, {double, `"-Infinity"`, "-Inf"}, {double, "-0.0", "-0"},
		{moment, `"2026-02-28 23:59:59.999999"`, "2026-02-28T23:59:59.999999Z"},
		{moment, `"1969-12-31 23:59:59.9"`, "1969-12-31T23:59:59.9Z"},
		{zoned, `"2026-01-04 00:30:00.000001 +05:30"`, "2026-01-03T19:00:00.000001Z"},
		{zoned, `"2026-01-04 00:30:00 -00:30"`, "2026-01-04T01:00:00Z"},
		{typed("decimal", number("38"), number("2")), `"-0.05"`, "-0.05"},
		{typed("array", of(typed("array", of(varchar)))), `[ ["a" , null ] ,[], null]`, `[["a",null],[],null]`},
		{typed("map", of(bigint), of(varchar)), `{ "9007199254740993" : "x" , "-1":null}`, `[{"key":9007199254740993,"value":"x"},{"key":-1,"value":null}]`},
		{typed("map", of(typed("boolean")), of(bigint)), `{"true":1}`, `[{"key":true,"value":1}]`},
		{typed("map", of(varchar), of(varchar)), `{"a\"b:,}":"\\"}`, `[{"key":"a\"b:,}","value":"\\"}]`},
		{typed("row", named("a", bigint), named("b", typed("row", named("c", varchar)))), `[1,["x"]]`, `{"a":1,"b":{"c":"x"}}`},
	} {
		if got, err := decode(t, tc.t, tc.data); err != nil || got != tc.want {
			t.Errorf("%s as %s is %q (%v), want %q", tc.data, tc.t, got, err, tc.want)
		}
	}
}

func TestDecode_refused(t *testing.T) {
	decimal, moment := typed("decimal", number("4"), number("2")), typed("timestamp", number("6"))
	zoned, nanos := typed("timestamp with time zone", number("3")), typed("timestamp", number("9"))
	for _, tc := range [][2]string{
		{typed("varchar"), "5"}, {typed("varchar"), "[]"}, {typed("varchar"), "{}"}, {typed("varchar"), "true"},
		{typed("boolean"), "1"}, {typed("tinyint"), "128"}, {typed("integer"), "2147483648"}, {typed("bigint"), "1e3"}, {typed("bigint"), `""`},
		{typed("real"), "1e39"}, {typed("double"), "1e309"}, {typed("varbinary"), `"?"`},
		{decimal, `"123.45"`}, {decimal, `"1.5"`}, {decimal, `"1"`}, {decimal, `"1.-5"`}, {decimal, `""`}, {decimal, "1.50"},
		{typed("date"), `"2026-02-30"`}, {typed("date"), `"2026-01-04 "`}, {typed("date"), `"2026-1-4"`}, {typed("date"), `"9999999-01-01"`}, {typed("date"), `""`},
		{moment, `"2026-01-04"`}, {moment, `"2026-01-04 24:00:00"`}, {moment, `"2026-01-04 10:00:00.1234567"`}, {moment, `"2026-01-04 10:00:00 UTC"`},
		{moment, `"2026-01-04T10:00:00"`}, {moment, `"2026-01-04 10:00:00."`}, {nanos, `"2300-01-01 00:00:00"`},
		{zoned, `"2026-10-25 02:30:00 Europe/Berlin"`}, {zoned, `"2026-10-25 02:30:00"`}, {zoned, `"2026-10-25 02:30:00 +2:00"`},
		{typed("array", of(typed("bigint"))), `"x"`}, {typed("array", of(typed("bigint"))), "{}"}, {typed("array", of(typed("bigint"))), "[1,[2]]"},
		{typed("map", of(typed("bigint")), of(typed("bigint"))), `{"x":1}`}, {typed("map", of(typed("bigint")), of(typed("bigint"))), "[1,2]"},
		{typed("row", named("a", typed("bigint"))), "[]"}, {typed("row", named("a", typed("bigint"))), "[1,2]"},
	} {
		if got, err := decode(t, tc[0], tc[1]); err == nil {
			t.Errorf("%s as %s was read as %q", tc[1], tc[0], got)
		}
	}
}

// FuzzDecode: whatever a server sends as a row, reading it ends, without a panic.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`[1,"a",{"k":["v",null]},["2026-01-04 10:00:00.5","1.50"],2.5]`))
	f.Add([]byte(`[null,null,null,null,null]`))
	signatures := []string{
		typed("bigint"), typed("varchar"), typed("map", of(typed("varchar")), of(typed("array", of(typed("varchar"))))),
		typed("row", named("t", typed("timestamp", number("6"))), named("d", typed("decimal", number("9"), number("2")))), typed("double"),
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if !json.Valid(data) {
			return
		}
		columns := make([]column, len(signatures))
		for i, text := range signatures {
			if err := json.Unmarshal([]byte(text), &columns[i].Signature); err != nil {
				t.Fatal(err)
			}
		}
		r := &reader{query: &query{id: "q1"}}
		if err := r.open(&page{Columns: columns, Data: data}); err == nil && r.inside {
			if err := r.read(); err == nil {
				r.dropCurrent()
			}
		}
		if r.builder != nil {
			r.builder.Release()
		}
	})
}

func TestStatement(t *testing.T) {
	moment := time.Date(2026, 1, 4, 10, 0, 0, 999, time.FixedZone("", -3600))
	got, before, err := statement("select '?', ?", []any{nil, "a'b\x00", 7, int64(math.MinInt64), 1.5, math.Inf(1), math.NaN(), true, moment, []string{"x'", ""}, []string{}})
	want := "EXECUTE IMMEDIATE\n'select ''?'', ?'\nUSING NULL, 'a''b\x00', BIGINT '7', BIGINT '-9223372036854775808', DOUBLE '1.5e+00', DOUBLE 'Infinity', DOUBLE 'NaN', true, " +
		"TIMESTAMP '2026-01-04 11:00:00.000000', CAST(ARRAY['x''', ''] AS ARRAY(VARCHAR)), CAST(ARRAY[] AS ARRAY(VARCHAR))"
	if err != nil || before != 1 || got != want {
		t.Errorf("%v\n got %q\nwant %q", err, got, want)
	}
	if got, before, err := statement("select 1", nil); err != nil || before != 0 || got != "select 1" {
		t.Errorf("without parameters: %q, %d, %v", got, before, err)
	}
}

func TestStatement_refused(t *testing.T) {
	for _, arg := range []any{"\xff", []string{"ok", "a\xc3"}, uint8(1), []int{1}, struct{}{}, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if text, _, err := statement("select ?", []any{arg}); err == nil || !strings.Contains(err.Error(), "parameter 1") {
			t.Errorf("%v was bound as %s (%v)", arg, text, err)
		}
	}
	if _, _, err := statement("select '\xff'", nil); err == nil {
		t.Error("a statement that is not UTF-8 was taken")
	}
}
