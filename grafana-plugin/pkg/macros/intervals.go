package macros

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// longest is the longest interval, to keep sums of times within what a
// duration holds.
const longest = 100 * 365 * day

// units are the units of intervals that always have the same length.
var units = map[string]time.Duration{
	"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": day, "w": 7 * day,
}

var interval = regexp.MustCompile(`^(\d+)\s*([A-Za-z]+)$`)

// ParseInterval reads the width of a time group: a whole number and one of ms, s,
// m, h, d and w. Months and years are refused, since they have no fixed length.
func ParseInterval(s string) (time.Duration, error) {
	m := interval.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%q is no interval: write a whole number and a unit, such as 5m, 1h or 1d, or auto", s)
	}
	unit, ok := units[m[2]]
	if !ok {
		switch strings.ToLower(strings.TrimSuffix(m[2], "s")) {
		case "m", "mo", "mon", "month", "y", "year", "q", "quarter":
			return 0, fmt.Errorf("%q has no fixed length: group by date_trunc('month', …) or date_trunc('year', …) instead, or read usage_monthly", s)
		}
		return 0, fmt.Errorf("%q is no unit: write ms, s, m, h, d or w", m[2])
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	switch {
	case err != nil || n > int64(longest/unit):
		return 0, fmt.Errorf("the interval %q is too long", s)
	case n == 0:
		return 0, errors.New("an interval must be longer than 0")
	}
	return time.Duration(n) * unit, nil
}

// steps are the widths that auto chooses from. From an hour on, each is a
// multiple of an hour, and from a day on of a day.
var steps = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	day, 2 * day, 7 * day, 14 * day, 28 * day,
}

// auto returns the width that suits the panel and is a multiple of a grain, the
// time that a row stands for.
func (e *Env) auto(grain time.Duration) time.Duration {
	want := max(e.interval(), grain)
	for _, step := range steps {
		if step >= want && (grain <= 0 || step%grain == 0) {
			return step
		}
	}
	unit := max(grain, day)
	if rest := want % unit; rest > 0 {
		want += unit - rest
	}
	return want
}

// defaultPoints is how many points a panel has that does not say.
const defaultPoints = 1000

// interval returns the width of a point in whole milliseconds. One that has to
// be made up is at least a second, the finest that CloudTrail has.
func (e *Env) interval() time.Duration {
	if e.Interval > 0 {
		return min(max((e.Interval+time.Millisecond-1).Truncate(time.Millisecond), time.Millisecond), longest)
	}
	points := e.MaxDataPoints
	if points <= 0 {
		points = defaultPoints
	}
	return min(max((e.To.Sub(e.From)/time.Duration(points)).Truncate(time.Millisecond), time.Second), longest)
}

// window returns the range in whole microseconds, the resolution of times in
// the store.
func (e *Env) window() (from, to time.Time, err error) {
	from, to = ceilMicrosecond(e.From.UTC()), ceilMicrosecond(e.To.UTC())
	switch {
	case to.Before(from):
		return from, to, fmt.Errorf("the range of the panel ends before it begins: %s to %s",
			from.Format(time.RFC3339), to.Format(time.RFC3339))
	case from.Year() < 1 || to.Year() > 9999:
		return from, to, errors.New("the range of the panel is not within the years 1 to 9999")
	}
	return from, to, nil
}

func ceilMicrosecond(t time.Time) time.Time {
	if rest := t.Nanosecond() % 1000; rest > 0 {
		return t.Add(time.Duration(1000 - rest))
	}
	return t
}

// origin is where time_bucket begins to count, a Monday.
var origin = time.Date(2000, 1, 3, 0, 0, 0, 0, time.UTC)

// floor returns the beginning of the time group of a width that a moment lies
// in, as time_bucket does.
func floor(t time.Time, width time.Duration) time.Time {
	// In seconds, since a duration holds 292 years only.
	seconds, step := t.Unix()-origin.Unix(), int64(width/time.Second)
	if step == 0 || width%time.Second != 0 {
		return t
	}
	behind := ((seconds % step) + step) % step
	return time.Unix(t.Unix()-behind, 0).UTC()
}
