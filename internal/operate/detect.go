package operate

import (
	"time"

	"github.com/kmstrail/kmstrail/detectors"
)

// DetectRequest says which detectors to run, and over what.
type DetectRequest struct {
	// Detectors are ids; none means all that the configuration has not disabled.
	Detectors []string `json:"detectors,omitempty"`
	// Params are parameters by detector id and name, on top of those of the
	// configuration.
	Params map[string]map[string]string `json:"params,omitempty"`
	// From and To are the days to look at; Last counts back from To, or from now,
	// and excludes From. Without any of them detectors look at the days where
	// something has changed since they last did.
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	Last Seconds   `json:"last_seconds,omitempty"`

	// NoWait gives ErrBusy when detectors run already.
	NoWait bool `json:"no_wait,omitempty"`
}

// DetectResult says what there is after a run.
type DetectResult struct {
	// Window is what was asked for; open ends are those of the events.
	Window Span `json:"window"`
	// Events are the first and the last event there is; zero when there is none.
	Events Span `json:"events"`
	// Detectors are the ids of those that ran.
	Detectors []string `json:"detectors"`
	// Findings of these detectors on the days of the window, worst first: those
	// of earlier runs too, and without what is withdrawn.
	Findings []detectors.Finding `json:"findings"`
	// New are the ids of the findings that this run reported: for the first
	// time, or again after they were resolved or withdrawn.
	New []string `json:"new"`
	// Withdrawn are the findings that this run withdrew.
	Withdrawn []detectors.Finding `json:"withdrawn"`
	Runs      []DetectorRun       `json:"runs"`
	// Problem says which detectors failed; the others ran.
	Problem *Problem `json:"problem,omitempty"`
}

// Span is a range of time.
type Span struct {
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"`
}

// DetectorRun says how a detector fared.
type DetectorRun struct {
	detectors.DetectorRun

	WindowStart time.Time `json:"window_start"`
	WindowEnd   time.Time `json:"window_end"`
	Took        Seconds   `json:"duration_seconds"`
}

// Whole returns the run as package detectors has it.
func (r DetectorRun) Whole() detectors.DetectorRun {
	run := r.DetectorRun
	run.Window = detectors.Window{Start: r.WindowStart, End: r.WindowEnd}
	run.Duration = time.Duration(r.Took)
	return run
}
