package flightsql

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Clients differ in what they make of dictionaries, which is how the values of
// an ENUM come: Go's driver refuses them, JDBC's shows the numbers. So they are
// sent as the text they stand for.

// plainSchema is the schema of a result without dictionaries.
func plainSchema(s *arrow.Schema) *arrow.Schema {
	if s == nil || !hasDictionary(s.Fields()) {
		return s
	}
	about := s.Metadata()
	return arrow.NewSchema(plainFields(s.Fields()), &about)
}

func hasDictionary(fields []arrow.Field) bool {
	for _, f := range fields {
		if f.Type.ID() == arrow.DICTIONARY {
			return true
		}
		if nested, ok := f.Type.(arrow.NestedType); ok && hasDictionary(nested.Fields()) {
			return true
		}
	}
	return false
}

func plainFields(fields []arrow.Field) []arrow.Field {
	out := make([]arrow.Field, len(fields))
	for i, f := range fields {
		out[i] = f
		out[i].Type = plainType(f.Type)
	}
	return out
}

func plainType(t arrow.DataType) arrow.DataType {
	switch t := t.(type) {
	case *arrow.DictionaryType:
		return t.ValueType
	case *arrow.ListType:
		return arrow.ListOfField(plainFields(t.Fields())[0])
	case *arrow.FixedSizeListType:
		return arrow.FixedSizeListOfField(t.Len(), plainFields(t.Fields())[0])
	case *arrow.StructType:
		return arrow.StructOf(plainFields(t.Fields())...)
	case *arrow.MapType:
		kv := plainFields(t.Elem().(*arrow.StructType).Fields())
		return arrow.MapOfFields(kv[0], kv[1])
	}
	return t
}

// plainBatch returns a batch of a schema that plainSchema returned.
func plainBatch(rec arrow.RecordBatch, schema *arrow.Schema) (arrow.RecordBatch, error) {
	if rec.Schema() == schema || rec.Schema().Equal(schema) {
		rec.Retain()
		return rec, nil
	}
	// Nothing is released by hand: it is Go's memory, which its collector frees.
	columns := make([]arrow.Array, rec.NumCols())
	for i, c := range rec.Columns() {
		data, err := plainData(c.Data(), schema.Field(i).Type)
		if err != nil {
			return nil, err
		}
		columns[i] = array.MakeFromData(data)
	}
	return array.NewRecordBatch(schema, columns, rec.NumRows()), nil
}

func plainData(d arrow.ArrayData, t arrow.DataType) (arrow.ArrayData, error) {
	if d.DataType().ID() == arrow.DICTIONARY {
		return lookUp(d)
	}
	children := make([]arrow.ArrayData, len(d.Children()))
	for i, c := range d.Children() {
		child, err := plainData(c, childType(t, i))
		if err != nil {
			return nil, err
		}
		children[i] = child
	}
	return array.NewData(t, d.Len(), d.Buffers(), children, d.NullN(), d.Offset()), nil
}

// childType is the type of a child as it lies in memory, where a map is a list.
func childType(t arrow.DataType, i int) arrow.DataType {
	if m, ok := t.(*arrow.MapType); ok {
		return m.Elem()
	}
	if nested, ok := t.(arrow.NestedType); ok {
		return nested.Fields()[i].Type
	}
	return t
}

// lookUp returns the texts that the numbers stand for.
func lookUp(d arrow.ArrayData) (arrow.ArrayData, error) {
	dict := array.NewDictionaryData(d)
	texts, ok := dict.Dictionary().(*array.String)
	if !ok {
		return nil, fmt.Errorf("encode result: a dictionary of %s", dict.Dictionary().DataType())
	}
	b := array.NewStringBuilder(memory.DefaultAllocator)
	b.Reserve(dict.Len())
	for i := range dict.Len() {
		if dict.IsNull(i) {
			b.AppendNull()
		} else {
			b.Append(texts.Value(dict.GetValueIndex(i)))
		}
	}
	return b.NewStringArray().Data(), nil
}
