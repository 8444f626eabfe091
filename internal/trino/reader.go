package trino

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// maxRows is how many rows a batch has at most. A batch never has rows of two
// pages, so that one page is all that is held.
const maxRows = 8192

// reader streams the result of one query. The server computes ahead by a few
// pages and then waits. What is taken out of a batch outlives it.
type reader struct {
	query  *query
	refs   atomic.Int64
	schema *arrow.Schema

	mu      sync.Mutex // guards what follows against Release
	builder *array.RecordBuilder
	columns []reads
	// rows are those of the last page that are not read yet.
	rows    cursor
	inside  bool
	current arrow.RecordBatch
	err     error
	done    bool
}

var _ array.RecordReader = (*reader)(nil)

// newReader waits until the server knows the columns of the result.
func newReader(q *query) (*reader, error) {
	r := &reader{query: q}
	r.refs.Store(1)
	for {
		p, more, err := q.fetch()
		if err != nil {
			return nil, err
		}
		if !more {
			// A statement without a result, such as a CREATE VIEW.
			r.schema, r.done = arrow.NewSchema(nil, nil), true
			q.end()
			return r, nil
		}
		if len(p.Columns) > 0 {
			if err := r.open(p); err != nil {
				return nil, err
			}
			return r, nil
		}
		if len(p.Data) > 0 {
			return nil, errors.New("the server sent rows before it named the columns")
		}
	}
}

// open prepares for the rows, the first of which may be in p.
func (r *reader) open(p *page) error {
	var err error
	if r.schema, err = arrowSchema(p.Columns); err != nil {
		return err
	}
	r.builder = array.NewRecordBuilder(memory.DefaultAllocator, r.schema)
	r.columns = make([]reads, len(p.Columns))
	for i := range r.columns {
		if r.columns[i], err = appender(r.builder.Field(i)); err != nil {
			return err
		}
	}
	return r.turn(p)
}

// turn begins to read the rows of a page.
func (r *reader) turn(p *page) error {
	r.rows, r.inside = cursor{data: p.Data}, false
	if len(p.Data) == 0 || r.rows.null() {
		return nil
	}
	r.inside = true
	return r.rows.enter('[')
}

func (r *reader) Schema() *arrow.Schema { return r.schema }

func (r *reader) Next() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropCurrent()
	for r.err == nil && !r.done {
		if r.err = ended(r.query.ctx); r.err != nil {
			break
		}
		if r.inside {
			if r.err = r.read(); r.err == nil && r.current.NumRows() > 0 {
				return true
			}
			r.dropCurrent()
			continue
		}
		r.fetch()
	}
	// The server is told before the caller learns of it, who may then exit.
	r.query.end()
	return false
}

func (r *reader) fetch() {
	p, more, err := r.query.fetch()
	if err == nil && more {
		err = r.turn(p)
	}
	if err != nil {
		r.err = fmt.Errorf("read the result of a query on Trino: %w", err)
	}
	r.done = !more
}

// read makes a batch of the page's next rows.
func (r *reader) read() error {
	for n := range maxRows {
		if !r.rows.more(']') {
			r.inside, r.rows = false, cursor{}
			break
		}
		if err := r.rows.tuple(r.columns); err != nil {
			return fmt.Errorf("read the result of query %s on Trino: row %d of a page: %w", bounded(r.query.id, 100), n+1, err)
		}
	}
	r.current = r.builder.NewRecordBatch()
	return nil
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
	if r.refs.Add(-1) != 0 {
		return
	}
	r.query.end()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropCurrent()
	r.done = true
	if r.builder != nil {
		r.builder.Release()
		r.builder = nil
	}
}

func (r *reader) dropCurrent() {
	if r.current != nil {
		r.current.Release()
		r.current = nil
	}
}
