package plugin

import (
	"context"
	"sync"
	"time"
)

// cache keeps answers for a while. Who asks for what is being asked for already
// waits for that answer. Errors are told to those who wait, and not kept.
type cache[V any] struct {
	keep time.Duration
	most int // answers kept
	now  func() time.Time

	mu      sync.Mutex
	answers map[string]*answer[V]
}

type answer[V any] struct {
	ready chan struct{} // closed when value and err are there
	value V
	err   error
	until time.Time // zero while it is asked for
}

// get returns the answer to key. ask runs on its own: that one of those who wait
// goes away does not take the answer from the others, so ask has to end by
// itself.
func (c *cache[V]) get(ctx context.Context, key string, ask func() (V, error)) (V, error) {
	a := c.entry(key, ask)
	select {
	case <-a.ready:
		return a.value, a.err
	case <-ctx.Done():
		var none V
		return none, context.Cause(ctx)
	}
}

// entry returns the answer to key, asking for it if need be.
func (c *cache[V]) entry(key string, ask func() (V, error)) *answer[V] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.answers[key]; a != nil && (a.until.IsZero() || c.now().Before(a.until)) {
		return a
	}
	if c.answers == nil {
		c.answers = map[string]*answer[V]{}
	}
	c.shrink()
	a := &answer[V]{ready: make(chan struct{})}
	c.answers[key] = a
	go func() {
		defer close(a.ready)
		a.value, a.err = guarded(ask)
		c.done(key, a)
	}()
	return a
}

func (c *cache[V]) done(key string, a *answer[V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a.until = c.now().Add(c.keep)
	if a.err != nil && c.answers[key] == a {
		delete(c.answers, key)
	}
}

// shrink makes place for one more: what is too old goes, and if that is not
// enough whatever is nearest to it.
func (c *cache[V]) shrink() {
	oldest, now := "", c.now()
	for key, a := range c.answers {
		switch {
		case a.until.IsZero(): // being asked for
		case !now.Before(a.until):
			delete(c.answers, key)
		case oldest == "" || a.until.Before(c.answers[oldest].until):
			oldest = key
		}
	}
	if len(c.answers) >= c.most && oldest != "" {
		delete(c.answers, oldest)
	}
}
