package main

import (
	"context"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/internal/duck"
)

// row is one row of a result; NULL reads as the zero value.
type row struct {
	batch arrow.RecordBatch
	i     int
}

// eachRow runs one of our own queries.
func eachRow(ctx context.Context, store *duck.Store, sql string, args []any, visit func(r row)) error {
	reader, err := store.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer reader.Release()
	for reader.Next() {
		batch := reader.RecordBatch()
		for i := range int(batch.NumRows()) {
			visit(row{batch, i})
		}
	}
	return reader.Err()
}

func (r row) text(column int) string {
	c := r.batch.Column(column)
	if c.IsNull(r.i) {
		return ""
	}
	return string(append([]byte(nil), c.ValueStr(r.i)...))
}

func (r row) number(column int) int64 {
	switch c := r.batch.Column(column).(type) {
	case *array.Int64:
		if c.IsValid(r.i) {
			return c.Value(r.i)
		}
	case *array.Int32:
		if c.IsValid(r.i) {
			return int64(c.Value(r.i))
		}
	case *array.Decimal128:
		if c.IsValid(r.i) {
			return int64(c.Value(r.i).LowBits())
		}
	}
	return 0
}

func (r row) moment(column int) time.Time {
	switch c := r.batch.Column(column).(type) {
	case *array.Timestamp:
		if c.IsValid(r.i) {
			return c.Value(r.i).ToTime(c.DataType().(*arrow.TimestampType).Unit).UTC()
		}
	case *array.Date32:
		if c.IsValid(r.i) {
			return c.Value(r.i).ToTime().UTC()
		}
	}
	return time.Time{}
}
