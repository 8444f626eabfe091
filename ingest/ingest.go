package ingest

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// Plan lists and asks the ledger what is new; it reads no object.
func Plan(ctx context.Context, opts Options) (Progress, error) {
	return Fresh(ctx, opts, func(Object) error { return nil })
}

// Fresh is Plan that visits what Run would read.
func Fresh(ctx context.Context, opts Options, visit func(Object) error) (Progress, error) {
	o := opts.withDefaults()
	if err := o.validate(); err != nil {
		return Progress{}, err
	}
	r := newRun(&o)
	err := r.list(ctx, func(_ context.Context, t task) error { return visit(t.obj) })
	return r.snapshot(), err
}

// Run reads every listed object that the ledger does not have. When ctx ends,
// what is decoded so far is committed, in whole files, and the summary is
// returned with ctx's error; the next run goes on from there. A
// *PartialListError comes after everything that could be listed was ingested.
func Run(ctx context.Context, opts Options) (Summary, error) {
	start := time.Now()
	o := opts.withDefaults()
	if err := o.validate(); err != nil {
		return Summary{}, err
	}
	redact, err := compilePatterns(o.RedactContext)
	if err != nil {
		return Summary{}, fmt.Errorf("redact encryption contexts: %w", err)
	}
	r := newRun(&o)
	r.redact = redact
	err = r.run(ctx)
	r.summary.Progress = r.snapshot()
	r.summary.Duration = time.Since(start)
	return r.summary, err
}

// task is one object to read.
type task struct {
	obj      Object
	id       int64
	attempts int
}

// fetched is an object that was read, or could not be.
type fetched struct {
	task
	body   *[]byte
	weight int64 // of run.memory
	err    error
}

// run is one run. The goroutines: one lists, Concurrency read, Decoders
// decode, one commits. The channels between them are short, and a pool bounds
// the batches in flight, so memory does not grow with the input.
type run struct {
	o      *Options
	redact []contextRedaction

	sink   sync.Mutex // held during each call of the sink
	nextID int64
	memory *semaphore.Weighted // stored bytes in flight
	bodies sync.Pool           // of *[]byte

	mu      sync.Mutex // guards what follows
	p       Progress
	summary Summary
}

func newRun(o *Options) *run {
	return &run{
		o: o, memory: semaphore.NewWeighted(bodyBytes),
		bodies: sync.Pool{New: func() any { return new([]byte) }},
	}
}

func (r *run) snapshot() Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.p
	p.Requests = r.o.Source.Requests()
	return p
}

// update changes the progress and tells about it.
func (r *run) update(change func(p *Progress)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.p)
	if r.o.OnProgress != nil {
		p := r.p
		p.Requests = r.o.Source.Requests()
		r.o.OnProgress(p)
	}
}

func (r *run) run(ctx context.Context) error {
	id, err := r.o.Sink.NextLogFileID(ctx)
	if err != nil {
		return err
	}
	r.nextID = id

	// work ends when the caller's context does or a stage fails; the stages
	// behind the readers then finish what they hold.
	g, work := errgroup.WithContext(ctx)
	tasks := make(chan task, 1024)
	bodies := make(chan fetched, r.o.Concurrency)
	full := make(chan *accumulator)
	pool := make(chan *accumulator, r.o.Decoders+1)
	seed := maphash.MakeSeed()
	for range cap(pool) {
		pool <- r.newAccumulator(seed)
	}

	var listErr error
	g.Go(func() error {
		defer close(tasks)
		listErr = r.list(work, func(ctx context.Context, t task) error {
			// Rows of an earlier reading keep pointing to their log file.
			if t.id == 0 {
				t.id = r.nextID
				r.nextID++
			}
			return send(ctx, tasks, t)
		})
		var partial *PartialListError
		if errors.As(listErr, &partial) {
			return nil
		}
		return listErr
	})
	r.startReaders(work, g, tasks, bodies)
	commitFailed := make(chan struct{})
	r.startDecoders(g, bodies, full, pool, commitFailed)
	g.Go(func() error {
		// A batch begun is committed even when the caller has given up.
		err := r.commitAll(context.WithoutCancel(ctx), full, pool)
		if err != nil {
			close(commitFailed)
		}
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return listErr
}

func (r *run) newAccumulator(seed maphash.Seed) *accumulator {
	if r.o.KeepAll {
		return newKeepAll(seed)
	}
	return newAccumulator(seed)
}

func send[T any](ctx context.Context, c chan<- T, v T) error {
	select {
	case c <- v:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// list passes on the objects to read.
func (r *run) list(ctx context.Context, visit func(context.Context, task) error) error {
	err := r.o.Source.List(ctx, r.o.Selection, func(page []Object) error {
		fresh, err := r.fresh(ctx, page)
		if err != nil {
			return err
		}
		var size int64
		for _, t := range fresh {
			size += t.obj.Size
		}
		r.update(func(p *Progress) {
			p.ObjectsListed += int64(len(page))
			p.ObjectsKnown += int64(len(page) - len(fresh))
			p.ObjectsToRead += int64(len(fresh))
			p.BytesToRead += size
		})
		for _, t := range fresh {
			if err := visit(ctx, t); err != nil {
				return err
			}
		}
		return nil
	})
	r.update(func(p *Progress) { p.ListingDone = true })
	return err
}

// fresh returns the objects of a page that are to be read.
func (r *run) fresh(ctx context.Context, page []Object) ([]task, error) {
	page = r.o.Seen.without(r.o.Source.Name(), page)
	if len(page) == 0 {
		return nil, nil
	}
	first, last := page[0].Key, page[0].Key
	for _, o := range page {
		first, last = min(first, o.Key), max(last, o.Key)
	}
	r.sink.Lock()
	ledger, err := r.ledger(ctx, page, first, last)
	r.sink.Unlock()
	if err != nil {
		return nil, err
	}
	tasks := make([]task, 0, len(page))
	for _, o := range page {
		entry, known := ledger[o.Key]
		same := known && entry.ETag == o.ETag
		if same && entry.Status == FileIngested {
			r.o.Seen.add(r.o.Source.Name(), &o)
		}
		if same && r.settled(entry.Status) {
			continue
		}
		tasks = append(tasks, task{obj: o, id: entry.ID, attempts: entry.Attempts})
	}
	return tasks, nil
}

// ledger asks for the entries of a page.
func (r *run) ledger(ctx context.Context, page []Object, first, last string) (map[string]LedgerEntry, error) {
	if sink, ok := r.o.Sink.(KeyedLedger); ok && r.o.Scattered {
		return sink.LedgerOf(ctx, r.o.Source.Name(), page)
	}
	return r.o.Sink.Ledger(ctx, r.o.Source.Name(), first, last)
}

// settled reports whether an object that was tried before is left as it is.
func (r *run) settled(status FileStatus) bool {
	switch status {
	case FileQuarantined:
		return !r.o.Reconcile
	case FileFailed:
		return r.o.LeaveFailed
	}
	return status == FileIngested
}

// startReaders reads objects into memory.
func (r *run) startReaders(ctx context.Context, g *errgroup.Group, tasks <-chan task, bodies chan<- fetched) {
	var readers sync.WaitGroup
	for range r.o.Concurrency {
		readers.Add(1)
		g.Go(func() error {
			defer readers.Done()
			for t := range tasks {
				item, err := r.read(ctx, t)
				if err != nil {
					return err
				}
				if err := send(ctx, bodies, item); err != nil {
					return err
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		readers.Wait()
		close(bodies)
		return nil
	})
}

// read reads one object; what went wrong with it is in the result. The error
// is that of a run that ends.
func (r *run) read(ctx context.Context, t task) (fetched, error) {
	item := fetched{task: t, weight: min(max(t.obj.Size, 1), bodyBytes), body: r.bodies.Get().(*[]byte)}
	if err := r.memory.Acquire(ctx, item.weight); err != nil {
		return item, err
	}
	*item.body, item.err = r.o.Source.Read(ctx, t.obj, (*item.body)[:0], r.o.MaxObjectBytes)
	return item, ctx.Err()
}

// release gives back what read took.
func (r *run) release(item fetched) {
	r.memory.Release(item.weight)
	if cap(*item.body) <= keepBody {
		r.bodies.Put(item.body)
	}
}

// startDecoders decodes bodies into batches.
func (r *run) startDecoders(g *errgroup.Group, bodies <-chan fetched, full chan<- *accumulator, pool <-chan *accumulator, stop <-chan struct{}) {
	var decoders sync.WaitGroup
	for range r.o.Decoders {
		decoders.Add(1)
		g.Go(func() error {
			defer decoders.Done()
			r.decodeAll(bodies, full, pool, stop)
			return nil
		})
	}
	g.Go(func() error {
		decoders.Wait()
		close(full)
		return nil
	})
}

// decodeAll is one decoder: it hands its batch on when it is large enough,
// when it has waited long enough, and at the end.
func (r *run) decodeAll(bodies <-chan fetched, full chan<- *accumulator, pool <-chan *accumulator, stop <-chan struct{}) {
	f := newFileDecoder(r.o.SelfPrincipals, r.o.MaxJSONBytes)
	f.d.redact = r.redact
	var acc *accumulator
	flush := func() bool {
		select {
		case full <- acc:
			acc = nil
			return true
		case <-stop:
			return false
		}
	}
	age := time.NewTicker(batchAge)
	defer age.Stop()
	for {
		select {
		case item, ok := <-bodies:
			if !ok {
				if acc != nil {
					flush()
				}
				return
			}
			if acc == nil {
				select {
				case acc = <-pool:
				case <-stop:
					return
				}
			}
			r.decodeOne(f, acc, item)
			if acc.rows() >= min(batchRows, r.o.CommitRows) || acc.bytes() >= batchBytes || len(acc.files) >= batchFiles {
				if !flush() {
					return
				}
			}
		case <-age.C:
			if acc != nil && !flush() {
				return
			}
		case <-stop:
			return
		}
	}
}

func (r *run) decodeOne(f *fileDecoder, acc *accumulator, item fetched) {
	defer r.release(item)
	file := LogFile{ID: item.id, Source: r.o.Source.Name(), Object: item.obj, Attempts: item.attempts + 1}
	if item.err != nil {
		file.Status, file.Error = FileFailed, item.err.Error()
		q := Quarantined{LogFileID: file.ID, RecordIndex: -1, Offset: -1}
		var large *TooLargeError
		var rejected *RejectedError
		switch {
		case errors.As(item.err, &large):
			q.Reason, q.Detail = "too_large", large.Error()
		case errors.As(item.err, &rejected):
			q.Reason, q.Detail, q.Excerpt = rejected.Reason, rejected.Detail, f.excerpt(rejected.Text)
		}
		if q.Reason != "" {
			file.Status, file.Quarantined = FileQuarantined, 1
			acc.quarantine = append(acc.quarantine, q)
		}
		acc.files = append(acc.files, file)
		r.o.Logger.Warn("log file could not be read", "key", item.obj.Key, "error", item.err)
		return
	}
	file = f.decode(acc, file, *item.body)
	if file.Status != FileIngested {
		r.o.Logger.Warn("log file is not wholly readable", "key", item.obj.Key, "error", file.Error)
	}
	r.mu.Lock()
	r.p.JSONBytes += f.textBytes
	r.mu.Unlock()
}

// commitAll appends one batch after the other and commits now and then: what came is
// soon to be seen, but not at the price of small commits while much waits.
func (r *run) commitAll(ctx context.Context, full <-chan *accumulator, pool chan<- *accumulator) error {
	age := time.NewTicker(batchAge)
	defer age.Stop()
	var open Summary // what is appended and not committed
	var since time.Time
	for {
		acc, more := r.waiting(full, age.C)
		if acc != nil {
			if open.ObjectsDone == 0 {
				since = time.Now()
			}
			if err := r.append(ctx, acc, &open); err != nil {
				return err
			}
			pool <- acc
			if open.Inserted+open.Duplicates < int64(r.o.CommitRows) && time.Since(since) < commitAge {
				continue
			}
		}
		if err := r.commit(ctx, &open); err != nil || !more {
			return err
		}
	}
}

// waiting returns the next batch, and whether there may be more after it. At a tick
// it is the one that waits, nil when none does.
func (r *run) waiting(full <-chan *accumulator, tick <-chan time.Time) (acc *accumulator, more bool) {
	select {
	case acc, more = <-full:
		return acc, more
	case <-tick:
	}
	select {
	case acc, more = <-full:
		return acc, more
	default:
		return nil, true
	}
}

// append stores a batch in the open transaction and adds it to open.
func (r *run) append(ctx context.Context, acc *accumulator, open *Summary) error {
	b := acc.batch()
	r.sink.Lock()
	result, err := r.o.Sink.Add(ctx, b)
	r.sink.Unlock()
	if err != nil {
		return fmt.Errorf("store %d log files: %w", len(b.Files), err)
	}
	open.add(b, result)
	if acc.keepAll {
		*acc = *newKeepAll(acc.seed) // the sink has the rows
		return nil
	}
	acc.reset()
	return nil
}

// commit makes durable what is open, and tells about it.
func (r *run) commit(ctx context.Context, open *Summary) error {
	if open.ObjectsDone == 0 {
		return nil
	}
	r.sink.Lock()
	err := r.o.Sink.Commit(ctx)
	r.sink.Unlock()
	if err != nil {
		return fmt.Errorf("store %d log files: %w", open.ObjectsDone, err)
	}
	r.update(func(p *Progress) {
		p.add(&open.Progress)
		r.summary.merge(open)
	})
	*open = Summary{}
	return nil
}
