//go:build linux

package serve

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/dirsource"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/watch"
	"github.com/kmstrail/kmstrail/internal/watch/onstore"
)

const childFull = "KMSTRAIL_TEST_SERVE_FULL"

// TestFullDisk has a process whose files may not grow beyond some size, as on a
// full disk: it stops ingesting, answers, and goes on by itself when there is
// space again, without being started anew.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv(childFull); dir != "" {
		watchUntilFull(t, dir)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFullDisk$", "-test.count=1", "-test.v")
	cmd.Env = append(os.Environ(), childFull+"="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

func watchUntilFull(t *testing.T, dir string) {
	db, bucket := filepath.Join(dir, "k.duckdb"), filepath.Join(dir, "bucket")
	if err := os.Mkdir(bucket, 0o700); err != nil {
		t.Fatal(err)
	}
	store, err := duck.Open(t.Context(), db, duck.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() }) // after the watch has ended
	cfg := config.Defaults()
	cfg.DB, cfg.Ingest.Source, cfg.Server.MinFree = db, bucket, "1MB"
	cfg.Schedule.Detectors, cfg.Schedule.Maintain, cfg.Schedule.Report = "*/5 * * * *", config.Off, config.Off
	w := watchFast(t, store, cfg)

	ids := 0
	deliver := func(files int) {
		for range files {
			ids += writeLog(t, bucket, ids)
		}
	}
	deliver(5)
	eventually(t, "the first files are ingested", func() bool { return soon(t, store, consistent)[0] == int64(ids) })

	signal.Ignore(syscall.SIGXFSZ) // so that the write fails and not the process
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(db)
	if err != nil {
		t.Fatal(err)
	}
	small := syscall.Rlimit{Cur: uint64(info.Size()) + 1<<20, Max: limit.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		t.Fatal(err)
	}
	eventually(t, "there is no space", func() bool {
		if w.State().Disk.Paused == "" {
			deliver(5)
		}
		return w.State().Disk.Paused != ""
	})
	s := w.State()
	if !strings.Contains(s.Disk.Paused, "lack of space") || strings.Contains(s.Disk.Paused, "\n") || s.Poll.Error != "" {
		t.Errorf("paused because of %q, poll %+v", s.Disk.Paused, s.Poll)
	}
	n := soon(t, store, consistent)
	if !equal(n) || n[0] == 0 || n[0] >= int64(ids) {
		t.Errorf("while the disk is full: %v of %d events", n, ids)
	}
	t.Logf("full with %v of %d events: %s", n[0], ids, s.Disk.Paused)

	const runs = "select count(*) from detector_runs where error is null"
	ran := soon(t, store, runs)[0]
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	deliver(1)
	eventually(t, "it goes on", func() bool { return soon(t, store, consistent)[0] == int64(ids) })
	if n := soon(t, store, consistent); !equal(n) {
		t.Errorf("at the end: %v of %d events", n, ids)
	}
	eventually(t, "detectors run", func() bool { return soon(t, store, runs)[0] > ran })
	if s := w.State(); s.Disk.Paused != "" || s.Poll.Error != "" {
		t.Errorf("state %+v %+v", s.Disk, s.Poll)
	}
}

// soon is numbers of a store that is opened anew each time when DuckDB has given
// it up, as it does after a checkpoint that finds no space.
func soon(t *testing.T, store *duck.Store, sql string) (out []int64) {
	t.Helper()
	eventually(t, "the store answers", func() bool {
		var err error
		if out, err = tryNumbers(t.Context(), store, sql); err != nil {
			t.Log(err)
		}
		return err == nil
	})
	return out
}

// watchFast watches a store with a clock that runs a hundred times too fast.
func watchFast(t *testing.T, store *duck.Store, cfg config.Config) *watch.Watch {
	t.Helper()
	const haste = 100
	begin := time.Now()
	now := func() time.Time { return begin.Add(haste * time.Since(begin)) }
	source, err := dirsource.New(cfg.Ingest.Source)
	if err != nil {
		t.Fatal(err)
	}
	op := operate.New(store, cfg, operate.Options{
		Now: now, OpenSource: func(context.Context, config.Config) (ingest.Source, error) { return source, nil },
	})
	if err := operate.Configure(t.Context(), store, cfg); err != nil {
		t.Fatal(err)
	}
	w, err := watch.New(watch.Options{
		Work:   onstore.New(op, store, onstore.Options{Config: cfg, Now: now}),
		Config: cfg, DB: store.Path(), Now: now,
		Source: func(context.Context) (ingest.Source, error) { return source, nil },
		After:  func(d time.Duration) <-chan time.Time { return time.After(d / haste) },
		// What is at work in the end is not in a hurry.
		DrainTimeout: haste * patience,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		source.Close()
	})
	return w
}

// writeLog writes a log file of events that compress badly, and returns how many
// there are. It appears in the directory as a whole.
func writeLog(t *testing.T, dir string, seed int) (events int) {
	t.Helper()
	const n = 1000
	rng := rand.New(rand.NewPCG(uint64(seed), 1))
	at := time.Now().UTC().Add(-time.Duration(rng.IntN(3600)) * time.Second)
	records := make([][]byte, n)
	for i := range records {
		e := cttest.Sample("Decrypt", "111122223333", at.Add(time.Duration(i)*time.Millisecond))
		e.ID = cttest.EventID(fmt.Sprintf("%d/%d", seed, i))
		e.Context = cttest.Pairs("object", fmt.Sprintf("%x%x%x", rng.Uint64(), rng.Uint64(), rng.Uint64()))
		records[i] = e.JSON()
	}
	name := filepath.Join(dir, filepath.Base(cttest.Key("", "", "111122223333", "us-east-1", at, cttest.Suffix(fmt.Sprint(seed)))))
	hidden := filepath.Join(dir, "new")
	if err := os.WriteFile(hidden, cttest.LogFile(records...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(hidden, name); err != nil {
		t.Fatal(err)
	}
	return n
}
