package plugin

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cache[int]{keep: time.Minute, most: 2, now: time.Now}
		asked := 0
		get := func(key string) int {
			t.Helper()
			v, err := c.get(t.Context(), key, func() (int, error) { asked++; return asked, nil })
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		for range 2 {
			if get("a") != 1 {
				t.Error("an answer is not kept")
			}
		}
		<-time.After(time.Minute)
		if get("a") != 2 {
			t.Error("an answer is kept too long")
		}
		for i := range 10 {
			<-time.After(time.Second)
			get(strconv.Itoa(i))
		}
		if n := len(c.answers); n != 2 {
			t.Errorf("%d answers are kept", n)
		}
	})
}

// TestCache_old: answers that are too old take no memory until there are many.
func TestCache_old(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cache[int]{keep: time.Minute, most: 100, now: time.Now}
		for _, key := range []string{"a", "b", "c"} {
			if _, err := c.get(t.Context(), key, func() (int, error) { return 1, nil }); err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Minute)
		}
		if n := len(c.answers); n != 1 {
			t.Errorf("%d answers are kept", n)
		}
	})
}

// TestCache_together: those who ask at once share one question, and who leaves
// does not take the answer away.
func TestCache_together(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cache[int]{keep: time.Minute, most: 1, now: time.Now}
		var mu sync.Mutex
		asked := 0
		ask := func() (int, error) {
			mu.Lock()
			asked++
			mu.Unlock()
			<-time.After(time.Second)
			return 7, nil
		}
		leaving, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := c.get(leaving, "", ask); !errors.Is(err, context.Canceled) {
				t.Errorf("who left has %v", err)
			}
		})
		for range 20 {
			all.Go(func() {
				if v, err := c.get(t.Context(), "", ask); v != 7 || err != nil {
					t.Errorf("%d, %v", v, err)
				}
			})
		}
		synctest.Wait()
		leave()
		all.Wait()
		if asked != 1 {
			t.Errorf("asked %d times", asked)
		}
	})
}

func TestCache_errors(t *testing.T) {
	c := cache[int]{keep: time.Hour, most: 1, now: time.Now}
	wrong := errors.New("wrong")
	if _, err := c.get(t.Context(), "", func() (int, error) { return 0, wrong }); !errors.Is(err, wrong) {
		t.Error(err)
	}
	if _, err := c.get(t.Context(), "", func() (int, error) { panic("ouch") }); !errors.Is(err, errPanic) {
		t.Error(err)
	}
	if v, err := c.get(t.Context(), "", func() (int, error) { return 1, nil }); v != 1 || err != nil {
		t.Errorf("an error is kept: %v", err)
	}
}
