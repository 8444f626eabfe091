//go:build duckdb_arrow

// Package casestore gives the cases of detectors and queries a database: a
// real one in memory, filled by the real ingester.
package casestore

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/internal/duck"
)

// Store is an empty database for one case.
type Store struct{ *duck.Store }

// Open opens one; the caller closes it.
func Open(ctx context.Context) (*Store, error) {
	s, err := duck.Open(ctx, duck.Memory, duck.Options{Threads: 1})
	if err != nil {
		return nil, err
	}
	return &Store{s}, nil
}

// Ingest reads gzipped log files, one after the other, so that each is a
// commit of its own. A record that goes to quarantine is no error.
func (s *Store) Ingest(ctx context.Context, files [][]byte, selfs []string) error {
	for i, body := range files {
		summary, err := ingest.Run(ctx, ingest.Options{
			Source:         memory{fmt.Sprintf("%04d.json.gz", i), body},
			Sink:           s.Store,
			SelfPrincipals: selfs,
			Concurrency:    1,
			Decoders:       1,
		})
		if err != nil {
			return err
		}
		if summary.Failed > 0 {
			return fmt.Errorf("log file %d cannot be read: %+v", i, summary.Failures)
		}
	}
	return nil
}

// memory is a source with one log file.
type memory struct {
	key  string
	body []byte
}

func (m memory) Name() string { return "memory:" }

func (m memory) List(_ context.Context, _ ingest.Selection, visit func([]ingest.Object) error) error {
	return visit([]ingest.Object{{Key: m.key, Size: int64(len(m.body)), ETag: fmt.Sprint(len(m.body))}})
}

func (m memory) Read(_ context.Context, obj ingest.Object, dst []byte, _ int64) ([]byte, error) {
	if obj.Key != m.key {
		return nil, fmt.Errorf("read %s: %w", obj.Key, fs.ErrNotExist)
	}
	return append(dst, m.body...), nil
}

func (m memory) Requests() ingest.Requests { return ingest.Requests{} }
