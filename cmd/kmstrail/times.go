package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/operate"
)

// timeFlags are --from, --to and --last.
type timeFlags struct{ from, to, last string }

const timeHelp = `
Times are RFC 3339 (2026-11-01T08:00:00Z), a date (2026-11-01, midnight UTC) or
a date and time in UTC (2026-11-01T08:00). --to is exclusive. --last counts
back from --to, or from now: 90m, 12h, 7d, 2w.`

func (f *timeFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.from, "from", "", "events at or after `TIME`")
	cmd.Flags().StringVar(&f.to, "to", "", "events before `TIME`")
	cmd.Flags().StringVar(&f.last, "last", "", "events of the last `SPAN`, such as 7d or 12h")
}

// window returns the times asked for; a zero time is an open end.
func (f *timeFlags) window(now time.Time) (from, to time.Time, err error) {
	if f.from != "" && f.last != "" {
		return from, to, usagef("give one of them", "--from and --last exclude each other")
	}
	if from, err = parseTime("--from", f.from, now); err != nil {
		return from, to, err
	}
	if to, err = parseTime("--to", f.to, now); err != nil {
		return from, to, err
	}
	if f.last != "" {
		span, err := config.ParseDuration(f.last)
		if err != nil {
			return from, to, usagef("write 90m, 12h, 7d or 2w", "--last: %v", err)
		}
		end := to
		if end.IsZero() {
			end = now.UTC()
		}
		from = end.Add(-span)
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return from, to, usagef("--from is the earlier, --to the later time", "the time range is empty: it starts at %s and ends at %s",
			from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	return from, to, nil
}

// span is window for what looks at events: --last ends now.
func (f *timeFlags) span(now time.Time) (operate.Span, error) {
	from, to, err := f.window(now)
	if f.last != "" && to.IsZero() {
		to = now.UTC()
	}
	return operate.Span{Start: from, End: to}, err
}

var timeLayouts = []string{
	time.RFC3339Nano, time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateTime,
}

func parseTime(flag, s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if s == "now" {
		return now.UTC(), nil
	}
	for _, layout := range timeLayouts {
		t, err := time.Parse(layout, strings.ToUpper(s))
		if err == nil && t.Year() > 0 {
			return t.UTC(), nil
		}
	}
	hint := "write 2026-11-01, 2026-11-01T08:00 or 2026-11-01T08:00:00Z"
	if _, err := config.ParseDuration(strings.TrimPrefix(s, "-")); err == nil {
		hint = "for a span of time use --last " + strings.TrimPrefix(s, "-")
	}
	return time.Time{}, usagef(hint, "%s: %q is not a time", flag, s)
}
