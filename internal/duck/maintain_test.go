//go:build duckdb_arrow

package duck

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/schema"
)

// derived returns what every kept table says, sorted, as text.
func derived(t testing.TB, s *Store) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, v := range schema.KeptViews() {
		names := make([]string, len(v.Columns))
		for i, c := range v.Columns {
			names[i] = c.Name
		}
		where := ""
		if v.Kept.By == "second" {
			// Late seconds wait here until they are folded; they are in
			// request_rate all the same.
			where = " WHERE second >= coalesce((SELECT value::TIMESTAMP FROM meta WHERE name = '" + metaFolded + "'), TIMESTAMP '2000-01-01')"
		}
		for _, row := range table(t, s, "SELECT "+strings.Join(names, ", ")+" FROM "+v.Name+where+" ORDER BY ALL") {
			out[v.Name] = append(out[v.Name], strings.Join(row, " | "))
		}
	}
	return out
}

// rebuilt compares what is kept with what the definitions give.
func rebuilt(t *testing.T, s *Store) {
	t.Helper()
	have := derived(t, s)
	if err := s.Rebuild(t.Context(), nil, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(derived(t, s), have); diff != "" {
		t.Errorf("kept tables differ from rebuilt ones (-rebuilt +kept):\n%s", diff)
	}
}

func maintain(t testing.TB, s *Store, o Maintenance) Maintained {
	t.Helper()
	done, err := s.Maintain(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// calls makes n Decrypt calls over some days; the i-th has the number from+i.
func calls(from, n int, first time.Time, apart time.Duration) []event {
	out := make([]event, n)
	for i := range out {
		out[i] = decrypt(from+i, first.Add(time.Duration(i)*apart), "principal_id", fmt.Sprintf("AROAEXAMPLE%d", i%3))
	}
	return out
}

func TestMaintainPutsPartsTogether(t *testing.T) {
	s := openTemp(t)
	for i := range 20 {
		mustCommit(t, s, batchOf(calls(1+100*i, 100, day.Add(time.Duration(i)*time.Second), 20*time.Minute), nil))
	}
	before := derived(t, s)
	parts := count(t, s, "SELECT count(*) FROM usage_hourly_parts")
	done := maintain(t, s, Maintenance{All: true})
	if diff := cmp.Diff(before["usage_hourly"], derived(t, s)["usage_hourly"]); diff != "" {
		t.Errorf("putting together changed what it says:\n%s", diff)
	}
	left, after := count(t, s, "SELECT count(*) FROM usage_hourly_parts"), count(t, s, "SELECT count(*) FROM usage_hourly_sums")
	if rows := int64(len(before["usage_hourly"])); left != 0 || after != rows || parts < 10*rows || done.Merged == 0 {
		t.Errorf("%d parts before, %d and %d sums after, %d rows; %+v", parts, left, after, rows, done)
	}
	if again := maintain(t, s, Maintenance{All: true}); again.Merged != 0 {
		t.Errorf("nothing was new, and yet: %+v", again)
	}
	rebuilt(t, s)
}

func TestMaintainBesideIngest(t *testing.T) {
	s := openTemp(t)
	stop, ended := make(chan struct{}), make(chan error)
	go func() {
		for {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			if _, err := s.Maintain(context.Background(), Maintenance{All: true}); err != nil {
				ended <- err
				return
			}
		}
	}()
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		events := calls(1+50*i, 50, day.Add(time.Duration(rng.IntN(10*24))*time.Hour), time.Minute)
		if i%7 == 3 { // takes out an event of an earlier commit
			events[0].supersedes = 1 + rng.IntN(50*i)
		}
		mustCommit(t, s, batchOf(events, nil))
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	rebuilt(t, s)
}

func TestFoldedMinutesTakeLateEvents(t *testing.T) {
	s := openTemp(t)
	old := calls(1, 30, day, 10*time.Second)
	mustCommit(t, s, batchOf(append(old, calls(100, 5, day.AddDate(0, 0, 10), time.Second)...), nil))
	if done := maintain(t, s, Maintenance{All: true}); done.Folded != 30 {
		t.Fatalf("folded %d seconds, want 30", done.Folded)
	}
	minutes := "SELECT minute, request_count, peak_count, peak_second FROM request_rate ORDER BY minute"
	if n := count(t, s, "SELECT count(*) FROM request_seconds"); n != 5 {
		t.Errorf("%d seconds are left, want the 5 new ones", n)
	}
	// One second gets two more: in a folded minute, and in one that had nothing.
	late := []event{
		decrypt(200, day.Add(70*time.Second)), decrypt(201, day.Add(70*time.Second)),
		decrypt(202, day.Add(time.Hour)),
	}
	mustCommit(t, s, batchOf(late, nil))
	got := table(t, s, minutes)
	if got[1][1] != "8" || got[1][2] != "3" || !strings.Contains(got[1][3], "00:01:10") {
		t.Errorf("the late calls are not in their minute: %q", got[1])
	}
	if diff := cmp.Diff([]string{"2026-03-01T01:00:00", "1"}, []string{got[5][0][:19], got[5][1]}); diff != "" {
		t.Error(diff)
	}
	before := table(t, s, minutes)
	maintain(t, s, Maintenance{All: true})
	if diff := cmp.Diff(before, table(t, s, minutes)); diff != "" {
		t.Errorf("folding changed the minutes:\n%s", diff)
	}
	rebuilt(t, s)
}

func TestFoldingIsNotFooledByTheFuture(t *testing.T) {
	s := openTemp(t)
	events := append(calls(1, 10, day, time.Second), decrypt(50, day.AddDate(70, 0, 0)))
	mustCommit(t, s, batchOf(events, nil))
	if done := maintain(t, s, Maintenance{All: true, Now: day.AddDate(0, 0, 1)}); done.Folded != 0 {
		t.Errorf("folded %d seconds of the last day", done.Folded)
	}
}

func TestRetention(t *testing.T) {
	s := openTemp(t)
	created := decrypt(500, day.Add(time.Hour), "event_name", "CreateAlias", "operation_class", "alias", "alias_name", "alias/app")
	mustCommit(t, s, batchOf(append(calls(1, 400, day, time.Hour), created), nil)) // 16.7 days
	before := derived(t, s)
	now := day.AddDate(0, 0, 20).Add(5 * time.Hour)
	keep := Maintenance{Now: now, All: true, Retention: Retention{"kms_events": 10 * 24 * time.Hour}}
	done := maintain(t, s, keep)
	if done.Expired["kms_events"] != 240 {
		t.Errorf("deleted %v, want the 240 calls of ten days", done.Expired)
	}
	if left := table(t, s, "SELECT operation_class, count(*), min(event_time) FROM kms_events GROUP BY 1 ORDER BY 1"); left[0][0] != "alias" || left[1][1] != "160" {
		t.Errorf("left are %q", left)
	}
	for _, name := range []string{"usage_hourly", "usage_daily", "request_rate", "arrivals", "key_change_records"} {
		if diff := cmp.Diff(before[name], derived(t, s)[name]); diff != "" {
			t.Errorf("%s did not outlive the events:\n%s", name, diff)
		}
	}
	// What comes again is neither stored nor counted, at the cut-off it is.
	edge := day.AddDate(0, 0, 10)
	again := append(calls(1, 240, day, time.Hour), decrypt(600, edge.Add(-time.Second)), decrypt(601, edge))
	for i := range again {
		again[i].file = 9000
	}
	res := mustCommit(t, s, batchOf(again, nil))
	if res.Expired != 241 || res.Inserted != 1 {
		t.Errorf("%+v", res)
	}
	if got := table(t, s, "SELECT kms_count, inserted_count, expired_count FROM log_files WHERE log_file_id = 9000"); got[0][1] != "1" || got[0][2] != "241" {
		t.Errorf("ledger: %q", got)
	}
	rebuilt(t, s)
	// A late change of a key is always taken.
	late := decrypt(700, day.Add(2*time.Hour), "event_name", "DeleteAlias", "operation_class", "alias", "alias_name", "alias/app")
	if res := mustCommit(t, s, batchOf([]event{late}, nil)); res.Inserted != 1 {
		t.Errorf("%+v", res)
	}
	rebuilt(t, s)

	keep.Retention = Retention{"usage_hourly": 10 * 24 * time.Hour, "changed_cells": time.Hour, "kms_evnts": time.Hour}
	if _, err := s.Maintain(t.Context(), keep); err == nil || !strings.Contains(err.Error(), `"kms_evnts"`) {
		t.Errorf("a misspelt table is %v", err)
	}
	if n := count(t, s, "SELECT count(*) FROM usage_hourly WHERE hour < TIMESTAMP '2026-03-11'"); n != 0 {
		t.Errorf("%d old hours stayed", n)
	}
	if diff := cmp.Diff(7, int(count(t, s, "SELECT count(*) FROM usage_daily WHERE day >= DATE '2026-03-11' AND call_count > 0"))/3); diff != "" {
		t.Errorf("days are gone with the hours:\n%s", diff)
	}
	if last, err := s.LastCommit(t.Context()); err != nil || last != 3 {
		t.Errorf("the last commit is %d, %v; its number must not be given again", last, err)
	}
}

// TestRetentionUsesSpaceAgain: a store that takes in as much as it lets go does
// not grow.
func TestRetentionUsesSpaceAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "space.db")
	s := mustOpen(t, path)
	n := 1
	sizes := []int64{}
	for round := range 6 {
		start := day.AddDate(0, 0, 10*round)
		events := calls(n, 15_000, start, 55*time.Second)
		for i := range events {
			events[i].file, events[i].index = int64(round*1000+i/100), i%100
			if i%200 == 0 { // stays for good
				events[i].texts["operation_class"] = "alias"
			}
		}
		mustCommit(t, s, batchOf(events, nil))
		n += len(events)
		maintain(t, s, Maintenance{Now: start.AddDate(0, 0, 10), Retention: Retention{"kms_events": 15 * 24 * time.Hour}})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = mustOpen(t, path)
		size, err := s.Size(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, size)
	}
	if sizes[5] > sizes[2]*13/10 {
		t.Errorf("the store grows, though it deletes as much as it takes in: %d", sizes)
	}
	rebuilt(t, s)
}

func TestOpenRebuildsWhatAnotherDefinitionMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stale.db")
	s := mustOpen(t, path)
	mustCommit(t, s, batchOf(calls(1, 50, day, time.Hour), nil))
	want := derived(t, s)
	err := s.writing(t.Context(), func(c *conn) error {
		return c.exec(t.Context(), "DELETE FROM usage_hourly_parts; DELETE FROM usage_hourly_sums; UPDATE meta SET value = 'of another version' WHERE name = 'kept:usage_hourly'")
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, Options{ReadOnly: true}); err == nil || !strings.Contains(err.Error(), "usage_hourly must be rebuilt") {
		t.Errorf("a reader takes the stale table: %v", err)
	}
	s = mustOpen(t, path)
	if diff := cmp.Diff(want, derived(t, s)); diff != "" {
		t.Errorf("(-before +rebuilt):\n%s", diff)
	}
}

func TestRebuildRefusesUnknownTables(t *testing.T) {
	s := mustOpen(t, Memory)
	if err := s.Rebuild(t.Context(), []string{"keys"}, nil); err == nil || !strings.Contains(err.Error(), "usage_hourly") {
		t.Errorf("got %v", err)
	}
}

// TestChainsOfCorrections: a correction that was corrected itself still counts
// for what it corrects, whatever the order, and after a restart.
func TestChainsOfCorrections(t *testing.T) {
	a, b, c := decrypt(1, day), decrypt(2, day.Add(time.Hour)), decrypt(3, day.Add(2*time.Hour))
	b.supersedes, c.supersedes = 1, 2
	for _, order := range [][]event{{a, b, c}, {a, c, b}, {b, a, c}, {b, c, a}, {c, a, b}, {c, b, a}} {
		path := filepath.Join(t.TempDir(), "chain.db")
		for _, e := range order {
			s := mustOpen(t, path)
			mustCommit(t, s, batchOf([]event{e}, nil))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		s := mustOpen(t, path)
		if got := table(t, s, "SELECT hour, use_count FROM usage_hourly"); len(got) != 1 || got[0][0] != "2026-03-01T02:00:00" {
			t.Errorf("order %d, %d, %d: %q", order[0].n, order[1].n, order[2].n, got)
		}
		rebuilt(t, s)
	}
}

func TestChangedCells(t *testing.T) {
	s := openTemp(t)
	mustCommit(t, s, batchOf([]event{decrypt(1, day.Add(30*time.Minute)), decrypt(2, day.Add(90*time.Minute))}, nil))
	mustCommit(t, s, batchOf([]event{decrypt(1, day.Add(30*time.Minute))}, nil)) // nothing new
	alias := decrypt(4, day, "event_name", "DeleteAlias", "operation_class", "alias")
	correction := decrypt(5, day.Add(3*time.Hour))
	correction.supersedes = 2
	mustCommit(t, s, batchOf([]event{alias, correction}, nil))
	got := table(t, s, "SELECT commit_id, account_id, hour, event_count, change_count FROM changed_cells ORDER BY ALL")
	var lines []string
	for _, row := range got {
		lines = append(lines, fmt.Sprintf("%s %s %s %s %s", row[0], row[1], row[2][11:13], row[3], row[4]))
	}
	want := []string{
		"1 111122223333 00 1 0", "1 111122223333 01 1 0",
		"3 111122223333 00 1 1", "3 111122223333 01 1 0", "3 111122223333 03 1 0",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	rebuilt(t, s)
}

// TestHostileTextIsNoStatement: what stands in records never becomes part of a
// statement, whatever it is.
func TestHostileTextIsNoStatement(t *testing.T) {
	s := openTemp(t)
	for i, region := range []string{"eu\x00x", "'; DROP TABLE kms_events; --", `"`, strings.Repeat("r", 100_000)} {
		first := decrypt(10*i+1, day, "recipient_account_id", region)
		first.region = region
		mustCommit(t, s, batchOf([]event{first}, nil))
		correction := decrypt(10*i+2, day.Add(time.Hour), "recipient_account_id", region)
		correction.region, correction.supersedes = region, 10*i+1
		mustCommit(t, s, batchOf([]event{correction}, nil))
	}
	if n := count(t, s, "SELECT count(DISTINCT region) FROM changed_cells"); n != 4 {
		t.Errorf("%d Regions in changed_cells, want 4", n)
	}
	rebuilt(t, s)
}

// TestManyCorrectionsAtOnce: one commit may correct very many events.
func TestManyCorrectionsAtOnce(t *testing.T) {
	s := openTemp(t)
	const n = 12_000
	events, corrections := calls(1, n, day, 17*time.Second), calls(n+1, n, day.Add(time.Second), 17*time.Second)
	for i := range corrections {
		events[i].file, corrections[i].file = 1, 2
		corrections[i].supersedes = i + 1
	}
	mustCommit(t, s, batchOf(events, nil))
	maintain(t, s, Maintenance{All: true})
	if res := mustCommit(t, s, batchOf(corrections, nil)); res.Superseded != n {
		t.Fatalf("%+v", res)
	}
	rebuilt(t, s)
}

// TestForgedTwinsTakeNothingAway: an event id stored for two distant times is
// two events, and what wins over one of them leaves the other alone.
func TestForgedTwinsTakeNothingAway(t *testing.T) {
	s := openTemp(t)
	alias := func(at time.Time, file int64, name string) event {
		e := decrypt(1, at, "event_name", "CreateAlias", "operation_class", "alias", "alias_name", name)
		e.file = file
		return e
	}
	commit := func(e event, written time.Duration) {
		b := batchOf([]event{e}, nil)
		b.Files[0].Object.LastModified = day.Add(written)
		mustCommit(t, s, b)
	}
	commit(alias(day, 1, "alias/one"), 2*time.Hour)
	commit(alias(day.AddDate(0, 0, 5), 2, "alias/two"), 3*time.Hour)
	commit(alias(day, 3, "alias/three"), time.Hour)
	if got := table(t, s, "SELECT alias_name FROM key_change_records ORDER BY 1"); len(got) != 2 || got[0][0] != "alias/three" || got[1][0] != "alias/two" {
		t.Errorf("got %q", got)
	}
	rebuilt(t, s)
}

// failing is a context that ends when it has been asked n times.
type failing struct {
	context.Context
	left *int
}

func (f failing) Err() error {
	if *f.left--; *f.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestMaintainThatFailsAnywhere: whatever step fails (every seventh is tried), the next one finds things
// as the tables say.
func TestMaintainThatFailsAnywhere(t *testing.T) {
	keep := Maintenance{Now: day.AddDate(0, 0, 30), All: true, Retention: Retention{"kms_events": 25 * 24 * time.Hour}}
	for n := 0; ; n += 7 {
		path := filepath.Join(t.TempDir(), "fails.db")
		s := mustOpen(t, path)
		mustCommit(t, s, batchOf(calls(1, 60, day, 6*time.Hour), nil))
		before := derived(t, s)
		left := n
		_, err := s.Maintain(failing{t.Context(), &left}, keep)
		if _, again := s.Maintain(t.Context(), keep); again != nil {
			t.Fatal(again)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = mustOpen(t, path)
		if err := s.Rebuild(t.Context(), nil, nil); err != nil {
			t.Fatal(err)
		}
		mustCommit(t, s, batchOf([]event{decrypt(900, day.AddDate(0, 0, 6).Add(time.Second))}, nil))
		if got := count(t, s, "SELECT sum(request_count)::BIGINT FROM request_rate"); got != 61 {
			t.Errorf("after failing at %d: %d requests, want 61", n, got)
		}
		if got := count(t, s, "SELECT count(*) - count(DISTINCT minute) FROM request_rate"); got != 0 {
			t.Errorf("after failing at %d: %d minutes are there twice", n, got)
		}
		if got := count(t, s, "SELECT sum(call_count)::BIGINT FROM usage_daily"); got != 61 {
			t.Errorf("after failing at %d: %d calls of %d rows before, want 61", n, got, len(before["usage_daily"]))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err == nil {
			break
		}
	}
}
