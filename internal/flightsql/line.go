package flightsql

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// maxWaiting is how many statements may wait in line. Each holds a few
// kilobytes, and its client's attention.
const maxWaiting = 1000

// errClosing is what those in line get when the server ends.
var errClosing = errors.New("the server is shutting down; try again later")

// busyError says that no place was free in time.
type busyError struct{ reason string }

func (e *busyError) Error() string { return e.reason }

// line gives out places to work. A free place goes to the principal who has the
// fewest, among those with as many to who has waited longest: nobody is kept
// waiting by how much somebody else asks.
type line struct {
	perPrincipal int
	maxWait      time.Duration

	mu      sync.Mutex
	free    int
	working map[string]int
	waiting []*waiter
	closed  bool
}

type waiter struct {
	principal string
	// turn is closed when it has a place, or err.
	turn chan struct{}
	err  error
}

func newLine(places, perPrincipal int, maxWait time.Duration) *line {
	return &line{free: places, perPrincipal: perPrincipal, maxWait: maxWait, working: map[string]int{}}
}

// enter waits for a place. The caller must call leave once it has one.
func (l *line) enter(ctx context.Context, principal string) (leave func(), err error) {
	w, err := l.queue(principal)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(l.maxWait)
	defer timer.Stop()
	select {
	case <-w.turn:
		err = w.err
	case <-ctx.Done():
		err = l.giveUp(w, context.Cause(ctx))
	case <-timer.C:
		err = l.giveUp(w, l.tooLong(principal))
	}
	if err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() { l.leave(principal) }), nil
}

func (l *line) queue(principal string) (*waiter, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errClosing
	}
	if len(l.waiting) >= maxWaiting {
		return nil, &busyError{fmt.Sprintf("the server is busy: %d queries wait already; try again later", len(l.waiting))}
	}
	w := &waiter{principal: principal, turn: make(chan struct{})}
	l.waiting = append(l.waiting, w)
	l.admit()
	return w, nil
}

// giveUp takes w out of the line and returns err, unless its turn came just now.
func (l *line) giveUp(w *waiter, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, x := range l.waiting {
		if x == w {
			l.waiting = append(l.waiting[:i], l.waiting[i+1:]...)
			return err
		}
	}
	return w.err
}

func (l *line) tooLong(principal string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.working[principal]; n >= l.perPrincipal {
		return &busyError{fmt.Sprintf("%s has %d queries at work, as many as one may have, and none ended within %s; end some, or read their results faster", principal, n, l.maxWait)}
	}
	return &busyError{fmt.Sprintf("the server is busy: no place was free within %s; try again later, or have server.queries raised", l.maxWait)}
}

func (l *line) leave(principal string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free++
	if l.working[principal]--; l.working[principal] == 0 {
		delete(l.working, principal)
	}
	l.admit()
}

// admit gives free places out.
func (l *line) admit() {
	for l.free > 0 {
		next := -1
		for i, w := range l.waiting {
			n := l.working[w.principal]
			if n < l.perPrincipal && (next < 0 || n < l.working[l.waiting[next].principal]) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		w := l.waiting[next]
		l.waiting = append(l.waiting[:next], l.waiting[next+1:]...)
		l.free--
		l.working[w.principal]++
		close(w.turn)
	}
}

// close sends everybody in line away, and who comes later.
func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, w := range l.waiting {
		w.err = errClosing
		close(w.turn)
	}
	l.waiting = nil
}
