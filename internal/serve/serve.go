package serve

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sync/errgroup"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/s3source"
	"github.com/kmstrail/kmstrail/internal/access"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/flightsql"
	"github.com/kmstrail/kmstrail/internal/httpapi"
	"github.com/kmstrail/kmstrail/internal/instance"
	"github.com/kmstrail/kmstrail/internal/metrics"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/watch"
	"github.com/kmstrail/kmstrail/internal/watch/onstore"
)

// Options are what a server needs.
type Options struct {
	Config  config.Config
	Version string
	Log     *slog.Logger
	// Now is the clock; nil means time.Now. Another one is for tests and
	// measurements, and must go at the pace of time.
	Now func() time.Time
	// OnReady, if not nil, is told where the server listens.
	OnReady func(instance.Info)
}

const (
	// defaultMemory bounds DuckDB where the configuration does not: many queries
	// share it, and ingest needs 400 MB of it.
	defaultMemory = "1GB"
	// drainTime is how long queries and work under way may go on in the end.
	// deploy/kmstrail.service gives more until it kills.
	drainTime = 20 * time.Second
	// layoutAge is how long the accounts and Regions found in a bucket are taken
	// for all there are: finding them costs a request for each account.
	layoutAge = time.Hour
)

// Run opens the store and serves it until ctx ends. Then it stops listening,
// lets what is at work end, and closes the store.
func Run(ctx context.Context, o Options) (err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Log = slog.New(access.RedactHandler(o.Log.Handler()))
	s := &server{Options: o}
	defer func() {
		if err = errors.Join(err, s.close()); err == nil {
			o.Log.Info("stopped")
		}
	}()
	if err := s.check(); err != nil {
		return err
	}
	// A server that cannot listen shall leave nothing behind.
	if err := s.listen(ctx); err != nil {
		return err
	}
	if err := s.openStore(ctx); err != nil {
		return err
	}
	if err := s.openAccess(); err != nil {
		return err
	}
	if err := s.claim(ctx); err != nil {
		return err
	}
	// Whoever has connected by now waits until the parts are there.
	if err := s.assemble(ctx); err != nil {
		return err
	}
	return s.run(ctx)
}

// server is a server and its parts, which are there from the bottom up.
type server struct {
	Options

	store    *duck.Store
	tokens   *access.Tokens
	guard    *access.Guard
	audit    *access.Audit
	metrics  *metrics.Metrics
	sources  *watch.Sources
	operator *operator
	watch    *watch.Watch
	flight   *flightsql.Server
	handler  *httpapi.Handler
	http     *http.Server

	tls       *tls.Config // nil without a certificate
	info      instance.Info
	claimed   bool
	listeners listeners
}

// check says what is wrong with the configuration, as far as only a server
// notices.
func (s *server) check() (err error) {
	if s.Config.Queue.URL != "" {
		if err := operate.CheckQueue(s.Config); err != nil {
			return err
		}
	}
	// All of them, also where each is disabled.
	if err := operate.New(nil, s.Config, operate.Options{}).Check(operate.DetectRequest{Detectors: detectorIDs()}); err != nil {
		return err
	}
	if s.tls, err = newTLS(s.Config.Server.TLSCert, s.Config.Server.TLSKey, s.Log); err != nil {
		return &config.Error{Problems: []config.Problem{{Where: fmt.Sprint(s.Config.Origin("server.tls_cert")), Text: err.Error()}}}
	}
	return nil
}

func (s *server) openStore(ctx context.Context) error {
	backups := operate.BackupDir(s.Config)
	if err := os.MkdirAll(backups, 0o700); err != nil {
		return fmt.Errorf("make directory for backups: %w", err)
	}
	memory := s.Config.Limits.Memory
	if memory == "" {
		memory = defaultMemory
	}
	store, err := duck.Open(ctx, s.Config.DB, duck.Options{
		MemoryLimit: memory, Threads: s.Config.Limits.Threads, BackupDir: backups, Logger: s.Log,
	})
	if err != nil {
		return err
	}
	s.store = store
	return operate.Configure(ctx, store, s.Config)
}

// openAccess opens what says who may ask, and writes down who did.
func (s *server) openAccess() (err error) {
	s.tokens = access.OpenTokens(access.TokensPath(s.store.Path()), s.Now)
	list, err := s.tokens.List()
	if err != nil {
		return err
	}
	s.guard = access.NewGuard(access.GuardOptions{Tokens: s.tokens, Anonymous: s.Config.Server.Anonymous, Now: s.Now, Log: s.Log})
	if len(list) == 0 && !s.Config.Server.Anonymous {
		s.Log.Warn("there is no token yet, so nobody is answered over the network: kmstrail token create NAME --role read makes one, server.anonymous lets this machine read without")
	}
	path := s.Config.Server.AuditLog
	if path == "" {
		path = s.store.Path() + ".audit.jsonl"
	}
	s.audit, err = access.OpenAudit(path, access.AuditOptions{Now: s.Now, Log: s.Log})
	return err
}

// assemble makes the parts; none of them does anything yet.
func (s *server) assemble(ctx context.Context) (err error) {
	s.metrics = metrics.New(metrics.Options{Version: s.Version, GoVersion: runtime.Version(), Detectors: detectorIDs(), Routes: httpapi.Routes()})
	s.sources = watch.NewSources(s.openSource)
	s.operator = &operator{
		Operator: operate.New(s.store, s.Config, operate.Options{Now: s.Now, Log: s.Log, Version: s.Version, OpenSource: s.sources.Open, Shared: s.Config.Queue.URL != ""}),
		metrics:  s.metrics, now: s.Now,
	}
	if s.watch, err = watch.New(s.watchOptions()); err != nil {
		return err
	}
	flightOptions, err := s.flightOptions(ctx)
	if err != nil {
		return err
	}
	if s.flight, err = flightsql.New(flightOptions); err != nil {
		return err
	}
	// Jobs end when the server drains, not when it is told to.
	if s.handler, err = httpapi.New(context.WithoutCancel(ctx), s.httpOptions()); err != nil {
		return err
	}
	s.http = httpapi.NewServer(s.handler, s.Log)
	return nil
}

// openSource opens a source for good.
func (s *server) openSource(ctx context.Context, cfg config.Config) (ingest.Source, error) {
	source, err := operate.OpenSource(ctx, cfg, cfg.Ingest.Source, s.Log)
	if bucket, ok := source.(*s3source.Source); ok && err == nil {
		bucket.RememberLayout(layoutAge)
	}
	return source, err
}

func (s *server) watchOptions() watch.Options {
	o := watch.Options{
		Work:   onstore.New(s.operator, s.store, onstore.Options{Config: s.Config, Version: s.Version, Now: s.Now}),
		Config: s.Config, DB: s.store.Path(), Requests: s.sources.Requests,
		Now: s.Now, DrainTimeout: drainTime, Log: s.Log,
		OnPoll: func(p watch.Polled) {
			s.metrics.Poll(p.Duration, p.Err)
		},
		OnRequests: func(r ingest.Requests) { s.metrics.S3Requests(r.List, r.Get) },
	}
	if s.Config.Queue.URL != "" {
		o.Queue = s.readQueue
	}
	if s.Config.Ingest.Source == "" && o.Queue == nil {
		s.Log.Warn("there is nothing to watch: ingest.source is empty; name s3://BUCKET or a directory there, or ingest by hand")
	}
	if s.Config.Ingest.Source == "" {
		return o
	}
	o.Source = func(ctx context.Context) (ingest.Source, error) { return s.sources.Open(ctx, s.Config) }
	return o
}

// listen opens the addresses on the network. The store is not open yet.
func (s *server) listen(ctx context.Context) error {
	err := s.listeners.openTCP(ctx, s.Config.Server)
	if err == nil {
		return nil
	}
	// It may be a server of this very store that has the addresses.
	if info, findErr := instance.Find(s.Config.DB); findErr == nil {
		if c, dialErr := (&net.Dialer{}).DialContext(ctx, "unix", info.HTTPSocket); dialErr == nil {
			_ = c.Close() // nothing was said
			return &duck.LockedError{Path: s.Config.DB, PID: info.PID}
		}
	}
	return err
}

// claim opens the sockets for programs of this machine. The store is open, so
// that no other server has them.
func (s *server) claim(ctx context.Context) (err error) {
	if s.info, err = instance.Claim(s.store.Path()); err != nil {
		return err
	}
	s.claimed = true
	if err := s.listeners.openSockets(ctx, s.info); err != nil {
		return err
	}
	httpScheme, flightScheme := "http://", "grpc://"
	if s.tls != nil {
		httpScheme, flightScheme = "https://", "grpc+tls://"
	}
	s.info.PID, s.info.Version, s.info.StartedAt = os.Getpid(), s.Version, s.Now().UTC()
	if a := address(s.listeners.http); a != "" {
		s.info.HTTP = httpScheme + a
	}
	if a := address(s.listeners.flight); a != "" {
		s.info.Flight = flightScheme + a
	}
	return nil
}

// run serves until ctx ends or a listener fails, and drains.
func (s *server) run(ctx context.Context) error {
	g, failed := errgroup.WithContext(ctx)
	s.serveHTTP(g)
	s.serveFlight(g)
	watching, stopWatching := context.WithCancel(failed)
	defer stopWatching()
	g.Go(func() error { return s.watch.Run(watching) })
	g.Go(func() error {
		s.tokens.Watch(watching, func(c access.TokenChange) { s.audit.Record(ctx, c.Entry()) })
		return nil
	})
	if err := instance.Publish(s.store.Path(), s.info); err != nil {
		stopWatching()
		s.drain(ctx)
		return errors.Join(err, g.Wait())
	}
	s.tell(daemon.SdNotifyReady)
	s.Log.Info("serving", "store", s.store.Path(), "http", cmp.Or(s.info.HTTP, config.Off), "flight", cmp.Or(s.info.Flight, config.Off), "source", cmp.Or(s.Config.Ingest.Source, "none"))
	if s.OnReady != nil {
		s.OnReady(s.info)
	}
	<-failed.Done()
	s.tell(daemon.SdNotifyStopping)
	s.Log.Info("ending: no new work is taken, what is at work may end", "within", drainTime.String())
	s.drain(ctx)
	return g.Wait()
}

// tell tells systemd, when it started us.
func (s *server) tell(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		s.Log.Warn("systemd could not be told", "state", state, "error", err)
	}
}

func (s *server) serveHTTP(g *errgroup.Group) {
	for _, l := range []net.Listener{s.listeners.http, s.listeners.httpSocket} {
		if l == nil {
			continue
		}
		if s.tls != nil && l == s.listeners.http {
			l = tls.NewListener(l, s.httpTLS())
		}
		g.Go(func() error {
			if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve HTTP on %s: %w", l.Addr(), err)
			}
			return nil
		})
	}
}

// httpTLS speaks HTTP/2 as well.
func (s *server) httpTLS() *tls.Config {
	c := s.tls.Clone()
	c.NextProtos = []string{"h2", "http/1.1"}
	return c
}

func (s *server) serveFlight(g *errgroup.Group) {
	for _, l := range []net.Listener{s.listeners.flight, s.listeners.flightSocket} {
		if l != nil {
			g.Go(func() error { return s.flight.Serve(l) })
		}
	}
}

// drain ends everything but the watch, which has its own bound, at once and
// within drainTime.
func (s *server) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	var g errgroup.Group
	g.Go(func() error { return s.handler.Shutdown(ctx) })
	g.Go(func() error { return s.http.Shutdown(ctx) })
	g.Go(func() error { s.flight.Shutdown(ctx); return nil })
	if err := g.Wait(); err != nil {
		s.Log.Warn("not everything ended by itself", "error", err)
		_ = s.http.Close() // requests that do not end
	}
}

// close gives back what was opened, from the top down.
func (s *server) close() error {
	var errs []error
	s.listeners.close()
	if s.claimed {
		errs = append(errs, instance.Withdraw(s.store.Path(), s.info))
	}
	if s.audit != nil {
		errs = append(errs, s.audit.Close())
	}
	if s.store != nil {
		if err := s.store.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close database: %w", err))
		}
	}
	return errors.Join(errs...)
}
