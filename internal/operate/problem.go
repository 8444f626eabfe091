package operate

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/ingest/s3source"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/duck"
)

// UsageError is a mistake in what was asked for.
type UsageError struct {
	Text string
	// Hint says what to do; "" when there is nothing to say.
	Hint string
}

func (e *UsageError) Error() string { return e.Text }

// Usagef returns a *UsageError.
func Usagef(hint, format string, args ...any) error {
	return &UsageError{Text: fmt.Sprintf(format, args...), Hint: hint}
}

// OneOf complains about a value that is not among those known.
func OneOf(what, value string, known []string) error {
	for _, k := range known {
		if k == value {
			return nil
		}
	}
	return Usagef(Suggestion(value, known), "%s: unknown %q", what, value)
}

// Suggestion is a hint about an unknown word.
func Suggestion(word string, known []string) string {
	if n := config.Nearest(word, known); n != "" {
		return "did you mean " + n + "?"
	}
	return "known are: " + strings.Join(known, ", ")
}

// The kinds of problems, for programs.
const (
	KindUsage       = "usage"       // what was asked for is wrong
	KindNotFound    = "not_found"   // what was asked for does not exist
	KindBusy        = "busy"        // the same is being done already
	KindInterrupted = "interrupted" // somebody cancelled it
	KindFailed      = "failed"      // anything else
)

// Problem is an error in JSON.
type Problem struct {
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
	// Advice says what to do about it, a line each.
	Advice []string `json:"advice,omitempty"`
}

// ProblemOf describes an error; nil when there is none. Errors of AWS are put
// in plain words.
func ProblemOf(err error) *Problem {
	if err == nil {
		return nil
	}
	if p, ok := errors.AsType[*ProblemError](err); ok {
		return &p.Problem
	}
	if usage, ok := errors.AsType[*UsageError](err); ok {
		p := &Problem{Kind: KindUsage, Detail: usage.Text}
		if usage.Hint != "" {
			p.Advice = []string{usage.Hint}
		}
		return p
	}
	p := &Problem{Kind: KindFailed, Detail: s3source.Explain(err).Error()}
	switch {
	case errors.Is(err, detectors.ErrNoFinding):
		p.Kind = KindNotFound
	case errors.Is(err, ErrBusy):
		p.Kind = KindBusy
	case errors.Is(err, context.Canceled):
		p.Kind = KindInterrupted
	}
	if d, ok := errors.AsType[*duck.Error](err); ok && d.Hint != "" && !strings.Contains(err.Error(), d.Hint) {
		p.Advice = append(p.Advice, d.Hint)
	}
	return p
}

// Err returns the error that p describes: a *UsageError, else a *ProblemError.
// nil gives nil.
func (p *Problem) Err() error {
	switch {
	case p == nil:
		return nil
	case p.Kind == KindUsage:
		return &UsageError{Text: p.Detail, Hint: strings.Join(p.Advice, "; ")}
	}
	return &ProblemError{Problem: *p}
}

// ProblemError is an error that happened elsewhere.
type ProblemError struct{ Problem Problem }

func (e *ProblemError) Error() string { return e.Problem.Detail }

// Is makes errors.Is know the errors that have a kind of their own.
func (e *ProblemError) Is(target error) bool {
	switch e.Problem.Kind {
	case KindNotFound:
		return target == detectors.ErrNoFinding
	case KindBusy:
		return target == ErrBusy
	case KindInterrupted:
		return target == context.Canceled
	}
	return false
}
