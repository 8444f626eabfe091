package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/dirsource"
	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/duck"
)

var start = time.Date(2026, 1, 4, 6, 0, 0, 0, time.UTC)

// writeBucket writes log files files of perFile records each; every fifth
// record is in two files, and every third is not KMS.
func writeBucket(t testing.TB, dir string, files, perFile int) (distinct int) {
	t.Helper()
	ids := map[string]bool{}
	for f := range files {
		var records [][]byte
		for r := range perFile {
			at := start.Add(time.Duration(f)*time.Minute + time.Duration(r)*time.Second)
			if r%3 == 2 {
				records = append(records, cttest.PutObject(at, cttest.AssumedRole("111122223333", "app", "s"), "us-east-1", "b", "o", "").JSON())
				continue
			}
			e := cttest.Sample("Decrypt", "111122223333", at)
			e.ID = cttest.EventID(fmt.Sprintf("%d/%d", f, r))
			if r%5 == 0 && f > 0 { // as delivered in the file before
				e = cttest.Sample("Decrypt", "111122223333", at.Add(-time.Minute))
				e.ID = cttest.EventID(fmt.Sprintf("%d/%d", f-1, r))
				if f > 1 {
					e = cttest.Sample("Decrypt", "111122223333", start.Add(time.Duration(r)*time.Second))
					e.ID = cttest.EventID(fmt.Sprintf("0/%d", r))
				}
			}
			ids[e.ID] = true
			records = append(records, e.JSON())
		}
		at := start.Add(time.Duration(f) * time.Minute)
		write(t, dir, cttest.Key("", "", "111122223333", "us-east-1", at, cttest.Suffix(fmt.Sprint(f))), cttest.LogFile(records...))
	}
	return len(ids)
}

func write(t testing.TB, dir, key string, body []byte) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(key))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, body, 0o644); err != nil {
		t.Fatal(err)
	}
}

func openStore(t testing.TB, path string) *duck.Store {
	t.Helper()
	s, err := duck.Open(t.Context(), path, duck.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func openDir(t testing.TB, dir string) *dirsource.Source {
	t.Helper()
	src, err := dirsource.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// count returns the numbers a query gives, row by row.
func count(t testing.TB, s *duck.Store, query string) []int64 {
	t.Helper()
	r, err := s.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	var out []int64
	for r.Next() {
		for row := range int(r.RecordBatch().NumRows()) {
			for _, c := range r.RecordBatch().Columns() {
				out = append(out, c.(*array.Int64).Value(row))
			}
		}
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// checkExact holds that the store has every event once and every file once.
func checkExact(t testing.TB, s *duck.Store, distinct, files int) {
	t.Helper()
	got := count(t, s, `SELECT count(*), count(DISTINCT event_id), (SELECT count(*) FROM log_files WHERE status = 'ingested'),
		(SELECT count(DISTINCT object_key) FROM log_files), (SELECT cast(sum(inserted_count) AS BIGINT) FROM log_files),
		(SELECT cast(sum(kms_count - duplicate_count) AS BIGINT) FROM log_files) FROM kms_events`)
	want := []int64{int64(distinct), int64(distinct), int64(files), int64(files), int64(distinct), int64(distinct)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows, distinct ids, files ingested, distinct files, inserted, kms without duplicates (-want +got)\n%s", diff)
	}
}

func TestRunAgainAndAgain(t *testing.T) {
	dir := t.TempDir()
	distinct := writeBucket(t, dir, 20, 10)
	s := openStore(t, filepath.Join(t.TempDir(), "k.duckdb"))
	opts := ingest.Options{Source: openDir(t, dir), Sink: s}

	plan, err := ingest.Plan(t.Context(), opts)
	if err != nil || plan.ObjectsToRead != 20 {
		t.Fatalf("plan: %+v, %v", plan, err)
	}
	first, err := ingest.Run(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if first.ObjectsDone != 20 || first.Inserted != int64(distinct) || first.Records != 200 || first.Failed != 0 {
		t.Errorf("first run: %+v", first)
	}
	if !first.FirstEvent.Equal(start) {
		t.Errorf("the first event is of %s", first.FirstEvent)
	}
	checkExact(t, s, distinct, 20)

	second, err := ingest.Run(t.Context(), opts)
	if err != nil || second.ObjectsToRead != 0 || second.ObjectsKnown != 20 || second.Inserted != 0 {
		t.Errorf("second run: %+v, %v", second, err)
	}

	e := cttest.Sample("Encrypt", "111122223333", start)
	write(t, dir, cttest.Key("", "", "111122223333", "us-east-1", start, cttest.Suffix("late")), cttest.LogFile(e.JSON()))
	third, err := ingest.Run(t.Context(), opts)
	if err != nil || third.ObjectsToRead != 1 || third.Inserted != 1 {
		t.Errorf("third run: %+v, %v", third, err)
	}
	checkExact(t, s, distinct+1, 21)
}

// TestRunIsInterrupted stops runs after every possible number of files; the
// last one has to end with the exact table.
func TestRunIsInterrupted(t *testing.T) {
	dir := t.TempDir()
	distinct := writeBucket(t, dir, 12, 10)
	s := openStore(t, filepath.Join(t.TempDir(), "k.duckdb"))
	for n := int64(1); ; n++ {
		ctx, cancel := context.WithCancel(t.Context())
		src := &breaking{Source: openDir(t, dir), onRead: func(i int64) error {
			if i == n {
				cancel()
			}
			return nil
		}}
		_, err := ingest.Run(ctx, ingest.Options{Source: src, Sink: s, Concurrency: 1, Decoders: 1})
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if n > 100 {
			t.Fatal("a run that is interrupted later and later never comes to its end")
		}
	}
	checkExact(t, s, distinct, 12)
}

// breaking is a source whose calls can be made to fail.
type breaking struct {
	ingest.Source
	reads, lists atomic.Int64
	onRead       func(n int64) error
	onList       func(n int64) error
}

func (b *breaking) Read(ctx context.Context, obj ingest.Object, dst []byte, limit int64) ([]byte, error) {
	if b.onRead != nil {
		if err := b.onRead(b.reads.Add(1)); err != nil {
			return nil, err
		}
	}
	return b.Source.Read(ctx, obj, dst, limit)
}

func (b *breaking) List(ctx context.Context, sel ingest.Selection, visit func([]ingest.Object) error) error {
	return b.Source.List(ctx, sel, func(page []ingest.Object) error {
		for _, obj := range page { // pages of one, so that there are several
			if b.onList != nil {
				if err := b.onList(b.lists.Add(1)); err != nil {
					return err
				}
			}
			if err := visit([]ingest.Object{obj}); err != nil {
				return err
			}
		}
		return nil
	})
}

var errInjected = errors.New("injected")

// TestUnreadableObjects holds that one object's error stops nothing, is in the
// ledger, and is tried again.
func TestUnreadableObjects(t *testing.T) {
	dir := t.TempDir()
	distinct := writeBucket(t, dir, 6, 10)
	s := openStore(t, filepath.Join(t.TempDir(), "k.duckdb"))
	src := &breaking{Source: openDir(t, dir), onRead: func(n int64) error {
		if n == 3 {
			return errInjected
		}
		return nil
	}}
	sum, err := ingest.Run(t.Context(), ingest.Options{Source: src, Sink: s})
	if err != nil || sum.Failed != 1 || len(sum.Failures) != 1 || sum.ObjectsDone != 6 {
		t.Fatalf("run with one unreadable object: %+v, %v", sum, err)
	}
	if got := count(t, s, `SELECT count(*), cast(sum(attempts) AS BIGINT) FROM log_files WHERE status = 'failed' AND error = 'injected'`); got[0] != 1 || got[1] != 1 {
		t.Errorf("failed entries and attempts: %v", got)
	}
	left, err := ingest.Run(t.Context(), ingest.Options{Source: openDir(t, dir), Sink: s, LeaveFailed: true})
	if err != nil || left.ObjectsToRead != 0 || left.ObjectsKnown != 6 {
		t.Errorf("run that leaves it: %+v, %v", left, err)
	}
	again, err := ingest.Run(t.Context(), ingest.Options{Source: openDir(t, dir), Sink: s})
	if err != nil || again.ObjectsToRead != 1 || again.Failed != 0 {
		t.Errorf("second run: %+v, %v", again, err)
	}
	checkExact(t, s, distinct, 6)
	if got := count(t, s, `SELECT cast(max(attempts) AS BIGINT) FROM log_files`); got[0] != 2 {
		t.Errorf("attempts of the object: %v", got)
	}
}

// TestChangedFile holds that a file that is read again keeps its identity: rows
// of the first reading still know their log file, and the ledger still counts
// each event once.
func TestChangedFile(t *testing.T) {
	dir := t.TempDir()
	key := cttest.Key("", "", "111122223333", "us-east-1", start, cttest.Suffix("a"))
	record := func(name string) []byte {
		e := cttest.Sample(name, "111122223333", start)
		e.ID = cttest.EventID(name)
		return e.JSON()
	}
	s := openStore(t, filepath.Join(t.TempDir(), "k.duckdb"))
	for i, records := range [][][]byte{{record("Encrypt")}, {record("Encrypt"), record("Decrypt")}, {record("Decrypt")}} {
		write(t, dir, key, cttest.LogFile(records...))
		if _, err := ingest.Run(t.Context(), ingest.Options{Source: openDir(t, dir), Sink: s}); err != nil {
			t.Fatal(err)
		}
		want := []int64{int64(min(i+1, 2)), int64(min(i+1, 2)), 0}
		got := count(t, s, `SELECT (SELECT count(*) FROM kms_events JOIN log_files USING (log_file_id)), inserted_count, duplicate_count FROM log_files`)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("reading %d: events with a log file, inserted, duplicates (-want +got)\n%s", i, diff)
		}
	}
}

func TestBrokenFilesAreRememberedUntilReconciled(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "broken.json.gz", []byte("\x1f\x8b\x08garbage"))
	s := openStore(t, filepath.Join(t.TempDir(), "k.duckdb"))
	opts := ingest.Options{Source: openDir(t, dir), Sink: s}
	for i, want := range []int64{1, 0, 1} {
		opts.Reconcile = i == 2
		sum, err := ingest.Run(t.Context(), opts)
		if err != nil || sum.ObjectsToRead != want || sum.Failed != want {
			t.Errorf("run %d: %+v, %v", i, sum, err)
		}
	}
}

func TestRunRefusesBadOptions(t *testing.T) {
	s := openStore(t, duck.Memory)
	src := openDir(t, t.TempDir())
	for name, o := range map[string]ingest.Options{
		"no source":    {Sink: s},
		"no sink":      {Source: src},
		"concurrency":  {Source: src, Sink: s, Concurrency: 1000},
		"decoders":     {Source: src, Sink: s, Decoders: -1},
		"empty window": {Source: src, Sink: s, Selection: ingest.Selection{From: start, To: start}},
	} {
		if _, err := ingest.Run(t.Context(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestSameRecordsUnderAnotherConfiguration holds that what kmstrail concludes
// is not taken for what the record says: a second delivery, read after the
// configuration named its own role, is no forgery.
func TestSameRecordsUnderAnotherConfiguration(t *testing.T) {
	dir, again := t.TempDir(), t.TempDir()
	distinct := writeBucket(t, dir, 3, 10)
	writeBucket(t, again, 3, 10)
	s := openStore(t, filepath.Join(t.TempDir(), "k.duckdb"))
	if _, err := ingest.Run(t.Context(), ingest.Options{Source: openDir(t, dir), Sink: s}); err != nil {
		t.Fatal(err)
	}
	sum, err := ingest.Run(t.Context(), ingest.Options{
		Source: openDir(t, again), Sink: s, SelfPrincipals: []string{cttest.RoleARN("111122223333", "app")},
	})
	if err != nil || sum.Conflicts != 0 || sum.Inserted != 0 || sum.Duplicates != sum.KMS {
		t.Errorf("second delivery: %+v, %v", sum, err)
	}
	if got := count(t, s, "SELECT count(*) FROM kms_events"); got[0] != int64(distinct) {
		t.Errorf("%d rows, want %d", got[0], distinct)
	}
}
