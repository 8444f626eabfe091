//go:build duckdb_arrow

package duck

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/kmstrail/kmstrail/schema"
)

// earlierStores are files that earlier versions wrote; see testdata/upgrade.
func earlierStores(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("testdata/upgrade/*.duckdb.zst")
	if err != nil || len(names) == 0 {
		t.Fatalf("no stores of earlier versions: %v", err)
	}
	return names
}

// unpackStore puts a copy of such a file at path.
func unpackStore(t *testing.T, name, path string) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// stored are the rows of the tables and kept views that a file of an earlier
// version has, as the SQL in that file says, and the columns they have.
type stored struct {
	columns map[string][]string
	rows    map[string][]string
}

// readEarlier reads a file without migrating it.
func readEarlier(t *testing.T, path string) stored {
	t.Helper()
	r := rawOpen(t, path)
	defer r.done()
	s := &Store{writer: r.conn}
	tables, err := s.columnsOf(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := stored{map[string][]string{}, map[string][]string{}}
	for _, table := range schema.Tables() {
		if columns, ok := tables[table.Name]; ok {
			out.columns[table.Name] = slices.Sorted(maps.Keys(columns))
		}
	}
	for _, v := range schema.KeptViews() {
		if v.Kept.By == "second" {
			continue // maintaining moves them into request_rate, which has them all
		}
		columns, err := r.text(t.Context(), "SELECT coalesce(string_agg(column_name, ',' ORDER BY column_name), '') FROM duckdb_columns() WHERE database_name = current_database() AND table_name = ?", v.Name)
		if err != nil {
			t.Fatal(err)
		}
		if columns != "" {
			out.columns[v.Name] = strings.Split(columns, ",")
		}
	}
	for name, columns := range out.columns {
		if out.rows[name], err = linesOf(t.Context(), r.conn, name, columns); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// after reads the same tables and columns from a store of today.
func (e stored) after(t *testing.T, s *Store) map[string][]string {
	t.Helper()
	c, err := s.connect()
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	out := map[string][]string{}
	for name, columns := range e.columns {
		if out[name], err = linesOf(t.Context(), c, name, columns); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// linesOf returns the rows of a table, one line each, sorted.
func linesOf(ctx context.Context, c *conn, name string, columns []string) ([]string, error) {
	quoted := make([]string, len(columns))
	for i, column := range columns {
		quoted[i] = ident(column)
	}
	text, err := c.text(ctx, "SELECT coalesce(string_agg(line, chr(10) ORDER BY line), '') FROM (SELECT concat_ws(' | ', "+strings.Join(quoted, ", ")+")::VARCHAR AS line FROM main."+ident(name)+")")
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if text == "" {
		return nil, nil
	}
	return strings.Split(text, "\n"), nil
}

// TestUpgrade: a file of an earlier version has every row after it was opened,
// and its sums are those that follow from its events.
func TestUpgrade(t *testing.T) {
	for _, name := range earlierStores(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "store.duckdb")
			unpackStore(t, name, path)
			before := readEarlier(t, path)
			if len(before.rows["kms_events"]) < 100 || len(before.rows["usage_hourly"]) < 10 || len(before.rows["findings"]) < 4 {
				t.Fatalf("the file has %d events, %d hours, %d findings", len(before.rows["kms_events"]), len(before.rows["usage_hourly"]), len(before.rows["findings"]))
			}
			// The backup that one makes first, restored by today's program, is the
			// same.
			restored := filepath.Join(t.TempDir(), "restored.duckdb")
			mustRestore(t, path, restored, RestoreOptions{})
			for _, path := range []string{path, restored} {
				s := mustOpen(t, path)
				if diff := cmp.Diff(before.rows, before.after(t, s)); diff != "" {
					t.Fatalf("%s (-earlier +today):\n%s", path, diff)
				}
				rebuilt(t, s)
				if diff := cmp.Diff(before.rows, before.after(t, s)); diff != "" {
					t.Fatalf("%s, rebuilt (-earlier +today):\n%s", path, diff)
				}
				maintain(t, s, Maintenance{All: true})
				if diff := cmp.Diff(before.rows, before.after(t, s)); diff != "" {
					t.Fatalf("%s, maintained (-earlier +today):\n%s", path, diff)
				}
				// It goes on from there.
				next := count(t, s, "SELECT max(commit_id) + 1 FROM changed_cells")
				mustCommit(t, s, batchOf(calls(100_000, 10, day, time.Second), nil))
				if got := count(t, s, "SELECT max(commit_id) FROM changed_cells"); got != next {
					t.Errorf("the next commit has the number %d, want %d", got, next)
				}
				rebuilt(t, s)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			s, err := Open(t.Context(), path, Options{ReadOnly: true})
			if err != nil {
				t.Fatalf("not migrated for good: %v", err)
			}
			s.Close()
		})
	}
}
