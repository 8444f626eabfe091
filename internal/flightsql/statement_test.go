package flightsql

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	arrowsql "github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// result runs a statement and returns its rows as text.
func result(ctx context.Context, c *arrowsql.Client, sql string) (rows []string, err error) {
	info, err := c.Execute(ctx, sql)
	if err != nil {
		return nil, err
	}
	return fetch(ctx, c, info)
}

func fetch(ctx context.Context, c *arrowsql.Client, info *flight.FlightInfo) (rows []string, err error) {
	r, err := c.DoGet(ctx, info.GetEndpoint()[0].GetTicket())
	if err != nil {
		return nil, err
	}
	defer r.Release()
	for r.Next() {
		for i := range int(r.RecordBatch().NumRows()) {
			var row []string
			for _, column := range r.RecordBatch().Columns() {
				row = append(row, strings.Clone(column.ValueStr(i)))
			}
			rows = append(rows, strings.Join(row, " "))
		}
	}
	if err := r.Err(); !errors.Is(err, io.EOF) {
		return rows, err
	}
	return rows, nil
}

func TestStatement(t *testing.T) {
	s := serve(t, nil)
	c, ctx := s.client(t), as(t, "anna")
	info, err := c.Execute(ctx, "count 3500")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := flight.DeserializeSchema(info.GetSchema(), nil)
	if err != nil || !schema.Equal(numbers) {
		t.Errorf("schema %v, %v", schema, err)
	}
	rows, err := fetch(ctx, c, info)
	if err != nil || len(rows) != 3500 || rows[3499] != "3499" {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	// A ticket is good for another time.
	if again, err := fetch(ctx, c, info); err != nil || len(again) != 3500 {
		t.Errorf("again: %d rows, %v", len(again), err)
	}
	if empty, err := result(ctx, c, "count 0"); err != nil || len(empty) != 0 {
		t.Errorf("none: %d rows, %v", len(empty), err)
	}
	got, err := c.GetExecuteSchema(ctx, "wide 1 1")
	if err != nil {
		t.Fatal(err)
	}
	if schema, err := flight.DeserializeSchema(got.GetSchema(), nil); err != nil || !schema.Equal(texts) {
		t.Errorf("GetSchema: %v, %v", schema, err)
	}

	q := s.told(t, 3)[0]
	if q.Began.IsZero() || q.Duration <= 0 || q.FirstBatch <= 0 || q.FirstBatch > q.Duration || q.Bytes < 8*3500 || q.Peer == "" {
		t.Errorf("told %+v", q)
	}
	want := Query{Principal: people["Bearer anna"], SQL: "count 3500", Rows: 3500, Outcome: Done}
	if diff := cmp.Diff(want, Query{Principal: q.Principal, SQL: q.SQL, Rows: q.Rows, Outcome: q.Outcome, Err: q.Err}); diff != "" {
		t.Error(diff)
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		sql  string
		code codes.Code
		text string
		out  Outcome
		rows int
	}{
		{"nonsense", codes.InvalidArgument, "syntax error in nonsense", Invalid, 0},
		{"fail refused", codes.InvalidArgument, "it is refused", Refused, 0},
		{"fail limited", codes.ResourceExhausted, "it is limited", Limited, 0},
		{"late invalid", codes.InvalidArgument, "it is invalid", Invalid, 10},
		{"late limited", codes.ResourceExhausted, "it is limited", Limited, 10},
		// What is ours to mend tells nothing about the machine.
		{"fail failed", codes.Internal, "the query failed; the server's log says why", Failed, 0},
		{"late failed", codes.Internal, "the query failed; the server's log says why", Failed, 10},
		{"panic", codes.Internal, "the call crashed; the server's log says where", Failed, 0},
		{"crash", codes.Internal, "the call crashed; the server's log says where", Failed, 0},
		{"args 2", codes.InvalidArgument, "the statement has 2 parameters; prepare it and bind them", "", 0},
	} {
		t.Run(c.sql, func(t *testing.T) {
			s := serve(t, nil)
			rows, err := result(as(t, "anna"), s.client(t), c.sql)
			if status.Code(err) != c.code || !strings.Contains(status.Convert(err).Message(), c.text) || len(rows) != c.rows {
				t.Errorf("%d rows, %v; want %d, %s: %s", len(rows), err, c.rows, c.code, c.text)
			}
			if c.out == "" {
				return
			}
			if q := s.told(t, 1)[0]; q.Outcome != c.out || q.Err == nil || q.SQL != c.sql {
				t.Errorf("told %+v", q)
			}
			if logged := c.code == codes.Internal; logged != strings.Contains(s.logged(), "level=ERROR") {
				t.Errorf("log: %s", s.logged())
			}
			// The server lives.
			if rows, err := result(as(t, "anna"), s.client(t), "count 1"); err != nil || len(rows) != 1 {
				t.Errorf("after it: %v", err)
			}
		})
	}
}

// TestMessages: no message is larger than a client takes that takes only as much
// as we say, and nothing is lost by cutting.
func TestMessages(t *testing.T) {
	s := serve(t, nil)
	c := s.client(t, grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)))
	for sql, want := range map[string]int{
		"wide 2000 3000": 2000, // 6 MB in one batch
		"wide 3 1500000": 3,    // a message each
		"wide 1 2097000": 0,    // just too large
		"wide 1 2096000": 1,    // just not
		"count 3000000":  3000000,
		"wide 5 3000000": 0,
		"wide 1000000 0": 1000000,
		"wide 100000 20": 100000,
	} {
		t.Run(sql, func(t *testing.T) {
			rows, err := result(as(t, "anna"), c, sql)
			if want > 0 {
				if err != nil || len(rows) != want {
					t.Errorf("%d rows, %v; want %d", len(rows), err, want)
				}
				return
			}
			if text := "more than the 2 MiB that fit into a message"; status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), text) {
				t.Errorf("%d rows, %v; want %q", len(rows), err, text)
			}
		})
	}
}

// TestLostClient: a query ends with its client.
func TestLostClient(t *testing.T) {
	for _, sql := range []string{"hang", "count 1000000000"} {
		t.Run(sql, func(t *testing.T) {
			s := serve(t, nil)
			ctx, cancel := context.WithCancel(as(t, "anna"))
			defer cancel()
			c := s.client(t)
			info, err := c.Execute(ctx, sql)
			if err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = fetch(ctx, c, info) }()
			eventually(t, "it runs", func() bool { return s.fake.running.Load() == 1 })
			cancel()
			eventually(t, "it ends", func() bool { return s.fake.running.Load() == 0 && len(s.Running()) == 0 })
			if q := s.told(t, 1)[0]; q.Outcome != Cancelled {
				t.Errorf("told %+v", q)
			}
		})
	}
}

// TestCancel: by either action, by who asked only, and by an administrator.
func TestCancel(t *testing.T) {
	s := serve(t, nil)
	c := s.client(t)
	ways := map[string]func(*testing.T, *flight.FlightInfo) error{
		"CancelFlightInfo": func(t *testing.T, info *flight.FlightInfo) error {
			_, err := c.CancelFlightInfo(as(t, "anna"), &flight.CancelFlightInfoRequest{Info: info})
			return err
		},
		"CancelQuery": func(t *testing.T, info *flight.FlightInfo) error {
			//nolint:staticcheck // SA1019: older clients use it
			_, err := c.CancelQuery(as(t, "anna"), info)
			return err
		},
		"Cancel": func(*testing.T, *flight.FlightInfo) error {
			if running := s.Running(); len(running) != 1 || running[0].SQL != "hang" || running[0].Principal != "anna" || !s.Cancel(running[0].ID) {
				return errors.New("not there")
			}
			return nil
		},
	}
	for name, cancel := range ways {
		t.Run(name, func(t *testing.T) {
			ctx := as(t, "anna")
			info, err := c.Execute(ctx, "hang")
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.CancelFlightInfo(ctx, &flight.CancelFlightInfoRequest{Info: info})
			if status.Code(err) != codes.NotFound {
				t.Errorf("before it runs: %v", err)
			}
			ended := make(chan error)
			go func() {
				_, err := fetch(ctx, c, info)
				ended <- err
			}()
			eventually(t, "it runs", func() bool { return s.fake.running.Load() == 1 })
			_, err = c.CancelFlightInfo(as(t, "ben"), &flight.CancelFlightInfoRequest{Info: info})
			if status.Code(err) != codes.NotFound {
				t.Errorf("by somebody else: %v", err)
			}
			if err := cancel(t, info); err != nil {
				t.Error(err)
			}
			if err := <-ended; status.Code(err) != codes.Canceled || !strings.Contains(err.Error(), "the query was cancelled") {
				t.Errorf("the query ended in %v", err)
			}
		})
	}
	if s.Cancel("nothing") {
		t.Error("cancelled what is not there")
	}
}

// TestDeadline: the client's deadline is told apart from its leaving.
func TestDeadline(t *testing.T) {
	s := serve(t, nil)
	q := s.newQuery(t.Context(), ticket{SQL: "hang"})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(context.DeadlineExceeded)
	err := s.work(ctx, q, false, context.Cause)
	if status.Code(err) != codes.DeadlineExceeded {
		t.Error(err)
	}
}

// blocked is a client that does not read.
type blocked struct {
	reads chan struct{}
	got   atomic.Int64
}

func (b *blocked) Send(m *flight.FlightData) error {
	<-b.reads
	b.got.Add(int64(len(m.DataBody)))
	return nil
}

// TestSlowReader: what a client does not take is not computed, but for a bounded
// part.
func TestSlowReader(t *testing.T) {
	s := serve(t, nil)
	client := &blocked{reads: make(chan struct{})}
	ended := make(chan error)
	const rows = 10_000_000
	go func() { ended <- s.run(t.Context(), ticket{ID: "x", SQL: "count 10000000"}, client) }()

	// Batches have 8 kB. The queue, the message that waits and the batch at hand
	// are all there is.
	const most = 2*aheadBytes/8000 + 4
	still := func() {
		eventually(t, "the queue is full", func() bool { return s.fake.produced.Load() >= aheadBytes/8000 })
		if n := s.fake.produced.Load() - client.got.Load()/8000; n > most {
			t.Errorf("%d batches ahead of the client, want at most %d", n, most)
		}
	}
	still()
	for range 5 {
		client.reads <- struct{}{}
		still()
	}
	close(client.reads)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if q := s.told(t, 1)[0]; q.Rows != rows || q.Outcome != Done {
		t.Errorf("told %+v", q)
	}
}

// TestStalledReader: a client that reads nothing any more can be cancelled, and is
// sent away by itself in time; its place is free then.
func TestStalledReader(t *testing.T) {
	for name, tt := range map[string]struct {
		stall time.Duration
		code  codes.Code
		want  Outcome
	}{
		"cancelled": {time.Hour, codes.Canceled, Cancelled},
		"stalled":   {time.Millisecond, codes.ResourceExhausted, Limited},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, nil)
			s.stall = tt.stall
			client := &blocked{reads: make(chan struct{})}
			defer close(client.reads)
			ended := make(chan error)
			go func() { ended <- s.run(t.Context(), ticket{ID: "x", SQL: "count 10000000"}, client) }()
			if tt.want == Cancelled {
				eventually(t, "it runs", func() bool { return s.fake.produced.Load() > 0 })
				s.Cancel(s.Running()[0].ID)
			}
			if err := <-ended; status.Code(err) != tt.code {
				t.Errorf("it ended in %v", err)
			}
			if q := s.told(t, 1)[0]; q.Outcome != tt.want || len(s.Running()) != 0 {
				t.Errorf("told %+v, %d run", q, len(s.Running()))
			}
		})
	}
}

// TestFirstBatch: the first rows do not wait for more.
func TestFirstBatch(t *testing.T) {
	more := make(chan struct{})
	first := counting(10)
	rows := &fakeRows{ctx: t.Context(), fake: &fake{}, schema: numbers, next: func() (arrow.RecordBatch, error) {
		if rec, _ := first(); rec != nil {
			return rec, nil
		}
		<-more
		return nil, nil
	}}
	a := readAhead(t.Context(), rows, nil)
	rec, err := a.take()
	if err != nil || rec.NumRows() != 10 {
		t.Errorf("%v, %v", rec, err)
	}
	close(more)
	if rec, err := a.take(); rec != nil || err != nil {
		t.Errorf("in the end %v, %v", rec, err)
	}
	a.stop()
}

// TestMerge: batches that wait become one.
func TestMerge(t *testing.T) {
	next := counting(5500)
	rows := &fakeRows{ctx: t.Context(), fake: &fake{}, schema: numbers, next: next}
	a := readAhead(t.Context(), rows, nil)
	<-a.done
	rec, err := a.take()
	if err != nil {
		t.Fatal(err)
	}
	if rec.NumRows() != 5500 || rec.Column(0).(*array.Int64).Value(5499) != 5499 {
		t.Errorf("%d rows", rec.NumRows())
	}
	rec.Release()
	a.stop()
}

func TestGarbage(t *testing.T) {
	s := serve(t, nil)
	c := s.client(t)
	forged := func(handle string) []byte {
		b, err := arrowsql.CreateStatementQueryTicket([]byte(handle))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, ticket := range map[string][]byte{
		"empty":      nil,
		"noise":      []byte("noise"),
		"no_json":    forged("noise"),
		"no_id":      forged(`{"sql":"count 1"}`),
		"noise_args": forged(`{"id":"x","sql":"args 1","args":"AAAA"}`),
		"short_args": forged(`{"id":"x","sql":"args 1","args":[{"h":"AAAA"}]}`),
		"no_args":    forged(`{"id":"x","sql":"args 1","args":[{}]}`),
		"zero_args":  forged(`{"id":"x","sql":"args 1","args":[{"h":"AAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}`),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := fetch(as(t, "anna"), c, &flight.FlightInfo{Endpoint: []*flight.FlightEndpoint{{Ticket: &flight.Ticket{Ticket: ticket}}}})
			if status.Code(err) != codes.InvalidArgument {
				t.Errorf("%v, want an invalid argument", err)
			}
		})
	}
	if log := s.logged(); log != "" {
		t.Errorf("logged %s", log)
	}
}
