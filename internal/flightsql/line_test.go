package flightsql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// queued makes somebody wait in line. What they get is sent to turns.
func queued(t *testing.T, l *line, who string, turns chan<- string) {
	t.Helper()
	before := l.length()
	go func() {
		leave, err := l.enter(t.Context(), who)
		if err != nil {
			turns <- err.Error()
			return
		}
		turns <- who
		leave()
	}()
	eventually(t, who+" waits", func() bool { return l.length() == before+1 })
}

func (l *line) length() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting)
}

// TestLine_fair: who has nothing at work is served before who has, whatever the
// others queue; in between it is first come, first served.
func TestLine_fair(t *testing.T) {
	l := newLine(2, 2, time.Hour)
	held := make([]func(), 2)
	for i := range held {
		var err error
		if held[i], err = l.enter(t.Context(), "greedy"); err != nil {
			t.Fatal(err)
		}
	}
	turns := make(chan string)
	for _, who := range []string{"greedy", "greedy", "anna", "ben", "anna"} {
		queued(t, l, who, turns)
	}
	held[0]() // one place: they go one by one
	var got []string
	for range 5 {
		got = append(got, <-turns)
	}
	// Anna and Ben have none at work, greedy has one.
	if diff := cmp.Diff([]string{"anna", "ben", "anna", "greedy", "greedy"}, got); diff != "" {
		t.Error(diff)
	}
	held[1]()
	// The last of them says its turn before it leaves.
	eventually(t, "all have left", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.free == 2 && len(l.working) == 0
	})
}

// TestLine_perPrincipal: more of one's own does not take the others' places.
func TestLine_perPrincipal(t *testing.T) {
	l := newLine(3, 2, time.Hour)
	for range 2 {
		if _, err := l.enter(t.Context(), "greedy"); err != nil {
			t.Fatal(err)
		}
	}
	turns := make(chan string)
	queued(t, l, "greedy", turns)
	leave, err := l.enter(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	leave()
	if l.length() != 1 {
		t.Error("a third one of greedy's is at work")
	}
	l.leave("greedy")
	if got := <-turns; got != "greedy" {
		t.Error(got)
	}
}

func TestLine_wait(t *testing.T) {
	l := newLine(1, 1, time.Nanosecond)
	leave, err := l.enter(t.Context(), "anna")
	for err != nil { // a nanosecond may be over before the place is had
		leave, err = l.enter(t.Context(), "anna")
	}
	var busy *busyError
	if _, err := l.enter(t.Context(), "anna"); !errors.As(err, &busy) || !strings.HasPrefix(err.Error(), "anna has 1 queries at work, as many as one may have") {
		t.Errorf("her own: %v", err)
	}
	if _, err := l.enter(t.Context(), "ben"); !errors.As(err, &busy) || !strings.HasPrefix(err.Error(), "the server is busy: no place was free within 1ns") {
		t.Errorf("somebody else's: %v", err)
	}
	l.maxWait = time.Hour
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	cancel(gone)
	if _, err := l.enter(ctx, "ben"); !errors.Is(err, gone) {
		t.Errorf("who is gone: %v", err)
	}
	turns := make(chan string)
	queued(t, l, "ben", turns)
	l.close()
	if got := <-turns; got != errClosing.Error() {
		t.Errorf("in the end: %v", got)
	}
	if _, err := l.enter(t.Context(), "ben"); !errors.Is(err, errClosing) {
		t.Errorf("after the end: %v", err)
	}
	leave()
	leave() // once is enough
	if l.free != 1 || l.length() != 0 {
		t.Errorf("%d free, %d waiting", l.free, l.length())
	}
}

func TestLine_full(t *testing.T) {
	l := newLine(1, 1, time.Hour)
	l.waiting = make([]*waiter, maxWaiting)
	for i := range l.waiting {
		l.waiting[i] = &waiter{principal: fmt.Sprint(i), turn: make(chan struct{})}
	}
	l.free = 0
	var busy *busyError
	if _, err := l.enter(t.Context(), "anna"); !errors.As(err, &busy) {
		t.Error(err)
	}
}

// TestBusy: over the wire, and what is told of it.
func TestBusy(t *testing.T) {
	s := serve(t, func(o *Options) { o.Concurrency, o.PerPrincipal, o.MaxWait = 2, 1, 20*time.Millisecond })
	c := s.client(t)
	info, err := c.Execute(as(t, "anna"), "hang")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = fetch(as(t, "anna"), c, info) }()
	eventually(t, "it runs", func() bool { return s.fake.running.Load() == 1 })
	_, err = fetch(as(t, "anna"), c, info)
	if status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "as many as one may have") {
		t.Errorf("a second one: %v", err)
	}
	if q := s.told(t, 1)[0]; q.Outcome != Busy || q.Waited == 0 {
		t.Errorf("told %+v", q)
	}
	if rows, err := result(as(t, "ben"), c, "count 5"); err != nil || len(rows) != 5 {
		t.Errorf("somebody else's: %d rows, %v", len(rows), err)
	}
	if running := s.Running(); len(running) != 1 || running[0].Waiting {
		t.Errorf("running: %+v", running)
	}
}

// TestShutdown: queries at work end by themselves when there is time.
func TestShutdown(t *testing.T) {
	s := serve(t, nil)
	c, ctx := s.client(t), as(t, "anna")
	info, err := c.Execute(ctx, "count 10000000")
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.DoGet(ctx, info.GetEndpoint()[0].GetTicket())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	ended := make(chan struct{})
	go func() {
		s.Shutdown(context.Background())
		close(ended)
	}()
	eventually(t, "the server drains", func() bool {
		_, err := s.line.enter(t.Context(), "anna")
		return errors.Is(err, errClosing)
	})
	rows := int64(0)
	for r.Next() {
		rows += r.RecordBatch().NumRows()
	}
	if rows != 10_000_000 {
		t.Errorf("%d rows, %v", rows, r.Err())
	}
	<-ended
	if q := s.told(t, 1)[0]; q.Outcome != Done {
		t.Errorf("told %+v", q)
	}
}

// TestShutdown_hurried: when there is no time they are cancelled, and say so.
func TestShutdown_hurried(t *testing.T) {
	s := serve(t, nil)
	c, ctx := s.client(t), as(t, "anna")
	info, err := c.Execute(ctx, "hang")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		_, err := fetch(ctx, c, info)
		ended <- err
	}()
	eventually(t, "it runs", func() bool { return s.fake.running.Load() == 1 })
	now, cancel := context.WithCancel(t.Context())
	cancel()
	s.Shutdown(now)
	if err := <-ended; status.Code(err) != codes.Unavailable {
		t.Errorf("the query ended in %v", err)
	}
	if n := s.fake.running.Load(); n != 0 {
		t.Errorf("%d queries run", n)
	}
}
