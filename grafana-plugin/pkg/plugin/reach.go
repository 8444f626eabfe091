package plugin

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"
)

const (
	// stepTime bounds one step of the way to the server.
	stepTime = 5 * time.Second
	// renewBefore is how long before its end a certificate is worth a word.
	renewBefore = 14 * day
)

// reach goes the way to the server as far as one can without asking it: name,
// connection, TLS. Errors are of type *fault.
func reach(ctx context.Context, s Settings, now time.Time) (warnings []string, err error) {
	if path, ok := strings.CutPrefix(s.Address, "unix:"); ok {
		return nil, reachSocket(ctx, path)
	}
	addresses, err := lookUp(ctx, s.Host)
	if err != nil {
		return nil, err
	}
	conn, err := connect(ctx, addresses, s)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // it was only tried
	if s.TLS == nil {
		if !loopback(s.Host) {
			warnings = append(warnings, "The token crosses the network in clear: the server should have a certificate (grpc+tls://).")
		}
		return warnings, knock(ctx, conn, addresses, s)
	}
	return handshake(ctx, conn, s, now)
}

func reachSocket(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return &fault{StageTCP, "The socket of the server cannot be reached: " + reason(err) + ".", "It lies beside the store in <db>.run/flight.sock, and only the user whose server it is, and root, may enter.", err}
	}
	return conn.Close()
}

// lookUp finds the addresses of a host.
func lookUp(ctx context.Context, host string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	var dns *net.DNSError
	switch {
	case err == nil:
		return addresses, nil
	case errors.As(err, &dns) && dns.IsNotFound:
		return nil, &fault{StageDNS, fmt.Sprintf("The host %s is not known: its name has no address.", host), "Look for a typing error in the URL; the name is looked up where Grafana's server runs, not in your browser.", err}
	}
	return nil, &fault{StageDNS, fmt.Sprintf("The address of %s cannot be looked up: %s.", host, reason(err)), "Look at the name servers of the machine that Grafana's server runs on.", err}
}

// connect tries the addresses one after the other.
func connect(ctx context.Context, addresses []string, s Settings) (net.Conn, error) {
	var failed error
	for _, a := range addresses {
		tried, cancel := context.WithTimeout(ctx, stepTime)
		conn, err := new(net.Dialer).DialContext(tried, "tcp", net.JoinHostPort(a, s.Port))
		cancel()
		if err == nil {
			return conn, nil
		}
		failed = err
	}
	where := net.JoinHostPort(s.Host, s.Port)
	switch {
	case refused(failed):
		return nil, &fault{StageTCP, "Nobody listens at " + where + ": the connection is refused.",
			"Is kmstrail serve running, and is server.flight that address? It listens on 127.0.0.1 unless it has a certificate, so only programs of its own machine reach it; from within a container, localhost is the container.", failed}
	case errors.Is(failed, context.DeadlineExceeded):
		return nil, &fault{StageTCP, where + " does not answer: the connection attempt timed out.", "Look at firewalls and security groups between Grafana's server and kmstrail, for this port.", failed}
	}
	return nil, &fault{StageTCP, where + " cannot be reached: " + reason(failed) + ".", "Look at the network between Grafana's server and kmstrail.", failed}
}

var errNoHTTP2 = &fault{StageProtocol, "What answers speaks TLS, but not HTTP/2, so no Flight SQL.", "Give the address of kmstrail serve for Flight SQL (server.flight, port 8815); a proxy on the way has to pass HTTP/2.", nil}

// handshake does that of TLS.
func handshake(ctx context.Context, conn net.Conn, s Settings, now time.Time) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	cfg := s.TLS.Clone()
	cfg.NextProtos = []string{"h2"}
	c := tls.Client(conn, cfg)
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, tlsFault(err, s)
	}
	state := c.ConnectionState()
	if state.NegotiatedProtocol != "h2" {
		return nil, errNoHTTP2
	}
	var warnings []string
	if s.TLS.InsecureSkipVerify {
		warnings = append(warnings, "The server's certificate is not verified, so somebody on the way could read the token: paste the CA certificate instead.")
	}
	if end := state.PeerCertificates[0].NotAfter; end.Sub(now) < renewBefore {
		warnings = append(warnings, "The server's certificate ends at "+moment(end)+".")
	}
	return warnings, nil
}

// tlsFault tells the ways apart in which TLS fails.
func tlsFault(err error, s Settings) error {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
	)
	switch {
	case strings.Contains(err.Error(), "no application protocol"): // TLS's alert has no name in Go
		return errNoHTTP2
	case errors.As(err, &record):
		return &fault{StageTLS, "The server does not speak TLS at this address.", "Give it a certificate (server.tls_cert, server.tls_key); on the same machine grpc:// instead of grpc+tls:// will do.", err}
	case errors.As(err, &name):
		return &fault{StageTLS, fmt.Sprintf("The server's certificate is for another name: %s.", text(name.Error())), "Use a name in the URL that the certificate has, or give that name as server name.", err}
	case errors.As(err, &authority):
		hint := "Paste the CA certificate that signed the server's into the settings."
		if s.TLS.RootCAs != nil {
			hint = "The CA certificate in the settings is another one than signed the server's: paste the right one."
		}
		return &fault{StageTLS, "The server's certificate is signed by an authority that is not known.", hint, err}
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return &fault{StageTLS, "The server's certificate has expired, or is not valid yet: " + text(invalid.Detail) + ".", "Renew it: kmstrail serve reads server.tls_cert again by itself. If it is new, look at the clocks of both machines.", err}
	case closed(err), errors.Is(err, context.DeadlineExceeded):
		return &fault{StageTLS, "The server ends the connection before TLS begins, or says nothing.", "Does the address belong to kmstrail serve, and does a proxy on the way pass TLS?", err}
	}
	return &fault{StageTLS, "TLS with the server fails: " + text(err.Error()) + ".", "Look at the server's certificate (server.tls_cert).", err}
}

// knock begins HTTP/2 without TLS and looks at the first bytes that come back:
// gRPC itself would only say that the connection was closed.
func knock(ctx context.Context, conn net.Conn, addresses []string, s Settings) error {
	deadline := time.Now().Add(stepTime)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return &fault{StageProtocol, "The connection cannot be used: " + reason(err) + ".", "Try again.", err}
	}
	// The preface, and a frame of settings without any.
	_, err := io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	if err != nil {
		return silentFault(ctx, err, addresses, s)
	}
	head := make([]byte, 9)
	n, err := io.ReadFull(conn, head)
	head = head[:n]
	switch {
	case n == 9 && head[3] == 4: // settings, as HTTP/2 begins
		return nil
	case n >= 2 && head[0] == 0x15 && head[1] == 3: // an alert of TLS
		return errSpeaksTLS
	case bytes.HasPrefix(head, []byte("HTTP/1")):
		return &fault{StageProtocol, "What answers is a web server, not Flight SQL.", "Give the address of kmstrail serve for Flight SQL (server.flight, port 8815), not that of its web pages (8814).", nil}
	case n == 0:
		return silentFault(ctx, err, addresses, s)
	}
	return &fault{StageProtocol, "What answers is no Flight SQL server.", "Give the address of kmstrail serve for Flight SQL (server.flight, port 8815).", nil}
}

var errSpeaksTLS = &fault{StageTLS, "The server speaks TLS at this address, and the URL does not.", "Write grpc+tls:// instead of grpc://.", nil}

// silentFault is a server that says nothing. One that speaks TLS may just close:
// then TLS is tried.
func silentFault(ctx context.Context, err error, addresses []string, s Settings) error {
	if !closed(err) {
		return &fault{StageProtocol, "What accepts the connection does not answer.", "Give the address of kmstrail serve for Flight SQL (server.flight, port 8815), and look at the server's log.", err}
	}
	if speaksTLS(ctx, addresses, s) {
		return errSpeaksTLS
	}
	return &fault{StageProtocol, "What answers closes the connection at once.", "Give the address of kmstrail serve for Flight SQL (server.flight, port 8815).", err}
}

// speaksTLS tries TLS with whoever it is: nothing is sent over it.
func speaksTLS(ctx context.Context, addresses []string, s Settings) bool {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	conn, err := connect(ctx, addresses, s)
	if err != nil {
		return false
	}
	defer conn.Close()                                                                                                     //nolint:errcheck // it was only tried
	c := tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, NextProtos: []string{"h2"}}) //nolint:gosec // see above
	return c.HandshakeContext(ctx) == nil
}

// reason is the innermost error, without the addresses around it.
func reason(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return text(err.Error())
		}
		err = inner
	}
}

// text is what libraries say, without the name of the library.
func text(s string) string {
	for _, lead := range []string{"x509: ", "tls: ", "failed to verify certificate: "} {
		s = strings.TrimPrefix(s, lead)
	}
	return strings.TrimRight(s, ". ")
}

// The errors of systems have no names that all of them share, and Grafana wants
// no package syscall in plugins; so their words have to do.

// refused reports whether nobody listens.
func refused(err error) bool { return says(err, "refused") }

// closed reports whether the other side ended the connection.
func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || says(err, "connection reset", "broken pipe", "forcibly closed", "aborted")
}

func says(err error, words ...string) bool {
	text := strings.ToLower(err.Error())
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}
