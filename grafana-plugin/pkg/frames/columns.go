package frames

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// typeNameKey is where the server says what a column's type is called in SQL.
const typeNameKey = "ARROW:FLIGHT:SQL:TYPE_NAME"

// A column takes the values of one column of a result, batch by batch.
type column struct {
	field *data.Field
	// source is the column's name as it came, by which it is known to others.
	source   string
	typeName string
	append   appender
	texts    interned
	// bytes is about how much memory the values take.
	bytes  int64
	faults faults
}

// faults counts the values that are not shown as they are.
type faults struct {
	inexact, outside, cut, months int64
}

// An appender adds the first n values of a batch to a column.
type appender func(c *column, a arrow.Array, n int)

// A converter says what becomes of a type of Arrow.
type converter struct {
	field  data.FieldType
	append appender
}

// jsonField is for JSON that may be NULL. A field of json.RawMessage, which the
// SDK advises instead, does not tell which of its values are.
var jsonField = data.FieldTypeFor((*json.RawMessage)(nil))

// converters holds the types that DuckDB can return, at the top of a result.
// All fields are nullable, as all columns of a result are.
var converters = map[arrow.Type]converter{
	arrow.NULL:    {data.FieldTypeNullableString, func(c *column, _ arrow.Array, n int) { c.grow(n, 0) }},
	arrow.BOOL:    {data.FieldTypeNullableBool, plain[bool, *array.Boolean]},
	arrow.INT8:    {data.FieldTypeNullableInt8, plain[int8, *array.Int8]},
	arrow.INT16:   {data.FieldTypeNullableInt16, plain[int16, *array.Int16]},
	arrow.INT32:   {data.FieldTypeNullableInt32, plain[int32, *array.Int32]},
	arrow.INT64:   {data.FieldTypeNullableInt64, appendInt64},
	arrow.UINT8:   {data.FieldTypeNullableUint8, plain[uint8, *array.Uint8]},
	arrow.UINT16:  {data.FieldTypeNullableUint16, plain[uint16, *array.Uint16]},
	arrow.UINT32:  {data.FieldTypeNullableUint32, plain[uint32, *array.Uint32]},
	arrow.UINT64:  {data.FieldTypeNullableUint64, appendUint64},
	arrow.FLOAT32: {data.FieldTypeNullableFloat32, plain[float32, *array.Float32]},
	arrow.FLOAT64: {data.FieldTypeNullableFloat64, plain[float64, *array.Float64]},

	arrow.DECIMAL32:  {data.FieldTypeNullableFloat64, appendDecimal},
	arrow.DECIMAL64:  {data.FieldTypeNullableFloat64, appendDecimal},
	arrow.DECIMAL128: {data.FieldTypeNullableFloat64, appendDecimal},

	arrow.STRING:            {data.FieldTypeNullableString, appendText},
	arrow.LARGE_STRING:      {data.FieldTypeNullableString, appendText},
	arrow.STRING_VIEW:       {data.FieldTypeNullableString, appendText},
	arrow.DICTIONARY:        {data.FieldTypeNullableString, appendDictionary},
	arrow.BINARY:            {data.FieldTypeNullableString, appendBinary},
	arrow.LARGE_BINARY:      {data.FieldTypeNullableString, appendBinary},
	arrow.BINARY_VIEW:       {data.FieldTypeNullableString, appendBinary},
	arrow.FIXED_SIZE_BINARY: {data.FieldTypeNullableString, appendBinary},

	arrow.DATE32:                  {data.FieldTypeNullableTime, appendDate},
	arrow.TIMESTAMP:               {data.FieldTypeNullableTime, appendTimestamp},
	arrow.TIME32:                  {data.FieldTypeNullableString, appendClock},
	arrow.TIME64:                  {data.FieldTypeNullableString, appendClock},
	arrow.INTERVAL_MONTH_DAY_NANO: {data.FieldTypeNullableFloat64, appendInterval},

	arrow.LIST:            {jsonField, appendNested},
	arrow.LARGE_LIST:      {jsonField, appendNested},
	arrow.LIST_VIEW:       {jsonField, appendNested},
	arrow.FIXED_SIZE_LIST: {jsonField, appendNested},
	arrow.STRUCT:          {jsonField, appendNested},
	arrow.MAP:             {jsonField, appendNested},
	arrow.SPARSE_UNION:    {jsonField, appendNested},
	arrow.DENSE_UNION:     {jsonField, appendNested},
}

// converterFor returns what converts a column. JSON differs from other text by
// the name of its type only.
func converterFor(f arrow.Field) (converter, error) {
	kind, ok := converters[f.Type.ID()]
	if !ok {
		return converter{}, fmt.Errorf("its type %s is not known to the plugin: cast it to VARCHAR", f.Type)
	}
	if d, isDict := f.Type.(*arrow.DictionaryType); isDict && !isText(d.ValueType) {
		return converter{}, fmt.Errorf("its type %s is not known to the plugin: cast it to VARCHAR", f.Type)
	}
	if err := checkNested(f.Type); err != nil {
		return converter{}, err
	}
	if _, nested := f.Type.(arrow.NestedType); nested && strings.Contains(typeName(f), "UHUGEINT") {
		// It comes as a signed number, and which ones do is told of columns only.
		return converter{}, errors.New("it holds UHUGEINT, which is known by itself only: cast it to HUGEINT or VARCHAR")
	}
	if typeName(f) == "JSON" && isText(f.Type) {
		kind = converter{jsonField, appendJSONText}
	}
	return kind, nil
}

func typeName(f arrow.Field) string {
	name, _ := f.Metadata.GetValue(typeNameKey)
	return name
}

func isText(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW:
		return true
	}
	return false
}

// newColumns returns a column for each of the schema. The error names the
// column that cannot be one.
func newColumns(s *arrow.Schema) ([]*column, error) {
	out := make([]*column, s.NumFields())
	taken := map[string]bool{}
	for i, f := range s.Fields() {
		conv, err := converterFor(f)
		if err != nil {
			return nil, fmt.Errorf("convert column %q: %w", f.Name, err)
		}
		name := unique(columnName(f.Name, i), taken)
		field := data.NewFieldFromFieldType(conv.field, 0)
		field.Name = name
		out[i] = &column{field: field, source: f.Name, typeName: typeName(f), append: conv.append}
	}
	return out, nil
}

// columnName is a name that Grafana can show.
func columnName(name string, i int) string {
	name, _ = cut(clean(name), 200)
	if strings.TrimSpace(name) == "" {
		return fmt.Sprintf("column %d", i+1)
	}
	return name
}

// unique returns the name, with a number if it is taken: Grafana knows a field
// by its name.
func unique(name string, taken map[string]bool) string {
	out := name
	for n := 2; taken[out]; n++ {
		out = fmt.Sprintf("%s (%d)", name, n)
	}
	taken[out] = true
	return out
}

// grow makes room for n more values of some bytes each, NULL all of them, and
// returns where they begin.
func (c *column) grow(n, size int) int {
	at := c.field.Len()
	if c.field.Capacity() < at+n {
		c.field.Grow(max(n, at))
	}
	c.field.Extend(n)
	c.bytes += int64(n) * int64(size+8)
	return at
}

// add appends value(i) for each of the first n rows that is not NULL; value
// says itself when there is nothing to show.
func add[T any](c *column, a arrow.Array, n, size int, value func(i int) (T, bool)) {
	at := c.grow(n, size)
	slab := make([]T, n)
	for i := range n {
		if a.IsNull(i) {
			continue
		}
		if v, ok := value(i); ok {
			slab[i] = v
			c.field.Set(at+i, &slab[i])
		}
	}
}

// plain appends values that are Go's as they are.
func plain[T any, A interface {
	arrow.Array
	Value(i int) T
}](c *column, a arrow.Array, n int) {
	values := a.(A)
	add(c, a, n, 8, func(i int) (T, bool) { return values.Value(i), true })
}
