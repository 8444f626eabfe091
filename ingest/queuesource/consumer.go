package queuesource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kmstrail/kmstrail/ingest"
)

// Defaults and limits of [Options].
const (
	DefaultReceivers = 4
	MaxReceivers     = 64
	// DefaultLinger makes a commit every second or two: rows can be asked for soon,
	// and a commit costs as much for one log file as for a hundred.
	DefaultLinger     = time.Second
	DefaultVisibility = time.Minute
	MinVisibility     = 10 * time.Second
	MaxVisibility     = 12 * time.Hour // SQS's own
	// maxTurn bounds the messages of a turn. What was received and waits is held
	// by receivers, at most ten each.
	maxTurn = 2000

	longPoll = 20 * time.Second
	// emptyPoll is how long one who reads until the queue is empty waits: with less
	// than a second SQS asks only some of its servers.
	emptyPoll = 2 * time.Second
	// goodbye is how long giving messages back may take in the end.
	goodbye = 5 * time.Second
	maxWait = time.Minute // between receives that fail
)

// Bucket is a bucket whose log files messages may name.
type Bucket struct {
	// Prefix is where its log files are; keys that do not begin with it are
	// skipped.
	Prefix string
	// Source reads it. It should be a Stater.
	Source ingest.Source
}

// Options say what to do with messages. Queue and Store are required.
type Options struct {
	Queue *Queue
	// Buckets by name.
	Buckets map[string]Bucket
	// Selection narrows by organisation, accounts and Regions; what it does not
	// include is skipped.
	Selection ingest.Selection
	// Store stores all that a source lists, and returns when it is durable. It is
	// called from one goroutine at a time. After an error nothing of the turn
	// counts as stored, and Run ends.
	Store func(ctx context.Context, source ingest.Source) error

	// Follow goes on until the context ends; else Run ends when the queue is empty.
	Follow bool
	// Receivers take messages at the same time; 0 is the default.
	Receivers int
	// Linger is how long the first message of a turn waits for others; 0 is the
	// default.
	Linger time.Duration
	// Visibility is for how long a message is hidden when it is received, and again
	// and again while it is worked on; 0 is the default.
	Visibility time.Duration
	// Heartbeat is how often; 0 is three times in a Visibility.
	Heartbeat time.Duration

	// OnTurn, if not nil, is told of each turn when it has ended, OnReceive of
	// messages that were received, OnError of failures that Run goes on after
	// (nil: it works again), and OnHeld of how many messages were received and are
	// not done with, and when the oldest of them was sent.
	OnTurn    func(Turn)
	OnReceive func(messages int)
	OnError   func(error)
	OnHeld    func(messages int, oldest time.Time)
	Logger    *slog.Logger
}

func (o Options) withDefaults() Options {
	o.Receivers = cmp.Or(o.Receivers, DefaultReceivers)
	o.Linger = cmp.Or(o.Linger, DefaultLinger)
	o.Visibility = cmp.Or(o.Visibility, DefaultVisibility)
	o.Heartbeat = cmp.Or(o.Heartbeat, o.Visibility/3)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Turn says what became of the messages of a turn.
type Turn struct {
	Messages int64 `json:"messages"`
	// Stored, Skipped and Quarantined were deleted, Left were not.
	Stored      int64 `json:"stored"`
	Skipped     int64 `json:"skipped"`
	Quarantined int64 `json:"quarantined"`
	Left        int64 `json:"left"`
	// Gone counts objects that are not there any more.
	Gone int64 `json:"gone"`
	// Undeleted messages were done with, but could not be deleted: they come again.
	Undeleted int64 `json:"undeleted"`
	// Delays are the times from when stored messages were sent to when what they
	// tell of was durable.
	Delays []time.Duration `json:"-"`
	// Problems are why messages were left, some of them.
	Problems []string `json:"problems,omitempty"`
}

// maxProblems is how many problems are told of a turn.
const maxProblems = 5

func (t *Turn) problem(format string, args ...any) {
	if len(t.Problems) < maxProblems {
		t.Problems = append(t.Problems, fmt.Sprintf(format, args...))
	}
}

// fate is what becomes of a message.
type fate int

const (
	stored fate = iota
	skipped
	poisoned
	left
)

// Run reads the queue until the context ends, or it is empty. With Follow a queue
// that cannot be read is tried again and again; without, and when the store
// fails, that is the error. In the end messages that are not done with are shown
// to other receivers at once.
func Run(ctx context.Context, opts Options) error {
	c := &consumer{Options: opts.withDefaults(), held: map[*message]struct{}{}}
	arrived, turns := make(chan []*message), make(chan []*message)
	g, work := errgroup.WithContext(ctx)
	var receivers sync.WaitGroup
	for range c.Receivers {
		receivers.Add(1)
		g.Go(func() error {
			defer receivers.Done()
			return c.receive(work, arrived)
		})
	}
	g.Go(func() error {
		receivers.Wait()
		close(arrived)
		return nil
	})
	g.Go(func() error {
		defer close(turns)
		c.gather(work, arrived, turns)
		return nil
	})
	beating, stop := context.WithCancel(context.WithoutCancel(ctx))
	var heart sync.WaitGroup
	heart.Go(func() { c.beat(beating) })
	g.Go(func() error { return c.work(work, turns) })
	err := g.Wait()
	stop()
	heart.Wait()
	c.giveBack(context.WithoutCancel(ctx))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// consumer reads a queue. The goroutines: Receivers receive, one gathers turns,
// one stores them, one keeps hidden what is held.
type consumer struct {
	Options

	mu     sync.Mutex
	held   map[*message]struct{}
	broken bool // the last call failed
}

// receive passes on messages until the context ends or the queue is empty.
func (c *consumer) receive(ctx context.Context, arrived chan<- []*message) error {
	wait := longPoll
	if !c.Follow {
		wait = emptyPoll
	}
	for failures := 0; ctx.Err() == nil; {
		list, err := c.Queue.receive(ctx, wait, c.Visibility)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the end is no failure
		case err != nil && !c.Follow:
			return err
		case err != nil:
			c.tell(err)
			failures++
			pause(ctx, min(time.Second<<min(failures-1, 10), maxWait))
			continue
		case len(list) == 0 && !c.Follow:
			return nil
		}
		c.tell(nil)
		failures = 0
		if len(list) == 0 {
			continue
		}
		c.hold(list)
		if c.OnReceive != nil {
			c.OnReceive(len(list))
		}
		select {
		case arrived <- list:
		case <-ctx.Done():
		}
	}
	return nil
}

// tell tells of a failure, and once that it is over.
func (c *consumer) tell(err error) {
	c.mu.Lock()
	over := c.broken && err == nil
	c.broken = err != nil
	c.mu.Unlock()
	if c.OnError != nil && (err != nil || over) {
		c.OnError(err)
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// gather makes turns of messages: what arrives while the last one is stored, and
// at least for Linger.
func (c *consumer) gather(ctx context.Context, arrived <-chan []*message, turns chan<- []*message) {
	var turn []*message
	var due <-chan time.Time
	ready := false
	for {
		in, out := arrived, chan<- []*message(nil)
		if len(turn) >= maxTurn {
			in, ready = nil, true
		}
		if ready {
			out = turns
		}
		select {
		case list, ok := <-in:
			if !ok {
				if len(turn) > 0 {
					select {
					case turns <- turn:
					case <-ctx.Done():
					}
				}
				return
			}
			if len(turn) == 0 {
				due = time.After(c.Linger)
			}
			turn = append(turn, list...)
		case <-due:
			ready, due = true, nil
		case out <- turn:
			turn, ready = nil, false
		case <-ctx.Done():
			return
		}
	}
}

// work stores one turn after the other.
func (c *consumer) work(ctx context.Context, turns <-chan []*message) error {
	var deleting sync.WaitGroup
	defer deleting.Wait()
	for turn := range turns {
		done, err := c.store(ctx, turn)
		if err != nil {
			return err
		}
		deleting.Wait() // of the turn before
		deleting.Go(func() { c.finish(context.WithoutCancel(ctx), turn, done) })
	}
	return nil
}

// store decodes messages, has stored what they tell of, and decides what becomes
// of each.
func (c *consumer) store(ctx context.Context, turn []*message) (Turn, error) {
	t := Turn{Messages: int64(len(turn))}
	refs := map[string][]sentRef{}
	for _, m := range turn {
		c.judge(m, refs)
	}
	parts := map[string]*objects{}
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		parts[name] = newObjects(ctx, c.Buckets[name].Source, refs[name])
		if err := c.Store(ctx, parts[name]); err != nil {
			return t, err
		}
	}
	if b := newBodies(c.Queue.Name(), turn); len(b.list) > 0 {
		if err := c.Store(ctx, b); err != nil {
			return t, err
		}
	}
	now := time.Now()
	for _, m := range turn {
		c.conclude(&t, m, parts)
		if m.fate == stored {
			t.Delays = append(t.Delays, now.Sub(m.sent))
		}
	}
	return t, ctx.Err()
}

// judge decodes a message and adds the objects to read.
func (c *consumer) judge(m *message, refs map[string][]sentRef) {
	n, err := Decode(m.body)
	if err != nil {
		m.fate, m.why = poisoned, err
		return
	}
	m.notice = Notice{Record: n.Record}
	if n.Record != nil && !c.Selection.Includes(ingest.Location{AccountID: n.Account, Region: n.Region}) {
		m.notice.Record = nil
	}
	for _, r := range n.Objects {
		b, ok := c.Buckets[r.Bucket]
		switch {
		case !ok:
			m.fate, m.why = left, fmt.Errorf("it names the bucket %s, which is not configured: add it to queue.buckets, or take it out of what feeds the queue", r.Bucket)
			m.notice.Objects = nil
			return
		case c.wanted(b, r.Key):
			m.notice.Objects = append(m.notice.Objects, r)
		}
	}
	if m.notice.Record == nil && len(m.notice.Objects) == 0 {
		m.fate = skipped
		return
	}
	for _, r := range m.notice.Objects {
		refs[r.Bucket] = append(refs[r.Bucket], sentRef{r, m.sent})
	}
}

// wanted reports whether a key is that of a log file to read. What follows no
// layout is read when it is called like one, as a listing does.
func (c *consumer) wanted(b Bucket, key string) bool {
	if !strings.HasPrefix(key, b.Prefix) {
		return false
	}
	loc, kind := ingest.ParseKey(key)
	return kind == ingest.KindLog && c.Selection.Includes(loc) || kind == ingest.KindUnknown && ingest.IsLogName(key)
}

// conclude decides what becomes of a message after what could be was stored.
func (c *consumer) conclude(t *Turn, m *message, parts map[string]*objects) {
	for _, r := range m.notice.Objects {
		err := parts[r.Bucket].outcome(r.Key)
		switch {
		case err == nil:
		case isGone(err):
			t.Gone++
			c.Logger.Warn("a log file that a message names is gone", "bucket", r.Bucket, "key", r.Key, "message", m.id)
		default:
			m.fate, m.why = left, err
		}
	}
	switch m.fate {
	case stored:
		t.Stored++
	case skipped:
		t.Skipped++
	case poisoned:
		t.Quarantined++
		c.Logger.Warn("a message cannot be read; it is in quarantine", "message", m.id, "error", m.why)
	case left:
		t.Left++
		t.problem("message %s is left in the queue: %v", m.id, m.why)
		c.Logger.Warn("a message is left in the queue", "message", m.id, "error", m.why)
	}
}

// finish deletes what is done with, and lets go of the rest.
func (c *consumer) finish(ctx context.Context, turn []*message, t Turn) {
	var done []*message
	for _, m := range turn {
		if m.fate != left {
			done = append(done, m)
		}
	}
	undeleted, err := c.Queue.remove(ctx, done)
	c.letGo(turn)
	if err == nil && len(undeleted) > 0 {
		err = fmt.Errorf("delete messages: the queue refused %d of %d", len(undeleted), len(done))
	}
	if err != nil {
		t.problem("%v", err)
		c.Logger.Warn("messages that are stored could not be deleted; they come again", "messages", len(undeleted), "error", err)
	}
	t.Undeleted = int64(len(undeleted))
	if c.OnTurn != nil {
		c.OnTurn(t)
	}
}

func (c *consumer) hold(list []*message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range list {
		c.held[m] = struct{}{}
	}
	c.tellHeld()
}

// tellHeld tells what is held. The caller holds c.mu.
func (c *consumer) tellHeld() {
	if c.OnHeld == nil {
		return
	}
	var oldest time.Time
	for m := range c.held {
		if oldest.IsZero() || m.sent.Before(oldest) {
			oldest = m.sent
		}
	}
	c.OnHeld(len(c.held), oldest)
}

func (c *consumer) letGo(list []*message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range list {
		delete(c.held, m)
	}
	c.tellHeld()
}

func (c *consumer) heldNow() []*message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Keys(c.held))
}

// beat keeps hidden what is held.
func (c *consumer) beat(ctx context.Context) {
	tick := time.NewTicker(c.Heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		lost, err := c.Queue.extend(ctx, c.heldNow(), c.Visibility)
		// What is lost is deleted, or with another receiver: nothing to keep.
		c.letGo(lost)
		if err != nil && !errors.Is(err, context.Canceled) {
			c.Logger.Warn("messages could not be kept hidden; others may receive them too", "error", err)
		}
	}
}

// giveBack shows what is held to other receivers.
func (c *consumer) giveBack(ctx context.Context) {
	held := c.heldNow()
	if len(held) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, goodbye)
	defer cancel()
	if _, err := c.Queue.extend(ctx, held, 0); err != nil {
		c.Logger.Warn("messages could not be given back; they are hidden until their time is over", "messages", len(held), "error", err)
	}
}
