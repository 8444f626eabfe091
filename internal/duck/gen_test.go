//go:build duckdb_arrow

package duck

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/extensions"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/schema"
)

// event is a row of kms_events as tests speak of it; the columns not named
// here are derived from the number.
type event struct {
	n          int // identity: the event id is made from it
	file       int64
	index      int
	at         time.Time
	region     string
	remainder  string
	supersedes int // number of the event it corrects, 0: none
	context    []string
	nilContext bool
	// texts are the values of VARCHAR columns; the others are then NULL.
	texts map[string]string
}

var day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func id(n int) (out eventID) {
	r := rand.New(rand.NewPCG(uint64(n), 7))
	binary.LittleEndian.PutUint64(out[:], r.Uint64())
	binary.LittleEndian.PutUint64(out[8:], r.Uint64())
	return out
}

func at(n int) time.Time { return day.Add(time.Duration(n) * time.Second) }

// record builds a batch with the schema of kms_events.
func record(events []event) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.KMSEvents.Arrow())
	defer b.Release()
	b.Reserve(len(events))
	for _, e := range events {
		for i, c := range schema.KMSEvents.Columns {
			appendColumn(b.Field(i), c, e)
		}
	}
	return b.NewRecordBatch()
}

func appendColumn(b array.Builder, c schema.Column, e event) {
	switch c.Name {
	case "log_file_id":
		b.(*array.Int64Builder).Append(e.file)
	case "record_index":
		b.(*array.Int32Builder).Append(int32(e.index))
	case "event_id":
		b.(*extensions.UUIDBuilder).AppendBytes(id(e.n))
	case "event_time":
		when := e.at
		if when.IsZero() {
			when = at(e.n)
		}
		b.(*array.TimestampBuilder).Append(arrow.Timestamp(when.UnixMicro()))
	case "supersedes_event_id":
		if e.supersedes == 0 {
			b.AppendNull()
			return
		}
		b.(*extensions.UUIDBuilder).AppendBytes(id(e.supersedes))
	case "region":
		region := e.region
		if region == "" {
			region = "eu-central-1"
		}
		b.(*array.StringBuilder).Append(region)
	case "remainder":
		if e.remainder == "" {
			b.AppendNull()
			return
		}
		b.(*array.StringBuilder).Append(e.remainder)
	case "encryption_context":
		appendContext(b.(*array.MapBuilder), e)
	default:
		if e.texts != nil {
			appendText(b, c, e)
			return
		}
		appendDerived(b, c, e.n)
	}
}

// appendText fills a column of an event that says what it is.
func appendText(b array.Builder, c schema.Column, e event) {
	value, ok := e.texts[c.Name]
	switch text, isText := b.(*array.StringBuilder); {
	case isText && (ok || c.NotNull):
		text.Append(value)
	case c.Name == "is_self":
		b.(*array.BooleanBuilder).Append(false)
	default:
		b.AppendNull()
	}
}

const exampleKey = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555"

// decrypt is a Decrypt by a role of the key's own account; texts are further
// columns, in pairs.
func decrypt(n int, at time.Time, texts ...string) event {
	e := event{n: n, file: int64(n), at: at, nilContext: true, texts: map[string]string{
		"event_name": "Decrypt", "recipient_account_id": "111122223333", "caller_account_id": "111122223333", "key_account_id": "111122223333",
		"record_copy": "single", "actor_kind": "workload", "operation_class": "cryptographic", "quota_name": "cryptographic_symmetric",
		"key_arn": exampleKey, "principal_arn": "arn:aws:iam::111122223333:role/app", "principal_id": "AROAEXAMPLE",
	}}
	for i := 0; i+1 < len(texts); i += 2 {
		e.texts[texts[i]] = texts[i+1]
	}
	return e
}

func appendContext(b *array.MapBuilder, e event) {
	if e.nilContext {
		b.AppendNull()
		return
	}
	b.Append(true)
	pairs := e.context
	if pairs == nil && e.n%3 > 0 {
		pairs = []string{"aws:s3:arn", fmt.Sprintf("arn:aws:s3:::example-bucket-%d/path/to/object-%d", e.n%50, e.n)}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		b.KeyBuilder().(*array.StringBuilder).Append(pairs[i])
		b.ItemBuilder().(*array.StringBuilder).Append(pairs[i+1])
	}
}

// appendDerived fills about half of the optional columns, like real events.
func appendDerived(b array.Builder, c schema.Column, n int) {
	if !c.NotNull && (len(c.Name)+n)%7 > 3 {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.StringBuilder:
		switch c.Name {
		case "request_id":
		case "key_arn":
			b.Append(fmt.Sprintf("arn:aws:kms:eu-central-1:111122223333:key/%08d-1111-2222-3333-444455556666", n%200))
			return
		case "caller_arn", "principal_arn", "role_arn":
			b.Append(fmt.Sprintf("arn:aws:sts::111122223333:assumed-role/service-%d/session-%d", n%40, n%1000))
			return
		}
		b.Append(fmt.Sprintf("%s-%d", c.Name, n%20))
	case *array.BooleanBuilder:
		b.Append(n%2 == 0)
	case *array.Int64Builder:
		b.Append(int64(n))
	case *array.Int32Builder:
		b.Append(int32(n))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(at(n / 100).UnixMicro()))
	case *extensions.UUIDBuilder:
		b.AppendBytes(id(n + 1<<40))
	case *array.MapBuilder:
		b.Append(true)
		if n%5 == 0 {
			b.KeyBuilder().(*array.StringBuilder).Append("data-classification")
			b.ItemBuilder().(*array.StringBuilder).AppendNull()
		}
	case *array.ListBuilder:
		b.Append(true)
		for i := range n % 3 {
			b.ValueBuilder().(*array.StringBuilder).Append(fmt.Sprintf("Operation%d", i))
		}
	}
}

// batchOf makes a batch; every file that events name gets a ledger row.
func batchOf(events, repeats []event) *ingest.Batch {
	b := &ingest.Batch{}
	if len(events) > 0 {
		b.Events = record(events)
	}
	if len(repeats) > 0 {
		b.Repeats = record(repeats)
	}
	files := map[int64]*ingest.LogFile{}
	var order []int64
	for i, e := range append(append([]event{}, events...), repeats...) {
		if i < len(events) {
			when := e.at
			if when.IsZero() {
				when = at(e.n)
			}
			b.EventIDs = append(b.EventIDs, id(e.n))
			b.EventTimes = append(b.EventTimes, when.UnixMicro())
		}
		if e.supersedes != 0 {
			b.Supersedes = append(b.Supersedes, id(e.supersedes))
		}
		if files[e.file] == nil {
			files[e.file] = logFile(e.file)
			order = append(order, e.file)
		}
		files[e.file].KMS++
		files[e.file].Records++
	}
	for _, f := range order {
		b.Files = append(b.Files, *files[f])
	}
	return b
}

func logFile(n int64) *ingest.LogFile {
	return &ingest.LogFile{
		ID: n, Source: "s3://example-logs", Status: ingest.FileIngested, Attempts: 1,
		Object: ingest.Object{
			Key: fmt.Sprintf("AWSLogs/111122223333/CloudTrail/eu-central-1/2026/03/01/file-%06d.json.gz", n), ETag: "etag", Size: 100,
			Location: ingest.Location{AccountID: "111122223333", Region: "eu-central-1", DeliveredAt: day.Add(time.Duration(n) * time.Minute)},
		},
	}
}

func release(b *ingest.Batch) {
	for _, rec := range []arrow.RecordBatch{b.Events, b.Repeats, b.Related} {
		if rec != nil {
			rec.Release()
		}
	}
}

// addAndCommit stores a batch in a transaction of its own.
func addAndCommit(ctx context.Context, s *Store, b *ingest.Batch) (ingest.BatchResult, error) {
	res, err := s.Add(ctx, b)
	if err != nil {
		return res, err
	}
	return res, s.Commit(ctx)
}

func mustCommit(t testing.TB, s *Store, b *ingest.Batch) ingest.BatchResult {
	t.Helper()
	defer release(b)
	res, err := addAndCommit(context.Background(), s, b)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// mustAdd stores a batch and leaves the transaction open.
func mustAdd(t testing.TB, s *Store, b *ingest.Batch) ingest.BatchResult {
	t.Helper()
	defer release(b)
	res, err := s.Add(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func openTemp(t testing.TB) *Store {
	t.Helper()
	return mustOpen(t, filepath.Join(t.TempDir(), "test.db"))
}

func mustOpen(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// table returns a query's rows as text, NULL as "(null)".
func table(t testing.TB, s *Store, sql string, args ...any) [][]string {
	t.Helper()
	r, err := s.Query(context.Background(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	out := [][]string{}
	for r.Next() {
		rec := r.RecordBatch()
		for i := range int(rec.NumRows()) {
			row := make([]string, rec.NumCols())
			for j := range row {
				row[j] = rec.Column(j).ValueStr(i)
			}
			out = append(out, row)
		}
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func count(t testing.TB, s *Store, sql string) int64 {
	t.Helper()
	n, err := s.scalar(context.Background(), sql)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
