package flightsql

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/internal/access"
)

// Backend answers queries.
type Backend interface {
	// Query runs a statement that nobody has vouched for. It ends with ctx. An
	// argument is nil, bool, int64, uint64, float64, string, []byte, []string,
	// time.Time (a TIMESTAMP in UTC), arrow.Date32 or [Decimal].
	Query(ctx context.Context, sql string, args ...any) (array.RecordReader, error)
	// Describe judges a statement as Query does, and says what it takes and
	// gives, without running it.
	Describe(ctx context.Context, sql string) (Statement, error)
	// Plan judges a statement without parameters and plans it, for a client that
	// will ask for its result in a moment.
	Plan(ctx context.Context, sql string) (Plan, error)
	// Outcome says what kind an error of Query, of its result or of Describe
	// is: Refused, Invalid, Limited or Failed.
	Outcome(err error) Outcome
}

// Plan is a statement that can run, once. Who has one owes a Query or a Close.
type Plan interface {
	Statement() Statement
	// Query is [Backend].Query of the statement.
	Query(ctx context.Context) (array.RecordReader, error)
	Close()
}

// Statement is what a statement takes and gives.
type Statement struct {
	// Schema is that of the result; nil when it depends on the arguments' types.
	Schema *arrow.Schema
	// Params are the parameters in the order in which they are bound; one whose
	// type is [arrow.Null] takes anything.
	Params []arrow.Field
}

// Outcome is how a query ended.
type Outcome string

// The ways a query ends.
const (
	Done      Outcome = "done"
	Refused   Outcome = "refused"   // not a statement that users may run
	Invalid   Outcome = "invalid"   // wrong SQL, or wrong data for it
	Limited   Outcome = "limited"   // a limit on rows, bytes, time or memory is used up
	Busy      Outcome = "busy"      // no place was free in time
	Cancelled Outcome = "cancelled" // the client went away or cancelled it
	Failed    Outcome = "failed"    // the server's fault
)

// Query is what is told of a query when it has ended. A statement that could not
// even be described is told too.
type Query struct {
	Principal access.Principal
	// Peer is the client's address.
	Peer string
	SQL  string
	// Began is when the query was asked for; it waited in line for Waited.
	Began  time.Time
	Waited time.Duration
	// FirstBatch is how long it took until the first rows were sent; 0 without.
	FirstBatch, Duration time.Duration
	// Rows and Bytes were sent, Bytes as they are in messages.
	Rows, Bytes int64
	Outcome     Outcome
	// Err is why, unless it is done.
	Err error
}

// Options are the parts of a Server.
type Options struct {
	Backend Backend
	// Queries are the named queries; nil for none.
	Queries Queries
	// Authenticate says who sends an Authorization header; "" is none.
	Authenticate func(authorization string, peer net.Addr) (access.Principal, error)
	// Concurrency is how many statements are at work at a time, PerPrincipal how
	// many of one principal. The others wait in line for at most MaxWait.
	Concurrency, PerPrincipal int
	MaxWait                   time.Duration
	// Catalog is what the database is called, before the schema main, in full
	// names of tables; kmstrail when "".
	Catalog string
	// TLS is for connections over the network; unix sockets have none.
	TLS *tls.Config
	// Version is kmstrail's.
	Version string
	Log     *slog.Logger
	// OnQuery is told of each query that has ended. It must be quick.
	OnQuery func(context.Context, Query)
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// What is used where Options say nothing.
const (
	defaultConcurrency  = 8
	defaultPerPrincipal = 4
	defaultMaxWait      = 30 * time.Second
)

func (o *Options) complete() error {
	if o.Backend == nil || o.Authenticate == nil || o.Log == nil {
		return errors.New("start Flight SQL server: Backend, Authenticate and Log are needed")
	}
	if o.Concurrency <= 0 {
		o.Concurrency = defaultConcurrency
	}
	if o.PerPrincipal <= 0 {
		o.PerPrincipal = defaultPerPrincipal
	}
	if o.MaxWait <= 0 {
		o.MaxWait = defaultMaxWait
	}
	if o.Catalog == "" {
		o.Catalog = "kmstrail"
	}
	if o.OnQuery == nil {
		o.OnQuery = func(context.Context, Query) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}
