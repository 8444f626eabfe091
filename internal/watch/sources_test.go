package watch

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/internal/config"
)

// TestSources opens a source once for everybody who asks for the same, and
// counts the requests of all.
func TestSources(t *testing.T) {
	opened := 0
	var fail error
	s := NewSources(func(_ context.Context, cfg config.Config) (ingest.Source, error) {
		if fail != nil {
			return nil, fail
		}
		opened++
		b := newBucket()
		b.name, b.lists = cfg.Ingest.Source, int64(opened)
		return b, nil
	})
	open := func(source, account, profile string) ingest.Source {
		t.Helper()
		cfg := config.Defaults()
		cfg.Ingest.Source, cfg.AWS.Profile, cfg.Ingest.Accounts = source, profile, []string{account}
		got, err := s.Open(t.Context(), cfg)
		if err != nil || got.Name() != source {
			t.Fatalf("%v, %v", got, err)
		}
		return got
	}
	first := open("s3://a", "111122223333", "")
	if open("s3://a", "444455556666", "") != first {
		t.Error("another selection opens the source again")
	}
	if open("s3://b", "", "") == first || open("s3://a", "", "other") == first {
		t.Error("another bucket, or other credentials, get the same source")
	}
	if got := s.Requests().List; opened != 3 || got != 1+2+3 {
		t.Errorf("%d opened, %d requests", opened, got)
	}
	for n := range 2 * maxSources {
		open(fmt.Sprint("s3://more-", n), "", "")
	}
	if len(s.kept) != maxSources || open("s3://a", "", "") != first {
		t.Errorf("%d are kept", len(s.kept))
	}
	fail = errors.New("no such profile")
	if _, err := s.Open(t.Context(), config.Config{}); !errors.Is(err, fail) {
		t.Errorf("got %v", err)
	}
}
