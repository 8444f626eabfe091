package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/adhocore/gronx"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/config"
)

// The names of the tasks besides those of single detectors.
const (
	Detectors = "detectors"
	Maintain  = "maintain"
	Verify    = "verify"
	Reports   = "report"
	Backups   = "backup"
)

// maxTicks is how many ticks that were skipped are counted.
const maxTicks = 1000

// task is something on the schedule.
type task struct {
	w    *Watch
	name string
	cron string
	do   func(ctx context.Context, ran *Ran) error
	// last is when it was last done, as far as the store knows; nil when the
	// store does not.
	last func(ctx context.Context) (time.Time, error)

	state Task // guarded by w.mu
}

// schedule makes the tasks of the configuration.
func (w *Watch) schedule() ([]*task, error) {
	s := &w.opts.Config.Schedule
	var tasks []*task
	shared, own, err := w.detectors()
	if err != nil {
		return nil, err
	}
	if len(shared) > 0 {
		tasks = append(tasks, w.detecting(Detectors, s.Detectors, shared))
	}
	for _, id := range own {
		tasks = append(tasks, w.detecting(id, w.opts.Config.Detectors[id].Schedule, []string{id}))
	}
	tasks = append(tasks,
		&task{name: Maintain, cron: s.Maintain, do: func(ctx context.Context, _ *Ran) error { return w.work.Maintain(ctx) }},
		&task{name: Verify, cron: s.Verify, do: func(ctx context.Context, _ *Ran) error { return w.work.Verify(ctx) }},
		&task{name: Reports, cron: s.Report, do: func(ctx context.Context, _ *Ran) error { return w.report(ctx) }},
		&task{name: Backups, cron: s.Backup, do: func(ctx context.Context, _ *Ran) error { return w.backup(ctx) }},
	)
	tasks = slices.DeleteFunc(tasks, func(t *task) bool { return t.cron == config.Off })
	for _, t := range tasks {
		t.w, t.state = w, Task{Name: t.name, Cron: t.cron}
		if _, err := following(t.cron, w.now()); err != nil {
			return nil, fmt.Errorf("schedule of %s: %w", t.name, err)
		}
	}
	return tasks, nil
}

// detectors are the ids of those that share a schedule, and of those with their
// own.
func (w *Watch) detectors() (shared, own []string, err error) {
	ids := w.opts.Detectors
	if ids == nil {
		builtin, err := detectors.Builtin()
		if err != nil {
			return nil, nil, err
		}
		for _, d := range builtin {
			ids = append(ids, d.ID)
		}
	}
	for _, id := range ids {
		switch cfg := w.opts.Config.Detectors[id]; {
		case cfg.Disabled:
		case cfg.Schedule != "":
			own = append(own, id)
		default:
			shared = append(shared, id)
		}
	}
	return shared, own, nil
}

func (w *Watch) detecting(name, cron string, ids []string) *task {
	return &task{
		name: name, cron: cron,
		do: func(ctx context.Context, ran *Ran) error {
			d, err := w.work.Detect(ctx, ids)
			ran.Detected = &d
			return err
		},
		last: func(ctx context.Context) (time.Time, error) { return w.work.LastDetect(ctx, ids) },
	}
}

// following is the first tick after a time.
func following(cron string, t time.Time) (time.Time, error) {
	next, err := gronx.NextTickAfter(cron, t.UTC(), false)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q has no next time: %w", cron, err)
	}
	return next, nil
}

// run does the task at its ticks until ctx ends; what is begun then goes on
// while work lasts.
func (t *task) run(ctx, work context.Context) {
	due, early, err := t.first(ctx)
	caughtUp := !due.After(t.w.now())
	for err == nil {
		t.w.mu.Lock()
		t.state.Next = orNil(due)
		t.w.mu.Unlock()
		if !t.w.sleepUnless(ctx, due, early) || !t.w.gate.wait(ctx) {
			return
		}
		if now := t.w.now(); now.Before(due) {
			due = now
		}
		t.once(work, caughtUp)
		caughtUp, early = false, nil
		due, err = t.next(due)
	}
	if ctx.Err() != nil {
		return
	}
	t.w.log.Error("a task is not on the schedule any more", "task", t.name, "error", err)
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	t.state.Next = nil
	t.kept().Error = err.Error()
}

// first is when the task is due after the start: at once when its last tick
// passed while nobody was there. What looks for findings and never has comes with
// early, after the first poll: nobody should wait for an answer until a tick.
func (t *task) first(ctx context.Context) (due time.Time, early <-chan struct{}, err error) {
	now := t.w.now()
	t.w.mu.Lock()
	last := t.kept().LastSuccess
	t.w.mu.Unlock()
	if t.last != nil {
		stored, err := t.last(ctx)
		if err != nil {
			// Then it is only not known; the tick comes in any case.
			t.w.log.Warn("when a task was last done cannot be read", "task", t.name, "error", err)
		} else if stored.IsZero() {
			early = t.w.polled
		}
		if stored.After(last) {
			last = stored
		}
	}
	if last.IsZero() {
		due, err = following(t.cron, now) // it was never there to be missed
		return due, early, err
	}
	if due, err = following(t.cron, last); err != nil || due.After(now) {
		return due, early, err
	}
	return now, nil, nil
}

// next is the first tick in the future; those since due were skipped.
func (t *task) next(due time.Time) (time.Time, error) {
	now := t.w.now()
	var skipped int64
	at, err := following(t.cron, due)
	for err == nil && !at.After(now) && skipped < maxTicks {
		skipped++
		at, err = following(t.cron, at)
	}
	if err == nil && !at.After(now) {
		at, err = following(t.cron, now)
	}
	if skipped > 0 {
		t.w.log.Warn("ticks of a task were skipped: it took too long, or had to wait", "task", t.name, "skipped", skipped)
		t.w.mu.Lock()
		t.state.Skipped += skipped
		t.w.mu.Unlock()
	}
	return at, err
}

// kept is what is kept of the task. The caller holds w.mu.
func (t *task) kept() *keptTask {
	k := t.w.kept.Tasks[t.name]
	if k == nil {
		k = &keptTask{}
		t.w.kept.Tasks[t.name] = k
	}
	return k
}

// once does the task.
func (t *task) once(work context.Context, caughtUp bool) {
	start := t.w.now()
	t.w.mu.Lock()
	t.state.Running, t.state.CaughtUp, t.state.Next = true, caughtUp, nil
	t.kept().LastStart = start
	t.w.mu.Unlock()

	ran := Ran{Name: t.name}
	guarded, end := t.w.gate.guard(work)
	ran.Err = t.w.doing(t.name, func() error { return t.do(guarded, &ran) })
	if full := t.w.disk.wrote(ran.Err); full || ran.Err != nil && errors.Is(context.Cause(guarded), errPaused) {
		ran.Err = errPaused
	}
	end()
	ran.Duration = t.w.now().Sub(start)

	t.w.mu.Lock()
	k := t.kept()
	t.state.Running, k.Took, k.Error = false, ran.Duration, ""
	t.state.Runs++
	if ran.Err == nil {
		k.LastSuccess = start
	} else {
		t.state.Failed++
		k.Error = oneLine(ran.Err)
	}
	t.w.mu.Unlock()
	t.tell(&ran)
	t.w.save()
	if t.w.opts.OnTask != nil {
		t.w.opts.OnTask(ran)
	}
}

// tell says in the log what came of a run, when something did.
func (t *task) tell(ran *Ran) {
	if d := ran.Detected; d != nil && len(d.New)+len(d.Withdrawn) > 0 {
		attrs := []any{"task", t.name, "new", len(d.New)}
		attrs = append(attrs, bySeverity("new_", d.New)...)
		attrs = append(attrs, "withdrawn", len(d.Withdrawn))
		attrs = append(attrs, bySeverity("withdrawn_", d.Withdrawn)...)
		t.w.log.Info("findings have changed", append(attrs, "took", ran.Duration.Round(time.Millisecond))...)
	}
	switch {
	case errors.Is(ran.Err, errPaused):
		t.w.log.Warn("a task was not done; it is tried again at its next time", "task", t.name, "error", ran.Err)
	case ran.Err != nil:
		t.w.log.Error("a task failed; it is tried again at its next time", "task", t.name, "error", ran.Err)
	}
}

// bySeverity counts findings, in attributes of the log.
func bySeverity(prefix string, list []detectors.Finding) (attrs []any) {
	for _, severity := range detectors.Severities() {
		n := 0
		for i := range list {
			if list[i].Severity == severity {
				n++
			}
		}
		if n > 0 {
			attrs = append(attrs, prefix+severity, n)
		}
	}
	return attrs
}
