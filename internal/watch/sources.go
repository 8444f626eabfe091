package watch

import (
	"context"
	"fmt"
	"sync"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/internal/config"
)

// maxSources is how many sources are kept open. A server reads from its own one,
// now and then somebody has it read another.
const maxSources = 16

// Sources keeps sources open, so that polls and what somebody asks to ingest
// share connections, what is known of the bucket, and the count of requests.
type Sources struct {
	open func(ctx context.Context, cfg config.Config) (ingest.Source, error)

	mu   sync.Mutex
	kept map[string]ingest.Source
}

// NewSources returns an empty one that opens sources with open.
func NewSources(open func(ctx context.Context, cfg config.Config) (ingest.Source, error)) *Sources {
	return &Sources{open: open, kept: map[string]ingest.Source{}}
}

// Open returns the ingest.source of cfg. It stays open; the caller does not
// close it.
func (s *Sources) Open(ctx context.Context, cfg config.Config) (ingest.Source, error) {
	key := fmt.Sprintf("%q %q %v %d", cfg.Ingest.Source, cfg.AWS, cfg.Ingest.RequesterPays, cfg.Ingest.Concurrency)
	s.mu.Lock()
	defer s.mu.Unlock()
	if source := s.kept[key]; source != nil {
		return source, nil
	}
	source, err := s.open(ctx, cfg)
	if err == nil && len(s.kept) < maxSources {
		s.kept[key] = source
	}
	return source, err
}

// Requests returns the requests of all sources so far.
func (s *Sources) Requests() ingest.Requests {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all ingest.Requests
	for _, source := range s.kept {
		r := source.Requests()
		all.List += r.List
		all.Get += r.Get
	}
	return all
}
