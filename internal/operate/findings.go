package operate

import (
	"context"
	"fmt"
	"regexp"
	"strings"

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

// decisions are the states that a person can give a finding.
var decisions = []string{"new", "in_progress", "suppressed", "resolved"}

// Decide writes a decision. It looks all findings up before it changes the
// first. With an error the result has those that were changed.
func (o *Operator) Decide(ctx context.Context, req DecideRequest) ([]Decided, error) {
	if len(req.Findings) == 0 {
		return nil, Usagef("name at least one", "no finding is named")
	}
	if req.By == "" {
		return nil, Usagef("name who decides", "who decides this is not known")
	}
	if err := OneOf("status", req.Status, decisions); err != nil {
		return nil, err
	}
	found := make([]detectors.Finding, len(req.Findings))
	for i, id := range req.Findings {
		var err error
		if found[i], err = FindFinding(ctx, o.store, id); err != nil {
			return nil, err
		}
	}
	done := []Decided{}
	for _, f := range found {
		now, err := detectors.Decide(ctx, o.store, f.FindingID, detectors.Decision{Status: req.Status, Note: req.Note, By: req.By, At: o.now()})
		if err != nil {
			return done, err
		}
		done = append(done, Decided{FindingID: f.FindingID, DetectorID: f.DetectorID, Was: f.Status, Is: now.Status})
	}
	return done, nil
}

var idPattern = regexp.MustCompile(`^[0-9a-f][0-9a-f-]{3,35}$`)

// FindFinding returns the finding whose id begins with text.
func FindFinding(ctx context.Context, store detectors.Reader, text string) (detectors.Finding, error) {
	text = strings.ToLower(text)
	if !idPattern.MatchString(text) {
		return detectors.Finding{}, Usagef("kmstrail findings list prints the ids; four characters of one may be enough", "%q is not the id of a finding", text)
	}
	all, err := detectors.ReadFindings(ctx, store, detectors.FindingFilter{})
	if err != nil {
		return detectors.Finding{}, err
	}
	var found []detectors.Finding
	for _, f := range all {
		if strings.HasPrefix(f.FindingID, text) {
			found = append(found, f)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return detectors.Finding{}, fmt.Errorf("find finding %s: %w; kmstrail findings list --status all prints those there are", text, detectors.ErrNoFinding)
	}
	return detectors.Finding{}, Usagef("give more of it", "%d findings have an id that begins with %s", len(found), text)
}
