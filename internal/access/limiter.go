package access

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

const (
	// freeFailures is how often an address may fail before it must wait.
	freeFailures = 10
	// firstWait is how long it waits then; each further failure doubles it.
	firstWait = time.Second
	longWait  = 5 * time.Minute
	// forgive is how long an address must be quiet to be like new.
	forgive = time.Hour
	// maxAddresses bounds the memory. Who has more addresses meets the limit
	// for all.
	maxAddresses = 4096
	// allBurst and allEvery limit the failures of all addresses together.
	allBurst = 200
	allEvery = 100 * time.Millisecond
)

// limiter counts failures, and says how long to wait.
type limiter struct {
	mu        sync.Mutex
	addresses map[netip.Prefix]*list.Element
	recent    *list.List // of *culprit, the latest first
	all       bucket
}

// bucket allows a burst, and then one in a while.
type bucket struct {
	// full is when the allowance is whole again.
	full time.Time
}

// take returns 0, or how long to wait until there is something to take.
func (b *bucket) take(now time.Time, burst int, every time.Duration) time.Duration {
	if b.full.Before(now) {
		b.full = now
	}
	if wait := b.full.Add(every).Sub(now) - time.Duration(burst)*every; wait > 0 {
		return wait
	}
	b.full = b.full.Add(every)
	return 0
}

type culprit struct {
	address  netip.Prefix
	failures int
	until    time.Time
}

func newLimiter() *limiter {
	return &limiter{addresses: map[netip.Prefix]*list.Element{}, recent: list.New()}
}

// failed counts a failure. It returns how long the address has to wait when it
// comes too soon; such a failure is not counted, so the wait does not grow by
// trying.
func (l *limiter) failed(now time.Time, address netip.Prefix) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.culprit(address)
	if wait := c.until.Sub(now); wait > 0 {
		return wait
	}
	if wait := l.all.take(now, allBurst, allEvery); wait > 0 {
		return wait
	}
	c.count(now)
	return 0
}

// culprit finds or makes the entry of an address, and drops the one that has
// been quiet for longest when there are too many.
func (l *limiter) culprit(address netip.Prefix) *culprit {
	if e, ok := l.addresses[address]; ok {
		l.recent.MoveToFront(e)
		return e.Value.(*culprit) //nolint:forcetypeassert // the list holds nothing else
	}
	c := &culprit{address: address}
	l.addresses[address] = l.recent.PushFront(c)
	if l.recent.Len() > maxAddresses {
		oldest := l.recent.Back()
		delete(l.addresses, l.recent.Remove(oldest).(*culprit).address) //nolint:forcetypeassert // the same
	}
	return c
}

func (c *culprit) count(now time.Time) {
	if now.Sub(c.until) > forgive {
		c.failures = 0
	}
	c.failures++
	c.until = now
	if over := c.failures - freeFailures; over >= 0 {
		c.until = now.Add(min(firstWait<<min(over, 20), longWait))
	}
}
