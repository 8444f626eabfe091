package flightsql

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowsql "github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/kmstrail/kmstrail/internal/access"
)

// kindError is an error whose outcome the fake backend knows.
type kindError struct {
	kind Outcome
	text string
}

func (e *kindError) Error() string { return e.text }

// fake is a backend of a language of its own:
//
//	count N       a column n of N numbers, 1,000 to a batch
//	hang          nothing, until it is interrupted
//	wide N BYTES  N rows in one batch, each with BYTES of text
//	args N        a row for each of N arguments: its type and value
//	fail KIND     an error of that kind, at once
//	late KIND     ten rows, then an error of that kind
//	panic, crash  a panic at once, or when the result is read
type fake struct {
	// running and produced count results that are not released, and batches.
	running, produced atomic.Int64
	// planned counts plans that nobody has taken, fromPlan those that ran.
	planned, fromPlan atomic.Int64
}

var errSecret = errors.New("open /secret/path: no such file")

func (f *fake) Outcome(err error) Outcome {
	var k *kindError
	if errors.As(err, &k) {
		return k.kind
	}
	return Failed
}

var (
	numbers = arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	texts   = arrow.NewSchema([]arrow.Field{{Name: "s", Type: arrow.BinaryTypes.String}}, nil)
)

func words(sql string) (verb string, n, size int) {
	w := append(strings.Fields(sql), "", "", "")
	n, _ = strconv.Atoi(w[1])
	size, _ = strconv.Atoi(w[2])
	return w[0], n, size
}

// fakePlan is a plan of the fake backend; planned counts those that are neither
// run nor closed.
type fakePlan struct {
	f   *fake
	st  Statement
	sql string
}

func (f *fake) Plan(ctx context.Context, sql string) (Plan, error) {
	st, err := f.Describe(ctx, sql)
	if err != nil {
		return nil, err
	}
	f.planned.Add(1)
	return &fakePlan{f: f, st: st, sql: sql}, nil
}

func (p *fakePlan) Statement() Statement { return p.st }

func (p *fakePlan) Query(ctx context.Context) (array.RecordReader, error) {
	p.f.planned.Add(-1)
	p.f.fromPlan.Add(1)
	return p.f.Query(ctx, p.sql)
}

func (p *fakePlan) Close() { p.f.planned.Add(-1) }

func (f *fake) Describe(ctx context.Context, sql string) (Statement, error) {
	switch verb, n, _ := words(sql); verb {
	case "count", "late", "crash", "hang":
		return Statement{Schema: numbers}, nil
	case "panic":
		panic("describe " + sql)
	case "stuck":
		<-ctx.Done()
		return Statement{}, context.Cause(ctx)
	case "wide":
		return Statement{Schema: texts}, nil
	case "fail":
		return Statement{}, failureOf(sql)
	case "args":
		st := Statement{Schema: texts}
		for range n {
			st.Params = append(st.Params, arrow.Field{Name: "p", Type: arrow.Null})
		}
		return st, nil
	}
	return Statement{}, &kindError{Invalid, "syntax error in " + sql}
}

func failureOf(sql string) error {
	if kind := Outcome(strings.Fields(sql)[1]); kind != Failed {
		return &kindError{kind, "it is " + string(kind)}
	}
	return errSecret
}

func (f *fake) Query(ctx context.Context, sql string, args ...any) (array.RecordReader, error) {
	r := &fakeRows{ctx: ctx, fake: f, schema: numbers}
	verb, n, size := words(sql)
	switch verb {
	case "count":
		r.next = counting(n)
	case "hang":
		r.next = func() (arrow.RecordBatch, error) { <-ctx.Done(); return nil, context.Cause(ctx) }
	case "wide":
		r.schema = texts
		r.next = once(textBatch(slices.Repeat([]string{strings.Repeat("x", size)}, n)...))
	case "args":
		r.schema = texts
		said := make([]string, 0, len(args))
		for _, a := range args {
			said = append(said, describeArg(a))
		}
		r.next = once(textBatch(said...))
	case "late":
		first := counting(10)
		r.next = func() (arrow.RecordBatch, error) {
			if rec, _ := first(); rec != nil {
				return rec, nil
			}
			return nil, failureOf(sql)
		}
	case "crash":
		r.next = func() (arrow.RecordBatch, error) { panic("read") }
	default:
		return nil, &kindError{Invalid, "syntax error in " + sql}
	}
	f.running.Add(1)
	return r, nil
}

func counting(n int) func() (arrow.RecordBatch, error) {
	at := 0
	return func() (arrow.RecordBatch, error) {
		if at >= n {
			return nil, nil
		}
		b := array.NewInt64Builder(memory.DefaultAllocator)
		defer b.Release()
		for range min(1000, n-at) {
			b.Append(int64(at))
			at++
		}
		column := b.NewArray()
		defer column.Release()
		return array.NewRecordBatch(numbers, []arrow.Array{column}, int64(column.Len())), nil
	}
}

func textBatch(rows ...string) arrow.RecordBatch {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues(rows, nil)
	column := b.NewArray()
	defer column.Release()
	return array.NewRecordBatch(texts, []arrow.Array{column}, int64(len(rows)))
}

func once(rec arrow.RecordBatch) func() (arrow.RecordBatch, error) {
	return func() (arrow.RecordBatch, error) {
		out := rec
		rec = nil
		return out, nil
	}
}

type fakeRows struct {
	ctx     context.Context
	fake    *fake
	schema  *arrow.Schema
	next    func() (arrow.RecordBatch, error)
	current arrow.RecordBatch
	err     error
}

func (r *fakeRows) Schema() *arrow.Schema { return r.schema }
func (r *fakeRows) Next() bool {
	if r.err == nil {
		r.err = context.Cause(r.ctx)
	}
	if r.err == nil {
		r.current, r.err = r.next()
	}
	if r.err != nil || r.current == nil {
		return false
	}
	r.fake.produced.Add(1)
	return true
}
func (r *fakeRows) RecordBatch() arrow.RecordBatch { return r.current }
func (r *fakeRows) Record() arrow.RecordBatch      { return r.current }
func (r *fakeRows) Err() error                     { return r.err }
func (r *fakeRows) Retain()                        {}
func (r *fakeRows) Release()                       { r.fake.running.Add(-1) }

// served is a server over a loopback connection, and what it told.
type served struct {
	*Server
	fake *fake
	addr string
	log  *strings.Builder

	mu    sync.Mutex
	ended []Query
}

// people are who the test server knows, by their tokens.
var people = map[string]access.Principal{
	"Bearer anna":        {Name: "anna", Role: access.Read},
	"Bearer ben":         {Name: "ben", Role: access.Operate},
	"Bearer nobody":      {Name: "nobody"},
	"Basic dXNlcjphbm5h": {Name: "anna", Role: access.Read}, // user:anna
}

func serve(t *testing.T, change func(*Options)) *served {
	t.Helper()
	s := &served{fake: &fake{}, log: &strings.Builder{}}
	o := Options{
		Backend: s.fake, Version: "v1", Log: slog.New(slog.NewTextHandler(&lockedWriter{s: s}, nil)),
		Authenticate: func(header string, _ net.Addr) (access.Principal, error) {
			if p, ok := people[header]; ok {
				return p, nil
			}
			switch header {
			case "":
				return access.Principal{}, access.ErrNoToken
			case "Bearer often":
				return access.Principal{}, &access.TooManyError{RetryAfter: time.Minute}
			case "Bearer old":
				return access.Principal{}, access.ErrExpired
			}
			return access.Principal{}, access.ErrBadToken
		},
		OnQuery: func(_ context.Context, q Query) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.ended = append(s.ended, q)
		},
	}
	if change != nil {
		change(&o)
	}
	var err error
	if s.Server, err = New(o); err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		s.Shutdown(ctx)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if n := s.fake.running.Load(); n != 0 {
			t.Errorf("%d results were not released", n)
		}
	})
	return s
}

type lockedWriter struct{ s *served }

func (w *lockedWriter) Write(b []byte) (int, error) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return w.s.log.Write(b)
}

func (s *served) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// told waits until n queries have been told of.
func (s *served) told(t *testing.T, n int) []Query {
	t.Helper()
	var out []Query
	eventually(t, "queries are told of", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		out = slices.Clone(s.ended)
		return len(out) >= n
	})
	return out
}

// client connects; anna's calls go through ctx.
func (s *served) client(t *testing.T, options ...grpc.DialOption) *arrowsql.Client {
	t.Helper()
	options = append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))
	c, err := arrowsql.NewClient(s.addr, nil, nil, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// as is a context of somebody's calls.
func as(t *testing.T, who string) context.Context {
	t.Helper()
	return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+who)
}

// eventually waits for a condition, for very much longer than it takes.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("still waiting: %s", what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}
