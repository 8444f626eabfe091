package trino

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
)

// Options say where Trino is and who asks. URL is needed, the rest is optional.
type Options struct {
	// URL is the coordinator's, such as https://trino.example.com:8443.
	URL string
	// Catalog and Schema are where names without them are looked up.
	Catalog, Schema string
	// User is who asks; "" means kmstrail.
	User string
	// Password is sent only over https, or to this machine.
	Password string `json:"-"`
	// Source names the program in Trino's list of queries; "" means kmstrail.
	Source string
	// CAFile holds the certificates, PEM, that may have signed the server's; ""
	// means those of the system.
	CAFile string
	// Session sets session properties, such as lake.timestamp_precision.
	Session map[string]string
}

// String is for messages: it has no password.
func (o Options) String() string {
	return fmt.Sprintf("%s, catalog %q, schema %q, user %q", o.URL, o.Catalog, o.Schema, o.User)
}

// GoString is String, so that no verb prints the password.
func (o Options) GoString() string { return o.String() }

// LogValue is String, so that no log has the password.
func (o Options) LogValue() slog.Value { return slog.StringValue(o.String()) }

const defaultName = "kmstrail"

// Engine is a Trino server that is asked. Its methods are safe for concurrent
// use. It has no session: what a statement sets does not hold for the next.
type Engine struct {
	base    *url.URL
	client  *http.Client
	header  http.Header
	session map[string]string
	// authorize adds the password. It is a function so that no printing of an
	// Engine can show what it adds.
	authorize func(*http.Request)
	// patience is how long a request that fails in passing is repeated.
	patience time.Duration
	version  string

	mu      sync.Mutex // guards closed and queries
	closed  bool
	queries map[*query]struct{}
}

// ErrClosed is returned by every method of a closed engine.
var ErrClosed = errors.New("connection to Trino is closed")

// Open looks whether Trino answers at the address. It does not log in: the first
// query says whether user, catalog and schema are right.
func Open(ctx context.Context, opts Options) (*Engine, error) {
	base, err := serverURL(opts)
	if err != nil {
		return nil, fmt.Errorf("open Trino: %w", err)
	}
	client, err := newClient(base, opts.CAFile)
	if err != nil {
		return nil, fmt.Errorf("open Trino: %w", err)
	}
	e := &Engine{
		base:      base,
		client:    client,
		header:    sessionHeader(opts),
		session:   maps.Clone(opts.Session),
		authorize: func(*http.Request) {},
		patience:  15 * time.Second,
		queries:   map[*query]struct{}{},
	}
	if opts.Password != "" {
		user, password := e.header.Get("X-Trino-User"), opts.Password
		e.authorize = func(r *http.Request) { r.SetBasicAuth(user, password) }
	}
	if err := e.greet(ctx); err != nil {
		return nil, fmt.Errorf("open Trino: %w", err)
	}
	return e, nil
}

// serverURL checks the address. What is refused is not printed if it may hold a
// password.
func serverURL(opts Options) (*url.URL, error) {
	u, err := url.Parse(opts.URL)
	switch {
	case err != nil:
		return nil, errors.New("the address is no URL; it looks like https://trino.example.com:8443")
	case u.User != nil:
		return nil, errors.New("the address holds a user or password; set them on their own, since addresses are printed")
	case (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return nil, fmt.Errorf("the address %q is no http or https URL; it looks like https://trino.example.com:8443", opts.URL)
	case u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return nil, fmt.Errorf("the address %q has more than scheme, host and port", opts.URL)
	case opts.Password != "" && u.Scheme != "https" && !loopback(u):
		return nil, fmt.Errorf("a password would go to %s unencrypted; use https", u.Host)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

func loopback(u *url.URL) bool {
	if u.Hostname() == "localhost" {
		return true
	}
	ip := net.ParseIP(u.Hostname())
	return ip != nil && ip.IsLoopback()
}

func newClient(base *url.URL, caFile string) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = 2 * time.Minute
	// Within one machine compressing costs more than it saves.
	transport.DisableCompression = loopback(base)
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("read certificates: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read certificates: %s holds none in PEM", caFile)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{
		Transport: transport,
		// A redirect would carry the statement to somebody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// sessionHeader is what every request says, but for the password.
func sessionHeader(opts Options) http.Header {
	h := http.Header{}
	set := func(name, value, otherwise string) {
		if value == "" {
			value = otherwise
		}
		if value != "" {
			h.Set(name, value)
		}
	}
	set("X-Trino-User", opts.User, defaultName)
	set("X-Trino-Source", opts.Source, defaultName)
	set("X-Trino-Catalog", opts.Catalog, "")
	set("X-Trino-Schema", opts.Schema, "")
	h.Set("X-Trino-Time-Zone", "UTC")
	// Without it timestamps lose what is below a millisecond.
	h.Set("X-Trino-Client-Capabilities", "PARAMETRIC_DATETIME")
	h.Set("User-Agent", defaultName)
	return h
}

// statementHeader is what is said with a statement only: its properties. Trino
// ends a query somewhat after its caller has stopped waiting, should the caller
// be unable to cancel it.
func (e *Engine) statementHeader(ctx context.Context) http.Header {
	properties := map[string]string{}
	if deadline, ok := ctx.Deadline(); ok {
		seconds := int64(time.Until(deadline)/time.Second) + 5
		properties["query_max_run_time"] = fmt.Sprintf("%ds", max(seconds, 1))
	}
	maps.Copy(properties, e.session)
	h := http.Header{}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		h.Add("X-Trino-Session", name+"="+url.QueryEscape(properties[name]))
	}
	return h
}

// Version is the server's, such as 476; "" if it does not say.
func (e *Engine) Version() string { return e.version }

// Query runs one statement and streams its result as the server computes it. A
// question mark in sql stands for a value of args: string, int, int64, float64,
// bool, time.Time (a TIMESTAMP in UTC), []string and nil.
//
// The caller releases the reader, which ends the query if it still runs, and
// looks at its Err: a result that breaks off looks like one that is complete.
func (e *Engine) Query(ctx context.Context, sql string, args ...any) (array.RecordReader, error) {
	q, err := e.start(ctx, sql, args)
	if err != nil {
		return nil, fmt.Errorf("query Trino: %w", err)
	}
	r, err := newReader(q)
	if err != nil {
		q.end()
		return nil, fmt.Errorf("query Trino: %w", err)
	}
	return r, nil
}

// Exec runs one statement to its end, such as a CREATE VIEW.
func (e *Engine) Exec(ctx context.Context, sql string) error {
	q, err := e.start(ctx, sql, nil)
	if err != nil {
		return fmt.Errorf("execute on Trino: %w", err)
	}
	defer q.end()
	for {
		if _, more, err := q.fetch(); err != nil {
			return fmt.Errorf("execute on Trino: %w", err)
		} else if !more {
			return nil
		}
	}
}

// Close ends the queries that still run.
func (e *Engine) Close() error {
	e.mu.Lock()
	e.closed = true
	running := slices.Collect(maps.Keys(e.queries))
	e.mu.Unlock()
	for _, q := range running {
		q.cancel(ErrClosed)
		q.end()
	}
	e.client.CloseIdleConnections()
	return nil
}

func (e *Engine) track(q *query) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return ErrClosed
	}
	e.queries[q] = struct{}{}
	return nil
}

func (e *Engine) forget(q *query) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.queries, q)
}
