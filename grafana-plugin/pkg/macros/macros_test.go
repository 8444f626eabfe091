package macros

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const keyARN = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

// env is the panel of the documentation.
func env() Env {
	return Env{
		From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 1, 1, 6, 0, 0, 0, time.UTC),
		Interval: time.Minute, MaxDataPoints: 1000,
		Variables: map[string][]string{
			"account": {"111122223333", "444455556666"}, "region": {"eu-west-1"}, "key": {keyARN},
			"principal": {All}, "service": {"s3", "ebs"}, "empty": {""}, "none": {}, "evil": {"x' OR 1=1 --", "a\nb", "a\x00b", "é💥", `\`},
			"ids": {"1234abcd-12ab-34cd-56ef-1234567890ab", keyARN, "mrk-1234abcd12ab34cd56ef1234567890ab"}, "alias": {"alias/orders"},
			"pattern": {"^Gen", "(a|b)$"}, "bad": {"("},
		},
		AdHoc: []AdHoc{{Key: "event_name", Operator: "=", Value: "Decrypt"}, {Key: "service", Operator: "!=", Value: "s3"}},
	}
}

func TestList(t *testing.T) {
	for _, m := range List() {
		t.Run(m.Name, func(t *testing.T) {
			got, err := Expand(m.Example, env())
			if err != nil {
				t.Fatal(err)
			}
			if got.SQL != m.Expands {
				t.Errorf("%s becomes\n%s, its documentation says\n%s", m.Example, got.SQL, m.Expands)
			}
			if !strings.HasPrefix(m.Signature, m.Name) || m.Doc == "" {
				t.Errorf("incomplete: %+v", m)
			}
		})
	}
	if n := strings.Count(Markdown(), "\n```sql\n"); n != len(List()) {
		t.Errorf("the page has %d macros of %d", n, len(List()))
	}
}

func TestExpand(t *testing.T) {
	const bound = "TIMESTAMP '2026-01-01 00:00:00'"
	tests := []struct{ name, in, want string }{
		{"nothing", "select 1", "select 1"},
		{"empty", "", ""},
		{"string", "select '$__timeFrom()' || $__timeFrom()", "select '$__timeFrom()' || " + bound},
		{"string with a quote", "select 'it''s $__timeFrom()'", "select 'it''s $__timeFrom()'"},
		{"string with a backslash", `select '\', $__timeFrom(), '\'`, `select '\', ` + bound + `, '\'`},
		{"escaped string", `select E'\' $__timeFrom() ', $__timeFrom()`, `select E'\' $__timeFrom() ', ` + bound},
		{"escaped string that goes on", "select E'a' -- x\n '\\' $__timeFrom() '", "select E'a' -- x\n '\\' $__timeFrom() '"},
		{"escaped string that does not", "select E'a' '\\', $__timeFrom()", "select E'a' '\\', " + bound},
		{"end of an identifier and string", `select xe'\', $__timeFrom()`, `select xe'\', ` + bound},
		{"quoted identifier", `select "$__timeFrom() "" x", $__timeFrom()`, `select "$__timeFrom() "" x", ` + bound},
		{"comment", "-- $__timeFrom() '\nselect $__timeFrom()", "-- $__timeFrom() '\nselect " + bound},
		{"comment up to a carriage return", "-- '\rselect $__timeFrom()", "-- '\rselect " + bound},
		{"block comment", "/* $__timeFrom() ' */ $__timeFrom()", "/* $__timeFrom() ' */ " + bound},
		{"nested comment", "/* /* */ $__timeFrom() */ $__timeFrom()", "/* /* */ $__timeFrom() */ " + bound},
		{"comment in an operator", "1 */* $__timeFrom() */$__timeFrom()", "1 */* $__timeFrom() */" + bound},
		{"open comment", "select 1 /* $__timeFrom()", "select 1 /* $__timeFrom()"},
		{"open string", "select '$__timeFrom()", "select '$__timeFrom()"},
		{"dollar quotes", "select $$ $__timeFrom() $$, $__timeFrom()", "select $$ $__timeFrom() $$, " + bound},
		{"tagged dollar quotes", "select $a$ $$ $__timeFrom() $b$ $a$, $__timeFrom()", "select $a$ $$ $__timeFrom() $b$ $a$, " + bound},
		{"a tag like a macro", "select $__timeFrom$ $__timeTo() $__timeFrom$", "select $__timeFrom$ $__timeTo() $__timeFrom$"},
		{"parameters", "select $1, $name, ?, $__timeFrom()", "select $1, $name, ?, " + bound},
		{"name with a dollar", "select a$__timeFrom, a$$b, $__timeFrom()", "select a$__timeFrom, a$$b, " + bound},
		{"no-break space", "select a\u00a0$__timeFrom()", "select a\u00a0 " + bound},
		{"neighbours", "select 1$__interval_ms'x'", "select 1 60000 'x'"},
		{"neighbours of a literal", "select 'a'$__timeFrom()'b'", "select 'a' " + bound + " 'b'"},
		{"without brackets", "$__timeFrom + $__interval", bound + " + INTERVAL '60 seconds'"},
		{"empty brackets", "$__interval() $__interval_ms ( /* */ )", "INTERVAL '60 seconds' 60000"},
		{"other brackets", "range($__interval_ms) $__interval (1)", "range(60000) INTERVAL '60 seconds' (1)"},
		{"space and comment before brackets", "$__regionFilter -- x\n ( region )", "(region = 'eu-west-1')"},
		{"comment in an argument", "$__timeFilter(-- the time )\n t /* , */ )", "(t >= " + bound + " AND t < TIMESTAMP '2026-01-01 06:00:00')"},
		{"comment within an argument", "$__regionFilter(a -- x\n+ b)", "((a  \n+ b) = 'eu-west-1')"},
		{"expression", "$__regionFilter(a or b)", "((a or b) = 'eu-west-1')"},
		{"quoted column", `$__regionFilter("a,(b"."c d")`, `("a,(b"."c d" = 'eu-west-1')`},
		{"commas and brackets in an argument", "$__regionFilter(coalesce(a, ')', [1, 2], $$,)$$))", "((coalesce(a, ')', [1, 2], $$,)$$)) = 'eu-west-1')"},
		{"macro in an argument", "$__regionFilter(f($__timeFrom()))", "((f(" + bound + ")) = 'eu-west-1')"},
		{"grain of an hour", "$__timeFilter(hour, 1h)", "(hour >= " + bound + " AND hour < TIMESTAMP '2026-01-01 06:00:00')"},
		{"months", "$__dateFilter(month, month)", "(month >= DATE '2026-01-01' AND month < DATE '2026-01-02')"},
		{"quoted interval", "$__timeGroup(t, '5m')", "time_bucket(INTERVAL '300 seconds', t)"},
		{"proposed interval", "$__timeGroup(t, $__interval)", "time_bucket(INTERVAL '60 seconds', t)"},
		{"proposed interval in quotes", "$__timeGroup(t, '$__interval')", "time_bucket(INTERVAL '60 seconds', t)"},
		{"milliseconds", "$__timeGroup(t, 500ms)", "time_bucket(INTERVAL '500 milliseconds', t)"},
		{"weeks", "$__timeGroup(t, 2w)", "time_bucket(INTERVAL '1209600 seconds', t)"},
		{"auto with a grain", "$__timeGroup(t, auto(1h))", "time_bucket(INTERVAL '3600 seconds', t)"},
		{"auto with a quoted grain", "$__timeGroup(t, auto( '1d' ))", "time_bucket(INTERVAL '86400 seconds', t)"},
		{"all", "$__principalFilter(p)", "TRUE"},
		{"not set", "$__filter(a, missing)", "TRUE"},
		{"empty", "$__filter(a, empty) $__filter(a, none)", "TRUE TRUE"},
		{"ways to name a variable", "$__filter(a, 'region')$__filter(a, $region)$__filter(a, ${region})$__filter(a, ${region:csv})", "(a = 'eu-west-1')(a = 'eu-west-1')(a = 'eu-west-1')(a = 'eu-west-1')"},
		{"hostile values", "$__filter(a, evil)", "(a IN ('x'' OR 1=1 --', 'a\nb', ('a' || chr(0) || 'b'), 'é💥', '\\'))"},
		{"keys by id", "$__keyFilter(k, ids)", "(k = '" + keyARN + "' OR ends_with(k, ':key/1234abcd-12ab-34cd-56ef-1234567890ab') OR ends_with(k, ':key/mrk-1234abcd12ab34cd56ef1234567890ab'))"},
		{"not", "$__filter(a, region, '!=')", "(a IS DISTINCT FROM 'eu-west-1')"},
		{"like", "$__filter(a, service, 'like')", "(CAST(a AS VARCHAR) LIKE 's3' OR CAST(a AS VARCHAR) LIKE 'ebs')"},
		{"not like", "$__filter(a, service, 'NOT  LIKE')", "(NOT (CAST(a AS VARCHAR) LIKE 's3' OR CAST(a AS VARCHAR) LIKE 'ebs') OR a IS NULL)"},
		{"regular expressions", "$__filter(a, pattern, '=~')", "(regexp_matches(CAST(a AS VARCHAR), '^Gen') OR regexp_matches(CAST(a AS VARCHAR), '(a|b)$'))"},
		{"no regular expression", "$__filter(a, pattern, '!~')", "(NOT (regexp_matches(CAST(a AS VARCHAR), '^Gen') OR regexp_matches(CAST(a AS VARCHAR), '(a|b)$')) OR a IS NULL)"},
		{"less", "$__filter(a, region, '<=')", "(a <= 'eu-west-1')"},
		{"list", "$__filter(a, service, 'has')", "(len(list_filter(a, lambda element: element IN ('s3', 'ebs'))) > 0)"},
		{"list without", "$__filter(a, service, 'has not')", "(coalesce(len(list_filter(a, lambda element: element IN ('s3', 'ebs'))), 0) = 0)"},
		{"ad hoc without an alias", "$__adhocFilters", "(event_name = 'Decrypt' AND service IS DISTINCT FROM 's3')"},
		{"ad hoc with a quoted alias", `$__adhocFilters("a b")`, `("a b".event_name = 'Decrypt' AND "a b".service IS DISTINCT FROM 's3')`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Expand(test.in, env())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got.SQL); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestFunctions: what macros and conditions become calls nothing but functions
// that servers allow.
func TestFunctions(t *testing.T) {
	judged, err := os.ReadFile("../../../internal/duck/userquery_functions.txt")
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{"coalesce": true} // an operator
	allow := false
	for line := range strings.Lines(string(judged)) {
		if !strings.HasPrefix(line, " ") {
			allow = strings.HasPrefix(line, "allow functions:")
			continue
		}
		for name := range strings.FieldsSeq(line) {
			allowed[name] = allowed[name] || allow
		}
	}
	var all strings.Builder
	for _, m := range List() {
		all.WriteString(m.Expands + "\n")
	}
	for _, operator := range Operators {
		for _, columnType := range []string{"VARCHAR", "VARCHAR[]"} {
			sql, err := Condition("x", columnType, operator, []string{"a", "b"}[:1])
			if err != nil {
				t.Fatal(err)
			}
			all.WriteString(sql + "\n")
		}
	}
	got, err := Expand("$__keyFilter(k, ids) $__filter(a, evil) $__filter(a, service, 'has not')", env())
	if err != nil {
		t.Fatal(err)
	}
	all.WriteString(got.SQL)
	calls := regexp.MustCompile(`\b([a-z_]+)\(`).FindAllStringSubmatch(all.String(), -1)
	if len(calls) < 10 {
		t.Errorf("only %d calls", len(calls))
	}
	for _, c := range calls {
		if !allowed[c[1]] {
			t.Errorf("servers refuse %s", c[1])
		}
	}
}

func TestExpand_errors(t *testing.T) {
	tests := []struct {
		name, in          string
		line, column, end int
		message           string
	}{
		{"unknown", "select\n  $__timeFiler(t)", 2, 3, 15, "there is no macro $__timeFiler: did you mean $__timeFilter(column[, grain])?"},
		{"case", "$__TIMEFILTER(t)", 1, 1, 14, "there is no macro $__TIMEFILTER: did you mean $__timeFilter(column[, grain])?"},
		{"of others", "é $__unixEpochFilter(t)", 1, 3, 21, "there is no macro $__unixEpochFilter: write $__timeFilter(column)"},
		{"of nobody", "$__x", 1, 1, 5, "there is no macro $__x"},
		{"no arguments", "$__timeFilter", 1, 1, 14, "$__timeFilter needs arguments: write $__timeFilter(column[, grain])"},
		{"empty arguments", "$__timeFilter()", 1, 1, 16, "$__timeFilter takes 1 to 2 arguments, not 0: write $__timeFilter(column[, grain])"},
		{"empty argument", "$__timeGroup(t, )", 1, 1, 18, "argument 2 of $__timeGroup is empty: write $__timeGroup(column, interval[, fill])"},
		{"too many", "$__filter(a, 'b', 'in', d)", 1, 1, 27, "$__filter takes 2 to 3 arguments, not 4: write $__filter(column, variable[, operator])"},
		{"interpolated by hand", "$__accountFilter(a, '1','2')", 1, 1, 29, "$__accountFilter takes 1 to 2 arguments, not 3: write $__accountFilter(column[, variable])"},
		{"arguments where none belong", "$__timeFrom(t)", 1, 1, 15, "$__timeFrom takes no arguments, not 1: write $__timeFrom()"},
		{"open", "a $__timeFilter(t", 1, 3, 17, "the bracket of $__timeFilter is not closed: write $__timeFilter(column[, grain])"},
		{"open by a string", "$__timeFilter('t)", 1, 1, 15, "the bracket of $__timeFilter is not closed: write $__timeFilter(column[, grain])"},
		{"stray bracket", "$__timeFilter(a])", 1, 16, 17, `"]" does not belong into an argument of $__timeFilter`},
		{"semicolon", "$__timeFilter(a;b)", 1, 16, 17, `";" does not belong into an argument of $__timeFilter`},
		{"interval of zero", "$__timeGroup(t, 0m)", 1, 17, 19, "an interval must be longer than 0"},
		{"month", "$__timeGroup(t, 1M)", 1, 17, 19, `"1M" has no fixed length: group by date_trunc('month', …) or date_trunc('year', …) instead, or read usage_monthly`},
		{"year", "$__timeGroup(t, '1y')", 1, 17, 21, `"1y" has no fixed length: group by date_trunc('month', …) or date_trunc('year', …) instead, or read usage_monthly`},
		{"unit", "$__timeGroup(t, 1x)", 1, 17, 19, `"x" is no unit: write ms, s, m, h, d or w`},
		{"no interval", "$__timeGroup(t, interval '1 hour')", 1, 17, 34, `"interval '1 hour'" is no interval: write a whole number and a unit, such as 5m, 1h or 1d, or auto`},
		{"negative", "$__timeGroup(t, -5m)", 1, 17, 20, `"-5m" is no interval: write a whole number and a unit, such as 5m, 1h or 1d, or auto`},
		{"too long", "$__timeGroup(t, 99999999999999999999d)", 1, 17, 38, `the interval "99999999999999999999d" is too long`},
		{"fill", "$__timeGroup(t, 5m, linear)", 1, 21, 27, `"linear" fills nothing: write NULL, previous, zero or a number`},
		{"fill with infinity", "$__timeGroup(t, 5m, inf)", 1, 21, 24, `"inf" fills nothing: write NULL, previous, zero or a number`},
		{"grain of a date", "$__dateFilter(d, year)", 1, 18, 22, `"year" is neither day nor month`},
		{"variable", "$__filter(a, b.c)", 1, 14, 17, `"b.c" names no variable: write its name alone, such as key`},
		{"operator", "$__filter(a, region, 'around')", 1, 22, 30, `"around" is no operator: write one of 'in', 'not in', 'like', 'not like', '=~', '!~', '<', '<=', '>', '>=', 'has', 'has not'`},
		{"several values", "$__filter(a, service, '<')", 1, 1, 27, "$__filter: variable service: < compares with one value, not with 2"},
		{"expression", "$__filter(a, bad, '=~')", 1, 1, 24, `$__filter: variable bad: "(" is no regular expression: missing closing ): "("`},
		{"alias", "$__adhocFilters(a.b)", 1, 17, 20, `"a.b" is no alias of a table`},
		{"several lines", "$__timeFilter(\na, b, c)", 1, 1, 15, "$__timeFilter takes 1 to 2 arguments, not 3: write $__timeFilter(column[, grain])"},
		{"in each other", strings.Repeat("$__timeFilter(", 9) + "t" + strings.Repeat(")", 9), 1, 113, 126, "more than 8 macros stand in each other"},
		{"in each other, long", strings.Repeat("$__timeFilter(", 8) + strings.Repeat("t", 2000) + strings.Repeat(")", 8), 1, 1, 2121, "with $__timeFilter the statement is longer than 256 KiB, and servers take no more: choose fewer values, or All"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Expand(test.in, env())
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("no error with a place: %v", err)
			}
			want := Error{Line: test.line, Column: test.column, EndColumn: test.end, Message: test.message}
			if diff := cmp.Diff(want, *e); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExpand_range(t *testing.T) {
	india := time.FixedZone("IST", 5*3600+1800)
	tests := []struct {
		name, in string
		from, to time.Time
		want     string
	}{
		{
			"another zone", "$__timeFilter(t)", time.Date(2026, 3, 29, 5, 30, 0, 0, india), time.Date(2026, 3, 30, 5, 30, 0, 0, india),
			"(t >= TIMESTAMP '2026-03-29 00:00:00' AND t < TIMESTAMP '2026-03-30 00:00:00')",
		},
		{
			"microseconds, rounded up", "$__timeFilter(t)", time.Date(2026, 1, 1, 0, 0, 0, 1, time.UTC), time.Date(2026, 1, 1, 0, 0, 0, 123456000, time.UTC),
			"(t >= TIMESTAMP '2026-01-01 00:00:00.000001' AND t < TIMESTAMP '2026-01-01 00:00:00.123456')",
		},
		{
			"the hour in which it begins", "$__timeFilter(t, 1h)", time.Date(2026, 1, 1, 10, 59, 59, 0, time.UTC), time.Date(2026, 1, 1, 11, 30, 0, 0, time.UTC),
			"(t >= TIMESTAMP '2026-01-01 10:00:00' AND t < TIMESTAMP '2026-01-01 11:30:00')",
		},
		{
			"the week in which it begins", "$__timeFilter(t, 1w)", time.Date(1969, 1, 1, 10, 0, 0, 0, time.UTC), time.Date(1969, 1, 2, 0, 0, 0, 0, time.UTC),
			"(t >= TIMESTAMP '1968-12-30 00:00:00' AND t < TIMESTAMP '1969-01-02 00:00:00')",
		},
		{
			"days to midnight", "$__dateFilter(d)", time.Date(2026, 1, 1, 23, 59, 0, 0, time.UTC), time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC),
			"(d >= DATE '2026-01-01' AND d < DATE '2026-01-03')",
		},
		{
			"days past midnight", "$__dateFilter(d)", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 3, 0, 0, 0, 1, time.UTC),
			"(d >= DATE '2026-01-01' AND d < DATE '2026-01-04')",
		},
		{
			"days in another zone", "$__dateFilter(d)", time.Date(2026, 1, 2, 2, 0, 0, 0, india), time.Date(2026, 1, 2, 4, 0, 0, 0, india),
			"(d >= DATE '2026-01-01' AND d < DATE '2026-01-02')",
		},
		{
			"months", "$__dateFilter(m, 'month')", time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
			"(m >= DATE '2026-02-01' AND m < DATE '2026-03-01')",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Expand(test.in, Env{From: test.from, To: test.to})
			if err != nil {
				t.Fatal(err)
			}
			if got.SQL != test.want {
				t.Errorf("got %s, want %s", got.SQL, test.want)
			}
		})
	}
	for _, e := range []Env{
		{From: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)},
		{From: time.Date(-1, 1, 2, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)},
		{From: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), To: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		if got, err := Expand("$__timeFilter(t)", e); err == nil {
			t.Errorf("a wrong range gives %s", got.SQL)
		}
	}
}

func TestInterval(t *testing.T) {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		env          Env
		grain        time.Duration
		panel, width time.Duration
	}{
		{Env{Interval: 20 * time.Second}, 0, 20 * time.Second, 30 * time.Second},
		{Env{Interval: 20 * time.Second}, time.Hour, 20 * time.Second, time.Hour},
		{Env{Interval: 90 * time.Minute}, time.Hour, 90 * time.Minute, 2 * time.Hour},
		{Env{Interval: 7 * time.Minute}, 7 * time.Minute, 7 * time.Minute, 7 * day},
		{Env{Interval: 13 * time.Hour}, day, 13 * time.Hour, day},
		{Env{Interval: 40 * day}, 0, 40 * day, 40 * day},
		{Env{Interval: 40*day + 1}, Month, 40*day + time.Millisecond, 56 * day},
		{Env{Interval: 1500 * time.Microsecond}, 0, 2 * time.Millisecond, time.Second},
		{Env{From: from, To: from.Add(time.Hour), MaxDataPoints: 60}, 0, time.Minute, time.Minute},
		{Env{From: from, To: from.Add(time.Hour)}, 0, 3600 * time.Millisecond, 5 * time.Second},
		{Env{From: from, To: from}, 0, time.Second, time.Second},
		{Env{From: from, To: from, Interval: -time.Second}, 0, time.Second, time.Second},
	}
	for i, test := range tests {
		if got := test.env.interval(); got != test.panel {
			t.Errorf("%d: interval %s, want %s", i, got, test.panel)
		}
		if got := test.env.auto(test.grain); got != test.width {
			t.Errorf("%d: auto %s, want %s", i, got, test.width)
		}
	}
}

// Month is the grain of tables by month.
const Month = 28 * day

func TestFillAndBucket(t *testing.T) {
	tests := []struct {
		in     string
		bucket time.Duration
		fill   *Fill
	}{
		{"select 1", 0, nil},
		{"$__timeGroup(t, 5m)", 5 * time.Minute, nil},
		{"$__timeGroup(t, 5m, NULL)", 5 * time.Minute, &Fill{Mode: FillNull}},
		{"$__timeGroup(t, 5m, 'previous')", 5 * time.Minute, &Fill{Mode: FillPrevious}},
		{"$__timeGroup(t, 5m, zero)", 5 * time.Minute, &Fill{Mode: FillZero}},
		{"$__timeGroup(t, 5m, -1.5)", 5 * time.Minute, &Fill{Mode: FillValue, Value: -1.5}},
		{"select $__timeGroup(t, 5m, zero) group by $__timeGroup(t, 5m)", 5 * time.Minute, &Fill{Mode: FillZero}},
		{"with x as (select $__timeGroup(t, 1h)) select $__timeGroup(t, 1d)", day, nil},
		{"with x as (select $__timeGroupAlias(t, 1h)) select $__timeGroup(t, 1d)", time.Hour, nil},
	}
	for _, test := range tests {
		got, err := Expand(test.in, env())
		if err != nil {
			t.Fatal(err)
		}
		if got.Bucket != test.bucket {
			t.Errorf("%s: bucket %s, want %s", test.in, got.Bucket, test.bucket)
		}
		if diff := cmp.Diff(test.fill, got.Fill); diff != "" {
			t.Errorf("%s: %s", test.in, diff)
		}
	}
}

func TestAdHoc(t *testing.T) {
	types := map[string]string{
		"name": "VARCHAR", "n": "BIGINT", "flag": "BOOLEAN", "id": "UUID", "t": "TIMESTAMP", "d": "DATE", "list": "VARCHAR[]", "map": "MAP(VARCHAR, VARCHAR)", "a b": "VARCHAR", "": "VARCHAR",
	}
	tests := []struct {
		filter  AdHoc
		want    string
		message string
	}{
		{AdHoc{Key: "name", Operator: "=", Value: "a'b"}, "(name = 'a''b')", ""},
		{AdHoc{Key: "name", Operator: "!=", Value: "a"}, "(name IS DISTINCT FROM 'a')", ""},
		{AdHoc{Key: "name", Operator: "=|", Value: "a", Values: []string{"a", "b", "a"}}, "(name IN ('a', 'b'))", ""},
		{AdHoc{Key: "name", Operator: "!=|", Values: []string{"a", "b"}}, "((name NOT IN ('a', 'b') OR name IS NULL))", ""},
		{AdHoc{Key: "name", Operator: "=|", Value: "a"}, "(name = 'a')", ""},
		{AdHoc{Key: "name", Operator: "=~", Value: "^a'"}, "(regexp_matches(name, '^a'''))", ""},
		{AdHoc{Key: "n", Operator: "!~", Value: "1"}, "((NOT (regexp_matches(CAST(n AS VARCHAR), '1')) OR n IS NULL))", ""},
		{AdHoc{Key: "n", Operator: "<", Value: "5"}, "(n < 5)", ""},
		{AdHoc{Key: "n", Operator: ">", Value: "5"}, "(n > 5)", ""},
		{AdHoc{Key: "n", Operator: "=", Value: ""}, "(coalesce(CAST(n AS VARCHAR), '') = '')", ""},
		{AdHoc{Key: "n", Operator: "!=", Value: ""}, "(coalesce(CAST(n AS VARCHAR), '') <> '')", ""},
		{AdHoc{Key: "t", Operator: "=", Value: "1767225600123"}, "(t = TIMESTAMP '2026-01-01 00:00:00.123')", ""},
		{AdHoc{Key: "d", Operator: ">", Value: "1767225600000"}, "(d > DATE '2026-01-01')", ""},
		{AdHoc{Key: "t", Operator: "=", Value: "2026-01-01"}, "(t = TIMESTAMP '2026-01-01 00:00:00')", ""},
		{AdHoc{Key: "t", Operator: ">", Value: "2026-01-01T05:30:00.25+05:30"}, "(t > TIMESTAMP '2026-01-01 00:00:00.25')", ""},
		{AdHoc{Key: "t", Operator: ">", Value: "yesterday"}, "", `$__adhocFilters: ad hoc filter on t: "yesterday" is not a time: write 2026-01-31 or 2026-01-31 12:00:00, in UTC`},
		{AdHoc{Key: "n", Operator: "=|", Values: []string{"-1.5e+3", "x"}}, "", `$__adhocFilters: ad hoc filter on n: "x" is not a number`},
		{AdHoc{Key: "flag", Operator: "=", Value: "true"}, "(flag = TRUE)", ""},
		{AdHoc{Key: "flag", Operator: "=", Value: "1"}, "", `$__adhocFilters: ad hoc filter on flag: "1" is neither true nor false`},
		{AdHoc{Key: "id", Operator: "=", Value: "1234abcd-12ab-34cd-56ef-1234567890AB"}, "(id = '1234abcd-12ab-34cd-56ef-1234567890AB')", ""},
		{AdHoc{Key: "id", Operator: "=", Value: "1234"}, "", `$__adhocFilters: ad hoc filter on id: "1234" is not a UUID`},
		{AdHoc{Key: "id", Operator: "=~", Value: "^1234"}, "(regexp_matches(CAST(id AS VARCHAR), '^1234'))", ""},
		{AdHoc{Key: "list", Operator: "=", Value: "a"}, "(len(list_filter(list, lambda element: element = 'a')) > 0)", ""},
		{AdHoc{Key: "list", Operator: "=", Value: `["a","b'"]`}, "(list = ['a', 'b'''])", ""},
		{AdHoc{Key: "list", Operator: "!=", Value: `[]`}, "(list IS DISTINCT FROM [])", ""},
		{AdHoc{Key: "a b", Operator: "=", Value: "x"}, `("a b" = 'x')`, ""},
		{AdHoc{Key: "missing", Operator: "=", Value: "x"}, "TRUE", ""},
		{AdHoc{Key: "", Operator: "=", Value: "x"}, "TRUE", ""},
		{AdHoc{Key: "map", Operator: "=", Value: "x"}, "", "$__adhocFilters: ad hoc filter on map: a map has no value to compare with: choose one of its keys"},
		{AdHoc{Key: "name", Operator: "=~", Value: "("}, "", `$__adhocFilters: ad hoc filter on name: "(" is no regular expression: missing closing ): "("`},
		{AdHoc{Key: "name", Operator: "=~", Value: "\x00"}, "", `$__adhocFilters: ad hoc filter on name: a regular expression holds a NUL; write \x00`},
		{AdHoc{Key: "name", Operator: "<>", Value: "x"}, "", `$__adhocFilters: ad hoc filter on name: there is no operator "<>" for ad hoc filters`},
		{AdHoc{Key: "name", Operator: "=", Value: "\xff"}, "", "$__adhocFilters: ad hoc filter on name: a value is not UTF-8"},
	}
	for _, test := range tests {
		e := Env{
			AdHoc: []AdHoc{test.filter}, Columns: func(_, name string) bool { return types[name] != "" },
			Type: func(_, name string) string { return types[name] },
		}
		got, err := Expand("$__adhocFilters()", e)
		if err != nil {
			var placed *Error
			if !errors.As(err, &placed) || placed.Message != test.message {
				t.Errorf("%+v: %v, want %s", test.filter, err, test.message)
			}
			continue
		}
		if got.SQL != test.want || test.message != "" {
			t.Errorf("%+v: got\n%s, want\n%s%s", test.filter, got.SQL, test.want, test.message)
		}
		if (test.want == "TRUE") != (len(got.Notices) == 1) || !got.AdHoc {
			t.Errorf("%+v: %q, %v", test.filter, got.Notices, got.AdHoc)
		}
	}
}

func TestNotices(t *testing.T) {
	got, err := Expand("$__filter(a, missing) $__filter(b, missing) $__keyFilter(k, alias) $__principalFilter(p)", env())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"The variable missing has no value here, so nothing is filtered by it.",
		"The variable alias has the alias alias/orders; it needs key ARNs or key ids.",
	}
	if diff := cmp.Diff(want, got.Notices); diff != "" {
		t.Error(diff)
	}
	if got.AdHoc {
		t.Error("there is no place for ad hoc filters")
	}
}

// TestMany: a variable with many values works up to a bound, and an error says
// what to do beyond it.
func TestMany(t *testing.T) {
	values := make([]string, 10_000)
	for i := range values {
		values[i] = fmt.Sprintf("%012d", i)
	}
	for _, test := range []struct {
		values  []string
		message string
	}{
		{values[:maxValues], ""},
		{values, "$__accountFilter: variable account: there are 10000 values, more than 5000: choose fewer, or All"},
		{append([]string{All}, values...), ""},
		{[]string{strings.Repeat("x", maxLiteral+1)}, "$__accountFilter: variable account: a value has 33 KiB, and servers take 32"},
		{[]string{strings.Repeat("a", maxLiteral), strings.Repeat("b", maxLiteral), strings.Repeat("c", maxLiteral), strings.Repeat("d", maxLiteral),
			strings.Repeat("e", maxLiteral), strings.Repeat("f", maxLiteral), strings.Repeat("g", maxLiteral), strings.Repeat("h", maxLiteral)},
			"with $__accountFilter the statement is longer than 256 KiB, and servers take no more: choose fewer values, or All"},
	} {
		got, err := Expand("$__accountFilter(a)", Env{Variables: map[string][]string{"account": test.values}})
		var e *Error
		switch {
		case test.message == "" && err != nil:
			t.Error(err)
		case test.message == "" && test.values[0] != All && strings.Count(got.SQL, ",") != len(test.values)-1:
			t.Errorf("%d values give %d bytes", len(test.values), len(got.SQL))
		case test.message != "" && (!errors.As(err, &e) || e.Message != test.message):
			t.Errorf("%v, want %s", err, test.message)
		}
	}
}

func TestPosition(t *testing.T) {
	const in = "select é, $__timeFrom(),\n  nope, $__regionFilter(wrong.column) and\n x"
	got, err := Expand(in, env())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		at           string // in SQL
		line, column int    // as typed
	}{
		{"select", 1, 1}, {"é", 1, 8}, {"TIMESTAMP", 1, 11}, {"'2026", 1, 11}, {",\n", 1, 24}, {"nope", 2, 3},
		{"wrong", 2, 25}, {"column", 2, 31}, {"'eu", 2, 9}, {"and", 2, 39}, {"x", 3, 2},
	}
	for _, test := range tests {
		line, column := newSource(got.SQL).place(strings.Index(got.SQL, test.at))
		l, c := got.Position(line, column)
		if end := map[string]int{"nope": 7, "wrong": 30, "TIMESTAMP": 22, "'eu": 24, "x": 3}[test.at]; end > 0 && got.End(l, c) != end {
			t.Errorf("%q ends before column %d, want %d", test.at, got.End(l, c), end)
		}
		if l != test.line || c != test.column {
			t.Errorf("%q at %d:%d comes from %d:%d, want %d:%d", test.at, line, column, l, c, test.line, test.column)
		}
	}
	if l, c := got.Position(99, 99); l != 3 || c != 3 {
		t.Errorf("what lies behind the end comes from %d:%d", l, c)
	}
	if l, c := got.Position(0, -1); l != 1 || c != 1 {
		t.Errorf("what lies before the start comes from %d:%d", l, c)
	}
	if end := got.End(3, 3); end != 4 {
		t.Errorf("the end ends before column %d", end)
	}
	empty, err := Expand("", env())
	if err != nil {
		t.Fatal(err)
	}
	if l, c := empty.Position(1, 1); l != 1 || c != 1 {
		t.Errorf("nothing comes from %d:%d", l, c)
	}
}

func TestIdentifier(t *testing.T) {
	for in, want := range map[string]string{
		"event_time": "event_time", "select": `"select"`, "Key": `"Key"`, "a b": `"a b"`, `a"b`: `"a""b"`, "": `" "`, "a\x00": "\"a\ufffd\"", "1a": `"1a"`, "hour": "hour", "é": `"é"`,
	} {
		if got := Identifier(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

// TestExpand_adHocTable: what columns there are is asked of the table that the macro
// names.
func TestExpand_adHocTable(t *testing.T) {
	env := Env{
		AdHoc:   []AdHoc{{Key: "region", Operator: "=", Value: "eu-west-1"}},
		Columns: func(table, _ string) bool { return table == "u" },
		Type:    func(table, _ string) string { return map[string]string{"u": "VARCHAR"}[table] },
	}
	for sql, want := range map[string]string{
		"$__adhocFilters(u)":   "(u.region = 'eu-west-1')",
		`$__adhocFilters("u")`: `("u".region = 'eu-west-1')`,
		"$__adhocFilters(k)":   "TRUE",
		"$__adhocFilters()":    "TRUE",
	} {
		e, err := Expand(sql, env)
		if err != nil || e.SQL != want {
			t.Errorf("%s: got %v, %v, want %s", sql, e, err, want)
		}
	}
}
