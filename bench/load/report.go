package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// The goals, in 95 of 100 queries; that for rollups is also one for each panel of
// the plugin's dashboards.
const (
	goalRollups = 300 * time.Millisecond
	goalRawDay  = 2 * time.Second
	goalAlone   = 60 * time.Millisecond
)

// aloneResults are latencies of single queries, with what the server used.
type aloneResults struct {
	results
	cpu map[string]time.Duration
}

// report is what a run has found.
type report struct {
	*settings
	loaded results
	alone  aloneResults
	// dashboards and dashboardsAlone are of the panels of the plugin's dashboards.
	dashboards, dashboardsAlone results
	before, after, put          int64
	lag                         lag
	cores, peakMB               float64
}

func (r *report) p95(k kind) time.Duration { return percentile(r.loaded.of(k), 0.95) }

func (r *report) pass() bool { return r.exact() && (r.judge == "exact" || r.quick()) }

// exact reports whether nothing failed or was lost, whatever the machine.
func (r *report) exact() bool {
	return len(r.errors()) == 0 && r.peakMB <= float64(r.memory) && r.after == r.before+r.put
}

func (r *report) errors() []error {
	return slices.Concat(r.loaded.errors, r.alone.errors, r.dashboards.errors, r.dashboardsAlone.errors)
}

// quick reports whether the goals for latency are met.
func (r *report) quick() bool {
	return r.p95(fromRollups) <= goalRollups && r.p95(fromRawDay) <= goalRawDay && percentile(r.alone.of(""), 0.95) <= goalAlone &&
		r.slowestPanel() <= goalRollups
}

// slowestPanel is the 95th percentile of the slowest panel of the dashboards.
func (r *report) slowestPanel() time.Duration {
	names := r.dashboards.slowest()
	if len(names) == 0 {
		return 0
	}
	return percentile(sorted(r.dashboards.times[names[0]]), 0.95)
}

func (r *report) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "panel\tkind\tqueries\tp50\tp95\tp99\tmost\talone p50\talone p95\tCPU alone\t")
	for _, p := range allPanels() {
		loaded, alone := sorted(r.loaded.times[p.name]), sorted(r.alone.times[p.name])
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", p.name, p.kind, len(loaded),
			ms(percentile(loaded, 0.5)), ms(percentile(loaded, 0.95)), ms(percentile(loaded, 0.99)), ms(percentile(loaded, 1)),
			ms(percentile(alone, 0.5)), ms(percentile(alone, 0.95)), ms(r.alone.cpu[p.name]))
	}
	w.Flush()
	r.printDashboards(out)
	for i, err := range r.errors() {
		if i == 10 {
			fmt.Fprintln(out, "…")
			break
		}
		fmt.Fprintln(out, "failed:", err)
	}
	verdict := "FAIL"
	switch {
	case r.exact() && r.quick():
		verdict = "PASS"
	case r.pass():
		verdict = "PASS, latency not judged"
	}
	lost := r.before + r.put - r.after
	fmt.Fprintf(out, "\n%d events before, %d put in %s and %d of them not stored once, at most %d behind, the last stored after %s; "+
		"%d queries, %d failed; p95 %s from rollups (goal %s), %s over a raw day (goal %s), %s alone (goal %s), %s the slowest panel of the dashboards (goal %s); "+
		"server %.2f cores, at most %.0f MB (limit %d): %s\n",
		r.before, r.put, r.duration, lost, r.lag.most, r.lag.drain.Round(100*time.Millisecond),
		r.loaded.asked+r.alone.asked, len(r.errors()),
		ms(r.p95(fromRollups)), ms(goalRollups), ms(r.p95(fromRawDay)), ms(goalRawDay), ms(percentile(r.alone.of(""), 0.95)), ms(goalAlone), ms(r.slowestPanel()), ms(goalRollups),
		r.cores, r.peakMB, r.memory, verdict)
}

// printDashboards lists the panels of the dashboards, the slowest first.
func (r *report) printDashboards(out io.Writer) {
	under := &r.dashboards
	if len(under.times) == 0 {
		under = &r.dashboardsAlone
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\npanel of the dashboards, %d days\tqueries\tp50\tp95\talone p50\talone most\t\n", dashboardDays)
	for _, name := range under.slowest() {
		loaded, alone := sorted(r.dashboards.times[name]), sorted(r.dashboardsAlone.times[name])
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t\n", name, len(loaded), ms(percentile(loaded, 0.5)), ms(percentile(loaded, 0.95)),
			ms(percentile(alone, 0.5)), ms(percentile(alone, 1)))
	}
	w.Flush()
}

func sorted(times []time.Duration) []time.Duration { return slices.Sorted(slices.Values(times)) }
