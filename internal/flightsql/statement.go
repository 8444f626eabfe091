package flightsql

import (
	"context"
	"encoding/json"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/flight"
	arrowsql "github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	pb "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// describeTime bounds how long a statement may take to be judged.
const describeTime = 30 * time.Second

// ticket is a statement with its arguments, ready to run. Clients hand it back
// as they got it; it is trusted as little as they are.
type ticket struct {
	// ID names the run, for a client that cancels it.
	ID  string `json:"id"`
	SQL string `json:"sql"`
	// Args hold one row.
	Args messages `json:"args,omitempty"`
}

func (t ticket) encode() ([]byte, error) {
	b, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	return arrowsql.CreateStatementQueryTicket(b)
}

// isCommand reports whether a packed message is one like m, and unpacks it.
func isCommand(packed []byte, m proto.Message) bool {
	var command anypb.Any
	return proto.Unmarshal(packed, &command) == nil && command.UnmarshalTo(m) == nil
}

func decodeTicket(handle []byte) (ticket, error) {
	var t ticket
	if err := json.Unmarshal(handle, &t); err != nil || t.ID == "" {
		return ticket{}, fault(codes.InvalidArgument, "this ticket is not one of this server")
	}
	return t, nil
}

// newQuery is a piece of work for whoever asks.
func (s *Server) newQuery(ctx context.Context, t ticket) *query {
	return &query{id: newID(), ticket: t.ID, principal: principalOf(ctx), peer: peerOf(ctx), sql: t.SQL, began: s.now()}
}

// work does something for a client: it waits for a place, and while it lasts it
// is listed and can be cancelled. What is only described is told when it failed.
func (s *Server) work(ctx context.Context, q *query, onlyDescribed bool, do func(context.Context) error) error {
	ctx, q.cancel = context.WithCancelCause(ctx)
	defer q.cancel(nil)
	err := s.inPlace(ctx, q, do)
	out, err := s.outcome(ctx, err)
	if !onlyDescribed || out != Done {
		s.onQuery(context.WithoutCancel(ctx), Query{
			Principal: q.principal, Peer: q.peer, SQL: q.sql,
			Began: q.began, Waited: q.waited, FirstBatch: q.firstBatch, Duration: s.now().Sub(q.began),
			Rows: q.rows.Load(), Bytes: q.bytes.Load(), Outcome: out, Err: err,
		})
	}
	return s.answer(ctx, out, err)
}

// inPlace lists q until it is over, so that who is told of its end finds it gone.
func (s *Server) inPlace(ctx context.Context, q *query, do func(context.Context) error) (err error) {
	s.running.add(q)
	defer s.running.remove(q)
	leave, err := s.line.enter(ctx, q.principal.Name)
	q.waited = s.now().Sub(q.began)
	if err != nil {
		return err
	}
	defer leave()
	defer func() {
		if p := recover(); p != nil {
			err = crashed(ctx, s.log, "query", p)
		}
	}()
	q.placed.Store(true)
	return do(ctx)
}

// describe judges a statement.
func (s *Server) describe(ctx context.Context, sql string) (Statement, error) {
	var out Statement
	err := s.work(ctx, s.newQuery(ctx, ticket{SQL: sql}), true, func(ctx context.Context) error {
		ctx, cancel := withDescribeTime(ctx)
		defer cancel()
		var err error
		if out, err = s.backend.Describe(ctx, sql); err != nil {
			return causeOf(ctx, err)
		}
		out.Schema = plainSchema(out.Schema)
		return nil
	})
	return out, err
}

func withDescribeTime(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, describeTime,
		fault(codes.ResourceExhausted, "the statement took longer than %s to be planned", describeTime))
}

// causeOf is why ctx ended, if it has, and else err.
func causeOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// run computes a statement and sends its result as it comes.
func (s *Server) run(ctx context.Context, t ticket, to sender) error {
	q := s.newQuery(ctx, t)
	return s.work(ctx, q, false, func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		rows, err := s.rowsOf(ctx, t)
		if err != nil {
			return err
		}
		defer rows.Release()
		w := newBatchWriter(&impatient{to: to, ctx: ctx, stall: s.stall}, maxMessage, rows.Schema(), func(rows, bytes int64) {
			if q.rows.Add(rows) == rows {
				q.firstBatch = s.now().Sub(q.began)
			}
			q.bytes.Add(bytes)
		})
		a := readAhead(ctx, rows, s.log)
		defer a.stop()
		defer cancel() // before it is waited for
		return send(a, w)
	})
}

func send(a *ahead, w *batchWriter) error {
	for {
		rec, err := a.take()
		switch {
		case err != nil:
			return err
		case rec == nil:
			return w.close()
		}
		err = w.write(rec)
		rec.Release()
		if err != nil {
			return err
		}
	}
}

// info is what GetFlightInfo answers for a statement.
func (s *Server) info(desc *flight.FlightDescriptor, schema *arrow.Schema, t ticket) (*flight.FlightInfo, error) {
	encoded, err := t.encode()
	if err != nil {
		return nil, err
	}
	info := metadataInfo(desc, nil)
	info.Endpoint[0].Ticket = &flight.Ticket{Ticket: encoded}
	info.Schema = serialized(schema)
	return info, nil
}

func serialized(schema *arrow.Schema) []byte {
	if schema == nil {
		return nil
	}
	return flight.SerializeSchema(schema, memory.DefaultAllocator)
}

// GetFlightInfoStatement judges a statement and makes its ticket.
func (h *handler) GetFlightInfoStatement(ctx context.Context, cmd arrowsql.StatementQuery, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	if err := noTransaction(cmd.GetTransactionId()); err != nil {
		return nil, err
	}
	t := ticket{ID: newID(), SQL: cmd.GetQuery()}
	st, err := h.plan(ctx, t.ID, t.SQL)
	if err != nil {
		return nil, err
	}
	return h.info(desc, st.Schema, t)
}

// GetSchemaStatement says what columns a statement gives.
func (h *handler) GetSchemaStatement(ctx context.Context, cmd arrowsql.StatementQuery, _ *flight.FlightDescriptor) (*flight.SchemaResult, error) {
	if err := noTransaction(cmd.GetTransactionId()); err != nil {
		return nil, err
	}
	st, err := h.describe(ctx, cmd.GetQuery())
	if err != nil {
		return nil, err
	}
	return &flight.SchemaResult{Schema: serialized(st.Schema)}, nil
}

// cancelTicket cancels the runs of a client's ticket.
func (h *handler) cancelTicket(ctx context.Context, info *flight.FlightInfo) error {
	who := principalOf(ctx)
	n := 0
	for _, endpoint := range info.GetEndpoint() {
		var statement pb.TicketStatementQuery
		if !isCommand(endpoint.GetTicket().GetTicket(), &statement) {
			continue // one of metadata, which is sent in a moment
		}
		t, err := decodeTicket(statement.GetStatementHandle())
		if err != nil {
			return err
		}
		n += h.running.cancel(errCancelled, func(q *query) bool {
			return q.ticket == t.ID && q.principal == who
		})
	}
	if n == 0 {
		return fault(codes.NotFound, "no such query is at work: it has ended, or was not begun")
	}
	return nil
}

// CancelFlightInfo cancels a query.
func (h *handler) CancelFlightInfo(ctx context.Context, req *flight.CancelFlightInfoRequest) (flight.CancelFlightInfoResult, error) {
	if err := h.cancelTicket(ctx, req.GetInfo()); err != nil {
		return flight.CancelFlightInfoResult{}, err
	}
	return flight.CancelFlightInfoResult{Status: flight.CancelStatusCancelled}, nil
}

// CancelQuery cancels a query, in the way of older clients.
func (h *handler) CancelQuery(ctx context.Context, req arrowsql.ActionCancelQueryRequest) (arrowsql.CancelResult, error) {
	if err := h.cancelTicket(ctx, req.GetInfo()); err != nil {
		return arrowsql.CancelResultUnspecified, err
	}
	return arrowsql.CancelResultCancelled, nil
}
