//go:build duckdb_arrow

package duck

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/ingest"
)

func mustRestore(t *testing.T, backup, path string, opts RestoreOptions) Restored {
	t.Helper()
	done, err := Restore(t.Context(), backup, path, opts)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// history makes batches of whole log files: calls, changes of keys, a
// correction, and repetitions of earlier files.
func history() []*ingest.Batch {
	var out []*ingest.Batch
	for i := range 12 {
		events := calls(1+100*i, 100, day.Add(time.Duration(i)*3*time.Hour), time.Minute)
		for j := range events {
			events[j].file, events[j].index = int64(i), j
		}
		alias := decrypt(5000+i, day.Add(time.Duration(i)*time.Hour), "event_name", "CreateAlias", "operation_class", "alias", "alias_name", "alias/app")
		alias.file, alias.index = int64(i), 100
		events = append(events, alias)
		if i == 7 {
			events[3].supersedes = 42
		}
		out = append(out, batchOf(events, nil))
	}
	return out
}

// ingestNew stores the batches whose log files the ledger does not know yet, as
// an ingest does after it has listed all.
func ingestNew(t *testing.T, s *Store, batches []*ingest.Batch) (read int) {
	t.Helper()
	for _, b := range batches {
		var unknown bool
		for _, f := range b.Files {
			known, err := s.Ledger(t.Context(), f.Source, f.Object.Key, f.Object.Key)
			if err != nil {
				t.Fatal(err)
			}
			unknown = unknown || len(known) == 0
		}
		if !unknown {
			continue
		}
		read++
		if _, err := addAndCommit(t.Context(), s, b); err != nil {
			t.Fatal(err)
		}
	}
	return read
}

// told are the columns that tell what is stored, and not when it was or by
// which commit.
func told(t *testing.T, s *Store) map[string][][]string {
	t.Helper()
	out := map[string][][]string{}
	for name, columns := range map[string]string{
		"kms_events": "*", "log_files": "* EXCLUDE (ingested_at)", "quarantine": "* EXCLUDE (quarantined_at)", "corrections": "*", "related_events": "*",
		"usage_hourly": "*", "usage_daily": "*", "request_rate": "*", "key_change_records": "*", "log_file_days": "*",
	} {
		out[name] = table(t, s, "SELECT "+columns+" FROM "+name+" ORDER BY ALL")
	}
	return out
}

// TestRestoreAndIngestAgain: what came after the backup is read again, and then
// everything is as if nothing had been restored.
func TestRestoreAndIngestAgain(t *testing.T) {
	batches := history()
	s, _ := openWithBackups(t)
	never := mustOpen(t, filepath.Join(t.TempDir(), "never.db"))
	ingestNew(t, never, batches)
	ingestNew(t, s, batches[:5])
	asBackup := contents(t, s)
	made := mustBackUp(t, s, "copy.db")
	ingestNew(t, s, batches[5:])
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 9, 8, 7, 6, 0, time.UTC)
	write(t, filepath.Dir(s.Path()), "store.db.watch.json", "all is read")
	var told1, told2 int64 = -1, 0
	done := mustRestore(t, made.Path, s.Path(), RestoreOptions{Replace: true, Now: now, Beside: []string{".watch.json", ".none"}, Progress: func(done, total int64) { told1, told2 = done, total }})
	want := Restored{
		Path: s.Path(), KeptAs: s.Path() + ".replaced-20260309T080706Z", MadeAt: made.MadeAt, Commit: 5, Events: 505,
		First: day, Last: day.Add(12*time.Hour + 99*time.Minute), Rows: made.Rows, Bytes: done.Bytes, CommittedAt: done.CommittedAt, Took: done.Took,
	}
	if diff := cmp.Diff(want, done); diff != "" || done.Bytes < 100_000 || time.Since(done.CommittedAt) > time.Hour || told1 != told2 || told2 <= 0 {
		t.Errorf("(-want +got):\n%s; told %d of %d", diff, told1, told2)
	}
	if got, want := files(t, filepath.Dir(s.Path())), []string{"store.db", "store.db.replaced-20260309T080706Z", "store.db.replaced-20260309T080706Z.watch.json"}; !slices.Equal(got, want) {
		t.Errorf("there are %q", got)
	}
	restored := mustOpen(t, s.Path())
	if diff := cmp.Diff(asBackup, contents(t, restored)); diff != "" {
		t.Errorf("(-when backed up +restored):\n%s", diff)
	}
	if n := ingestNew(t, restored, batches); n != 7 {
		t.Errorf("%d batches were read again, want 7", n)
	}
	if diff := cmp.Diff(told(t, never), told(t, restored)); diff != "" {
		t.Errorf("(-never restored +restored and ingested again):\n%s", diff)
	}
	rebuilt(t, restored)
	old := mustOpen(t, done.KeptAs)
	if diff := cmp.Diff(told(t, never), told(t, old)); diff != "" {
		t.Errorf("the old one was changed:\n%s", diff)
	}
}

// TestRestoreWhereNothingIs also takes a store that was copied while nobody had
// it open.
func TestRestoreWhereNothingIs(t *testing.T) {
	s := openTemp(t)
	ingestNew(t, s, history())
	want := contents(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "new.db")
	// A log without its database must not be taken for one of the new file.
	write(t, filepath.Dir(path), "new.db.wal", "a log of something else")
	done := mustRestore(t, s.Path(), path, RestoreOptions{})
	if done.KeptAs != "" || !done.MadeAt.IsZero() {
		t.Errorf("%+v", done)
	}
	if diff := cmp.Diff(want, contents(t, mustOpen(t, path))); diff != "" {
		t.Error(diff)
	}
	if _, err := Restore(t.Context(), s.Path(), path, RestoreOptions{Replace: true}); !errors.Is(err, ErrLocked) {
		t.Errorf("over a store that is open: %v", err)
	}
	if _, err := Restore(t.Context(), path, filepath.Join(t.TempDir(), "x.db"), RestoreOptions{}); !errors.Is(err, ErrLocked) {
		t.Errorf("of a store that is open: %v", err)
	}
}

// TestRestoreADamagedStore: a store that cannot be opened any more can be
// replaced, its log with it.
func TestRestoreADamagedStore(t *testing.T) {
	s, _ := openWithBackups(t, calls(1, 100, day, time.Hour)...)
	made := mustBackUp(t, s, "copy.db")
	dir := t.TempDir()
	path := write(t, dir, "store.db", "this is not a database any more")
	write(t, dir, "store.db.wal", "and this is no log")
	done := mustRestore(t, made.Path, path, RestoreOptions{Replace: true, Now: day})
	if got := files(t, dir); !slices.Equal(got, []string{"store.db", "store.db.replaced-20260301T000000Z", "store.db.replaced-20260301T000000Z.wal"}) || done.Events != 100 {
		t.Errorf("%q, %+v", got, done)
	}
	if n := count(t, mustOpen(t, path), "SELECT count(*) FROM kms_events"); n != 100 {
		t.Errorf("%d events", n)
	}
}

// TestRestoreTakesBack: when the old files cannot all be kept aside, none is.
func TestRestoreTakesBack(t *testing.T) {
	s, _ := openWithBackups(t, calls(1, 10, day, time.Hour)...)
	made := mustBackUp(t, s, "copy.db")
	dir := t.TempDir()
	for _, name := range []string{"x.db", "x.db.wal", "x.db.watch.json", "x.db.replaced-20260309T080706Z.wal"} {
		write(t, dir, name, "what "+name+" has")
	}
	before := files(t, dir)
	_, err := Restore(t.Context(), made.Path, filepath.Join(dir, "x.db"), RestoreOptions{
		Replace: true, Now: time.Date(2026, 3, 9, 8, 7, 6, 0, time.UTC), Beside: []string{".watch.json"},
	})
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	if after := files(t, dir); !slices.Equal(before, after) {
		t.Errorf("there are %q, were %q", after, before)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "x.db")); err != nil || string(text) != "what x.db has" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestRestoreRefuses(t *testing.T) {
	s, backups := openWithBackups(t, calls(1, 100, day, time.Hour)...)
	made := mustBackUp(t, s, "copy.db")
	dir := t.TempDir()
	newer := mustRestore(t, made.Path, filepath.Join(dir, "newer.db"), RestoreOptions{}).Path
	change := func(path, sql string) {
		t.Helper()
		r := rawOpen(t, path)
		if err := r.exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
		r.done()
	}
	change(newer, "UPDATE meta SET value = '99999' WHERE name = 'schema_version'")
	changed := mustBackUp(t, s, "changed.db").Path
	change(changed, "DELETE FROM kms_events")
	foreign, empty := filepath.Join(dir, "foreign.db"), filepath.Join(dir, "empty.db")
	change(foreign, "CREATE TABLE t (x INTEGER)")
	change(empty, "SELECT 1")
	truncated := write(t, dir, "truncated.db", "")
	if whole, err := os.ReadFile(made.Path); err != nil {
		t.Fatal(err)
	} else if err := os.WriteFile(truncated, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link.db")
	if err := os.Symlink(filepath.Join(dir, "target.db"), link); err != nil {
		t.Fatal(err)
	}
	unfinished := write(t, dir, "copy.db"+partial, "")
	target := filepath.Join(dir, "target.db")
	for _, tt := range []struct {
		name, backup, path string
		is                 error
		says               string
	}{
		{"missing", filepath.Join(dir, "none.db"), target, fs.ErrNotExist, "none.db"},
		{"a directory", dir, target, nil, "not a regular file"},
		{"text", write(t, dir, "notes.txt", strings.Repeat("hello ", 10_000)), target, ErrForeign, ""},
		{"no bytes", write(t, dir, "zero.db", ""), target, nil, ""},
		{"empty database", empty, target, ErrForeign, "empty"},
		{"of another program", foreign, target, ErrForeign, "another program"},
		{"newer", newer, target, ErrNewer, "newer kmstrail"},
		{"changed", changed, target, nil, "0 rows of kms_events and should have 100"},
		{"truncated", truncated, target, nil, ""},
		{"unfinished", unfinished, target, nil, "not completed"},
		{"target exists", made.Path, newer, fs.ErrExist, "newer.db"},
		{"target is the backup", made.Path, made.Path, nil, "same file"},
		{"target is a directory", made.Path, dir, nil, "not a regular file"},
		{"no such directory", made.Path, filepath.Join(dir, "none", "x.db"), nil, "does not exist"},
		{"target is open", made.Path, s.Path(), ErrLocked, "has it open"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Restore(t.Context(), tt.backup, tt.path, RestoreOptions{})
			if err == nil || tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v", err)
			}
			t.Log(err)
			if _, err := os.Lstat(target); err == nil {
				t.Fatal("there is a database now")
			}
		})
	}
	for _, name := range files(t, dir) {
		if strings.Contains(name, restoring) || strings.HasPrefix(name, "target.db") {
			t.Errorf("left: %s", name)
		}
	}
	if got := files(t, backups); !slices.Equal(got, []string{"changed.db", "copy.db"}) {
		t.Errorf("the backups are now %q", got)
	}
	// A link is replaced where it leads to; it stays a link.
	if err := os.Symlink(made.Path, filepath.Join(dir, "latest.db")); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "target.db", "old")
	if done := mustRestore(t, filepath.Join(dir, "latest.db"), link, RestoreOptions{Replace: true, Now: day}); done.Path != target {
		t.Errorf("%+v", done)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode().IsRegular() {
		t.Errorf("%v, %v", info, err)
	}
}

// TestRestoreRunsNothing: what a backup holds besides tables is created, and not
// run: a view over a file does not read it.
func TestRestoreRunsNothing(t *testing.T) {
	s, _ := openWithBackups(t, calls(1, 10, day, time.Hour)...)
	made := mustBackUp(t, s, "copy.db")
	secret := write(t, t.TempDir(), "secret.csv", "a,b\n1,2\n")
	r := rawOpen(t, made.Path)
	if err := r.exec(t.Context(), "CREATE VIEW spy AS SELECT * FROM read_csv("+quote(secret)+")"); err != nil {
		t.Fatal(err)
	}
	r.done()
	path := filepath.Join(t.TempDir(), "new.db")
	mustRestore(t, made.Path, path, RestoreOptions{})
	if _, err := drain(mustOpen(t, path).Query(t.Context(), "SELECT * FROM spy")); err == nil {
		t.Error("the view reads a file")
	}
}
