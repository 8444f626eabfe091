package operate

import (
	"context"
	"errors"

	"github.com/kmstrail/kmstrail/ingest"
)

// How much an ingest reads before it lets others write to the store, where it is
// shared: what is read from a queue meanwhile waits a second or two.
const (
	sharedObjects = 2000
	sharedBytes   = 32 << 20
)

// readAll reads what the source lists into the store.
func (r *ingestRun) readAll(ctx context.Context) (ingest.Summary, error) {
	if r.Operator.opts.Shared {
		s := sharedRun{r: r}
		err := s.run(ctx)
		return s.summary, err
	}
	give, err := take(ctx, r.storing, false)
	if err != nil {
		return ingest.Summary{}, err
	}
	defer give()
	return ingest.Run(ctx, r.opts)
}

// sharedRun is an ingest that holds the store only while it reads what it has
// found: listing a large bucket takes minutes.
type sharedRun struct {
	r *ingestRun
	// listed is what the listing has told, summary what was done.
	listed  ingest.Progress
	summary ingest.Summary
	pending []ingest.Object
	bytes   int64
}

func (s *sharedRun) run(ctx context.Context) error {
	opts := s.r.opts
	opts.OnProgress = func(p ingest.Progress) {
		s.listed = p
		s.tell(nil)
	}
	listed, err := ingest.Fresh(ctx, opts, func(o ingest.Object) error {
		s.pending = append(s.pending, o)
		s.bytes += o.Size
		if len(s.pending) < sharedObjects && s.bytes < sharedBytes {
			return nil
		}
		return s.flush(ctx)
	})
	s.listed = listed
	_, partial := errors.AsType[*ingest.PartialListError](err)
	if err == nil || partial {
		if flushed := s.flush(ctx); flushed != nil {
			err = flushed
		}
	}
	s.summary.Progress = s.progress(nil)
	s.summary.Requests = s.r.opts.Source.Requests()
	return err
}

// flush reads what was found since the last time. Whoever held the store
// meanwhile may have read some of it: the run looks again.
func (s *sharedRun) flush(ctx context.Context) error {
	if len(s.pending) == 0 {
		return nil
	}
	give, err := take(ctx, s.r.storing, false)
	if err != nil {
		return err
	}
	defer give()
	opts := s.r.opts
	opts.Source, opts.Scattered = &found{opts.Source, s.pending}, true
	opts.OnProgress = func(p ingest.Progress) { s.tell(&p) }
	done, err := ingest.Run(ctx, opts)
	s.summary.Merge(&done)
	s.pending, s.bytes = nil, 0
	return err
}

// progress is what was done altogether; at is that of the part at work.
func (s *sharedRun) progress(at *ingest.Progress) ingest.Progress {
	sum := s.summary
	if at != nil {
		sum.Merge(&ingest.Summary{Progress: *at})
	}
	p := sum.Progress
	// Of what the listing found to read, others have read some.
	known := p.ObjectsKnown
	p.ListingDone, p.ObjectsListed, p.BytesToRead = s.listed.ListingDone, s.listed.ObjectsListed, s.listed.BytesToRead
	p.ObjectsKnown, p.ObjectsToRead = s.listed.ObjectsKnown+known, s.listed.ObjectsToRead-known
	return p
}

func (s *sharedRun) tell(at *ingest.Progress) {
	if s.r.opts.OnProgress == nil {
		return
	}
	p := s.progress(at)
	p.Requests = s.r.opts.Source.Requests()
	s.r.opts.OnProgress(p)
}

// found are objects that were listed before.
type found struct {
	ingest.Source

	objects []ingest.Object
}

// List implements ingest.Source.
func (f *found) List(ctx context.Context, _ ingest.Selection, visit func([]ingest.Object) error) error {
	if err := visit(f.objects); err != nil {
		return err
	}
	return ctx.Err()
}
