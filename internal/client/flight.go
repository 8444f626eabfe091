package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/kmstrail/kmstrail/internal/sqlfile"
)

// flightQueries asks a server in SQL, over Arrow Flight SQL. It connects with the
// first question. Its methods may be called by several goroutines.
type flightQueries struct {
	// find returns the server's address, as instance.Info has it: unix:/PATH,
	// grpc://HOST:PORT or grpc+tls://HOST:PORT.
	find func(ctx context.Context) (string, error)
	// tls is for grpc+tls addresses, token for addresses of the network.
	tls   *tls.Config
	token string

	// worked says that a query was answered.
	worked atomic.Bool

	mu   sync.Mutex
	conn *flightsql.Client
}

// errNoFlight says that a server closes its address for queries.
var errNoFlight = errors.New("the server answers no queries over the network: its server.flight is off")

// Query runs one of our own questions; each ? in it is bound to one of args:
// string, int, int64, float64, bool, time.Time, []string or nil. The caller
// releases the reader.
func (q *flightQueries) Query(ctx context.Context, sql string, args ...any) (array.RecordReader, error) {
	row, err := record(args)
	if err != nil {
		return nil, fmt.Errorf(asked+"%w", err)
	}
	defer row.Release()
	c, err := q.connect(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	info, done, err := ask(ctx, c, sql, row)
	if err != nil {
		err = q.notStarted(ctx, err)
		cancel()
		return nil, err
	}
	end := func() {
		done()
		cancel()
	}
	if len(info.GetEndpoint()) != 1 {
		end()
		return nil, fmt.Errorf("query server: the answer lies at %d places, want one", len(info.GetEndpoint()))
	}
	r, err := c.DoGet(ctx, info.GetEndpoint()[0].GetTicket())
	if err != nil {
		err = q.notStarted(ctx, err)
		end()
		return nil, err
	}
	q.worked.Store(true)
	return newReader(ctx, r, end), nil
}

// Run runs a statement of a named query.
func (q *flightQueries) Run(ctx context.Context, st sqlfile.Statement) (array.RecordReader, error) {
	return q.Query(ctx, st.SQL, st.Args...)
}

// UserQuery runs a user's SQL. A server takes all SQL for a stranger's.
func (q *flightQueries) UserQuery(ctx context.Context, sql string, args ...any) (array.RecordReader, error) {
	return q.Query(ctx, sql, args...)
}

// ask has the server judge a statement, and returns where its result is. The
// caller calls done when it has the result.
func ask(ctx context.Context, c *flightsql.Client, sql string, args arrow.RecordBatch) (info *flight.FlightInfo, done func(), err error) {
	if args.NumCols() == 0 {
		info, err = c.Execute(ctx, sql)
		return info, func() {}, err
	}
	st, err := c.Prepare(ctx, sql)
	if err != nil {
		return nil, nil, err
	}
	// Who asked may be gone; the server forgets the statement nevertheless.
	done = func() { _ = st.Close(context.WithoutCancel(ctx)) }
	st.SetParameters(args)
	if info, err = st.Execute(ctx); err != nil {
		done()
		return nil, nil, err
	}
	return info, done, nil
}

// connect returns the connection, which the first call makes.
func (q *flightQueries) connect(ctx context.Context) (*flightsql.Client, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.conn != nil {
		return q.conn, nil
	}
	address, err := q.find(ctx)
	if err != nil {
		return nil, err
	}
	if address == "" {
		return nil, errNoFlight
	}
	target, options, err := q.dialing(address)
	if err != nil {
		return nil, err
	}
	if q.conn, err = flightsql.NewClientCtx(ctx, target, nil, nil, options...); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	return q.conn, nil
}

// maxMessage bounds a message of the server, which sends at most 2 MiB.
const maxMessage = 16 << 20

// dialing returns what gRPC needs for an address.
func (q *flightQueries) dialing(address string) (target string, options []grpc.DialOption, err error) {
	options = append(options,
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
		grpc.WithNoProxy(), // as for a database
	)
	scheme, rest, ok := strings.Cut(address, ":")
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
		options = append(options, grpc.WithTransportCredentials(credentials.NewTLS(q.tls)))
	default:
		return "", nil, fmt.Errorf("connect to %s: no address for queries", address)
	}
	if q.token != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer{q.token, scheme == "grpc+tls"}))
	}
	return "dns:///" + strings.TrimPrefix(rest, "//"), options, nil
}

// Close ends the connection, and what still runs on it.
func (q *flightQueries) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.conn == nil {
		return nil
	}
	conn := q.conn
	q.conn = nil
	if err := conn.Close(); err != nil {
		return fmt.Errorf("end connection to server: %w", err)
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
// be sent without was decided when the address was chosen.
func (b bearer) RequireTransportSecurity() bool { return b.secure }
