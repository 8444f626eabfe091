package sqlfile_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/internal/sqlfile"
)

func parse(t *testing.T, sql string) sqlfile.File {
	t.Helper()
	f, err := sqlfile.Parse("x.sql", []byte("/*---\nid: x\n---*/\n"+sql))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var january = sqlfile.Window{
	Start: time.Date(2026, 1, 4, 0, 0, 0, 0, time.UTC),
	End:   time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC),
}

func TestBind_replacesParametersOnly(t *testing.T) {
	f := parse(t, `select '$a', "$a", $a, $b_start -- $a
/* $a */ from t where s = 'it''s $a' and x >= $window_start and x < $window_end and y = $a;
`)
	params := sqlfile.Params{
		"a":      {Type: "varchar", Default: "z", Doc: "d"},
		"b_days": {Type: "days", Default: 14, Doc: "d"},
	}
	st, err := f.Bind(params, map[string]string{"a": "given"}, january)
	if err != nil {
		t.Fatal(err)
	}
	want := `select '$a', "$a", cast(? as varchar), cast(? as timestamp(6)) -- $a
/* $a */ from t where s = 'it''s $a' and x >= cast(? as timestamp(6)) and x < cast(? as timestamp(6)) and y = cast(? as varchar)`
	if diff := cmp.Diff(want, st.SQL); diff != "" {
		t.Error(diff)
	}
	wantArgs := []any{"given", january.Start.AddDate(0, 0, -14), january.Start, january.End, "given"}
	if diff := cmp.Diff(wantArgs, st.Args); diff != "" {
		t.Error(diff)
	}
}

func TestParse_errors(t *testing.T) {
	for _, c := range []struct {
		name, src, want string
	}{
		{"empty", "", "x.sql:1: the file does not begin with a header: /*--- … ---*/"},
		{"no header", "select 1", "x.sql:1: the file does not begin with a header: /*--- … ---*/"},
		{"open header", "/*---\nid: x\n", "x.sql:1: the header is not closed with ---*/"},
		{"no query", "/*---\nid: x\n---*/\n\n", "x.sql:3: there is no query after the header"},
		{"open string", "/*---\nid: x\n---*/\nselect\n 'a", "x.sql:5: a string is not closed"},
		{"open name", "/*---\nid: x\n---*/\nselect\n \"a", "x.sql:5: a quoted name is not closed"},
		{"open comment", "/*---\nid: x\n---*/\nselect /* a", "x.sql:4: a comment is not closed"},
		{"open bracket", "/*---\nid: x\n---*/\nselect (1", "x.sql:4: a bracket is not closed"},
		{"closing bracket", "/*---\nid: x\n---*/\nselect 1)", "x.sql:4: closing bracket without an opening one"},
		{"two statements", "/*---\nid: x\n---*/\nselect 1; select 2", "x.sql:4: the file holds more than one statement"},
		{"bare dollar", "/*---\nid: x\n---*/\nselect $", "x.sql:4: $ is not followed by a parameter name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := sqlfile.Parse("x.sql", []byte(c.src))
			var at *sqlfile.Error
			if !errors.As(err, &at) || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestHeader_isStrict(t *testing.T) {
	type header struct {
		ID     string         `yaml:"id"`
		Params sqlfile.Params `yaml:"params"`
	}
	for _, c := range []struct {
		name, yaml, want string
	}{
		{"good", "id: x\nparams:\n  a: {type: integer, default: 1, doc: d}", ""},
		{"unknown", "id: x\nparms: {}", `x.sql:3: the header has the unknown key "parms"; did you mean "params"?`},
		{"nested", "id: x\nparams:\n  a: {typ: integer}", `x.sql:4: the header has the unknown key "typ"; did you mean "type"?`},
		{"far off", "id: x\nzzzzzz: 1", `x.sql:3: the header has the unknown key "zzzzzz"`},
		{"twice", "id: x\nid: y", `x.sql:3: the header is not right: mapping key "id" already defined`},
		{"type", "id: [x]", "x.sql:2: the header has a value that should be of type string"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := sqlfile.Parse("x.sql", []byte("/*---\n"+c.yaml+"\n---*/\nselect 1"))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := f.Header(&header{}); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestValues(t *testing.T) {
	params := sqlfile.Params{
		"n":      {Type: "integer", Default: 1, Doc: "d"},
		"x":      {Type: "double", Default: 0.8, Doc: "d"},
		"s":      {Type: "varchar", Doc: "d"},
		"b":      {Type: "boolean", Default: false, Doc: "d"},
		"at":     {Type: "timestamp", Doc: "d"},
		"i_days": {Type: "days", Default: 0, Doc: "d"},
	}
	if err := params.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, value string
		want        any
	}{
		{"n", "-5", int64(-5)},
		{"x", "1e3", 1000.0},
		{"s", "", ""},
		{"s", "'; drop table x; --", "'; drop table x; --"},
		{"b", "TRUE", true},
		{"at", "2026-01-31T12:00:00+01:00", time.Date(2026, 1, 31, 11, 0, 0, 0, time.UTC)},
		{"at", "2026-01-31", time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)},
		{"i_days", "30d", int64(30)},
		{"n", "1.5", `parameter "n": "1.5" is not a whole number`},
		{"n", "99999999999999999999", `parameter "n": "99999999999999999999" is not a whole number`},
		{"x", "NaN", `parameter "x": "NaN" is not a number`},
		{"x", "Inf", `parameter "x": "Inf" is not a number`},
		{"b", "yes", `parameter "b": "yes" is neither true nor false`},
		{"at", "yesterday", `parameter "at": "yesterday" is not a time such as 2026-01-31T12:00:00Z`},
		{"i_days", "-1", `parameter "i_days": "-1" is not a number of days from 0 to 36500`},
		{"i_day", "1", `there is no parameter "i_day"; did you mean "i_days"?`},
		{"nothing_like_it", "1", `there is no parameter "nothing_like_it"; there are: at, b, i_days, n, s, x`},
	} {
		t.Run(c.name+"="+c.value, func(t *testing.T) {
			values, err := params.Values(map[string]string{c.name: c.value}, january)
			got := values[c.name]
			if err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestValidate_namesTheParameter(t *testing.T) {
	for want, params := range map[string]sqlfile.Params{
		`parameter "Big" is not snake_case`:                                         {"Big": {Type: "integer", Doc: "d"}},
		`parameter "window_start" exists everywhere and must not be declared`:       {"window_start": {Type: "timestamp", Doc: "d"}},
		`parameter "a" has no doc`:                                                  {"a": {Type: "integer"}},
		`parameter "a" is required and has a default`:                               {"a": {Type: "integer", Default: 1, Required: true, Doc: "d"}},
		`default of parameter "a": "x" is not a whole number`:                       {"a": {Type: "integer", Default: "x", Doc: "d"}},
		`parameter "a" of type days must be called a_days`:                          {"a": {Type: "days", Doc: "d"}},
		`parameter "a" has the unknown type "int"; types are boolean, days, double`: {"a": {Type: "int", Doc: "d"}},
	} {
		if err := params.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestCheckUse(t *testing.T) {
	f := parse(t, "select $a, $lookback_start, $gone from t where x >= $window_start")
	params := sqlfile.Params{
		"a":             {Type: "integer", Doc: "d"},
		"lookback_days": {Type: "days", Doc: "d"},
		"idle":          {Type: "integer", Doc: "d"},
	}
	want := []string{
		"the query uses $gone, which the header does not declare",
		`the header declares parameter "idle", which the query does not use`,
	}
	if diff := cmp.Diff(want, f.CheckUse(params)); diff != "" {
		t.Error(diff)
	}
}

func TestNearest(t *testing.T) {
	candidates := []string{"severity", "status", "summary"}
	for in, want := range map[string]string{"severty": "severity", "Status": "status", "sumxary": "summary", "zzz": "", "": ""} {
		if got := sqlfile.Nearest(in, candidates); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("/*---\nid: x\n---*/\nselect $a, 'b', \"c\" -- d\n/* e */ from f;")
	f.Add("/*---\n---*/ select ((1)) ;")
	f.Fuzz(func(t *testing.T, src string) {
		file, err := sqlfile.Parse("x.sql", []byte(src))
		if err != nil {
			return
		}
		end := 0
		for _, token := range file.Tokens() {
			if token.Start < end || token.End <= token.Start || token.Depth < 0 {
				t.Fatalf("token %+v overlaps or is empty", token)
			}
			end = token.End
		}
		params := sqlfile.Params{}
		for _, name := range file.Used() {
			params[name] = sqlfile.Param{Type: "integer"}
		}
		if _, order, err := file.Prepare(params); err != nil || len(order) < len(file.Used()) {
			t.Fatalf("prepare: %v, %v", order, err)
		}
	})
}
