//go:build duckdb_arrow

package duck

import (
	"bytes"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// toGo copies a batch that DuckDB owns into memory of Go and releases it. A
// string taken from a column of the original would point into memory that is
// gone with the next batch; strings of the copy live as long as they are used.
func toGo(schema *arrow.Schema, rec arrow.RecordBatch) arrow.RecordBatch {
	defer rec.Release()
	columns := make([]arrow.Array, rec.NumCols())
	for i, c := range rec.Columns() {
		data := copyData(c.Data())
		columns[i] = array.MakeFromData(data)
		data.Release()
	}
	out := array.NewRecordBatch(schema, columns, rec.NumRows())
	for _, c := range columns {
		c.Release()
	}
	return out
}

func copyData(d arrow.ArrayData) arrow.ArrayData {
	buffers := make([]*memory.Buffer, len(d.Buffers()))
	for i, b := range d.Buffers() {
		if b != nil {
			buffers[i] = memory.NewBufferBytes(bytes.Clone(b.Bytes()))
		}
	}
	children := make([]arrow.ArrayData, len(d.Children()))
	for i, c := range d.Children() {
		children[i] = copyData(c)
	}
	out := array.NewData(d.DataType(), d.Len(), buffers, children, d.NullN(), d.Offset())
	if dict, ok := d.Dictionary().(*array.Data); ok && dict != nil {
		out.SetDictionary(copyData(dict))
	}
	return out
}
