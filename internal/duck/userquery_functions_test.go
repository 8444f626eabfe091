//go:build duckdb_arrow

package duck

import (
	"strings"
	"testing"
)

// TestEveryFunctionIsJudged: a version of DuckDB that has a function nobody
// judged does not go out.
func TestEveryFunctionIsJudged(t *testing.T) {
	s := openTemp(t)
	kinds := map[string]string{"scalar": "functions", "aggregate": "functions", "macro": "functions", "table": "tables", "table_macro": "tables", "pragma": "pragmas"}
	have := map[string]bool{}
	for _, row := range table(t, s, "SELECT DISTINCT function_type, function_name FROM duckdb_functions()") {
		kind, name := kinds[row[0]], lower(row[1])
		if kind == "" {
			t.Errorf("DuckDB has functions of the kind %q; judge them", row[0])
		}
		have[kind+" "+name] = true
		if _, ok := judged()[kind][name]; !ok {
			t.Errorf("%s %s is neither allowed nor refused; add it to userquery_functions.txt", row[0], name)
		}
	}
	// The parser makes these by itself.
	for _, name := range []string{"unnest", "grouping", "grouping_id"} {
		have["functions "+name] = true
	}
	for kind, names := range judged() {
		for name := range names {
			if !have[kind+" "+name] {
				t.Errorf("userquery_functions.txt judges %s %s, which DuckDB does not have", kind, name)
			}
		}
	}
}

// TestNoFunctionIsJudgedTwice, nor any section without a reason.
func TestNoFunctionIsJudgedTwice(t *testing.T) {
	seen := map[string]bool{}
	kind := ""
	for line := range strings.Lines(functionsText) {
		if !strings.HasPrefix(line, "  ") {
			head, reason, ok := strings.Cut(strings.TrimSpace(line), ": ")
			if verb, k, _ := strings.Cut(head, " "); ok && !strings.HasPrefix(line, "#") {
				if kind = k; verb != "allow" && verb != "refuse" || reason == "" {
					t.Errorf("%q is no head of a section", line)
				}
			}
			continue
		}
		for name := range strings.FieldsSeq(line) {
			if seen[kind+name] {
				t.Errorf("%s %s stands twice in userquery_functions.txt", kind, name)
			}
			seen[kind+name] = true
		}
	}
	if len(seen) < 800 {
		t.Errorf("only %d functions are judged", len(seen))
	}
}

// TestMacrosThatCopy: the estimate of a query's size knows every macro that
// may be called and has an argument more than once.
func TestMacrosThatCopy(t *testing.T) {
	s := openTemp(t)
	for _, row := range table(t, s, "SELECT DISTINCT lower(function_name), p.p, macro_definition FROM duckdb_functions(), unnest(parameters) p(p) WHERE function_type = 'macro'") {
		name, param, definition := row[0], row[1], row[2]
		words := strings.FieldsFunc(definition, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_'
		})
		n := 0
		for _, w := range words {
			if w == param {
				n++
			}
		}
		if judged()["functions"][name] == "" && n > 1 && !copies[name] {
			t.Errorf("the macro %s has its argument %s %d times (%s); add it to copies", name, param, n, definition)
		}
	}
}
