package flightclient

import (
	"fmt"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// ArgumentError says that a value is of a type that no parameter has.
type ArgumentError struct {
	Index int // from 0
	Value any
}

func (e *ArgumentError) Error() string {
	return fmt.Sprintf("bind parameter %d: a %T cannot be a parameter", e.Index+1, e.Value)
}

// record is the one row that binds args.
func record(args []any) (arrow.RecordBatch, error) {
	fields := make([]arrow.Field, len(args))
	columns := make([]arrow.Array, 0, len(args))
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	for i, arg := range args {
		t, ok := typeOf(arg)
		if !ok {
			return nil, &ArgumentError{Index: i, Value: arg}
		}
		fields[i] = arrow.Field{Name: strconv.Itoa(i + 1), Type: t, Nullable: true}
		b := array.NewBuilder(memory.DefaultAllocator, t)
		fill(b, arg)
		columns = append(columns, b.NewArray())
		b.Release()
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, 1), nil
}

func typeOf(arg any) (arrow.DataType, bool) {
	switch arg.(type) {
	case nil, string: // a NULL is one of whatever type
		return arrow.BinaryTypes.String, true
	case int, int64:
		return arrow.PrimitiveTypes.Int64, true
	case float64:
		return arrow.PrimitiveTypes.Float64, true
	case bool:
		return arrow.FixedWidthTypes.Boolean, true
	case time.Time:
		return &arrow.TimestampType{Unit: arrow.Microsecond}, true
	case []string:
		return arrow.ListOf(arrow.BinaryTypes.String), true
	}
	return nil, false
}

// fill appends a value to a builder of its type.
func fill(b array.Builder, arg any) {
	if arg == nil {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.StringBuilder:
		b.Append(arg.(string))
	case *array.Int64Builder:
		if n, ok := arg.(int); ok {
			arg = int64(n)
		}
		b.Append(arg.(int64))
	case *array.Float64Builder:
		b.Append(arg.(float64))
	case *array.BooleanBuilder:
		b.Append(arg.(bool))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(arg.(time.Time).UnixMicro()))
	case *array.ListBuilder:
		b.Append(true)
		values := b.ValueBuilder().(*array.StringBuilder)
		for _, s := range arg.([]string) {
			values.Append(s)
		}
	}
}
