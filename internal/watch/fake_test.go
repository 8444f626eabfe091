package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/internal/config"
)

// bucket is a source and the work on a store, both in memory. It lists as a
// bucket does: a request for each place and day.
type bucket struct {
	mu    sync.Mutex
	name  string
	files []file // by when they appear
	known map[string]time.Time
	// broken places cannot be listed, by why.
	broken map[string]error
	// fail, panics and takes are about whole polls.
	fail   error
	panics bool
	takes  time.Duration
	// unreadable files fail when they are read.
	unreadable map[string]bool
	tried      int

	lists   int64
	polls   []Ingest
	at      []time.Time
	forgets int

	detect   func(ctx context.Context, ids []string) (Detected, error)
	ran      map[string][]time.Time
	lastRun  time.Time
	backups  func() (string, error)
	maintain func(ctx context.Context) error
}

// file is a log file, delivered on a day and there from a moment on.
type file struct {
	key       string
	place     string
	delivered time.Time
	there     time.Time
}

var places = []string{"a/eu/", "a/us/", "b/eu/"}

func newBucket() *bucket {
	return &bucket{name: "s3://logs", known: map[string]time.Time{}, broken: map[string]error{}, unreadable: map[string]bool{}, ran: map[string][]time.Time{}}
}

func (b *bucket) add(place string, delivered, there time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.files = append(b.files, file{fmt.Sprintf("%s%d", place, len(b.files)), place, delivered, there})
}

func (b *bucket) missing() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.files {
		if _, ok := b.known[f.key]; !ok && !f.there.After(time.Now()) {
			n++
		}
	}
	return n
}

func (b *bucket) Name() string { return b.name }
func (b *bucket) List(context.Context, ingest.Selection, func([]ingest.Object) error) error {
	return errors.New("not used")
}
func (b *bucket) Read(context.Context, ingest.Object, []byte, int64) ([]byte, error) {
	return nil, errors.New("not used")
}
func (b *bucket) RememberLayout(time.Duration) {}
func (b *bucket) ForgetLayout()                { b.mu.Lock(); b.forgets++; b.mu.Unlock() }
func (b *bucket) Requests() ingest.Requests {
	b.mu.Lock()
	defer b.mu.Unlock()
	return ingest.Requests{List: b.lists, Get: int64(len(b.known))}
}

func (b *bucket) Ingest(ctx context.Context, req Ingest) (s ingest.Summary, err error) {
	b.mu.Lock()
	b.polls, b.at = append(b.polls, req), append(b.at, time.Now())
	takes, panics := b.takes, b.panics
	b.mu.Unlock()
	if panics {
		panic("a bug")
	}
	if takes > 0 {
		select {
		case <-time.After(takes):
		case <-ctx.Done():
			return s, ctx.Err()
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return s, b.fail
	}
	var partial []error
	now := time.Now()
	for _, place := range places {
		if slices.Contains(req.Except, place) {
			continue
		}
		for d := req.DeliveredFrom; !d.After(req.DeliveredTo); d = d.AddDate(0, 0, 1) {
			b.lists++
		}
		if b.broken[place] != nil {
			partial = append(partial, &ingest.PlaceError{Place: place, Err: b.broken[place]})
			continue
		}
		for _, f := range b.files {
			inside := req.DeliveredFrom.IsZero() || !f.delivered.Before(req.DeliveredFrom) && f.delivered.Before(req.DeliveredTo.Add(day))
			if f.place != place || !inside || f.there.After(now) {
				continue
			}
			_, known := b.known[f.key]
			switch {
			case known:
			case b.unreadable[f.key] && req.LeaveFailed && b.tried > 0:
			case b.unreadable[f.key]:
				s.Failed++
				s.ObjectsDone++
				b.tried++
			default:
				b.known[f.key] = f.delivered
				s.Inserted++
				s.ObjectsDone++
			}
		}
	}
	if partial != nil {
		return s, &ingest.PartialListError{Errs: partial}
	}
	return s, nil
}

func (b *bucket) Deliveries(context.Context, string) (first, newest time.Time, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range b.known {
		first = earlier(first, d)
		newest = later(newest, d)
	}
	return first, newest, nil
}

func (b *bucket) did(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ran[name] = append(b.ran[name], time.Now().UTC())
}

func (b *bucket) times(name string) []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.ran[name])
}

func (b *bucket) Detect(ctx context.Context, ids []string) (Detected, error) {
	b.did(fmt.Sprint(ids))
	if b.detect != nil {
		return b.detect(ctx, ids)
	}
	return Detected{}, nil
}

func (b *bucket) LastDetect(context.Context, []string) (time.Time, error) { return b.lastRun, nil }

func (b *bucket) Verify(context.Context) error { return nil }

func (b *bucket) Maintain(ctx context.Context) error {
	b.did(Maintain)
	if b.maintain != nil {
		return b.maintain(ctx)
	}
	return nil
}

func (b *bucket) Report(_ context.Context, w detectors.Window) (Report, error) {
	b.did(Reports)
	return page(fmt.Sprint(w.End.Sub(w.Start))), nil
}

func (b *bucket) Backup(context.Context) (string, error) {
	b.did(Backups)
	return b.backups()
}

type page string

func (p page) WriteHTML(w io.Writer) error {
	_, err := io.WriteString(w, "html "+string(p))
	return err
}
func (p page) WriteMarkdown(w io.Writer) error {
	_, err := io.WriteString(w, "md "+string(p))
	return err
}
func (p page) WriteJSON(w io.Writer) error {
	_, err := io.WriteString(w, "json "+string(p))
	return err
}

// at runs a test on a clock that begins at a moment and moves only while
// everybody waits.
func at(t *testing.T, begin string, f func(t *testing.T)) {
	t.Helper()
	when, err := time.Parse("2006-01-02 15:04", begin)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		pass(time.Until(when))
		f(t)
	})
}

func date(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		panic(err)
	}
	return t
}

// options are those of a watch on b that only polls.
func options(t *testing.T, b *bucket) Options {
	t.Helper()
	cfg := config.Defaults()
	cfg.Ingest.Source = b.name
	cfg.Schedule.Detectors, cfg.Schedule.Maintain, cfg.Schedule.Report, cfg.Schedule.Backup = config.Off, config.Off, config.Off, config.Off
	return Options{
		Work: b, Config: cfg, DB: filepath.Join(t.TempDir(), "k.duckdb"),
		Source:    func(context.Context) (ingest.Source, error) { return b, nil },
		FreeSpace: func(string) (uint64, error) { return 100e9, nil },
		Detectors: []string{"one", "two", "three"},
		Log:       slog.New(slog.DiscardHandler),
	}
}

// start runs a watch; stop ends it and returns what Run did.
func start(t *testing.T, opts Options) (w *Watch, stop func() error) {
	t.Helper()
	w, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	synctest.Wait()
	return w, func() error {
		cancel()
		return <-done
	}
}

func ended(t *testing.T, stop func() error) {
	t.Helper()
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// pass lets time pass, and what is due then be done. One goroutine at a time may
// call it.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
