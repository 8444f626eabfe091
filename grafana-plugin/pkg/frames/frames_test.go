package frames

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

var update = flag.Bool("update", false, "write golden files")

// golden compares a text with that of a file.
func golden(t *testing.T, got, name string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s, if that is right run with -update (-want +got):\n%s", path, diff)
	}
}

// recorded opens the answer of a real server to testdata/<name>.sql.
func recorded(t testing.TB, name string) array.RecordReader {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name+".arrows"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := ipc.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Release)
	return r
}

// col is a column of a result that a test makes up.
func col(name string, kind arrow.DataType) arrow.Field {
	return arrow.Field{Name: name, Type: kind, Nullable: true}
}

var (
	text    = arrow.BinaryTypes.String
	float   = arrow.PrimitiveTypes.Float64
	integer = arrow.PrimitiveTypes.Int64
	boolean = arrow.FixedWidthTypes.Boolean
	stamp   = &arrow.TimestampType{Unit: arrow.Microsecond}
)

// result is a result with rows of JSON, in one batch each.
func result(t testing.TB, columns []arrow.Field, batches ...string) array.RecordReader {
	t.Helper()
	schema := arrow.NewSchema(columns, nil)
	var records []arrow.RecordBatch
	for _, rows := range batches {
		rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(rows))
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, rec)
	}
	return reader(t, schema, records...)
}

func reader(t testing.TB, schema *arrow.Schema, records ...arrow.RecordBatch) array.RecordReader {
	t.Helper()
	r, err := array.NewRecordReader(schema, records)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// broken is a stream that dies after its batches.
type broken struct {
	array.RecordReader
	err error
}

func (b broken) Err() error { return b.err }

func read(t testing.TB, r array.RecordReader, o Options) Result {
	t.Helper()
	got, err := Read(r, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range got.Frames {
		if _, err := f.MarshalArrow(); err != nil {
			t.Errorf("the frame cannot be sent to Grafana: %v", err)
		}
		if b, err := json.Marshal(f); err != nil || !json.Valid(b) {
			t.Errorf("the frame cannot be sent to a browser: %v", err)
		}
	}
	return got
}

// shown writes a result as text: a line for each field, with its values.
func shown(r Result) string {
	var b strings.Builder
	for _, f := range r.Frames {
		fmt.Fprintf(&b, "%s %s\n", f.Meta.Type, f.RefID)
		for _, field := range f.Fields {
			fmt.Fprintf(&b, "%s", field.Name)
			if len(field.Labels) > 0 {
				fmt.Fprintf(&b, " {%s}", field.Labels)
			}
			fmt.Fprintf(&b, " %s", fieldName(field.Type()))
			if c := field.Config; c != nil && c.Unit != "" {
				fmt.Fprintf(&b, " in %s", c.Unit)
			}
			if c := field.Config; c != nil && c.DisplayNameFromDS != "" {
				fmt.Fprintf(&b, " as %q", c.DisplayNameFromDS)
			}
			fmt.Fprintf(&b, ": %s\n", strings.Join(values(field), " | "))
		}
	}
	if r.Truncated {
		b.WriteString("truncated\n")
	}
	for _, n := range r.Notices {
		fmt.Fprintf(&b, "%s: %s\n", n.Severity, n.Text)
	}
	return b.String()
}

func values(f *data.Field) []string {
	out := make([]string, f.Len())
	for i := range out {
		v, ok := f.ConcreteAt(i)
		if !ok {
			out[i] = "·"
			continue
		}
		out[i] = strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(textOf(v))
	}
	return out
}

func same(t *testing.T, got Result, want string) {
	t.Helper()
	if diff := cmp.Diff(strings.TrimSpace(want), strings.TrimSpace(shown(got))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRead_nothing(t *testing.T) {
	for _, format := range []Format{FormatAuto, FormatTable, FormatTimeSeries, FormatLogs, FormatAnnotations} {
		columns := []arrow.Field{col("time", stamp), col("n", integer)}
		fill := Fill{Mode: FillZero}
		for name, r := range map[string]array.RecordReader{"no batch": result(t, columns), "an empty batch": result(t, columns, `[]`)} {
			got := read(t, r, Options{Format: format, Fill: fill, Bucket: time.Minute, From: time.Unix(0, 0), To: time.Unix(600, 0)})
			if len(got.Frames) != 0 || got.Truncated || len(got.Notices) != 0 {
				t.Errorf("%s, %s: %+v", format, name, got)
			}
		}
	}
	// Rows of which none can be shown are no data either, but say why.
	got := read(t, result(t, []arrow.Field{col("time", stamp), col("n", integer)}, `[{"time":null,"n":1}]`), Options{Format: FormatTimeSeries})
	same(t, got, `warning: 1 row without a time left out.`)
}

func TestRead_brokenStream(t *testing.T) {
	died := errors.New("connection reset")
	for _, rows := range []string{`[]`, `[{"time":"2026-01-01T00:00:00","n":1}]`} {
		r := broken{result(t, []arrow.Field{col("time", stamp), col("n", integer)}, rows), died}
		got, err := Read(r, Options{})
		if !errors.Is(err, died) || len(got.Frames) != 0 {
			t.Errorf("after %s: %v, %+v", rows, err, got)
		}
	}
}

func TestRead_limits(t *testing.T) {
	columns := []arrow.Field{col("n", integer), col("s", text)}
	first, second := `[{"n":1,"s":"a"},{"n":2,"s":"b"}]`, `[{"n":3,"s":"c"}]`
	long := `[{"n":1,"s":"` + strings.Repeat("x", 2<<20) + `"}]`
	for _, c := range []struct {
		name    string
		options Options
		batches []string
		rows    int64
		notice  string
	}{
		{"all", Options{}, []string{first, second}, 3, ""},
		{"as many as allowed", Options{MaxRows: 3}, []string{first, second}, 3, ""},
		{"as many as allowed, then an empty batch", Options{MaxRows: 3}, []string{first, second, `[]`}, 3, ""},
		{"cut within a batch", Options{MaxRows: 1}, []string{first, second}, 1, "Only the first 1 rows are shown, which is the limit."},
		{"cut between batches", Options{MaxRows: 2}, []string{first, second}, 2, "Only the first 2 rows are shown, which is the limit."},
		{"cut by bytes", Options{MaxBytes: 8}, []string{first, second}, 2, "Only the first 2 rows are shown: together they have reached the limit of 0 MiB."},
		{"a long value", Options{}, []string{long}, 1, "Values longer than 65,536 bytes are cut: s (1)."},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := read(t, result(t, columns, c.batches...), c.options)
			if got.Rows != c.rows || int64(got.Frames[0].Rows()) != c.rows || got.Truncated != strings.HasPrefix(c.notice, "Only") {
				t.Errorf("got %+v", got)
			}
			var notice string
			for _, n := range got.Frames[0].Meta.Notices {
				notice += n.Text
			}
			if !strings.HasPrefix(notice, c.notice) || notice != "" && c.notice == "" {
				t.Errorf("notice %q", notice)
			}
		})
	}
}

func TestRead_refuses(t *testing.T) {
	plain := []arrow.Field{col("a", text), col("b", boolean)}
	for _, c := range []struct {
		name    string
		columns []arrow.Field
		options Options
		want    string
	}{
		{"a type", []arrow.Field{col("half", arrow.FixedWidthTypes.Float16)}, Options{}, `convert column "half": its type float16 is not known to the plugin: cast it to VARCHAR`},
		{"a type in a type", []arrow.Field{col("x", arrow.ListOf(arrow.StructOf(col("d", arrow.FixedWidthTypes.Duration_s))))}, Options{},
			`convert column "x": it holds duration[s], a type that is not known to the plugin: cast it to VARCHAR`},
		{"a dictionary of numbers", []arrow.Field{col("x", &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: integer})}, Options{},
			`convert column "x": its type dictionary<values=int64, indices=int8, ordered=false> is not known to the plugin: cast it to VARCHAR`},
		{"time series without times", plain, Options{Format: FormatTimeSeries}, `the format time series needs a column of times, and the result has none: a , b `},
		{"time series without numbers", []arrow.Field{col("time", stamp)}, Options{Format: FormatTimeSeries}, `the format time series needs a column of numbers, and the result has none: time `},
		{"logs without times", plain, Options{Format: FormatLogs}, `the format logs needs a column of times, and the result has none: a , b `},
		{"annotations without times", plain, Options{Format: FormatAnnotations}, `the format annotations needs a column of times, and the result has none: a , b `},
		{"a format", plain, Options{Format: "pie"}, `the format "pie" is not known: it is auto, time_series, table, logs or annotations`},
		{"a fill mode", plain, Options{Fill: Fill{Mode: "guess"}}, `the fill mode "guess" is not known: it is none, null, zero, previous or value`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Read(result(t, c.columns), c.options); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestRead_names(t *testing.T) {
	columns := []arrow.Field{col("a", text), col("a", text), col("a (2)", text), col("", text), col("x\x00\u202ey", text)}
	got := read(t, result(t, columns, `[{}]`), Options{RefID: "B"})
	var names []string
	for _, f := range got.Frames[0].Fields {
		names = append(names, f.Name)
	}
	if diff := cmp.Diff([]string{"a", "a (2)", "a (2) (2)", "column 4", "x␀\ufffdy"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.Frames[0].RefID != "B" {
		t.Errorf("refId %q", got.Frames[0].RefID)
	}
}
