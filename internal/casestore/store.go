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
	"github.com/kmstrail/kmstrail/internal/sqlcase"
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

// Ingest reads log files, one after the other, so that each is a commit of its
// own. A record that goes to quarantine is no error.
func (s *Store) Ingest(ctx context.Context, files []sqlcase.LogFile, selfs []string) error {
	for _, file := range files {
		summary, err := ingest.Run(ctx, ingest.Options{
			Source:         memory(file),
			Sink:           s.Store,
			SelfPrincipals: selfs,
			Concurrency:    1,
			Decoders:       1,
		})
		if err != nil {
			return err
		}
		if summary.Failed > 0 {
			return fmt.Errorf("log file %s cannot be read: %+v", file.Key, summary.Failures)
		}
	}
	return nil
}

// memory is a source with one log file.
type memory sqlcase.LogFile

func (m memory) Name() string { return "memory:" }

func (m memory) List(_ context.Context, _ ingest.Selection, visit func([]ingest.Object) error) error {
	location, kind := ingest.ParseKey(m.Key)
	if kind != ingest.KindLog {
		return fmt.Errorf("list %s: it is no key of a log file", m.Key)
	}
	return visit([]ingest.Object{{
		Key: m.Key, Size: int64(len(m.Body)), ETag: fmt.Sprint(len(m.Body)), Location: location,
	}})
}

func (m memory) Read(_ context.Context, obj ingest.Object, dst []byte, _ int64) ([]byte, error) {
	if obj.Key != m.Key {
		return nil, fmt.Errorf("read %s: %w", obj.Key, fs.ErrNotExist)
	}
	return append(dst, m.Body...), nil
}

func (m memory) Requests() ingest.Requests { return ingest.Requests{} }
