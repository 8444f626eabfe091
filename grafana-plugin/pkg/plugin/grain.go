package plugin

import (
	"fmt"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/builder"
)

// grains are called so for people.
var grains = map[time.Duration]string{
	time.Second: "a second", time.Minute: "a minute", time.Hour: "an hour", day: "a day", builder.Month: "a month",
}

// wholeRows says of totals of which time they are, where rows stand for so much
// time that this is more than the range by a tenth; "" where it is not.
func wholeRows(t builder.Table, b builder.Builder, span backend.TimeRange, now time.Time) string {
	totals := b.Time == nil && (len(b.Metrics) > 0 || len(b.GroupBy) > 0)
	if !totals || t.Grain == 0 || t.EndColumn != "" {
		return ""
	}
	to := earlier(span.To, now)
	asked := to.Sub(span.From)
	first, last := rowOf(span.From, t.Grain), earlier(rowAfter(to, t.Grain), now)
	if asked <= 0 || last.Sub(first)-asked <= asked/10 {
		return ""
	}
	return fmt.Sprintf("Rows of %s stand for %s each, so these numbers are of the time from %s to %s.", t.Name, grains[t.Grain], moment(first), moment(last))
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// rowOf is when the row begins in whose time a moment lies.
func rowOf(at time.Time, grain time.Duration) time.Time {
	at = at.UTC()
	if grain == builder.Month {
		return time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
	}
	return at.Truncate(grain)
}

// rowAfter is when the last row of a range ends, whose end is no part of it.
func rowAfter(end time.Time, grain time.Duration) time.Time {
	begin := rowOf(end.Add(-time.Nanosecond), grain)
	if grain == builder.Month {
		return begin.AddDate(0, 1, 0)
	}
	return begin.Add(grain)
}
