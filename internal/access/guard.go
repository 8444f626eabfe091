package access

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"
)

// What Authenticate says of a client that may not ask. None says whether a
// token of that id or name exists.
var (
	ErrNoToken  = errors.New("a token is needed")
	ErrBadToken = errors.New("the token is not valid")
	// ErrMistyped is an ErrBadToken that could not be anybody's.
	ErrMistyped = fmt.Errorf("%w: it is mistyped or not whole", ErrBadToken)
	// ErrExpired is only said to who knows the secret.
	ErrExpired = errors.New("the token has expired")
	// ErrUnavailable says that the server cannot read its tokens; its log says why.
	ErrUnavailable = errors.New("tokens cannot be checked now")
)

// TooManyError says that too many attempts have failed.
type TooManyError struct {
	// RetryAfter is when an attempt will be looked at again.
	RetryAfter time.Duration
}

func (e *TooManyError) Error() string {
	return fmt.Sprintf("too many failed attempts; try again in %s", e.RetryAfter.Round(time.Second))
}

// GuardOptions are the parts of a Guard.
type GuardOptions struct {
	Tokens *Tokens
	// Anonymous lets who comes from this machine read without a token.
	Anonymous bool
	Now       func() time.Time
	Log       *slog.Logger
}

// Guard says who asks. Its methods may be called concurrently.
//
// Failed attempts are limited, for each address and for all together; the right
// token is always let in. So nobody can shut others out by failing from their
// address (an office, a proxy), and nothing is lost by it: a secret of 256 bits
// is not found by trying, however fast. What the limit does bound is what trying
// costs here: lines in logs, and hope.
type Guard struct {
	tokens    *Tokens
	anonymous bool
	failures  *limiter
	log       *slog.Logger
	now       func() time.Time
}

// NewGuard makes a Guard.
func NewGuard(o GuardOptions) *Guard {
	return &Guard{tokens: o.Tokens, anonymous: o.Anonymous, failures: newLimiter(), log: o.Log, now: o.Now}
}

// maxAuthorization is the longest header that is looked at.
const maxAuthorization = 1024

// Authenticate says who sent the value of an Authorization header: Bearer with
// a token, or Basic with a token as password and any name. Errors are those
// above and *TooManyError.
func (g *Guard) Authenticate(authorization string, peer net.Addr) (Principal, error) {
	if authorization == "" {
		if g.anonymous && isLoopback(peer) {
			return Principal{Name: AnonymousName, Role: Read}, nil
		}
		return Principal{}, ErrNoToken
	}
	p, err := g.check(authorization)
	if err == nil || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrExpired) {
		return p, err
	}
	if wait := g.failures.failed(g.now(), network(peer)); wait > 0 {
		return Principal{}, &TooManyError{RetryAfter: wait}
	}
	return Principal{}, err
}

func (g *Guard) check(authorization string) (Principal, error) {
	text, ok := bearer(authorization)
	if !ok {
		return Principal{}, ErrBadToken
	}
	id, ok := splitSecret(text)
	if !ok {
		return Principal{}, ErrMistyped
	}
	token, err := g.tokens.verify(id, text)
	switch {
	case err == nil:
		return Principal{Name: token.Name, Role: token.Role}, nil
	case errors.Is(err, ErrBadToken), errors.Is(err, ErrExpired):
		return Principal{}, err
	}
	// The cause names files; it is for the operator alone.
	g.log.Error("tokens cannot be checked, nobody is let in", slog.Any("error", err))
	return Principal{}, ErrUnavailable
}

// bearer returns the token of an Authorization header.
func bearer(authorization string) (token string, ok bool) {
	if len(authorization) > maxAuthorization {
		return "", false
	}
	scheme, value, _ := strings.Cut(authorization, " ")
	value = strings.Trim(value, " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return value, value != ""
	case strings.EqualFold(scheme, "Basic"):
		b, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			return "", false
		}
		_, password, found := strings.Cut(string(b), ":")
		return password, found && password != ""
	}
	return "", false
}

// isLoopback reports whether a peer is on this machine.
func isLoopback(peer net.Addr) bool {
	ip, ok := addrOf(peer)
	return ok && ip.IsLoopback()
}

// network is what failures are counted for: an IPv4 address, or the /64 of an
// IPv6 address, of which one host has as many as it likes.
func network(peer net.Addr) netip.Prefix {
	ip, ok := addrOf(peer)
	if !ok {
		return netip.Prefix{}
	}
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(ip, bits).Masked()
}

func addrOf(peer net.Addr) (netip.Addr, bool) {
	if peer == nil {
		return netip.Addr{}, false
	}
	if tcp, ok := peer.(*net.TCPAddr); ok {
		ip := tcp.AddrPort().Addr()
		return ip.Unmap().WithZone(""), ip.IsValid()
	}
	ap, err := netip.ParseAddrPort(peer.String())
	return ap.Addr().Unmap().WithZone(""), err == nil
}
