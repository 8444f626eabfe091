package ingest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

// manyFiles is a source of equal log files that claim to have a size.
type manyFiles struct {
	Source
	n    int
	size int64
	body []byte
	read atomic.Int64
}

func (s *manyFiles) Name() string       { return "many" }
func (s *manyFiles) Requests() Requests { return Requests{} }

func (s *manyFiles) List(_ context.Context, _ Selection, visit func([]Object) error) error {
	page := make([]Object, s.n)
	for i := range page {
		page[i] = Object{Key: fmt.Sprintf("%04d.json.gz", i), Size: s.size}
	}
	return visit(page)
}

func (s *manyFiles) Read(_ context.Context, _ Object, dst []byte, _ int64) ([]byte, error) {
	s.read.Add(1)
	return append(dst, s.body...), nil
}

// slowSink keeps nothing; each Add waits to be let go.
type slowSink struct {
	letGo chan struct{}
	added atomic.Int64
}

func (s *slowSink) NextLogFileID(context.Context) (int64, error) { return 1, nil }

func (s *slowSink) Ledger(context.Context, string, string, string) (map[string]LedgerEntry, error) {
	return nil, nil
}

func (s *slowSink) Add(_ context.Context, b *Batch) (BatchResult, error) {
	<-s.letGo
	s.added.Add(int64(len(b.Files)))
	return BatchResult{Inserted: int64(len(b.EventIDs))}, nil
}

func (s *slowSink) Commit(context.Context) error { return nil }

// TestRunHoldsLittle holds that however slow the sink is, only so many log files
// and bytes are in flight: memory does not grow with the input.
func TestRunHoldsLittle(t *testing.T) {
	const decoders, concurrency, files = 2, 8, 100
	record := cttest.Sample("Decrypt", "111122223333", time.Date(2026, 1, 4, 6, 0, 0, 0, time.UTC))
	for name, tt := range map[string]struct{ size, held int64 }{
		// A batch of one file in each decoder and one in the sink; what was read is
		// with the readers, and as much waits.
		"small": {1, decoders + 1 + 2*concurrency},
		// What is in batches does not count to the stored bytes.
		"large": {bodyBytes / 4, decoders + 1 + 4},
		"huge":  {bodyBytes * 2, decoders + 1 + 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &manyFiles{n: files, size: tt.size, body: cttest.LogFile(record.JSON())}
				sink := &slowSink{letGo: make(chan struct{})}
				done := make(chan error, 1)
				go func() {
					_, err := Run(t.Context(), Options{Source: src, Sink: sink, Decoders: decoders, Concurrency: concurrency, CommitRows: 1})
					done <- err
				}()
				for sink.added.Load() < files {
					synctest.Wait()
					held, left := src.read.Load()-sink.added.Load(), files-sink.added.Load()
					if held != min(tt.held, left) {
						t.Errorf("%d log files in flight, want %d; %d are left", held, tt.held, left)
					}
					sink.letGo <- struct{}{}
					synctest.Wait()
				}
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
