package detectors

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/uuid"

	"github.com/kmstrail/kmstrail/internal/sqlfile"
)

// Window is the half-open time range [Start, End) of events, UTC.
type Window = sqlfile.Window

// Engine runs the queries of detectors where the events are. It is used by
// several goroutines at once.
type Engine interface {
	// Run streams a result; the caller releases the reader.
	Run(ctx context.Context, st sqlfile.Statement) (array.RecordReader, error)
}

// Reader asks the database for findings and their history.
type Reader interface {
	// Query streams a result; the caller releases the reader.
	Query(ctx context.Context, sql string, args ...any) (array.RecordReader, error)
}

// Store is what detectors need of the database, which also keeps what they
// find. It is used by several goroutines at once.
type Store interface {
	Engine
	Reader
	// Change runs work in one transaction, while nobody else writes.
	Change(ctx context.Context, work func(read ReadFunc, replace ReplaceFunc) error) error
}

// RunOptions say what a run looks at.
type RunOptions struct {
	// Engine has the events and the configuration; nil when the store has them.
	// With one every day of the window is looked at.
	Engine Engine
	// Window is looked at, rounded outwards to whole UTC days.
	Window Window
	// Scheduled looks at every day, in the window or not, on which a detector
	// could find something else than its last run over that day, and at no
	// other. Window then only says which findings are returned.
	Scheduled bool
	// Params are parameters by detector id and name, as text.
	Params map[string]map[string]string
	// Now gives the time for the record of the run; findings do not depend on
	// it. It is called by several goroutines at once; nil means time.Now.
	Now func() time.Time
	// OnDay, if not nil, is told how many days of detectors have been looked at,
	// of how many known so far. It is called by several goroutines at once.
	OnDay func(done, all int64)
}

// RunResult is what is found after a run.
type RunResult struct {
	// Findings of these detectors on the days of the window, sorted: those of
	// earlier runs too, and without what is withdrawn.
	Findings []Finding
	// Withdrawn are the findings that this run withdrew.
	Withdrawn []Finding
	// Runs has an entry for each detector.
	Runs []DetectorRun
}

// DetectorRun says how a detector fared. The table detector_runs has a row for
// each of its days.
type DetectorRun struct {
	RunID           string        `json:"run_id"`
	DetectorID      string        `json:"detector_id"`
	DetectorVersion int           `json:"detector_version"`
	Window          Window        `json:"-"`
	Params          string        `json:"params"` // JSON object
	StartedAt       time.Time     `json:"started_at"`
	Duration        time.Duration `json:"-"`
	// Days is how many days were looked at.
	Days int `json:"days"`
	// FindingCount is how many findings of it are in the result.
	FindingCount int `json:"finding_count"`
	// Error is why it failed; "" when it succeeded.
	Error string `json:"error,omitempty"`
}

// Run runs detectors day by day, several at once, and writes what they find. A
// detector that fails is in the record of the run and in the error; the others
// run nevertheless. Parameters for unknown detectors are an error before
// anything runs.
func Run(ctx context.Context, s Store, list []*Detector, opts RunOptions) (RunResult, error) {
	if err := opts.Window.Validate(); err != nil {
		return RunResult{}, fmt.Errorf("run detectors: %w", err)
	}
	if err := checkParams(list, opts); err != nil {
		return RunResult{}, fmt.Errorf("run detectors: %w", err)
	}
	opts.Window = wholeDays(opts.Window)
	plan, err := readPlan(ctx, s, &opts)
	if err != nil {
		return RunResult{}, fmt.Errorf("run detectors: %w", err)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	r := runner{store: s, opts: opts, plan: plan, runID: uuid.New(), slots: make(chan struct{}, min(4, runtime.GOMAXPROCS(0)))}
	runs := make([]detectorRun, len(list))
	var wg sync.WaitGroup
	for i, d := range list {
		runs[i] = detectorRun{runner: &r, d: d}
		wg.Go(func() { runs[i].run(ctx) })
	}
	wg.Wait()
	return r.result(ctx, runs)
}

// checkParams binds every detector, so that a misspelt parameter is found
// before the first one runs.
func checkParams(list []*Detector, opts RunOptions) error {
	ids := make([]string, 0, len(list))
	for _, d := range list {
		ids = append(ids, d.ID)
		if _, err := d.Bind(opts.Params[d.ID], opts.Window); err != nil {
			return err
		}
	}
	known, err := Builtin()
	if err != nil {
		return err
	}
	for _, d := range known {
		ids = append(ids, d.ID)
	}
	for id := range opts.Params {
		if !slices.Contains(ids, id) {
			text := fmt.Sprintf("there are parameters for the unknown detector %q", id)
			if near := sqlfile.Nearest(id, ids); near != "" {
				text += fmt.Sprintf("; did you mean %q?", near)
			}
			return errors.New(text)
		}
	}
	return nil
}

// runner is what the detectors of a run share.
type runner struct {
	store Store
	opts  RunOptions
	plan  *plan
	runID uuid.UUID
	// slots bounds the queries at work.
	slots chan struct{}
	// done and all count days of detectors.
	done, all atomic.Int64
}

// detectorRun is the run of one detector.
type detectorRun struct {
	*runner
	d       *Detector
	params  string
	inputs  inputs
	started time.Time
	took    time.Duration
	days    []dayRun
	// withdrawn are findings of earlier runs that have no window any more.
	withdrawn []Finding
	err       error
}

// dayRun is what a detector found on one day.
type dayRun struct {
	day      day
	findings []Finding
	started  time.Time
	took     time.Duration
	err      error
}

func (r *detectorRun) run(ctx context.Context) {
	r.started = r.opts.Now().UTC()
	err := r.choose(ctx)
	if err == nil {
		r.findAll(ctx)
		if err = ctx.Err(); err == nil && len(r.days) > 0 {
			err = errors.Join(r.failure(), r.write(ctx))
		}
	}
	r.took = r.opts.Now().Sub(r.started)
	if err != nil {
		r.err = fmt.Errorf("run detector %s: %w", r.d.ID, err)
	}
}

// choose decides which days to look at.
func (r *detectorRun) choose(ctx context.Context) error {
	given := r.opts.Params[r.d.ID]
	var err error
	if r.params, err = r.d.paramsInForce(given); err != nil {
		return err
	}
	if r.inputs, err = r.d.inputs(ctx, r.opts.Engine, r.params); err != nil {
		return err
	}
	reach, err := r.d.reach(given)
	if err != nil {
		return err
	}
	days := r.plan.inRange(r.d.ID, r.opts.Window)
	if r.opts.Scheduled {
		days = r.plan.dirty(r.d.ID, r.inputs, reach)
	}
	for _, d := range days {
		r.days = append(r.days, dayRun{day: d})
	}
	r.all.Add(int64(len(days)))
	return nil
}

// findAll looks at the days, as many at a time as there are slots.
func (r *detectorRun) findAll(ctx context.Context) {
	var wg sync.WaitGroup
	for i := range r.days {
		r.slots <- struct{}{}
		if ctx.Err() != nil {
			<-r.slots
			break
		}
		wg.Go(func() {
			defer func() { <-r.slots }()
			r.find(ctx, &r.days[i])
		})
	}
	wg.Wait()
}

func (r *detectorRun) find(ctx context.Context, d *dayRun) {
	d.started = r.opts.Now().UTC()
	d.findings, d.err = r.d.Find(ctx, r.opts.Engine, r.opts.Params[r.d.ID], d.day.window())
	if d.err == nil {
		d.err = addLogFiles(ctx, r.opts.Engine, d.day.window(), d.findings)
	}
	d.took = r.opts.Now().Sub(d.started)
	if done := r.done.Add(1); r.opts.OnDay != nil {
		r.opts.OnDay(done, r.all.Load())
	}
}

// failure tells of the first day that failed, and how many others did: they
// mostly fail for one reason.
func (r *detectorRun) failure() error {
	var first *dayRun
	more := 0
	for i := range r.days {
		switch {
		case r.days[i].err == nil:
		case first == nil:
			first = &r.days[i]
		default:
			more++
		}
	}
	if first == nil {
		return nil
	}
	err := fmt.Errorf("%w (on %s)", first.err, first.day.start().Format(time.DateOnly))
	if more > 0 {
		err = fmt.Errorf("%w (and on %d other days)", err, more)
	}
	return err
}

// addLogFiles looks up where the records of the evidence lie.
func addLogFiles(ctx context.Context, e Engine, w Window, findings []Finding) error {
	var ids []any
	for i := range findings {
		for _, id := range findings[i].EventIDs {
			ids = append(ids, id)
		}
	}
	places := make(map[string]string, len(ids))
	for chunk := range slices.Chunk(ids, 1000) {
		err := runRows(ctx, e, placesOf(chunk, w), func(row map[string]any) error {
			places[text(row["event_id"])] = text(row["place"])
			return nil
		})
		if err != nil {
			return fmt.Errorf("look up log files: %w", err)
		}
	}
	for i := range findings {
		f := &findings[i]
		f.LogFiles = make([]string, len(f.EventIDs))
		for j, id := range f.EventIDs {
			f.LogFiles[j] = places[strings.ToLower(id)]
		}
	}
	return nil
}

// placesOf asks where the records of events lie.
func placesOf(ids []any, w Window) sqlfile.Statement {
	// Literal times let DuckDB skip what was written at other times.
	const layout = "2006-01-02 15:04:05"
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(ids)), ", ")
	part := func(table string) string {
		return `select event_id, log_file_id, record_index
	from ` + table + `
	where event_time >= timestamp '` + w.Start.UTC().Format(layout) + `'
	and event_time < timestamp '` + w.End.UTC().Format(layout) + `'
	and event_id in (` + marks + `)`
	}
	sql := `select cast(records.event_id as varchar) as event_id,
	log_files.source || '/' || log_files.object_key || '#' || cast(records.record_index as varchar) as place
from (` + part("kms_events") + " union all " + part("related_events") + `) as records
join log_files on log_files.log_file_id = records.log_file_id`
	return sqlfile.Statement{SQL: sql, Args: slices.Concat(ids, ids), Events: w}
}

// result reads back what is found now.
func (r *runner) result(ctx context.Context, runs []detectorRun) (RunResult, error) {
	var out RunResult
	var errs []error
	counts := map[string]int{}
	ids := make([]string, len(runs))
	for i := range runs {
		ids[i] = runs[i].d.ID
		errs = append(errs, runs[i].err)
		out.Withdrawn = append(out.Withdrawn, runs[i].withdrawn...)
	}
	if ctx.Err() == nil {
		found, err := readFindings(ctx, r.store, titles(runs), findingFilter(ids, r.opts.Window), []any{ids})
		errs = append(errs, err)
		out.Findings = found
	}
	for _, f := range out.Findings {
		counts[f.DetectorID]++
	}
	for i := range runs {
		out.Runs = append(out.Runs, runs[i].record(counts[runs[i].d.ID]))
	}
	Sort(out.Withdrawn)
	return out, errors.Join(errs...)
}

func (r *detectorRun) record(findings int) DetectorRun {
	run := DetectorRun{
		RunID: r.runID.String(), DetectorID: r.d.ID, DetectorVersion: r.d.Version, Window: r.opts.Window,
		Params: r.params, StartedAt: r.started, Duration: r.took, Days: len(r.days), FindingCount: findings,
	}
	if r.err != nil {
		run.Error = r.err.Error()
	}
	return run
}
