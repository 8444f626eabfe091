package sqllint_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kmstrail/kmstrail/internal/sqlfile"
	"github.com/kmstrail/kmstrail/internal/sqllint"
)

// testCase is a line of a file of cases.
type testCase struct {
	section string
	// sql is an expression, or a query that begins with select or with.
	sql string
	// want is what engines give; DuckDB first where they differ. It is empty
	// for what is not run.
	want []string
}

// query is the case as a statement.
func (c testCase) query() string {
	if c.isQuery() {
		return c.sql
	}
	return "select " + c.sql
}

func (c testCase) isQuery() bool {
	first, _, _ := strings.Cut(c.sql, " ")
	return slices.Contains([]string{"select", "with", "from", "values", "pivot", "unpivot", "summarize", "pragma", "attach", "copy", "fetch"}, first)
}

// readCases reads a file of testdata.
func readCases(t *testing.T, name string) []testCase {
	t.Helper()
	src, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var list []testCase
	section := ""
	for line := range strings.Lines(string(src)) {
		line = strings.TrimSuffix(line, "\n")
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = title
			continue
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		sql, want, ok := strings.Cut(line, " --> ")
		c := testCase{section: section, sql: sql}
		if ok {
			c.want = strings.Split(want, " | ")
		}
		list = append(list, c)
	}
	return list
}

// lint returns the problems of a case.
func lint(t *testing.T, c testCase) []sqllint.Problem {
	t.Helper()
	f, err := sqlfile.Fragment("case", c.sql)
	if err != nil {
		t.Fatalf("%s: %v", c.sql, err)
	}
	return sqllint.Portable(&f, nil)
}

// sections counts the cases of each section.
func sections(list []testCase) map[string]int {
	n := map[string]int{}
	for _, c := range list {
		n[c.section]++
	}
	return n
}

func TestAllowedCasesPass(t *testing.T) {
	for _, c := range slices.Concat(readCases(t, "functions.txt"), readCases(t, "unseen.txt")) {
		for _, p := range lint(t, c) {
			t.Errorf("%s: %s: %s", c.sql, p.Key, p.Message)
		}
	}
}

// TestEveryFunctionAndTypeHasCases holds the list of what is allowed to what
// is proved.
func TestEveryFunctionAndTypeHasCases(t *testing.T) {
	cases := readCases(t, "functions.txt")
	n := sections(cases)
	for _, f := range sqllint.Functions() {
		if n[f.Name] < 2 {
			t.Errorf("%s has %d cases in functions.txt, want at least 2", f.Name, n[f.Name])
		}
	}
	for _, typ := range sqllint.Types() {
		if !slices.ContainsFunc(cases, func(c testCase) bool { return strings.Contains(c.sql, "as "+typ.Name+")") }) {
			t.Errorf("no case of functions.txt casts to %s", typ.Name)
		}
	}
	for _, c := range cases {
		if !strings.Contains(c.section, ":") && !strings.Contains(c.sql, c.section+"(") {
			t.Errorf("%s: has no %s", c.sql, c.section)
		}
	}
}

// TestRefusedCases holds each refused case to the entry that refuses it and to
// the entry's message.
func TestRefusedCases(t *testing.T) {
	entries := map[string][]string{}
	for _, r := range sqllint.Refusals() {
		entries[r.Key] = append(entries[r.Key], r.Message)
	}
	for _, c := range readCases(t, "refused.txt") {
		problems := lint(t, c)
		i := slices.IndexFunc(problems, func(p sqllint.Problem) bool { return p.Key == c.section })
		if i < 0 {
			t.Errorf("%s: is not refused as %s, but as %v", c.sql, c.section, problems)
			continue
		}
		says := func(form string) bool { return strings.Contains(problems[i].Message, form) }
		if !slices.ContainsFunc(entries[c.section], says) && problems[i].Rule != "clock" && !says("not on the list") && !says("typed columns") {
			t.Errorf("%s: the message is %q, want one of %q", c.sql, problems[i].Message, entries[c.section])
		}
	}
}

// TestEveryRefusalHasACase holds the lists of what is refused to what is proved.
func TestEveryRefusalHasACase(t *testing.T) {
	n := sections(readCases(t, "refused.txt"))
	known := map[string]bool{}
	for _, r := range sqllint.Refusals() {
		known[r.Key] = true
		if n[r.Key] == 0 {
			t.Errorf("the %s %s has no case in refused.txt", r.Kind, r.Key)
		}
	}
	for section := range n {
		if !known[section] {
			t.Errorf("refused.txt has cases of %s, which nothing refuses", section)
		}
	}
}

// TestForms holds forms of names that look like calls or refused words.
func TestForms(t *testing.T) {
	for _, sql := range []string{
		"with days (day) as (select x from u) select day from days",
		"select t.first, t.list, t.row, t.uuid, x as random from t",
		"select count(*) from (values (1, 2)) as range (a, b)",
		"select cast(x as timestamp(6)) as end_time from t order by x, lower(y) desc nulls last limit 3",
		"select x || ',' || y from t where x in (1, 2) and (a + b) = (c + d)",
		"select -t.x as x from t order by x desc",
		"select ln(case when x > 0 then x end) / ln(10) as digits, a / avg(b) over () as share from t",
		"select (a + b) * 2 from t where (a) = (b) and x is not null and not coalesce(y, false)",
		"select t.x as x, y from t order by case when x > 0 then 1 end",
		"select cast(case when to_unixtime(a) > 5e0 then 1 else 2 end as bigint) from t",
		"select sum(x) over (partition by y order by z rows between 1 preceding and current row) from t",
	} {
		for _, p := range lint(t, testCase{sql: sql}) {
			t.Errorf("%s: %s: %s", sql, p.Key, p.Message)
		}
	}
}
