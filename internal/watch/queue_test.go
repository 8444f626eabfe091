package watch

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
)

// TestQueue: reading that ends with an error is begun again, at least once a
// minute; while the disk is full it is not; state tells of it.
func TestQueue(t *testing.T) {
	at(t, "2026-06-10 12:00", func(t *testing.T) {
		b := newBucket()
		opts := options(t, b)
		var opening atomic.Int64
		opts.Source = func(context.Context) (ingest.Source, error) {
			if opening.Add(1) == 1 {
				return nil, errors.New("no credentials")
			}
			return b, nil
		}
		var fails atomic.Bool
		var begun, running atomic.Int64
		var free atomic.Uint64
		fails.Store(true)
		free.Store(100e9)
		events := make(chan QueueEvents, 1)
		opts.Queue = func(ctx context.Context, e QueueEvents) error {
			if opening.Load() < 2 {
				t.Error("the queue is read before it is known how far back the first poll goes")
			}
			begun.Add(1)
			if fails.Load() {
				return errors.New("no\nnetwork")
			}
			select {
			case events <- e:
			default:
			}
			running.Add(1)
			defer running.Add(-1)
			<-ctx.Done()
			return ctx.Err()
		}
		opts.FreeSpace = func(string) (uint64, error) { return free.Load(), nil }
		w, stop := start(t, opts)
		pass(6*time.Minute + time.Second)
		if s, n := w.State().Queue, begun.Load(); s.Error != "no; network" || s.FailingSince == nil || !s.FailingSince.Equal(date("2026-06-10 12:01")) || n < 9 || n > 12 {
			t.Errorf("begun %d times, %+v", n, s)
		}
		fails.Store(false)
		pass(time.Minute)
		sent := time.Now().Add(-3 * time.Second)
		e := <-events
		e.Held(2, sent)
		e.Turn(QueueTurn{Stored: 5, Left: 1, Problem: "denied"})
		if s := w.State().Queue; running.Load() != 1 || s.Error != "" || s.FailingSince != nil || s.Stored != 5 || s.Left != 1 || s.Problem != "denied" || s.Held != 2 || !s.Oldest.Equal(sent) {
			t.Errorf("%d running, %+v", running.Load(), s)
		}
		free.Store(1)
		pass(time.Minute)
		if s := w.State().Queue; running.Load() != 0 || s.Error != "" || s.Held != 0 {
			t.Errorf("disk full: %d running, %+v", running.Load(), s)
		}
		free.Store(100e9)
		pass(time.Minute)
		if running.Load() != 1 {
			t.Error("it is not read again when there is space")
		}
		ended(t, stop)
		if running.Load() != 0 {
			t.Error("it goes on after the end")
		}
	})
}
