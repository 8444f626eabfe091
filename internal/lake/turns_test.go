package lake

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
)

// interrupted is a bucket whose worker stops before the first object whose name
// begins so, lets others do something, and goes on; until it dies.
type interrupted struct {
	Bucket

	before string
	others func()
	dieAt  string

	once sync.Once
	mu   sync.Mutex
	dead bool
}

func (i *interrupted) Create(ctx context.Context, name string, body []byte) error {
	if strings.HasPrefix(name, i.before) {
		i.once.Do(i.others)
	}
	return i.Bucket.Create(ctx, name, body)
}

// List is what a worker does first when its files are written.
func (i *interrupted) List(ctx context.Context, dir string, visit func(string, int64) error) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.dead = i.dead || strings.HasPrefix(dir, i.dieAt); i.dead {
		return errInjected
	}
	return i.Bucket.List(ctx, dir, visit)
}

// TestWrite_late holds that a worker that lags behind and dies leaves no repeats,
// whether or not those who did the plan meanwhile were of its version.
func TestWrite_late(t *testing.T) {
	for _, version := range []string{"test", "other"} {
		t.Run(version, func(t *testing.T) {
			l, b := newLogs(t, 3), newMemory()
			l.one("a", "a", day)
			l.one("b", "a", day)
			slow := l.options(nil)
			slow.Bucket = &interrupted{Bucket: b, before: Events + "/", dieAt: Events + "/", others: func() {
				o := l.options(b)
				o.Version = version
				mustWrite(t, o)
			}}
			if _, err := Write(t.Context(), slow); !errors.Is(err, errInjected) {
				t.Fatalf("the worker that lags behind: %v", err)
			}
			l.checkLake(t, b)
		})
	}
}

// TestWrite_overtaken holds that a plan is not done while a turn of another
// version may have begun to write, although it is in the ledger.
func TestWrite_overtaken(t *testing.T) {
	l, b := newLogs(t, 3), newMemory()
	l.one("a", "a", day)
	first := l.options(nil)
	// Turn 1 begins, and ends nowhere, after turn 0 was taken.
	first.Bucket = &interrupted{Bucket: b, before: Events + "/", dieAt: "nowhere", others: func() {
		o := l.options(&interrupted{Bucket: b, before: "nowhere", dieAt: Events + "/"})
		o.Version = "other"
		if _, err := Write(t.Context(), o); !errors.Is(err, errInjected) {
			t.Errorf("the worker that dies: %v", err)
		}
	}}
	mustWrite(t, first)
	if sum := mustWrite(t, l.options(b)); sum.PlansDone != 1 || sum.PlansMade != 0 {
		t.Errorf("the next run did not take up what was begun: %+v", sum)
	}
	l.checkLake(t, b)
}
