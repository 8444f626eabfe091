package httpapi

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// readTime bounds what is computed for many.
const readTime = 5 * time.Minute

// restFactor is how many times as long as it took to compute a value is kept at
// least: computing must not keep the machine busy.
const restFactor = 10

// cached keeps what is dear to compute for some time. Those who ask while it is
// computed wait for the one that does. It is computed for all, so it does not
// end with the request that began it.
type cached[T any] struct {
	age  time.Duration
	now  func() time.Time
	read func(context.Context) (T, error)

	mu      sync.Mutex
	value   T
	err     error
	at      time.Time
	keep    time.Duration // age, or longer for what took long
	changes int           // how often what is read was changed by us
	running chan struct{} // closed when the reading at work has ended
}

func newCached[T any](age time.Duration, now func() time.Time, read func(context.Context) (T, error)) *cached[T] {
	return &cached[T]{age: age, now: now, read: read}
}

// get returns a value that is not older than it may be. An error is kept as
// long as a value.
func (c *cached[T]) get(ctx context.Context) (T, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if age := c.now().Sub(c.at); !c.at.IsZero() && age >= 0 && age < c.keep {
			return c.value, c.err
		}
		running := c.running
		if running == nil {
			running = make(chan struct{})
			c.running = running
			go c.fill(context.WithoutCancel(ctx), running)
		}
		c.mu.Unlock()
		select {
		case <-running:
			c.mu.Lock()
		case <-ctx.Done():
			c.mu.Lock()
			var none T
			return none, ctx.Err()
		}
	}
}

func (c *cached[T]) fill(ctx context.Context, running chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	start := c.now()
	c.mu.Lock()
	changes := c.changes
	c.mu.Unlock()
	value, err := c.tryRead(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.value, c.err, c.at = value, err, c.now()
	c.keep = max(c.age, restFactor*c.at.Sub(start))
	if c.changes != changes {
		c.keep = 0 // it may be of before
	}
	c.running = nil
	close(running)
}

// forget makes the next get read anew: who has changed something sees it.
func (c *cached[T]) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	c.keep = 0
}

// tryRead reads; nobody else would survive that it panics.
func (c *cached[T]) tryRead(ctx context.Context) (value T, err error) {
	defer func() {
		if crash := recover(); crash != nil {
			err = fmt.Errorf("crashed: %v\n%s", crash, debug.Stack())
		}
	}()
	return c.read(ctx)
}
