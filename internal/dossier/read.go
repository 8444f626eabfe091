package dossier

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/internal/rows"
	"github.com/kmstrail/kmstrail/queries"
)

// Store answers trusted SQL. Parameters are positional: string, int64,
// time.Time (a TIMESTAMP in UTC), []string.
type Store interface {
	Query(ctx context.Context, sql string, args ...any) (array.RecordReader, error)
}

// record is one row of a result, by column name. Asking for a column that the
// result does not have is an error of the whole read: queries change.
type record struct {
	values map[string]any
	err    *error
}

func (r record) value(name string) any {
	v, ok := r.values[name]
	if !ok && *r.err == nil {
		*r.err = fmt.Errorf("the result has no column %s", name)
	}
	return v
}

func (r record) text(name string) string {
	s, _ := r.value(name).(string)
	return s
}

func (r record) number(name string) int64 {
	n, _ := r.value(name).(int64)
	return n
}

func (r record) float(name string) float64 {
	f, _ := r.value(name).(float64)
	return f
}

func (r record) is(name string) bool {
	b, _ := r.value(name).(bool)
	return b
}

func (r record) moment(name string) time.Time {
	t, _ := r.value(name).(time.Time)
	return t
}

// momentOrNil is nil for NULL.
func (r record) momentOrNil(name string) *time.Time {
	t, ok := r.value(name).(time.Time)
	if !ok {
		return nil
	}
	return &t
}

func (r record) list(name string) []string {
	values, _ := r.value(name).([]any)
	out := make([]string, 0, len(values))
	for _, v := range values {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// each runs SQL and calls visit with every row. The name stands in errors.
func (b *builder) each(ctx context.Context, name, sql string, args []any, visit func(r record)) error {
	reader, err := b.store.Query(ctx, sql, args...)
	if err == nil {
		var missing error
		err = rows.Each(reader, func(values map[string]any) error {
			visit(record{values, &missing})
			return missing
		})
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

// ask runs a named query over a window.
func (b *builder) ask(ctx context.Context, id string, params map[string]string, w queries.Window, visit func(r record)) error {
	q, err := namedQuery(id)
	if err != nil {
		return err
	}
	st, err := q.Bind(params, w)
	if err != nil {
		return err
	}
	return b.each(ctx, "query "+id, st.SQL, st.Args, visit)
}

// builtin are the named queries, parsed once.
var builtin = sync.OnceValues(queries.Builtin)

func namedQuery(id string) (*queries.Query, error) {
	list, err := builtin()
	if err != nil {
		return nil, err
	}
	for _, q := range list {
		if q.ID == id {
			return q, nil
		}
	}
	return nil, fmt.Errorf("there is no query %s", id)
}
