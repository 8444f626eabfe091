package serve

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestLastBackup finds backups whatever they are called, and nothing else.
func TestLastBackup(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i, name := range []string{".backup.lock", "x.duckdb.partial", "x.duckdb.wal", "before-upgrade", "kms-20260102T030405Z.db"} {
		if got := lastBackup(dir); i <= 3 && got != nil {
			t.Errorf("before %s: %v", name, got)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		at = at.Add(time.Hour)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		if got := lastBackup(dir); i >= 3 && (got == nil || !got.Equal(at)) {
			t.Errorf("after %s: %v, want %v", name, got, at)
		}
	}
}
