package lake

import (
	"errors"
	"fmt"
	"sync"
	"testing"
)

// TestBucket_replace holds that only the version that was read is replaced.
func TestBucket_replace(t *testing.T) {
	for kind, b := range openTest(t) {
		t.Run(kind, func(t *testing.T) {
			if err := b.Replace(t.Context(), "a/b", "version", nil); !errors.Is(err, ErrChanged) {
				t.Errorf("replacing what is not there: %v", err)
			}
			if err := b.Put(t.Context(), "a/b", []byte("one")); err != nil {
				t.Fatal(err)
			}
			body, version, err := b.GetVersion(t.Context(), "a/b")
			if err != nil || string(body) != "one" {
				t.Fatalf("read %q, %v", body, err)
			}
			if err := b.Replace(t.Context(), "a/b", version, []byte("two and more")); err != nil {
				t.Fatal(err)
			}
			if err := b.Replace(t.Context(), "a/b", version, []byte("three")); !errors.Is(err, ErrChanged) {
				t.Errorf("replacing an old version: %v", err)
			}
			if body, err = b.Get(t.Context(), "a/b"); err != nil || string(body) != "two and more" {
				t.Errorf("it is %q now, %v", body, err)
			}
		})
	}
}

// TestBucket_replaceOneWins lets many append to one object at once: none of what
// was written is lost.
func TestBucket_replaceOneWins(t *testing.T) {
	for kind, b := range openTest(t) {
		t.Run(kind, func(t *testing.T) {
			if err := b.Put(t.Context(), "log", nil); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					for {
						body, version, err := b.GetVersion(t.Context(), "log")
						if err != nil {
							t.Error(err)
							return
						}
						err = b.Replace(t.Context(), "log", version, fmt.Appendf(body, "%d", i))
						if !errors.Is(err, ErrChanged) {
							if err != nil {
								t.Error(err)
							}
							return
						}
					}
				})
			}
			wg.Wait()
			if body, err := b.Get(t.Context(), "log"); err != nil || len(body) != 8 {
				t.Errorf("%q is left of eight digits, %v", body, err)
			}
		})
	}
}
