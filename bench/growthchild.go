package main

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/kmstrail/kmstrail/bench/organisation"
	"github.com/kmstrail/kmstrail/internal/duck"
)

// fillFigures say what filling took. Generate is the part of CPU that made the
// events.
type fillFigures struct {
	cost
	Generate   float64 `json:"generate_cpu_seconds"`
	StoreBytes int64   `json:"store_bytes"`
}

// hourFigures say what an hour took, CPU by parts.
type hourFigures struct {
	cost
	Generate    float64 `json:"generate_cpu_seconds"`
	Open        float64 `json:"open_cpu_seconds"`
	Ledger      float64 `json:"ledger_cpu_seconds"`
	FirstCommit float64 `json:"first_commit_cpu_seconds"`
	Commits     float64 `json:"other_commits_cpu_seconds"`
	Close       float64 `json:"close_cpu_seconds"`
}

type maintainFigures struct {
	cost
	Merged int64   `json:"merged_rows"`
	Rows   int64   `json:"rows"`
	Held   float64 `json:"writer_held_seconds"`
}

// growthChild makes a measurement of growth.
func growthChild(ctx context.Context, c *config) (any, error) {
	switch c.child {
	case "growth-fill":
		return fillStore(ctx, c.set, c.events)
	case "growth-maintain":
		return maintain(ctx, c.set, c.hour)
	case "growth-empty":
		store, err := openToWrite(ctx, c.set)
		if err != nil {
			return nil, err
		}
		return cost{}, store.Close()
	case "growth-hour":
		return ingestHour(ctx, c.set, c.hour)
	case "growth-size":
		return measureSize(ctx, c.set)
	case "growth-questions":
		return askAll(ctx, c.set)
	}
	return nil, fmt.Errorf("there is no measurement %q", c.child)
}

// openToWrite opens a store as the ingest command does.
func openToWrite(ctx context.Context, path string) (*duck.Store, error) {
	return duck.Open(ctx, path, duck.Options{Threads: 1})
}

// stopwatch gives the CPU time between two looks at it.
type stopwatch struct{ last time.Duration }

func newStopwatch() *stopwatch { return &stopwatch{last: processCPU()} }

func (w *stopwatch) lap() float64 {
	now := processCPU()
	d := now - w.last
	w.last = now
	return d.Seconds()
}

// processCPU is what this process has used, in all of its threads.
func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // only for a wrong argument
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// fillStore stores events spread over the days before the measured hours.
func fillStore(ctx context.Context, path string, events int64) (fillFigures, error) {
	var f fillFigures
	store, err := openToWrite(ctx, path)
	if err != nil {
		return f, err
	}
	defer store.Close()
	watch, start, printed := newStopwatch(), time.Now(), int64(0)
	err = organisation.Fill(ctx, store, events, func() { f.Generate += watch.lap() }, func(done int64) {
		watch.lap()
		if done-printed >= 1_000_000 {
			printed = done
			fmt.Fprintf(os.Stderr, "%d of %d events, %.0f s\n", done, events, time.Since(start).Seconds())
		}
	})
	if err != nil {
		return f, err
	}
	f.StoreBytes, err = closed(store, path)
	return f, err
}

// ingestHour stores the events of an hour after the fill in many commits, as a
// run that follows a bucket does.
func ingestHour(ctx context.Context, path string, hour int) (hourFigures, error) {
	var f hourFigures
	watch := newStopwatch()
	org := organisation.New()
	places := org.Places()
	f.Generate = watch.lap()
	store, err := openToWrite(ctx, path)
	if err != nil {
		return f, err
	}
	defer store.Close()
	file, err := store.NextLogFileID(ctx)
	if err != nil {
		return f, err
	}
	f.Open = watch.lap()
	g := organisation.NewGenerator(org, uint64(2+hour), file, hourArrival(hour))
	for n := range hourCommits {
		batch := g.NextBatch(commitEvents)
		f.Generate += watch.lap()
		if err := lookUp(ctx, store, places[n%len(places)], hourArrival(hour)(g.Next())); err != nil {
			return f, err
		}
		f.Ledger += watch.lap()
		if err := organisation.Add(ctx, store, batch); err != nil {
			return f, err
		}
		if err := store.Commit(ctx); err != nil {
			return f, err
		}
		if n == 0 {
			f.FirstCommit = watch.lap()
		} else {
			f.Commits += watch.lap()
		}
	}
	err = store.Close()
	f.Close = watch.lap()
	return f, err
}

// hourArrival spreads events over an hour after the fill.
func hourArrival(hour int) func(int64) time.Time {
	start := organisation.FilledUntil.Add(time.Duration(hour) * time.Hour)
	return func(n int64) time.Time { return start.Add(time.Duration(n) * time.Hour / hourEvents) }
}

// lookUp asks the ledger for a day's files of an account and Region, as the
// ingester does for each page of a listing.
func lookUp(ctx context.Context, store *duck.Store, p organisation.Place, day time.Time) error {
	prefix := organisation.LogPrefix(p.Account, p.Region, day)
	_, err := store.Ledger(ctx, organisation.Source, prefix, prefix+"~")
	return err
}

// maintain does in one go what is otherwise done in the background.
func maintain(ctx context.Context, path string, hour int) (maintainFigures, error) {
	var f maintainFigures
	store, err := openToWrite(ctx, path)
	if err != nil {
		return f, err
	}
	defer store.Close()
	done, err := store.Maintain(ctx, duck.Maintenance{Now: organisation.FilledUntil.Add(time.Duration(hour+1) * time.Hour), All: true})
	if err != nil {
		return f, err
	}
	f.Merged, f.Rows, f.Held = done.Merged, done.Rows, done.Held.Seconds()
	return f, store.Close()
}
