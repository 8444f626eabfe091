package operate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/rows"
)

// Check says what is wrong with the request, as far as the detectors and the
// configuration tell.
func (o *Operator) Check(req DetectRequest) error {
	_, err := o.prepare(req)
	return err
}

// detection is a request that is ready to run.
type detection struct {
	detectors []*detectors.Detector
	params    map[string]map[string]string
	window    Span
	scheduled bool
}

func (o *Operator) prepare(req DetectRequest) (d detection, err error) {
	if d.detectors, err = o.choose(req.Detectors); err != nil {
		return d, err
	}
	if d.params, err = o.params(req.Params, d.detectors); err != nil {
		return d, err
	}
	if err := checkBounds(req.From, req.To, req.Last); err != nil {
		return d, err
	}
	now := o.now()
	d.window.Start, d.window.End = bounds(req.From, req.To, req.Last, now)
	if req.Last > 0 && d.window.End.IsZero() {
		d.window.End = now.UTC()
	}
	d.scheduled = d.window == Span{}
	if d.scheduled && o.cfg.Engine == "trino" {
		return d, Usagef("add --last 24h, or --from and --to", "on Trino it is not known what has changed since the last run: say which days to look at")
	}
	return d, nil
}

// choose picks the detectors to run.
func (o *Operator) choose(ids []string) ([]*detectors.Detector, error) {
	all := o.opts.Detectors
	if all == nil {
		var err error
		if all, err = detectors.Builtin(); err != nil {
			return nil, err
		}
	}
	known := detectorIDs(all)
	for _, id := range ids {
		if err := OneOf("--detector", id, known); err != nil {
			return nil, err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(o.cfg.Detectors)) {
		if !slices.Contains(known, id) {
			return nil, Usagef(Suggestion(id, known), "%s: detectors: unknown detector %q", o.cfg.Origin("detectors."+id), id)
		}
	}
	var list []*detectors.Detector
	for _, d := range all {
		if len(ids) == 0 && !o.cfg.Detectors[d.ID].Disabled || slices.Contains(ids, d.ID) {
			list = append(list, d)
		}
	}
	if len(list) == 0 {
		return nil, Usagef("remove disabled: true from one", "every detector is disabled by the configuration")
	}
	return list, nil
}

func detectorIDs(list []*detectors.Detector) []string {
	ids := make([]string, len(list))
	for i, d := range list {
		ids[i] = d.ID
	}
	return ids
}

// params are those of the configuration, and over them those asked for.
func (o *Operator) params(asked map[string]map[string]string, list []*detectors.Detector) (map[string]map[string]string, error) {
	ids := detectorIDs(list)
	params := map[string]map[string]string{}
	for id, d := range o.cfg.Detectors {
		if len(d.Params) > 0 && slices.Contains(ids, id) {
			params[id] = maps.Clone(d.Params)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(asked)) {
		if err := OneOf("--param", id, ids); err != nil {
			return nil, err
		}
		if params[id] == nil {
			params[id] = map[string]string{}
		}
		maps.Copy(params[id], asked[id])
	}
	return params, nil
}

// Detect runs detectors over the store. A detector that fails is in the result's
// Runs and Problem; the error is for what kept all from running. onDay, which
// may be nil, is told how many days of detectors have been looked at, of how
// many known so far, by several goroutines at once.
func (o *Operator) Detect(ctx context.Context, req DetectRequest, onDay func(done, all int64)) (DetectResult, error) {
	d, err := o.prepare(req)
	if err != nil {
		return DetectResult{}, err
	}
	var events Asker = o.store
	opts := detectors.RunOptions{Params: d.params, Scheduled: d.scheduled, Now: o.opts.Now, OnDay: onDay}
	if o.opts.Events != nil {
		events, opts.Engine = o.opts.Events, o.opts.Events
	}
	give, err := take(ctx, o.detecting, req.NoWait)
	if err != nil {
		return DetectResult{}, err
	}
	defer give()
	result := DetectResult{Detectors: detectorIDs(d.detectors)}
	if result.Events, err = Extent(ctx, events); err != nil {
		return result, err
	}
	if result.Window, err = d.window.Fill(result.Events, o.now()); err != nil {
		return result, err
	}
	opts.Window = detectors.Window{Start: result.Window.Start, End: result.Window.End}
	found, err := detectors.Run(ctx, o.store, d.detectors, opts)
	if ctx.Err() != nil {
		return result, ctx.Err()
	}
	if err != nil && len(found.Runs) == 0 {
		return result, err
	}
	result.Findings, result.Withdrawn, result.Problem = orEmpty(found.Findings), orEmpty(found.Withdrawn), ProblemOf(err)
	for _, run := range found.Runs {
		result.Runs = append(result.Runs, DetectorRun{
			DetectorRun: run, WindowStart: run.Window.Start, WindowEnd: run.Window.End, Took: Seconds(run.Duration),
		})
	}
	result.New, err = o.reported(ctx, found.Runs)
	return result, err
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// reported returns the ids of the findings that a run has made new.
func (o *Operator) reported(ctx context.Context, runs []detectors.DetectorRun) ([]string, error) {
	ids := []string{}
	if len(runs) == 0 {
		return ids, nil
	}
	// The range of time lets the store skip the history before this run.
	began := runs[0].StartedAt
	for _, run := range runs {
		began = time.Unix(0, min(began.UnixNano(), run.StartedAt.UnixNano()))
	}
	err := eachRow(ctx, o.store, `select cast(finding_id as varchar) as finding_id from finding_history
where run_id = cast(? as uuid) and to_status = 'new' and changed_at >= ?
order by changed_at, finding_id`, []any{runs[0].RunID, began.UTC().Truncate(time.Microsecond)}, func(r rows.Row) { ids = append(ids, r.Text(0)) })
	if err != nil {
		return nil, fmt.Errorf("read what is new among the findings: %w", err)
	}
	return ids, nil
}
