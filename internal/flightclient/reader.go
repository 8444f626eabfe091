package flightclient

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// reader is a result that arrives.
type reader struct {
	array.RecordReader

	ctx  context.Context //nolint:containedctx // a record reader has no other way to say why it ended
	refs atomic.Int64
	end  func() // what must happen with the last release
}

func newReader(ctx context.Context, r array.RecordReader, end func()) *reader {
	out := &reader{RecordReader: r, ctx: ctx, end: sync.OnceFunc(end)}
	out.refs.Store(1)
	return out
}

func (r *reader) Retain() { r.refs.Add(1) }

// Release ends the query on the server with the last reference.
func (r *reader) Release() {
	if r.refs.Add(-1) == 0 {
		r.RecordReader.Release()
		r.end()
	}
}

func (r *reader) Err() error {
	if err := r.RecordReader.Err(); err != nil {
		return errorOf(r.ctx, err)
	}
	return nil
}

// Record is RecordBatch under its former name.
func (r *reader) Record() arrow.RecordBatch { return r.RecordBatch() }
