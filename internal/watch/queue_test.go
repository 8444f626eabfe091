package watch

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestQueue: reading that ends with an error is begun again, at least once a
// minute; while the disk is full it is not; state tells of it.
func TestQueue(t *testing.T) {
	at(t, "2026-06-10 12:00", func(t *testing.T) {
		b := newBucket()
		opts := options(t, b)
		fail, begun, running := errors.New("no\nnetwork"), 0, 0
		var events QueueEvents
		opts.Queue = func(ctx context.Context, e QueueEvents) error {
			begun++
			events = e
			if fail != nil {
				return fail
			}
			running++
			defer func() { running-- }()
			<-ctx.Done()
			return ctx.Err()
		}
		free := uint64(100e9)
		opts.FreeSpace = func(string) (uint64, error) { return free, nil }
		w, stop := start(t, opts)
		pass(5*time.Minute + time.Second)
		if s := w.State().Queue; s.Error != "no; network" || s.FailingSince == nil || !s.FailingSince.Equal(date("2026-06-10 12:00")) || begun < 9 || begun > 12 {
			t.Errorf("begun %d times, %+v", begun, s)
		}
		fail = nil
		pass(time.Minute)
		sent := time.Now().Add(-3 * time.Second)
		events.Held(2, sent)
		events.Turn(QueueTurn{Stored: 5, Left: 1, Problem: "denied"})
		if s := w.State().Queue; running != 1 || s.Error != "" || s.FailingSince != nil || s.Stored != 5 || s.Left != 1 || s.Problem != "denied" || s.Held != 2 || !s.Oldest.Equal(sent) {
			t.Errorf("%d running, %+v", running, s)
		}
		free = 1
		pass(time.Minute)
		if s := w.State().Queue; running != 0 || s.Error != "" || s.Held != 0 {
			t.Errorf("disk full: %d running, %+v", running, s)
		}
		free = 100e9
		pass(time.Minute)
		if running != 1 {
			t.Error("it is not read again when there is space")
		}
		ended(t, stop)
		if running != 0 {
			t.Error("it goes on after the end")
		}
	})
}
