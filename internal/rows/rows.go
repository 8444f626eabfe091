// Package rows reads small query results row by row.
package rows

import (
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Each hands each row of a result to visit, the values by column name: string
// (also for dates and UUIDs), int64, float64, bool, time.Time (UTC), []any,
// map[string]any or nil. It releases the reader.
func Each(r array.RecordReader, visit func(row map[string]any) error) error {
	defer r.Release()
	names := Names(r)
	for r.Next() {
		batch := r.RecordBatch()
		for row := range int(batch.NumRows()) {
			values := make(map[string]any, len(names))
			for col, name := range names {
				v, err := value(batch.Column(col), row)
				if err != nil {
					return fmt.Errorf("read column %s: %w", name, err)
				}
				values[name] = v
			}
			if err := visit(values); err != nil {
				return err
			}
		}
	}
	// A stream that breaks ends like one that is complete.
	return r.Err()
}

// Names returns the names of a result's columns, in order.
func Names(r array.RecordReader) []string {
	fields := r.Schema().Fields()
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names
}

// value returns the Go value of one cell.
func value(a arrow.Array, i int) (any, error) {
	if a.IsNull(i) {
		return nil, nil
	}
	switch a := a.(type) {
	case *array.String:
		return strings.Clone(a.Value(i)), nil
	case *array.LargeString:
		return strings.Clone(a.Value(i)), nil
	case *array.StringView:
		return strings.Clone(a.Value(i)), nil
	case *array.Int64:
		return a.Value(i), nil
	case *array.Decimal128:
		return decimalValue(a, i), nil
	case *array.Map:
		return mapValue(a, i)
	case *array.Int32:
		return int64(a.Value(i)), nil
	case *array.Float64:
		return a.Value(i), nil
	case *array.Float32:
		return float64(a.Value(i)), nil
	case *array.Boolean:
		return a.Value(i), nil
	case *array.Timestamp:
		unit := a.DataType().(*arrow.TimestampType).Unit
		return a.Value(i).ToTime(unit).UTC(), nil
	case *array.Date32:
		return a.Value(i).ToTime().UTC().Format(time.DateOnly), nil
	case *array.List:
		start, end := a.ValueOffsets(i)
		return listValue(a.ListValues(), int(start), int(end))
	case *array.LargeList:
		start, end := a.ValueOffsets(i)
		return listValue(a.ListValues(), int(start), int(end))
	}
	return nil, fmt.Errorf("the type %s cannot be read row by row", a.DataType())
}

// decimalValue returns a whole number as int64 where that can hold it, and any
// other as text.
func decimalValue(a *array.Decimal128, i int) any {
	if t, ok := a.DataType().(*arrow.Decimal128Type); ok && t.Scale == 0 {
		if n := a.Value(i).BigInt(); n.IsInt64() {
			return n.Int64()
		}
	}
	return a.ValueStr(i)
}

// mapValue returns a map with text keys as map[string]any.
func mapValue(a *array.Map, i int) (any, error) {
	start, end := a.ValueOffsets(i)
	out := make(map[string]any, end-start)
	for j := int(start); j < int(end); j++ {
		v, err := value(a.Items(), j)
		if err != nil {
			return nil, err
		}
		out[strings.Clone(a.Keys().ValueStr(j))] = v
	}
	return out, nil
}

func listValue(values arrow.Array, start, end int) (any, error) {
	out := make([]any, 0, end-start)
	for j := start; j < end; j++ {
		v, err := value(values, j)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}
