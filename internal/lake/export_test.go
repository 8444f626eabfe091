package lake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/schema"
)

// fakeStore answers the few queries of Export; that DuckDB answers them alike is
// tested with the command. Rows come in the order in which they are given.
type fakeStore struct {
	rows map[string][][]any
	// fail ends the result for this table with an error.
	fail string
}

var errBroken = errors.New("the stream broke")

func (s *fakeStore) Query(_ context.Context, sql string, args ...any) (array.RecordReader, error) {
	for _, t := range schema.Tables() {
		if !strings.Contains(strings.ReplaceAll(sql, ")", " ")+" ", " from "+t.Name+" ") {
			continue
		}
		list := slices.DeleteFunc(slices.Clone(s.rows[t.Name]), func(row []any) bool { return !matches(t, row, args) })
		switch {
		case strings.HasPrefix(sql, "select count(*)"):
			return oneColumn(arrow.PrimitiveTypes.Int64, fmt.Sprint(len(list)))
		case strings.HasPrefix(sql, "select distinct"):
			days := map[string]bool{}
			for _, row := range list {
				days[row[t.Column("event_time")].(time.Time).Truncate(24*time.Hour).Format("2006-01-02 15:04:05")] = true
			}
			return oneColumn(schema.Timestamp.Arrow(), slices.Sorted(maps.Keys(days))...)
		case t.Name == s.fail:
			return nil, errBroken
		}
		return s.table(t, list, strings.Contains(sql, fileWritten))
	}
	return nil, fmt.Errorf("unexpected query %s", sql)
}

// matches applies the arguments: two times for a day, names of events otherwise.
func matches(t *schema.Table, row, args []any) bool {
	switch {
	case len(args) == 2:
		at := row[t.Column("event_time")].(time.Time)
		return !at.Before(args[0].(time.Time)) && at.Before(args[1].(time.Time))
	case len(args) > 0:
		return slices.Contains(args, row[t.Column("event_name")])
	}
	return true
}

func oneColumn(t arrow.DataType, values ...string) (array.RecordReader, error) {
	s := arrow.NewSchema([]arrow.Field{{Name: "x", Type: t}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, s)
	for _, v := range values {
		if err := b.Field(0).AppendValueFromString(v); err != nil {
			return nil, err
		}
	}
	return array.NewRecordReader(s, []arrow.RecordBatch{b.NewRecordBatch()})
}

// table returns rows in batches of three, with the times of their log files:
// delivered an hour after the event, written a second later.
func (s *fakeStore) table(t *schema.Table, list [][]any, withTimes bool) (array.RecordReader, error) {
	sc := t.Arrow()
	if withTimes {
		timestamp := schema.Timestamp.Arrow()
		sc = arrow.NewSchema(append(sc.Fields(), arrow.Field{Name: fileDelivered, Type: timestamp, Nullable: true}, arrow.Field{Name: fileWritten, Type: timestamp, Nullable: true}), nil)
	}
	var batches []arrow.RecordBatch
	for part := range slices.Chunk(list, 3) {
		rec, err := schema.Rows(t, part)
		if err != nil {
			return nil, err
		}
		columns := rec.Columns()
		if withTimes {
			delivered, written := newTimestampBuilder(len(part)), newTimestampBuilder(len(part))
			for _, row := range part {
				at := row[t.Column("event_time")].(time.Time).Add(time.Hour)
				delivered.Append(arrow.Timestamp(at.UnixMicro()))
				written.Append(arrow.Timestamp(at.Add(time.Second).UnixMicro()))
			}
			columns = append(slices.Clone(columns), delivered.NewArray(), written.NewArray())
		}
		batches = append(batches, array.NewRecordBatch(sc, columns, rec.NumRows()))
	}
	return array.NewRecordReader(sc, batches)
}

// storeOf has events of three Regions, one of which is none, and two days; a
// finding; and the log files of a source, one of which failed.
func storeOf(t *testing.T, source string, objects []ingest.Object) *fakeStore {
	t.Helper()
	s := &fakeStore{rows: map[string][][]any{}}
	n := 0
	for _, region := range []string{"eu-west-1", "europe", "sa-east-1", "~"} {
		for i := range 10 {
			n++
			s.rows["kms_events"] = append(s.rows["kms_events"], event(&schema.KMSEvents, map[string]any{
				"region": region, "event_id": [16]byte{byte(n)}, "event_time": day.Add(time.Duration(i) * 5 * time.Hour),
				"event_name": []string{"Decrypt", "CreateKey"}[i%2], "record_index": n,
			}))
		}
	}
	for i, o := range objects {
		status := ingest.FileIngested
		if i == 0 {
			status = ingest.FileFailed
		}
		s.rows["log_files"] = append(s.rows["log_files"], event(&schema.LogFiles, map[string]any{
			"log_file_id": i + 1, "source": source, "object_key": o.Key, "etag": o.ETag, "size_bytes": o.Size,
			"last_modified": orNil(o.LastModified), "delivered_at": orNil(o.Location.DeliveredAt), "status": string(status),
		}))
	}
	s.rows["quotas"] = [][]any{{"cryptographic_symmetric", nil, nil, 5500.5, "default"}}
	return s
}

// names lists what is in a lake below a directory.
func lakeNames(t *testing.T, b Bucket, dir string) []string {
	t.Helper()
	var names []string
	if err := b.List(t.Context(), dir, func(name string, _ int64) error { names = append(names, name); return nil }); err != nil {
		t.Fatal(err)
	}
	return names
}

func mustExport(t *testing.T, s Store, b Bucket, o ExportOptions) Exported {
	t.Helper()
	done, err := Export(t.Context(), s, b, o)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestExport(t *testing.T) {
	b := newMemory()
	s := storeOf(t, "s3://logs", nil)
	var last ExportProgress
	done := mustExport(t, s, b, ExportOptions{OnProgress: func(p ExportProgress) { last = p }})
	if done.Rows[Events] != 40 || done.Rows[ChangeEvents] != 20 || done.Rows["quotas"] != 1 || done.Deleted != 0 {
		t.Errorf("got %+v", done)
	}
	if last.Rows != last.RowsAll || last.Rows != 61 || last.Bytes != done.Bytes || done.Files != int64(len(lakeNames(t, b, "")))-6 {
		t.Errorf("ended at %+v, exported %+v", last, done)
	}
	want := []string{
		"region=eu-west-1/day=2026-01-04/store-000000-1767484800-1767556800.parquet",
		"region=eu-west-1/day=2026-01-05/store-000000-1767574800-1767646800.parquet",
		"region=other/day=2026-01-04/store-000000-1767484800-1767556800.parquet",
		"region=other/day=2026-01-05/store-000000-1767574800-1767646800.parquet",
		"region=sa-east-1/day=2026-01-04/store-000000-1767484800-1767556800.parquet",
		"region=sa-east-1/day=2026-01-05/store-000000-1767574800-1767646800.parquet",
	}
	names := slices.DeleteFunc(lakeNames(t, b, Events+"/"), func(name string) bool { return !strings.HasSuffix(name, parquetSuffix) })
	for i := range names {
		names[i] = strings.TrimPrefix(names[i], Events+"/")
	}
	if !slices.Equal(names, want) {
		t.Errorf("got %q", names)
	}
	ids := map[string]bool{}
	for _, row := range lakeRows(t, b, Events) {
		ids[row["event_id"]] = true
		if !strings.HasPrefix(row["object_written_at"], "2026-01-0") || !strings.HasSuffix(row["object_written_at"], ":00:01") {
			t.Errorf("written at %s", row["object_written_at"])
		}
	}
	if len(ids) != 40 {
		t.Errorf("%d events are in the lake", len(ids))
	}
	for _, table := range Tables() {
		if len(lakeNames(t, b, table.Name+"/")) == 0 {
			t.Errorf("%s has no directory", table.Name)
		}
	}
	if rows := lakeRows(t, b, "quotas"); len(rows) != 1 || rows[0]["requests_per_second"] != "5500.5" || rows[0]["region"] != array.NullValueStr {
		t.Errorf("quotas: %v", rows)
	}
	if rows := lakeRows(t, b, "findings"); len(rows) != 0 {
		t.Errorf("findings: %v", rows)
	}
}

// TestExport_again wants the same bytes, and an answer when there are some.
func TestExport_again(t *testing.T) {
	b, other := newMemory(), newMemory()
	s := storeOf(t, "s3://logs", nil)
	first := mustExport(t, s, b, ExportOptions{})
	mustExport(t, s, other, ExportOptions{})
	for name, body := range b.objects {
		if !bytes.Equal(body, other.objects[name]) {
			t.Errorf("%s differs", name)
		}
	}
	done, err := Export(t.Context(), s, b, ExportOptions{})
	if !errors.Is(err, ErrNotEmpty) || done.Files != 0 {
		t.Errorf("%d files written, %v", done.Files, err)
	}
	s.rows["kms_events"] = s.rows["kms_events"][:10]
	done = mustExport(t, s, b, ExportOptions{Replace: true})
	if rows := lakeRows(t, b, Events); len(rows) != 10 || done.Deleted == 0 || done.Deleted >= first.Files {
		t.Errorf("%d rows after the second, %d files deleted of %d", len(rows), done.Deleted, first.Files)
	}
}

func TestExport_smallFiles(t *testing.T) {
	b := newMemory()
	mustExport(t, storeOf(t, "s3://logs", nil), b, ExportOptions{fileBytes: 1})
	names := lakeNames(t, b, Events+"/region=eu-west-1/day=2026-01-04/")
	if len(names) < 2 || len(lakeRows(t, b, Events)) != 40 {
		t.Errorf("got %q", names)
	}
}

func TestExport_fails(t *testing.T) {
	s := storeOf(t, "s3://logs", nil)
	s.fail = "related_events"
	b := newMemory()
	if _, err := Export(t.Context(), s, b, ExportOptions{}); !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "export related_events") {
		t.Errorf("got %v", err)
	}
	if plans := lakeNames(t, b, plansDir); len(plans) != 0 {
		t.Errorf("an export that is not whole has plans: %q", plans)
	}
}

// TestExport_write goes on with Write: it reads what failed, what came late and
// nothing else.
func TestExport_write(t *testing.T) {
	logs := newLogs(t, 3)
	logs.add(30)
	var objects []ingest.Object
	err := logs.source().List(t.Context(), ingest.Selection{}, func(page []ingest.Object) error {
		objects = append(objects, page...)
		return nil
	})
	if err != nil || len(objects) < 20 {
		t.Fatalf("%d log files, %v", len(objects), err)
	}
	b := newMemory()
	done := mustExport(t, storeOf(t, logs.source().Name(), objects), b, ExportOptions{Maker: "test"})
	if done.Rows[LogFiles] != int64(len(objects)) || done.Plans < 4 {
		t.Errorf("exported %+v", done)
	}
	for range 2 {
		if again, err := Export(t.Context(), storeOf(t, logs.source().Name(), objects), newMemory(), ExportOptions{Maker: "test"}); err != nil || again.Bytes != done.Bytes {
			t.Errorf("another export has %d bytes, not %d, %v", again.Bytes, done.Bytes, err)
		}
	}
	logs.add(5)
	summary := mustWrite(t, logs.options(b))
	if summary.ObjectsDone != 6 || summary.ObjectsKnown != int64(len(objects)-1) {
		t.Errorf("read %d log files, knew %d of %d", summary.ObjectsDone, summary.ObjectsKnown, len(objects))
	}
	if summary = mustWrite(t, logs.options(b)); summary.ObjectsDone != 0 {
		t.Errorf("read %d log files once more", summary.ObjectsDone)
	}
}
