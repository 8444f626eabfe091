package flightsql

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow/flight"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// Bounds of connections and messages.
const (
	// maxMessage is the size of a message that holds rows; half of what gRPC
	// clients take unless told otherwise.
	maxMessage = 2 << 20
	// maxReceived is the size of a message from a client: a statement of
	// 256 KiB, or its parameters.
	maxReceived    = 4 << 20
	maxHeaders     = 16 << 10
	maxStreams     = 100 // of one connection
	maxConnections = 500 // over the network, all together
	handshakeTime  = 10 * time.Second
	idleTime       = 10 * time.Minute
)

// Server is a read-only Flight SQL server. Its methods may be called
// concurrently.
type Server struct {
	backend  Backend
	queries  Queries
	log      *slog.Logger
	now      func() time.Time
	catalog  string
	onQuery  func(context.Context, Query)
	line     *line
	running  *running
	prepared *prepared
	plans    *plans
	grpc     *grpc.Server
	gate     *gate
	stall    time.Duration
}

// New makes a server that does not listen yet.
func New(o Options) (*Server, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	s := &Server{
		backend: o.Backend, queries: o.Queries, log: o.Log, now: o.Now, catalog: o.Catalog, onQuery: o.OnQuery,
		line:     newLine(o.Concurrency, o.PerPrincipal, o.MaxWait),
		running:  newRunning(),
		prepared: newPrepared(o.Now),
		plans:    newPlans(),
		gate:     &gate{max: maxConnections},
		stall:    stallTime,
	}
	service, err := newService(s, o.Version)
	if err != nil {
		return nil, fmt.Errorf("start Flight SQL server: %w", err)
	}
	guard := &guard{authenticate: o.Authenticate, log: o.Log}
	s.grpc = grpc.NewServer(
		grpc.Creds(newTransport(o.TLS)),
		grpc.ChainUnaryInterceptor(guard.unary),
		grpc.ChainStreamInterceptor(guard.stream),
		grpc.MaxRecvMsgSize(maxReceived),
		grpc.MaxSendMsgSize(2*maxMessage),
		grpc.MaxHeaderListSize(maxHeaders),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.ConnectionTimeout(handshakeTime),
		// A client whose machine is gone is found out, one that only holds its
		// connection is sent away (it comes back by itself when it has a
		// question), and pools that ask whether we are here are welcome.
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second, MaxConnectionIdle: idleTime}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	)
	flight.RegisterFlightServiceServer(s.grpc, service)
	return s, nil
}

// Serve answers on a listener until Shutdown, which makes it return nil. There
// may be several. Who connects to a unix socket is asked for no token: the
// kernel says who it is.
func (s *Server) Serve(l net.Listener) error {
	if _, local := l.(*net.UnixListener); !local {
		l = &gatedListener{Listener: l, gate: s.gate, log: s.log}
	}
	if err := s.grpc.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve Flight SQL: %w", err)
	}
	return nil
}

// Shutdown stops listening, sends those in line away and lets queries at work
// end. When ctx ends first, they are cancelled. It returns when all is quiet.
func (s *Server) Shutdown(ctx context.Context) {
	s.line.close()
	var drained sync.WaitGroup
	drained.Go(s.grpc.GracefulStop)
	stop := context.AfterFunc(ctx, func() {
		s.running.cancel(errClosing, func(*query) bool { return true })
		// A cancelled query has its error to send, which takes no time unless
		// its client does not read.
		patience := time.AfterFunc(time.Second, s.grpc.Stop)
		drained.Wait()
		patience.Stop()
	})
	drained.Wait()
	stop()
	s.plans.end()
}

// Running lists the queries that wait or run, the oldest first.
func (s *Server) Running() []RunningQuery { return s.running.list() }

// Cancel cancels a query and reports whether there was one with that id.
func (s *Server) Cancel(id string) bool {
	return s.running.cancel(errCancelled, func(q *query) bool { return q.id == id }) > 0
}
