//go:build duckdb_arrow && linux

package duck

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// child is the directory of a test's second process, "" in the first.
func child() string { return os.Getenv("KMSTRAIL_TEST_CARE") }

// runChild runs the test again in a process of its own. Once it has printed its
// first line it is killed after a time, unless that is negative.
func runChild(t *testing.T, dir string, killAfter time.Duration) (killed bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
	cmd.Env = append(os.Environ(), "KMSTRAIL_TEST_CARE="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	var text []string
	for lines.Scan() {
		text = append(text, lines.Text())
		if len(text) == 1 && killAfter >= 0 {
			time.AfterFunc(killAfter, func() { _ = cmd.Process.Kill() })
		}
	}
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(text, "\n"))
	}
	return false
}

// killTimes are the moments, after it began to copy, at which a process is
// killed. Which of them are in the middle depends on the machine, what is
// checked after them does not.
var killTimes = []time.Duration{0, 5 * time.Millisecond, 20 * time.Millisecond, 60 * time.Millisecond, 120 * time.Millisecond, 250 * time.Millisecond, 600 * time.Millisecond}

// TestKilledBackup: whenever a backup is killed, no file looks whole that is
// not, and the next backup clears up.
func TestKilledBackup(t *testing.T) {
	opts := func(dir string) Options { return Options{BackupDir: filepath.Join(dir, "backups")} }
	if dir := child(); dir != "" {
		s, err := Open(t.Context(), filepath.Join(dir, "store.db"), opts(dir))
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Backup(t.Context(), "copy.db", sayOnce())
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
		return
	}
	dir := t.TempDir()
	s, err := Open(t.Context(), filepath.Join(dir, "store.db"), opts(dir))
	if err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, batchOf(calls(1, 40_000, day, time.Minute), nil))
	want := contents(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	half := 0
	for _, after := range killTimes {
		runChild(t, dir, after)
		left := files(t, filepath.Join(dir, "backups"))
		if slices.Contains(left, "copy.db") {
			backup := mustOpen(t, filepath.Join(dir, "backups", "copy.db"))
			if diff := cmp.Diff(want, contents(t, backup)); diff != "" {
				t.Fatalf("killed after %v: a file that looks whole is not (-store +backup):\n%s", after, diff)
			}
			if err := backup.Close(); err != nil {
				t.Fatal(err)
			}
			removeDatabase(backup.Path())
			continue
		}
		if len(left) > 0 {
			half++
		}
		for _, name := range left {
			if !strings.Contains(name, partial) {
				t.Errorf("killed after %v: left %q", after, left)
			}
			if _, err := Restore(t.Context(), filepath.Join(dir, "backups", name), filepath.Join(dir, "restored.db"), RestoreOptions{}); err == nil {
				t.Errorf("%s was restored", name)
			}
		}
	}
	t.Logf("%d of %d backups were killed in the middle", half, len(killTimes))
	if runChild(t, dir, -1); !slices.Equal(files(t, filepath.Join(dir, "backups")), []string{"copy.db"}) {
		t.Errorf("after a whole one: %q", files(t, filepath.Join(dir, "backups")))
	}
	if diff := cmp.Diff(want, contents(t, mustOpen(t, s.Path()))); diff != "" {
		t.Errorf("the store has changed:\n%s", diff)
	}
}

// sayOnce prints a line when it is first called.
func sayOnce() func(int64, int64) {
	said := false
	return func(int64, int64) {
		if !said {
			said = true
			_, _ = os.Stdout.WriteString("copying\n")
		}
	}
}

// TestKilledRestore: whenever a restore is killed, the old database is there,
// under its name or the one that it was to be kept as, and so is the backup.
func TestKilledRestore(t *testing.T) {
	if dir := child(); dir != "" {
		_, err := Restore(t.Context(), filepath.Join(dir, "backup.db"), filepath.Join(dir, "store.db"),
			RestoreOptions{Replace: true, Now: time.Date(2026, 3, 2, 0, 0, 0, os.Getpid(), time.UTC), Progress: sayOnce()})
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	dir := t.TempDir()
	backup := mustOpen(t, filepath.Join(dir, "backup.db"))
	mustCommit(t, backup, batchOf(calls(1, 40_000, day, time.Minute), nil))
	wantNew := contents(t, backup)
	if err := backup.Close(); err != nil {
		t.Fatal(err)
	}
	const kept = "store.db.replaced-20260302T000000Z"
	half := 0
	for _, after := range killTimes {
		old := mustOpen(t, filepath.Join(dir, "store.db"))
		mustCommit(t, old, batchOf(calls(100_000, 500, day, time.Minute), nil))
		wantOld := contents(t, old)
		if err := old.Close(); err != nil {
			t.Fatal(err)
		}
		if runChild(t, dir, after) {
			half++
		}
		left := files(t, dir)
		is := func(name string, want map[string][]string) {
			t.Helper()
			if _, err := os.Stat(filepath.Join(dir, name+".wal")); err == nil {
				t.Errorf("killed after %v: %s has a log", after, name)
			}
			s := mustOpen(t, filepath.Join(dir, name))
			if diff := cmp.Diff(want, contents(t, s)); diff != "" {
				t.Fatalf("killed after %v: %s of %q is another:\n%s", after, name, left, diff)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			removeDatabase(s.Path())
		}
		switch {
		case slices.Contains(left, kept) && slices.Contains(left, "store.db"):
			is(kept, wantOld)
			is("store.db", wantNew)
		case slices.Contains(left, kept):
			is(kept, wantOld)
		default:
			is("store.db", wantOld)
		}
	}
	t.Logf("%d of %d restores were killed in the middle", half, len(killTimes))
	runChild(t, dir, -1)
	left := slices.DeleteFunc(files(t, dir), func(name string) bool { return strings.HasSuffix(name, ".tmp") })
	if !slices.Equal(left, []string{"backup.db", "store.db"}) {
		t.Errorf("after a whole one: %q", left)
	}
	for _, name := range []string{"backup.db", "store.db"} {
		if diff := cmp.Diff(wantNew, contents(t, mustOpen(t, filepath.Join(dir, name)))); diff != "" {
			t.Errorf("%s is another:\n%s", name, diff)
		}
	}
}

// TestBackupOnAFullDisk: a backup and a restore that do not fit say so and leave nothing.
// The child process may write files of 1 MB at most.
func TestBackupOnAFullDisk(t *testing.T) {
	if dir := child(); dir != "" {
		backUpUntilFull(t, dir)
		return
	}
	dir := t.TempDir()
	s := mustOpen(t, filepath.Join(dir, "store.db"))
	mustCommit(t, s, batchOf(calls(1, 40_000, day, time.Minute), nil))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	runChild(t, dir, -1)
	if got := files(t, filepath.Join(dir, "backups")); len(got) > 0 {
		t.Errorf("left: %q", got)
	}
	got := slices.DeleteFunc(files(t, dir), func(name string) bool { return strings.HasSuffix(name, ".tmp") })
	if !slices.Equal(got, []string{"backups", "store.db"}) {
		t.Errorf("left: %q", got)
	}
	if n := count(t, mustOpen(t, s.Path()), "SELECT count(*) FROM kms_events"); n != 40_000 {
		t.Errorf("the store has %d events", n)
	}
}

func backUpUntilFull(t *testing.T, dir string) {
	ctx := context.Background()
	signal.Ignore(syscall.SIGXFSZ) // so that the write fails and not the process
	limit := syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	restored := filepath.Join(dir, "restored.db")
	if _, err := Restore(ctx, filepath.Join(dir, "store.db"), restored, RestoreOptions{}); err == nil {
		t.Error("restored onto a full disk")
	} else {
		t.Log(err)
	}
	if _, err := os.Lstat(restored); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something is there: %v", err)
	}
	s, err := Open(ctx, filepath.Join(dir, "store.db"), Options{BackupDir: filepath.Join(dir, "backups")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = s.Backup(ctx, "copy.db", nil)
	var duckErr *Error
	if !errors.As(err, &duckErr) || !strings.Contains(err.Error(), "copy.db") {
		t.Errorf("not a clear error: %v", err)
	}
	if n := count(t, s, "SELECT count(*) FROM kms_calls"); n != 40_000 {
		t.Errorf("the store is not usable after that: %d calls", n)
	}
}
