package output

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/google/go-cmp/cmp"
	"github.com/kmstrail/kmstrail/internal/golden"
)

// sample has a column of every type a query can return and a row of NULLs.
func sample(t *testing.T) array.RecordReader {
	t.Helper()
	enum := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Uint8, ValueType: arrow.BinaryTypes.String}
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "text", Type: arrow.BinaryTypes.String},
		{Name: "n", Type: arrow.PrimitiveTypes.Int64},
		{Name: "sum", Type: &arrow.Decimal128Type{Precision: 38}},
		{Name: "usd", Type: &arrow.Decimal128Type{Precision: 18, Scale: 2}},
		{Name: "f", Type: arrow.PrimitiveTypes.Float64},
		{Name: "at", Type: &arrow.TimestampType{Unit: arrow.Microsecond}},
		{Name: "day", Type: arrow.FixedWidthTypes.Date32},
		{Name: "map", Type: arrow.MapOf(arrow.BinaryTypes.String, arrow.BinaryTypes.String)},
		{Name: "list", Type: arrow.ListOf(arrow.BinaryTypes.String)},
		{Name: "n", Type: arrow.FixedWidthTypes.Boolean},
		{Name: "enum", Type: enum},
		{Name: "span", Type: arrow.FixedWidthTypes.MonthDayNanoInterval},
		{Name: "bin", Type: arrow.BinaryTypes.Binary},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	b.Field(0).(*array.StringBuilder).AppendValues([]string{"=cmd|' /C calc'!A0", "\x1b[31mred\x1b[0m \"q\"\nüber\u202e"}, nil)
	b.Field(1).(*array.Int64Builder).AppendValues([]int64{math.MaxInt64, -5}, nil)
	big, _ := decimal128.FromString("123456789012345678901234567890", 38, 0)
	b.Field(2).(*array.Decimal128Builder).AppendValues([]decimal128.Num{big, decimal128.FromI64(7)}, nil)
	b.Field(3).(*array.Decimal128Builder).AppendValues([]decimal128.Num{decimal128.FromI64(1234), decimal128.FromI64(-5)}, nil)
	b.Field(4).(*array.Float64Builder).AppendValues([]float64{math.NaN(), 0.1}, nil)
	at := time.Date(2026, 11, 1, 2, 3, 4, 500e6, time.UTC)
	b.Field(5).(*array.TimestampBuilder).AppendValues([]arrow.Timestamp{arrow.Timestamp(at.UnixMicro()), arrow.Timestamp(at.Truncate(time.Second).UnixMicro())}, nil)
	b.Field(6).(*array.Date32Builder).AppendValues([]arrow.Date32{arrow.Date32FromTime(at), 0}, nil)
	m := b.Field(7).(*array.MapBuilder)
	m.Append(true)
	m.KeyBuilder().(*array.StringBuilder).Append("aws:s3:arn")
	m.ItemBuilder().(*array.StringBuilder).Append("arn:aws:s3:::b/\"k\"")
	m.Append(true)
	l := b.Field(8).(*array.ListBuilder)
	l.Append(true)
	l.ValueBuilder().(*array.StringBuilder).AppendValues([]string{"a", "b"}, nil)
	l.Append(true)
	b.Field(9).(*array.BooleanBuilder).AppendValues([]bool{true, false}, nil)
	for _, s := range []string{"x", "y"} {
		if err := b.Field(10).(*array.BinaryDictionaryBuilder).AppendString(s); err != nil {
			t.Fatal(err)
		}
	}
	b.Field(11).(*array.MonthDayNanoIntervalBuilder).AppendValues([]arrow.MonthDayNanoInterval{{Months: 1, Days: 2, Nanoseconds: 3.5e9}, {}}, nil)
	b.Field(12).(*array.BinaryBuilder).AppendValues([][]byte{{0, 255}, nil}, []bool{true, true})
	for _, f := range b.Fields() {
		f.AppendNull()
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	r, err := array.NewRecordReader(schema, []arrow.RecordBatch{rec})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWrite_text(t *testing.T) {
	for name, opts := range map[string]Options{
		"sample.jsonl":        {Format: "jsonl"},
		"sample.json":         {Format: "json"},
		"sample.csv":          {Format: "csv"},
		"sample_raw.csv":      {Format: "csv", RawCSV: true},
		"sample.table":        {Format: "table"},
		"sample_wide.table":   {Format: "table", Width: 185},
		"sample_narrow.table": {Format: "table", Width: 60},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			r := sample(t)
			defer r.Release()
			n, err := Write(&out, r, opts)
			if err != nil || n != 3 {
				t.Errorf("Write = %d, %v", n, err)
			}
			golden.EqualString(t, out.String(), "testdata/"+name)
		})
	}
}

func TestWrite_json_is_an_array(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Int64}}, nil)
	r, err := array.NewRecordReader(schema, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	var out strings.Builder
	if _, err := Write(&out, r, Options{Format: "json"}); err != nil || out.String() != "[]\n" {
		t.Errorf("no rows give %q, %v", out.String(), err)
	}
}

func TestWrite_parquet(t *testing.T) {
	var out bytes.Buffer
	r := sample(t)
	defer r.Release()
	if n, err := Write(&out, r, Options{Format: "parquet"}); err != nil || n != 3 {
		t.Fatalf("Write = %d, %v", n, err)
	}
	f, err := file.NewParquetReader(bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	pr, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := pr.ReadTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer table.Release()
	back := array.NewTableReader(table, 0)
	defer back.Release()
	var got, want strings.Builder
	if _, err := Write(&got, back, Options{Format: "jsonl"}); err != nil {
		t.Fatal(err)
	}
	again := sample(t)
	defer again.Release()
	if _, err := Write(&want, again, Options{Format: "jsonl"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), got.String()); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWrite_reports_a_failing_writer(t *testing.T) {
	for _, format := range Formats() {
		r := sample(t)
		if _, err := Write(failingWriter{}, r, Options{Format: format}); err == nil || !strings.Contains(err.Error(), "disk full") {
			t.Errorf("%s: %v", format, err)
		}
		r.Release()
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                  "plain",
		"Grüße 日本 👩‍👩‍👧":         "Grüße 日本 👩\\u200d👩\\u200d👧",
		"\x1b]0;title\x07":       `\x1b]0;title\x07`,
		"a\u009bb":               `a\x9bb`,
		"\xff\xfe":               `\xff\xfe`,
		"user\u202egnp.exe":      `user\u202egnp.exe`,
		"\ufffd stays, \u2028 ?": "\ufffd stays, \\u2028 ?",
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestForTerminal(t *testing.T) {
	var out strings.Builder
	w := ForTerminal(&out)
	for _, b := range []byte("{\"a\":\"ü\x1b[2J\u009b\u202e日\"}\n") {
		if _, err := w.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	if want := "{\"a\":\"ü\\u001b[2J\\u009b\\u202e日\"}\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestHuman(t *testing.T) {
	for want, got := range map[string]string{
		"1,234,567":       Count(1234567),
		"-12":             Count(-12),
		"1 file":          Plural(1, "file"),
		"2,000 entries":   Plural(2000, "entry"),
		"3 days":          Plural(3, "day"),
		"2 queries":       Plural(2, "query"),
		"999 B":           Bytes(999),
		"1.2 kB":          Bytes(1234),
		"53 MB":           Bytes(53_100_000),
		"1.0 GB":          Bytes(999_999_999),
		"4.2 s":           Span(4200 * time.Millisecond),
		"12 min 5 s":      Span(12*time.Minute + 5*time.Second),
		"3 d 4 h":         Span(76 * time.Hour),
		"less than $0.01": Dollars(0.001),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
