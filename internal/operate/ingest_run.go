package operate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/s3source"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/rows"
)

// Ingest reads log files into the store. With an error the result says what was
// stored before. onProgress, which may be nil, is called often, from one
// goroutine at a time; what it gets is its own.
func (o *Operator) Ingest(ctx context.Context, req IngestRequest, onProgress func(IngestProgress)) (IngestResult, error) {
	cfg := req.applyTo(o.cfg)
	if err := req.Check(); err != nil {
		return IngestResult{}, err
	}
	if err := CheckSource(cfg.Ingest.Source); err != nil && o.opts.OpenSource == nil {
		return IngestResult{}, err
	}
	give, err := take(ctx, o.ingesting, req.NoWait)
	if err != nil {
		return IngestResult{}, err
	}
	defer give()
	source, done, err := o.openSource(ctx, cfg)
	if err != nil {
		return IngestResult{}, err
	}
	defer done()
	from, to := bounds(req.From, req.To, req.Last, o.opts.Now())
	r := ingestRun{Operator: o, result: IngestResult{Source: cfg.Ingest.Source}, cfg: cfg, req: req, onProgress: onProgress, asked: source.Requests(), opts: ingest.Options{
		Source: source, Sink: o.store,
		Selection: ingest.Selection{
			OrganizationID: cfg.Ingest.OrganizationID, Accounts: cfg.Ingest.Accounts, Regions: cfg.Ingest.Regions,
			From: from, To: to, DeliveredFrom: req.DeliveredFrom, DeliveredTo: req.DeliveredTo, Except: req.Except,
		},
		Concurrency: cfg.Ingest.Concurrency, Reconcile: req.Reconcile, LeaveFailed: req.LeaveFailed, Seen: &o.seen,
		SelfPrincipals: cfg.SelfPrincipals, RedactContext: ContextPatterns(cfg), Logger: o.opts.Details,
	}}
	err = r.run(ctx)
	return r.result, err
}

// applyTo returns the configuration with what the request asks for.
func (r *IngestRequest) applyTo(cfg config.Config) config.Config {
	if r.Source != "" {
		cfg.Ingest.Source = r.Source
	}
	if r.OrganizationID != "" {
		cfg.Ingest.OrganizationID = r.OrganizationID
	}
	if len(r.Accounts) > 0 {
		cfg.Ingest.Accounts = r.Accounts
	}
	if len(r.Regions) > 0 {
		cfg.Ingest.Regions = r.Regions
	}
	if r.Concurrency > 0 {
		cfg.Ingest.Concurrency = r.Concurrency
	}
	cfg.Ingest.RequesterPays = cfg.Ingest.RequesterPays || r.RequesterPays
	return cfg
}

// Check says what is wrong with the request. A command line is checked before;
// a request over the network may hold anything.
func (r *IngestRequest) Check() error {
	for _, id := range r.Accounts {
		if !ingest.IsAccountID(id) {
			return Usagef("an account id is twelve digits", "%q is not an account id", id)
		}
	}
	for _, name := range r.Regions {
		if !ingest.IsRegion(name) {
			return Usagef("a Region is called eu-west-1 or the like", "%q is not a Region", name)
		}
	}
	if r.OrganizationID != "" && !ingest.IsOrganizationID(r.OrganizationID) {
		return Usagef("an organisation id looks like o-exampleorgid", "%q is not an organisation id", r.OrganizationID)
	}
	if r.Concurrency < 0 || r.Concurrency > ingest.MaxConcurrency {
		return Usagef(fmt.Sprintf("at most %d objects are read at once", ingest.MaxConcurrency), "the concurrency %d is out of range", r.Concurrency)
	}
	return checkBounds(r.From, r.To, r.Last)
}

// checkBounds says what is wrong with a range of time.
func checkBounds(from, to time.Time, last Seconds) error {
	switch {
	case last < 0:
		return Usagef("a span is at least a second", "the span of time is negative")
	case last > 0 && !from.IsZero():
		return Usagef("give one of them", "a start and a span of time exclude each other")
	case !from.IsZero() && !to.IsZero() && !from.Before(to):
		return Usagef("the start is the earlier, the end the later time", "the time range is empty: it starts at %s and ends at %s",
			from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	return nil
}

// bounds returns the range of time that is asked for; a zero time is an open end.
func bounds(from, to time.Time, last Seconds, now time.Time) (start, end time.Time) {
	if last == 0 {
		return from, to
	}
	until := to
	if until.IsZero() {
		until = now.UTC()
	}
	return until.Add(-time.Duration(last)), to
}

// openSource opens the source of cfg; the caller calls done in the end.
func (o *Operator) openSource(ctx context.Context, cfg config.Config) (source ingest.Source, done func(), err error) {
	if o.opts.OpenSource != nil {
		source, err = o.opts.OpenSource(ctx, cfg)
		return source, func() {}, err
	}
	source, err = OpenSource(ctx, cfg, cfg.Ingest.Source, o.opts.Log)
	done = func() {
		if c, ok := source.(io.Closer); ok {
			_ = c.Close() // it was only read
		}
	}
	return source, done, err
}

// ingestRun is one ingest.
type ingestRun struct {
	*Operator
	cfg        config.Config
	req        IngestRequest
	onProgress func(IngestProgress)
	// asked are the requests that the source had made before.
	asked  ingest.Requests
	opts   ingest.Options
	result IngestResult
}

func (r *ingestRun) run(ctx context.Context) error {
	if err := r.chooseStart(ctx); err != nil {
		return err
	}
	if first := r.result.Start != nil && r.result.Start.First; r.req.DryRun || first {
		if err := r.plan(ctx); err != nil || r.req.DryRun || r.result.Plan.ObjectsToRead == 0 {
			return err
		}
	}
	summary, err := r.read(ctx)
	if partial, ok := errors.AsType[*ingest.PartialListError](err); ok {
		r.result.Unlisted, r.result.Partial, err = explainAll(partial.Errs), partial, nil
	}
	if err == nil {
		err = ctx.Err() // after the last file
	}
	if err != nil || summary.ObjectsDone == 0 || r.req.NoMaintain {
		return err
	}
	done, err := r.Maintain(ctx, MaintainRequest{})
	r.result.Maintained = &done
	return err
}

// explainAll puts errors in plain words.
func explainAll(errs []error) []string {
	var out []string
	for _, err := range errs {
		out = append(out, s3source.Explain(err).Error())
	}
	return out
}

// chooseStart bounds a run on a bucket that names no start.
func (r *ingestRun) chooseStart(ctx context.Context) error {
	source, sel := r.opts.Source.Name(), &r.opts.Selection
	if !IsBucket(source) || !sel.DeliveredFrom.IsZero() {
		return nil
	}
	var files int64
	var earliest time.Time
	err := eachRow(ctx, r.store, "select count(*), min(delivered_at) from log_files where source = ?",
		[]any{source}, func(row rows.Row) { files, earliest = row.Number(0), row.Moment(1) })
	if err != nil {
		return err
	}
	start := &IngestStart{Source: source, First: files == 0, FirstRun: Seconds(r.cfg.Ingest.FirstRun), Chosen: sel.From.IsZero()}
	r.result.Start = start
	if start.Chosen {
		end := sel.To
		if end.IsZero() {
			end = r.now().UTC()
		}
		switch {
		case start.First:
			sel.From = end.Add(-r.cfg.Ingest.FirstRun).Truncate(time.Hour)
		case !earliest.IsZero() && earliest.Before(end):
			sel.From = earliest.Truncate(24 * time.Hour)
		}
	}
	start.From = sel.From
	r.tell(nil)
	return nil
}

// plan lists what would be read, and says what it costs.
func (r *ingestRun) plan(ctx context.Context) error {
	p, err := ingest.Plan(ctx, r.opts)
	partial, isPartial := errors.AsType[*ingest.PartialListError](err)
	if err != nil && !isPartial {
		return err
	}
	p.Requests = r.since(p.Requests)
	plan := &IngestPlan{Progress: p, Source: r.opts.Source.Name(), Bucket: IsBucket(r.opts.Source.Name())}
	if plan.Bucket {
		// Listed once more while reading.
		plan.Estimated = ingest.Requests{List: 2 * p.Requests.List, Get: p.Requests.Get + p.ObjectsToRead}
		plan.Cost = s3source.Cost(plan.Estimated)
	}
	r.result.Plan = plan
	r.tell(nil)
	if !isPartial {
		return nil
	}
	if p.ObjectsToRead == 0 {
		return errors.Join(partial.Errs...)
	}
	r.result.Unlisted = explainAll(partial.Errs)
	return nil
}

func (r *ingestRun) read(ctx context.Context) (ingest.Summary, error) {
	r.opts.OnProgress = func(p ingest.Progress) {
		p.Requests = r.since(p.Requests)
		r.tell(&p)
	}
	s, err := r.readAll(ctx)
	s.Requests = r.since(s.Requests)
	r.result.Summary, r.result.Took = &s, Seconds(s.Duration)
	return s, err
}

// tell passes on how far the run is.
func (r *ingestRun) tell(read *ingest.Progress) {
	if r.onProgress != nil {
		r.onProgress(IngestProgress{Start: r.result.Start, Plan: r.result.Plan, Read: read})
	}
}

// since leaves out the requests that were made before this run.
func (r *ingestRun) since(all ingest.Requests) ingest.Requests {
	return ingest.Requests{List: all.List - r.asked.List, Get: all.Get - r.asked.Get}
}

// ContextPatterns returns what the configuration wants taken out of encryption
// contexts.
func ContextPatterns(cfg config.Config) []ingest.ContextPattern {
	var patterns []ingest.ContextPattern
	for _, r := range cfg.RedactContext {
		patterns = append(patterns, ingest.ContextPattern(r))
	}
	return patterns
}
