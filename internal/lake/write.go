package lake

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/schema"
)

// plansAtOnce is how many plans a worker carries out at the same time: while the
// files of one are rendered and written, the next one is read.
const plansAtOnce = 2

// maxFailures is how many log files a summary names.
const maxFailures = 20

// WriteOptions says what to write into a lake, and from where.
type WriteOptions struct {
	Bucket    Bucket
	Source    ingest.Source
	Selection ingest.Selection
	// SelfPrincipals are the role or user ARNs kmstrail itself runs under.
	SelfPrincipals []string
	// RedactContext says what of encryption contexts is not written.
	RedactContext []ingest.ContextPattern
	// Concurrency is how many log files are read at once; 0 is the default.
	Concurrency int
	// Version is that of the program.
	Version string
	// Wait leaves log files of a Region and day for a later run until they fill a
	// plan, or the oldest of them is so old: many small files make engines slow.
	Wait time.Duration
	// PlanBytes and PlanFiles bound the log files of one plan, stored; 0 is the
	// default.
	PlanBytes int64
	PlanFiles int
	// Now is the clock; nil is the system's.
	Now func() time.Time
	// OnProgress is called when a plan is done, from one goroutine at a time.
	OnProgress func(ingest.Progress)
	Logger     *slog.Logger
}

// maker says who makes plans and files: what another makes may differ.
func (o *WriteOptions) maker() string { return o.Version + " " + schema.TablesHash()[:12] }

func (o *WriteOptions) withDefaults() (*WriteOptions, error) {
	c := *o
	if c.Bucket == nil || c.Source == nil {
		return nil, errors.New("writing a lake needs a bucket and a source")
	}
	if !c.Selection.To.IsZero() && !c.Selection.From.Before(c.Selection.To) {
		return nil, errors.New("the time range is empty")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.PlanBytes == 0 {
		c.PlanBytes = DefaultPlanBytes
	}
	if c.PlanFiles == 0 {
		c.PlanFiles = DefaultPlanFiles
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &c, nil
}

// WriteSummary is what a run has done.
type WriteSummary struct {
	ingest.Progress

	// Waiting is how many log files were left for a later run to make larger plans.
	Waiting int64
	// PlansMade and PlansDone are those of this worker; PlansOthers were to do and
	// done by others meanwhile.
	PlansMade, PlansDone, PlansOthers int64
	// FilesWritten, BytesWritten and RowsWritten are those of the lake. Taken is
	// how many files another worker had written already.
	FilesWritten, FilesTaken, BytesWritten, RowsWritten int64

	Duration              time.Duration
	FirstEvent, LastEvent time.Time // zero when there was no KMS event
	Failures              []ingest.FileFailure
}

// UnfinishedError says that plans could not be carried out. Everything else was;
// the next run, of any worker, tries them again.
type UnfinishedError struct {
	Plans []string
	Errs  []error
}

func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("%d plans are not finished (%s): %v", len(e.Plans), strings.Join(e.Plans, ", "), errors.Join(e.Errs...))
}

// Unwrap returns the reasons.
func (e *UnfinishedError) Unwrap() []error { return e.Errs }

// notNowError says that a plan cannot be carried out now. It stops no other.
type notNowError struct{ err error }

func (e *notNowError) Error() string { return e.err.Error() }
func (e *notNowError) Unwrap() error { return e.err }

// Write writes into the lake what the source lists and the lake does not have,
// together with any number of other workers; plan.go says how. It returns when
// every plan that it knows of is done, by whomever, or with an error: an
// *UnfinishedError after everything that could be done was, an
// *ingest.PartialListError after everything that could be listed was. When ctx
// ends, what was begun is left as it is; the next run goes on from there.
func Write(ctx context.Context, opts WriteOptions) (WriteSummary, error) {
	start := time.Now()
	o, err := opts.withDefaults()
	if err != nil {
		return WriteSummary{}, err
	}
	w := &writer{o: o, dir: sourceDir(o.Source.Name())}
	err = w.run(ctx)
	w.summary.Progress = w.progress()
	w.summary.Duration = time.Since(start)
	return w.summary, err
}

// writer is one run of one worker.
type writer struct {
	o   *WriteOptions
	dir string

	mu         sync.Mutex // guards what follows
	p          ingest.Progress
	summary    WriteSummary
	unfinished UnfinishedError
}

func (w *writer) progress() ingest.Progress {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.p
	p.Requests = w.o.Source.Requests()
	return p
}

// update changes the summary and tells about the progress.
func (w *writer) update(change func(p *ingest.Progress, s *WriteSummary)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.p, &w.summary)
	if w.o.OnProgress != nil {
		p := w.p
		p.Requests = w.o.Source.Requests()
		w.o.OnProgress(p)
	}
}

func (w *writer) run(ctx context.Context) error {
	if err := CheckCreate(ctx, w.o.Bucket); err != nil {
		return err
	}
	plans, partial, err := w.plan(ctx)
	if err != nil {
		return err
	}
	if err := w.carryOutAll(ctx, plans); err != nil {
		return err
	}
	if len(w.unfinished.Plans) > 0 {
		return errors.Join(&w.unfinished, partial)
	}
	return partial
}

// plan makes the plans that are missing, and returns all that are not done.
func (w *writer) plan(ctx context.Context) (todo []planID, partial, err error) {
	p := &planner{o: w.o, dir: w.dir, source: w.o.Source.Name(), found: map[string]*foundUnit{}, units: map[string]*unit{}}
	// Before the plans, so that every plan that is done is among them.
	done, err := w.done(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := p.list(ctx); err != nil {
		return nil, nil, err
	}
	if err := p.checkDone(done); err != nil {
		return nil, nil, err
	}
	err = w.o.Source.List(ctx, w.o.Selection, func(page []ingest.Object) error {
		if err := p.visit(ctx, page); err != nil {
			return err
		}
		w.update(func(g *ingest.Progress, _ *WriteSummary) { g.ObjectsListed, g.ObjectsKnown = p.listed, p.known })
		return nil
	})
	if e, ok := errors.AsType[*ingest.PartialListError](err); ok {
		partial, err = e, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if err := p.flush(ctx); err != nil {
		return nil, nil, err
	}
	for _, id := range p.plans() {
		if !done[id.stem(w.dir)] || !p.ended(id) {
			todo = append(todo, id)
		}
	}
	w.update(func(g *ingest.Progress, s *WriteSummary) {
		g.ListingDone = true
		s.Waiting, s.PlansMade = p.waiting, p.made
	})
	return todo, partial, nil
}

// done returns the stems of all plans of the source that are done.
func (w *writer) done(ctx context.Context) (map[string]bool, error) {
	done := map[string]bool{}
	err := w.o.Bucket.List(ctx, LogFiles+"/", func(name string, _ int64) error {
		if stem := stemOfLedgerName(name); strings.HasPrefix(stem, sourceTag(w.dir)+"-") {
			done[stem] = true
		}
		return nil
	})
	return done, err
}

// carryOutAll carries out plans, in random order, those that somebody has begun
// last. The error is one that stops the run.
func (w *writer) carryOutAll(ctx context.Context, todo []planID) error {
	rand.Shuffle(len(todo), func(i, j int) { todo[i], todo[j] = todo[j], todo[i] })
	var begun []planID
	for _, pass := range []*[]planID{&begun, nil} {
		plans := todo
		if pass == nil {
			plans = begun
		}
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(plansAtOnce)
		for _, id := range plans {
			if gctx.Err() != nil {
				break
			}
			g.Go(func() error {
				putOff, err := w.carryOut(gctx, id, pass != nil)
				if putOff {
					w.mu.Lock()
					*pass = append(*pass, id)
					w.mu.Unlock()
				}
				return w.note(id, err)
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// note remembers a plan that cannot be carried out now, and passes on other errors.
func (w *writer) note(id planID, err error) error {
	if _, ok := errors.AsType[*notNowError](err); !ok {
		return err
	}
	w.o.Logger.Warn("plan cannot be carried out now", "plan", id.String(), "error", err)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unfinished.Plans = append(w.unfinished.Plans, id.String())
	w.unfinished.Errs = append(w.unfinished.Errs, err)
	return nil
}

// carryOut carries out one plan, unless it is done; with polite also unless
// somebody has begun to write.
func (w *writer) carryOut(ctx context.Context, id planID, polite bool) (putOff bool, err error) {
	p, err := getPlan(ctx, w.o.Bucket, w.o.Source.Name(), id)
	if err != nil {
		return false, err
	}
	if done, err := finished(ctx, w.o.Bucket, w.dir, p); done || err != nil {
		w.update(func(_ *ingest.Progress, s *WriteSummary) { s.PlansOthers++ })
		return false, err
	}
	if polite {
		if begun, err := exists(ctx, w.o.Bucket, w.dir+id.String()+withoutSuffix); begun || err != nil {
			return begun, err
		}
	}
	var size int64
	for i := range p.Files {
		size += p.Files[i].Size
	}
	w.update(func(g *ingest.Progress, _ *WriteSummary) {
		g.ObjectsToRead += int64(len(p.Files))
		g.BytesToRead += size
	})
	c, err := collect(ctx, w.o, p)
	if err != nil {
		return false, err
	}
	if err := w.leaveOut(ctx, c); err != nil {
		return false, err
	}
	return false, w.write(ctx, c)
}

func exists(ctx context.Context, b Bucket, name string) (bool, error) {
	_, err := b.Get(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
