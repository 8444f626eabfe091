// Package flightclient asks a server of kmstrail in SQL, over Arrow Flight SQL.
// It is pure Go, so that programs without DuckDB can use it.
package flightclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/kmstrail/kmstrail/internal/flightsql/action"
)

// NamedQuery is a ready-made question of the server.
type NamedQuery = action.NamedQuery

// Param is a parameter of a named query.
type Param = action.Param

// Column is a column of a result or a table.
type Column = action.Column

// Options say where the server is.
type Options struct {
	// Address is unix:/PATH, grpc://HOST:PORT or grpc+tls://HOST:PORT.
	Address string
	// TLS is for grpc+tls.
	TLS *tls.Config
	// Token is sent with each call, except through a unix socket; "" for none.
	Token string
	// UserAgent names the program; "" for gRPC's own name.
	UserAgent string
}

// Client asks a server. Its methods may be called by several goroutines, and
// share one connection, which comes back by itself.
type Client struct {
	flight *flightsql.Client
}

// forgetTime bounds the word to the server that a statement is not needed any
// more: nothing depends on it.
var forgetTime = 5 * time.Second

// maxMessage bounds a message of the server, which sends at most 2 MiB.
const maxMessage = 16 << 20

// New returns a client. It connects with the first question; the error says what
// is wrong with the address.
func New(o Options) (*Client, error) {
	target, options, err := o.dialing()
	if err != nil {
		return nil, err
	}
	c, err := flightsql.NewClient(target, nil, nil, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", o.Address, err)
	}
	return &Client{flight: c}, nil
}

// dialing returns what gRPC needs for an address.
func (o Options) dialing() (target string, options []grpc.DialOption, err error) {
	options = append(options,
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
		grpc.WithNoProxy(), // as for a database
		grpc.WithDisableServiceConfig(),
		// What lies between may forget a connection without a word.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
	)
	if o.UserAgent != "" {
		options = append(options, grpc.WithUserAgent(o.UserAgent))
	}
	scheme, rest, ok := strings.Cut(o.Address, ":")
	switch {
	case ok && scheme == "unix":
		// gRPC's own form of such an address has the path in a URL, and escapes.
		dial := func(ctx context.Context, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", rest)
		}
		return "passthrough:///localhost", append(options, grpc.WithContextDialer(dial), grpc.WithTransportCredentials(insecure.NewCredentials())), nil
	case ok && scheme == "grpc":
		options = append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))
	case ok && scheme == "grpc+tls":
		options = append(options, grpc.WithTransportCredentials(credentials.NewTLS(o.TLS)))
	default:
		return "", nil, fmt.Errorf("connect to %s: no address for queries", o.Address)
	}
	if o.Token != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer{o.Token, scheme == "grpc+tls"}))
	}
	return "dns:///" + strings.TrimPrefix(rest, "//"), options, nil
}

// Close ends the connection, and what still runs on it.
func (c *Client) Close() error {
	if err := c.flight.Close(); err != nil {
		return fmt.Errorf("end connection to server: %w", err)
	}
	return nil
}

// Query runs a statement; each ? in it is bound to one of args: string, int,
// int64, float64, bool, time.Time, []string or nil. The caller releases the
// reader, which ends the query. Errors, those of the reader too, are ctx's cause
// or an *[Error]; rows that end without one are all there are.
func (c *Client) Query(ctx context.Context, sql string, args ...any) (array.RecordReader, error) {
	row, err := record(args)
	if err != nil {
		return nil, err
	}
	defer row.Release()
	ctx, cancel := context.WithCancel(ctx)
	info, done, err := c.ask(ctx, sql, row)
	if err != nil {
		err = errorOf(ctx, err)
		cancel()
		return nil, err
	}
	end := func() {
		done()
		cancel()
	}
	if len(info.GetEndpoint()) != 1 {
		end()
		return nil, fmt.Errorf("the answer lies at %d places, want one", len(info.GetEndpoint()))
	}
	r, err := c.flight.DoGet(ctx, info.GetEndpoint()[0].GetTicket())
	if err != nil {
		err = errorOf(ctx, err)
		end()
		return nil, err
	}
	return newReader(ctx, r, end), nil
}

// ask has the server judge a statement, and returns where its result is. The
// caller calls done when it has the result.
func (c *Client) ask(ctx context.Context, sql string, args arrow.RecordBatch) (info *flight.FlightInfo, done func(), err error) {
	if args.NumCols() == 0 {
		info, err = c.flight.Execute(ctx, sql)
		return info, func() {}, err
	}
	st, err := c.flight.Prepare(ctx, sql)
	if err != nil {
		return nil, nil, err
	}
	// Who asked may be gone; the server forgets the statement nevertheless.
	done = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetTime)
		defer cancel()
		_ = st.Close(ctx)
	}
	st.SetParameters(args)
	if info, err = st.Execute(ctx); err != nil {
		done()
		return nil, nil, err
	}
	return info, done, nil
}

// Describe says what columns a statement gives, without running it.
func (c *Client) Describe(ctx context.Context, sql string) (*arrow.Schema, error) {
	result, err := c.flight.GetExecuteSchema(ctx, sql)
	if err != nil {
		return nil, errorOf(ctx, err)
	}
	schema, err := flight.DeserializeSchema(result.GetSchema(), memory.DefaultAllocator)
	if err != nil {
		return nil, fmt.Errorf("read the columns of the result: %w", err)
	}
	return schema, nil
}

// ServerInfo is what a server says of itself.
type ServerInfo struct {
	Name, Version string
}

// Server asks who answers.
func (c *Client) Server(ctx context.Context) (ServerInfo, error) {
	info, err := c.flight.GetSqlInfo(ctx, []flightsql.SqlInfo{flightsql.SqlInfoFlightSqlServerName, flightsql.SqlInfoFlightSqlServerVersion})
	var out ServerInfo
	err = c.fetch(ctx, info, err, out.read)
	return out, err
}

// fetch reads what GetFlightInfo answered for a question about the server.
func (c *Client) fetch(ctx context.Context, info *flight.FlightInfo, err error, read func(arrow.RecordBatch) error) error {
	if err != nil {
		return errorOf(ctx, err)
	}
	if len(info.GetEndpoint()) != 1 {
		return errNotFlightSQL
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // a stream that is not read to its end
	r, err := c.flight.DoGet(ctx, info.GetEndpoint()[0].GetTicket())
	if err != nil {
		return errorOf(ctx, err)
	}
	defer r.Release()
	for r.Next() {
		if err := read(r.RecordBatch()); err != nil {
			return err
		}
	}
	if err := r.Err(); err != nil {
		return errorOf(ctx, err)
	}
	return nil
}

var errNotFlightSQL = errors.New("what answers is not a Flight SQL server as we know them")

// read takes the values from rows of number and union of values.
func (i *ServerInfo) read(rec arrow.RecordBatch) error {
	if rec.NumCols() != 2 {
		return errNotFlightSQL
	}
	numbers, ok1 := rec.Column(0).(*array.Uint32)
	values, ok2 := rec.Column(1).(*array.DenseUnion)
	if !ok1 || !ok2 {
		return errNotFlightSQL
	}
	for row := range int(rec.NumRows()) {
		text, ok := values.Field(values.ChildID(row)).(*array.String)
		if !ok {
			continue
		}
		value := text.Value(int(values.ValueOffset(row)))
		switch flightsql.SqlInfo(numbers.Value(row)) {
		case flightsql.SqlInfoFlightSqlServerName:
			i.Name = value
		case flightsql.SqlInfoFlightSqlServerVersion:
			i.Version = value
		}
	}
	return nil
}

// NamedQueries lists the ready-made questions, by id. A server of before they
// could be asked for gives an *[Error] with codes.Unimplemented.
func (c *Client) NamedQueries(ctx context.Context) ([]NamedQuery, error) {
	var out action.List
	err := c.do(ctx, action.NamedQueries, nil, &out)
	return out.Queries, err
}

// BindNamedQuery returns the SQL of a ready-made question over [from, to), with
// parameters as text; those that are not given have their defaults. An *[Error]
// has codes.NotFound when there is none of that id, codes.InvalidArgument when
// the parameters are wrong.
func (c *Client) BindNamedQuery(ctx context.Context, id string, params map[string]string, from, to time.Time) (sql string, err error) {
	var out action.Bound
	err = c.do(ctx, action.BindNamedQuery, action.Bind{ID: id, Params: params, From: from.UTC(), To: to.UTC()}, &out)
	return out.SQL, err
}

// do does an action that answers with one JSON text.
func (c *Client) do(ctx context.Context, name string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("ask for %s: %w", name, err)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // a stream that is not read to its end
	stream, err := c.flight.Client.DoAction(ctx, &flight.Action{Type: name, Body: body})
	if err != nil {
		return errorOf(ctx, err)
	}
	result, err := stream.Recv()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("ask for %s: the server answers nothing", name)
	}
	if err != nil {
		return errorOf(ctx, err)
	}
	if err := json.NewDecoder(bytes.NewReader(result.GetBody())).Decode(out); err != nil {
		return fmt.Errorf("read the answer to %s: %w", name, err)
	}
	return nil
}

// bearer shows a token with every call.
type bearer struct {
	token  string
	secure bool
}

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + b.token}, nil
}

// RequireTransportSecurity reports whether the token needs TLS. Whether one may
// be sent without is for the caller to decide, who chose the address.
func (b bearer) RequireTransportSecurity() bool { return b.secure }
