package rows

import (
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Row is one row of a result whose columns the reader knows. NULL reads as the
// zero value. A Row is valid only while it is visited; what its methods return
// may be kept.
type Row struct {
	batch arrow.RecordBatch
	i     int
}

// Scan calls visit with every row of a result. It releases the reader.
func Scan(r array.RecordReader, visit func(row Row)) error {
	defer r.Release()
	for r.Next() {
		batch := r.RecordBatch()
		for i := range int(batch.NumRows()) {
			visit(Row{batch, i})
		}
	}
	// A stream that breaks ends like one that is complete.
	return r.Err()
}

// Batch returns where the row stands, for those who print whole rows.
func (r Row) Batch() (batch arrow.RecordBatch, i int) { return r.batch, r.i }

// Text returns a VARCHAR or UUID, or the text of any other value.
func (r Row) Text(column int) string {
	c := r.batch.Column(column)
	if c.IsNull(r.i) {
		return ""
	}
	return strings.Clone(c.ValueStr(r.i))
}

// Number returns an integer of any width; 0 for other types.
func (r Row) Number(column int) int64 {
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

// Float returns a DOUBLE; 0 for other types.
func (r Row) Float(column int) float64 {
	c, ok := r.batch.Column(column).(*array.Float64)
	if !ok || c.IsNull(r.i) {
		return 0
	}
	return c.Value(r.i)
}

// Moment returns a TIMESTAMP or DATE, UTC.
func (r Row) Moment(column int) time.Time {
	c := r.batch.Column(column)
	if c.IsNull(r.i) {
		return time.Time{}
	}
	switch c := c.(type) {
	case *array.Timestamp:
		return c.Value(r.i).ToTime(c.DataType().(*arrow.TimestampType).Unit).UTC()
	case *array.Date32:
		return c.Value(r.i).ToTime().UTC()
	default:
		return time.Time{}
	}
}
