//go:build duckdb_arrow

package duck

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/schema"
)

func TestCommitKeepsEveryValue(t *testing.T) {
	s := openTemp(t)
	const n = 5000 // more than two vectors, so that slices with an offset are tried
	events := make([]event, n)
	for i := range events {
		events[i] = event{n: i + 1, file: int64(i / 100), index: i % 100, remainder: fmt.Sprintf(`{"n":%d}`, i), nilContext: i%11 == 0}
	}
	if res := mustCommit(t, s, batchOf(events, nil)); res.Inserted != n {
		t.Fatalf("inserted %d of %d", res.Inserted, n)
	}
	want := record(events)
	defer want.Release()
	columns := make([]string, want.NumCols())
	for i, f := range want.Schema().Fields() {
		columns[i] = ident(f.Name)
	}
	got := table(t, s, "SELECT "+strings.Join(columns, ",")+" FROM kms_events ORDER BY log_file_id, record_index")
	if len(got) != n {
		t.Fatalf("read %d rows of %d", len(got), n)
	}
	for i := range n {
		for j := range columns {
			if w := want.Column(j).ValueStr(i); w != got[i][j] {
				t.Fatalf("row %d column %s: stored %q, read %q", i, columns[j], w, got[i][j])
			}
		}
	}
}

func TestCommitJudgesRepeatedEvents(t *testing.T) {
	base := event{n: 1, file: 1, remainder: `{"a":1,"b":[1,2]}`, context: []string{"x", "1", "y", "2"}}
	with := func(change func(*event)) event {
		e := base
		e.file, e.index = 2, 5
		change(&e)
		return e
	}
	for _, tt := range []struct {
		name       string
		second     event
		conflict   string // columns
		duplicates int64
	}{
		{name: "equal in another file", second: with(func(*event) {}), duplicates: 1},
		{name: "remainder written in another way", second: with(func(e *event) { e.remainder = `{"b": [1, 2], "a": 1}` }), duplicates: 1},
		{name: "context in another order", second: with(func(e *event) { e.context = []string{"y", "2", "x", "1"} }), duplicates: 1},
		{name: "other region", second: with(func(e *event) { e.region = "us-east-1" }), conflict: "region"},
		{name: "other remainder", second: with(func(e *event) { e.remainder = `{"a":2}` }), conflict: "remainder"},
		{name: "no remainder", second: with(func(e *event) { e.remainder = "" }), conflict: "remainder"},
		{name: "other time, same hour", second: with(func(e *event) { e.at = at(1).Add(time.Second) }), conflict: "event_time"},
		{name: "null context", second: with(func(e *event) { e.nilContext = true }), conflict: "encryption_context"},
		{name: "two columns", second: with(func(e *event) { e.region, e.remainder = "us-east-1", `{}` }), conflict: "region, remainder"},
	} {
		for _, how := range []string{"two commits", "repeats"} {
			t.Run(tt.name+", "+how, func(t *testing.T) {
				s := mustOpen(t, Memory)
				var res ingest.BatchResult
				if how == "repeats" {
					res = mustCommit(t, s, batchOf([]event{base}, []event{tt.second}))
				} else {
					// The third event has the range reach over the first.
					mustCommit(t, s, batchOf([]event{base, {n: 3, file: 1, index: 1}}, nil))
					res = mustCommit(t, s, batchOf([]event{tt.second, {n: 4, file: 2, index: 7, at: at(0)}}, nil))
				}
				if res.Duplicates != tt.duplicates {
					t.Errorf("duplicates %d, want %d", res.Duplicates, tt.duplicates)
				}
				quarantine := table(t, s, "SELECT log_file_id, record_index, reason, detail, event_id FROM quarantine")
				if tt.conflict == "" {
					if len(quarantine) != 0 {
						t.Errorf("quarantined: %v", quarantine)
					}
					return
				}
				if res.Conflicts != 1 || len(quarantine) != 1 {
					t.Fatalf("conflicts %d, quarantine %v", res.Conflicts, quarantine)
				}
				want := []string{"2", "5", reasonConflict,
					"record 5 of " + logFile(2).Object.Key + " has the event id of record 0 of " + logFile(1).Object.Key +
						", which was written first, but differs in: " + tt.conflict, formatID(id(1))}
				if diff := cmp.Diff(want, quarantine[0]); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// TestConflictsAreSettledByWhoWroteFirst: whatever the order of reading, the
// record in the object that was written first stays.
func TestConflictsAreSettledByWhoWroteFirst(t *testing.T) {
	versions := []event{
		{n: 1, file: 1, region: "eu-west-1"}, {n: 1, file: 2, region: "eu-west-2"}, {n: 1, file: 3, region: "eu-west-3"},
	}
	written := map[int64]time.Time{1: day.Add(3 * time.Hour), 2: day.Add(time.Hour), 3: day.Add(2 * time.Hour)}
	stamp := func(b *ingest.Batch) *ingest.Batch {
		for i := range b.Files {
			b.Files[i].Object.LastModified = written[b.Files[i].ID]
		}
		return b
	}
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		for _, how := range []string{"commits", "one commit", "repeats"} {
			t.Run(fmt.Sprint(order, " ", how), func(t *testing.T) {
				s := mustOpen(t, Memory)
				var list []event
				for _, i := range order {
					list = append(list, versions[i])
				}
				var conflicts int64
				switch how {
				case "repeats":
					conflicts = mustCommit(t, s, stamp(batchOf(list[:1], list[1:]))).Conflicts
				case "one commit":
					for _, e := range list {
						conflicts += mustAdd(t, s, stamp(batchOf([]event{e}, nil))).Conflicts
					}
					if err := s.Commit(t.Context()); err != nil {
						t.Fatal(err)
					}
				default:
					for _, e := range list {
						conflicts += mustCommit(t, s, stamp(batchOf([]event{e}, nil))).Conflicts
					}
				}
				if got := table(t, s, "SELECT region, log_file_id FROM kms_events"); len(got) != 1 || got[0][0] != "eu-west-2" {
					t.Errorf("kept %q", got)
				}
				if conflicts != 2 || count(t, s, "SELECT count(DISTINCT log_file_id) FROM quarantine") != 2 {
					t.Errorf("%d conflicts, quarantine %q", conflicts, table(t, s, "SELECT log_file_id, detail FROM quarantine"))
				}
				want := [][]string{{"1", "0", "1"}, {"2", "1", "0"}, {"3", "0", "1"}}
				if diff := cmp.Diff(want, table(t, s, "SELECT log_file_id, inserted_count, quarantined_count FROM log_files ORDER BY 1")); diff != "" {
					t.Error(diff)
				}
				rebuilt(t, s)
			})
		}
	}
}

func TestCommitCountsPerFile(t *testing.T) {
	s := mustOpen(t, Memory)
	mustCommit(t, s, batchOf([]event{{n: 1, file: 1}, {n: 2, file: 1, index: 1}}, nil))
	mustCommit(t, s, batchOf(
		[]event{{n: 1, file: 2}, {n: 2, file: 2, index: 1, region: "us-east-1"}, {n: 3, file: 2, index: 2}, {n: 4, file: 3}},
		[]event{{n: 4, file: 3, index: 1}}))
	got := table(t, s, "SELECT log_file_id, kms_count, inserted_count, duplicate_count, quarantined_count FROM log_files ORDER BY 1")
	want := [][]string{{"1", "2", "2", "0", "0"}, {"2", "3", "1", "1", "1"}, {"3", "2", "1", "1", "0"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCommitTakesOutWhatIsCorrected(t *testing.T) {
	original := event{n: 1, file: 1}
	correction := event{n: 2, file: 2, supersedes: 1, region: "us-east-1", at: at(9000)}
	inPlace := event{n: 1, file: 2, supersedes: 1, region: "us-east-1"}
	for _, tt := range []struct {
		name    string
		commits []*ingest.Batch
		want    [][]string // event number and region
		noted   int        // quarantine rows
	}{
		{"original first", []*ingest.Batch{batchOf([]event{original}, nil), batchOf([]event{correction}, nil)}, [][]string{{"2", "us-east-1"}}, 1},
		{"correction first", []*ingest.Batch{batchOf([]event{correction}, nil), batchOf([]event{original}, nil)}, [][]string{{"2", "us-east-1"}}, 1},
		{"one batch", []*ingest.Batch{batchOf([]event{original, correction}, nil)}, [][]string{{"2", "us-east-1"}}, 1},
		{"correction twice", []*ingest.Batch{batchOf([]event{original}, nil), batchOf([]event{correction}, nil), batchOf([]event{correction}, nil)}, [][]string{{"2", "us-east-1"}}, 1},
		{"original again", []*ingest.Batch{batchOf([]event{correction}, nil), batchOf([]event{original}, nil), batchOf([]event{{n: 1, file: 3}}, nil)}, [][]string{{"2", "us-east-1"}}, 2},
		{"same id, original first", []*ingest.Batch{batchOf([]event{original}, nil), batchOf([]event{inPlace}, nil)}, [][]string{{"1", "us-east-1"}}, 1},
		{"same id, correction first", []*ingest.Batch{batchOf([]event{inPlace}, nil), batchOf([]event{original}, nil)}, [][]string{{"1", "us-east-1"}}, 1},
		{"same id, correction twice", []*ingest.Batch{batchOf([]event{original}, nil), batchOf([]event{inPlace}, nil), batchOf([]event{{n: 1, file: 3, supersedes: 1, region: "us-east-1"}}, nil)}, [][]string{{"1", "us-east-1"}}, 1},
		{"same id, one batch", []*ingest.Batch{batchOf([]event{original}, []event{inPlace})}, [][]string{{"1", "us-east-1"}}, 1},
		{"same id, one batch, correction first", []*ingest.Batch{batchOf([]event{inPlace}, []event{original})}, [][]string{{"1", "us-east-1"}}, 1},
	} {
		for _, reopen := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, reopen %v", tt.name, reopen), func(t *testing.T) {
				path := t.TempDir() + "/a.db"
				s := mustOpen(t, path)
				for _, b := range tt.commits {
					b.Supersedes = append([]eventID{}, b.Supersedes...)
					if _, err := addAndCommit(context.Background(), s, b); err != nil {
						t.Fatal(err)
					}
					if reopen {
						s.Close()
						s = mustOpen(t, path)
					}
				}
				got := table(t, s, fmt.Sprintf("SELECT CASE event_id WHEN '%s' THEN '1' WHEN '%s' THEN '2' END, region FROM kms_events", formatID(id(1)), formatID(id(2))))
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Error(diff)
				}
				if n := count(t, s, "SELECT sum(inserted_count)::BIGINT - (SELECT count(*) FROM kms_events) FROM log_files"); n != 0 {
					t.Errorf("the ledger counts %d events more than there are", n)
				}
				if n := count(t, s, "SELECT count(*) FROM quarantine WHERE reason = 'superseded' AND event_id = '"+formatID(id(1))+"'"); n != int64(tt.noted) {
					t.Errorf("%d quarantine rows, want %d", n, tt.noted)
				}
			})
		}
	}
}

// Whatever the order, the split into batches and the repetition: every event is
// there once.
func TestCommitIsExactlyOnce(t *testing.T) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := mustOpen(t, Memory)
		const distinct = 6000
		var all []event
		for n := range distinct {
			for range 1 + r.IntN(3)*r.IntN(2) {
				all = append(all, event{n: n + 1, at: day.Add(time.Duration(n) * 40 * time.Second)})
			}
		}
		shuffle := r.IntN(2) == 0
		if shuffle {
			r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		}
		file, rows, duplicates := int64(0), int64(0), int64(0)
		for len(all) > 0 {
			size := min(len(all), 1+r.IntN(5000))
			var events, repeats []event
			seen := map[int]bool{}
			for i, e := range all[:size] {
				e.file, e.index = file, i
				if seen[e.n] {
					repeats = append(repeats, e)
				} else {
					events = append(events, e)
				}
				seen[e.n] = true
			}
			// A transaction may hold several batches.
			res := mustAdd(t, s, batchOf(events, repeats))
			if len(all) == size || r.IntN(2) == 0 {
				if err := s.Commit(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
			rows, duplicates = rows+res.Inserted, duplicates+res.Duplicates
			if res.Conflicts != 0 || res.Superseded != 0 {
				t.Fatalf("seed %d: %+v", seed, res)
			}
			all, file = all[size:], file+1
		}
		if n := count(t, s, "SELECT count(*) FROM kms_events"); n != distinct || rows != distinct {
			t.Errorf("seed %d: %d rows, %d reported, want %d", seed, n, rows, distinct)
		}
		if n := count(t, s, "SELECT count(DISTINCT event_id) FROM kms_events"); n != distinct {
			t.Errorf("seed %d: %d distinct ids, want %d", seed, n, distinct)
		}
		if n := count(t, s, "SELECT sum(duplicate_count)::BIGINT FROM log_files"); n != duplicates {
			t.Errorf("seed %d: ledger counts %d duplicates, want %d", seed, n, duplicates)
		}
	}
}

func TestCommitFailureStoresNothing(t *testing.T) {
	ctx := context.Background()
	s := openTemp(t)
	mustCommit(t, s, batchOf([]event{{n: 1, file: 1}}, nil))
	before := table(t, s, "SELECT (SELECT count(*) FROM kms_events), (SELECT count(*) FROM log_files), (SELECT count(*) FROM quarantine)")

	// The bad row is in the last step of the commit.
	bad := batchOf([]event{{n: 2, file: 2}, {n: 1, file: 2, index: 1, region: "us-east-1"}}, nil)
	defer release(bad)
	bad.Quarantine = []ingest.Quarantined{{LogFileID: 2, Reason: "bad_json", Excerpt: []byte("\xff\xfe")}}
	if _, err := addAndCommit(ctx, s, bad); err == nil {
		t.Fatal("a batch with invalid UTF-8 was stored")
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	good := batchOf([]event{{n: 2, file: 2}}, nil)
	defer release(good)
	if _, err := addAndCommit(cancelled, s, good); err == nil {
		t.Fatal("committed with an ended context")
	}
	after := table(t, s, "SELECT (SELECT count(*) FROM kms_events), (SELECT count(*) FROM log_files), (SELECT count(*) FROM quarantine)")
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
	if res, err := addAndCommit(ctx, s, good); err != nil || res.Inserted != 1 {
		t.Errorf("the store does not go on: %+v, %v", res, err)
	}
}

func TestRollback(t *testing.T) {
	ctx := context.Background()
	s := openTemp(t)
	mustAdd(t, s, batchOf([]event{{n: 1, file: 1}}, nil))
	mustAdd(t, s, batchOf([]event{{n: 2, file: 2}, {n: 1, file: 2, index: 1}}, nil))
	if err := s.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	if n := count(t, s, "SELECT (SELECT count(*) FROM kms_events) + (SELECT count(*) FROM log_files)"); n != 0 {
		t.Errorf("%d rows are left after a rollback", n)
	}
	if res := mustCommit(t, s, batchOf([]event{{n: 1, file: 1}}, nil)); res.Inserted != 1 {
		t.Errorf("after a rollback: %+v", res)
	}
	mustAdd(t, s, batchOf([]event{{n: 3, file: 3}}, nil))
	if err := s.Close(); err != nil { // gives up what is open
		t.Fatal(err)
	}
	if n := count(t, mustOpen(t, s.Path()), "SELECT count(*) FROM kms_events"); n != 1 {
		t.Errorf("%d rows after closing with an open transaction, want 1", n)
	}
}

func TestLedger(t *testing.T) {
	ctx := context.Background()
	s := mustOpen(t, Memory)
	if n, err := s.NextLogFileID(ctx); err != nil || n != 1 {
		t.Errorf("first id %d, %v", n, err)
	}
	failed := *logFile(5)
	failed.Status, failed.Error, failed.Attempts = ingest.FileFailed, "access denied", 2
	undated := *logFile(6)
	undated.Object.Location = ingest.Location{}
	b := &ingest.Batch{Files: []ingest.LogFile{failed, undated}, Quarantine: []ingest.Quarantined{{LogFileID: 5, RecordIndex: -1, Offset: -1, Reason: "bad_gzip"}}}
	mustCommit(t, s, b)
	got, err := s.Ledger(ctx, failed.Source, failed.Object.Key, failed.Object.Key)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]ingest.LedgerEntry{failed.Object.Key: {ID: 5, ETag: "etag", Status: ingest.FileFailed, Attempts: 2}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// Read again: the entry is replaced and its quarantine forgotten.
	again, undated2 := *logFile(5), undated
	again.ID, undated2.ID = 7, 8
	mustCommit(t, s, &ingest.Batch{Files: []ingest.LogFile{again, undated2}})
	rows := table(t, s, "SELECT log_file_id, status FROM log_files ORDER BY 1")
	if diff := cmp.Diff([][]string{{"7", "ingested"}, {"8", "ingested"}}, rows); diff != "" {
		t.Error(diff)
	}
	if n := count(t, s, "SELECT count(*) FROM quarantine"); n != 0 {
		t.Errorf("%d rows left in quarantine", n)
	}
	if n, err := s.NextLogFileID(ctx); err != nil || n != 9 {
		t.Errorf("next id %d, %v", n, err)
	}
}

func TestRelatedEventsAreStoredOnce(t *testing.T) {
	s := mustOpen(t, Memory)
	row := []any{int64(1), int64(0), id(1), at(1), "s3.amazonaws.com", "PutBucketTagging", "eu-central-1", "111122223333",
		nil, nil, nil, nil, nil, map[string]string{"a": "b"}, "{}", nil, nil, nil, nil, nil}
	for range 2 {
		rec, err := schema.Rows(&schema.RelatedEvents, [][]any{row})
		if err != nil {
			t.Fatal(err)
		}
		mustCommit(t, s, &ingest.Batch{Related: rec})
	}
	if n := count(t, s, "SELECT count(*) FROM related_events"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}
