package ingest_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/internal/duck"
)

// kills is how often TestKills kills a run; "make long" raises it.
var kills = flag.Int("kills", 10, "how often to kill an ingesting process")

const (
	childDir   = "KMSTRAIL_TEST_INGEST_DIR"
	childStore = "KMSTRAIL_TEST_INGEST_STORE"
	childSpace = "KMSTRAIL_TEST_INGEST_SPACE" // bytes a file may grow to
)

// TestChildIngest is the process that TestKills kills.
func TestChildIngest(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		t.Skip("runs only as the child of TestKills")
	}
	if space, err := strconv.ParseUint(os.Getenv(childSpace), 10, 64); err == nil {
		signal.Ignore(syscall.SIGXFSZ) // the write fails instead, as on a full disk
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: space, Max: space}); err != nil {
			t.Fatal(err)
		}
	}
	s, err := duck.Open(t.Context(), os.Getenv(childStore), duck.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	// Small batches make many commits, so many moments to be killed in.
	if _, err := ingest.Run(t.Context(), ingest.Options{Source: openDir(t, dir), Sink: s, CommitRows: 100}); err != nil {
		t.Fatal(err)
	}
}

// TestNoSpace ends runs by a file system that takes no more, later and later.
// Each fails with an error that says so, and the last one has everything.
func TestNoSpace(t *testing.T) {
	dir := t.TempDir()
	const files = 120
	distinct := writeBucket(t, dir, files, 30)
	store := filepath.Join(t.TempDir(), "k.duckdb")
	failed := 0
	for space := 600_000; ; space += 500_000 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChildIngest$", "-test.count=1")
		cmd.Env = append(os.Environ(), childDir+"="+dir, childStore+"="+store, fmt.Sprint(childSpace, "=", space))
		out, err := cmd.CombinedOutput()
		if err == nil {
			break
		}
		failed++
		if !bytes.Contains(out, []byte("File too large")) {
			t.Fatalf("a run with room for %d bytes ended without saying that: %v\n%s", space, err, out)
		}
		if space > 50_000_000 {
			t.Fatalf("50 MB are not enough:\n%s", out)
		}
	}
	if failed == 0 {
		t.Error("no run was short of space")
	}
	t.Logf("%d runs were short of space", failed)
	checkExact(t, openStore(t, store), distinct, files)
}

// TestKills kills ingesting processes with SIGKILL at random moments. However
// often and whenever that happens, the last run ends with each event once and
// the ledger equal to the bucket.
func TestKills(t *testing.T) {
	dir := t.TempDir()
	files := 40 * *kills
	distinct := writeBucket(t, dir, files, 30)
	store := filepath.Join(t.TempDir(), "k.duckdb")
	child := func() *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChildIngest$", "-test.count=1")
		cmd.Env = append(os.Environ(), childDir+"="+dir, childStore+"="+store)
		return cmd
	}
	rng := rand.New(rand.NewPCG(1, 2))
	killed := 0
	for range *kills {
		cmd := child()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(rng.IntN(1200))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		if cmd.Wait() != nil {
			killed++
		}
		timer.Stop()
	}
	if out, err := child().CombinedOutput(); err != nil {
		t.Fatalf("the last run: %v\n%s", err, out)
	}
	t.Logf("%d of %d runs were killed before their end", killed, *kills)
	checkExact(t, openStore(t, store), distinct, files)
}
