//go:build duckdb_arrow

package duck

import (
	"fmt"
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
}

// LimitError says that a result was cut off. The batches before it are right.
type LimitError struct {
	// What was used up: rows, bytes or time.
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
