//go:build duckdb_arrow && linux

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
)

// A disk that is full: the child process may write files of 4 MB at most.
func TestCommitOnAFullDisk(t *testing.T) {
	if dir := os.Getenv("KMSTRAIL_TEST_FULL_DISK"); dir != "" {
		commitUntilFull(t, dir)
		return
	}
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestCommitOnAFullDisk$", "-test.v")
	child.Env = append(os.Environ(), "KMSTRAIL_TEST_FULL_DISK="+dir)
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := mustOpen(t, filepath.Join(dir, "a.db"))
	if n := count(t, s, "SELECT count(*) FROM kms_events"); n%fullDiskBatch != 0 {
		t.Errorf("%d events: part of a batch was stored", n)
	}
	if n := count(t, s, "SELECT count(*) - sum(inserted_count)::BIGINT FROM kms_events, (SELECT sum(inserted_count) AS inserted_count FROM log_files) GROUP BY ALL"); n > 0 {
		t.Errorf("ledger and events differ by %d", n)
	}
}

const fullDiskBatch = 3000

func commitUntilFull(t *testing.T, dir string) {
	s, err := Open(context.Background(), filepath.Join(dir, "a.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ) // so that the write fails and not the process
	limit := syscall.Rlimit{Cur: 4 << 20, Max: 4 << 20}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		events := make([]event, fullDiskBatch)
		for j := range events {
			events[j] = event{n: i*fullDiskBatch + j + 1, file: int64(i), index: j}
		}
		_, err := addAndCommit(context.Background(), s, batchOf(events, nil))
		if err == nil {
			continue
		}
		var duckErr *Error
		if !errors.As(err, &duckErr) || !strings.Contains(err.Error(), "commit") {
			t.Errorf("not a clear error: %v", err)
		}
		t.Logf("after %d batches: %v", i, err)
		return
	}
	t.Error("the disk never was full")
}
