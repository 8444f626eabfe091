package queries

import (
	"fmt"

	"github.com/kmstrail/kmstrail/internal/sqllint"
)

// Lint reports what is wrong with a query: parameters that header and SQL do
// not share, SQL outside of the portable subset, columns other than those the
// header lists. columns are what the database says the query returns; nil
// leaves them out.
func (q *Query) Lint(columns []Column) []string {
	var out []string
	for _, text := range q.file.CheckUse(q.Params) {
		out = append(out, q.Path+": "+text)
	}
	for _, p := range append(sqllint.Portable(&q.file, q.Params), sqllint.Outermost(&q.file)...) {
		out = append(out, fmt.Sprintf("%s:%d: %s (%s)", q.Path, p.Line, p.Message, p.Rule))
	}
	for i := range max(len(columns), len(q.Columns)) {
		switch {
		case columns == nil:
		case i >= len(columns):
			out = append(out, fmt.Sprintf("%s: the header lists column %s, which the query does not return", q.Path, q.Columns[i].Name))
		case i >= len(q.Columns):
			out = append(out, fmt.Sprintf("%s: the header does not list column %s %s", q.Path, columns[i].Name, columns[i].Type))
		case columns[i].Name != q.Columns[i].Name || columns[i].Type != q.Columns[i].Type:
			out = append(out, fmt.Sprintf("%s: column %d is %s %s, the header says %s %s", q.Path, i+1,
				columns[i].Name, columns[i].Type, q.Columns[i].Name, q.Columns[i].Type))
		}
	}
	return out
}
