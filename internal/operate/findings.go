package operate

import (
	"context"

	"github.com/kmstrail/kmstrail/detectors"
)

// DecideRequest is a decision about findings.
type DecideRequest struct {
	// Findings are ids, or the first characters of ids.
	Findings []string `json:"findings"`
	// Status is new, in_progress, suppressed or resolved.
	Status string `json:"status"`
	// Note says why; it may be "". By is who decides.
	Note string `json:"note,omitempty"`
	By   string `json:"by,omitempty"`
}

// Decided says what became of a finding.
type Decided struct {
	FindingID  string `json:"finding_id"`
	DetectorID string `json:"detector_id"`
	Was        string `json:"was"`
	Is         string `json:"is"`
}

// Decide writes a decision. It looks all findings up before it changes the
// first. With an error the result has those that were changed.
func (o *Operator) Decide(ctx context.Context, req DecideRequest) ([]Decided, error) {
	panic("being written")
}

// FindFinding returns the finding whose id begins with text.
func FindFinding(ctx context.Context, store detectors.Reader, text string) (detectors.Finding, error) {
	panic("being written")
}
