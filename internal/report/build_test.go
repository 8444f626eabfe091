package report

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/detectors"
)

// brokenStore fails every query.
type brokenStore struct{ err error }

func (s brokenStore) Query(context.Context, string, ...any) (array.RecordReader, error) {
	return nil, s.err
}

func TestBuild_error(t *testing.T) {
	want := errors.New("disk on fire")
	_, err := Build(t.Context(), brokenStore{want}, Options{Now: at(1, 0, 0)})
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
	if got := err.Error(); got != "read the extent of the store for the report: disk on fire" {
		t.Errorf("got message %q", got)
	}
}

func TestColumns(t *testing.T) {
	tests := []struct {
		name       string
		start, end time.Time
		columns    int
		perColumn  int
		last       string
	}{
		{"nothing", time.Time{}, time.Time{}, 0, 1, ""},
		{"an_hour", at(1, 5, 0), at(1, 6, 0), 1, 1, "2026-09-01"},
		{"over_midnight", at(1, 23, 0), at(2, 1, 0), 2, 1, "2026-09-02"},
		{"ends_at_midnight", at(1, 0, 0), at(3, 0, 0), 2, 1, "2026-09-02"},
		{"most_days", at(1, 0, 0), at(1, 0, 0).AddDate(0, 0, maxColumns), maxColumns, 1, "2026-11-01"},
		{"weeks", at(1, 0, 0), at(1, 0, 0).AddDate(0, 0, maxColumns+1), 9, 7, "2026-10-27"},
		{"ten_years", at(1, 0, 0), at(1, 0, 0).AddDate(10, 0, 0), 62, 59, "2036-07-09"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := builder{r: &Report{Window: Window{tt.start, tt.end}}}
			days, per := b.columns()
			last := ""
			if len(days) > 0 {
				last = days[len(days)-1]
			}
			if len(days) != tt.columns || per != tt.perColumn || last != tt.last {
				t.Errorf("got %d columns of %d days, last %q; want %d of %d, last %q", len(days), per, last, tt.columns, tt.perColumn, tt.last)
			}
		})
	}
}

func TestUsageParts(t *testing.T) {
	tests := []struct {
		name       string
		start, end time.Time
		want       string
	}{
		{"days", at(1, 0, 0), at(3, 0, 0), "usage_daily 01 00:00 03 00:00"},
		{"hours", at(1, 5, 0), at(1, 7, 0), "usage_hourly 01 05:00 01 07:00"},
		{"minutes", at(1, 5, 10), at(1, 5, 50), "kms_calls 01 05:10 01 05:50"},
		{"over_an_hour", at(1, 5, 10), at(1, 6, 50), "kms_calls 01 05:10 01 06:50"},
		{"hours_and_ends", at(1, 5, 10), at(1, 8, 50), "kms_calls 01 05:10 01 06:00, usage_hourly 01 06:00 01 08:00, kms_calls 01 08:00 01 08:50"},
		{"over_midnight", at(1, 22, 0), at(2, 2, 0), "usage_hourly 01 22:00 02 02:00"},
		{
			"all", at(1, 22, 59), at(4, 2, 1),
			"kms_calls 01 22:59 01 23:00, usage_hourly 01 23:00 02 00:00, usage_daily 02 00:00 04 00:00, usage_hourly 04 00:00 04 02:00, kms_calls 04 02:00 04 02:01",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, p := range usageParts(Window{tt.start, tt.end}) {
				got = append(got, p.table+p.Start.Format(" 02 15:04")+p.End.Format(" 02 15:04"))
			}
			if text := strings.Join(got, ", "); text != tt.want {
				t.Errorf("got  %s\nwant %s", text, tt.want)
			}
			sql, args := usageOf(Window{tt.start, tt.end})
			if n := strings.Count(sql, "?"); n != len(args) {
				t.Errorf("%d parameters, %d values", n, len(args))
			}
		})
	}
}

func TestQuotaLimits(t *testing.T) {
	limits := quotaLimits{
		{"sign", "", "", false}:                       10,
		{"sign", "", "eu-west-1", false}:              20,
		{"sign", "111122223333", "", false}:           30,
		{"sign", "111122223333", "eu-west-1", false}:  40,
		{"other", "444455556666", "us-east-1", false}: 50,
		{"raised", "", "eu-west-1", false}:            60,
		{"raised", "", "", true}:                      70,
		{"raised", "111122223333", "", false}:         80,
	}
	tests := []struct {
		quota, account, region string
		want                   float64
	}{
		{"sign", "444455556666", "us-east-1", 10},
		{"sign", "444455556666", "eu-west-1", 20},
		{"sign", "111122223333", "us-east-1", 30},
		{"sign", "111122223333", "eu-west-1", 40},
		{"other", "444455556666", "eu-west-1", 0},
		{"raised", "444455556666", "eu-west-1", 70},
		{"raised", "111122223333", "eu-west-1", 80},
	}
	for _, tt := range tests {
		if got := limits.find(tt.quota, tt.account, tt.region); got != tt.want {
			t.Errorf("find(%s, %s, %s) = %v, want %v", tt.quota, tt.account, tt.region, got, tt.want)
		}
	}
}

func TestWorse(t *testing.T) {
	order := []CoverageState{Unseen, Proven, Silent, Observed, Excluded, Gap}
	for i, a := range order {
		for j, b := range order {
			if got := worse(a, b); got != order[max(i, j)] {
				t.Errorf("worse(%q, %q) = %q", a, b, got)
			}
		}
	}
}

func TestGroupFindings(t *testing.T) {
	var findings []Finding
	add := func(n int, detector, severity, status string) {
		for i := range n {
			findings = append(findings, Finding{
				ID: fmt.Sprint(detector, i), DetectorID: detector, Severity: severity, Status: status,
				AccountID: fmt.Sprintf("%012d", i%3), EventCount: 2,
			})
		}
	}
	add(2, "rare", "low", "new")
	add(1, "rare", "critical", "in_progress")
	add(500, "noisy", "high", "new")
	add(30, "old", "high", "resolved")
	for i := range 10 {
		add(30, fmt.Sprintf("detector_%d", i), "medium", "new")
	}
	got := groupFindings([]Detector{{ID: "noisy", Title: "Noisy"}}, findings, map[string]string{"000000000001": "one"})

	if got.Total != 833 || got.Open != 803 || got.ByStatus["resolved"] != 30 {
		t.Errorf("got %d in all, %d open, %v", got.Total, got.Open, got.ByStatus)
	}
	if got.BySeverity["critical"] != 1 || got.BySeverity["high"] != 500 || got.BySeverity["info"] != 0 {
		t.Errorf("got severities %v", got.BySeverity)
	}
	first, second := got.Groups[0], got.Groups[1]
	if first.Detector.ID != "rare" || first.Severity != "critical" || first.Shown[0].Severity != "critical" || first.Calls != 6 {
		t.Errorf("the worst group comes first: got %s, %s", first.Detector.ID, first.Severity)
	}
	if second.Detector.Title != "Noisy" || len(second.Shown) != maxPerDetector || second.Omitted != 480 || second.Accounts != 3 {
		t.Errorf("got %q with %d shown, %d omitted, %d accounts", second.Detector.Title, len(second.Shown), second.Omitted, second.Accounts)
	}
	if c := second.OmittedByAccount[0]; c.Count != 167 || c.Label != "one" {
		t.Errorf("got %+v as the account with most omitted findings", c)
	}
	shown := 0
	for _, g := range got.Groups {
		shown += len(g.Shown)
		if len(g.Shown) == 0 {
			t.Errorf("%s shows nothing", g.Detector.ID)
		}
	}
	if shown > maxFindings {
		t.Errorf("%d findings shown", shown)
	}
}

func TestGroupFindings_withdrawn(t *testing.T) {
	var findings []Finding
	for i := range maxWithdrawn + 3 {
		findings = append(findings, Finding{ID: fmt.Sprint(i), Status: "withdrawn", AccountID: "111122223333", LastSeen: at(1, i, 0)})
	}
	got := groupFindings(nil, findings, map[string]string{"111122223333": "payments"})
	if got.Open != 0 || len(got.Groups) != 0 || got.ByStatus["withdrawn"] != maxWithdrawn+3 {
		t.Errorf("got %+v", got)
	}
	if len(got.Withdrawn) != maxWithdrawn || got.OmittedWithdrawn != 3 {
		t.Fatalf("got %d and %d more", len(got.Withdrawn), got.OmittedWithdrawn)
	}
	if w := got.Withdrawn[0]; w.ID != "12" || w.AccountName != "payments" {
		t.Errorf("got %+v first, want the last one", w)
	}
	r := &Report{Findings: got}
	if text := r.Closed(); text != "" {
		t.Errorf("got %q: withdrawn findings have a list", text)
	}
}

func TestSources(t *testing.T) {
	f := Finding{LogFiles: []string{"s3://b/k#1.gz#4", "", "s3://b/j#0", "s3://b/k#1.gz#9", "s3://b/l#0", "s3://b/m#0", "s3://b/m#1"}}
	list, more := f.sources()
	if want := []string{"s3://b/k#1.gz#4, #9", "s3://b/j#0", "s3://b/l#0"}; !slices.Equal(list, want) || more != 1 {
		t.Errorf("got %q and %d more, want %q and 1", list, more, want)
	}
}

func TestOutcomes(t *testing.T) {
	window := Window{at(1, 0, 0), at(8, 0, 0)}
	whole := Outcome{RanAt: pointer(at(8, 1, 0)), Window: window}
	half := whole
	half.Window.Start = at(2, 0, 0)
	some := whole
	some.partial = true
	failed := whole
	failed.Error = "out of memory"
	tests := []struct {
		name   string
		last   map[string]Outcome
		found  int
		gaps   int64
		calls  int64
		want   Verdict
		reason string
	}{
		{"found", map[string]Outcome{"d": whole}, 2, 1, 9, Found, ""},
		{"clear", map[string]Outcome{"d": whole}, 0, 0, 9, Clear, ""},
		{"gaps", map[string]Outcome{"d": whole}, 0, 1, 9, Unknown, "It found nothing, but the logs are incomplete."},
		{"not_run", nil, 0, 0, 9, Unknown, "It did not run over this period."},
		{"half_run", map[string]Outcome{"d": half}, 0, 0, 9, Unknown, "It ran over a part of the period only."},
		{"some_days", map[string]Outcome{"d": some}, 0, 0, 9, Unknown, "It ran over a part of the period only."},
		{"failed", map[string]Outcome{"d": failed}, 0, 0, 9, Unknown, "It failed."},
		{"no_calls", map[string]Outcome{"d": whole}, 0, 0, 0, Unknown, "There was no call to look at."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &Report{Window: window, Scope: Scope{Calls: tt.calls}}
			r.Coverage.AccountRegionDays = map[CoverageState]int64{Gap: tt.gaps}
			if tt.found > 0 {
				r.Findings.Groups = []Group{{Detector: Detector{ID: "d"}, Count: tt.found}}
			}
			got := outcomes(r, []Detector{{ID: "d"}}, tt.last)[0]
			if got.Verdict != tt.want || got.Reason != tt.reason || got.Findings != tt.found {
				t.Errorf("got %s (%s), want %s (%s)", got.Verdict, got.Reason, tt.want, tt.reason)
			}
		})
	}
}

func TestFromDetectors(t *testing.T) {
	got := fromDetectors([]*detectors.Detector{{
		ID: "d", Title: "D", Severity: "high", Version: 2, Why: detectors.Why{Text: "because", Source: "somewhere"},
		Triage:   []detectors.TriageStep{{Text: "Ask."}, {Text: "Look.", Query: "key_users"}},
		Attack:   []detectors.Attack{{Technique: "T1485", Name: "Data Destruction", Version: "19"}},
		Mappings: detectors.Mappings{CIS: []string{"4.7"}, SecurityHub: []string{"KMS.3"}},
	}})[0]
	if want := []string{"Ask.", "Look. (`key_users`)"}; !slices.Equal(got.Triage, want) {
		t.Errorf("got steps %q, want %q", got.Triage, want)
	}
	if want := []string{"ATT&CK T1485 Data Destruction", "CIS 4.7", "Security Hub KMS.3"}; !slices.Equal(got.Mappings, want) {
		t.Errorf("got mappings %q, want %q", got.Mappings, want)
	}
	if got.Why != "because" || got.Source != "somewhere" || got.Version != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestFromRuns(t *testing.T) {
	got := fromRuns([]detectors.DetectorRun{
		{DetectorID: "d", StartedAt: at(2, 0, 0), Duration: time.Second, Error: "later"},
		{DetectorID: "d", StartedAt: at(1, 0, 0)},
	})["d"]
	if got.Error != "later" || got.DurationMS != 1000 || !got.RanAt.Equal(at(2, 0, 0)) {
		t.Errorf("got %+v, want the later run", got)
	}
}

// Only findings that are shown get advice, and one whose columns do not suit
// the template any more gets a comment rather than none of the report.
func TestAdvise(t *testing.T) {
	d := &detectors.Detector{
		ID: "d", Remedy: "aws kms disable-key --key-id {{.key_arn}}\n# {{.gone}}",
		Triage: []detectors.TriageStep{{Text: "Ask."}, {Text: "Look.", Query: "key_users", Params: map[string]string{"key_arn": "{{.key_arn}}"}}},
	}
	findings := []detectors.Finding{
		{FindingID: "1", DetectorID: "d", KeyARN: "k'; reboot", FirstSeen: at(1, 0, 0), LastSeen: at(1, 2, 0), Details: map[string]any{"gone": "here"}},
		{FindingID: "2", DetectorID: "d", KeyARN: "k", FirstSeen: at(1, 0, 0), LastSeen: at(1, 2, 0)},
	}
	r := &Report{Findings: groupFindings(nil, fromFindings(findings, nil), nil)}
	r.advise([]*detectors.Detector{d}, findings)
	for _, f := range r.Findings.Groups[0].Shown {
		switch f.ID {
		case "1":
			if want := "aws kms disable-key --key-id 'k'\\''; reboot'\n# here"; f.Remedy != want {
				t.Errorf("got remedy %q, want %q", f.Remedy, want)
			}
		case "2":
			if !strings.HasPrefix(f.Remedy, "# The remedy cannot be shown: ") || strings.Contains(f.Remedy, "\n") {
				t.Errorf("got remedy %q, want one comment", f.Remedy)
			}
		}
		if len(f.TriageCommands) != 1 || !strings.HasPrefix(f.TriageCommands[0], "kmstrail query key_users --param ") {
			t.Errorf("got commands %q", f.TriageCommands)
		}
	}
}
