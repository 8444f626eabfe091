package organisation

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/schema"
)

// hourArrival spreads 400,000 events over an hour after the fill.
func hourArrival(hour int) func(int64) time.Time {
	start := FilledUntil.Add(time.Duration(hour) * time.Hour)
	return func(n int64) time.Time { return start.Add(time.Duration(n) * time.Hour / 400_000) }
}

// countRows counts the rows of a table, with a condition if any.
func countRows(ctx context.Context, store *duck.Store, from string) (n int64, err error) {
	r, err := store.Query(ctx, "SELECT count(*) FROM "+from)
	if err != nil {
		return 0, err
	}
	defer r.Release()
	for r.Next() {
		n = r.RecordBatch().Column(0).(*array.Int64).Value(0)
	}
	return n, r.Err()
}

// TestStreams: the same stream is the same, and no two have an event in common.
func TestStreams(t *testing.T) {
	org, same := New(), New()
	seen := map[[16]byte]bool{}
	for stream := range uint64(4) {
		g := NewGenerator(org, stream, 1, hourArrival(0))
		again := NewGenerator(same, stream, 1, hourArrival(0))
		for range 3 {
			batch, repeated := g.NextBatch(4000), again.NextBatch(4000)
			if diff := cmp.Diff(batch.EventIDs, repeated.EventIDs); diff != "" {
				t.Fatal(diff)
			}
			if diff := cmp.Diff(batch.Files, repeated.Files); diff != "" {
				t.Fatal(diff)
			}
			if !array.RecordEqual(batch.Events, repeated.Events) {
				t.Fatal("the same stream gives other events")
			}
			for _, id := range batch.EventIDs {
				if seen[id] {
					t.Fatalf("event %x twice", id)
				}
				seen[id] = true
			}
			batch.Events.Release()
			repeated.Events.Release()
		}
	}
}

// TestShares: an hour has what the documentation of the measurement says.
func TestShares(t *testing.T) {
	store, err := duck.Open(t.Context(), duck.Memory, duck.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	g := NewGenerator(New(), 2, 1, hourArrival(5))
	const batches, rows = 5, 16_000
	for range batches {
		batch := g.NextBatch(rows)
		checkBatch(t, batch)
		if err := Add(t.Context(), store, batch); err != nil {
			t.Fatal(err)
		}
		if err := store.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := countRows(t.Context(), store, "quarantine"); err != nil || n > 0 {
		t.Errorf("%d records in quarantine, error %v", n, err)
	}
	for _, tt := range []struct {
		where    string
		low, top float64 // in a thousand
	}{
		{"operation_class = 'read'", 25, 35},
		{"operation_class NOT IN ('read', 'cryptographic')", 3, 7},
		{"event_name = 'RetireGrant'", 0.3, 3},
		{"error_code IS NOT NULL", 7, 12},
		{"record_copy = 'caller'", 8, 12},
		{"record_copy = 'owner'", 7, 12},
		{"element_at(encryption_context, 'aws:s3:arn') IS NOT NULL", 250, 600},
		{"principal_arn IS NULL", 20, 250},
		{"session_name IS NULL AND caller_type = 'AssumedRole'", 0, 0},
		{"quota_name IS NULL OR key_arn IS NULL OR source_ip_address IS NULL", 0, 0},
		{"event_time < TIMESTAMP '2026-04-01 04:50:00'", 0, 20}, // late files
		{"event_time >= TIMESTAMP '2026-04-01 06:00:00'", 0, 0},
	} {
		n, err := countRows(t.Context(), store, "kms_events WHERE "+tt.where)
		if err != nil {
			t.Fatal(err)
		}
		if share := 1000 * float64(n) / (batches * rows); share < tt.low || share > tt.top {
			t.Errorf("%s: %.1f in a thousand, want %v to %v", tt.where, share, tt.low, tt.top)
		}
	}
}

// checkBatch holds what the store takes for granted.
func checkBatch(t *testing.T, b *ingest.Batch) {
	t.Helper()
	files := map[int64]int64{}
	column := func(name string) arrow.Array { return b.Events.Column(schema.KMSEvents.Column(name)) }
	ids, times := column("log_file_id").(*array.Int64), column("event_time").(*array.Timestamp)
	for i := range int(b.Events.NumRows()) {
		files[ids.Value(i)]++
		if int64(times.Value(i)) != b.EventTimes[i] {
			t.Fatalf("row %d: event time %d, in the batch %d", i, times.Value(i), b.EventTimes[i])
		}
	}
	for _, f := range b.Files {
		if files[f.ID] != f.KMS || f.KMS > 500 {
			t.Errorf("log file %d says %d records and has %d", f.ID, f.KMS, files[f.ID])
		}
		if f.LastEvent.After(f.Object.LastModified) || f.FirstEvent.IsZero() {
			t.Errorf("log file %d, delivered %s, has events from %s to %s", f.ID, f.Object.LastModified, f.FirstEvent, f.LastEvent)
		}
	}
	if len(b.Files) != len(files) {
		t.Errorf("%d log files of %d", len(b.Files), len(files))
	}
}

// TestLateFiles: some log files come more than ten minutes late; or all that is
// in them is an owner's copies of earlier calls.
func TestLateFiles(t *testing.T) {
	g := NewGenerator(New(), 1, 1, FillArrival(1_000_000))
	files, late := 0, 0
	for range 30 {
		batch := g.NextBatch(fillBatch)
		for _, f := range batch.Files {
			files++
			if f.Object.LastModified.Sub(f.LastEvent) > 10*time.Minute {
				late++
			}
		}
		batch.Events.Release()
	}
	if late == 0 || late*50 > files {
		t.Errorf("%d of %d files are late", late, files)
	}
}

// TestFillArrival: times rise, through all days, and end where hours begin.
func TestFillArrival(t *testing.T) {
	const events = 100_000
	at := FillArrival(events)
	days := map[int]int{}
	var last time.Time
	for n := range int64(events) {
		now := at(n)
		if now.Before(last) {
			t.Fatalf("event %d at %s, after one at %s", n, now, last)
		}
		last = now
		days[now.YearDay()]++
	}
	if len(days) != FilledDays || !last.Before(FilledUntil) || FilledUntil.Sub(last) > time.Hour {
		t.Errorf("events on %d days, the last at %s", len(days), last)
	}
}

func BenchmarkGenerate(b *testing.B) {
	g := NewGenerator(New(), 1, 1, FillArrival(50_000_000))
	for b.Loop() {
		g.NextBatch(fillBatch).Events.Release()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*fillBatch), "ns/event")
}
