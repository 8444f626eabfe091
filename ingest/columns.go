package ingest

import (
	"encoding/binary"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/kmstrail/kmstrail/schema"
)

// The columns are filled by hand, straight into the buffers that Arrow takes
// over: about twice as fast as Arrow's own builders. A column is written only
// where it has a value; rows left out become NULL when the next value or the
// end of the batch comes, so that an absent member costs nothing.

// validity is the null bitmap of a column. As long as no row was left out it
// is only a count: most columns have a value in every row.
type validity struct {
	bits   []byte
	set    int // rows marked valid
	sparse bool
}

func (v *validity) mark(row int) {
	if row == v.set && !v.sparse {
		v.set++
		return
	}
	v.markSparse(row)
}

func (v *validity) markSparse(row int) {
	if !v.sparse {
		v.spread()
	}
	if row>>3 >= len(v.bits) {
		v.bits = appendZeros(v.bits, row>>3+1-len(v.bits))
	}
	v.bits[row>>3] |= 1 << (row & 7)
	v.set++
}

// spread turns the count into bits.
func (v *validity) spread() {
	v.sparse = true
	v.bits = v.bits[:0]
	for range v.set / 8 {
		v.bits = append(v.bits, 0xff)
	}
	if rest := v.set % 8; rest > 0 {
		v.bits = append(v.bits, 1<<rest-1)
	}
}

// buffer returns the bitmap for n rows; nil when every row is valid.
func (v *validity) buffer(n int) (buf *memory.Buffer, nulls int) {
	if v.set == n {
		return nil, 0
	}
	if !v.sparse {
		v.spread()
	}
	v.bits = appendZeros(v.bits, (n+7)/8-len(v.bits))
	return memory.NewBufferBytes(v.bits), n - v.set
}

func (v *validity) reset() { v.bits, v.set, v.sparse = v.bits[:0], 0, false }

// appendZeros appends n zero bytes; nothing when n is not positive.
func appendZeros(b []byte, n int) []byte {
	if n <= 0 {
		return b
	}
	have := len(b)
	b = slices.Grow(b, n)[:have+n]
	clear(b[have:])
	return b
}

// column is one column being filled.
type column interface {
	// finish returns the column's first n rows. The buffers belong to the
	// column and are written again after reset.
	finish(n int) arrow.Array
	reset()
}

// stringColumn holds utf8 values.
type stringColumn struct {
	valid validity
	ends  []int32 // end of each row's text; the start is the end before it
	text  []byte
}

// pad makes the rows before row end where the last one does.
func (c *stringColumn) pad(row int) {
	if len(c.ends) != row+1 {
		c.ends = padEnds(c.ends, row+1)
	}
}

// padEnds repeats the last end until there are n.
func padEnds(ends []int32, n int) []int32 {
	if len(ends) == 0 {
		ends = append(ends, 0)
	}
	last := ends[len(ends)-1]
	for len(ends) < n {
		ends = append(ends, last)
	}
	return ends
}

// set gives row the value s. Rows are set in ascending order, each once.
func (c *stringColumn) set(row int, s []byte) {
	c.pad(row)
	c.text = append(c.text, s...)
	c.ends = append(c.ends, int32(len(c.text)))
	c.valid.mark(row)
}

func (c *stringColumn) setString(row int, s string) {
	c.pad(row)
	c.text = append(c.text, s...)
	c.ends = append(c.ends, int32(len(c.text)))
	c.valid.mark(row)
}

func (c *stringColumn) data(n int) arrow.ArrayData {
	c.pad(n)
	bits, nulls := c.valid.buffer(n)
	return array.NewData(arrow.BinaryTypes.String, n,
		[]*memory.Buffer{bits, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(c.ends[:n+1])), memory.NewBufferBytes(c.text)},
		nil, nulls, 0)
}

func (c *stringColumn) finish(n int) arrow.Array { return array.MakeFromData(c.data(n)) }

func (c *stringColumn) reset() {
	c.valid.reset()
	c.ends, c.text = c.ends[:0], c.text[:0]
}

// fixedColumn holds values of width bytes each: UUID, integers, timestamps.
type fixedColumn struct {
	typ   arrow.DataType
	width int
	valid validity
	bytes []byte
}

// slot returns the bytes of row to write to.
func (c *fixedColumn) slot(row int) []byte {
	c.pad(row + 1)
	c.valid.mark(row)
	return c.bytes[row*c.width:]
}

func (c *fixedColumn) pad(rows int) { c.bytes = appendZeros(c.bytes, rows*c.width-len(c.bytes)) }

func (c *fixedColumn) setInt64(row int, v int64) {
	binary.LittleEndian.PutUint64(c.slot(row), uint64(v))
}

func (c *fixedColumn) setInt32(row int, v int32) {
	binary.LittleEndian.PutUint32(c.slot(row), uint32(v))
}

func (c *fixedColumn) setUUID(row int, v [16]byte) { copy(c.slot(row), v[:]) }

func (c *fixedColumn) finish(n int) arrow.Array {
	c.pad(n)
	bits, nulls := c.valid.buffer(n)
	return array.MakeFromData(array.NewData(c.typ, n,
		[]*memory.Buffer{bits, memory.NewBufferBytes(c.bytes[:n*c.width])}, nil, nulls, 0))
}

func (c *fixedColumn) reset() {
	c.valid.reset()
	c.bytes = c.bytes[:0]
}

// boolColumn holds booleans.
type boolColumn struct {
	valid validity
	bits  []byte
}

func (c *boolColumn) set(row int, v bool) {
	c.pad(row + 1)
	if v {
		c.bits[row>>3] |= 1 << (row & 7)
	}
	c.valid.mark(row)
}

func (c *boolColumn) pad(rows int) { c.bits = appendZeros(c.bits, (rows+7)/8-len(c.bits)) }

func (c *boolColumn) finish(n int) arrow.Array {
	c.pad(n)
	bits, nulls := c.valid.buffer(n)
	return array.MakeFromData(array.NewData(arrow.FixedWidthTypes.Boolean, n,
		[]*memory.Buffer{bits, memory.NewBufferBytes(c.bits)}, nil, nulls, 0))
}

func (c *boolColumn) reset() {
	c.valid.reset()
	c.bits = c.bits[:0]
}

// listColumn holds lists of strings, or with values maps of strings.
type listColumn struct {
	typ    arrow.DataType
	valid  validity
	ends   []int32
	n      int // entries
	keys   stringColumn
	values *stringColumn // nil for a list
}

// begin opens the list of row; add puts entries into it, end closes it.
func (c *listColumn) begin(row int) {
	c.ends = padEnds(c.ends, row+1)
	c.valid.mark(row)
}

func (c *listColumn) add(key []byte) {
	c.keys.set(c.n, key)
	c.n++
}

func (c *listColumn) put(key, val []byte) {
	c.values.set(c.n, val)
	c.add(key)
}

func (c *listColumn) end() { c.ends = append(c.ends, int32(c.n)) }

func (c *listColumn) finish(n int) arrow.Array {
	c.ends = padEnds(c.ends, n+1)
	bits, nulls := c.valid.buffer(n)
	offsets := memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(c.ends[:n+1]))
	child := c.keys.data(c.n)
	if c.values != nil {
		entries := c.typ.(*arrow.MapType).Elem()
		child = array.NewData(entries, c.n, []*memory.Buffer{nil},
			[]arrow.ArrayData{child, c.values.data(c.n)}, 0, 0)
	}
	return array.MakeFromData(array.NewData(c.typ, n, []*memory.Buffer{bits, offsets},
		[]arrow.ArrayData{child}, nulls, 0))
}

func (c *listColumn) reset() {
	c.valid.reset()
	c.ends, c.n = c.ends[:0], 0
	c.keys.reset()
	if c.values != nil {
		c.values.reset()
	}
}

// table is the columns of one schema.Table being filled.
type table struct {
	schema  *arrow.Schema
	columns []column
}

func newTable(t *schema.Table) *table {
	tb := &table{schema: t.Arrow(), columns: make([]column, len(t.Columns))}
	for i, c := range t.Columns {
		tb.columns[i] = newColumn(c.Type)
	}
	return tb
}

func newColumn(t schema.Type) column {
	switch t {
	case schema.UUID:
		return &fixedColumn{typ: t.Arrow(), width: 16}
	case schema.Timestamp, schema.Bigint, schema.Double:
		return &fixedColumn{typ: t.Arrow(), width: 8}
	case schema.Integer:
		return &fixedColumn{typ: t.Arrow(), width: 4}
	case schema.Boolean:
		return &boolColumn{}
	case schema.StringMap:
		return &listColumn{typ: t.Arrow(), values: &stringColumn{}}
	case schema.StringSet:
		return &listColumn{typ: t.Arrow()}
	default:
		return &stringColumn{}
	}
}

// record returns the first n rows; nil when there are none.
func (t *table) record(n int) arrow.RecordBatch {
	if n == 0 {
		return nil
	}
	arrays := make([]arrow.Array, len(t.columns))
	for i, c := range t.columns {
		arrays[i] = c.finish(n)
	}
	return array.NewRecordBatch(t.schema, arrays, int64(n))
}

func (t *table) reset() {
	for _, c := range t.columns {
		c.reset()
	}
}
