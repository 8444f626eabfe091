package flightsql

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
)

// TestPlain: the values of an ENUM are text, wherever they stand.
func TestPlain(t *testing.T) {
	enum := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Uint8, ValueType: arrow.BinaryTypes.String}
	rich := arrow.NewSchema([]arrow.Field{
		{Name: "e", Type: enum, Nullable: true},
		{Name: "l", Type: arrow.ListOf(enum)},
		{Name: "f", Type: arrow.FixedSizeListOf(2, enum)},
		{Name: "s", Type: arrow.StructOf(arrow.Field{Name: "x", Type: enum}, arrow.Field{Name: "n", Type: arrow.PrimitiveTypes.Int64})},
		{Name: "m", Type: arrow.MapOf(arrow.BinaryTypes.String, enum)},
		{Name: "i", Type: arrow.PrimitiveTypes.Int64},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, rich)
	if err := b.UnmarshalJSON([]byte(`
		{"e": "a", "l": ["b", "a"], "f": ["a", "b"], "s": {"x": "b", "n": 7}, "m": [{"key": "k", "value": "a"}], "i": 1}
		{"e": null, "l": [], "f": ["b", "b"], "s": {"x": "a", "n": 8}, "m": [], "i": 2}
		{"e": "b", "l": ["a"], "f": ["b", "a"], "s": {"x": "a", "n": 9}, "m": [{"key": "x", "value": "b"}, {"key": "y", "value": "a"}], "i": 3}`)); err != nil {
		t.Fatal(err)
	}
	rec := b.NewRecordBatch()
	plain := plainSchema(rich)
	if hasDictionary(plain.Fields()) {
		t.Errorf("left: %s", plain)
	}
	for from := range rec.NumRows() { // a slice begins somewhere
		part := rec.NewSlice(from, rec.NumRows())
		got, err := plainBatch(part, plain)
		if err != nil {
			t.Fatal(err)
		}
		want, err := part.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		text, err := got.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(text)); diff != "" {
			t.Errorf("from row %d: %s", from, diff)
		}
		got.Release()
		part.Release()
	}
	if same := plainSchema(numbers); same != numbers {
		t.Error("a schema without dictionaries is copied")
	}
}
