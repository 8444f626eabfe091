package httpapi

import (
	"context"
	"fmt"
	"time"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/rows"
)

// factsAge is for how long facts are kept.
const factsAge = 5 * time.Second

// facts are what the status page and the metrics say of a store. Reading them
// costs about the same however many events there are: sums are read, and the
// newest of what is many.
type facts struct {
	At     time.Time
	Bytes  int64
	Events int64
	// NewestFile is when the newest log file was delivered, NewestEvent when the
	// newest event happened, LastIngest when anything was stored.
	NewestFile, NewestEvent, LastIngest    time.Time
	LogFiles, FailedFiles, QuarantineFiles int64
	Commits                                int64
	Quarantined                            map[string]int64
	OpenBySeverity                         map[string]int64
	// Newest are open findings, those reported last first.
	Newest []openFinding
	Runs   []lastRun
	// LastRun is when a detector ran last, however long ago; zero for never.
	LastRun   time.Time
	DirtyDays int64
}

// openFinding is a finding as a line.
type openFinding struct {
	ID, Detector, Title, Severity, Status, Account, AccountName, Region, Summary string
	Created, LastSeen                                                            time.Time
}

// lastRun is the last run of a detector.
type lastRun struct {
	Detector, Title, Error string
	Started                time.Time
	Took                   time.Duration
	Days, Findings, Open   int64
}

// newestFindings is how many findings the page names.
const newestFindings = 12

// recentRuns is how far back the last run of a detector is looked for: a row is
// written for every day of every run.
const recentRuns = 8 * 24 * time.Hour

func (h *Handler) readFacts(ctx context.Context) (*facts, error) {
	f, err := readFacts(ctx, h.opts.Store, h.opts.Now())
	if err == nil {
		f.titled(h.opts.Detectors)
	}
	return f, err
}

func readFacts(ctx context.Context, store Store, now time.Time) (*facts, error) {
	f := &facts{At: now, Quarantined: map[string]int64{}, OpenBySeverity: map[string]int64{}}
	var err error
	if f.Bytes, err = store.Size(ctx); err != nil {
		return nil, fmt.Errorf("read facts about the store: %w", err)
	}
	if f.Commits, err = store.LastCommit(ctx); err != nil {
		return nil, fmt.Errorf("read facts about the store: %w", err)
	}
	for _, part := range []func(context.Context, Store) error{f.events, f.files, f.quarantine, f.findings, f.runs, f.dirty} {
		if err := part(ctx, store); err != nil {
			return nil, fmt.Errorf("read facts about the store: %w", err)
		}
	}
	return f, nil
}

// each calls visit with every row of a result.
func each(ctx context.Context, store Store, sql string, args []any, visit func(r rows.Row)) error {
	reader, err := store.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	return rows.Scan(reader, visit)
}

func (f *facts) events(ctx context.Context, store Store) error {
	return each(ctx, store, "select (select count(*) from kms_events), max(last_event_time) from arrivals", nil, func(r rows.Row) {
		f.Events, f.NewestEvent = r.Number(0), r.Moment(1)
	})
}

func (f *facts) files(ctx context.Context, store Store) error {
	return each(ctx, store, `select count(case when status = 'ingested' then 1 end), count(case when status = 'failed' then 1 end),
		count(case when status = 'quarantined' then 1 end), max(delivered_at), max(ingested_at) from log_files`, nil, func(r rows.Row) {
		f.LogFiles, f.FailedFiles, f.QuarantineFiles = r.Number(0), r.Number(1), r.Number(2)
		f.NewestFile, f.LastIngest = r.Moment(3), r.Moment(4)
	})
}

func (f *facts) quarantine(ctx context.Context, store Store) error {
	return each(ctx, store, "select reason, count(*) from quarantine group by reason", nil, func(r rows.Row) {
		f.Quarantined[r.Text(0)] = r.Number(1)
	})
}

func (f *facts) findings(ctx context.Context, store Store) error {
	err := each(ctx, store, "select severity, count(*) from findings where status in ('new', 'in_progress') group by severity", nil, func(r rows.Row) {
		f.OpenBySeverity[r.Text(0)] = r.Number(1)
	})
	if err != nil {
		return err
	}
	return each(ctx, store, `
		select cast(f.finding_id as varchar), f.detector_id, f.severity, f.status, f.account_id, a.account_name, f.region, f.summary, f.created_at, f.last_seen
		from findings f left join accounts a on a.account_id = f.account_id
		where f.status in ('new', 'in_progress')
		order by date_trunc('minute', f.created_at) desc,
			case f.severity when 'critical' then 0 when 'high' then 1 when 'medium' then 2 when 'low' then 3 else 4 end,
			f.last_seen desc, f.finding_id
		limit ?`, []any{int64(newestFindings)}, func(r rows.Row) {
		f.Newest = append(f.Newest, openFinding{
			ID: r.Text(0), Detector: r.Text(1), Severity: r.Text(2), Status: r.Text(3), Account: r.Text(4), AccountName: r.Text(5), Region: r.Text(6),
			Summary: r.Text(7), Created: r.Moment(8), LastSeen: r.Moment(9),
		})
	})
}

// runs reads the last run of each detector that looked at something lately.
func (f *facts) runs(ctx context.Context, store Store) error {
	open := map[string]int64{}
	err := each(ctx, store, "select detector_id, count(*) from findings where status in ('new', 'in_progress') group by detector_id", nil, func(r rows.Row) {
		open[r.Text(0)] = r.Number(1)
	})
	if err != nil {
		return err
	}
	err = each(ctx, store, "select max(started_at) from detector_runs", nil, func(r rows.Row) { f.LastRun = r.Moment(0) })
	if err != nil {
		return err
	}
	return each(ctx, store, `
		with recent as (
			select detector_id, run_id, started_at, duration_ms, finding_count, error
			from detector_runs where started_at >= ?),
		last as (select detector_id, arg_max(run_id, started_at) as run_id from recent group by detector_id)
		select r.detector_id, min(r.started_at), cast(sum(r.duration_ms) as bigint), count(*), cast(sum(r.finding_count) as bigint), max(r.error)
		from recent r join last l on l.detector_id = r.detector_id and l.run_id = r.run_id
		group by r.detector_id order by r.detector_id`, []any{f.At.Add(-recentRuns).UTC()}, func(r rows.Row) {
		f.Runs = append(f.Runs, lastRun{
			Detector: r.Text(0), Started: r.Moment(1), Took: time.Duration(r.Number(2)) * time.Millisecond,
			Days: r.Number(3), Findings: r.Number(4), Open: open[r.Text(0)], Error: r.Text(5),
		})
	})
}

// dirty counts days that changed after the detectors' last look at anything.
// kmstrail status counts by detector and day, which costs more.
func (f *facts) dirty(ctx context.Context, store Store) error {
	return each(ctx, store, `
		select count(distinct cast(hour as date)) from changed_cells
		where commit_id > (select coalesce(max(commit_id), 0) from detector_runs where error is null)`, nil, func(r rows.Row) {
		f.DirtyDays = r.Number(0)
	})
}

// titled puts the titles of detectors beside their ids.
func (f *facts) titled(known []*detectors.Detector) {
	titles := map[string]string{}
	for _, d := range known {
		titles[d.ID] = d.Title
	}
	for i := range f.Newest {
		f.Newest[i].Title = titles[f.Newest[i].Detector]
	}
	for i := range f.Runs {
		f.Runs[i].Title = titles[f.Runs[i].Detector]
	}
}
