package detectors_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/casestore"
	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/rows"
	"github.com/kmstrail/kmstrail/internal/sqlcase"
)

const strangers = `
-- window --
2026-01-04T00:00:00Z 2026-01-05T00:00:00Z
-- fires/events --
2026-01-04T06:00:00Z 1s x30 Decrypt key/data@main role/thief@foreign
2026-01-04T18:00:00Z Decrypt key/data@main role/thief@foreign
2026-01-04T06:00:00Z Decrypt key/other@main role/thief@foreign error=denied_resource
-- fires/want.csv --
key_arn
x
`

func loaded(t *testing.T) *casestore.Store {
	t.Helper()
	cases, err := sqlcase.Parse("test", []byte(strangers))
	if err != nil {
		t.Fatal(err)
	}
	s, err := casestore.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := cases[0].Load(t.Context(), s, false); err != nil {
		t.Fatal(err)
	}
	return s
}

func at(hour int) time.Time { return time.Date(2026, 1, 4, hour, 0, 0, 0, time.UTC) }

func only(t *testing.T, id string) []*detectors.Detector {
	t.Helper()
	list, err := detectors.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		if d.ID == id {
			return []*detectors.Detector{d}
		}
	}
	t.Fatal("no detector", id)
	return nil
}

func run(t *testing.T, s detectors.Store, from, to, now int) detectors.RunResult {
	t.Helper()
	result, err := detectors.Run(t.Context(), s, only(t, "cross_account_decrypt"), detectors.RunOptions{
		Window: detectors.Window{Start: at(from), End: at(to)},
		Now:    func() time.Time { return at(now) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestRun_findingsReadBackAsTheyAre(t *testing.T) {
	s := loaded(t)
	result := run(t, s, 0, 24, 30)
	if len(result.Findings) != 2 {
		t.Fatalf("got %d findings, want 2", len(result.Findings))
	}
	first := result.Findings[0]
	if first.Severity != "high" || first.EventCount != 31 || len(first.EventIDs) != detectors.MaxEvidence {
		t.Errorf("first finding: %+v", first)
	}
	stored, err := detectors.ReadFindings(t.Context(), s, detectors.FindingFilter{})
	if err != nil {
		t.Fatal(err)
	}
	// Details pass through JSON; compared as JSON they are the same.
	if diff := cmp.Diff(jsonOf(t, result.Findings), jsonOf(t, stored)); diff != "" {
		t.Error(diff)
	}
	denied, err := detectors.ReadFindings(t.Context(), s, detectors.FindingFilter{Severities: []string{"medium"}})
	if err != nil || len(denied) != 1 || denied[0].Details["outcome"] != "denied" {
		t.Errorf("filtered: %v, %v", denied, err)
	}
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A later run over another day finds the same thing: it updates the finding,
// and keeps when it was first reported and what people decided.
func TestRun_again(t *testing.T) {
	s := loaded(t)
	before := run(t, s, 0, 24, 30).Findings
	decide(t, s, before[0], "suppressed", at(31))
	ingest(t, s, "2026-01-05T03:00:00Z Decrypt key/data@main role/thief@foreign")
	after := run(t, s, 24, 48, 40).Findings
	if len(after) != 1 || after[0].FindingID != before[0].FindingID {
		t.Fatalf("the finding of another day is another finding: %v", after)
	}
	f := after[0]
	if f.Status != "suppressed" || !f.CreatedAt.Equal(at(30)) || !f.UpdatedAt.Equal(at(40)) {
		t.Errorf("status %s, created %s, updated %s", f.Status, f.CreatedAt, f.UpdatedAt)
	}
	if f.EventCount != 32 || !f.FirstSeen.Equal(at(6)) || !f.LastSeen.Equal(at(27)) || !f.WindowStart.Equal(at(0)) || !f.WindowEnd.Equal(at(48)) {
		t.Errorf("%d calls from %s to %s, windows from %s to %s", f.EventCount, f.FirstSeen, f.LastSeen, f.WindowStart, f.WindowEnd)
	}
	if again := run(t, s, 0, 48, 50).Findings[0]; !again.UpdatedAt.Equal(at(40)) {
		t.Errorf("nothing changed, and the finding was written at %s", again.UpdatedAt)
	}
	stored, err := detectors.ReadFindings(t.Context(), s, detectors.FindingFilter{})
	if err != nil || len(stored) != 2 {
		t.Errorf("%d findings are stored, want 2 (%v)", len(stored), err)
	}
}

// ingest reads event lines as one more log file.
func ingest(t *testing.T, s *casestore.Store, lines string) {
	t.Helper()
	records, err := cttest.ParseLines(lines)
	if err != nil {
		t.Fatal(err)
	}
	files++
	key := cttest.Key("", "", "111122223333", "us-east-1", at(0).Add(time.Duration(files)*time.Minute), fmt.Sprintf("%016d", files))
	if err := s.Ingest(t.Context(), []sqlcase.LogFile{{Key: key, Body: cttest.LogFile(records...)}}, nil); err != nil {
		t.Fatal(err)
	}
}

// files counts the log files of all tests.
var files int

// decide does what a person's command does.
func decide(t *testing.T, s *casestore.Store, f detectors.Finding, status string, when time.Time) {
	t.Helper()
	_, err := detectors.Decide(t.Context(), s, f.FindingID, detectors.Decision{Status: status, Note: "a note", By: "ann", At: when})
	if err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, s *casestore.Store, table string) int64 {
	t.Helper()
	r, err := s.Query(t.Context(), "select count(*) as n from "+table)
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	err = rows.Each(r, func(row map[string]any) error {
		n = row["n"].(int64)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A detector that fails is recorded; the others run.
func TestRun_oneFails(t *testing.T) {
	s := loaded(t)
	bad, err := detectors.Parse("first_decrypt.sql", []byte(strings.ReplaceAll(readFile(t, "testdata/first_decrypt.sql"), "from kms_calls", "from kms_call")))
	if err != nil {
		t.Fatal(err)
	}
	list := append([]*detectors.Detector{bad}, only(t, "cross_account_decrypt")...)
	result, err := detectors.Run(t.Context(), s, list, detectors.RunOptions{Window: detectors.Window{Start: at(0), End: at(24)}})
	if err == nil || !strings.Contains(err.Error(), "run detector first_decrypt: query database: ") {
		t.Errorf("got error %v", err)
	}
	if len(result.Findings) != 2 || len(result.Runs) != 2 || result.Runs[0].Error == "" || result.Runs[1].Error != "" {
		t.Errorf("got %d findings, runs %+v", len(result.Findings), result.Runs)
	}
	if n := count(t, s, "detector_runs"); n != 2 {
		t.Errorf("%d runs are recorded, want 2", n)
	}
}

func TestRun_refuses(t *testing.T) {
	s := loaded(t)
	list := only(t, "request_rate_near_quota")
	day := detectors.Window{Start: at(0), End: at(24)}
	for _, c := range []struct {
		name string
		opts detectors.RunOptions
		want string
	}{
		{"no window", detectors.RunOptions{}, "run detectors: the window has no start or no end"},
		{"empty window", detectors.RunOptions{Window: detectors.Window{Start: at(1), End: at(1)}}, "run detectors: the window is empty"},
		{
			"misspelt parameter",
			detectors.RunOptions{Window: day, Params: map[string]map[string]string{"request_rate_near_quota": {"near_ration": "1"}}},
			`bind detector request_rate_near_quota: there is no parameter "near_ration"; did you mean "near_ratio"?`,
		},
		{
			"misspelt detector",
			detectors.RunOptions{Window: day, Params: map[string]map[string]string{"request_rate_near_quotas": {}}},
			`there are parameters for the unknown detector "request_rate_near_quotas"; did you mean "request_rate_near_quota"?`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := detectors.Run(t.Context(), s, list, c.opts)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	if n := count(t, s, "detector_runs"); n != 0 {
		t.Errorf("%d runs are recorded, want none", n)
	}
}

func TestRun_cancelled(t *testing.T) {
	s := loaded(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := detectors.Run(ctx, s, only(t, "cross_account_decrypt"), detectors.RunOptions{Window: detectors.Window{Start: at(0), End: at(24)}})
	if err == nil {
		t.Error("a cancelled run is no error")
	}
	if n := count(t, s, "detector_runs"); n != 0 {
		t.Errorf("%d runs are recorded, want none", n)
	}
}

// The remedy is meant to be pasted into a shell; what comes from the logs must
// stay one word of it.
func TestRemedies_areSafeToPaste(t *testing.T) {
	d := only(t, "cross_account_decrypt")[0]
	f := run(t, loaded(t), 0, 24, 30).Findings[0]
	f.KeyARN = "x'; rm -rf ~ #\n$(reboot)"
	got, err := d.Remedies(f)
	if err != nil {
		t.Fatal(err)
	}
	want := `--key-id 'x'\''; rm -rf ~ #?$(reboot)' --region us-east-1`
	if strings.Count(got, want) < 2 {
		t.Errorf("got %s\nwant in it %s", got, want)
	}
	command, err := d.TriageCommand(d.Triage[0], f)
	want = `kmstrail query cross_account_calls --param 'key_arn=x'\''; rm -rf ~ #?$(reboot)' --from 2026-01-04 --to 2026-01-05`
	if err != nil || command != want {
		t.Errorf("got  %s, %v\nwant %s", command, err, want)
	}
}

func TestFinding_MarshalJSON(t *testing.T) {
	b, err := json.Marshal(detectors.Finding{DetectorID: "d", KeyARN: "k", Details: map[string]any{"n": 1}})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"detector_id": "d", "key_arn": "k", "account_id": nil, "region": nil, "principal_arn": nil} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v (%t), want %v", name, v, ok, want)
		}
	}
}

func TestSort(t *testing.T) {
	list := []detectors.Finding{
		{Severity: "info"}, {Severity: "high", DetectorID: "b"}, {Severity: "critical"},
		{Severity: "high", DetectorID: "a", AccountID: "2"}, {Severity: "high", DetectorID: "a", AccountID: "1"},
	}
	detectors.Sort(list)
	got := ""
	for _, f := range list {
		got += fmt.Sprint(f.Severity, f.DetectorID, f.AccountID, " ")
	}
	if want := "critical higha1 higha2 highb info "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
