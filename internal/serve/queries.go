package serve

import (
	"fmt"

	"github.com/kmstrail/kmstrail/internal/flightsql"
	"github.com/kmstrail/kmstrail/internal/flightsql/action"
	"github.com/kmstrail/kmstrail/queries"
)

// namedQueries tells the Flight SQL server the built-in queries.
type namedQueries struct{}

var _ flightsql.Queries = namedQueries{}

func (namedQueries) List() ([]action.NamedQuery, error) {
	list, err := queries.Builtin()
	if err != nil {
		return nil, err
	}
	out := make([]action.NamedQuery, len(list))
	for i, q := range list {
		out[i] = describe(q)
	}
	return out, nil
}

func describe(q *queries.Query) action.NamedQuery {
	out := action.NamedQuery{ID: q.ID, Title: q.Title, Description: q.Description, Grain: q.Grain, Params: []action.Param{}}
	for _, name := range q.Params.Names() {
		p := q.Params[name]
		param := action.Param{Name: name, Type: p.Type, Doc: p.Doc, Required: p.Required}
		if p.Default != nil {
			param.Default = new(fmt.Sprint(p.Default))
		}
		out.Params = append(out.Params, param)
	}
	for _, c := range q.Columns {
		out.Columns = append(out.Columns, action.Column(c))
	}
	return out
}

func (namedQueries) Bind(b action.Bind) (string, error) {
	q, err := queries.Get(b.ID)
	if err != nil {
		return "", fmt.Errorf("%w: %w", action.ErrUnknown, err)
	}
	return q.Text(b.Params, queries.Window{Start: b.From.UTC(), End: b.To.UTC()})
}
