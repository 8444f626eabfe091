package trino

import (
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// cells returns the text of a batch's cells.
func cells(rec arrow.RecordBatch) [][]string {
	rows := make([][]string, rec.NumRows())
	for i := range rows {
		for _, col := range rec.Columns() {
			rows[i] = append(rows[i], cell(col, i))
		}
	}
	return rows
}

func cell(col arrow.Array, i int) string {
	if ts, ok := col.(*array.Timestamp); ok && !ts.IsNull(i) {
		return ts.Value(i).ToTime(ts.DataType().(*arrow.TimestampType).Unit).Format(time.RFC3339Nano)
	}
	return col.ValueStr(i)
}
