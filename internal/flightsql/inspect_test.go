package flightsql

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	flatbuffers "github.com/google/flatbuffers/go"
)

// written returns the messages of a record.
func written(tb testing.TB, rec arrow.RecordBatch) messages {
	tb.Helper()
	var kept messages
	w := flight.NewRecordWriter(&kept, ipc.WithSchema(rec.Schema()))
	if err := errors.Join(w.Write(rec), w.Close()); err != nil {
		tb.Fatal(err)
	}
	return kept
}

// firstField returns the first field of a schema's header, and where the vector
// of its children begins.
func firstField(header []byte) (field flatbuffers.Table, children flatbuffers.UOffsetT) {
	m := flatbuffers.Table{Bytes: header, Pos: flatbuffers.GetUOffsetT(header)}
	schema, _ := child(m, slot(2))
	start := schema.Vector(flatbuffers.UOffsetT(schema.Offset(slot(1))))
	field = flatbuffers.Table{Bytes: header, Pos: schema.Indirect(start)}
	children = field.Vector(flatbuffers.UOffsetT(field.Offset(slot(5))))
	return field, children
}

// TestInspect: what Arrow's reader cannot be given.
func TestInspect(t *testing.T) {
	list := row(t, `[{"p0": ["a", "b"]}]`, arrow.ListOf(arrow.BinaryTypes.String))
	for name, x := range map[string]struct {
		spoil func(header []byte) []byte
		want  string
	}{
		"nothing": {func(h []byte) []byte { return h }, ""},
		"empty":   {func([]byte) []byte { return nil }, ""},
		"itself": {func(h []byte) []byte {
			// Offsets point ahead, but numbers go round.
			field, children := firstField(h)
			binary.LittleEndian.PutUint32(h[children:], uint32(field.Pos-children))
			return h
		}, "nested deeper than 32"},
		"billions": {func(h []byte) []byte {
			_, children := firstField(h)
			binary.LittleEndian.PutUint32(h[children-4:], 0xffffffff)
			return h
		}, "a broken header"},
		"cut":  {func(h []byte) []byte { return h[:len(h)/2] }, "a broken header"},
		"long": {func(h []byte) []byte { return append(h, make([]byte, maxHeader)...) }, "more than 262144"},
		"tensor": {func(h []byte) []byte {
			m := flatbuffers.Table{Bytes: h, Pos: flatbuffers.GetUOffsetT(h)}
			h[m.Pos+flatbuffers.UOffsetT(m.Offset(slot(1)))] = 4
			return h
		}, "a message of kind 4"},
	} {
		t.Run(name, func(t *testing.T) {
			err := inspectHeader(x.spoil(written(t, list)[0].Header))
			if (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
				t.Errorf("%v, want %q", err, x.want)
			}
		})
	}
}

// TestInspect_much: many names are counted, however often a table is used.
func TestInspect_much(t *testing.T) {
	types := make([]arrow.DataType, 1000)
	for i := range types {
		types[i] = &arrow.TimestampType{Unit: arrow.Second, TimeZone: "Europe/Berlin"}
	}
	if err := inspectHeader(written(t, row(t, `[{}]`, types...))[0].Header); err != nil {
		t.Errorf("1000 parameters: %v", err)
	}
	b := flatbuffers.NewBuilder(0)
	name := b.CreateString(strings.Repeat("x", 10_000))
	b.StartObject(7)
	b.PrependUOffsetTSlot(0, name, 0)
	field := b.EndObject()
	const times = 1000
	b.StartVector(4, times, 4)
	for range times {
		b.PrependUOffsetT(field)
	}
	fields := b.EndVector(times)
	b.StartObject(4)
	b.PrependUOffsetTSlot(1, fields, 0)
	schema := b.EndObject()
	b.StartObject(5)
	b.PrependByteSlot(1, kindSchema, 0)
	b.PrependUOffsetTSlot(2, schema, 0)
	b.Finish(b.EndObject())
	if err := inspectHeader(b.FinishedBytes()); err == nil || !strings.Contains(err.Error(), "says too much") {
		t.Errorf("a thousand times the same long name: %v", err)
	}
}

// FuzzParameters: whatever a client sends, reading it ends.
func FuzzParameters(f *testing.F) {
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "s", Type: arrow.BinaryTypes.String}, {Name: "l", Type: arrow.ListOf(arrow.BinaryTypes.String)},
		{Name: "v", Type: arrow.LargeListOf(arrow.BinaryTypes.Binary)}, {Name: "b", Type: arrow.FixedWidthTypes.Boolean},
		{Name: "f", Type: arrow.FixedSizeListOf(1, arrow.BinaryTypes.String)}, {Name: "n", Type: arrow.Null, Nullable: true},
		{Name: "t", Type: arrow.FixedWidthTypes.Timestamp_us}, {Name: "d", Type: &arrow.Decimal128Type{Precision: 9, Scale: 2}},
	}, nil), strings.NewReader(`[{"s": "x", "l": ["a"], "v": ["AQI="], "b": true, "f": ["z"], "n": null, "t": 1, "d": "1.5"}]`))
	if err != nil {
		f.Fatal(err)
	}
	kept := written(f, rec)
	f.Add(kept[0].Header, kept[1].Header, kept[1].Body)
	f.Fuzz(func(t *testing.T, schema, batch, body []byte) {
		_, _ = decodeArgs(messages{{Header: schema}, {Header: batch, Body: body}})
	})
}
