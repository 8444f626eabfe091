package watch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/ingest"
)

// ranges says what polls listed, with how often in a row.
func (b *bucket) ranges() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	n := 0
	for i, p := range b.polls {
		text := p.DeliveredFrom.Format("01-02") + ".." + p.DeliveredTo.Format("01-02")
		if len(p.Except) > 0 {
			text += " but " + strings.Join(p.Except, " ")
		}
		if n++; i+1 < len(b.polls) {
			q := b.polls[i+1]
			if q.DeliveredFrom.Equal(p.DeliveredFrom) && q.DeliveredTo.Equal(p.DeliveredTo) && fmt.Sprint(q.Except) == fmt.Sprint(p.Except) {
				continue
			}
		}
		out = append(out, fmt.Sprintf("%s x%d", text, n))
		n = 0
	}
	return out
}

func (b *bucket) forgetPolls() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.polls, b.at = nil, nil
}

// TestPlan follows polls over midnight at the end of a month.
func TestPlan(t *testing.T) {
	at(t, "2026-10-31 21:30", func(t *testing.T) {
		b := newBucket()
		b.known["old"] = date("2026-10-31 21:00")
		b.known["oldest"] = date("2026-09-15 00:00")
		opts := options(t, b)
		opts.Config.Server.Poll, opts.Config.Server.PollPast = 10*time.Minute, 24*time.Hour
		_, stop := start(t, opts)
		pass(5 * time.Hour)
		ended(t, stop)
		want := []string{
			"10-01..11-01 x1",  // all of 30 days at first
			"10-31..10-31 x14", // to 23:50
			"10-31..11-01 x13", // 00:00 to 02:00: files with yesterday's date still come
			"11-01..11-01 x3",
		}
		if diff := cmp.Diff(want, b.ranges()); diff != "" {
			t.Error(diff)
		}
	})
}

// TestEverythingIsFound delivers log files up to 29 days late, over two months
// with two ends of servers and a week without one. Each is in the ledger within
// the time that its lateness allows.
func TestEverythingIsFound(t *testing.T) {
	at(t, "2026-01-20 10:00", func(t *testing.T) {
		b := newBucket()
		b.takes = time.Second
		rng := rand.New(rand.NewPCG(1, 2))
		begin := time.Now().UTC()
		for n := range 2000 {
			delivered := begin.Add(time.Duration(rng.IntN(60*24*60)) * time.Minute)
			lateness := time.Duration(rng.IntN(20)) * time.Minute
			switch {
			case n%50 == 0:
				lateness = time.Duration(rng.IntN(29*24)) * time.Hour
			case n%10 == 0:
				lateness = time.Duration(rng.IntN(60)) * time.Hour
			}
			b.add(places[rng.IntN(len(places))], delivered, delivered.Add(lateness))
		}
		opts := options(t, b)
		opts.Config.Server.Poll = time.Hour
		waits := []time.Duration{9 * day, 10*day + 7*time.Hour, 72 * day}
		for i, wait := range waits {
			_, stop := start(t, opts)
			pass(wait)
			ended(t, stop)
			if i < len(waits)-1 {
				pass(time.Duration(i*6+1) * day) // nobody is there
			}
		}
		if n := b.missing(); n != 0 {
			t.Errorf("%d of %d files are missing", n, len(b.files))
		}
	})
}

// TestLateIsFoundSoon holds how soon files are found that come late.
func TestLateIsFoundSoon(t *testing.T) {
	tests := []struct {
		name      string
		delivered string
		late      time.Duration
		within    time.Duration
	}{
		{"in time", "2026-03-01 12:00", time.Minute, time.Minute},
		{"after midnight", "2026-03-01 23:55", 2 * time.Hour, time.Minute},
		{"two days", "2026-03-01 12:00", 48 * time.Hour, time.Hour + time.Minute},
		{"three weeks", "2026-03-01 12:00", 21 * day, day + time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			at(t, "2026-03-01 00:00", func(t *testing.T) {
				b := newBucket()
				b.known["old"] = date("2026-02-01 00:00")
				there := date(tt.delivered).Add(tt.late)
				b.add(places[0], date(tt.delivered), there)
				opts := options(t, b)
				opts.DB = ":memory:" // a file for each of ten thousand polls takes long
				_, stop := start(t, opts)
				pass(time.Until(there.Add(tt.within + time.Second)))
				if n := b.missing(); n != 0 {
					t.Error("not found in time")
				}
				ended(t, stop)
			})
		})
	}
}

// TestFirstRun takes what ingest.first_run says and no more, also from the polls
// that look at all.
func TestFirstRun(t *testing.T) {
	at(t, "2026-05-20 12:00", func(t *testing.T) {
		b := newBucket()
		for d := range 40 {
			b.add(places[1], date("2026-05-20 11:00").AddDate(0, 0, -d), date("2026-05-20 11:00").AddDate(0, 0, -d))
		}
		opts := options(t, b)
		opts.Config.Ingest.FirstRun = 3 * day
		opts.Config.Server.Poll = time.Hour
		_, stop := start(t, opts)
		pass(49 * time.Hour)
		ended(t, stop)
		if got := len(b.known); got != 4 {
			t.Errorf("%d files are read, want those of four days", got)
		}
	})
}

// TestFirstRunIsKilled goes on after a first run that was ended in its midst:
// files of several days are in the ledger, others not.
func TestFirstRunIsKilled(t *testing.T) {
	at(t, "2026-05-20 12:00", func(t *testing.T) {
		b := newBucket()
		b.takes = time.Hour
		for d := range 7 {
			b.add(places[d%3], date("2026-05-20 11:00").AddDate(0, 0, -d), date("2026-05-20 11:00").AddDate(0, 0, -d))
		}
		opts := options(t, b)
		_, stop := start(t, opts)
		pass(time.Minute)
		ended(t, stop)
		b.known[b.files[1].key] = b.files[1].delivered // committed before the end: yesterday
		pass(time.Hour)
		_, stop = start(t, opts)
		pass(2 * time.Hour)
		ended(t, stop)
		if n := b.missing(); n != 0 {
			t.Errorf("%d files are missing", n)
		}
	})
}

// TestDowntime goes back to where the last server ended, or to the newest
// delivery in the ledger when that is earlier: the store may have been restored.
func TestDowntime(t *testing.T) {
	for _, restored := range []bool{false, true} {
		t.Run(fmt.Sprint("restored ", restored), func(t *testing.T) {
			at(t, "2026-06-01 12:00", func(t *testing.T) {
				b := newBucket()
				b.known["early"] = date("2026-01-01 00:00")
				b.known["old"] = date("2026-05-30 13:00")
				b.known["new"] = date("2026-06-01 11:00")
				opts := options(t, b)
				_, stop := start(t, opts)
				pass(time.Hour)
				ended(t, stop)
				b.forgetPolls()
				if restored {
					delete(b.known, "new")
				}
				pass(50 * day) // 2026-07-21
				_, stop = start(t, opts)
				ended(t, stop)
				want := []string{"06-01..07-22 x1"}
				if restored {
					want = []string{"05-30..07-22 x1"}
				}
				if diff := cmp.Diff(want, b.ranges()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// TestOnePlaceFails leaves a place out for longer and longer while it fails, and
// goes back to the day since which it did once it works, after a restart too.
func TestOnePlaceFails(t *testing.T) {
	at(t, "2026-06-10 12:00", func(t *testing.T) {
		b := newBucket()
		b.known["old"] = date("2026-06-10 11:00")
		opts := options(t, b)
		opts.Config.Server.LookBack, opts.Config.Server.Poll = day, 30*time.Minute
		w, stop := start(t, opts)
		b.mu.Lock()
		b.broken[places[1]] = errors.New("AccessDenied")
		b.mu.Unlock()
		pass(time.Hour)
		b.add(places[0], time.Now(), time.Now())
		b.add(places[1], time.Now(), time.Now())
		pass(30*time.Minute + time.Second)
		if n := b.missing(); n != 1 {
			t.Errorf("%d files are missing; only that of the broken place should be", n)
		}
		s := w.State().Poll
		if len(s.Places) != 1 || s.Places[0].Place != places[1] || s.Places[0].Error != "AccessDenied" || s.Error != "" {
			t.Errorf("state %+v", s)
		}
		b.forgetPolls()
		pass(40 * day)
		ended(t, stop)
		var tried int
		for _, p := range b.polls {
			if len(p.Except) == 0 {
				tried++
			}
		}
		if most := 40*24 + 8; tried > most || tried < 40*24-40 {
			t.Errorf("the broken place was tried %d times in 40 days", tried)
		}

		b.forgetPolls()
		delete(b.broken, places[1])
		w, stop = start(t, opts)
		pass(91 * time.Minute)
		if n := b.missing(); n != 0 {
			t.Errorf("%d files are missing after the place recovered", n)
		}
		if s := w.State().Poll; len(s.Places) != 0 {
			t.Errorf("still failing: %+v", s.Places)
		}
		b.forgetPolls()
		pass(45 * time.Minute)
		ended(t, stop)
		if got := b.ranges(); len(got) > 3 || !strings.HasPrefix(got[len(got)-1], "07-20..07-20") {
			t.Errorf("polls do not go back to normal: %v", got)
		}
	})
}

// TestPollFails tries again ever later, and tells.
func TestPollFails(t *testing.T) {
	for _, panics := range []bool{false, true} {
		t.Run(fmt.Sprint("panics ", panics), func(t *testing.T) {
			at(t, "2026-06-10 12:00", func(t *testing.T) {
				b := newBucket()
				b.fail, b.panics = errors.New("no network"), panics
				if panics {
					b.fail = nil
				}
				opts := options(t, b)
				var told []error
				opts.OnPoll = func(p Polled) { told = append(told, p.Err) }
				w, stop := start(t, opts)
				pass(27*time.Minute + time.Second)
				if got, want := len(b.at), 1+1+1+1+4; got != want { // at 0, 1, 3, 7, 12, 17, 22, 27
					t.Errorf("%d polls, want %d", got, want)
				}
				s := w.State().Poll
				if s.Error == "" || s.Failures != 8 || !s.FailingSince.Equal(date("2026-06-10 12:00")) {
					t.Errorf("state %+v", s)
				}
				b.mu.Lock()
				b.fail, b.panics = nil, false
				b.mu.Unlock()
				pass(5 * time.Minute)
				if s = w.State().Poll; s.Error != "" || s.FailingSince != nil || s.Failures != 0 {
					t.Errorf("state %+v", s)
				}
				ended(t, stop)
				if len(told) != 9 || told[7] == nil || told[8] != nil {
					t.Errorf("hook was told %v", told)
				}
			})
		})
	}
}

// TestSourceOpensLater asks again when the source cannot be opened at first.
func TestSourceOpensLater(t *testing.T) {
	at(t, "2026-06-10 12:00", func(t *testing.T) {
		b := newBucket()
		opts := options(t, b)
		tries := 0
		opts.Source = func(context.Context) (ingest.Source, error) {
			if tries++; tries < 3 {
				return nil, errors.New("no credentials")
			}
			return b, nil
		}
		w, stop := start(t, opts)
		if got := w.State().Poll.Error; got != "no credentials" {
			t.Errorf("error %q", got)
		}
		pass(4 * time.Minute)
		if s := w.State().Poll; s.Error != "" || len(b.at) == 0 {
			t.Errorf("%d polls, state %+v", len(b.at), s)
		}
		ended(t, stop)
	})
}

// TestUnreadableFiles are tried again seldom by polls that come often.
func TestUnreadableFiles(t *testing.T) {
	at(t, "2026-06-10 00:00", func(t *testing.T) {
		b := newBucket()
		b.add(places[0], time.Now(), time.Now())
		b.unreadable[b.files[0].key] = true
		_, stop := start(t, options(t, b))
		pass(12 * time.Hour)
		if b.tried < 12 || b.tried > 32 {
			t.Errorf("tried %d times in 12 hours", b.tried)
		}
		b.mu.Lock()
		b.unreadable = nil
		b.mu.Unlock()
		pass(time.Hour)
		if b.missing() != 0 {
			t.Error("not read within an hour of being readable")
		}
		ended(t, stop)
	})
}

// TestRequestsAreKept counts requests by day, across restarts.
func TestRequestsAreKept(t *testing.T) {
	at(t, "2026-06-10 22:00", func(t *testing.T) {
		b := newBucket()
		b.known["old"] = date("2026-06-10 21:00")
		opts := options(t, b)
		opts.Config.Server.LookBack, opts.Config.Server.Poll = 0, 10*time.Minute
		opts.Config.Server.PollPast, opts.Config.Server.PollAll = 1000*time.Hour, 1000*time.Hour
		var hooked ingest.Requests
		opts.OnRequests = func(r ingest.Requests) { hooked.List += r.List }
		for range 4 {
			opened := b.Requests()
			opts.Requests = func() ingest.Requests { return b.Requests().Minus(opened) }
			_, stop := start(t, opts)
			pass(59 * time.Minute)
			ended(t, stop)
			pass(time.Minute)
		}
		opened := b.Requests()
		opts.Requests = func() ingest.Requests { return b.Requests().Minus(opened) }
		w, stop := start(t, opts)
		got := w.State().Requests
		ended(t, stop)
		// 22:00 to 23:50: 12 polls of a day, and one day more at the very first.
		// 00:00 to 02:00: 13 polls of two days.
		want := []DayRequests{{Day: "2026-06-11", List: 3 * 26}, {Day: "2026-06-10", List: 3 * (12 + 1)}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if sum := want[0].List + want[1].List; hooked.List != sum || b.lists != sum {
			t.Errorf("hooks were told of %d requests, the bucket had %d, want %d", hooked.List, b.lists, sum)
		}
	})
}

// TestRequestsOfAll counts requests that no poll which ended has made, the same
// for the day and for the hook.
func TestRequestsOfAll(t *testing.T) {
	for name, edit := range map[string]func(*bucket, *Options){
		"a poll that is cut off": func(b *bucket, _ *Options) { b.takes = time.Hour },
		"no source":              func(_ *bucket, o *Options) { o.Source = nil },
	} {
		t.Run(name, func(t *testing.T) {
			at(t, "2026-06-10 12:00", func(t *testing.T) {
				b := newBucket()
				opts := options(t, b)
				opts.Requests = b.Requests
				var hooked int64
				opts.OnRequests = func(r ingest.Requests) { hooked += r.List }
				edit(b, &opts)
				w, stop := start(t, opts)
				ask := func(n int64) { b.mu.Lock(); b.lists += n; b.mu.Unlock() }
				ask(7)
				pass(time.Minute)
				if got := w.State().Requests; hooked != 7 || len(got) != 1 || got[0].List != 7 {
					t.Errorf("after a minute hook %d, days %v", hooked, got)
				}
				ask(5)
				ended(t, stop)
				if got := w.State().Requests; hooked != 12 || len(got) != 1 || got[0].List != 12 {
					t.Errorf("in the end hook %d, days %v", hooked, got)
				}
			})
		})
	}
}

// TestPollsAreLogged tells of polls that read something, in one line each.
func TestPollsAreLogged(t *testing.T) {
	at(t, "2026-06-10 12:00", func(t *testing.T) {
		b := newBucket()
		b.add(places[0], date("2026-06-10 11:00"), date("2026-06-10 12:30"))
		opts := options(t, b)
		var log strings.Builder
		opts.Log = textLog(&log)
		_, stop := start(t, opts)
		pass(time.Hour)
		ended(t, stop)
		if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "poll=current files=1 failed=0 new_events=1 took=0s") {
			t.Errorf("log:\n%s", log.String())
		}
	})
}

// TestLongPolls leave a pause and do not overlap.
func TestLongPolls(t *testing.T) {
	at(t, "2026-06-10 12:00", func(t *testing.T) {
		b := newBucket()
		b.takes = 10 * time.Minute
		w, stop := start(t, options(t, b))
		synctest.Wait()
		if s := w.State().Poll; s.Running != All {
			t.Errorf("state %+v", s)
		}
		pass(55*time.Minute + time.Second)
		if got := len(b.at); got != 6 { // every 11 minutes
			t.Errorf("%d polls", got)
		}
		ended(t, stop)
	})
}

// TestDirectory is listed whole each time.
func TestDirectory(t *testing.T) {
	at(t, "2026-06-10 12:00", func(t *testing.T) {
		b := newBucket()
		b.name = "file:///logs"
		b.add(places[0], date("2020-01-01 00:00"), date("2026-06-10 12:10"))
		_, stop := start(t, options(t, b))
		pass(11 * time.Minute)
		if b.missing() != 0 {
			t.Error("an old file was not found")
		}
		ended(t, stop)
		for _, p := range b.polls {
			if !p.DeliveredFrom.IsZero() || !p.DeliveredTo.IsZero() {
				t.Fatalf("poll %+v", p)
			}
		}
	})
}

// TestClockWasWrong polls and runs tasks although an earlier server, whose clock
// was ahead by years, has written that it just did.
func TestClockWasWrong(t *testing.T) {
	dir := t.TempDir()
	run := func(b *bucket, begin string) {
		at(t, begin, func(t *testing.T) {
			opts := options(t, b)
			opts.DB = filepath.Join(dir, "k.duckdb")
			opts.Config.Schedule.Maintain = "*/10 * * * *"
			_, stop := start(t, opts)
			pass(11 * time.Minute)
			ended(t, stop)
		})
	}
	run(newBucket(), "2031-01-01 12:00")
	b := newBucket()
	b.known["old"] = date("2026-06-08 11:00")
	run(b, "2026-06-10 12:00")
	if got := b.ranges(); got[0] != "06-08..06-11 x1" {
		t.Errorf("polls %v", got)
	}
	if len(b.times(Maintain)) != 1 {
		t.Errorf("ran at %v", b.times(Maintain))
	}
}

// TestBrokenMemory begins anew when what is kept beside the store cannot be read.
func TestBrokenMemory(t *testing.T) {
	at(t, "2026-06-10 12:00", func(t *testing.T) {
		b := newBucket()
		b.known["old"] = date("2026-06-08 11:00")
		opts := options(t, b)
		if err := os.WriteFile(File(opts.DB), []byte(`{"complete":`), 0o600); err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		opts.Log = textLog(&log)
		_, stop := start(t, opts)
		ended(t, stop)
		if got := b.ranges(); got[0] != "06-08..06-11 x1" || !strings.Contains(log.String(), "begins anew") {
			t.Errorf("polls %v, log %s", got, log.String())
		}
	})
}
