package client

import (
	"context"
	"crypto/tls"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/internal/flightclient"
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
	conn *flightclient.Client
}

// errNoFlight says that a server closes its address for queries.
var errNoFlight = errors.New("the server answers no queries over the network: its server.flight is off")

// Query runs one of our own questions; each ? in it is bound to one of args:
// string, int, int64, float64, bool, time.Time, []string or nil. The caller
// releases the reader.
func (q *flightQueries) Query(ctx context.Context, sql string, args ...any) (array.RecordReader, error) {
	c, err := q.connect(ctx)
	if err != nil {
		return nil, err
	}
	r, err := c.Query(ctx, sql, args...)
	if err != nil {
		return nil, q.notStarted(ctx, err)
	}
	q.worked.Store(true)
	return &reader{RecordReader: r, ctx: ctx}, nil
}

// Run runs a statement of a named query.
func (q *flightQueries) Run(ctx context.Context, st sqlfile.Statement) (array.RecordReader, error) {
	return q.Query(ctx, st.SQL, st.Args...)
}

// UserQuery runs a user's SQL. A server takes all SQL for a stranger's.
func (q *flightQueries) UserQuery(ctx context.Context, sql string, args ...any) (array.RecordReader, error) {
	return q.Query(ctx, sql, args...)
}

// connect returns the connection, which the first call makes.
func (q *flightQueries) connect(ctx context.Context) (*flightclient.Client, error) {
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
	if q.conn, err = flightclient.New(flightclient.Options{Address: address, TLS: q.tls, Token: q.token}); err != nil {
		return nil, err
	}
	return q.conn, nil
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
	return conn.Close()
}

// reader is a result that arrives, with the errors of a store in this process.
type reader struct {
	array.RecordReader

	ctx context.Context //nolint:containedctx // a record reader has no other way to say why it ended
}

func (r *reader) Err() error {
	if err := r.RecordReader.Err(); err != nil {
		return failure(r.ctx, err)
	}
	return nil
}
