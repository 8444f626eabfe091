package watch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
)

// The kinds of polls, from the narrowest on.
const (
	Current = "current"
	Past    = "past"
	All     = "all"
)

const (
	day = 24 * time.Hour
	// allDays is how late CloudTrail may deliver.
	allDays = 30
	// late is for how long after midnight the day before is looked at by each
	// poll. A file's folder is that of the day in its name, which is when
	// CloudTrail began to write it; nearly all are there within minutes, and a
	// backlog within an hour or two. For a twelfth of the day polls cost twice as
	// much. What comes later than that waits for the next poll of past days.
	late = 2 * time.Hour

	retryMost      = 5 * time.Minute // between polls that fail
	placeRetryMost = time.Hour       // between attempts at a place that fails
	fileRetryMost  = time.Hour       // between attempts at log files that could not be read
	layoutKept     = time.Hour
)

// plan is what a poll lists.
type plan struct {
	kind string
	// from and to are days of delivery; zero for everything.
	from, to time.Time
	except   []string
	// leaveFailed does not try log files again that could not be read.
	leaveFailed bool
}

// poller polls the source.
type poller struct {
	w      *Watch
	source ingest.Source
	// oldest is the time from which on the first poll must list, zero when that
	// is not known yet.
	oldest time.Time
	// fileTries and fileRetry are about log files that could not be read.
	fileTries int
	fileRetry time.Time

	state Poll // guarded by w.mu
}

// rememberer is a source that need not look for accounts and Regions each time.
type rememberer interface {
	RememberLayout(d time.Duration)
	ForgetLayout()
}

// run polls until ctx ends.
func (p *poller) run(ctx context.Context) {
	next := p.w.now()
	for p.w.sleep(ctx, next) && p.w.gate.wait(ctx) {
		start := p.w.now()
		ok := p.once(ctx)
		end := p.w.now()
		every := p.w.opts.Config.Server.Poll
		p.w.mu.Lock()
		if !ok {
			every = backoff(every, p.state.Failures-1, max(every, retryMost))
		}
		// After a long poll there is a pause as well, for the source's sake.
		next = later(start.Add(every), end.Add(min(end.Sub(start), p.w.opts.Config.Server.Poll)))
		p.state.Next = orNil(next)
		p.w.mu.Unlock()
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// once makes one poll; false when it failed.
func (p *poller) once(ctx context.Context) bool {
	var pl plan
	var summary ingest.Summary
	start := p.w.now()
	guarded, end := p.w.gate.guard(ctx)
	defer end()
	err := p.w.doing("poll", func() (err error) {
		if err := p.open(guarded); err != nil {
			return err
		}
		if pl, err = p.plan(guarded, start); err != nil {
			return err
		}
		p.begin(&pl, start)
		summary, err = p.w.work.Ingest(guarded, Ingest{
			DeliveredFrom: pl.from, DeliveredTo: pl.to, Except: pl.except, LeaveFailed: pl.leaveFailed,
			OnProgress: func(progress ingest.Progress) {
				p.w.mu.Lock()
				defer p.w.mu.Unlock()
				p.state.Progress = progressOf(&progress)
			},
		})
		return err
	})
	p.w.asked.count()
	partial, isPartial := errors.AsType[*ingest.PartialListError](err)
	if isPartial {
		err = nil
	}
	// A disk that is full says nothing about the source.
	if full := p.w.disk.wrote(err); full || guarded.Err() != nil { // ended, or paused: neither a success nor a failure
		p.finish(&pl, start, summary, nil, false)
		return true
	}
	if err == nil {
		var places []error
		if isPartial {
			places = partial.Errs
		}
		p.succeeded(&pl, start, summary, places)
	}
	p.finish(&pl, start, summary, err, true)
	p.w.save()
	if p.w.opts.OnPoll != nil {
		told := err
		if isPartial {
			told = partial
		}
		p.w.opts.OnPoll(Polled{Kind: pl.kind, Summary: summary, Duration: p.w.now().Sub(start), Err: told})
	}
	return err == nil
}

// open opens the source once, and finds out from when on files may be missing.
func (p *poller) open(ctx context.Context) error {
	if p.source == nil {
		source, err := p.w.opts.Source(ctx)
		if err != nil {
			return err
		}
		if r, ok := source.(rememberer); ok {
			r.RememberLayout(layoutKept)
		}
		p.source = source
		p.w.asked.of(source)
	}
	if !p.oldest.IsZero() {
		return nil
	}
	defer func() {
		if !p.oldest.IsZero() {
			p.w.tellOpened()
		}
	}()
	_, newest, err := p.w.work.Deliveries(ctx, p.source.Name())
	if err != nil {
		return err
	}
	p.w.mu.Lock()
	k := &p.w.kept
	if newest.IsZero() { // the first run, also when the store was made anew
		p.oldest = p.w.now().Add(-p.w.opts.Config.Ingest.FirstRun)
		k.Begin = earlier(k.Begin, p.oldest.Truncate(day))
	} else {
		// A store that was restored knows less than what is kept beside it.
		p.oldest = earlier(k.Complete, newest)
	}
	p.w.mu.Unlock()
	p.w.save()
	return nil
}

// earlier returns the earlier one; zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// byDay reports whether the source has a folder for each day, as buckets do.
func (p *poller) byDay() bool { return strings.HasPrefix(p.source.Name(), "s3://") }

// plan decides what to list now.
func (p *poller) plan(ctx context.Context, now time.Time) (plan, error) {
	cfg := &p.w.opts.Config.Server
	p.w.mu.Lock()
	pl := plan{kind: Current}
	switch k := &p.w.kept; {
	case !now.Before(k.Polls[All].Add(cfg.PollAll)):
		pl.kind = All
	case !now.Before(k.Polls[Past].Add(cfg.PollPast)):
		pl.kind = Past
	}
	pl.leaveFailed = pl.kind == Current && now.Before(p.fileRetry)
	today := now.Truncate(day)
	from := p.oldest.Add(-late).Truncate(day)
	for _, place := range p.w.kept.Places {
		switch {
		case place.Recovered:
			from = earlier(from, place.Since)
		case now.Before(place.Retry):
			pl.except = append(pl.except, place.Place)
		}
	}
	begin := p.w.kept.Begin
	p.w.mu.Unlock()
	if !p.byDay() {
		return pl, nil
	}
	if pl.kind != Current {
		first, _, err := p.w.work.Deliveries(ctx, p.source.Name())
		if err != nil {
			return pl, err
		}
		back := today.Add(-cfg.LookBack).Truncate(day)
		if pl.kind == All {
			back = today.AddDate(0, 0, -allDays)
		}
		// What lies before the store's beginning was never asked for.
		if begin = earlier(begin, first.Truncate(day)); back.Before(begin) {
			back = begin
		}
		from = earlier(from, back)
		if r, ok := p.source.(rememberer); ok {
			r.ForgetLayout()
		}
	}
	pl.from, pl.to = earlier(from, today), today
	if pl.kind == All {
		pl.to = today.AddDate(0, 0, 1) // should our clock be behind
	}
	return pl, nil
}

func (p *poller) begin(pl *plan, start time.Time) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.state.Running, p.state.Progress, p.state.Next = pl.kind, &Progress{}, nil
	p.state.Last, p.state.Kind = &start, pl.kind
	p.w.log.Debug("polling", "kind", pl.kind, "from", dayOf(pl.from), "to", dayOf(pl.to), "places_left_out", len(pl.except))
}

// dayOf is a day in the log.
func dayOf(t time.Time) string {
	if t.IsZero() {
		return "any"
	}
	return t.Format(time.DateOnly)
}

// succeeded remembers what was listed, but for some places.
func (p *poller) succeeded(pl *plan, start time.Time, s ingest.Summary, places []error) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.oldest, p.w.kept.Complete = start, start
	p.w.tellPolled()
	switch pl.kind {
	case All:
		p.w.kept.Polls[All] = start
		fallthrough
	case Past:
		p.w.kept.Polls[Past] = start
		fallthrough
	case Current:
		p.w.kept.Polls[Current] = start
	}
	p.places(pl, start, places)
	every := p.w.opts.Config.Server.Poll
	switch {
	case s.Failed > 0:
		p.fileRetry = start.Add(backoff(every, p.fileTries, fileRetryMost))
		p.fileTries++
	case !pl.leaveFailed:
		p.fileTries, p.fileRetry = 0, time.Time{}
	}
}

// places keeps account of those that cannot be listed. The caller holds w.mu.
func (p *poller) places(pl *plan, start time.Time, errs []error) {
	known := p.w.kept.Places
	failing := map[string]bool{}
	for _, err := range errs {
		name := "" // of a directory, which is listed whole each time
		if e, ok := errors.AsType[*ingest.PlaceError](err); ok {
			name = e.Place
		}
		if failing[name] {
			continue
		}
		failing[name] = true
		place := known[name]
		if place == nil || place.Recovered && !place.Since.Before(pl.from) {
			p.w.log.Warn("a place cannot be listed; the others are", "place", name, "error", err)
			since := pl.from
			if place != nil {
				since = earlier(place.Since, since)
			}
			place = &Place{Place: name, Since: since, First: start}
			known[name] = place
		}
		place.Error, place.Recovered = oneLine(err), false
		place.Since = earlier(place.Since, pl.from)
		place.Retry = start.Add(backoff(p.w.opts.Config.Server.Poll, place.Failures, placeRetryMost))
		place.Failures++
	}
	for _, name := range pl.except {
		failing[name] = true
	}
	for name, place := range known {
		switch {
		case failing[name]:
		case pl.from.IsZero() || !place.Since.Before(pl.from):
			delete(known, name) // all of it was listed now
			p.w.log.Info("a place can be listed again", "place", name, "since", place.Since)
		default:
			place.Recovered = true // the next poll goes back to Since
		}
	}
}

func (p *poller) finish(pl *plan, start time.Time, s ingest.Summary, err error, counts bool) {
	took := p.w.now().Sub(start)
	if s.ObjectsDone > 0 {
		p.w.log.Info("log files were read", "poll", pl.kind, "files", s.ObjectsDone, "failed", s.Failed, "new_events", s.Inserted, "took", took.Round(time.Millisecond))
	}
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.state.Running, p.state.Progress = "", nil
	if !counts {
		return
	}
	p.state.Polls++
	p.state.Last, p.state.Kind, p.state.Took = &start, pl.kind, took.Seconds()
	p.state.Read = progressOf(&s.Progress)
	if err == nil {
		p.state.Error, p.state.FailingSince, p.state.Failures = "", nil, 0
		return
	}
	if p.state.FailingSince == nil {
		p.state.FailingSince = &start
	}
	p.state.Failures++
	p.state.Error = oneLine(err)
	p.w.log.Error("poll failed", "error", fmt.Errorf("poll %s: %w", p.state.Source, err), "times", p.state.Failures)
}
