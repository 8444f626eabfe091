package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"time"

	"github.com/kmstrail/kmstrail/internal/access"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/httpapi"
	"github.com/kmstrail/kmstrail/internal/metrics"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/status"
)

func main() {
	db := flag.String("db", "", "")
	addr := flag.String("addr", "127.0.0.1:8899", "")
	bad := flag.Bool("bad", false, "")
	ro := flag.Bool("ro", false, "")
	at := flag.String("at", "", "pretend now")
	for_ := flag.Duration("for", 5*time.Minute, "")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *for_)
	defer cancel()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	now := time.Now
	if *at != "" {
		t, err := time.Parse(time.RFC3339, *at)
		if err != nil {
			panic(err)
		}
		d := time.Until(t)
		now = func() time.Time { return time.Now().Add(d) }
	}
	store, err := duck.Open(ctx, *db, duck.Options{Logger: log, ReadOnly: *ro})
	if err != nil {
		panic(err)
	}
	defer store.Close()
	started := now().Add(-3*24*time.Hour - 4*time.Hour)
	m := metrics.New(metrics.Options{Version: "0.5.0", Routes: httpapi.Routes()})
	tokens := access.OpenTokens(*db+".tokens", now)
	p := func(d time.Duration) *time.Time { t := now().Add(d).UTC(); return &t }
	h, err := httpapi.New(ctx, httpapi.Options{
		Store: store, Operator: operate.New(store, config.Defaults(), operate.Options{Now: now, Log: log}),
		Guard:  access.NewGuard(access.GuardOptions{Tokens: tokens, Anonymous: true, Now: now, Log: log}),
		Tokens: tokens, Metrics: m, Log: log, Now: now, Version: "0.5.0", Reports: *db + ".reports",
		Server: func() status.Server {
			s := status.Server{
				StartedAt: started,
				Watching:  &status.Watching{Source: "s3://example-trail-logs/org", Polls: 4567, LastPoll: p(-20 * time.Second), LastPollSeconds: 1.2, NextPoll: p(40 * time.Second)},
				Schedule: []status.Job{
					{Name: "detectors", Cron: "*/5 * * * *", Next: p(2 * time.Minute), LastStart: p(-3 * time.Minute), LastSeconds: 2.4},
					{Name: "cross_account_decrypt", Cron: "* * * * *", Next: p(20 * time.Second), LastStart: p(-40 * time.Second), LastSeconds: .3},
					{Name: "maintain", Cron: "17 3 * * *", Next: p(5 * time.Hour), LastStart: p(-19 * time.Hour), LastSeconds: 8},
					{Name: "report", Cron: "0 6 * * *", Next: p(8 * time.Hour), LastStart: p(-16 * time.Hour), LastSeconds: 3.1},
					{Name: "backup", Cron: "30 2 * * *", Next: p(4 * time.Hour), LastStart: p(-20 * time.Hour), LastSeconds: 65},
				},
				Requests:   []status.RequestDay{{Day: now().UTC().Format(time.DateOnly), List: 31200, Get: 8123, DollarsPerMonth: 4.91}, {Day: now().UTC().AddDate(0, 0, -1).Format(time.DateOnly), List: 69120, Get: 19033, Complete: true, DollarsPerMonth: 10.59}},
				Disk:       status.Disk{FreeBytes: 812_000_000_000, MinFreeBytes: 1_000_000_000},
				LastBackup: p(-20 * time.Hour),
			}
			if *bad {
				s.Disk.FreeBytes = 600_000_000
				s.Watching.Paused = "the disk has 600 MB free"
				s.Watching.Error = "AccessDenied: s3:ListBucket"
				s.Problems = []string{"Nothing is ingested for now: the disk has 600 MB free.", "The source cannot be read since 2026-11-22 08:00:00 UTC: list s3://example-trail-logs: AccessDenied: the role lacks s3:ListBucket"}
				s.Schedule[4].LastError = "back up: no space left on device"
			}
			return s
		},
		Queries: func() []httpapi.RunningQuery {
			return []httpapi.RunningQuery{{ID: "a", Principal: "grafana", SQL: "select * from kms_calls", Began: now().Add(-4 * time.Second), Rows: 120000}, {ID: "b", Principal: "analyst", Waiting: true, Began: now().Add(-time.Second)}}
		},
	})
	if err != nil {
		panic(err)
	}
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		panic(err)
	}
	s := httpapi.NewServer(h, log)
	go func() { <-ctx.Done(); s.Close() }()
	fmt.Println("listening", l.Addr())
	fmt.Println(s.Serve(l))
}
