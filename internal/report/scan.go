package report

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/internal/rows"
)

// Store answers trusted SQL. Parameters are positional: string, int64,
// time.Time (a TIMESTAMP in UTC), []string.
type Store interface {
	Query(ctx context.Context, sql string, args ...any) (array.RecordReader, error)
}

// query is one statement of Build. The name stands in errors.
type query struct {
	name string
	sql  string
	args []any
}

// each runs the query and calls visit with every row.
func each(ctx context.Context, store Store, q query, visit func(r rows.Row)) error {
	reader, err := store.Query(ctx, q.sql, q.args...)
	if err == nil {
		err = rows.Scan(reader, visit)
	}
	if err != nil {
		return fmt.Errorf("read %s for the report: %w", q.name, err)
	}
	return nil
}

// momentOrNil is a TIMESTAMP or DATE with nil for NULL.
func momentOrNil(r rows.Row, column int) *time.Time {
	t := r.Moment(column)
	if t.IsZero() {
		return nil
	}
	return &t
}
