package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// settings are the flags.
type settings struct {
	events   int64
	duration time.Duration
	qps      float64
	rate     float64
	poll     time.Duration
	dir      string
	memory   int64
	detect   string
	threads  int
	together bool
	only     bool
	judge    string

	// For the processes that it starts itself.
	child, store, bucket string
	base                 string
}

// errFailed says that a goal was missed; the figures are printed already.
var errFailed = errors.New("a goal was missed")

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	var s settings
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.Int64Var(&s.events, "events", 50_000_000, "events in the store before the first run")
	flags.DurationVar(&s.duration, "duration", 10*time.Minute, "how long the load lasts")
	flags.Float64Var(&s.qps, "qps", 17, "queries a second")
	flags.Float64Var(&s.rate, "rate", 2000, "KMS events a second")
	flags.DurationVar(&s.poll, "poll", 10*time.Second, "how often the server lists the bucket")
	flags.StringVar(&s.dir, "dir", filepath.Join("bench", "data", "load"), "folder for the store, which stays, and the bucket")
	flags.Int64Var(&s.memory, "memory", 2000, "MB that the server may have resident")
	flags.StringVar(&s.detect, "detectors", "off", "when detectors run, as in schedule.detectors")
	flags.IntVar(&s.threads, "threads", 0, "threads of a query, as in limits.threads")
	flags.BoolVar(&s.together, "together", false, "ask the ten panels of a viewer at the same moment, not one after the other")
	flags.BoolVar(&s.only, "alone", false, "no load: only ask each panel by itself")
	flags.StringVar(&s.judge, "judge", "all", "what decides between PASS and FAIL: all goals, or exact: errors, memory and the count of events, for machines that do other work")
	flags.StringVar(&s.child, "child", "", "internal: the process to be")
	flags.StringVar(&s.store, "store", "", "internal: the store of the server")
	flags.StringVar(&s.bucket, "bucket", "", "internal: the folder of the bucket")
	flags.StringVar(&s.base, "base", "", "internal: where the clock of the server starts")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if s.judge != "all" && s.judge != "exact" {
		return fmt.Errorf("-judge is %q; it is all or exact", s.judge)
	}
	switch s.child {
	case "":
		return s.measure(ctx, out, progress)
	case "serve":
		return s.serve(ctx, out)
	case "s3":
		return s.serveBucket(ctx, out)
	}
	return fmt.Errorf("there is no process %q", s.child)
}

// measure fills the store, has it served, loads the server and judges.
func (s *settings) measure(ctx context.Context, out, progress io.Writer) (err error) {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	st, err := s.fill(ctx, progress)
	if err != nil {
		return fmt.Errorf("fill store: %w", err)
	}
	t := &trial{settings: s, state: st, progress: progress, base: st.Next}
	if s.only {
		t.duration = 0
	}
	st.Next = st.Next.Add(s.duration.Truncate(time.Hour) + time.Hour) // even if it fails: some may be stored then
	if err := st.save(); err != nil {
		return err
	}
	r, err := t.run(ctx)
	if err != nil {
		return err
	}
	r.print(out)
	if !r.pass() {
		return errFailed
	}
	return nil
}
