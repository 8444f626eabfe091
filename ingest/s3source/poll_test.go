package s3source_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/s3source"
	"github.com/kmstrail/kmstrail/ingest/sourcetest"
	"github.com/kmstrail/kmstrail/internal/s3server"
)

// bucketOf writes a log file for each account, Region and day of January.
func bucketOf(accounts, regions []string, days ...int) map[string][]byte {
	files := make(map[string][]byte)
	for _, a := range accounts {
		for _, r := range regions {
			for _, d := range days {
				files[sourcetest.Key(a, r, date(d), "AAAAAAAAAAAAAAAA")] = nil
			}
		}
	}
	return files
}

func dayOf(d int) ingest.Selection {
	return ingest.Selection{DeliveredFrom: date(d), DeliveredTo: date(d)}
}

// listAll lists what it can.
func listAll(t *testing.T, src *s3source.Source, sel ingest.Selection) (keys []string, err error) {
	t.Helper()
	err = src.List(t.Context(), sel, func(page []ingest.Object) error {
		keys = append(keys, sourcetest.Keys(page)...)
		return nil
	})
	return keys, err
}

// TestPollCosts holds what a poll costs once the layout is known: one request
// for each Region of each account, and for each further page, as the server
// counts them.
func TestPollCosts(t *testing.T) {
	accounts, regions := []string{account, "444455556666", "123456789012"}, []string{"us-east-1", "eu-west-1"}
	files := bucketOf(accounts, regions, 18, 19, 20)
	for n := range 1500 { // one Region has two pages more on the 20th
		files[sourcetest.Key(account, "us-east-1", date(20), fmt.Sprintf("%016d", n))] = nil
	}
	dir := t.TempDir()
	server := start(t, s3server.Config{Dir: dir}, files)
	cfg := configFor(server)
	now := time.Date(2026, 1, 20, 9, 0, 0, 0, time.UTC)
	cfg.Now = func() time.Time { return now }
	src := open(t, cfg)
	src.RememberLayout(time.Hour)

	poll := func(sel ingest.Selection) (objects int, lists int64) {
		t.Helper()
		before, counted := server.Counts(), src.Requests()
		objects = len(sourcetest.List(t, src, sel))
		after := server.Counts()
		if got := src.Requests().Minus(counted); got.List != after.List-before.List || got.Get != after.Get+after.Head-before.Get-before.Head {
			t.Errorf("counted %+v, the server %+v to %+v", got, before, after)
		}
		return objects, after.List - before.List
	}
	want := func(what string, sel ingest.Selection, objects int, lists int64) {
		t.Helper()
		if o, l := poll(sel); o != objects || l != lists {
			t.Errorf("%s: %d objects with %d requests, want %d with %d", what, o, l, objects, lists)
		}
	}
	const layout = 1 + 1 + 3 // the root, AWSLogs, each account
	want("first", dayOf(19), 6, 6+layout)
	want("a day", dayOf(19), 6, 6)
	want("pages", dayOf(20), 6+1500, 6+1)
	want("three days", ingest.Selection{DeliveredFrom: date(18), DeliveredTo: date(20)}, 18+1500, 18+1)
	want("an empty day", dayOf(21), 0, 6)

	newcomer := sourcetest.Key("210987654321", "us-east-1", date(20), "AAAAAAAAAAAAAAAA")
	write(t, dir, map[string][]byte{newcomer: nil})
	if err := server.Refresh(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(59 * time.Minute)
	want("a new account, unseen", dayOf(20), 6+1500, 6+1)
	now = now.Add(time.Minute)
	want("the hour is over", dayOf(20), 7+1500, 7+1+layout+1)
	want("known now", dayOf(20), 7+1500, 7+1)
	src.ForgetLayout()
	want("forgotten", dayOf(19), 6, 7+layout+1)
	one := dayOf(19)
	one.Accounts = []string{account}
	want("another selection", one, 2, 2+3)
}

// TestOnePlaceFails lists the rest when one Region is denied or throttled, tells
// where it could not, and leaves that out when asked to.
func TestOnePlaceFails(t *testing.T) {
	bad := "AWSLogs/444455556666/CloudTrail/eu-west-1/"
	files := bucketOf([]string{account, "444455556666"}, []string{"us-east-1", "eu-west-1"}, 18, 19)
	for _, code := range []string{"AccessDenied", "SlowDown"} {
		t.Run(code, func(t *testing.T) {
			server := start(t, s3server.Config{Faults: s3server.Faults{Deny: func(_, key, prefix string) (string, string) {
				if key == "" && strings.HasPrefix(prefix, bad) {
					return code, "no"
				}
				return "", ""
			}}}, files)
			cfg := configFor(server)
			cfg.MaxAttempts = 2
			src := open(t, cfg)
			src.RememberLayout(time.Hour)
			for _, sel := range []ingest.Selection{{}, {DeliveredFrom: date(18), DeliveredTo: date(19)}} {
				keys, err := listAll(t, src, sel)
				if len(keys) != 6 {
					t.Errorf("listed %d files, want 6", len(keys))
				}
				partial, ok := errors.AsType[*ingest.PartialListError](err)
				if !ok || len(partial.Errs) != 1 {
					t.Fatalf("got %v, want one place that could not be listed", err)
				}
				place, ok := errors.AsType[*ingest.PlaceError](partial.Errs[0])
				if !ok || place.Place != bad {
					t.Fatalf("got %v", partial.Errs[0])
				}
				before := server.Counts().List
				sel.Except = []string{place.Place}
				keys, err = listAll(t, src, sel)
				if err != nil || len(keys) != 6 || slices.ContainsFunc(keys, func(k string) bool { return strings.HasPrefix(k, bad) }) {
					t.Errorf("without that place: %v, %v", keys, err)
				}
				if n := server.Counts().List - before; n > 15 {
					t.Errorf("%d requests", n)
				}
			}
		})
	}
}

// TestNoPlaceListed is an error when not a single place can be listed, and at
// once when the credentials are to blame.
func TestNoPlaceListed(t *testing.T) {
	files := bucketOf([]string{account, "444455556666"}, []string{"us-east-1", "eu-west-1"}, 18)
	for _, code := range []string{"AccessDenied", "ExpiredToken"} {
		t.Run(code, func(t *testing.T) {
			server := start(t, s3server.Config{Faults: s3server.Faults{Deny: func(_, key, prefix string) (string, string) {
				if key == "" && strings.Contains(prefix, "/2026/") {
					return code, "no"
				}
				return "", ""
			}}}, files)
			cfg := configFor(server)
			cfg.Concurrency = 1
			_, err := listAll(t, open(t, cfg), dayOf(18))
			if _, partial := errors.AsType[*ingest.PartialListError](err); err == nil || partial {
				t.Errorf("got %v", err)
			}
			if n := server.Counts().Faults; code == "ExpiredToken" && n > 3 {
				t.Errorf("asked %d times with credentials that have expired", n)
			}
		})
	}
}

// TestLayoutIsNotKeptEmpty looks again at each poll while there are no logs, and
// while an account could not be looked at for a moment.
func TestLayoutIsNotKeptEmpty(t *testing.T) {
	var healthy atomic.Bool
	dir := t.TempDir()
	server := start(t, s3server.Config{Dir: dir, Faults: s3server.Faults{Deny: func(_, _, prefix string) (string, string) {
		if !healthy.Load() && prefix == "AWSLogs/444455556666/CloudTrail/" {
			return "SlowDown", "no"
		}
		return "", ""
	}}}, nil)
	cfg := configFor(server)
	cfg.MaxAttempts = 1
	src := open(t, cfg)
	src.RememberLayout(time.Hour)
	if keys, err := listAll(t, src, dayOf(18)); err != nil || len(keys) != 0 {
		t.Fatalf("%v, %v", keys, err)
	}
	write(t, dir, bucketOf([]string{account, "444455556666"}, []string{"us-east-1"}, 18))
	if err := server.Refresh(); err != nil {
		t.Fatal(err)
	}
	keys, err := listAll(t, src, dayOf(18))
	if _, ok := errors.AsType[*ingest.PartialListError](err); !ok || len(keys) != 1 {
		t.Errorf("listed %v, %v", keys, err)
	}
	healthy.Store(true)
	if keys, err := listAll(t, src, dayOf(18)); err != nil || len(keys) != 2 {
		t.Errorf("listed %v, %v", keys, err)
	}
}
