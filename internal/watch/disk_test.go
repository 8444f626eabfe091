package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func textLog(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// TestDiskNearlyFull pauses polls and detectors, those at work too, and goes on
// by itself once there is clearly more space.
func TestDiskNearlyFull(t *testing.T) {
	at(t, "2026-02-01 12:00", func(t *testing.T) {
		b := newBucket()
		b.lastRun = date("2026-02-01 12:00")
		opts := options(t, b)
		opts.Config.Schedule.Detectors = "*/5 * * * *"
		opts.Config.Server.MinFree = "1GB"
		var free atomic.Uint64
		free.Store(5e9)
		opts.FreeSpace = func(path string) (uint64, error) {
			if path == "" || strings.HasSuffix(path, ".duckdb") {
				t.Errorf("asked for the free space of %q", path)
			}
			return free.Load(), nil
		}
		var log strings.Builder
		opts.Log = textLog(&log)
		var told []string
		opts.OnDisk = func(d Disk) {
			if n := len(told); n == 0 || (told[n-1] == "") != (d.Paused == "") {
				told = append(told, d.Paused)
			}
		}
		w, stop := start(t, opts)
		pass(6 * time.Minute)
		b.mu.Lock()
		b.takes = time.Hour
		b.mu.Unlock()
		pass(2 * time.Minute) // a poll is at work
		if w.State().Poll.Running == "" {
			t.Fatal("no poll is at work")
		}
		polls := w.State().Poll.Polls

		free.Store(999e6)
		pass(10 * time.Second)
		s := w.State()
		if s.Poll.Running != "" || s.Poll.Error != "" || s.Disk.Paused == "" || s.Disk.Free != 999e6 || s.Disk.MinFree != 1e9 || s.Disk.Since == nil {
			t.Errorf("state %+v %+v", s.Poll, s.Disk)
		}
		n := len(b.at)
		free.Store(1050e6) // more than the least, and not enough
		pass(30 * time.Minute)
		if s := w.State(); s.Disk.Paused == "" || len(b.at) != n || len(b.times("[one two three]")) != 1 {
			t.Errorf("%d polls since, detectors ran at %v, disk %+v", len(b.at)-n, b.times("[one two three]"), s.Disk)
		}

		b.mu.Lock()
		b.takes = 0
		b.mu.Unlock()
		free.Store(1101e6)
		pass(time.Minute)
		s = w.State()
		if s.Disk.Paused != "" || s.Disk.Since != nil || len(b.at) == n || s.Poll.Polls == polls {
			t.Errorf("state %+v %+v", s.Poll, s.Disk)
		}
		// One run for all the ticks that passed.
		if task := taskNamed(t, w, Detectors); task.Runs != 2 || task.Skipped != 5 {
			t.Errorf("task %+v", task)
		}
		ended(t, stop)
		if strings.Count(log.String(), "nothing is ingested until there is space") != 1 || strings.Count(log.String(), "there is space again") != 1 {
			t.Errorf("log:\n%s", log.String())
		}
		if len(told) != 3 || !strings.Contains(told[1], "server.min_free is 1.0 GB") {
			t.Errorf("hook was told %q", told)
		}
	})
}

// TestNoSpaceThoughFree tries again after a while when a write fails although
// the disk shows space, as with a quota.
func TestNoSpaceThoughFree(t *testing.T) {
	at(t, "2026-02-01 12:00", func(t *testing.T) {
		b := newBucket()
		b.fail = errors.New(`store 7 log files: IO Error: Could not write file "k.duckdb.wal": No space left on device` + "\nand more")
		var polled []Polled
		opts := options(t, b)
		opts.OnPoll = func(p Polled) { polled = append(polled, p) }
		w, stop := start(t, opts)
		// It is the disk's trouble and not the source's.
		if s := w.State(); !strings.HasSuffix(s.Disk.Paused, "No space left on device; and more") || s.Poll.Error != "" || s.Poll.FailingSince != nil || s.Poll.Running != "" || polled != nil {
			t.Errorf("state %+v %+v", s.Poll, s.Disk)
		}
		pass(25*time.Minute + 11*time.Second)
		var minutes []int
		for _, at := range b.at {
			minutes = append(minutes, int(at.Sub(date("2026-02-01 12:00")).Minutes()))
		}
		if diff := cmp.Diff([]int{0, 1, 3, 7, 15}, minutes); diff != "" {
			t.Errorf("polls at minutes %s", diff)
		}
		b.mu.Lock()
		b.fail = nil
		b.mu.Unlock()
		pass(10 * time.Minute)
		if s := w.State(); s.Disk.Paused != "" || s.Poll.Error != "" {
			t.Errorf("state %+v %+v", s.Poll, s.Disk)
		}
		ended(t, stop)
	})
}

// TestTaskWithoutSpace is the disk's trouble too.
func TestTaskWithoutSpace(t *testing.T) {
	at(t, "2026-02-01 12:00", func(t *testing.T) {
		b := newBucket()
		b.maintain = func(context.Context) error { return &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC} }
		opts := tasksOnly(t, b)
		opts.Config.Schedule.Maintain = "5 * * * *"
		w, stop := start(t, opts)
		pass(5*time.Minute + 30*time.Second)
		if s := w.State(); !strings.Contains(s.Disk.Paused, "lack of space: write x") || taskNamed(t, w, Maintain).Error != DiskFull {
			t.Errorf("state %+v", s)
		}
		ended(t, stop)
	})
}

// TestWithSpace does what somebody asks for only while there is space.
func TestWithSpace(t *testing.T) {
	at(t, "2026-02-01 12:00", func(t *testing.T) {
		opts := tasksOnly(t, newBucket())
		opts.Config.Server.MinFree = "1GB"
		var free atomic.Uint64
		free.Store(5e9)
		opts.FreeSpace = func(string) (uint64, error) { return free.Load(), nil }
		w, stop := start(t, opts)
		other := errors.New("another")
		for _, want := range []error{nil, other} {
			if err := w.WithSpace(t.Context(), func(context.Context) error { return want }); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		}
		low := func(err error) bool {
			paused, ok := errors.AsType[*PausedError](err)
			return ok && strings.Contains(paused.Reason, "server.min_free is 1.0 GB")
		}
		err := w.WithSpace(t.Context(), func(ctx context.Context) error {
			free.Store(999e6)
			<-ctx.Done() // within seconds
			return ctx.Err()
		})
		if !low(err) {
			t.Errorf("at work: %v", err)
		}
		if err := w.WithSpace(t.Context(), func(context.Context) error { t.Error("it was done"); return nil }); !low(err) {
			t.Errorf("afterwards: %v", err)
		}
		free.Store(5e9)
		pass(time.Minute)
		err = w.WithSpace(t.Context(), func(context.Context) error { return syscall.ENOSPC })
		if _, ok := errors.AsType[*PausedError](err); !ok || w.State().Disk.Paused == "" {
			t.Errorf("really full: %v", err)
		}
		ended(t, stop)
	})
}

// TestFreeSpaceUnknown says so and goes on.
func TestFreeSpaceUnknown(t *testing.T) {
	at(t, "2026-02-01 12:00", func(t *testing.T) {
		b := newBucket()
		opts := options(t, b)
		opts.FreeSpace = func(string) (uint64, error) { return 0, errors.New("not supported") }
		w, stop := start(t, opts)
		if s := w.State().Disk; s.Error != "not supported" || s.Paused != "" || len(b.at) == 0 {
			t.Errorf("%d polls, state %+v", len(b.at), s)
		}
		ended(t, stop)
	})
}

func TestNoSpace(t *testing.T) {
	for _, err := range []error{
		&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC},
		fmt.Errorf("write report: %w", syscall.EDQUOT),
		errors.New("IO Error: Could not write file \"x\": No space left on device"),
		errors.New("IO Error: Could not write all bytes: File too large"),
	} {
		if !noSpace(err) {
			t.Errorf("%v is for lack of space", err)
		}
	}
	for _, err := range []error{context.Canceled, errors.New("AccessDenied"), os.ErrNotExist} {
		if noSpace(err) {
			t.Errorf("%v is not for lack of space", err)
		}
	}
}

// TestFreeSpace asks the system.
func TestFreeSpace(t *testing.T) {
	free, err := freeSpace(t.TempDir())
	if err != nil || free == 0 {
		t.Errorf("%d, %v", free, err)
	}
	if _, err := freeSpace("/there/is/no/such/folder"); err == nil {
		t.Error("a folder that does not exist has free space")
	}
}
