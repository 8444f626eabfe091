//go:build duckdb_arrow && trino

package sqllint_test

import (
	"context"
	"os"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/internal/trino"
)

// TestCasesOnTrino runs the same cases on the Trino that the environment names.
func TestCasesOnTrino(t *testing.T) {
	url := os.Getenv("TEST_TRINO_URL")
	if url == "" {
		t.Fatal("TEST_TRINO_URL is not set: it is the address of a Trino server; make test-trino starts one")
	}
	server, err := trino.Open(t.Context(), trino.Options{URL: url, Catalog: "memory", Schema: "default"})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	compare(t, 1, func(ctx context.Context, sql string) (array.RecordReader, error) {
		return server.Query(ctx, sql)
	})
}
