package plugin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// notices says what a panel of the range does not show because the store does
// not have it.
func (d *Datasource) notices(ctx context.Context, span backend.TimeRange) []data.Notice {
	status, err := d.status(ctx)
	if err != nil {
		return unknown(err)
	}
	out := d.freshness(status, span)
	if status.Events == 0 {
		return out
	}
	gaps, err := d.incomplete(ctx)
	if err != nil {
		return append(out, unknown(err)...)
	}
	return append(out, gapNotice(gaps, span)...)
}

// unknown says that nothing is known about the logs behind the rows, which are
// right all the same. Whoever asked may have gone.
func unknown(err error) []data.Notice {
	return []data.Notice{{Severity: data.NoticeSeverityWarning, Text: "It is not known how fresh and complete the logs are: " + problemOf(err).Error()}}
}

// freshness compares the range with the first and the last event.
func (d *Datasource) freshness(s Status, span backend.TimeRange) []data.Notice {
	if s.Events == 0 {
		return []data.Notice{{Severity: data.NoticeSeverityWarning, Text: "The store is empty: kmstrail has not read any KMS event yet."}}
	}
	var out []data.Notice
	end := span.To
	if now := d.now(); end.After(now) {
		end = now
	}
	if d.settings.Stale > 0 && end.Sub(s.EventsTo) > d.settings.Stale {
		text := "Events up to " + moment(s.EventsTo) + "; what came after is not in the store."
		if !s.Delivered.IsZero() {
			text += " The newest log file was delivered at " + moment(s.Delivered) + "."
		}
		out = append(out, data.Notice{Severity: data.NoticeSeverityWarning, Text: text})
	}
	if s.EventsFrom.Sub(span.From) > slack(span) {
		out = append(out, data.Notice{Severity: data.NoticeSeverityInfo, Text: "The range starts before the first event, of " + moment(s.EventsFrom) + "."})
	}
	return out
}

// slack is how much before the first event a range may begin without a word: an
// event need not come with the first second of the logs.
func slack(span backend.TimeRange) time.Duration {
	return max(time.Hour, span.Duration()/50)
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// namedGaps is how many gaps a notice names.
const namedGaps = 3

// gapNotice names the gaps in the range that took most days.
func gapNotice(gaps []gap, span backend.TimeRange) []data.Notice {
	var in []gap
	for _, g := range gaps {
		if g, ok := g.within(span); ok {
			in = append(in, g)
		}
	}
	if len(in) == 0 {
		return nil
	}
	slices.SortStableFunc(in, func(a, b gap) int { return int(b.days - a.days) })
	names := make([]string, 0, namedGaps)
	for _, g := range in[:min(namedGaps, len(in))] {
		names = append(names, g.String())
	}
	text := "The logs are not complete in this range: " + strings.Join(names, "; ")
	if more := len(in) - len(names); more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return []data.Notice{{Severity: data.NoticeSeverityWarning, Text: text + ". The named query coverage_gaps has them all."}}
}

const day = 24 * time.Hour

// within is the part of the gap that lies in the range.
func (g gap) within(span backend.TimeRange) (gap, bool) {
	from, to := span.From.UTC().Truncate(day), span.To.Add(-1).UTC().Truncate(day)
	if g.from.Before(from) {
		g.from = from
	}
	if g.to.After(to) {
		g.to = to
	}
	g.days = int64(g.to.Sub(g.from)/day) + 1
	return g, !g.to.Before(g.from)
}

func (g gap) String() string {
	who := g.account
	if g.name != "" {
		who = g.name + " (" + g.account + ")"
	}
	days := g.from.Format(time.DateOnly)
	if g.days > 1 {
		days += " to " + g.to.Format(time.DateOnly)
	}
	return who + " in " + g.region + ", " + days
}
