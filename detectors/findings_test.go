package detectors_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/casestore"
	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/rows"
	"github.com/kmstrail/kmstrail/schema"
)

// scene is a store that gets log files and detector runs in turn.
type scene struct {
	t     *testing.T
	store *casestore.Store
	mu    sync.Mutex // guards clock
	clock time.Time
	list  []*detectors.Detector
}

func newScene(t *testing.T, ids ...string) *scene {
	t.Helper()
	s, err := casestore.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	out := &scene{t: t, store: s, clock: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)}
	for _, id := range ids {
		out.list = append(out.list, only(t, id)...)
	}
	return out
}

func (s *scene) ingest(lines string) { s.t.Helper(); ingest(s.t, s.store, lines) }

// now moves on with every look.
func (s *scene) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = s.clock.Add(time.Second)
	return s.clock
}

// january is the window of scheduled runs in tests.
var january = detectors.Window{Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)}

func (s *scene) scheduled(params ...string) detectors.RunResult {
	s.t.Helper()
	opts := detectors.RunOptions{Window: january, Scheduled: true, Now: s.now}
	if len(params) == 3 {
		opts.Params = map[string]map[string]string{params[0]: {params[1]: params[2]}}
	}
	result, err := detectors.Run(s.t.Context(), s.store, s.list, opts)
	if err != nil {
		s.t.Fatal(err)
	}
	return result
}

// days lists the days that a run looked at, by detector.
func (s *scene) days(result detectors.RunResult) string {
	s.t.Helper()
	r, err := s.store.Query(s.t.Context(), "select distinct detector_id, window_start from detector_runs where run_id = cast(? as uuid) order by 1, 2", result.Runs[0].RunID)
	if err != nil {
		s.t.Fatal(err)
	}
	var out []string
	if err := rows.Scan(r, func(row rows.Row) { out = append(out, row.Moment(1).Format("02")) }); err != nil {
		s.t.Fatal(err)
	}
	return strings.Join(out, " ")
}

// stored returns the only finding that is stored.
func (s *scene) stored() detectors.Finding {
	s.t.Helper()
	list, err := detectors.ReadFindings(s.t.Context(), s.store, detectors.FindingFilter{})
	if err != nil || len(list) != 1 {
		s.t.Fatalf("%d findings are stored, want one (%v)", len(list), err)
	}
	return list[0]
}

// history returns what happened to the only finding, a word a change.
func (s *scene) history() string {
	s.t.Helper()
	list, err := detectors.ReadHistory(s.t.Context(), s.store, s.stored().FindingID)
	if err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for _, e := range list {
		out = append(out, fmt.Sprintf("%s>%s by %s", e.From, e.To, e.Actor))
	}
	return strings.Join(out, ", ")
}

const pending = `
2026-01-03T10:00:00Z ScheduleKeyDeletion key/orders user/ann days=30
2026-01-06T10:00:00Z Decrypt key/orders role/batch
2026-01-07T10:00:00Z 1h x2 Decrypt key/orders role/batch
`

func TestFinding_isWithdrawnAndComesBack(t *testing.T) {
	s := newScene(t, "pending_deletion_key_use")
	s.ingest(pending)
	first := s.scheduled()
	if len(first.Findings) != 1 || first.Findings[0].EventCount != 3 || first.Findings[0].Status != "new" {
		t.Fatalf("first run: %+v", first.Findings)
	}
	// The deletion was cancelled the day after; that arrives late.
	s.ingest("2026-01-04T09:00:00Z CancelKeyDeletion key/orders user/ann")
	second := s.scheduled()
	if len(second.Findings) != 0 || len(second.Withdrawn) != 1 {
		t.Fatalf("second run: %+v", second)
	}
	f := s.stored()
	if want := "No event supports it any more: CancelKeyDeletion of 2026-01-04 09:00:00 UTC arrived later."; f.Status != "withdrawn" || f.StatusReason != want {
		t.Errorf("status %s: %s", f.Status, f.StatusReason)
	}
	if f.EventCount != 3 || len(f.LogFiles) != 3 {
		t.Errorf("a withdrawn finding does not keep what it said: %+v", f)
	}
	if got := s.days(second); got != "04 06 07" {
		t.Errorf("the second run looked at the days %s", got)
	}
	// And scheduled again.
	s.ingest("2026-01-07T09:00:00Z ScheduleKeyDeletion key/orders user/ann days=30")
	if got := s.days(s.scheduled()); got != "07" {
		t.Errorf("the third run looked at the days %s", got)
	}
	if f := s.stored(); f.Status != "new" || f.StatusReason != "" || f.EventCount != 2 {
		t.Errorf("the finding that came back: %+v", f)
	}
	if want := ">new by detector, new>withdrawn by detector, withdrawn>new by detector"; s.history() != want {
		t.Errorf("history: %s", s.history())
	}
}

func TestFinding_whyWithdrawn(t *testing.T) {
	rate := []string{"request_rate_near_quota", "min_throttled", "2"}
	for _, c := range []struct {
		name, detector, before, after string
		configure                     bool
		params                        []string
		want                          string
	}{
		{
			name: "parameter", detector: rate[0], params: rate,
			before: "2026-01-06T10:00:00Z Decrypt key/data role/app error=throttled\n",
			want:   "its parameters (min_throttled is 2, was 1) changed",
		},
		{
			name: "configuration", detector: "cross_account_decrypt", configure: true,
			before: "2026-01-06T10:00:00Z Decrypt key/data@main role/thief@foreign\n",
			want:   "the configuration it reads changed",
		},
		{
			name: "tag of a resource", detector: "encryption_context_tag_mismatch",
			before: "2026-01-04T10:00:00Z TagResource key/data user/ann tag.tenant=blue\n2026-01-04T11:00:00Z s3:PutBucketTagging user/ann bucket=data tag.tenant=red\n" +
				"2026-01-06T10:00:00Z Decrypt key/data role/app via=s3:data/a.csv\n",
			after: "2026-01-05T10:00:00Z s3:PutBucketTagging user/ann bucket=data tag.tenant=blue\n",
			want:  "records from before 2026-01-06 that change keys, grants or tags arrived later (1)",
		},
		{
			name: "more than three changes", detector: "pending_deletion_key_use", before: pending,
			after: "2026-01-04T09:00:00Z CancelKeyDeletion key/orders user/ann\n2026-01-04T10:00:00Z EnableKey key/orders user/ann\n" +
				"2026-01-05T10:00:00Z 1s x3 TagResource key/orders user/ann tag.a=b\n",
			want: "TagResource of 2026-01-05 10:00:02 UTC, TagResource of 2026-01-05 10:00:01 UTC, TagResource of 2026-01-05 10:00:00 UTC, 2 more arrived later",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, c.detector)
			tenPerSecond(t, s.store)
			s.ingest(c.before)
			if got := s.scheduled(); len(got.Findings) != 1 {
				t.Fatalf("%d findings, want one", len(got.Findings))
			}
			if c.after != "" {
				s.ingest(c.after)
			}
			if c.configure {
				trust(t, s.store)
			}
			s.scheduled(c.params...)
			if f := s.stored(); f.StatusReason != "No event supports it any more: "+c.want+"." {
				t.Errorf("status %s: %s", f.Status, f.StatusReason)
			}
		})
	}
}

// trust makes use of keys by the account foreign wanted.
func trust(t *testing.T, s *casestore.Store) {
	t.Helper()
	configure(t, s, &schema.TrustRules, []any{cttest.Account("foreign"), nil, nil, nil, nil, nil})
}

// configure replaces the rows of a table that comes from the configuration.
func configure(t *testing.T, s *casestore.Store, table *schema.Table, row []any) {
	t.Helper()
	rec, err := schema.Rows(table, [][]any{row})
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Release()
	if err := s.Replace(t.Context(), table, rec); err != nil {
		t.Fatal(err)
	}
}

// tenPerSecond is a quota that a few lines use up.
func tenPerSecond(t *testing.T, s *casestore.Store) {
	t.Helper()
	configure(t, s, &schema.Quotas, []any{"cryptographic_symmetric", nil, nil, 10.0, "override"})
}

// What people decided stays, unless there is news.
func TestFinding_statuses(t *testing.T) {
	const earlier, later = "2026-01-05T06:00:00Z Decrypt key/data@main role/thief@foreign", "2026-01-07T06:00:00Z Decrypt key/data@main role/thief@foreign"
	for _, c := range []struct{ decided, news, want string }{
		{"in_progress", later, "in_progress"},
		{"suppressed", later, "suppressed"},
		{"resolved", earlier, "resolved"},
		{"resolved", later, "new"},
		{"new", later, "new"},
	} {
		t.Run(c.decided+" "+c.news[:10], func(t *testing.T) {
			s := newScene(t, "cross_account_decrypt")
			s.ingest("2026-01-06T06:00:00Z Decrypt key/data@main role/thief@foreign")
			s.scheduled()
			decide(t, s.store, s.stored(), c.decided, s.now())
			if f := s.stored(); f.Status != c.decided || f.StatusReason != map[bool]string{true: "", false: "a note"}[c.decided == "new"] {
				t.Fatalf("after the decision it is %s: %q", f.Status, f.StatusReason)
			}
			s.ingest(c.news)
			s.scheduled()
			f := s.stored()
			if f.Status != c.want || f.EventCount != 2 || (f.StatusReason == "") != (c.want == "new") {
				t.Errorf("status %s (%q), %d calls", f.Status, f.StatusReason, f.EventCount)
			}
			want := ">new by detector, new>" + c.decided + " by ann"
			if c.want != c.decided {
				want += ", " + c.decided + ">" + c.want + " by detector"
			}
			if diff := cmp.Diff(want, s.history()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecide_refuses(t *testing.T) {
	s := newScene(t, "pending_deletion_key_use")
	s.ingest(pending)
	s.scheduled()
	id := s.stored().FindingID
	decide := func(id, status string) error {
		_, err := detectors.Decide(t.Context(), s.store, id, detectors.Decision{Status: status, By: "ann", At: s.now()})
		return err
	}
	if err := decide("00000000-0000-8000-8000-000000000000", "resolved"); !errors.Is(err, detectors.ErrNoFinding) {
		t.Errorf("an unknown finding: %v", err)
	}
	for _, status := range []string{"withdrawn", "closed"} {
		if err := decide(id, status); err == nil {
			t.Errorf("a person made it %s", status)
		}
	}
	s.ingest("2026-01-04T09:00:00Z CancelKeyDeletion key/orders user/ann")
	s.scheduled()
	if err := decide(id, "resolved"); err == nil || !strings.Contains(err.Error(), "it is withdrawn: No event") {
		t.Errorf("a withdrawn finding: %v", err)
	}
}

// A run that nothing happened before looks at nothing.
func TestRun_scheduledLooksAtWhatChanged(t *testing.T) {
	s := newScene(t, "cross_account_decrypt", "request_rate_near_quota")
	s.ingest(pending)
	if got := s.days(s.scheduled()); got != "03 06 07 03 06 07" {
		t.Errorf("the first run looked at the days %s", got)
	}
	if got := s.days(s.scheduled()); got != "" {
		t.Errorf("the second run looked at the days %s", got)
	}
	// A tag matters to trust on later days, and to request rates on its own.
	s.ingest("2026-01-05T09:00:00Z TagResource key/orders user/ann tag.a=b")
	if got := s.days(s.scheduled()); got != "05 06 07 05" {
		t.Errorf("after a late tag the run looked at the days %s", got)
	}
	s.ingest("2026-01-03T09:00:00Z Decrypt key/orders role/app")
	if got := s.days(s.scheduled()); got != "03 03" {
		t.Errorf("after a late call the run looked at the days %s", got)
	}
	trust(t, s.store)
	if got := s.days(s.scheduled()); got != "03 05 06 07" {
		t.Errorf("after a new rule the run looked at the days %s", got)
	}
}

// Days whose events have expired keep what was found in them.
func TestRun_expiredDaysStayAsTheyAre(t *testing.T) {
	s := newScene(t, "pending_deletion_key_use")
	s.ingest(pending)
	before := s.scheduled().Findings
	meta, err := schema.Rows(&schema.Meta, [][]any{{"events_from", "2026-01-07T00:00:00Z"}})
	if err != nil {
		t.Fatal(err)
	}
	defer meta.Release()
	if err := s.store.Append(t.Context(), &schema.Meta, meta); err != nil {
		t.Fatal(err)
	}
	s.ingest("2026-01-04T09:00:00Z TagResource key/orders user/ann tag.a=b")
	result, err := detectors.Run(t.Context(), s.store, s.list, detectors.RunOptions{Window: january, Now: s.now})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.days(result); got != "07" {
		t.Errorf("the run looked at the days %s", got)
	}
	if diff := cmp.Diff(jsonOf(t, before), jsonOf(t, result.Findings)); diff != "" {
		t.Error(diff)
	}
}

// The log files of a finding say where its records lie.
func TestFinding_logFiles(t *testing.T) {
	s := newScene(t, "cross_account_decrypt")
	s.ingest("2026-01-06T06:00:00Z Encrypt key/data role/app\n2026-01-06T06:00:01Z Decrypt key/data@main role/thief@foreign copies=owner")
	s.scheduled()
	f := s.stored()
	if len(f.LogFiles) != 1 || !strings.HasPrefix(f.LogFiles[0], "memory:/AWSLogs/111122223333/CloudTrail/us-east-1/") || !strings.HasSuffix(f.LogFiles[0], ".json.gz#1") {
		t.Errorf("log files: %q", f.LogFiles)
	}
}

// Request rates are exact whatever share of the quota is asked for, also of
// days whose seconds have been folded into minutes.
func TestRequestRate_foldedSeconds(t *testing.T) {
	s := newScene(t, "request_rate_near_quota")
	tenPerSecond(t, s.store)
	s.ingest(`
2026-01-05T10:00:07Z 10ms x5 Decrypt key/data role/app
2026-01-05T10:00:09Z 10ms x6 Decrypt key/data role/app
2026-01-05T10:01:00Z 10ms x4 Decrypt key/data role/app
2026-01-20T10:00:00Z Decrypt key/data role/app`)
	if got := s.scheduled().Findings; len(got) != 0 {
		t.Fatalf("%d findings at 80 %%", len(got))
	}
	folded, err := s.store.Maintain(t.Context(), duck.Maintenance{All: true})
	if err != nil || folded.Folded == 0 {
		t.Fatalf("%+v, %v", folded, err)
	}
	got := s.scheduled("request_rate_near_quota", "near_ratio", "0.5").Findings
	if len(got) != 1 {
		t.Fatalf("%d findings at 50 %%, want one", len(got))
	}
	f := got[0]
	if f.EventCount != 11 || fmt.Sprintf("%v %v %v %v", f.Details["near_seconds"], f.Details["peak_requests"], f.Details["peak_second"], f.Details["request_count"]) != "2 6 2026-01-05T10:00:09Z 15" {
		t.Errorf("%d calls, %v", f.EventCount, f.Details)
	}
}

// A record that AWS corrects no longer says what it said.
func TestFinding_correctedRecord(t *testing.T) {
	s := newScene(t, "cross_account_decrypt")
	s.ingest("2026-01-06T10:00:00Z Decrypt key/data@main role/thief@foreign copies=owner")
	s.scheduled()
	addendum := `"addendum":{"reason":"UPDATED_DATA","updatedFields":"userIdentity","originalEventID":"` + s.stored().EventIDs[0] + `"}`
	s.ingest("2026-01-06T10:00:00Z Decrypt key/data role/app extra=" + strconv.Quote(addendum))
	s.scheduled()
	if f := s.stored(); f.StatusReason != "No event supports it any more: records of 2026-01-06 arrived later or were replaced (2)." {
		t.Errorf("status %s: %s", f.Status, f.StatusReason)
	}
}
