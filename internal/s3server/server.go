package s3server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/johannesboyne/gofakes3"
)

// The defaults of Config.
const (
	DefaultBucket    = "kmstrail-sample"
	DefaultRegion    = "us-east-1"
	DefaultAccessKey = "AKIAIOSFODNN7EXAMPLE"
	DefaultSecretKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// Config says what is served. Dir is required.
type Config struct {
	// Dir is the content of the bucket: a file's path is its key.
	Dir string
	// Bucket is the bucket's name; default DefaultBucket.
	Bucket string
	// Region is where the bucket says it is; default DefaultRegion. Requests
	// signed for another Region are refused as S3 refuses them.
	Region string
	// AccessKey and SecretKey sign requests; defaults are the ones of AWS's
	// documentation.
	AccessKey, SecretKey string
	// AllowUnsigned lets requests without a signature in.
	AllowUnsigned bool
	// Writable lets objects be written and deleted; else the bucket is read-only.
	// Reads and listings show at once what was written.
	Writable bool
	// Addr is where to listen; default 127.0.0.1 on any free port.
	Addr   string
	Faults Faults
	Logger *slog.Logger
}

// Server is a running S3 server.
type Server struct {
	cfg    Config
	bucket *bucket
	http   *http.Server
	url    string
	done   chan struct{}

	closeOnce sync.Once
	closed    chan struct{} // ends stalled requests

	seq              atomic.Int64
	lists, gets      atomic.Int64
	heads, faultsHit atomic.Int64
	writes           atomic.Int64
}

// Counts are the requests a server has answered, faults among them.
type Counts struct {
	List, Get, Head int64
	// Write is puts and deletes.
	Write int64
	// Faults is how many were answered by a fault.
	Faults int64
}

// Start serves cfg.Dir until ctx ends or Close is called.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	b, err := openBucket(cfg.Bucket, cfg.Dir)
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", cfg.Addr)
	if err != nil {
		b.root.Close()
		return nil, fmt.Errorf("listen: %w", err)
	}
	s := &Server{
		cfg: cfg, bucket: b, url: "http://" + ln.Addr().String(),
		done: make(chan struct{}), closed: make(chan struct{}),
	}
	s.http = &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
	}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			cfg.Logger.Error("serve S3", "error", err)
		}
	}()
	context.AfterFunc(ctx, func() { s.Close() })
	return s, nil
}

func (c Config) withDefaults() Config {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&c.Bucket, DefaultBucket)
	set(&c.Region, DefaultRegion)
	set(&c.AccessKey, DefaultAccessKey)
	set(&c.SecretKey, DefaultSecretKey)
	set(&c.Addr, "127.0.0.1:0")
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// URL is the endpoint, such as http://127.0.0.1:9000.
func (s *Server) URL() string { return s.url }

// Bucket is the bucket's name.
func (s *Server) Bucket() string { return s.cfg.Bucket }

// Region is the bucket's Region.
func (s *Server) Region() string { return s.cfg.Region }

// Credentials are the access key id and the secret that requests are signed with.
func (s *Server) Credentials() (accessKey, secretKey string) {
	return s.cfg.AccessKey, s.cfg.SecretKey
}

// Env returns the environment variables with which an AWS client reaches the
// server, in the form NAME=value.
func (s *Server) Env() []string {
	return []string{
		"AWS_ENDPOINT_URL=" + s.url,
		"AWS_ACCESS_KEY_ID=" + s.cfg.AccessKey,
		"AWS_SECRET_ACCESS_KEY=" + s.cfg.SecretKey,
		"AWS_REGION=" + s.cfg.Region,
	}
}

// Refresh takes in files added to or removed from the directory. Listings show
// the state of the last Refresh, reads always the file as it is.
func (s *Server) Refresh() error { return s.bucket.refresh() }

// Counts returns the requests so far.
func (s *Server) Counts() Counts {
	return Counts{List: s.lists.Load(), Get: s.gets.Load(), Head: s.heads.Load(), Write: s.writes.Load(), Faults: s.faultsHit.Load()}
}

// Close ends the server and every open request, and waits for that.
func (s *Server) Close() error {
	var err error
	s.closeOnce.Do(func() {
		close(s.closed)
		err = s.http.Close()
		<-s.done
		err = errors.Join(err, s.bucket.root.Close())
	})
	return err
}

func (s *Server) handler() http.Handler {
	s3 := gofakes3.New(s.bucket, gofakes3.WithLogger(gofakes3.DiscardLog()), gofakes3.WithoutVersioning()).Server()
	conditional := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.refuseWrite(w, r) || !s.ifMatch(w, r) {
			return
		}
		s3.ServeHTTP(w, r)
	})
	authenticated := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("x-amz-bucket-region", s.cfg.Region)
		if e, ok := s.authenticate(r); !ok {
			s.writeError(w, r, e)
			return
		}
		if e, ok := s.deny(r); !ok {
			s.faultsHit.Add(1)
			s.writeError(w, r, e)
			return
		}
		conditional.ServeHTTP(w, r)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.count(r)
		s.withFaults(w, r, authenticated)
	})
}

func (s *Server) count(r *http.Request) {
	switch _, key := splitPath(r); {
	case r.Method == http.MethodHead:
		s.heads.Add(1)
	case r.Method == http.MethodGet && key == "":
		s.lists.Add(1)
	case r.Method == http.MethodGet:
		s.gets.Add(1)
	case r.Method == http.MethodPut, r.Method == http.MethodDelete:
		s.writes.Add(1)
	}
}

// ifMatch answers a read whose If-Match does not hold, which gofakes3 does not.
func (s *Server) ifMatch(w http.ResponseWriter, r *http.Request) bool {
	want := r.Header.Get("If-Match")
	name, key := splitPath(r)
	if want == "" || key == "" || r.Method == http.MethodPut {
		return true
	}
	obj, f, err := s.bucket.open(name, key)
	if err != nil {
		return true // answered as missing
	}
	f.Close()
	if want == gofakes3.FormatETag(obj.Hash) || "\""+want+"\"" == gofakes3.FormatETag(obj.Hash) {
		return true
	}
	s.writeError(w, r, apiError{
		Status: http.StatusPreconditionFailed, Code: "PreconditionFailed",
		Message: "At least one of the pre-conditions you specified did not hold",
	})
	return false
}
