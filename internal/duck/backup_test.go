//go:build duckdb_arrow

package duck

import (
	"context"
	"path/filepath"
	"testing"
)

func TestBackup(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s, err := Open(ctx, filepath.Join(t.TempDir(), "a.db"), Options{BackupDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mustCommit(t, s, batchOf([]event{{n: 1, file: 1}, {n: 2, file: 1, index: 1}}, nil))
	for range 2 {
		err = s.Backup(ctx, "copy.db")
		if n := count(t, s, "SELECT count(*) FROM kms_calls c JOIN kms_events e ON e.event_id = c.event_id"); n < 0 {
			t.Error("the database is not usable after a backup")
		}
	}
	if err == nil {
		t.Error("a backup was overwritten")
	}
	for _, name := range []string{"", "../x.db", "/tmp/x.db"} {
		if err := s.Backup(ctx, name); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
	if _, err := drain(s.UserQuery(ctx, "SELECT * FROM read_text('"+dir+"/copy.db')", Limits{})); err == nil {
		t.Error("a user read the backup")
	}
	backup := mustOpen(t, filepath.Join(dir, "copy.db"))
	if n := count(t, backup, "SELECT count(*) FROM kms_events"); n != 2 {
		t.Errorf("the backup has %d events, want 2", n)
	}
	if res := mustCommit(t, backup, batchOf([]event{{n: 1, file: 2}}, nil)); res.Duplicates != 1 {
		t.Errorf("%+v", res)
	}
}
