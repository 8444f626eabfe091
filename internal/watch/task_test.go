package watch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/config"
)

// tasksOnly are options of a watch that polls nothing.
func tasksOnly(t *testing.T, b *bucket) Options {
	opts := options(t, b)
	opts.Source = nil
	return opts
}

func taskNamed(t *testing.T, w *Watch, name string) Task {
	t.Helper()
	for _, task := range w.State().Tasks {
		if task.Name == name {
			return task
		}
	}
	t.Fatalf("there is no task %s", name)
	return Task{}
}

func clocks(times []time.Time) (out []string) {
	for _, at := range times {
		out = append(out, at.Format("02 15:04:05"))
	}
	return out
}

// TestSchedule runs detectors at their ticks: those that share a schedule
// together, those with their own alone, those disabled or off not.
func TestSchedule(t *testing.T) {
	at(t, "2026-02-27 23:52", func(t *testing.T) {
		b := newBucket()
		opts := tasksOnly(t, b)
		opts.Detectors = append(opts.Detectors, "four", "five")
		opts.Config.Schedule.Detectors = "*/5 * * * *"
		opts.Config.Schedule.Maintain = "17 3 28 * *"
		opts.Config.Detectors = map[string]config.Detector{
			"two": {Disabled: true}, "three": {Schedule: "30 6 * * 1-5"}, "five": {Schedule: config.Off},
		}
		w, stop := start(t, opts)
		if got := taskNamed(t, w, "three"); got.Cron != "30 6 * * 1-5" || !got.Next.Equal(date("2026-03-02 06:30")) {
			t.Errorf("task %+v", got)
		}
		pass(12*time.Minute - time.Second)
		if diff := cmp.Diff([]string{"27 23:55:00", "28 00:00:00"}, clocks(b.times("[one four]"))); diff != "" {
			t.Error(diff)
		}
		pass(4 * day)
		ended(t, stop)
		if diff := cmp.Diff([]string{"02 06:30:00", "03 06:30:00"}, clocks(b.times("[three]"))); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"28 03:17:00"}, clocks(b.times(Maintain))); diff != "" {
			t.Error(diff)
		}
		if n := len(b.times("[five]")) + len(b.times("[two]")) + len(b.times("[one two four]")); n != 0 {
			t.Error("ran what is disabled or off")
		}
	})
}

// TestDetectAtOnce runs detectors that never have right after the first poll that has
// seen all, and from then on at their ticks.
func TestDetectAtOnce(t *testing.T) {
	at(t, "2026-02-27 23:01", func(t *testing.T) {
		b := newBucket()
		b.fail = errors.New("not yet")
		b.detect = func(context.Context, []string) (Detected, error) {
			return Detected{New: []detectors.Finding{{Severity: "high"}, {Severity: "low"}, {Severity: "high"}}, Withdrawn: []detectors.Finding{{Severity: "info"}}}, nil
		}
		opts := options(t, b)
		opts.Config.Schedule.Detectors = "0 * * * *"
		opts.Config.Detectors = map[string]config.Detector{"two": {Schedule: "30 * * * *"}, "three": {Schedule: config.Off}}
		var log strings.Builder
		opts.Log = textLog(&log)
		_, stop := start(t, opts)
		pass(10 * time.Second)
		b.mu.Lock()
		b.fail, b.takes = nil, 10*time.Second
		b.mu.Unlock()
		pass(time.Hour)
		ended(t, stop)
		if diff := cmp.Diff([]string{"27 23:02:10", "28 00:00:00"}, clocks(b.times("[one]"))); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"27 23:02:10", "27 23:30:00"}, clocks(b.times("[two]"))); diff != "" {
			t.Error(diff)
		}
		if !strings.Contains(log.String(), "task=two new=3 new_high=2 new_low=1 withdrawn=1 withdrawn_info=1 took=0s") {
			t.Errorf("log:\n%s", log.String())
		}
	})
}

// TestOverlap skips the ticks that pass while a task runs, and counts them.
func TestOverlap(t *testing.T) {
	at(t, "2026-02-27 12:00", func(t *testing.T) {
		b := newBucket()
		opts := tasksOnly(t, b)
		opts.Config.Schedule.Detectors = "*/5 * * * *"
		atWork := 0
		b.detect = func(context.Context, []string) (Detected, error) {
			if atWork++; atWork > 1 {
				t.Error("two runs at the same time")
			}
			<-time.After(12 * time.Minute)
			atWork--
			return Detected{}, nil
		}
		var told []Ran
		opts.OnTask = func(r Ran) { told = append(told, r) }
		w, stop := start(t, opts)
		pass(21 * time.Minute) // in the midst of the second
		if s := taskNamed(t, w, Detectors); !s.Running || s.Runs != 1 || s.Skipped != 2 || s.Took != 720 {
			t.Errorf("state %+v", s)
		}
		pass(57 * time.Minute)
		ended(t, stop)
		want := []string{"27 12:05:00", "27 12:20:00", "27 12:35:00", "27 12:50:00", "27 13:05:00"}
		if diff := cmp.Diff(want, clocks(b.times("[one two three]"))); diff != "" {
			t.Error(diff)
		}
		if len(told) != 5 || told[0].Name != Detectors || told[0].Duration != 12*time.Minute || told[0].Detected == nil {
			t.Errorf("hook was told %+v", told)
		}
	})
}

// TestCatchUp makes up once for what was missed while no server ran.
func TestCatchUp(t *testing.T) {
	at(t, "2026-02-20 12:00", func(t *testing.T) {
		b := newBucket()
		opts := tasksOnly(t, b)
		opts.Config.Schedule.Maintain = "17 3 * * *"
		opts.Config.Schedule.Detectors = "*/5 * * * *"
		_, stop := start(t, opts)
		pass(time.Second)
		if n := len(b.times(Maintain)) + len(b.times("[one two three]")); n != 0 {
			t.Error("what was never there to be missed is made up for")
		}
		pass(16 * time.Hour)
		ended(t, stop) // 21 04:00:01
		b.ran = map[string][]time.Time{}
		pass(3 * day)

		w, stop := start(t, opts)
		if s := taskNamed(t, w, Maintain); !s.CaughtUp || s.Runs != 1 {
			t.Errorf("state %+v", s)
		}
		pass(time.Hour)
		ended(t, stop)
		if diff := cmp.Diff([]string{"24 04:00:01"}, clocks(b.times(Maintain))); diff != "" {
			t.Error(diff)
		}
		if got := clocks(b.times("[one two three]")); len(got) != 13 || got[0] != "24 04:00:01" || got[1] != "24 04:05:00" {
			t.Errorf("detectors ran at %v", got)
		}

		b.ran = map[string][]time.Time{}
		_, stop = start(t, opts)
		pass(time.Second)
		ended(t, stop)
		if n := len(b.times(Maintain)); n != 0 {
			t.Error("made up for again")
		}
	})
}

// TestCatchUp_store knows of runs of detectors from the store when nothing is
// kept beside it.
func TestCatchUp_store(t *testing.T) {
	at(t, "2026-02-20 12:03", func(t *testing.T) {
		for _, tt := range []struct {
			last time.Time
			runs int
		}{{time.Time{}, 0}, {date("2026-02-20 12:01"), 0}, {date("2026-02-19 12:01"), 1}} {
			b := newBucket()
			b.lastRun = tt.last
			opts := tasksOnly(t, b)
			opts.Config.Schedule.Detectors = "*/5 * * * *"
			_, stop := start(t, opts)
			ended(t, stop)
			if got := len(b.times("[one two three]")); got != tt.runs {
				t.Errorf("last run %s: %d runs at the start, want %d", tt.last, got, tt.runs)
			}
		}
	})
}

// TestTaskFails shows errors and panics, and tries again at the next tick.
func TestTaskFails(t *testing.T) {
	at(t, "2026-02-20 12:00", func(t *testing.T) {
		b := newBucket()
		opts := tasksOnly(t, b)
		opts.Config.Schedule.Maintain = "0 * * * *"
		n := 0
		b.maintain = func(context.Context) error {
			switch n++; n {
			case 1:
				return errors.New("database is locked")
			case 2:
				panic("a bug")
			}
			return nil
		}
		var log strings.Builder
		opts.Log = textLog(&log)
		w, stop := start(t, opts)
		for i, want := range []string{"database is locked", "maintain panicked, which is a bug: a bug", ""} {
			pass(time.Hour)
			synctest.Wait()
			if s := taskNamed(t, w, Maintain); s.Error != want || s.Runs != int64(i+1) {
				t.Errorf("after %d hours: %+v, want error %q", i+1, s, want)
			}
		}
		s := taskNamed(t, w, Maintain)
		if s.Failed != 2 || !s.LastSuccess.Equal(date("2026-02-20 15:00")) {
			t.Errorf("state %+v", s)
		}
		ended(t, stop)
		if !strings.Contains(log.String(), "task_test.go") {
			t.Errorf("the log has no stack:\n%s", log.String())
		}
	})
}

func TestBadSchedule(t *testing.T) {
	for _, cron := range []string{"nonsense", "0 0 31 2 *"} {
		opts := tasksOnly(t, newBucket())
		opts.Config.Schedule.Maintain = cron
		if _, err := New(opts); err == nil || !strings.Contains(err.Error(), "schedule of maintain") {
			t.Errorf("%s: got %v", cron, err)
		}
	}
}

// TestReports writes three formats and keeps ninety files.
func TestReports(t *testing.T) {
	at(t, "2026-02-01 12:00", func(t *testing.T) {
		b := newBucket()
		opts := tasksOnly(t, b)
		opts.Config.Schedule.Report = "0 6 * * *"
		opts.Config.Schedule.ReportWindow = 48 * time.Hour
		dir := ReportsDir(opts.DB, "")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		own := filepath.Join(dir, "report-mine.html")
		if err := os.WriteFile(own, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, stop := start(t, opts)
		pass(40 * day)
		ended(t, stop)
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(files) != 91 || files[0].Name() != "report-2026-02-12T0600Z.html" || files[89].Name() != "report-2026-03-13T0600Z.md" || files[90].Name() != "report-mine.html" {
			t.Errorf("%d files: %v", len(files), files)
		}
		for ext, want := range map[string]string{"html": "html 48h0m0s", "md": "md 48h0m0s", "json": "json 48h0m0s"} {
			got, err := os.ReadFile(filepath.Join(dir, "report-2026-03-13T0600Z."+ext))
			if err != nil || string(got) != want {
				t.Errorf("%s: %q, %v", ext, got, err)
			}
		}
	})
}

// TestBackups keeps the newest, and nothing else's files are touched.
func TestBackups(t *testing.T) {
	at(t, "2026-02-01 12:00", func(t *testing.T) {
		b := newBucket()
		opts := tasksOnly(t, b)
		opts.Config.Schedule.Backup, opts.Config.Schedule.BackupKeep = "0 1 * * *", 3
		dir := t.TempDir()
		write := func(name string) string {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Error(err)
			}
			return path
		}
		write("other-20260101T000000Z.duckdb")
		write("k-before-upgrade.duckdb")
		b.backups = func() (string, error) {
			return write("k-" + time.Now().UTC().Format("20060102T150405Z") + ".duckdb"), nil
		}
		w, stop := start(t, opts)
		pass(8 * day)
		if s := taskNamed(t, w, Backups); s.Error != "" || s.Runs != 8 {
			t.Errorf("state %+v", s)
		}
		ended(t, stop)
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range files {
			names = append(names, f.Name())
		}
		want := []string{"k-20260207T010000Z.duckdb", "k-20260208T010000Z.duckdb", "k-20260209T010000Z.duckdb", "k-before-upgrade.duckdb", "other-20260101T000000Z.duckdb"}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Error(diff)
		}
	})
}

// TestDrain waits for tasks at work, cancels those that take too long, and names
// those that do not end.
func TestDrain(t *testing.T) {
	tests := []struct {
		name     string
		takes    time.Duration
		stubborn bool
		ends     time.Duration
		fails    bool
		err      string
	}{
		{"in time", 15 * time.Second, false, 10 * time.Second, false, ""},
		{"cancelled", time.Hour, false, 20 * time.Second, true, ""},
		{"stubborn", time.Hour, true, 30 * time.Second, false, "stop watching: detectors did not end"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			at(t, "2026-02-01 12:00", func(t *testing.T) {
				b := newBucket()
				opts := tasksOnly(t, b)
				opts.Config.Schedule.Detectors = "*/5 * * * *"
				opts.Config.Schedule.Maintain = "5 12 * * *"
				b.detect = func(ctx context.Context, _ []string) (Detected, error) {
					if tt.stubborn {
						ctx = context.WithoutCancel(ctx)
					}
					select {
					case <-time.After(tt.takes):
						return Detected{Runs: []detectors.DetectorRun{{}}}, nil
					case <-ctx.Done():
						return Detected{}, ctx.Err()
					}
				}
				w, stop := start(t, opts)
				pass(5*time.Minute + 5*time.Second)
				begin := time.Now()
				err := stop()
				if got := time.Since(begin); got != tt.ends {
					t.Errorf("took %s, want %s", got, tt.ends)
				}
				if got := fmt.Sprint(err); err != nil && got != tt.err || err == nil && tt.err != "" {
					t.Errorf("got %v, want %q", err, tt.err)
				}
				if s := taskNamed(t, w, Detectors); !tt.stubborn && (s.Failed > 0) != tt.fails {
					t.Errorf("state %+v", s)
				}
				if n := len(b.times("[one two three]")); n != 1 {
					t.Errorf("%d runs", n)
				}
				pass(2 * time.Hour) // for the stubborn one
			})
		})
	}
}

// TestDrain_poll ends a poll at once and remembers nothing of it.
func TestDrain_poll(t *testing.T) {
	at(t, "2026-02-01 12:00", func(t *testing.T) {
		b := newBucket()
		b.takes = time.Hour
		w, stop := start(t, options(t, b))
		pass(time.Minute)
		begin := time.Now()
		ended(t, stop)
		if got := time.Since(begin); got != 0 {
			t.Errorf("took %s", got)
		}
		if s := w.State(); !s.Draining || s.Poll.Polls != 0 || s.Poll.Error != "" || s.Poll.Complete != nil {
			t.Errorf("state %+v", s.Poll)
		}
	})
}
