//go:build duckdb_arrow

package duck

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Limits bound what a user's query may take. Zero means no limit.
type Limits struct {
	// Rows and Bytes bound the result, as Arrow batches.
	Rows, Bytes int64
	// Time bounds the whole query, reading its result included. A single call
	// of a function cannot be interrupted and may take longer.
	Time time.Duration
	// Memory is how much the process may have resident while the query runs:
	// above that, every query with this limit ends. DuckDB's own memory limit
	// does not count single values nor what many aggregates hold. It is looked
	// at every 20 ms; a single call of a function takes what it takes. It works
	// on Linux only.
	Memory int64
}

// begin returns the context of a query that ends with its limits, or when ingest
// needs its memory.
func (l Limits) begin(ctx context.Context, users *userQueries) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	forget := users.add(end)
	cancel := func() { forget(); end(context.Canceled) }
	if l.Memory > 0 {
		go l.watchMemory(ctx, end)
	}
	if l.Time == 0 {
		return ctx, cancel
	}
	ctx, stop := context.WithTimeoutCause(ctx, l.Time, &LimitError{What: "time", Limit: l.Time.String()})
	return ctx, func() { stop(); cancel() }
}

// watchMemory ends the query when the process is too large, or with it.
func (l Limits) watchMemory(ctx context.Context, end context.CancelCauseFunc) {
	tick := time.NewTicker(interruptEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if resident() > l.Memory {
				end(&LimitError{What: "memory", Limit: fmt.Sprintf("%d MiB", l.Memory>>20)})
				return
			}
		}
	}
}

// resident returns the bytes of the process that are in memory; 0 where that
// cannot be learnt.
func resident() int64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(statm), &size, &pages); err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// LimitError says that a result was cut off. The batches before it are right.
type LimitError struct {
	// What was used up: rows, bytes, time or memory.
	What string
	// Limit is how much was allowed.
	Limit string
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the query's limit of %s %s is used up; ask for less, or raise the limit", e.Limit, e.What)
}

// Cut returns a reader of r that ends in a *LimitError where lim.Rows or
// lim.Bytes are used up. Releasing it releases r.
func Cut(r array.RecordReader, lim Limits) array.RecordReader {
	return &limited{RecordReader: r, limits: lim}
}

// limited cuts a result off at its limits.
type limited struct {
	array.RecordReader
	limits      Limits
	rows, bytes int64
	current     arrow.RecordBatch
	err         error
}

func (l *limited) Next() bool {
	l.drop()
	if l.err != nil || !l.RecordReader.Next() {
		return false
	}
	rec := l.RecordReader.RecordBatch()
	if left := l.limits.Rows - l.rows; l.limits.Rows > 0 && rec.NumRows() > left {
		l.err = &LimitError{What: "rows", Limit: fmt.Sprint(l.limits.Rows)}
		if left == 0 {
			return false
		}
		l.current = rec.NewSlice(0, left)
		return true
	}
	l.rows += rec.NumRows()
	for _, c := range rec.Columns() {
		l.bytes += int64(c.Data().SizeInBytes())
	}
	if l.limits.Bytes > 0 && l.bytes > l.limits.Bytes {
		l.err = &LimitError{What: "bytes", Limit: fmt.Sprint(l.limits.Bytes)}
		return false
	}
	rec.Retain()
	l.current = rec
	return true
}

func (l *limited) drop() {
	if l.current != nil {
		l.current.Release()
		l.current = nil
	}
}

func (l *limited) RecordBatch() arrow.RecordBatch { return l.current }
func (l *limited) Record() arrow.RecordBatch      { return l.current }

func (l *limited) Err() error {
	if l.err != nil {
		return l.err
	}
	return l.RecordReader.Err()
}

// Release drops the current batch too: the garbage collector has the rest.
func (l *limited) Release() { l.RecordReader.Release() }
