package frames

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// manyRows is a result like that of a panel over kms_calls: 8 columns in
// batches of 2,048 rows, as DuckDB makes them, with a number of event ids.
func manyRows(tb testing.TB, rows, ids int) func() array.RecordReader {
	columns := []arrow.Field{
		col("time", stamp), col("account_id", text), col("key_arn", text), col("event_id", text),
		col("read_only", boolean), col("call_count", integer), col("total", &arrow.Decimal128Type{Precision: 38}), col("usd", float),
	}
	schema := arrow.NewSchema(columns, nil)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	var batches []arrow.RecordBatch
	for first := 0; first < rows; first += 2048 {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for i := first; i < min(rows, first+2048); i++ {
			b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(start + int64(i/50)*60_000_000))
			b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("1111222233%02d", i%12))
			b.Field(2).(*array.StringBuilder).Append(fmt.Sprintf("arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890%02d", i%50))
			b.Field(3).(*array.StringBuilder).Append(fmt.Sprintf("1234abcd-12ab-34cd-56ef-%012d", i%ids))
			b.Field(4).(*array.BooleanBuilder).Append(i%2 == 0)
			b.Field(5).(*array.Int64Builder).Append(int64(i))
			b.Field(6).(*array.Decimal128Builder).Append(decimal128.FromI64(int64(i) * 1000))
			b.Field(7).(*array.Float64Builder).Append(float64(i) / 3)
		}
		batches = append(batches, b.NewRecordBatch())
	}
	return func() array.RecordReader { return reader(tb, schema, batches...) }
}

func BenchmarkRead(b *testing.B) {
	for _, rows := range []int{100, 10_000, 1_000_000} {
		for _, c := range []struct {
			name   string
			format Format
			// ids is how many values the column event_id has.
			ids int
		}{
			{"table", FormatTable, rows},
			{"series", FormatTimeSeries, 50},
			{"a series per row", FormatTimeSeries, rows},
			{"logs", FormatLogs, rows},
		} {
			if c.format == FormatLogs && rows > 10_000 {
				continue // lines are for people
			}
			open := manyRows(b, rows, c.ids)
			b.Run(fmt.Sprintf("%s/%d", c.name, rows), func(b *testing.B) {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				for b.Loop() {
					r := open()
					got, err := Read(r, Options{Format: c.format, MaxRows: int64(rows), MaxBytes: 1 << 30})
					if err != nil || got.Rows != int64(rows) {
						b.Fatal(err, got.Rows)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N)/float64(rows), "B/row")
			})
		}
	}
}
