//go:build duckdb_arrow

package duck

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const childRevive = "KMSTRAIL_TEST_REVIVE"

// TestRevive has a process whose files may not grow any more, as on a full disk.
// A checkpoint fits into the file, and its mark does not fit into the log: DuckDB
// gives the database up. Everything committed is there again soon, first for
// readers, and for writers when there is space.
func TestRevive(t *testing.T) {
	if dir := os.Getenv(childRevive); dir != "" {
		loseAndRevive(t, dir)
		return
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRevive$", "-test.v")
	child.Env = append(os.Environ(), childRevive+"="+t.TempDir())
	out, err := child.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func loseAndRevive(t *testing.T, dir string) {
	path := filepath.Join(dir, "a.db")
	s := mustOpen(t, path)
	const n = 1000
	mustCommit(t, s, batchOf(eventsOf(1, 0, n), nil))
	streaming, err := s.Query(t.Context(), "SELECT range FROM range(10_000_000)")
	if err != nil {
		t.Fatal(err)
	}
	defer streaming.Release()
	planned, err := s.PlanUserQuery(t.Context(), "SELECT 1")
	if err != nil {
		t.Fatal(err)
	}
	defer planned.Close()

	signal.Ignore(syscall.SIGXFSZ) // so that the write fails and not the process
	var most syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &most); err != nil {
		t.Fatal(err)
	}
	full := syscall.Rlimit{Cur: uint64(size(t, path+".wal")), Max: most.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		t.Fatal(err)
	}
	if err := s.Checkpoint(t.Context()); err == nil {
		t.Fatal("a checkpoint is made without space for its mark")
	} else {
		t.Log(err)
	}
	if _, err := s.scalar(t.Context(), "SELECT 1"); err == nil || !strings.Contains(err.Error(), "opened anew") {
		t.Fatalf("the database is not lost: %v", err)
	}
	revived := func() bool { return s.unavailable() == nil }
	waitFor(t, revived)
	if got := count(t, s, "SELECT count(*) FROM kms_events"); got != n {
		t.Errorf("%d events when it was opened anew, want %d", got, n)
	}
	for streaming.Next() {
	}
	if err := streaming.Err(); !errors.Is(err, ErrReopening) {
		t.Errorf("a result that was read meanwhile: %v", err)
	}
	if _, err := planned.Query(t.Context(), Limits{}); !errors.Is(err, ErrClosed) {
		t.Errorf("a plan made before: %v", err)
	}
	if _, err := s.UserQuery(t.Context(), "SELECT * FROM read_text('/etc/hostname')", Limits{}); err == nil {
		t.Error("files can be read after it was opened anew")
	}
	if _, err := addAndCommit(t.Context(), s, batchOf(eventsOf(2, n, 10*n), nil)); err == nil {
		t.Error("a commit finds space")
	} else {
		t.Log(err)
	}

	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &most); err != nil {
		t.Fatal(err)
	}
	waitFor(t, revived)
	mustCommit(t, s, batchOf(eventsOf(2, n, 10*n), nil))
	if got := count(t, s, "SELECT count(*) FROM kms_events"); got != 11*n {
		t.Errorf("%d events in the end, want %d", got, 11*n)
	}
	if got := count(t, s, "SELECT sum(inserted_count)::BIGINT FROM log_files"); got != 11*n {
		t.Errorf("%d events in the ledger, want %d", got, 11*n)
	}
}

// TestCloseWhileReviving: a store can be closed whatever it is doing.
func TestCloseWhileReviving(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "a.db"))
	held, err := s.connect()
	if err != nil {
		t.Fatal(err)
	}
	s.reviveSoon("a test says so")
	if _, err := s.connect(); !errors.Is(err, ErrReopening) {
		t.Errorf("a connection meanwhile: %v", err)
	}
	if err := s.Checkpoint(t.Context()); !errors.Is(err, ErrReopening) {
		t.Errorf("a checkpoint meanwhile: %v", err)
	}
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	held.close()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if _, err := s.connect(); !errors.Is(err, ErrClosed) {
		t.Errorf("a connection in the end: %v", err)
	}
}

// TestMemoryIsNotRevived: an empty database would answer as if nothing had
// happened.
func TestMemoryIsNotRevived(t *testing.T) {
	s := mustOpen(t, Memory)
	s.reviveSoon("a test says so")
	if s.unavailable() != nil {
		t.Error("a database in memory is opened anew")
	}
}

// eventsOf returns n events of a log file.
func eventsOf(file int64, first, n int) []event {
	events := make([]event, n)
	for i := range events {
		events[i] = event{n: first + i + 1, file: file, index: i}
	}
	return events
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatal("it never came")
		case <-time.After(time.Millisecond):
		}
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
