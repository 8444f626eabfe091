package watch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/internal/config"
)

// Work is what a watch has done to a store. Package onstore does it.
type Work interface {
	// Ingest reads what the source has new. An error of single places is an
	// *ingest.PartialListError, beside the summary.
	Ingest(ctx context.Context, req Ingest) (ingest.Summary, error)
	// Deliveries are the first and the newest delivery of a source that the
	// ledger knows; zero when it knows none.
	Deliveries(ctx context.Context, source string) (first, newest time.Time, err error)
	// Detect runs detectors over what has changed since they ran last. With the
	// error of some the result is that of the others.
	Detect(ctx context.Context, ids []string) (Detected, error)
	// LastDetect is when any of the detectors last ran without an error; zero
	// when none has.
	LastDetect(ctx context.Context, ids []string) (time.Time, error)
	Maintain(ctx context.Context) error
	// Verify compares the log files of the last days with their digests. What is wrong
	// with them is no error.
	Verify(ctx context.Context) error
	// Report says what there is to say about a window.
	Report(ctx context.Context, window detectors.Window) (Report, error)
	// Backup copies the store into a new file and returns its path.
	Backup(ctx context.Context) (path string, err error)
}

// Ingest says what a poll reads.
type Ingest struct {
	// DeliveredFrom and DeliveredTo are days of delivery; zero is unbounded.
	DeliveredFrom, DeliveredTo time.Time
	// Except are places that are not listed.
	Except []string
	// LeaveFailed does not try again what could not be read before.
	LeaveFailed bool
	// OnProgress is called often, from one goroutine at a time.
	OnProgress func(ingest.Progress)
}

// Detected says how detectors fared.
type Detected struct {
	Runs []detectors.DetectorRun
	// New are the findings that were reported by this run, for the first time
	// or again.
	New []detectors.Finding
	// Withdrawn are those that nothing supports any more.
	Withdrawn []detectors.Finding
}

// Report is a report in the formats that it is kept in.
type Report interface {
	WriteHTML(w io.Writer) error
	WriteMarkdown(w io.Writer) error
	WriteJSON(w io.Writer) error
}

// Polled is what a poll did, for metrics.
type Polled struct {
	Kind     string
	Summary  ingest.Summary
	Duration time.Duration
	Err      error
}

// Ran is what a task did, for metrics.
type Ran struct {
	// Name is that of the task: detectors, maintain, verify, report, backup, or the id
	// of a detector with a schedule of its own.
	Name     string
	Duration time.Duration
	// Detected is there for detectors.
	Detected *Detected
	Err      error
}

// Options say what to watch and how. Work, Config and DB are required.
type Options struct {
	Work   Work
	Config config.Config
	// DB is the path of the store, whose disk is looked at; beside it lies the
	// file with what must outlive the server. A store in memory has neither.
	DB string
	// Source opens the source; it is asked again after an error. nil: there is
	// nothing to poll.
	Source func(ctx context.Context) (ingest.Source, error)
	// Queue reads a queue that tells of new log files, until its context ends. nil:
	// there is none.
	Queue func(ctx context.Context, events QueueEvents) error
	// Requests are all requests made so far; nil means those of the source.
	Requests func() ingest.Requests
	// Detectors are the ids of all there are; nil means those of the program.
	Detectors []string

	// Now and After are the clock; nil means that of package time.
	Now   func() time.Time
	After func(time.Duration) <-chan time.Time
	// FreeSpace returns the bytes that may still be written to the disk of a
	// path; nil asks the system.
	FreeSpace func(path string) (uint64, error)
	// DrainTimeout is how long tasks at work are waited for at the end before
	// they are cancelled; 0 means 20 s.
	DrainTimeout time.Duration
	Log          *slog.Logger

	// OnPoll, OnTask and OnDisk, if not nil, are called after each.
	OnPoll func(Polled)
	OnTask func(Ran)
	OnDisk func(Disk)
	// OnRequests, if not nil, is told the requests since it was last told of some.
	OnRequests func(ingest.Requests)
}

const (
	defaultDrain = 20 * time.Second
	// cancelled is how long a task gets to notice that it was cancelled.
	cancelled = 10 * time.Second
)

// Watch polls and keeps the schedule.
type Watch struct {
	opts  Options
	work  Work
	log   *slog.Logger
	gate  gate
	disk  *diskWatch
	poll  *poller      // nil when there is nothing to poll
	queue *queueReader // nil when there is none
	asked requests
	tasks []*task
	// polled is closed when the first poll has seen all there is.
	polled     chan struct{}
	tellPolled func()
	// opened is closed when the first poll knows how far back it goes.
	opened     chan struct{}
	tellOpened func()

	mu       sync.Mutex // guards what follows, and the states of poller and tasks
	kept     kept
	started  time.Time
	draining bool
	busy     map[string]int // by name, for those that do not end
}

// New returns a watch that does nothing yet. An expression or a size of the
// configuration that cannot be read is an error.
func New(opts Options) (*Watch, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.After == nil {
		opts.After = time.After
	}
	if opts.FreeSpace == nil {
		opts.FreeSpace = freeSpace
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	opts.DrainTimeout = cmp.Or(opts.DrainTimeout, defaultDrain)
	w := &Watch{opts: opts, work: opts.Work, log: opts.Log, busy: map[string]int{}}
	w.gate.changed = make(chan struct{})
	w.asked = requests{w: w, all: opts.Requests}
	w.polled = make(chan struct{})
	w.tellPolled = sync.OnceFunc(func() { close(w.polled) })
	w.opened = make(chan struct{})
	w.tellOpened = sync.OnceFunc(func() { close(w.opened) })
	minFree, err := config.ParseSize(opts.Config.Server.MinFree)
	if err != nil {
		return nil, fmt.Errorf("server.min_free: %w", err)
	}
	w.disk = &diskWatch{w: w, dir: filepath.Dir(opts.DB), minFree: uint64(minFree)}
	if opts.Source != nil {
		w.poll = &poller{w: w, state: Poll{Source: opts.Config.Ingest.Source}}
	}
	if opts.Queue != nil {
		w.queue = &queueReader{w: w, state: Queue{URL: opts.Config.Queue.URL}}
	}
	if w.tasks, err = w.schedule(); err != nil {
		return nil, err
	}
	return w, nil
}

func (w *Watch) now() time.Time { return w.opts.Now().UTC() }

// memory reports whether the store has no file.
func (w *Watch) memory() bool { return w.opts.DB == "" || strings.HasPrefix(w.opts.DB, ":") }

// Run watches until ctx ends. Then polls stop listing and commit what is
// decoded, no task starts, and those at work are waited for up to DrainTimeout
// before they are cancelled. The error names what did not end even then.
func (w *Watch) Run(ctx context.Context) error {
	w.mu.Lock()
	w.started = w.now()
	w.mu.Unlock()
	w.load()
	// A task that ctx ended in its midst would have worked for nothing.
	tasks, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var wg sync.WaitGroup
	w.disk.look()
	wg.Go(func() { w.disk.run(ctx) })
	wg.Go(func() { w.asked.run(ctx) })
	if w.poll != nil {
		wg.Go(func() { w.poll.run(ctx) })
	}
	if w.queue != nil {
		wg.Go(func() { w.queue.run(ctx) })
	}
	for _, t := range w.tasks {
		wg.Go(func() { t.run(ctx, tasks) })
	}
	<-ctx.Done()
	w.mu.Lock()
	w.draining = true
	w.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		wg.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-w.opts.After(w.opts.DrainTimeout):
		w.log.Warn("cancelling what is still at work", "tasks", w.atWork())
		cancel()
		select {
		case <-ended:
		case <-w.opts.After(cancelled):
			return fmt.Errorf("stop watching: %s did not end", strings.Join(w.atWork(), ", "))
		}
	}
	w.asked.count()
	w.save()
	return nil
}

// PausedError says that work was not done, or not to its end, for lack of space.
type PausedError struct{ Reason string }

func (e *PausedError) Error() string { return e.Reason }

// WithSpace does work that somebody asked for as the watch does its own: not
// while the disk is nearly full, and no longer than until then. The error is a
// *PausedError in both cases.
func (w *Watch) WithSpace(ctx context.Context, work func(ctx context.Context) error) error {
	if reason, _ := w.gate.look(); reason != "" {
		return &PausedError{reason}
	}
	guarded, end := w.gate.guard(ctx)
	defer end()
	err := work(guarded)
	full := w.disk.wrote(err)
	if reason, _ := w.gate.look(); full || err != nil && errors.Is(context.Cause(guarded), errPaused) {
		return &PausedError{reason}
	}
	return err
}

// atWork names what is being done.
func (w *Watch) atWork() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for name, n := range w.busy {
		if n > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// doing runs f and makes an error of a panic, so that it ends what it came from
// and nothing else.
func (w *Watch) doing(name string, f func() error) (err error) {
	w.mu.Lock()
	w.busy[name]++
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.busy[name]--
		w.mu.Unlock()
		if v := recover(); v != nil {
			w.log.Error("a task of the watch panicked", "task", name, "panic", v, "stack", string(debug.Stack()))
			err = fmt.Errorf("%s panicked, which is a bug: %v", name, v)
		}
	}()
	return f()
}

// sleep waits until at; false when ctx ends first.
func (w *Watch) sleep(ctx context.Context, at time.Time) bool {
	return w.sleepUnless(ctx, at, nil)
}

// sleepUnless waits until at, or until early is closed; false when ctx ends first.
func (w *Watch) sleepUnless(ctx context.Context, at time.Time, early <-chan struct{}) bool {
	if d := at.Sub(w.now()); d > 0 {
		select {
		case <-early:
		case <-w.opts.After(d):
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}

// DiskFull is the error of work that was not done for lack of space. What there
// is to say of the disk is in State.Disk.
const DiskFull = "paused: the disk is full"

// oneLine is the text of an error in a line.
func oneLine(err error) string {
	return strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
}

// errPaused is why work ends when the disk is nearly full.
var errPaused = errors.New(DiskFull)

// gate is closed while nothing may be written.
type gate struct {
	mu      sync.Mutex
	reason  string        // "" when open
	changed chan struct{} // closed at each change
}

func (g *gate) set(reason string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reason != reason {
		g.reason = reason
		close(g.changed)
		g.changed = make(chan struct{})
	}
}

func (g *gate) look() (reason string, changed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.reason, g.changed
}

// wait waits until the gate is open; false when ctx ends first.
func (g *gate) wait(ctx context.Context) bool {
	for {
		reason, changed := g.look()
		if reason == "" || ctx.Err() != nil {
			return ctx.Err() == nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// guard returns a context that ends with cause errPaused when the gate closes.
// The caller ends it in any case.
func (g *gate) guard(ctx context.Context) (guarded context.Context, end func()) {
	guarded, cancel := context.WithCancelCause(ctx)
	go func() {
		for {
			reason, changed := g.look()
			if reason != "" {
				cancel(errPaused)
			}
			select {
			case <-changed:
			case <-guarded.Done():
				return
			}
		}
	}()
	return guarded, func() { cancel(nil) }
}
