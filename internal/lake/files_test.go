package lake

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/schema"
)

var day = time.Date(2026, 1, 4, 0, 0, 0, 0, time.UTC)

// event is a row of a table of events; columns that are not named are NULL, or
// something that is not where NULL is not allowed.
func event(t *schema.Table, values map[string]any) []any {
	row := make([]any, len(t.Columns))
	for i, c := range t.Columns {
		v, named := values[c.Name]
		switch {
		case named:
			row[i] = v
		case !c.NotNull:
		case c.Type == schema.UUID:
			row[i] = [16]byte{1}
		case c.Type == schema.Timestamp:
			row[i] = day
		case c.Type == schema.Boolean:
			row[i] = false
		case c.Type == schema.Bigint || c.Type == schema.Integer:
			row[i] = int64(0)
		default:
			row[i] = "x"
		}
	}
	return row
}

func rowsOf(t *testing.T, table *schema.Table, rows ...[]any) arrow.RecordBatch {
	t.Helper()
	rec, err := schema.Rows(table, rows)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(rec.Release)
	return rec
}

// read returns a Parquet file's rows, each column as Arrow prints its value.
func read(t *testing.T, body []byte) (*arrow.Schema, []map[string]string) {
	t.Helper()
	f, err := file.NewParquetReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := r.ReadTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer table.Release()
	tr := array.NewTableReader(table, 0)
	defer tr.Release()
	var rows []map[string]string
	for tr.Next() {
		rec := tr.RecordBatch()
		for i := range int(rec.NumRows()) {
			row := map[string]string{}
			for j, col := range rec.Columns() {
				row[rec.ColumnName(j)] = col.ValueStr(i)
			}
			rows = append(rows, row)
		}
	}
	return table.Schema(), rows
}

func TestRows_partitions(t *testing.T) {
	r := NewRows(TableNamed(Events))
	hostile := "us-east-1/../../day=2026-01-01"
	var rows [][]any
	var times []FileTimes
	for i, e := range []struct {
		region    string
		at        time.Time
		delivered time.Time
	}{
		{"us-east-1", day.Add(time.Hour), day.Add(2 * time.Hour)},
		{"us-east-1", day.Add(-time.Minute), day.Add(2 * time.Hour)},
		{"eu-west-1", day.Add(24*time.Hour - time.Microsecond), day.Add(25 * time.Hour)},
		{hostile, day, day},
		{"us-east-1", day.AddDate(9, 0, 0), day.Add(time.Hour)},
		{"us-east-1", time.Unix(0, 0), day.Add(time.Hour)},
	} {
		rows = append(rows, event(&schema.KMSEvents, map[string]any{"region": e.region, "event_time": e.at, "record_index": i}))
		times = append(times, FileTimes{Delivered: e.delivered})
	}
	if err := r.Add(rowsOf(t, &schema.KMSEvents, rows...), func(row int) FileTimes { return times[row] }); err != nil {
		t.Fatal(err)
	}
	files, err := r.Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range files {
		_, rows := read(t, f.Body)
		for _, row := range rows {
			got[f.Dir] += row["record_index"] + " "
		}
	}
	want := map[string]string{
		"kms_events_parquet/region=us-east-1/day=2026-01-04/": "5 0 4 ",
		"kms_events_parquet/region=us-east-1/day=2026-01-03/": "1 ",
		"kms_events_parquet/region=eu-west-1/day=2026-01-04/": "2 ",
		"kms_events_parquet/region=other/day=2026-01-04/":     "3 ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRows_values(t *testing.T) {
	table := TableNamed(Events)
	id := [16]byte{0xAB, 0xCD, 15: 1}
	hostile := "\x00'; drop table\n\u202e𝕏 \"\\ {}"
	at := day.Add(time.Microsecond)
	rec := rowsOf(t, &schema.KMSEvents,
		event(&schema.KMSEvents, map[string]any{
			"region": "eu-west-1", "event_id": id, "event_time": at, "event_name": hostile, "user_agent": "",
			"encryption_context": map[string]string{"a": hostile, "b": ""}, "tags": map[string]string{},
			"grant_operations": []string{"Decrypt", ""}, "read_only": true, "pending_window_days": 7, "deletion_date": at,
		}),
		event(&schema.KMSEvents, map[string]any{"region": "eu-west-1", "event_time": at.Add(1), "record_index": 1}),
	)
	r := NewRows(table)
	if err := r.Add(withNullItem(rec), func(int) FileTimes { return FileTimes{Written: at} }); err != nil {
		t.Fatal(err)
	}
	files, err := r.Files(t.Context())
	if err != nil || len(files) != 1 || files[0].Rows != 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	sch, rows := read(t, files[0].Body)
	var names []string
	for _, f := range sch.Fields() {
		names = append(names, f.Name)
	}
	var want []string
	for _, c := range table.Columns() {
		want = append(want, c.Name)
	}
	if diff := cmp.Diff(want, names); diff != "" || slices.Contains(names, "region") {
		t.Errorf("columns: %s", diff)
	}
	null := array.NullValueStr
	for name, want := range map[string][2]string{
		"event_id":            {"abcd0000-0000-0000-0000-000000000001", "01000000-0000-0000-0000-000000000000"},
		"request_id":          {null, null},
		"event_time":          {"2026-01-04T00:00:00.000001", "2026-01-04T00:00:00.000001"},
		"object_written_at":   {"2026-01-04T00:00:00.000001", "2026-01-04T00:00:00.000001"},
		"event_name":          {hostile, "x"},
		"user_agent":          {"", null},
		"encryption_context":  {`[{"key":"a","value":null},{"key":"b","value":""}]`, null},
		"tags":                {"[]", null},
		"grant_operations":    {`["Decrypt",""]`, null},
		"read_only":           {"true", null},
		"pending_window_days": {"7", null},
	} {
		if got := [2]string{rows[0][name], rows[1][name]}; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// withNullItem makes the first value of the first encryption context NULL.
func withNullItem(rec arrow.RecordBatch) arrow.RecordBatch {
	at := rec.Schema().FieldIndices("encryption_context")[0]
	b := array.NewBuilder(memory.DefaultAllocator, rec.Column(at).DataType()).(*array.MapBuilder)
	keys, items := b.KeyBuilder().(*array.StringBuilder), b.ItemBuilder().(*array.StringBuilder)
	b.Append(true)
	keys.AppendValues([]string{"a", "b"}, nil)
	items.AppendNull()
	items.Append("")
	b.AppendNull()
	columns := slices.Clone(rec.Columns())
	columns[at] = b.NewArray()
	return array.NewRecordBatch(rec.Schema(), columns, rec.NumRows())
}

// TestRows_order adds the same rows in two orders, in batches of several sizes.
func TestRows_order(t *testing.T) {
	for _, table := range Tables() {
		if table.Current {
			continue
		}
		t.Run(table.Name, func(t *testing.T) {
			var rows [][]any
			for i := range 300 {
				rows = append(rows, event(table.Of, map[string]any{
					"event_id": [16]byte{0: byte(i), 1: byte(i >> 8)}, "event_time": day.Add(time.Duration(i*7919%97) * time.Second),
					"log_file_id": i % 7, "record_index": i, "event_name": "CreateKey", "region": "eu-west-1",
				}))
			}
			if table.Of == &schema.LogFiles {
				rows = rows[:7]
			}
			render := func(rows [][]any, step int) []File {
				r := NewRows(&table)
				for part := range slices.Chunk(rows, step) {
					err := r.Add(rowsOf(t, table.Of, part...), func(int) FileTimes { return FileTimes{Delivered: day} })
					if err != nil {
						t.Fatal(err)
					}
				}
				files, err := r.Files(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return files
			}
			one := render(rows, 300)
			slices.Reverse(rows)
			other := render(rows, 7)
			if len(one) != 1 || len(other) != 1 || !bytes.Equal(one[0].Body, other[0].Body) || one[0].Dir != other[0].Dir {
				t.Fatalf("the files differ")
			}
			_, got := read(t, one[0].Body)
			if len(got) != len(rows) || table.Of.Column("event_time") >= 0 && !slices.IsSortedFunc(got, func(a, b map[string]string) int {
				return strings.Compare(a["event_time"], b["event_time"])
			}) {
				t.Errorf("%d rows, not sorted by time", len(got))
			}
		})
	}
}

// TestRows_copies reuses the memory of a batch, as the ingester does.
func TestRows_copies(t *testing.T) {
	rec := rowsOf(t, &schema.Corrections, []any{[16]byte{1}, [16]byte{2}})
	r := NewRows(TableNamed(Corrections))
	if err := r.Add(rec, nil); err != nil {
		t.Fatal(err)
	}
	for _, col := range rec.Columns() {
		clear(col.Data().Buffers()[1].Bytes())
	}
	files, err := r.Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, rows := read(t, files[0].Body)
	if rows[0]["event_id"] != "01000000-0000-0000-0000-000000000000" {
		t.Errorf("got %v", rows)
	}
}

func TestRows_refuses(t *testing.T) {
	err := NewRows(TableNamed(Events)).Add(rowsOf(t, &schema.Corrections, []any{[16]byte{1}, [16]byte{2}}), nil)
	if err == nil || !strings.Contains(err.Error(), "columns log_file_id") {
		t.Errorf("got %v", err)
	}
	r := NewRows(TableNamed(Corrections))
	if err := r.Add(rowsOf(t, &schema.Corrections, []any{[16]byte{1}, [16]byte{2}}), nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Files(ctx); err == nil {
		t.Error("went on after its context ended")
	}
}

// TestIsChangeEvent holds the list to that of the view.
func TestIsChangeEvent(t *testing.T) {
	views := schema.Views()
	at := slices.IndexFunc(views, func(v schema.View) bool { return v.Name == "key_change_records" })
	_, list, _ := strings.Cut(views[at].SQL, "event_name in (")
	list, _, _ = strings.Cut(list, ")")
	n := 0
	for name := range strings.SplitSeq(list, ",") {
		n++
		if name = strings.Trim(strings.TrimSpace(name), "'"); !IsChangeEvent(name) {
			t.Errorf("key_change_records uses %s", name)
		}
	}
	if n != len(changeNames) || n < 20 {
		t.Errorf("key_change_records uses %d events, the list has %d", n, len(changeNames))
	}
	if IsChangeEvent("Decrypt") {
		t.Error("Decrypt changes no key")
	}
}

func TestRows_changes(t *testing.T) {
	r := NewRows(TableNamed(ChangeEvents))
	rec := rowsOf(t, &schema.KMSEvents,
		event(&schema.KMSEvents, map[string]any{"event_name": "Decrypt", "region": "r'1"}),
		event(&schema.KMSEvents, map[string]any{"event_name": "CreateKey", "region": "r'1"}))
	if err := r.Add(rec, nil); err != nil || r.Len() != 1 {
		t.Fatalf("%d rows, %v", r.Len(), err)
	}
	files, err := r.Files(t.Context())
	if err != nil || len(files) != 1 || files[0].Dir != "key_change_events_parquet/" {
		t.Fatalf("%+v, %v", files, err)
	}
	if _, rows := read(t, files[0].Body); rows[0]["event_name"] != "CreateKey" || rows[0]["region"] != "r'1" {
		t.Errorf("got %v", rows)
	}
}
