package frames

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
)

// What a real server sends for every type, and what becomes of it.
func TestRead_everyType(t *testing.T) {
	got := read(t, recorded(t, "alltypes"), Options{Format: FormatTable})
	golden(t, shown(got), "alltypes.golden")
}

// The list that the documentation shows is what the server and the code do.
func TestConversions(t *testing.T) {
	r := recorded(t, "alltypes")
	columns, err := newColumns(r.Schema())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]Conversion{}
	for i, c := range columns {
		f := r.Schema().Field(i)
		seen[f.Name] = Conversion{SQL: f.Name, Arrow: wireName(f.Type), Field: fieldName(c.field.Type())}
	}
	for _, c := range Conversions() {
		c.Note = ""
		if diff := cmp.Diff(c, seen[c.SQL]); diff != "" {
			t.Errorf("%s (-documented +real):\n%s", c.SQL, diff)
		}
		delete(seen, c.SQL)
	}
	for name := range seen {
		// Variants of types that are in the list.
		if !strings.HasPrefix(name, "DECIMAL(") && !strings.HasPrefix(name, "MAP(") && name != "ROW" {
			t.Errorf("%s is not in the list", name)
		}
	}
}

// A part of a batch is converted like the batch.
func TestRead_slices(t *testing.T) {
	r := recorded(t, "alltypes")
	r.Next()
	whole := r.RecordBatch()
	parts := make([]arrow.RecordBatch, whole.NumRows())
	for i := range parts {
		parts[i] = whole.NewSlice(int64(i), int64(i+1))
	}
	a := read(t, reader(t, r.Schema(), whole), Options{})
	b := read(t, reader(t, r.Schema(), parts...), Options{})
	if diff := cmp.Diff(shown(a), shown(b)); diff != "" {
		t.Errorf("(-whole +parts):\n%s", diff)
	}
}

// Values of every type in a list.
func TestRead_everyTypeNested(t *testing.T) {
	r := recorded(t, "alltypes")
	r.Next()
	batch := r.RecordBatch()
	var fields []arrow.Field
	var lists []arrow.Array
	for i, f := range r.Schema().Fields() {
		f.Type = arrow.ListOf(f.Type)
		if f.Metadata = arrow.MetadataFrom(map[string]string{typeNameKey: f.Name + "[]"}); f.Name == "UHUGEINT" {
			schema := arrow.NewSchema([]arrow.Field{f}, nil)
			want := `convert column "UHUGEINT": it holds UHUGEINT, which is known by itself only: cast it to HUGEINT or VARCHAR`
			if _, err := Read(reader(t, schema), Options{}); err == nil || err.Error() != want {
				t.Errorf("got %v", err)
			}
			continue
		}
		values := batch.Column(i).Data()
		offsets := memory.NewBufferBytes(arrow.Int32Traits.CastToBytes([]int32{0, int32(values.Len())}))
		list := array.NewData(f.Type, 1, []*memory.Buffer{nil, offsets}, []arrow.ArrayData{values}, 0, 0)
		fields, lists = append(fields, f), append(lists, array.MakeFromData(list))
	}
	schema := arrow.NewSchema(fields, nil)
	got := read(t, reader(t, schema, array.NewRecordBatch(schema, lists, 1)), Options{})
	for _, f := range got.Frames[0].Fields {
		if text := values(f)[0]; !json.Valid([]byte(text)) {
			t.Errorf("%s: %s", f.Name, text)
		}
	}
	golden(t, shown(got), "nested.golden")
}

// Types that other versions or settings of the server may send for the same.
func TestRead_otherEncodings(t *testing.T) {
	mem := memory.DefaultAllocator
	build := func(kind arrow.DataType, name string, fill func(b array.Builder)) (arrow.Field, arrow.Array) {
		b := array.NewBuilder(mem, kind)
		fill(b)
		b.AppendNull()
		f := col("c", kind)
		f.Metadata = arrow.MetadataFrom(map[string]string{typeNameKey: name})
		return f, b.NewArray()
	}
	words := func(b array.Builder) {
		for _, s := range []string{"a", "b", "a"} {
			if err := b.AppendValueFromString(s); err != nil {
				t.Fatal(err)
			}
		}
	}
	fromJSON := func(rows string) func(b array.Builder) {
		return func(b array.Builder) {
			if err := b.UnmarshalJSON([]byte(rows)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		kind arrow.DataType
		name string
		fill func(b array.Builder)
		want string
	}{
		{arrow.BinaryTypes.LargeString, "", words, "string: a | b | a | ·"},
		{arrow.BinaryTypes.StringView, "", words, "string: a | b | a | ·"},
		{&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Uint8, ValueType: text}, "ENUM", words, "string: a | b | a | ·"},
		{arrow.ListOf(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Uint8, ValueType: text}), "ENUM[]", fromJSON(`[["a","b"]]`), `json: ["a","b"] | ·`},
		{arrow.BinaryTypes.LargeString, "JSON", fromJSON(`["[1, 2]"]`), "json: [1, 2] | ·"},
		{arrow.BinaryTypes.LargeBinary, "BLOB", fromJSON(`["AP8="]`), "string: 00ff | ·"},
		{arrow.BinaryTypes.BinaryView, "BLOB", func(b array.Builder) { b.(*array.BinaryViewBuilder).Append([]byte{0, 255}) }, "string: 00ff | ·"},
		{&arrow.FixedSizeBinaryType{ByteWidth: 16}, "UUID", fromJSON(`["EjSrzRKrNM1W7xI0VniQqw=="]`), "string: 1234abcd-12ab-34cd-56ef-1234567890ab | ·"},
		{&arrow.Decimal32Type{Precision: 9, Scale: 2}, "DECIMAL(9,2)", func(b array.Builder) { b.(*array.Decimal32Builder).Append(decimal.Decimal32(-1234567)) }, "float64: -12345.67 | ·"},
		{&arrow.Decimal64Type{Precision: 18, Scale: 0}, "DECIMAL(18,0)", func(b array.Builder) { b.(*array.Decimal64Builder).Append(decimal.Decimal64(42)) }, "float64: 42 | ·"},
		{arrow.FixedWidthTypes.Time32ms, "TIME", fromJSON(`["01:02:03.004"]`), "string: 01:02:03.004 | ·"},
		{arrow.FixedWidthTypes.Time64ns, "TIME_NS", fromJSON(`["01:02:03.000000004"]`), "string: 01:02:03.000000004 | ·"},
		{arrow.LargeListOf(text), "VARCHAR[]", fromJSON(`[["a",null]]`), `json: ["a",null] | ·`},
		{arrow.ListViewOf(text), "VARCHAR[]", fromJSON(`[["a",null]]`), `json: ["a",null] | ·`},
		{arrow.Null, "NULL", func(array.Builder) {}, "string: ·"},
		{arrow.ListOf(arrow.Null), "NULL[]", fromJSON(`[[null,null]]`), "json: [null,null] | ·"},
		{arrow.MapOf(arrow.ListOf(integer), integer), "MAP(BIGINT[], BIGINT)", fromJSON(`[[{"key":[1,2],"value":3}]]`), `json: {"[1,2]":3} | ·`},
		{arrow.StructOf(col("a", integer), col("a", integer)), "STRUCT", func(b array.Builder) {
			s := b.(*array.StructBuilder)
			s.Append(true)
			s.FieldBuilder(0).(*array.Int64Builder).Append(1)
			s.FieldBuilder(1).(*array.Int64Builder).Append(2)
		}, "json: [1,2] | ·"},
		{arrow.DenseUnionOf([]arrow.Field{col("n", integer), col("s", text)}, []arrow.UnionTypeCode{0, 1}), "UNION", func(b array.Builder) {
			u := b.(*array.DenseUnionBuilder)
			u.Append(1)
			u.Child(1).(*array.StringBuilder).Append("x")
			u.Append(0)
			u.Child(0).(*array.Int64Builder).Append(7)
		}, `json: "x" | 7 | ·`},
	} {
		t.Run(c.kind.String(), func(t *testing.T) {
			field, values := build(c.kind, c.name, c.fill)
			schema := arrow.NewSchema([]arrow.Field{field}, nil)
			rec := array.NewRecordBatch(schema, []arrow.Array{values}, int64(values.Len()))
			got := shown(read(t, reader(t, schema, rec), Options{}))
			if want := "c " + c.want; strings.Split(got, "\n")[1] != want {
				t.Errorf("got  %s\nwant %s", strings.Split(got, "\n")[1], want)
			}
		})
	}
}

func TestDecimal_nearest(t *testing.T) {
	for _, c := range []struct {
		digits    string
		precision int32
		scale     int32
		want      float64
		exact     bool
	}{
		{"0.1", 38, 1, 0.1, true},
		{"-0.1", 38, 1, -0.1, true},
		{"9007199254740992", 38, 0, 9007199254740992, true},
		{"9007199254740993", 38, 0, 9007199254740992, false},
		{"-9007199254740993", 38, 0, -9007199254740992, false},
		{"123456789012345.6789", 38, 4, 123456789012345.6789, false},
		{"0.00000000000000000000000001", 38, 26, 1e-26, true},
		{"12345678.500000000000", 38, 12, 12345678.5, true},
		{"99999999999999999999999999999999999999", 38, 0, 1e38, false},
	} {
		b := array.NewDecimal128Builder(memory.DefaultAllocator, &arrow.Decimal128Type{Precision: c.precision, Scale: c.scale})
		if err := b.AppendValueFromString(c.digits); err != nil {
			t.Fatal(err)
		}
		if got, exact := decimalOf(b.NewArray(), 0, false); got != c.want || exact != c.exact {
			t.Errorf("%s: %v, exact %t", c.digits, got, exact)
		}
	}
}

func FuzzAppendQuoted(f *testing.F) {
	for _, s := range []string{"", "plain", "\"\\\x00\u2028", "\xff\xfe", "\U0001F4A1\u202e", strings.Repeat("é", 50)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		quoted := appendQuoted(nil, s)
		var back string
		if err := json.Unmarshal(quoted, &back); err != nil || back != clean(s) {
			t.Errorf("%q became %s: %v", s, quoted, err)
		}
	})
}
