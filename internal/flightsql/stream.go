package flightsql

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc/codes"
)

// aheadBytes is how far a query is read ahead of what its client took. What is
// read when the client is ready goes out as one message.
const aheadBytes = 1 << 20

// ahead reads a result in a goroutine of its own, so that computing and sending
// go on side by side, and small batches become few messages without any of them
// having to wait for the next.
type ahead struct {
	mu      sync.Mutex
	changed *sync.Cond
	queue   []arrow.RecordBatch
	bytes   int64
	stopped bool
	ended   bool
	err     error
	done    chan struct{}
}

func readAhead(ctx context.Context, rows array.RecordReader, log *slog.Logger) *ahead {
	a := &ahead{done: make(chan struct{})}
	a.changed = sync.NewCond(&a.mu)
	go func() {
		defer close(a.done)
		err := a.fill(ctx, rows, log)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.ended, a.err = true, err
		a.changed.Broadcast()
	}()
	return a
}

func (a *ahead) fill(ctx context.Context, rows array.RecordReader, log *slog.Logger) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = crashed(ctx, log, "read result", p)
		}
	}()
	for rows.Next() {
		rec := rows.RecordBatch()
		rec.Retain()
		if !a.put(rec) {
			return nil
		}
	}
	return rows.Err()
}

// put waits until there is room. It reports false when nobody wants more.
func (a *ahead) put(rec arrow.RecordBatch) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.bytes >= aheadBytes && !a.stopped {
		a.changed.Wait()
	}
	if a.stopped {
		rec.Release()
		return false
	}
	a.queue = append(a.queue, rec)
	a.bytes += size(rec)
	a.changed.Broadcast()
	return true
}

// take waits for rows and returns what is there, about aheadBytes at most; nil
// and the error, if there was one, at the end.
func (a *ahead) take() (arrow.RecordBatch, error) {
	batches, err := a.takeSome()
	if len(batches) <= 1 {
		if len(batches) == 0 {
			return nil, err
		}
		return batches[0], nil
	}
	defer release(batches)
	return merge(batches)
}

func (a *ahead) takeSome() ([]arrow.RecordBatch, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.queue) == 0 && !a.ended {
		a.changed.Wait()
	}
	n, bytes := 0, int64(0)
	for n < len(a.queue) && (n == 0 || bytes+size(a.queue[n]) <= aheadBytes) {
		bytes += size(a.queue[n])
		n++
	}
	if n == 0 {
		return nil, a.err
	}
	some := a.queue[:n:n]
	a.queue = a.queue[n:]
	a.bytes -= bytes
	a.changed.Broadcast()
	return some, nil
}

// stop waits until nothing reads the result any more. Whoever calls it has ended
// the query.
func (a *ahead) stop() {
	a.mu.Lock()
	a.stopped = true
	a.changed.Broadcast()
	a.mu.Unlock()
	<-a.done
	release(a.queue)
	a.queue = nil
}

func release(batches []arrow.RecordBatch) {
	for _, b := range batches {
		b.Release()
	}
}

func size(rec arrow.RecordBatch) int64 {
	var n int64
	for _, c := range rec.Columns() {
		n += int64(c.Data().SizeInBytes())
	}
	return n
}

// merge puts batches of one schema together.
func merge(batches []arrow.RecordBatch) (arrow.RecordBatch, error) {
	columns := make([]arrow.Array, batches[0].NumCols())
	defer func() {
		for _, c := range columns {
			if c != nil {
				c.Release()
			}
		}
	}()
	var rows int64
	for _, b := range batches {
		rows += b.NumRows()
	}
	parts := make([]arrow.Array, len(batches))
	for i := range columns {
		for j, b := range batches {
			parts[j] = b.Column(i)
		}
		column, err := array.Concatenate(parts, memory.DefaultAllocator)
		if err != nil {
			return nil, fmt.Errorf("put batches together: %w", err)
		}
		columns[i] = column
	}
	return array.NewRecordBatch(batches[0].Schema(), columns, rows), nil
}

// sender takes messages; sending waits while the client does not read.
type sender interface {
	Send(*flight.FlightData) error
}

// stallTime is how long a client may take nothing of what is sent to it.
const stallTime = time.Minute

// impatient ends with the query and with a client that takes nothing. Sending
// itself waits for as long as the client stays: neither cancelling the query nor
// its limit of time would give its place to others, nor the database the rows
// that it holds.
type impatient struct {
	to    sender
	ctx   context.Context //nolint:containedctx // that of the query, which gRPC does not know
	stall time.Duration
}

// Send implements sender. What it leaves behind ends with the call.
func (s *impatient) Send(m *flight.FlightData) error {
	sent := make(chan error, 1)
	go func() { sent <- s.to.Send(m) }()
	stalled := time.NewTimer(s.stall)
	defer stalled.Stop()
	select {
	case err := <-sent:
		return err
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	case <-stalled.C:
		return fault(codes.ResourceExhausted, "the client has read nothing of the result for %s; read faster, or ask for less", s.stall)
	}
}

// batchWriter sends batches as messages of bounded size. The schema goes before
// the first one.
type batchWriter struct {
	to     sender
	max    int
	schema *arrow.Schema
	ipc    *ipc.Writer
	// sent is told of each message with rows.
	sent func(rows, bytes int64)

	body bytes.Buffer
	rows int64
	// excess is the size of a batch that was too large to be sent.
	excess int
}

func newBatchWriter(to sender, limit int, schema *arrow.Schema, sent func(rows, bytes int64)) *batchWriter {
	w := &batchWriter{to: to, max: limit, schema: plainSchema(schema), sent: sent}
	w.ipc = ipc.NewWriterWithPayloadWriter(w, ipc.WithSchema(w.schema))
	return w
}

// write sends a batch, in pieces when it is too large for one message.
func (w *batchWriter) write(rec arrow.RecordBatch) error {
	rec, err := plainBatch(rec, w.schema)
	if err != nil {
		return err
	}
	defer rec.Release()
	w.rows, w.excess = rec.NumRows(), 0
	if err := w.ipc.Write(rec); err != nil {
		return err
	}
	if w.excess == 0 {
		return nil
	}
	if rec.NumRows() <= 1 {
		return fault(codes.ResourceExhausted, "a row of the result has %.1f MiB, more than the %d MiB that fit into a message; select fewer columns, or a part of a long one", float64(w.excess)/(1<<20), w.max>>20)
	}
	// Rows differ: where the pieces are still too large, they are cut again.
	step := max(rec.NumRows()/int64(w.excess/w.max+1), 1)
	for i := int64(0); i < rec.NumRows(); i += step {
		piece := rec.NewSlice(i, min(i+step, rec.NumRows()))
		err := w.write(piece)
		piece.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// close sends the schema, if there was no batch.
func (w *batchWriter) close() error { return w.ipc.Close() }

// Start, WritePayload and Close are for the ipc.Writer, which makes messages of
// the schema and of batches.

// Start does nothing.
func (w *batchWriter) Start() error { return nil }

// Close does nothing.
func (w *batchWriter) Close() error { return nil }

// envelope is what a message has beside the header and the body.
const envelope = 64

// WritePayload sends a message, unless it is too large a batch.
func (w *batchWriter) WritePayload(p ipc.Payload) error {
	meta := p.Meta()
	defer meta.Release()
	w.body.Reset()
	if err := p.SerializeBody(&w.body); err != nil {
		return err
	}
	isBatch := ipc.NewMessage(meta, memory.NewBufferBytes(nil)).Type() == ipc.MessageRecordBatch
	n := meta.Len() + w.body.Len() + envelope
	switch {
	case n > w.max && isBatch:
		w.excess = n
		return nil
	case n > w.max:
		return fault(codes.ResourceExhausted, "the names of the columns do not fit into a message")
	}
	if err := w.to.Send(&flight.FlightData{DataHeader: meta.Bytes(), DataBody: w.body.Bytes()}); err != nil {
		return err
	}
	if isBatch {
		w.sent(w.rows, int64(n))
	}
	return nil
}
