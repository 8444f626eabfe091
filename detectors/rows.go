package detectors

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Column is a column of a query's result: its name and DuckDB type.
type Column struct {
	Name string
	Type string
}

// readRows runs a query and hands each row to visit, the values by column name:
// string, int64, float64, bool, time.Time (UTC), []any or nil. It returns the
// names in order.
func readRows(ctx context.Context, s Store, sql string, args []any, visit func(row map[string]any) error) ([]string, error) {
	r, err := s.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	fields := r.Schema().Fields()
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	for r.Next() {
		batch := r.RecordBatch()
		for row := range int(batch.NumRows()) {
			values := make(map[string]any, len(names))
			for col, name := range names {
				v, err := value(batch.Column(col), row)
				if err != nil {
					return nil, fmt.Errorf("read column %s: %w", name, err)
				}
				values[name] = v
			}
			if err := visit(values); err != nil {
				return nil, err
			}
		}
	}
	// A stream that breaks ends like one that is complete.
	return names, r.Err()
}

// value returns the Go value of one cell.
func value(a arrow.Array, i int) (any, error) {
	if a.IsNull(i) {
		return nil, nil
	}
	switch a := a.(type) {
	case *array.String:
		return string(append([]byte(nil), a.Value(i)...)), nil
	case *array.LargeString:
		return string(append([]byte(nil), a.Value(i)...)), nil
	case *array.StringView:
		return string(append([]byte(nil), a.Value(i)...)), nil
	case *array.Int64:
		return a.Value(i), nil
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
	return nil, fmt.Errorf("the type %s is not one that a finding can hold", a.DataType())
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
