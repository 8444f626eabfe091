package docgen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmstrail/kmstrail/internal/sqllint"
	"github.com/kmstrail/kmstrail/schema"
)

// portableIntro says why there is a list at all.
const portableIntro = `# Portable SQL

Views, detectors and queries run from the same files on DuckDB and on Trino (and
Athena, which is Trino). The two differ less in what they refuse than in what
they answer: ` + "`split_part('a', ':', 2)`" + ` is empty text or NULL, ` + "`7 / 2`" + ` is 3.5 or 3,
` + "`min_by(x, y)`" + ` passes over a NULL or returns it. So the linter allows what is
known to mean the same and refuses the rest, with the form to write instead.

Every line here is held by cases that ran on both engines:
` + "`internal/sqllint/testdata`" + ` has functions.txt (allowed, with the result both
give), refused.txt (refused, with what each gives) and unseen.txt (below, at the
end). The tests fail when an entry has no case or an engine changes its mind.
`

// PortableSQL describes what SQL both engines run alike: the lists of the
// linter, and the differences that it cannot see.
func PortableSQL(unseen []string) string {
	var b strings.Builder
	b.WriteString(portableIntro)
	writePortable(&b)
	writeRefused(&b)
	b.WriteString("\n## What the linter cannot see\n\nIt looks at tokens and knows no types. These stay with whoever writes the query; the run on Trino finds those that it refuses.\n\n")
	for _, rule := range unseen {
		fmt.Fprintf(&b, "* %s.\n", rule)
	}
	return b.String()
}

func writePortable(b *strings.Builder) {
	b.WriteString("\n## Functions\n\nA macro gives DuckDB the name or the meaning that Trino has.\n\n| Function | Arguments | Macro | |\n| --- | --- | --- | --- |\n")
	macros := macroNames()
	for _, f := range sqllint.Functions() {
		macro := ""
		if slices.Contains(macros, f.Name) {
			macro = "yes"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.Name, arguments(f), macro, cell(f.Note))
	}
	b.WriteString("\n## Types in casts\n\n| Type | |\n| --- | --- |\n")
	for _, t := range sqllint.Types() {
		fmt.Fprintf(b, "| `%s` | %s |\n", t.Name, cell(t.Note))
	}
}

// arguments prints how many arguments a function takes.
func arguments(f sqllint.Function) string {
	switch {
	case f.Max > 9:
		return fmt.Sprintf("%d or more", f.Min)
	case f.Min == f.Max:
		return fmt.Sprint(f.Min)
	default:
		return fmt.Sprintf("%d to %d", f.Min, f.Max)
	}
}

// macroNames lists the functions that macros define in DuckDB.
func macroNames() []string {
	var names []string
	for _, m := range schema.Macros() {
		name, _, _ := strings.Cut(strings.TrimPrefix(m, "CREATE OR REPLACE MACRO "), "(")
		names = append(names, name)
	}
	return names
}

// refusedTables are the kinds of refusals, each a table.
var refusedTables = []struct {
	title, head string
	kinds       []string
}{
	{"Constructs", "Construct", []string{"construct", "call", "cast"}},
	{"Functions", "Function", []string{"function"}},
	{"Words and symbols", "Word", []string{"word", "symbol"}},
}

func writeRefused(b *strings.Builder) {
	b.WriteString("\n## Refused\n")
	list := sqllint.Refusals()
	for _, table := range refusedTables {
		fmt.Fprintf(b, "\n### %s\n\n| %s | Portable form |\n| --- | --- |\n", table.title, table.head)
		for _, r := range list {
			if slices.Contains(table.kinds, r.Kind) {
				fmt.Fprintf(b, "| %s | %s |\n", code(r), cell(r.Message))
			}
		}
	}
	b.WriteString("\n### Clocks and chance\n\nWhat makes a result depend on when, or how often, it is asked for. Write `$window_start` and `$window_end`.\n\n")
	var names []string
	for _, r := range list {
		if r.Kind == "clock" {
			names = append(names, "`"+r.Key+"`")
		}
	}
	b.WriteString(strings.Join(names, ", ") + "\n")
}

// code shows what is refused.
func code(r sqllint.Refusal) string {
	if strings.Contains(r.What, "any other") {
		return r.What
	}
	return "`" + strings.ReplaceAll(r.What, "|", `\|`) + "`"
}
