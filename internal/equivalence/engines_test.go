//go:build duckdb_arrow && trino

package equivalence_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/kmstrail/kmstrail/ingest/s3source"
	"github.com/kmstrail/kmstrail/internal/casestore"
	"github.com/kmstrail/kmstrail/internal/lake"
	"github.com/kmstrail/kmstrail/internal/trino"
	"github.com/kmstrail/kmstrail/internal/trinoserver"
)

// engines are a store and the Trino that reads an export of it.
type engines struct {
	duck  *casestore.Store
	trino lake.Engine
}

// slot is a place of Trino that holds one store after the other. Its views are
// made once, its tables' partitions for every store.
type slot struct {
	dir, schema string
	engine      *trino.Engine
	ready       bool
}

// slots lends out the slots: one more than two cores, because much of a case is
// waiting.
var slots = sync.OnceValue(func() chan *slot {
	c := make(chan *slot, 3)
	for i := range cap(c) {
		c <- &slot{schema: fmt.Sprintf("equivalence_%d", i)}
	}
	return c
})

// exported exports a store and gives both engines that read it.
func exported(t *testing.T, store *casestore.Store) engines {
	t.Helper()
	s := <-slots()
	t.Cleanup(func() { slots() <- s })
	ctx := context.WithoutCancel(t.Context())
	if err := s.load(ctx, store); err != nil {
		t.Fatal(err)
	}
	return engines{store, lake.Engine{Querier: s.engine}}
}

func (s *slot) load(ctx context.Context, store *casestore.Store) error {
	if s.engine == nil {
		if err := s.open(ctx); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return err
	}
	bucket, err := lake.Open(ctx, s.dir, s3source.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if _, err := lake.Export(ctx, store, bucket, lake.ExportOptions{Maker: "test"}); err != nil {
		return err
	}
	extent, err := lake.ReadExtent(ctx, bucket)
	if err != nil {
		return err
	}
	return s.describe(ctx, extent)
}

func (s *slot) open(ctx context.Context) error {
	url, root := os.Getenv("TEST_TRINO_URL"), os.Getenv("TEST_TRINO_ROOT")
	if url == "" || root == "" {
		return fmt.Errorf("TEST_TRINO_URL and TEST_TRINO_ROOT are not set: run make test-trino")
	}
	e, err := trino.Open(ctx, trino.Options{URL: url, Catalog: "lake", Schema: s.schema, User: "test"})
	s.engine, s.dir = e, filepath.Join(root, s.schema)
	return err
}

// describe tells Trino of the files: everything the first time, afterwards the
// tables whose partitions are others now.
func (s *slot) describe(ctx context.Context, extent lake.Extent) error {
	location, err := trinoserver.Location(os.Getenv("TEST_TRINO_ROOT"), s.dir)
	if err != nil {
		return err
	}
	statements, err := lake.DDL(lake.DDLOptions{
		Dialect: lake.Trino, Location: location, Catalog: "lake", Schema: s.schema,
		Regions: append(extent.Regions, "us-east-1"), FirstDay: extent.FirstDay, LastDay: extent.LastDay,
	})
	if err != nil {
		return err
	}
	for _, st := range statements {
		if table := lake.TableNamed(st.Creates); s.ready && (table == nil || len(table.Partitions) == 0) {
			continue
		}
		if err := s.engine.Exec(ctx, st.SQL); err != nil {
			return fmt.Errorf("make %s: %w", st.Creates, err)
		}
	}
	s.ready = true
	return nil
}
