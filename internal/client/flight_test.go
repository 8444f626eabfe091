package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/internal/access"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/flightsql"
)

// backend answers every statement with the numbers from 0 on, and notes what it
// was asked.
type backend struct {
	batches int
	// refuse is the error of a statement, fail that of its result.
	refuse, fail error
	// ended is closed when a result is released.
	ended chan struct{}

	mu   sync.Mutex
	sql  string
	args []any
}

var numbers = arrow.NewSchema([]arrow.Field{{
	Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true,
	Metadata: arrow.NewMetadata([]string{"ARROW:FLIGHT:SQL:TYPE_NAME"}, []string{"BIGINT"}),
}}, nil)

func (b *backend) Query(ctx context.Context, sql string, args ...any) (array.RecordReader, error) {
	b.mu.Lock()
	b.sql, b.args = sql, args
	b.mu.Unlock()
	if b.refuse != nil {
		return nil, b.refuse
	}
	return &counting{backend: b, ctx: ctx}, nil
}

func (b *backend) Describe(_ context.Context, sql string) (flightsql.Statement, error) {
	if b.refuse != nil {
		return flightsql.Statement{}, b.refuse
	}
	st := flightsql.Statement{Schema: numbers}
	for i := range strings.Count(sql, "?") {
		st.Params = append(st.Params, arrow.Field{Name: fmt.Sprint(i + 1), Type: arrow.Null, Nullable: true})
	}
	return st, nil
}

func (b *backend) Plan(ctx context.Context, sql string) (flightsql.Plan, error) {
	st, err := b.Describe(ctx, sql)
	return &planned{backend: b, st: st, sql: sql}, err
}

// planned is a statement that has not run.
type planned struct {
	*backend

	st  flightsql.Statement
	sql string
}

func (p *planned) Statement() flightsql.Statement { return p.st }

func (p *planned) Query(ctx context.Context) (array.RecordReader, error) {
	return p.backend.Query(ctx, p.sql)
}

func (p *planned) Close() {}

func (b *backend) Outcome(err error) flightsql.Outcome {
	if _, ok := errors.AsType[*duck.LimitError](err); ok {
		return flightsql.Limited
	}
	return flightsql.Invalid
}

// counting gives one row a batch.
type counting struct {
	*backend

	ctx  context.Context
	n    int
	last arrow.RecordBatch
}

func (c *counting) Retain()                        {}
func (c *counting) Schema() *arrow.Schema          { return numbers }
func (c *counting) RecordBatch() arrow.RecordBatch { return c.last }
func (c *counting) Record() arrow.RecordBatch      { return c.last }

func (c *counting) Next() bool {
	if c.n >= c.batches || c.ctx.Err() != nil {
		return false
	}
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	b.Append(int64(c.n))
	column := b.NewArray()
	defer column.Release()
	c.last = array.NewRecordBatch(numbers, []arrow.Array{column}, 1)
	c.n++
	return true
}

func (c *counting) Err() error {
	if err := context.Cause(c.ctx); err != nil {
		return err
	}
	if c.n >= c.batches {
		return c.fail
	}
	return nil
}

func (c *counting) Release() { close(c.ended) }

// serve starts a server on a unix socket and returns a client of it.
func serve(t *testing.T, b *backend) *flightQueries {
	t.Helper()
	b.ended = make(chan struct{})
	s, err := flightsql.New(flightsql.Options{
		Backend: b, Concurrency: 4, PerPrincipal: 4, MaxWait: time.Minute, Version: "test", Log: slog.New(slog.DiscardHandler),
		Authenticate: func(string, net.Addr) (access.Principal, error) { return access.Principal{}, access.ErrNoToken },
	})
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "f.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	q := &flightQueries{find: func(context.Context) (string, error) { return "unix:" + socket, nil }}
	t.Cleanup(func() {
		if err := q.Close(); err != nil {
			t.Error(err)
		}
		s.Shutdown(context.Background())
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return q
}

// drain returns the rows of a result.
func drain(r array.RecordReader) (rows []int64, err error) {
	defer r.Release()
	for r.Next() {
		rows = append(rows, r.RecordBatch().Column(0).(*array.Int64).Int64Values()...)
	}
	return rows, r.Err()
}

// TestQuery_arguments: every kind of argument arrives as the store takes it.
func TestQuery_arguments(t *testing.T) {
	b := &backend{batches: 3}
	q := serve(t, b)
	at := time.Date(2026, 11, 1, 8, 0, 0, 123456000, time.UTC)
	r, err := q.Query(t.Context(), "select ?, ?, ?, ?, ?, ?, ?", "text", int64(1)<<40, -2.5, true, at, []string{"a", ""}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(numbers.Field(0).Metadata.ToMap(), r.Schema().Field(0).Metadata.ToMap()); diff != "" {
		t.Errorf("metadata of the column (-want +got):\n%s", diff)
	}
	rows, err := drain(r)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{0, 1, 2}, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	want := []any{"text", int64(1) << 40, -2.5, true, at, []string{"a", ""}, nil}
	if diff := cmp.Diff(want, b.args); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	if _, err := q.Query(t.Context(), "select ?", struct{}{}); err == nil || err.Error() != "query database: bind parameter 1: a struct {} cannot be a parameter" {
		t.Errorf("an argument that none can be: %v", err)
	}
}

// TestQuery_errors: an error has the text and the kind that a store in this
// process gives it.
func TestQuery_errors(t *testing.T) {
	for name, sent := range map[string]error{
		"refused":       fmt.Errorf("query database: %w", &duck.RefusedError{Reason: "only queries are allowed"}),
		"limit":         &duck.LimitError{What: "rows", Limit: "100"},
		"limit_at_once": fmt.Errorf("query database: %w", &duck.LimitError{What: "time", Limit: "1.5s"}),
		"database":      fmt.Errorf("query database: %w", &duck.Error{Message: "Binder Error: no column x", Hint: "describe shows them"}),
	} {
		for _, when := range []string{"at once", "after rows"} {
			t.Run(name+" "+when, func(t *testing.T) {
				b := &backend{batches: 2}
				if when == "at once" {
					b.refuse = sent
				} else {
					b.fail = sent
				}
				r, err := serve(t, b).Query(t.Context(), "select 1")
				if err == nil {
					var rows []int64
					rows, err = drain(r)
					if len(rows) != 2 {
						t.Errorf("got %d rows before the error, want 2", len(rows))
					}
				}
				if err == nil || err.Error() != sent.Error() {
					t.Fatalf("got  %v\nwant %v", err, sent)
				}
				sameKind[*duck.RefusedError](t, err, sent)
				sameKind[*duck.LimitError](t, err, sent)
				sameKind[*duck.Error](t, err, sent)
			})
		}
	}
}

func sameKind[E error](t *testing.T, got, want error) {
	t.Helper()
	_, is := errors.AsType[E](got)
	_, should := errors.AsType[E](want)
	if is != should {
		t.Errorf("is a %T: %v, want %v", *new(E), is, should)
	}
}

// TestQuery_released: the server's query ends when its result is not wanted any
// more.
func TestQuery_released(t *testing.T) {
	b := &backend{batches: 1 << 40}
	r, err := serve(t, b).Query(t.Context(), "select 1")
	if err != nil {
		t.Fatal(err)
	}
	if !r.Next() {
		t.Fatal(r.Err())
	}
	r.Retain()
	r.Release()
	if !r.Next() {
		t.Fatalf("the result ended although it is held: %v", r.Err())
	}
	r.Release()
	select {
	case <-b.ended:
	case <-time.After(time.Minute):
		t.Fatal("the query goes on")
	}
}

// TestQuery_cause: what ended the context is the error.
func TestQuery_cause(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	r, err := serve(t, &backend{batches: 1 << 40}).Query(ctx, "select 1")
	if err != nil {
		t.Fatal(err)
	}
	limit := &duck.LimitError{What: "time", Limit: "1s"}
	cancel(limit)
	if _, err := drain(r); !errors.Is(err, limit) {
		t.Errorf("got %v, want %v", err, limit)
	}
}

// TestQuery_nobody: a server that is gone is said to be.
func TestQuery_nobody(t *testing.T) {
	q := &flightQueries{find: func(context.Context) (string, error) { return "unix:" + filepath.Join(t.TempDir(), "none"), nil }}
	t.Cleanup(func() { _ = q.Close() })
	_, err := q.Query(t.Context(), "select 1")
	if err == nil || !errors.Is(err, errNoAnswer) {
		t.Errorf("got %v", err)
	}
	off := &flightQueries{find: func(context.Context) (string, error) { return "", nil }}
	if _, err := off.Query(t.Context(), "select 1"); !errors.Is(err, errNoFlight) {
		t.Errorf("got %v, want %v", err, errNoFlight)
	}
}
