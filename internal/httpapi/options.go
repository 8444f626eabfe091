package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/ingest/digest"
	"github.com/kmstrail/kmstrail/internal/access"
	"github.com/kmstrail/kmstrail/internal/inventory"
	"github.com/kmstrail/kmstrail/internal/metrics"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/sqlfile"
	"github.com/kmstrail/kmstrail/internal/status"
)

// Store answers our own queries; *duck.Store does.
type Store interface {
	status.Store
	// Run streams the result of a named query; the caller releases the reader.
	Run(ctx context.Context, st sqlfile.Statement) (array.RecordReader, error)
	// LastCommit is the number of the newest commit.
	LastCommit(ctx context.Context) (int64, error)
}

// Operator changes the store; *operate.Operator does.
type Operator interface {
	Ingest(ctx context.Context, req operate.IngestRequest, onProgress func(operate.IngestProgress)) (operate.IngestResult, error)
	// Check says what is wrong with a request before anything is done.
	Check(req operate.DetectRequest) error
	Detect(ctx context.Context, req operate.DetectRequest, onDay func(done, all int64)) (operate.DetectResult, error)
	Rebuild(ctx context.Context, req operate.RebuildRequest, onProgress func(operate.RebuildProgress)) (operate.RebuildResult, error)
	Maintain(ctx context.Context, req operate.MaintainRequest) (operate.MaintainResult, error)
	Backup(ctx context.Context, req operate.BackupRequest) (operate.BackupResult, error)
	Decide(ctx context.Context, req operate.DecideRequest) ([]operate.Decided, error)
	Verify(ctx context.Context, req operate.VerifyRequest, onProgress func(digest.Progress)) (operate.VerifyResult, error)
	StoreInventory(ctx context.Context, b inventory.Batch) (operate.InventoryResult, error)
}

// Guard says who asks; *access.Guard does.
type Guard interface {
	Authenticate(authorization string, peer net.Addr) (access.Principal, error)
}

// Tokens are what clients show; *access.Tokens has them.
type Tokens interface {
	Create(name string, role access.Role, expires time.Time) (secret string, err error)
	List() ([]access.Token, error)
	Revoke(name string) error
}

// RunningQuery is a query of a user that waits or runs.
type RunningQuery struct {
	ID        string    `json:"id"`
	Principal string    `json:"principal"`
	Peer      string    `json:"peer"`
	SQL       string    `json:"sql"`
	Began     time.Time `json:"began"`
	// Waiting says that it has no place yet.
	Waiting bool  `json:"waiting"`
	Rows    int64 `json:"rows"`
	Bytes   int64 `json:"bytes"`
}

// Options are what a Handler works with.
type Options struct {
	Store    Store
	Operator Operator
	Guard    Guard
	Tokens   Tokens
	Metrics  *metrics.Metrics

	// Audit writes down what was asked; nil for nobody.
	Audit func(context.Context, access.Entry)
	// Server says what the server is doing: its schedule, its polls, its disk.
	// What a Handler knows itself (queries, version) it fills in.
	Server func() status.Server
	// Queries lists the queries of users that are at work, CancelQuery ends one
	// and says whether there was one; nil without such queries.
	Queries     func() []RunningQuery
	CancelQuery func(id string) bool

	// Source is what the configuration names to ingest. Another one needs the
	// role admin.
	Source string
	// Reports is the directory with the reports that were written.
	Reports string
	// Hosts are names of this server, besides those of this machine itself, by
	// which it may be asked without a token.
	Hosts []string
	// FlightAddress is where queries are answered over the network; "" for nowhere.
	FlightAddress string
	// Detectors are all there are; nil means those that are part of the program.
	Detectors []*detectors.Detector

	// Queries over HTTP are bounded: so many at a time, each of so many rows
	// (0 for no bound) and so long.
	QueriesAtOnce int
	QueryRows     int64
	QueryTime     time.Duration

	Version string
	Now     func() time.Time
	Log     *slog.Logger
}

const (
	defaultQueriesAtOnce = 4
	defaultQueryTime     = 5 * time.Minute
)

// complete checks what must be there, and fills in what need not.
func (o *Options) complete() error {
	if o.Store == nil || o.Operator == nil || o.Guard == nil || o.Tokens == nil || o.Metrics == nil || o.Server == nil || o.Log == nil {
		return errors.New("serve HTTP: Store, Operator, Guard, Tokens, Metrics, Server and Log are needed")
	}
	if o.Audit == nil {
		o.Audit = func(context.Context, access.Entry) {}
	}
	if o.Queries == nil {
		o.Queries = func() []RunningQuery { return nil }
	}
	if o.CancelQuery == nil {
		o.CancelQuery = func(string) bool { return false }
	}
	if o.QueriesAtOnce <= 0 {
		o.QueriesAtOnce = defaultQueriesAtOnce
	}
	if o.QueryTime <= 0 {
		o.QueryTime = defaultQueryTime
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Detectors != nil {
		return nil
	}
	var err error
	o.Detectors, err = detectors.Builtin()
	return err
}

// Bounds of one request. Handlers that need longer to answer say so themselves.
const (
	headerTime  = 10 * time.Second
	requestTime = time.Minute
	idleTime    = 2 * time.Minute
	maxHeader   = 64 << 10
	maxBody     = 1 << 20
	// An inventory brings the policies of many keys, 32 KiB each at most.
	maxInventory = 64 << 20
)

// NewServer returns a server for a handler of this package, bounded in what a
// client may cost. Its listeners may be TCP, TLS or unix sockets.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ConnContext:       withConn,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       requestTime,
		WriteTimeout:      requestTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

type localKey struct{}

// local is who is at a unix socket.
type local struct {
	principal access.Principal
	err       error
}

// withConn notes who is at a unix socket, which the kernel knows.
func withConn(ctx context.Context, c net.Conn) context.Context {
	if c.LocalAddr() == nil || c.LocalAddr().Network() != "unix" {
		return ctx
	}
	p, err := access.Local(c)
	return context.WithValue(ctx, localKey{}, local{principal: p, err: err})
}
