package flightsql

import (
	"errors"
	"fmt"

	flatbuffers "github.com/google/flatbuffers/go"
)

// Bounds of the header of a client's message, which says what its body is.
// Parameters need a hundred bytes each.
const (
	maxHeader = 256 << 10
	// maxTables and maxNames bound what reading a header makes of it: tables may
	// be referred to more than once, and names are copied for each.
	maxTables = 10_000
	maxNames  = 1 << 20
	maxDepth  = 32
)

// inspectHeader looks through the header of a message of Arrow before Arrow's
// reader does, which believes the lengths that stand in it: a wrong one makes it
// allocate terabytes, a table that refers to itself fills its stack, and neither
// can be recovered from.
func inspectHeader(header []byte) (err error) {
	if len(header) > maxHeader {
		return fmt.Errorf("a header of %d bytes, more than %d", len(header), maxHeader)
	}
	// What lies outside of the header panics.
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("a broken header")
		}
	}()
	if len(header) == 0 {
		return nil
	}
	i := inspector{}
	return i.message(flatbuffers.Table{Bytes: header, Pos: flatbuffers.GetUOffsetT(header)})
}

// inspector counts what it has seen. The numbers of slots are those of Arrow's
// Message.fbs and Schema.fbs, where slot n stands at 4 + 2n.
type inspector struct{ tables, names int }

func slot(n int) flatbuffers.VOffsetT { return flatbuffers.VOffsetT(4 + 2*n) }

// Kinds of messages and the one type that are told apart.
const (
	kindSchema     = 1
	kindDictionary = 2
	kindBatch      = 3
	typeTimestamp  = 10
	// The types of views, of which Arrow's reader reads more numbers of buffers
	// than there are.
	firstView, lastView = 23, 26
)

func (i *inspector) message(m flatbuffers.Table) error {
	if err := i.each(m, slot(4), i.keyValue); err != nil {
		return err
	}
	header, ok := child(m, slot(2))
	if !ok {
		return errors.New("a message without content")
	}
	switch kind := byteAt(m, slot(1)); kind {
	case kindSchema:
		if err := i.each(header, slot(2), i.keyValue); err != nil {
			return err
		}
		return i.each(header, slot(1), func(f flatbuffers.Table) error { return i.field(f, 0) })
	case kindBatch:
		return batch(header)
	case kindDictionary:
		if header, ok = child(header, slot(1)); !ok {
			return errors.New("a dictionary without content")
		}
		return batch(header)
	default:
		return fmt.Errorf("a message of kind %d", kind)
	}
}

// maxValues is how many values a message has room for, if they are bits.
const maxValues = 8 * maxReceived

// batch looks at the numbers of a batch: of its rows, of the values of each of
// its arrays, and where their buffers lie.
func batch(b flatbuffers.Table) error {
	if err := checkNumbers(b, slot(1), maxValues); err != nil {
		return err
	}
	if err := checkNumbers(b, slot(2), maxReceived); err != nil {
		return err
	}
	if o := flatbuffers.UOffsetT(b.Offset(slot(0))); o != 0 && !within(b.GetInt64(o+b.Pos), maxValues) {
		return errors.New("a batch of more rows than fit into it")
	}
	return nil
}

// checkNumbers checks a vector of pairs of 64-bit numbers.
func checkNumbers(b flatbuffers.Table, at flatbuffers.VOffsetT, limit int64) error {
	o := flatbuffers.UOffsetT(b.Offset(at))
	if o == 0 {
		return nil
	}
	if b.VectorLen(o) > len(b.Bytes)/16 {
		return errors.New("a broken header")
	}
	start := b.Vector(o)
	for n := range 2 * b.VectorLen(o) {
		if v := b.GetInt64(start + flatbuffers.UOffsetT(8*n)); !within(v, limit) {
			return fmt.Errorf("a length of %d in a message", v)
		}
	}
	return nil
}

// within reports whether a length can be one; -1 stands for one not counted.
func within(n, limit int64) bool { return n >= -1 && n <= limit }

func (i *inspector) field(f flatbuffers.Table, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("types nested deeper than %d", maxDepth)
	}
	i.name(f, slot(0))
	switch kind := byteAt(f, slot(2)); {
	case kind >= firstView && kind <= lastView:
		return errors.New("a view cannot be a parameter; send plain text")
	case kind == typeTimestamp:
		if t, ok := child(f, slot(3)); ok {
			i.name(t, slot(1)) // of its zone
		}
	}
	if err := i.each(f, slot(6), i.keyValue); err != nil {
		return err
	}
	return i.each(f, slot(5), func(c flatbuffers.Table) error { return i.field(c, depth+1) })
}

func (i *inspector) keyValue(kv flatbuffers.Table) error {
	i.name(kv, slot(0))
	i.name(kv, slot(1))
	return nil
}

// each visits the tables of a vector.
func (i *inspector) each(t flatbuffers.Table, at flatbuffers.VOffsetT, visit func(flatbuffers.Table) error) error {
	o := flatbuffers.UOffsetT(t.Offset(at))
	if o == 0 {
		return nil
	}
	start := t.Vector(o)
	for n := range t.VectorLen(o) {
		if i.tables++; i.tables > maxTables || i.names > maxNames {
			return errors.New("a header that says too much")
		}
		pos := t.Indirect(start + flatbuffers.UOffsetT(n*flatbuffers.SizeUOffsetT))
		if err := visit(flatbuffers.Table{Bytes: t.Bytes, Pos: pos}); err != nil {
			return err
		}
	}
	return nil
}

// name counts a text.
func (i *inspector) name(t flatbuffers.Table, at flatbuffers.VOffsetT) {
	if o := flatbuffers.UOffsetT(t.Offset(at)); o != 0 {
		i.names += len(t.ByteVector(o + t.Pos))
	}
}

func child(t flatbuffers.Table, at flatbuffers.VOffsetT) (flatbuffers.Table, bool) {
	var c flatbuffers.Table
	o := flatbuffers.UOffsetT(t.Offset(at))
	if o == 0 {
		return c, false
	}
	t.Union(&c, o)
	return c, true
}

func byteAt(t flatbuffers.Table, at flatbuffers.VOffsetT) byte {
	if o := flatbuffers.UOffsetT(t.Offset(at)); o != 0 {
		return t.GetByte(o + t.Pos)
	}
	return 0
}
