// Package client asks a server what package operate and the store do without
// one: the same methods, results and errors, so that a command prints the same
// whoever does the work.
package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync/atomic"

	"github.com/kmstrail/kmstrail/internal/instance"
	"github.com/kmstrail/kmstrail/internal/operate"
)

// Target says which server to ask.
type Target struct {
	// URL is the server's HTTP address, Token what it asks for, and CAFile holds
	// certificates to trust besides the system's.
	URL, Token, CAFile string
	// Instance is a server of this machine, asked through its sockets; nil for URL.
	Instance *instance.Info
}

// Client asks a server. Its methods may be called by several goroutines.
type Client struct {
	flightQueries

	// path is what people call the server, base what every address begins with.
	path, base string
	token      string
	http       *http.Client
	// answered says that the server has been there.
	answered atomic.Bool
}

// Open returns a client of the server. It asks nothing yet.
func Open(_ context.Context, t Target) (*Client, error) {
	if t.Instance != nil {
		return openLocal(t.Instance), nil
	}
	u, err := url.Parse(t.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, operate.Usagef("write https://HOST:PORT", "client.url: %q is not the address of a server", t.URL)
	}
	if u.Scheme == "http" && t.Token != "" && !isLoopback(u.Hostname()) {
		return nil, operate.Usagef("write https://, and give the server a certificate (server.tls_cert)", "client.url: over %s anybody on the way could read the token", t.URL)
	}
	trusted, err := Trust(t.CAFile)
	if err != nil {
		return nil, err
	}
	c := &Client{
		path: u.Redacted(), base: u.Scheme + "://" + u.Host + strings.TrimSuffix(u.Path, "/"), token: t.Token,
		http: &http.Client{
			Transport:     &http.Transport{TLSClientConfig: trusted, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 4},
			CheckRedirect: noRedirect,
		},
	}
	c.flightQueries = flightQueries{find: func(ctx context.Context) (string, error) { return c.flightAddress(ctx, u) }, tls: trusted, token: t.Token}
	return c, nil
}

// openLocal returns a client of a server of this machine, which asks for no
// token: who can open its sockets could open the store.
func openLocal(info *instance.Info) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", info.HTTPSocket)
	}
	return &Client{
		path: info.HTTPSocket, base: "http://localhost",
		http:          &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 4}, CheckRedirect: noRedirect},
		flightQueries: flightQueries{find: func(context.Context) (string, error) { return "unix:" + info.FlightSocket, nil }},
	}
}

// noRedirect keeps a token from being sent on to somebody else.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Trust returns settings that trust the system's certificates and those in a
// file, which may be "".
func Trust(caFile string) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile == "" {
		return cfg, nil
	}
	text, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("read client.ca_file: %w", err)
	}
	if cfg.RootCAs, err = x509.SystemCertPool(); err != nil {
		return nil, fmt.Errorf("read the system's certificates: %w", err)
	}
	if !cfg.RootCAs.AppendCertsFromPEM(text) {
		return nil, operate.Usagef("", "client.ca_file: there is no certificate in %s", caFile)
	}
	return cfg, nil
}

// flightAddress asks the server where it answers queries.
func (c *Client) flightAddress(ctx context.Context, server *url.URL) (string, error) {
	info, err := c.Server(ctx)
	if err != nil || info.Flight == "" {
		return "", err
	}
	address, err := reachable(info.Flight, server.Hostname())
	if err != nil {
		return "", err
	}
	if host, _, _ := net.SplitHostPort(strings.TrimPrefix(address, "grpc://")); c.token != "" && strings.HasPrefix(address, "grpc://") && !isLoopback(host) {
		return "", errors.New("query server: it answers queries without TLS at " + address + ", where anybody on the way could read the token")
	}
	return address, nil
}

// reachable puts the name that the server is known by in place of one that says
// nothing to others: that of all its addresses, or of its own machine.
func reachable(address, host string) (string, error) {
	scheme, rest, ok := strings.Cut(address, "://")
	name, port, err := net.SplitHostPort(rest)
	if !ok || err != nil {
		return "", fmt.Errorf("query server: it says that it answers at %q", address)
	}
	ip, err := netip.ParseAddr(name)
	if err == nil && (ip.IsUnspecified() || ip.IsLoopback()) {
		name = host
	}
	return scheme + "://" + net.JoinHostPort(name, port), nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// Path says where the server is.
func (c *Client) Path() string { return c.path }

// Close ends the connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return c.flightQueries.Close()
}
