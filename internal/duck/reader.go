//go:build duckdb_arrow

package duck

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	bindings "github.com/duckdb/duckdb-go-bindings"
)

// reader streams the result of one query, a batch of at most 2,048 rows at a
// time. DuckDB computes ahead by about a megabyte and then waits. The batches
// are in Go's memory: what is taken out of one outlives it.
type reader struct {
	ctx    context.Context //nolint:containedctx // a record reader has no other way to end with its query
	refs   atomic.Int64
	schema *arrow.Schema

	mu      sync.Mutex // guards what follows against Store.Close
	conn    *conn
	stmt    bindings.PreparedStatement
	result  bindings.Result
	options bindings.ArrowOptions
	current arrow.RecordBatch
	err     error
	done    bool
	// onClose runs once, when the last reference is gone.
	onClose func()
}

var _ array.RecordReader = (*reader)(nil)

// stream starts a query on c and returns its result as it is computed. c must
// not be used for anything else until the reader is released.
func (c *conn) stream(ctx context.Context, sql string, args []any) (*reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	stmt, err := c.prepare(ctx, sql)
	if err != nil {
		return nil, err
	}
	return c.run(ctx, stmt, args)
}

// run is stream for a statement that is prepared, and takes it over.
func (c *conn) run(ctx context.Context, stmt bindings.PreparedStatement, args []any) (*reader, error) {
	r := &reader{ctx: ctx, conn: c, stmt: stmt}
	r.refs.Store(1)
	if err := r.start(args); err != nil {
		r.Release()
		return nil, err
	}
	return r, nil
}

// prepare parses and binds exactly one statement.
func (c *conn) prepare(ctx context.Context, sql string) (bindings.PreparedStatement, error) {
	stop := c.watch(ctx)
	defer stop()
	var stmt bindings.PreparedStatement
	if bindings.Prepare(c.ptr, sql, &stmt) == bindings.StateError {
		err := c.failure(ctx, bindings.PrepareError(stmt))
		bindings.DestroyPrepare(&stmt)
		return bindings.PreparedStatement{}, err
	}
	return stmt, nil
}

func (r *reader) start(args []any) error {
	if err := bind(r.stmt, args); err != nil {
		return err
	}
	stop := r.conn.watch(r.ctx)
	defer stop()
	var pending bindings.PendingResult
	state := bindings.PendingPreparedStreaming(r.stmt, &pending)
	defer bindings.DestroyPending(&pending)
	if state == bindings.StateError {
		return r.conn.failure(r.ctx, bindings.PendingError(pending))
	}
	if bindings.ExecutePending(pending, &r.result) == bindings.StateError {
		return r.conn.failure(r.ctx, bindings.ResultError(&r.result))
	}
	r.options = bindings.ResultGetArrowOptions(&r.result)
	return r.readSchema()
}

func (r *reader) readSchema() error {
	n := bindings.ColumnCount(&r.result)
	names := make([]string, n)
	types := make([]bindings.LogicalType, n)
	for i := range n {
		names[i] = bindings.ColumnName(&r.result, i)
		types[i] = bindings.ColumnLogicalType(&r.result, i)
	}
	schema, err := arrowSchema(r.options, names, types)
	destroyTypes(types)
	r.schema = schema
	return err
}

func (r *reader) Schema() *arrow.Schema { return r.schema }

func (r *reader) Next() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropCurrent()
	if r.done || r.err != nil {
		return false
	}
	if r.err = context.Cause(r.ctx); r.err != nil {
		return false
	}
	stop := r.conn.watch(r.ctx)
	chunk := bindings.FetchChunk(r.result)
	stop()
	defer bindings.DestroyDataChunk(&chunk)
	if chunk.Ptr == nil {
		r.done = true
		// DuckDB ends a broken stream like a finished one; the error stands in
		// the result.
		if msg := bindings.ResultError(&r.result); msg != "" {
			r.err = r.conn.failure(r.ctx, msg)
		}
		return false
	}
	rec, data := bindings.DataChunkToArrowArray(r.options, r.schema, chunk)
	if r.err = dataError(data); r.err != nil {
		r.err = fmt.Errorf("convert query result to Arrow: %w", r.err)
		return false
	}
	r.current = toGo(r.schema, rec)
	return true
}

func (r *reader) RecordBatch() arrow.RecordBatch {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current
}

// Record is RecordBatch under its old name, which the interface still asks for.
func (r *reader) Record() arrow.RecordBatch { return r.RecordBatch() }

func (r *reader) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func (r *reader) Retain() { r.refs.Add(1) }

func (r *reader) Release() {
	if r.refs.Add(-1) == 0 {
		r.close(nil)
	}
}

// abort ends the reader from another goroutine than its user's, who may be
// waiting in Next; reason is what a later Next reports.
func (r *reader) abort(reason error) {
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for !r.interruptUntil(quit) {
		}
	}()
	r.mu.Lock()
	close(quit)
	<-ended
	r.mu.Unlock()
	r.close(reason)
}

// interruptUntil interrupts once and reports whether quit is closed.
func (r *reader) interruptUntil(quit <-chan struct{}) bool {
	r.conn.interrupt()
	select {
	case <-quit:
		return true
	case <-time.After(interruptEvery):
		return false
	}
}

// close frees everything; reason is what a later Next reports.
func (r *reader) close(reason error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropCurrent()
	r.done = true
	if r.err == nil {
		r.err = reason
	}
	bindings.DestroyArrowOptions(&r.options)
	bindings.DestroyResult(&r.result)
	bindings.DestroyPrepare(&r.stmt)
	if r.onClose != nil {
		r.onClose()
		r.onClose = nil
	}
}

func (r *reader) dropCurrent() {
	if r.current != nil {
		r.current.Release()
		r.current = nil
	}
}

// dataError returns the error that data holds, and frees it.
func dataError(data bindings.ErrorData) error {
	defer bindings.DestroyErrorData(&data)
	if !bindings.ErrorDataHasError(data) {
		return nil
	}
	return reported(bindings.ErrorDataMessage(data))
}
