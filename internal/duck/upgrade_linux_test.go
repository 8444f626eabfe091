//go:build duckdb_arrow && linux

package duck

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestKilledUpgrade: whenever a process is killed while it migrates a file, the
// next one finds every row.
func TestKilledUpgrade(t *testing.T) {
	if dir := child(); dir != "" {
		_, _ = os.Stdout.WriteString("migrating\n")
		s, err := Open(t.Context(), filepath.Join(dir, "store.duckdb"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return
	}
	name := earlierStores(t)[0] // the oldest has most to migrate
	killed := 0
	for _, after := range []int{5, 20, 50, 90, 140, 200, 300, 450} { // milliseconds
		dir := t.TempDir()
		path := filepath.Join(dir, "store.duckdb")
		unpackStore(t, name, path)
		before := readEarlier(t, path)
		for runChild(t, dir, time.Duration(after)*time.Millisecond) { // and again, until one comes through
			killed++
			after *= 2
		}
		s := mustOpen(t, path)
		if diff := cmp.Diff(before.rows, before.after(t, s)); diff != "" {
			t.Fatalf("killed after %d ms (-before +after):\n%s", after, diff)
		}
		rebuilt(t, s)
	}
	t.Logf("killed %d times", killed)
}
