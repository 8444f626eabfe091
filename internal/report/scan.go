package report

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
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

// each runs the query and calls visit with every row. The row is valid only
// during the call; what it returns may be kept.
func each(ctx context.Context, store Store, q query, visit func(r row)) error {
	reader, err := store.Query(ctx, q.sql, q.args...)
	if err != nil {
		return fmt.Errorf("read %s for the report: %w", q.name, err)
	}
	defer reader.Release()
	for reader.Next() {
		batch := reader.RecordBatch()
		for i := range int(batch.NumRows()) {
			visit(row{batch: batch, i: i})
		}
	}
	if err := reader.Err(); err != nil {
		return fmt.Errorf("read %s for the report: %w", q.name, err)
	}
	return nil
}

// row is one row of a result. NULL reads as the zero value.
type row struct {
	batch arrow.RecordBatch
	i     int
}

// text returns a VARCHAR, copied out of the batch.
func (r row) text(column int) string {
	switch c := r.batch.Column(column).(type) {
	case *array.String:
		if c.IsNull(r.i) {
			return ""
		}
		return strings.Clone(c.Value(r.i))
	case *array.LargeString:
		if c.IsNull(r.i) {
			return ""
		}
		return strings.Clone(c.Value(r.i))
	default:
		if c.IsNull(r.i) {
			return ""
		}
		return c.ValueStr(r.i)
	}
}

// number returns an integer of any width.
func (r row) number(column int) int64 {
	c := r.batch.Column(column)
	if c.IsNull(r.i) {
		return 0
	}
	switch c := c.(type) {
	case *array.Int64:
		return c.Value(r.i)
	case *array.Int32:
		return int64(c.Value(r.i))
	case *array.Decimal128:
		return int64(c.Value(r.i).LowBits())
	default:
		return 0
	}
}

// float returns a DOUBLE.
func (r row) float(column int) float64 {
	c, ok := r.batch.Column(column).(*array.Float64)
	if !ok || c.IsNull(r.i) {
		return 0
	}
	return c.Value(r.i)
}

// moment returns a TIMESTAMP or DATE, the zero time for NULL.
func (r row) moment(column int) time.Time {
	c := r.batch.Column(column)
	if c.IsNull(r.i) {
		return time.Time{}
	}
	switch c := c.(type) {
	case *array.Timestamp:
		unit := c.DataType().(*arrow.TimestampType).Unit
		return c.Value(r.i).ToTime(unit).UTC()
	case *array.Date32:
		return c.Value(r.i).ToTime().UTC()
	default:
		return time.Time{}
	}
}

// momentOrNil is moment with nil for NULL.
func (r row) momentOrNil(column int) *time.Time {
	t := r.moment(column)
	if t.IsZero() {
		return nil
	}
	return &t
}
