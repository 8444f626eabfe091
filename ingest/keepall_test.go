package ingest_test

import (
	"context"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/kmstrail/kmstrail/ingest"
)

// keeper keeps what it is given.
type keeper struct {
	batches    []arrow.RecordBatch
	rows       []int64
	duplicates int64
}

func (k *keeper) NextLogFileID(context.Context) (int64, error) { return 1, nil }

func (k *keeper) Ledger(context.Context, string, string, string) (map[string]ingest.LedgerEntry, error) {
	return nil, nil
}

func (k *keeper) Add(_ context.Context, b *ingest.Batch) (ingest.BatchResult, error) {
	for _, rec := range []arrow.RecordBatch{b.Events, b.Repeats} {
		if rec != nil {
			k.batches = append(k.batches, rec)
			k.rows = append(k.rows, rec.NumRows())
		}
	}
	for i := range b.Files {
		k.duplicates += b.Files[i].Duplicates
	}
	return ingest.BatchResult{}, nil
}

func (k *keeper) Commit(context.Context) error { return nil }

// TestKeepAll holds that a sink that asks for everything gets records again that
// were delivered again.
func TestKeepAll(t *testing.T) {
	dir := t.TempDir()
	distinct := writeBucket(t, dir, 30, 30)
	for _, keepAll := range []bool{false, true} {
		k := &keeper{}
		sum, err := ingest.Run(t.Context(), ingest.Options{Source: openDir(t, dir), Sink: k, KeepAll: keepAll, Decoders: 1})
		if err != nil {
			t.Fatal(err)
		}
		var rows int64
		for i, rec := range k.batches {
			if rows += rec.NumRows(); rec.NumRows() != k.rows[i] {
				t.Errorf("a batch of %d rows has %d now", k.rows[i], rec.NumRows())
			}
		}
		want := int64(distinct)
		if keepAll {
			want = sum.KMS
		}
		if rows != want || rows+k.duplicates != sum.KMS {
			t.Errorf("keepAll %v: %d rows and %d duplicates of %d records", keepAll, rows, k.duplicates, sum.KMS)
		}
	}
}
