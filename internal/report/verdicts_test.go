package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNewVerdicts(t *testing.T) {
	places := func(verdicts ...string) []PlaceVerdict {
		var out []PlaceVerdict
		for i := 0; i < len(verdicts); i += 2 {
			out = append(out, PlaceVerdict{AccountID: "111122223333", Region: []string{"us-east-1", "us-west-2", "eu-west-1"}[i/2], Verdict: verdicts[i], Reason: verdicts[i+1]})
		}
		return out
	}
	got := newVerdicts([]DetectorVerdicts{
		{DetectorID: "calm", Severity: "critical", Places: places(pass, "", unknown, "days without logs: 4; it: did not run", unknown, "days without logs: 1,000")},
		{DetectorID: "low", Severity: "low", Places: places(fail, "open findings: 9; days without logs: 7", fail, "open findings: 1", pass, "")},
		{DetectorID: "high", Severity: "high", Places: places(fail, "open findings: 1", unknown, "days without logs: 6", pass, "")},
	})
	var order []string
	for _, d := range got.Detectors {
		order = append(order, d.DetectorID)
	}
	if diff := cmp.Diff([]string{"high", "low", "calm"}, order); diff != "" {
		t.Errorf("failures come first, the severe ones before others:\n%s", diff)
	}
	calm := got.Detectors[2]
	if calm.Pass != 1 || calm.Fail != 0 || calm.Unknown != 2 || got.Places != 3 {
		t.Errorf("got %+v over %d places", calm, got.Places)
	}
	// What is no number after a colon belongs to the text.
	want := []UnknownReason{{"days without logs", 1, 4}, {"days without logs: 1,000", 1, 0}, {"it: did not run", 1, 0}}
	if diff := cmp.Diff(want, calm.Reasons); diff != "" {
		t.Errorf("reasons of one detector:\n%s", diff)
	}
	// A place counts once, whatever detectors say of it; failures have no say.
	want[0].Sum = 6
	if diff := cmp.Diff(want, got.Reasons); diff != "" {
		t.Errorf("reasons of all:\n%s", diff)
	}
	if text, want := reasonText(want[:1]), "days without logs: 6 (in 1 Region)"; text != want {
		t.Errorf("got %q, want %q", text, want)
	}
}

func TestVerdictMap(t *testing.T) {
	v := fixtureVerdicts()
	m := newVerdictMap(&v, fixtureNames())
	if diff := cmp.Diff([]string{"payments-prod", "analytics", "web-prod", "shared-services", "partner-sandbox"}, m.Accounts); diff != "" {
		t.Error(diff)
	}
	marks := map[string]string{}
	for _, row := range m.Rows {
		for _, c := range row.Cells {
			marks[row.Title] += c.Class + " "
		}
	}
	want := map[string]string{
		"A key that is scheduled for deletion is still in use": "no no q q no ",
		"An account that is not trusted uses a key":            "yes no no q u ",
		"Encryption context and key tags disagree":             "yes yes q q u ",
		"Request rate is near the KMS quota":                   "q q q q u ",
	}
	if diff := cmp.Diff(want, marks); diff != "" {
		t.Error(diff)
	}
	for range maxAccounts {
		v.Detectors[0].Places = append(v.Detectors[0].Places, PlaceVerdict{AccountID: string(rune('A' + len(v.Detectors[0].Places))), Verdict: pass})
	}
	if m := newVerdictMap(&v, nil); len(m.Accounts) != maxAccounts || m.Omitted != 5 || m.Accounts[0] != "111122223333" {
		t.Errorf("%d accounts from %s on, %d left out", len(m.Accounts), m.Accounts[0], m.Omitted)
	}
}
