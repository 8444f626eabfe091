package flightsql

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/flight"
	arrowsql "github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"github.com/kmstrail/kmstrail/internal/access"
)

// Bounds of prepared statements. Of those that a principal forgets, the one that
// was not used for the longest time goes first.
const (
	preparedPerPrincipal = 100
	preparedAtAll        = 1000
	preparedFor          = time.Hour
)

// preparedStatement is a statement that a client has prepared. Its fields but
// args and used are set once.
type preparedStatement struct {
	owner  access.Principal
	sql    string
	params int
	schema *arrow.Schema
	// args are those bound last; nil before.
	args messages
	used time.Time
}

// prepared holds the prepared statements by their handles.
type prepared struct {
	now func() time.Time

	mu         sync.Mutex
	statements map[string]*preparedStatement
}

func newPrepared(now func() time.Time) *prepared {
	return &prepared{now: now, statements: map[string]*preparedStatement{}}
}

// add keeps a statement and returns its handle.
func (p *prepared) add(st preparedStatement) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire()
	p.makeRoom(preparedPerPrincipal, func(x *preparedStatement) bool { return x.owner == st.owner })
	p.makeRoom(preparedAtAll, func(*preparedStatement) bool { return true })
	handle := newID()
	st.used = p.now()
	p.statements[handle] = &st
	return handle
}

func (p *prepared) expire() {
	for handle, st := range p.statements {
		if p.now().Sub(st.used) > preparedFor {
			delete(p.statements, handle)
		}
	}
}

// makeRoom drops the statement of which that was used least recently, if there
// are limit of them.
func (p *prepared) makeRoom(limit int, of func(*preparedStatement) bool) {
	n, oldest := 0, ""
	for handle, st := range p.statements {
		if !of(st) {
			continue
		}
		n++
		if oldest == "" || st.used.Before(p.statements[oldest].used) {
			oldest = handle
		}
	}
	if n >= limit {
		delete(p.statements, oldest)
	}
}

// use returns the statement of a handle, after change has changed it. Somebody
// else's handle is as good as none.
func (p *prepared) use(handle []byte, who access.Principal, change func(*preparedStatement)) (preparedStatement, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire()
	st := p.statements[string(handle)]
	if st == nil || st.owner != who {
		return preparedStatement{}, fault(codes.NotFound, "no such prepared statement: it was closed, not used for %s, or more than %d were prepared after it", preparedFor, preparedPerPrincipal)
	}
	st.used = p.now()
	if change != nil {
		change(st)
	}
	return *st, nil
}

func (p *prepared) drop(handle []byte, who access.Principal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if st := p.statements[string(handle)]; st != nil && st.owner == who {
		delete(p.statements, string(handle))
	}
}

// CreatePreparedStatement judges a statement and keeps it.
func (h *handler) CreatePreparedStatement(ctx context.Context, req arrowsql.ActionCreatePreparedStatementRequest) (arrowsql.ActionCreatePreparedStatementResult, error) {
	var none arrowsql.ActionCreatePreparedStatementResult
	if err := noTransaction(req.GetTransactionId()); err != nil {
		return none, err
	}
	st, err := h.describe(ctx, req.GetQuery())
	if err != nil {
		return none, err
	}
	handle := h.prepared.add(preparedStatement{
		owner: principalOf(ctx), sql: req.GetQuery(), params: len(st.Params), schema: st.Schema,
	})
	isUpdate := false
	out := arrowsql.ActionCreatePreparedStatementResult{
		Handle: []byte(handle), DatasetSchema: st.Schema, IsUpdate: &isUpdate,
	}
	if wantsParameters(ctx) {
		out.ParameterSchema = parameterSchema(st.Params)
	}
	return out, nil
}

// wantsParameters says whether a client can do something with the types of a
// statement's parameters. Go's database/sql driver, which names itself by
// nothing but its gRPC library, can fill few types once it was told of them, no
// timestamp among them; told nothing, it sends what its caller gave.
func wantsParameters(ctx context.Context) bool {
	for _, agent := range metadata.ValueFromIncomingContext(ctx, "user-agent") {
		if strings.HasPrefix(agent, "grpc-go/") {
			return false
		}
	}
	return true
}

// parameterSchema is what clients are told about parameters.
func parameterSchema(params []arrow.Field) *arrow.Schema {
	fields := make([]arrow.Field, len(params))
	for i, p := range params {
		fields[i] = arrow.Field{Name: p.Name, Type: parameterType(p.Type), Nullable: true, Metadata: p.Metadata}
	}
	return arrow.NewSchema(fields, nil)
}

// parameterType is the type that a client is asked for. Where anything will do
// it is text, which all can send. Of timestamps JDBC's driver sends milliseconds,
// whatever it is asked for.
func parameterType(t arrow.DataType) arrow.DataType {
	switch t := plainType(t).(type) {
	case *arrow.NullType:
		return arrow.BinaryTypes.String
	case *arrow.TimestampType:
		return &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: t.TimeZone}
	default:
		return t
	}
}

// ClosePreparedStatement forgets a statement. One that is not there any more is
// no error: the client wanted it gone.
func (h *handler) ClosePreparedStatement(ctx context.Context, req arrowsql.ActionClosePreparedStatementRequest) error {
	h.prepared.drop(req.GetPreparedStatementHandle(), principalOf(ctx))
	return nil
}

// DoPutPreparedStatementQuery binds arguments.
func (h *handler) DoPutPreparedStatementQuery(ctx context.Context, cmd arrowsql.PreparedStatementQuery, in flight.MessageReader, _ flight.MetadataWriter) ([]byte, error) {
	st, err := h.prepared.use(cmd.GetPreparedStatementHandle(), principalOf(ctx), nil)
	if err != nil {
		return nil, err
	}
	args, err := readArgs(in, st.params)
	if err != nil {
		return nil, err
	}
	_, err = h.prepared.use(cmd.GetPreparedStatementHandle(), principalOf(ctx), func(st *preparedStatement) { st.args = args })
	if err != nil {
		return nil, err
	}
	return cmd.GetPreparedStatementHandle(), nil
}

// ready is the ticket of a prepared statement with what is bound to it.
func (h *handler) ready(ctx context.Context, cmd arrowsql.PreparedStatementQuery) (ticket, preparedStatement, error) {
	st, err := h.prepared.use(cmd.GetPreparedStatementHandle(), principalOf(ctx), nil)
	if err != nil {
		return ticket{}, st, err
	}
	if st.params > 0 && st.args == nil {
		return ticket{}, st, fault(codes.InvalidArgument, "the statement has %d parameters, none is bound", st.params)
	}
	return ticket{ID: newID(), SQL: st.sql, Args: st.args}, st, nil
}

// GetFlightInfoPreparedStatement makes a ticket of a statement and what is
// bound to it now.
func (h *handler) GetFlightInfoPreparedStatement(ctx context.Context, cmd arrowsql.PreparedStatementQuery, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	t, st, err := h.ready(ctx, cmd)
	if err != nil {
		return nil, err
	}
	return h.info(desc, st.schema, t)
}

// GetSchemaPreparedStatement says what columns a statement gives.
func (h *handler) GetSchemaPreparedStatement(ctx context.Context, cmd arrowsql.PreparedStatementQuery, _ *flight.FlightDescriptor) (*flight.SchemaResult, error) {
	st, err := h.prepared.use(cmd.GetPreparedStatementHandle(), principalOf(ctx), nil)
	if err != nil {
		return nil, err
	}
	return &flight.SchemaResult{Schema: serialized(st.schema)}, nil
}
