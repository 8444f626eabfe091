package watch

import (
	"context"
	"fmt"
	"time"
)

// queueRetryMost is the longest pause after the reading of a queue has ended with
// an error.
const queueRetryMost = time.Minute

// QueueTurn says what became of messages of a queue.
type QueueTurn struct {
	// Stored, Skipped and Quarantined were deleted, Left come again.
	Stored, Skipped, Quarantined, Left int64
	// Problem is why one was left, or could not be deleted; "" for none.
	Problem string
}

// QueueEvents is what who reads a queue tells.
type QueueEvents struct {
	// Turn is told of each commit, Failing of errors that are gone on after (nil:
	// it works again), Held of messages that are received and not done with.
	Turn    func(QueueTurn)
	Failing func(error)
	Held    func(messages int, oldest time.Time)
}

// queueReader reads a queue as long as there is space on the disk.
type queueReader struct {
	w     *Watch
	state Queue // guarded by w.mu
}

// run reads until ctx ends. It begins when the first poll knows how far back it
// goes: that depends on what the store has, and a queue brings the newest first.
func (q *queueReader) run(ctx context.Context) {
	if q.w.poll != nil {
		select {
		case <-q.w.opened:
		case <-ctx.Done():
			return
		}
	}
	for failures := 0; q.w.gate.wait(ctx); {
		guarded, end := q.w.gate.guard(ctx)
		start := q.w.now()
		err := q.w.doing("queue", func() error { return q.w.opts.Queue(guarded, q.events()) })
		full := q.w.disk.wrote(err)
		ended := guarded.Err() != nil
		end()
		q.held(0, time.Time{})
		if full || ended { // for lack of space, or for good
			continue
		}
		if err == nil {
			err = fmt.Errorf("the reading of the queue has ended")
		}
		q.failing(err)
		now := q.w.now()
		if now.Sub(start) > queueRetryMost {
			failures = 0 // it had worked
		}
		q.w.sleep(ctx, now.Add(backoff(time.Second, failures, queueRetryMost)))
		failures++
	}
}

func (q *queueReader) events() QueueEvents {
	return QueueEvents{Turn: q.turn, Failing: q.failing, Held: q.held}
}

func (q *queueReader) turn(t QueueTurn) {
	now := q.w.now()
	q.w.mu.Lock()
	defer q.w.mu.Unlock()
	s := &q.state
	s.Stored += t.Stored
	s.Skipped += t.Skipped
	s.Quarantined += t.Quarantined
	s.Left += t.Left
	s.Last = &now
	s.Problem = t.Problem
	s.Error, s.FailingSince = "", nil
}

// failing tells an error; nil that it is over.
func (q *queueReader) failing(err error) {
	now := q.w.now()
	q.w.mu.Lock()
	defer q.w.mu.Unlock()
	if err == nil {
		q.state.Error, q.state.FailingSince = "", nil
		q.w.log.Info("the queue can be read again", "queue", q.state.URL)
		return
	}
	if q.state.FailingSince == nil {
		q.state.FailingSince = &now
	}
	q.state.Error = oneLine(err)
	q.w.log.Error("the queue cannot be read; it is tried again", "error", err)
}

func (q *queueReader) held(messages int, oldest time.Time) {
	q.w.mu.Lock()
	defer q.w.mu.Unlock()
	q.state.Held, q.state.Oldest = messages, orNil(oldest)
}
