package report

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/rows"
)

// Options says what a report is about.
type Options struct {
	// Title heads the report; "" for the usual one.
	Title string
	// Version is kmstrail's own, shown at the end; "" leaves it out.
	Version string
	// Window is what to report on; the zero value means everything stored.
	Window Window
	// Now is the time that the report says it was made at.
	Now time.Time
	// Detectors are the known ones, Findings what they found in the window.
	Detectors []*detectors.Detector
	Findings  []detectors.Finding
	// Runs says how the detectors fared just now; of those that are not in it
	// the store knows the last run.
	Runs []detectors.DetectorRun
}

// DefaultTitle heads a report unless Options say otherwise.
const DefaultTitle = "AWS KMS key usage report"

// Build reads the store and puts a report together. It asks a fixed number of
// aggregate queries, whatever the size of the store.
func Build(ctx context.Context, store Store, opts Options) (*Report, error) {
	r := &Report{
		FormatVersion: FormatVersion,
		Title:         cmp.Or(opts.Title, DefaultTitle),
		Version:       opts.Version,
		GeneratedAt:   opts.Now.UTC().Truncate(time.Second),
		Window:        Window{Start: opts.Window.Start.UTC(), End: opts.Window.End.UTC()},
	}
	b := builder{store: store, r: r, whole: opts.Window == Window{}}
	steps := []func(context.Context) error{
		b.stored, b.accountNames, b.calls, b.ledger, b.accounts, b.coverage,
		b.delays, b.failures, b.quarantine, b.rates,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	proofs, err := ReadProofs(ctx, store, r.Window.Start, r.Window.End)
	if err != nil {
		return nil, err
	}
	known, findings := fromDetectors(opts.Detectors), fromFindings(opts.Findings, proofs)
	r.Findings = groupFindings(known, findings, b.names)
	r.advise(opts.Detectors, opts.Findings)
	if err := b.runs(ctx, known, fromRuns(opts.Runs)); err != nil {
		return nil, err
	}
	if err := b.verdicts(ctx, known); err != nil {
		return nil, err
	}
	if err := b.keys(ctx); err != nil {
		return nil, err
	}
	r.Empty = emptyReason(r)
	r.complete(findings)
	return r, nil
}

// builder is the state of one Build.
type builder struct {
	store Store
	r     *Report
	whole bool // the window is everything stored
	names map[string]string
}

func (b *builder) each(ctx context.Context, q query, visit func(r rows.Row)) error {
	return each(ctx, b.store, q, visit)
}

// stored reads the extent of the store and, for an open window, sets it.
func (b *builder) stored(ctx context.Context) error {
	s := &b.r.Scope
	err := b.each(ctx, query{name: "the extent of the store", sql: `
		select (select count(*) from kms_events), min(first_event_time), max(last_event_time)
		from arrivals`},
		func(r rows.Row) {
			s.StoredRecords, s.StoredFirst, s.StoredLast = r.Number(0), momentOrNil(r, 1), momentOrNil(r, 2)
		})
	if err != nil || !b.whole || s.StoredFirst == nil {
		return err
	}
	const day = 24 * time.Hour
	b.r.Window = Window{Start: s.StoredFirst.Truncate(day), End: s.StoredLast.Truncate(day).Add(day)}
	return nil
}

func (b *builder) accountNames(ctx context.Context) error {
	b.names = map[string]string{}
	return b.each(ctx, query{name: "account names", sql: `
		select account_id, max(account_name)
		from accounts
		where account_name is not null
		group by account_id`},
		func(r rows.Row) { b.names[r.Text(0)] = r.Text(1) })
}

// emptyReason says why a report has no call.
func emptyReason(r *Report) EmptyReason {
	s := &r.Scope
	switch {
	case s.Calls > 0 || r.Findings.Total > 0:
		return NotEmpty
	case s.StoredRecords > 0:
		return NoneInWindow
	case s.LogFiles+s.FailedObjects > 0:
		return NoKMSRecords
	default:
		return NothingIngested
	}
}

// complete fills what follows from the rest: counts of findings per account,
// and lists that are empty rather than null.
func (r *Report) complete(findings []Finding) {
	perAccount := map[string]int64{}
	for _, f := range findings {
		if open(f.Status) {
			perAccount[f.AccountID]++
		}
	}
	for i := range r.Scope.Accounts {
		r.Scope.Accounts[i].Findings = perAccount[r.Scope.Accounts[i].ID]
	}
	r.Scope.Sources = notNil(r.Scope.Sources)
	r.Scope.Regions = notNil(r.Scope.Regions)
	r.Scope.Accounts = notNil(r.Scope.Accounts)
	c := &r.Coverage
	c.Days, c.Rows, c.Gaps, c.Delays = notNil(c.Days), notNil(c.Rows), notNil(c.Gaps), notNil(c.Delays)
	c.Failed, c.Quarantine = notNil(c.Failed), notNil(c.Quarantine)
	a := &r.Activity
	a.Days, a.Keys, a.Callers = notNil(a.Days), notNil(a.Keys), notNil(a.Callers)
	a.Services, a.Operations = notNil(a.Services), notNil(a.Operations)
	a.Rates, a.KeyStates = notNil(a.Rates), notNil(a.KeyStates)
	r.Detectors = notNil(r.Detectors)
	r.Verdicts.Detectors, r.Verdicts.Reasons = notNil(r.Verdicts.Detectors), notNil(r.Verdicts.Reasons)
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// dayNumber counts days since the window's start.
func (b *builder) dayNumber(t time.Time) int {
	const day = 24 * time.Hour
	return int(t.Truncate(day).Sub(b.r.Window.Start.Truncate(day)) / day)
}

// columns divides the window into at most maxColumns columns of whole days.
func (b *builder) columns() (days []string, perColumn int) {
	w := b.r.Window
	if !w.Start.Before(w.End) {
		return nil, 1
	}
	n := b.dayNumber(w.End.Add(-time.Microsecond)) + 1
	perColumn = (n + maxColumns - 1) / maxColumns
	if perColumn > 1 && perColumn < 7 {
		perColumn = 7
	}
	for i := 0; i < n; i += perColumn {
		days = append(days, day(w.Start.AddDate(0, 0, i)))
	}
	return days, perColumn
}

// sortCounts puts the largest first, equals by name.
func sortCounts(list []Count) {
	slices.SortFunc(list, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
}
