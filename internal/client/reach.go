package client

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
)

var (
	// errNoAnswer says that nobody is there.
	errNoAnswer = errors.New("no server answers")
	// errEnded says that somebody was, and is no more.
	errEnded = errors.New("the server ended while it worked; run it again")
)

// Unreachable says why no answer came from a server. Only text is kept of err:
// who explains errors takes those of a network for those of the way to a bucket.
func Unreachable(server string, err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // without the method and the whole address
	}
	if told := ofCertificate(server, err); told != nil {
		return told
	}
	dns, isDNS := errors.AsType[*net.DNSError](err)
	text := err.Error()
	switch {
	case isClosed(err):
		return fmt.Errorf("%s closed the connection without an answer", server)
	case isDNS && dns.IsNotFound:
		return fmt.Errorf("%w at %s: there is no host %s", errNoAnswer, server, dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w at %s: connection refused", errNoAnswer, server)
	case errors.Is(err, os.ErrNotExist): // a socket
		return fmt.Errorf("%w at %s", errNoAnswer, server)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return fmt.Errorf("%w at %s in time", errNoAnswer, server)
	case strings.Contains(text, "server gave HTTP response to HTTPS client"):
		return fmt.Errorf("%s has no certificate: write http://, or give it one (server.tls_cert)", server)
	case strings.Contains(text, "malformed HTTP response") && strings.HasPrefix(server, "http://"):
		return wantsTLS(server)
	}
	return fmt.Errorf("%w at %s: %s", errNoAnswer, server, text)
}

// WantsTLS explains the answer of a server that was asked without TLS and wants
// it; nil for another answer.
func WantsTLS(server string, status int, text []byte) error {
	if status != http.StatusBadRequest || !bytes.Contains(text, []byte("HTTP request to an HTTPS server")) {
		return nil
	}
	return wantsTLS(server)
}

func wantsTLS(server string) error {
	return fmt.Errorf("%s wants TLS: write https://%s", server, strings.TrimPrefix(server, "http://"))
}

// ofCertificate says what is wrong with a certificate; nil when nothing is.
func ofCertificate(server string, err error) error {
	name, isName := errors.AsType[x509.HostnameError](err)
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, other := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case isName:
		return fmt.Errorf("the certificate of %s is for another name: %s", server, strings.TrimPrefix(name.Error(), "x509: "))
	case isInvalid:
		return fmt.Errorf("the certificate of %s is not valid: %s", server, strings.TrimPrefix(invalid.Error(), "x509: "))
	case unknown:
		return fmt.Errorf("the certificate of %s is not trusted: name its signer in client.ca_file", server)
	case other:
		return fmt.Errorf("the certificate of %s is not trusted: %s", server, err.Error()) // nobody shall explain it as AWS's
	}
	return nil
}

// isClosed reports whether the other end closed the connection.
func isClosed(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return strings.Contains(err.Error(), "server closed idle connection")
}
