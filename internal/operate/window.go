package operate

import (
	"context"
	"time"

	"github.com/kmstrail/kmstrail/internal/output"
	"github.com/kmstrail/kmstrail/internal/rows"
)

// Extent returns the times of the first and the last KMS event; zero when there
// is none.
func Extent(ctx context.Context, events Asker) (Span, error) {
	var s Span
	err := eachRow(ctx, events, "select min(event_time), max(event_time) from kms_events", nil, func(r rows.Row) {
		s.Start, s.End = r.Moment(0), r.Moment(1)
	})
	return s, err
}

// Fill gives a range of time the ends that it lacks: those of the events, or
// the last hour where there are none.
func (s Span) Fill(events Span, now time.Time) (Span, error) {
	if events.End.IsZero() {
		now = now.UTC().Truncate(time.Second)
		events = Span{Start: now.Add(-time.Hour), End: now}
	}
	if s.Start.IsZero() {
		s.Start = events.Start
	}
	if s.End.IsZero() {
		s.End = events.End.Truncate(time.Second).Add(time.Second)
	}
	if !s.Start.Before(s.End) {
		return s, Usagef("the store has KMS events from "+output.Time(events.Start)+" to "+output.Time(events.End),
			"there is nothing in the window: it starts at %s", output.Time(s.Start))
	}
	return s, nil
}

// Misses reports whether no event can be in s although there are some.
func (s Span) Misses(events Span) bool {
	return !events.End.IsZero() && (s.End.Before(events.Start) || s.Start.After(events.End))
}
