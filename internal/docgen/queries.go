package docgen

import (
	"fmt"
	"strings"

	"github.com/kmstrail/kmstrail/queries"
)

// Queries describes what each named query answers, its parameters and the
// columns of its result.
func Queries(list []*queries.Query) string {
	var b strings.Builder
	b.WriteString("# Queries\n\nRun with `kmstrail query NAME --param name=value`. Each is one file in `queries/sql`, with its test cases beside it. Every query looks at one window of time.\n\n")
	b.WriteString("| Query | Answers |\n| --- | --- |\n")
	for _, q := range list {
		fmt.Fprintf(&b, "| [%s](#%s) | %s |\n", q.ID, q.ID, cell(q.Title))
	}
	for _, q := range list {
		fmt.Fprintf(&b, "\n## %s\n\n**%s.** %s\n\n%s.\n", q.ID, strings.TrimSuffix(q.Title, "."), paragraphs(q.Description), sentence(q.Grain))
		writeParams(&b, q.Params)
		b.WriteString("\n| Column | Type | |\n| --- | --- | --- |\n")
		for _, c := range q.Columns {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Name, c.Type, cell(c.Doc))
		}
	}
	return b.String()
}

// sentence begins a phrase with a capital and ends it without a period.
func sentence(s string) string {
	s = strings.TrimSuffix(oneLine(s), ".")
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
