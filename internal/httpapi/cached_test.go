package httpapi

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clock is a time that tests move.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time        { return time.Unix(0, c.at.Load()+1) }
func (c *clock) later(d time.Duration) { c.at.Add(int64(d)) }

// TestCached: many who ask at once read once, and a value is kept for its time.
func TestCached(t *testing.T) {
	var clk clock
	var reads atomic.Int64
	goOn := make(chan struct{})
	c := newCached(5*time.Second, clk.now, func(context.Context) (int64, error) {
		<-goOn
		return reads.Add(1), nil
	})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if v, err := c.get(t.Context()); v != 1 || err != nil {
				t.Errorf("got %d, %v", v, err)
			}
		})
	}
	goOn <- struct{}{}
	wg.Wait()
	clk.later(4 * time.Second)
	if v, _ := c.get(t.Context()); v != 1 {
		t.Errorf("after 4 s: %d", v)
	}
	clk.later(2 * time.Second)
	go func() { goOn <- struct{}{} }()
	if v, _ := c.get(t.Context()); v != 2 {
		t.Errorf("after 6 s: %d", v)
	}
}

// TestCached_slow: what takes long is read seldom.
func TestCached_slow(t *testing.T) {
	var clk clock
	reads := 0
	c := newCached(time.Second, clk.now, func(context.Context) (int, error) {
		clk.later(3 * time.Second)
		reads++
		return reads, nil
	})
	for range 2 {
		if v, _ := c.get(t.Context()); v != 1 {
			t.Errorf("got %d", v)
		}
		clk.later(29 * time.Second)
	}
	if v, _ := c.get(t.Context()); v != 2 {
		t.Errorf("got %d", v)
	}
}

// TestCached_gone: who goes away does not end the reading for the others, and a
// reading that crashes ends nobody.
func TestCached_gone(t *testing.T) {
	var clk clock
	goOn := make(chan struct{})
	c := newCached(time.Second, clk.now, func(ctx context.Context) (int, error) {
		<-goOn
		return 7, ctx.Err()
	})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.get(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(goOn)
	if v, err := c.get(t.Context()); v != 7 || err != nil {
		t.Errorf("got %d, %v", v, err)
	}
	crashes := newCached(time.Second, clk.now, func(context.Context) (int, error) { panic("a bug") })
	if _, err := crashes.get(t.Context()); err == nil || !strings.Contains(err.Error(), "a bug") {
		t.Errorf("got %v", err)
	}
}

// TestCached_forget: what was read before a change is not served after it, also
// when it was being read at the time.
func TestCached_forget(t *testing.T) {
	var clk clock
	var stored atomic.Int64
	began, goOn := make(chan struct{}, 1), make(chan struct{})
	c := newCached(time.Hour, clk.now, func(context.Context) (int64, error) {
		v := stored.Load()
		began <- struct{}{}
		<-goOn
		return v, nil
	})
	get := func() <-chan int64 {
		out := make(chan int64, 1)
		go func() {
			v, err := c.get(t.Context())
			if err != nil {
				t.Error(err)
			}
			out <- v
		}()
		return out
	}
	first := get()
	<-began
	goOn <- struct{}{}
	if v := <-first; v != 0 {
		t.Fatalf("before the change: %d", v)
	}
	stored.Store(1)
	c.forget()
	second := get()
	<-began
	// The reading at work has the old value already.
	stored.Store(2)
	c.forget()
	third := get()
	goOn <- struct{}{}
	<-began
	goOn <- struct{}{}
	if a, b := <-second, <-third; a != 2 || b != 2 {
		t.Errorf("after the change: %d and %d, want 2", a, b)
	}
	if v, _ := c.get(t.Context()); v != 2 {
		t.Errorf("then: %d", v)
	}
}
