package plugin

import (
	"strings"
	"testing"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/frames"
	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/macros"
)

func TestParseQuery(t *testing.T) {
	for _, test := range []struct{ name, in, wrong string }{
		{"sql", `{"kind":"sql","sql":"SELECT 1","refId":"A","datasource":{"uid":"x"}}`, ""},
		{"builder", `{"kind":"builder","builder":{"table":"keys"}}`, ""},
		{"named", `{"kind":"named","named":{"id":"key_users","params":{}}}`, ""},
		{"findings", `{"kind":"findings"}`, ""},
		{"lifecycle", `{"kind":"lifecycle","lifecycle":{"keys":["$key"]}}`, ""},
		{"no JSON", `{`, "read query"},
		{"another type", `{"kind":"sql","sql":1}`, "read query"},
		{"no kind", `{}`, "unknown kind"},
		{"no SQL", `{"kind":"sql"}`, "is empty"},
		{"no table", `{"kind":"builder"}`, "is empty"},
		{"no name", `{"kind":"named","named":{}}`, "is empty"},
		{"format", `{"kind":"findings","format":"heatmap"}`, "unknown format"},
		{"fill", `{"kind":"findings","fill":"linear"}`, "unknown fill"},
		{"limit", `{"kind":"findings","limit":-1}`, "negative"},
	} {
		t.Run(test.name, func(t *testing.T) {
			q, err := ParseQuery([]byte(test.in))
			if test.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), test.wrong) {
					t.Errorf("%v", err)
				}
			} else if err != nil || q.Format != frames.FormatAuto || q.Fill != frames.FillNone {
				t.Errorf("%+v, %v", q, err)
			}
		})
	}
}

func FuzzParseQuery(f *testing.F) {
	f.Add([]byte(`{"kind":"sql","sql":"SELECT 1","adhoc":[{"key":"a","operator":"=","value":"b"}],"variables":{"x":["y"]}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		q, err := ParseQuery(in)
		if err == nil && (q.Kind == "" || q.Format == "") {
			t.Errorf("%+v", q)
		}
	})
}

func TestResolve(t *testing.T) {
	variables := map[string][]string{"key": {"arn"}, "all": {macros.All}, "two": {"a", "b"}, "none": {}, "empty": {""}}
	for in, want := range map[string]string{
		"x": "x", "$key": "arn", "${key}": "arn", "\t$key": "arn", "$all": "", "${none}": "", "$empty": "", "$other": "", "": "", "a$key": "a$key", "$": "$",
	} {
		got, notices, err := resolve(map[string]string{"p": in}, variables)
		if err != nil || got["p"] != want || (in == "$other") != (len(notices) == 1) {
			t.Errorf("%q becomes %v, %v, %v; want %q", in, got, notices, err, want)
		}
	}
	if _, _, err := resolve(map[string]string{"p": "$two"}, variables); err == nil {
		t.Error("two values for one parameter")
	}
}

func TestWordEnd(t *testing.T) {
	for _, test := range []struct {
		text               string
		line, column, want int
	}{
		{"SELECT nothing FROM", 1, 8, 15},
		{"a\n  b", 2, 3, 4},
		{"é = größe", 1, 5, 10},
		{"a + b", 1, 3, 4},
		{"a", 1, 9, 10},
		{"a", 7, 2, 3},
	} {
		if got := wordEnd(test.text, test.line, test.column); got != test.want {
			t.Errorf("%+v: %d", test, got)
		}
	}
}
