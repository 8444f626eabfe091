package schema

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/extensions"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Rows builds a record batch of t from Go values, one slice per row with a
// value per column: string, int, int64, float64, bool, time.Time, [16]byte or
// uuid.UUID for UUIDs, map[string]string, []string, and nil for NULL. It is for
// small tables; log records take a faster way. The caller releases the batch.
func Rows(t *Table, rows [][]any) (arrow.RecordBatch, error) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, t.Arrow())
	defer b.Release()
	for i, row := range rows {
		if len(row) != len(t.Columns) {
			return nil, fmt.Errorf("build rows of %s: row %d has %d values, the table has %d columns", t.Name, i, len(row), len(t.Columns))
		}
		for j, v := range row {
			if err := appendValue(b.Field(j), t.Columns[j], v); err != nil {
				return nil, fmt.Errorf("build rows of %s: row %d: column %s: %w", t.Name, i, t.Columns[j].Name, err)
			}
		}
	}
	return b.NewRecordBatch(), nil
}

func appendValue(b array.Builder, c Column, v any) error {
	if v == nil {
		if c.NotNull {
			return fmt.Errorf("NULL is not allowed")
		}
		b.AppendNull()
		return nil
	}
	switch b := b.(type) {
	case *array.StringBuilder:
		return appendAs(v, b.Append)
	case *array.Float64Builder:
		return appendAs(v, b.Append)
	case *array.BooleanBuilder:
		return appendAs(v, b.Append)
	case *array.Int64Builder:
		return appendInt(v, b.Append)
	case *array.Int32Builder:
		return appendInt(v, func(n int64) { b.Append(int32(n)) })
	case *array.TimestampBuilder:
		return appendAs(v, func(at time.Time) { b.Append(arrow.Timestamp(at.UnixMicro())) })
	case *extensions.UUIDBuilder:
		return appendUUID(b, v)
	case *array.MapBuilder:
		return appendAs(v, func(m map[string]string) { appendMap(b, m) })
	case *array.ListBuilder:
		return appendAs(v, func(list []string) { appendList(b, list) })
	}
	return fmt.Errorf("no builder for %s", c.Type.SQL())
}

func appendAs[T any](v any, add func(T)) error {
	x, ok := v.(T)
	if !ok {
		return fmt.Errorf("is a %T, want a %T", v, x)
	}
	add(x)
	return nil
}

func appendInt(v any, add func(int64)) error {
	switch n := v.(type) {
	case int:
		add(int64(n))
	case int32:
		add(int64(n))
	case int64:
		add(n)
	default:
		return fmt.Errorf("is a %T, want an int64", v)
	}
	return nil
}

func appendUUID(b *extensions.UUIDBuilder, v any) error {
	switch id := v.(type) {
	case [16]byte:
		b.AppendBytes(id)
	case interface{ MarshalBinary() ([]byte, error) }:
		raw, err := id.MarshalBinary()
		if err != nil {
			return err
		}
		if len(raw) != 16 {
			return fmt.Errorf("is %d bytes long, want 16", len(raw))
		}
		b.AppendBytes([16]byte(raw))
	default:
		return fmt.Errorf("is a %T, want a [16]byte", v)
	}
	return nil
}

// appendMap adds the entries in the order of their keys, so that equal maps
// are equal bytes.
func appendMap(b *array.MapBuilder, m map[string]string) {
	b.Append(true)
	keys, items := b.KeyBuilder().(*array.StringBuilder), b.ItemBuilder().(*array.StringBuilder)
	for _, k := range slices.Sorted(maps.Keys(m)) {
		keys.Append(k)
		items.Append(m[k])
	}
}

func appendList(b *array.ListBuilder, list []string) {
	b.Append(true)
	values := b.ValueBuilder().(*array.StringBuilder)
	for _, s := range list {
		values.Append(s)
	}
}
