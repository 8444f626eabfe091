package lake

import (
	"cmp"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/kmstrail/kmstrail/schema"
)

// position is a row of one of several batches.
type position struct{ batch, row int32 }

func (p position) compare(other position) int {
	return cmp.Or(cmp.Compare(p.batch, other.batch), cmp.Compare(p.row, other.row))
}

// fileType is the type that a column has in files.
func fileType(t schema.Type) arrow.DataType {
	if t == schema.UUID {
		return arrow.BinaryTypes.String
	}
	return t.Arrow()
}

func newTextBuilder(rows, bytes int) *array.StringBuilder {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	b.Reserve(rows)
	b.ReserveData(bytes)
	return b
}

func newTimestampBuilder(rows int) *array.TimestampBuilder {
	b := array.NewTimestampBuilder(memory.DefaultAllocator, schema.Timestamp.Arrow().(*arrow.TimestampType))
	b.Reserve(rows)
	return b
}

// gatherAll copies rows out of batches that have the columns of the table's
// files.
func gatherAll(t *Table, batches [][]arrow.Array, rows []position) []arrow.Array {
	columns := t.Columns()
	out := make([]arrow.Array, len(columns))
	for j, c := range columns {
		from := make([]arrow.Array, len(batches))
		for i, b := range batches {
			from[i] = b[j]
		}
		out[j] = gather(fileType(c.Type), from, rows)
	}
	return out
}

// gather copies rows of a column.
func gather(t arrow.DataType, from []arrow.Array, rows []position) arrow.Array {
	b := array.NewBuilder(memory.DefaultAllocator, t)
	defer b.Release()
	b.Reserve(len(rows))
	if allNull(from) {
		b.AppendNulls(len(rows))
		return b.NewArray()
	}
	switch b := b.(type) {
	case *array.StringBuilder:
		copyRows(b, from, rows, func(col *array.String, row int) { b.Append(col.Value(row)) })
	case *array.TimestampBuilder:
		copyRows(b, from, rows, func(col *array.Timestamp, row int) { b.UnsafeAppend(col.Value(row)) })
	case *array.Int64Builder:
		copyRows(b, from, rows, func(col *array.Int64, row int) { b.UnsafeAppend(col.Value(row)) })
	case *array.Int32Builder:
		copyRows(b, from, rows, func(col *array.Int32, row int) { b.UnsafeAppend(col.Value(row)) })
	case *array.Float64Builder:
		copyRows(b, from, rows, func(col *array.Float64, row int) { b.UnsafeAppend(col.Value(row)) })
	case *array.BooleanBuilder:
		copyRows(b, from, rows, func(col *array.Boolean, row int) { b.UnsafeAppend(col.Value(row)) })
	case *array.MapBuilder:
		copyMaps(b, from, rows)
	case *array.ListBuilder:
		copyRows(b, from, rows, func(col *array.List, row int) {
			b.Append(true)
			start, end := col.ValueOffsets(row)
			copyText(b.ValueBuilder().(*array.StringBuilder), col.ListValues().(*array.String), start, end)
		})
	}
	return b.NewArray()
}

func allNull(from []arrow.Array) bool {
	for _, col := range from {
		if col.NullN() != col.Len() {
			return false
		}
	}
	return true
}

// copyRows calls value for the rows that are not NULL.
func copyRows[A arrow.Array](b array.Builder, from []arrow.Array, rows []position, value func(col A, row int)) {
	typed := make([]A, len(from))
	for i, col := range from {
		typed[i] = col.(A)
	}
	for _, at := range rows {
		if col, row := typed[at.batch], int(at.row); col.IsNull(row) {
			b.AppendNull()
		} else {
			value(col, row)
		}
	}
}

func copyMaps(b *array.MapBuilder, from []arrow.Array, rows []position) {
	keys, items := b.KeyBuilder().(*array.StringBuilder), b.ItemBuilder().(*array.StringBuilder)
	copyRows(b, from, rows, func(col *array.Map, row int) {
		b.Append(true)
		start, end := col.ValueOffsets(row)
		copyText(keys, col.Keys().(*array.String), start, end)
		copyText(items, col.Items().(*array.String), start, end)
	})
}

func copyText(b *array.StringBuilder, values *array.String, start, end int64) {
	for i := int(start); i < int(end); i++ {
		if values.IsNull(i) {
			b.AppendNull()
		} else {
			b.Append(values.Value(i))
		}
	}
}
