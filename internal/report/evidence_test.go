package report

import (
	"testing"
	"time"
)

func TestProofs(t *testing.T) {
	on := func(day int) string {
		return "s3://example/AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/" + time.Date(2026, 3, day, 0, 0, 0, 0, time.UTC).Format("02") +
			"/111122223333_CloudTrail_us-east-1_" + time.Date(2026, 3, day, 5, 10, 0, 0, time.UTC).Format("20060102T1504Z") + "_a.json.gz#7"
	}
	at := func(day int) proofPlace {
		return proofPlace{"111122223333", "us-east-1", time.Date(2026, 3, day, 0, 0, 0, 0, time.UTC)}
	}
	p := Proofs{at(2): ProofVerified, at(3): ProofUnverified, at(4): ProofFailed}
	tests := []struct {
		name   string
		p      Proofs
		places []string
		want   Proof
	}{
		{"never verified", nil, []string{on(2)}, ""},
		{"no evidence is known", p, nil, ""},
		{"verified", p, []string{on(2), on(2)}, ProofVerified},
		{"one is not", p, []string{on(2), on(3)}, ProofUnverified},
		{"a day that was not looked at", p, []string{on(2), on(5)}, ProofUnverified},
		{"a place that is not known", p, []string{on(2), ""}, ProofUnverified},
		{"a name that says nothing", p, []string{"file:///logs/x.json#1"}, ProofUnverified},
		{"something was changed", p, []string{on(3), on(4), on(2)}, ProofFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.p.Of(tt.places); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
			if (tt.want == "") != (tt.want.Text() == "") {
				t.Errorf("%q says %q", tt.want, tt.want.Text())
			}
		})
	}
}
