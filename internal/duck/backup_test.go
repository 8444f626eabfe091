//go:build duckdb_arrow

package duck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// openWithBackups opens a store that has some calls, and a directory for
// backups.
func openWithBackups(t *testing.T, calls ...event) (s *Store, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "backups")
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), Options{BackupDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if len(calls) > 0 {
		mustCommit(t, s, batchOf(calls, nil))
	}
	return s, dir
}

func mustBackUp(t *testing.T, s *Store, name string) BackedUp {
	t.Helper()
	done, err := s.Backup(t.Context(), name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// files lists a directory, without what says who is at work in it.
func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".lock") {
			names = append(names, e.Name())
		}
	}
	return names
}

// contents returns all rows of all tables, as text and sorted.
func contents(t *testing.T, s *Store) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, name := range table(t, s, "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' AND database_name = current_database()") {
		for _, row := range table(t, s, "SELECT * FROM main."+ident(name[0])+"") {
			out[name[0]] = append(out[name[0]], strings.Join(row, " | "))
		}
		slices.Sort(out[name[0]])
	}
	return out
}

func TestBackup(t *testing.T) {
	s, dir := openWithBackups(t, calls(1, 500, day, time.Hour)...)
	before := time.Now()
	done := mustBackUp(t, s, "copy.db")
	if got := files(t, dir); !slices.Equal(got, []string{"copy.db"}) {
		t.Errorf("the directory holds %q", got)
	}
	info, err := os.Stat(done.Path)
	if err != nil {
		t.Fatal(err)
	}
	if done.Path != filepath.Join(dir, "copy.db") || done.Bytes != info.Size() || done.Commit != 1 || done.Rows < 501 ||
		done.MadeAt.Before(before) || done.Took <= 0 || info.Mode().Perm() != 0o600 {
		t.Errorf("%+v, mode %v", done, info.Mode())
	}
	if _, err := s.Backup(t.Context(), "copy.db", nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second backup of that name: %v", err)
	}
	if _, err := drain(s.UserQuery(t.Context(), "SELECT * FROM read_text('"+done.Path+"')", Limits{})); err == nil {
		t.Error("a user read the backup")
	}
	want := contents(t, s)
	backup, err := Open(t.Context(), done.Path, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	mark, err := backup.writer.text(t.Context(), "SELECT value FROM meta WHERE name = 'backup'")
	if err != nil {
		t.Fatal(err)
	}
	var said backupMark
	if err := json.Unmarshal([]byte(mark), &said); err != nil || said.Commit != 1 || said.Rows["kms_events"] != 500 {
		t.Errorf("the backup says %s, %v", mark, err)
	}
	if err := backup.Close(); err != nil {
		t.Fatal(err)
	}
	// Opened for writing it is a store like any other.
	copied := mustOpen(t, done.Path)
	if diff := cmp.Diff(want, contents(t, copied)); diff != "" {
		t.Errorf("(-store +backup):\n%s", diff)
	}
	if res := mustCommit(t, copied, batchOf(calls(1, 5, day, time.Hour), nil)); res.Duplicates != 5 {
		t.Errorf("%+v", res)
	}
	rebuilt(t, copied)
}

func TestBackupNames(t *testing.T) {
	s, dir := openWithBackups(t)
	for _, name := range []string{"", ".", "..", "../x.db", "/tmp/x.db", "a/b", `a\b`, ".hidden", "x.db.partial", "x.wal", "x.lock", "x.tmp", "a\x00b", "a\nb", "-x", strings.Repeat("x", 300)} {
		if _, err := s.Backup(t.Context(), name, nil); !errors.Is(err, ErrBackupName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory was made for nothing: %v", err)
	}
	if done := mustBackUp(t, s, "it's [a] *; %d ü.db"); count(t, mustOpen(t, done.Path), "SELECT count(*) FROM log_files") != 0 {
		t.Error("a store without log files has some in its backup")
	}
	if _, err := openTemp(t).Backup(t.Context(), "x.db", nil); err == nil || !strings.Contains(err.Error(), "no backup directory") {
		t.Errorf("without a directory: %v", err)
	}
}

// TestBackupLeavesLinksAlone: a link cannot make it write elsewhere.
func TestBackupLeavesLinksAlone(t *testing.T) {
	s, dir := openWithBackups(t, calls(1, 5, day, time.Hour)...)
	mustBackUp(t, s, "first.db")
	elsewhere := write(t, t.TempDir(), "precious", "do not touch")
	for _, name := range []string{"a.db", "b.db" + partial, "b.db" + partial + ".wal"} {
		if err := os.Symlink(elsewhere, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "c.db")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.db", "c.db"} {
		if _, err := s.Backup(t.Context(), name, nil); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	mustBackUp(t, s, "b.db")
	if text, err := os.ReadFile(elsewhere); err != nil || string(text) != "do not touch" {
		t.Errorf("written through a link: %q, %v", text, err)
	}
	if info, err := os.Lstat(filepath.Join(dir, "b.db")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("%v, %v", info, err)
	}
}

// TestBackupBesideCommits: commits that come while it copies go through, and
// nothing of them is in it; what is in it is as after one commit.
func TestBackupBesideCommits(t *testing.T) {
	s, _ := openWithBackups(t, calls(1, 10_000, day, time.Minute)...)
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for n := 100_000; ; n += 50 {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			b := batchOf(calls(n, 50, day, time.Minute), nil)
			_, err := addAndCommit(context.WithoutCancel(t.Context()), s, b)
			release(b)
			if err != nil {
				ended <- err
				return
			}
		}
	}()
	for i := range 2 {
		done := mustBackUp(t, s, fmt.Sprintf("copy%d.db", i))
		backup := mustOpen(t, done.Path)
		if got := count(t, backup, "SELECT max(commit_id) FROM changed_cells"); got != done.Commit {
			t.Errorf("last commit %d, reported %d", got, done.Commit)
		}
		if n := count(t, backup, "SELECT (SELECT sum(inserted_count)::BIGINT FROM log_files) - (SELECT count(*) FROM kms_events)"); n != 0 {
			t.Errorf("the ledger counts %d events more than there are", n)
		}
		if n := count(t, backup, "SELECT count(*) FROM kms_events"); n != 10_000+50*(done.Commit-1) {
			t.Errorf("%d events after %d commits", n, done.Commit)
		}
		rebuilt(t, backup)
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// TestCopySeesOneMoment: whatever is committed, taken out or written to the file
// while it copies is not in the copy.
func TestCopySeesOneMoment(t *testing.T) {
	s, dir := openWithBackups(t, calls(1, 3000, day, time.Minute)...)
	want := contents(t, s)
	c, err := s.connect()
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	dest := filepath.Join(filepath.Dir(dir), "copy.db")
	err = c.exec(t.Context(), "ATTACH "+quote(dest)+" AS x")
	if err == nil {
		t.Error("a database was attached outside of the directory for backups")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	dest = filepath.Join(dir, "copy.db")
	if err := c.exec(t.Context(), "ATTACH "+quote(dest)+" AS "+ident(backupAlias)+" (HIDDEN)"); err != nil {
		t.Fatal(err)
	}
	var mark backupMark
	err = c.copyDatabase(t.Context(), "store", backupAlias, &mark, func() error {
		mustCommit(t, s, batchOf(calls(10_000, largeCommit, day, time.Second), nil))
		if err := s.Checkpoint(t.Context()); err != nil {
			return err
		}
		// From the first row on that is taken out, checkpoints wait for the copy.
		correction := decrypt(9000, day.Add(time.Second))
		correction.supersedes = 7
		mustCommit(t, s, batchOf(append(calls(5000, 100, day, time.Minute), correction), nil))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.exec(t.Context(), "DETACH "+ident(backupAlias)); err != nil {
		t.Fatal(err)
	}
	if n := count(t, s, "SELECT count(*) FROM kms_events"); n != 3000-1+101+largeCommit || mark.Commit != 1 || mark.Rows["kms_events"] != 3000 {
		t.Errorf("%d events in the store, mark %+v", n, mark)
	}
	if diff := cmp.Diff(want, contents(t, mustOpen(t, dest))); diff != "" {
		t.Errorf("(-store before +copy):\n%s", diff)
	}
	rebuilt(t, s)
}

func TestTwoBackupsAtOnce(t *testing.T) {
	s, dir := openWithBackups(t, calls(1, 5, day, time.Hour)...)
	var second, other error
	neighbour, err := Open(t.Context(), filepath.Join(t.TempDir(), "other.db"), Options{BackupDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer neighbour.Close()
	asked := false
	_, err = s.Backup(t.Context(), "one.db", func(int64, int64) {
		if !asked {
			asked = true
			_, second = s.Backup(t.Context(), "two.db", nil)
			_, other = neighbour.Backup(t.Context(), "three.db", nil)
		}
	})
	if err != nil || !errors.Is(second, ErrBackupRuns) || !errors.Is(other, ErrBackupRuns) {
		t.Errorf("first %v, second %v, of another store %v", err, second, other)
	}
	if got := files(t, dir); !slices.Equal(got, []string{"one.db"}) {
		t.Errorf("the directory holds %q", got)
	}
	mustBackUp(t, neighbour, "three.db")
}

// TestBackupStops: a backup that is told to stop, or whose store is closed,
// leaves nothing behind, and the store goes on.
func TestBackupStops(t *testing.T) {
	s, dir := openWithBackups(t, calls(1, 2000, day, time.Hour)...)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := s.Backup(ctx, "one.db", func(int64, int64) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("the directory holds %q", got)
	}
	mustCommit(t, s, batchOf(calls(5000, 5, day, time.Hour), nil))
	mustBackUp(t, s, "two.db")
	closed := make(chan error, 1)
	var once sync.Once
	_, err = s.Backup(t.Context(), "three.db", func(int64, int64) {
		once.Do(func() {
			go func() { closed <- s.Close() }()
			<-s.background.Done()
		})
	})
	if !errors.Is(err, ErrClosed) {
		t.Errorf("closed in the middle: %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if got := files(t, dir); !slices.Equal(got, []string{"two.db"}) {
		t.Errorf("the directory holds %q", got)
	}
	if _, err := s.Backup(t.Context(), "four.db", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("of a closed store: %v", err)
	}
	mustOpen(t, s.Path())
}

func TestBackupNeedsSpace(t *testing.T) {
	err := checkFree(t.TempDir(), 1<<60)
	if _, known := freeSpace(t.TempDir()); known && (err == nil || !strings.Contains(err.Error(), "MB are needed")) {
		t.Errorf("an exabyte fits: %v", err)
	}
	if err := checkFree(t.TempDir(), 0); err != nil {
		t.Error(err)
	}
}

// TestCheckBackup: what is not as was written is not taken for a backup.
func TestCheckBackup(t *testing.T) {
	s, dir := openWithBackups(t, calls(1, 50, day, time.Hour)...)
	for _, change := range []string{
		"DELETE FROM kms_events WHERE event_time = (SELECT min(event_time) FROM kms_events)",
		"DROP TABLE quotas",
		"DELETE FROM changed_cells",
		"UPDATE meta SET value = '{}' WHERE name = 'backup'",
		"DELETE FROM meta WHERE name = 'backup'",
	} {
		want := backupMark{}
		done := mustBackUp(t, s, "copy.db")
		raw := rawOpen(t, done.Path)
		text, err := raw.text(t.Context(), "SELECT value FROM meta WHERE name = 'backup'")
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		if err := raw.exec(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		raw.done()
		if err := checkBackup(t.Context(), done.Path, want); err == nil {
			t.Errorf("not noticed: %s", change)
		} else {
			t.Logf("%s: %v", change, err)
		}
		removeDatabase(filepath.Join(dir, "copy.db"))
	}
}

// raw is a database opened without looking at what it is.
type raw struct {
	*conn

	done func()
}

func rawOpen(t *testing.T, path string) raw {
	t.Helper()
	s := &Store{path: path}
	if err := s.openDatabase(); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.writer, err = connect(s.db); err != nil {
		t.Fatal(err)
	}
	return raw{s.writer, func() {
		if err := s.release(); err != nil {
			t.Error(err)
		}
	}}
}
