package plugin

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// row is a row of an answer to a question of our own, whose columns are text,
// BIGINT, TIMESTAMP or DATE.
type row struct {
	rec arrow.RecordBatch
	i   int
}

// text is "" for NULL.
func (r row) text(column int) string {
	c := r.rec.Column(column)
	if c.IsNull(r.i) {
		return ""
	}
	return c.ValueStr(r.i)
}

// number is 0 for NULL.
func (r row) number(column int) int64 {
	if c, ok := r.rec.Column(column).(*array.Int64); ok && !c.IsNull(r.i) {
		return c.Value(r.i)
	}
	return 0
}

// moment is the zero time for NULL.
func (r row) moment(column int) time.Time {
	c := r.rec.Column(column)
	if c.IsNull(r.i) {
		return time.Time{}
	}
	switch c := c.(type) {
	case *array.Timestamp:
		return c.Value(r.i).ToTime(c.DataType().(*arrow.TimestampType).Unit)
	case *array.Date32:
		return c.Value(r.i).ToTime()
	}
	return time.Time{}
}

// mostOwnRows bounds the answers to questions of our own, which have limits.
const mostOwnRows = 100_000

// ask runs a question of our own and reads its rows.
func ask[V any](ctx context.Context, s server, sql string, read func(row) V) ([]V, error) {
	r, err := s.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	var out []V
	for r.Next() {
		rec := r.RecordBatch()
		for i := range int(rec.NumRows()) {
			out = append(out, read(row{rec, i}))
		}
		if len(out) > mostOwnRows {
			return nil, fmt.Errorf("more than %d rows came where fewer were asked for", mostOwnRows)
		}
	}
	return out, r.Err()
}
