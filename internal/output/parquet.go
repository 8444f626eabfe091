package output

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// rowGroup is DuckDB's own size of a row group.
const rowGroup = 122_880

// writeParquet writes ZSTD-compressed Parquet. Types that Parquet lacks
// (intervals, enums, times with zone) become text.
func writeParquet(w io.Writer, r array.RecordReader) (int64, error) {
	schema := parquetSchema(r.Schema())
	props := parquet.NewWriterProperties(
		parquet.WithCompression(compress.Codecs.Zstd),
		parquet.WithMaxRowGroupLength(rowGroup),
		parquet.WithCreatedBy("kmstrail"),
	)
	// The file writer closes what it writes to, which is not ours to close.
	f, err := pqarrow.NewFileWriter(schema, struct{ io.Writer }{w}, props, pqarrow.DefaultWriterProps())
	if err != nil {
		return 0, fmt.Errorf("write Parquet: %w", err)
	}
	var n int64
	for r.Next() {
		rec := convert(schema, r.RecordBatch())
		err := f.WriteBuffered(rec)
		n += rec.NumRows()
		rec.Release()
		if err != nil {
			return n, fmt.Errorf("write Parquet: %w", err)
		}
	}
	if err := r.Err(); err != nil {
		return n, err
	}
	if err := f.Close(); err != nil {
		return n, fmt.Errorf("write Parquet: %w", err)
	}
	return n, nil
}

func parquetSchema(s *arrow.Schema) *arrow.Schema {
	names := columnNames(s)
	fields := make([]arrow.Field, s.NumFields())
	for i, f := range s.Fields() {
		fields[i] = arrow.Field{Name: names[i], Type: f.Type, Nullable: true}
		if asText(f.Type) {
			fields[i].Type = arrow.BinaryTypes.String
		}
	}
	return arrow.NewSchema(fields, nil)
}

func asText(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.DICTIONARY, arrow.INTERVAL_MONTH_DAY_NANO, arrow.NULL, arrow.DENSE_UNION, arrow.SPARSE_UNION:
		return true
	}
	return false
}

// convert gives rec the types of schema. The caller releases it.
func convert(schema *arrow.Schema, rec arrow.RecordBatch) arrow.RecordBatch {
	columns := make([]arrow.Array, rec.NumCols())
	for j, col := range rec.Columns() {
		if !asText(col.DataType()) {
			col.Retain()
			columns[j] = col
			continue
		}
		b := array.NewStringBuilder(memory.DefaultAllocator)
		for i := range col.Len() {
			if col.IsNull(i) {
				b.AppendNull()
			} else {
				b.Append(string(appendText(nil, col, i)))
			}
		}
		columns[j] = b.NewArray()
		b.Release()
	}
	out := array.NewRecordBatch(schema, columns, rec.NumRows())
	for _, c := range columns {
		c.Release()
	}
	return out
}
