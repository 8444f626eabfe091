package access

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func newTokens(tb testing.TB, now func() time.Time) *Tokens {
	tb.Helper()
	return OpenTokens(filepath.Join(tb.TempDir(), "x.duckdb.tokens"), now)
}

func create(tb testing.TB, tokens *Tokens, name string, role Role) string {
	tb.Helper()
	secret, err := tokens.Create(name, role, time.Time{})
	if err != nil {
		tb.Fatal(err)
	}
	return secret
}

func newGuard(tb testing.TB, anonymous bool) (*Guard, *Tokens) {
	tb.Helper()
	tokens := newTokens(tb, time.Now)
	return NewGuard(GuardOptions{Tokens: tokens, Anonymous: anonymous, Now: time.Now, Log: slog.New(slog.DiscardHandler)}), tokens
}

func peer(address string) net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(address), 50000))
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func TestAuthenticate(t *testing.T) {
	g, tokens := newGuard(t, false)
	secret := create(t, tokens, "ann", Operate)
	other := create(t, tokens, "bob", Read)
	_, foreign := newSecret()
	ann := Principal{Name: "ann", Role: Operate}
	for _, c := range []struct {
		name, header string
		want         Principal
		err          error
	}{
		{"bearer", "Bearer " + secret, ann, nil},
		{"bearer in any case", "bEARER  " + secret + " ", ann, nil},
		{"basic", basic("whoever", secret), ann, nil},
		{"basic without a user", basic("", secret), ann, nil},
		{"another", "Bearer " + other, Principal{Name: "bob", Role: Read}, nil},
		{"none", "", Principal{}, ErrNoToken},
		{"foreign", "Bearer " + foreign, Principal{}, ErrBadToken},
		{"id of one, secret of another", "Bearer " + reseal(secret[:14]+other[14:]), Principal{}, ErrBadToken},
		{"mistyped", "Bearer " + flip(secret, 30), Principal{}, ErrMistyped},
		{"cut", "Bearer " + secret[:40], Principal{}, ErrMistyped},
		{"in capitals", "Bearer " + strings.ToUpper(secret), Principal{}, ErrMistyped},
		{"as a user", basic(secret, ""), Principal{}, ErrBadToken},
		{"user alone", "Basic " + base64.StdEncoding.EncodeToString([]byte(secret)), Principal{}, ErrBadToken},
		{"another scheme", "Digest " + secret, Principal{}, ErrBadToken},
		{"no scheme", secret, Principal{}, ErrBadToken},
		{"long", "Bearer " + strings.Repeat("a", 2000), Principal{}, ErrBadToken},
	} {
		t.Run(c.name, func(t *testing.T) {
			g.failures = newLimiter()
			got, err := g.Authenticate(c.header, peer("198.51.100.7"))
			if !errors.Is(err, c.err) || got != c.want {
				t.Errorf("%v, %v; want %v, %v", got, err, c.want, c.err)
			}
			if errors.Is(err, ErrMistyped) != errors.Is(c.err, ErrMistyped) {
				t.Errorf("said to be mistyped or not: %v", err)
			}
		})
	}
}

// flip exchanges one character for another of the alphabet.
func flip(text string, i int) string {
	c := "a"
	if text[i] == 'a' {
		c = "b"
	}
	return text[:i] + c + text[i+1:]
}

// reseal gives text the checksum it would have, as somebody who guesses does.
func reseal(text string) string {
	body := text[:textLength-checkLength]
	return body + checksum(body)
}

func TestAuthenticate_anonymous(t *testing.T) {
	anyone := Principal{Name: AnonymousName, Role: Read}
	for _, c := range []struct {
		peer    net.Addr
		allowed bool
		want    Principal
		err     error
	}{
		{peer("127.0.0.1"), true, anyone, nil},
		{peer("127.8.9.1"), true, anyone, nil},
		{peer("::1"), true, anyone, nil},
		{peer("::ffff:127.0.0.1"), true, anyone, nil},
		{peer("127.0.0.1"), false, Principal{}, ErrNoToken},
		{peer("198.51.100.7"), true, Principal{}, ErrNoToken},
		{peer("::ffff:198.51.100.7"), true, Principal{}, ErrNoToken},
		{peer("0.0.0.0"), true, Principal{}, ErrNoToken},
		{nil, true, Principal{}, ErrNoToken},
		{&net.UnixAddr{Name: "127.0.0.1:1", Net: "unix"}, false, Principal{}, ErrNoToken},
		{&net.UnixAddr{Name: "@", Net: "unix"}, true, Principal{}, ErrNoToken},
	} {
		g, _ := newGuard(t, c.allowed)
		if got, err := g.Authenticate("", c.peer); !errors.Is(err, c.err) || got != c.want {
			t.Errorf("from %v, allowed %v: %v, %v; want %v, %v", c.peer, c.allowed, got, err, c.want, c.err)
		}
	}
	// A wrong token is not let in as nobody.
	g, _ := newGuard(t, true)
	if p, err := g.Authenticate("Bearer x", peer("127.0.0.1")); !errors.Is(err, ErrBadToken) {
		t.Errorf("wrong token: %v, %v", p, err)
	}
}

// guess makes attempts that cannot be told from the token by their form.
func guess(secret string, n int) string {
	return "Bearer " + reseal(secret[:20]+strings.NewReplacer("0", "a", "1", "b", "8", "c", "9", "d").Replace(fmt.Sprintf("%06d", n))+secret[26:])
}

// TestAuthenticate_bruteForce: whoever tries a thousand tokens a second for an
// hour gets few of them looked at, and shuts nobody out.
func TestAuthenticate_bruteForce(t *testing.T) {
	c := newClock()
	tokens := newTokens(t, c.now)
	secret := create(t, tokens, "ann", Read)
	old := c.now().Add(-time.Hour) // so that the file is not read for every attempt
	if err := os.Chtimes(tokens.path, old, old); err != nil {
		t.Fatal(err)
	}
	g := NewGuard(GuardOptions{Tokens: tokens, Now: c.now, Log: slog.New(slog.DiscardHandler)})
	attacker := peer("198.51.100.7")
	refused, longest := 0, time.Duration(0)
	const second = 20 // attempts
	for n := range 3600 * second {
		_, err := g.Authenticate(guess(secret, n), attacker)
		tooMany, ok := errors.AsType[*TooManyError](err)
		switch {
		case ok && tooMany.RetryAfter > 0:
			longest = max(longest, tooMany.RetryAfter)
		case errors.Is(err, ErrBadToken) && !errors.Is(err, ErrMistyped):
			refused++
		default:
			t.Fatalf("attempt %d: %v", n, err)
		}
		if n%(300*second) == 7 {
			// The owner sits in the same office.
			if p, err := g.Authenticate("Bearer "+secret, attacker); err != nil || p.Name != "ann" {
				t.Fatalf("the right token after %d wrong ones: %v, %v", n, p, err)
			}
			// Who mistypes elsewhere is told that, not to wait.
			if _, err := g.Authenticate("Bearer "+flip(secret, 30), peer("203.0.113.9")); !errors.Is(err, ErrMistyped) {
				t.Fatalf("typo of somebody else: %v", err)
			}
		}
		c.add(time.Second / second)
	}
	if refused < freeFailures || refused > 40 {
		t.Errorf("%d attempts of an hour were looked at, want 10 to 40", refused)
	}
	if longest > longWait {
		t.Errorf("wait of %v, want at most %v", longest, longWait)
	}
	// Waiting helps, and an hour of quiet makes it like new.
	c.add(longWait)
	if _, err := g.Authenticate(guess(secret, 1), attacker); errors.As(err, new(*TooManyError)) {
		t.Errorf("after waiting: %v", err)
	}
	c.add(longWait + forgive + time.Second)
	for range freeFailures {
		if _, err := g.Authenticate(guess(secret, 1), attacker); errors.As(err, new(*TooManyError)) {
			t.Errorf("after an hour of quiet: %v", err)
		}
	}
}

// TestAuthenticate_botnet: many addresses together meet a limit too, in bounded
// memory; one host's IPv6 addresses count as one.
func TestAuthenticate_botnet(t *testing.T) {
	c := newClock()
	tokens := newTokens(t, c.now)
	secret := create(t, tokens, "ann", Read)
	old := c.now().Add(-time.Hour) // so that the file is not read for every attempt
	if err := os.Chtimes(tokens.path, old, old); err != nil {
		t.Fatal(err)
	}
	g := NewGuard(GuardOptions{Tokens: tokens, Now: c.now, Log: slog.New(slog.DiscardHandler)})
	count := func(address func(n int) netip.Addr, attempts int) (looked int) {
		for n := range attempts {
			_, err := g.Authenticate(guess(secret, n), peer(address(n).String()))
			if !errors.As(err, new(*TooManyError)) {
				looked++
			}
		}
		return looked
	}
	many := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{198, 18, byte(n >> 8), byte(n)}) }
	if n := count(many, 20_000); n != allBurst {
		t.Errorf("%d attempts at once were looked at, want %d", n, allBurst)
	}
	if n := len(g.failures.addresses); n > maxAddresses || n != g.failures.recent.Len() {
		t.Errorf("%d addresses are remembered in %d entries, want at most %d", n, g.failures.recent.Len(), maxAddresses)
	}
	if p, err := g.Authenticate("Bearer "+secret, peer("198.51.100.1")); err != nil {
		t.Errorf("the right token meanwhile: %v, %v", p, err)
	}
	c.add(10 * time.Second)
	if n := count(func(n int) netip.Addr { return many(n + 30_000) }, 20_000); n != 100 {
		t.Errorf("%d attempts were looked at after ten seconds, want 100", n)
	}
	c.add(time.Hour)
	host := func(n int) netip.Addr {
		return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 14: byte(n >> 8), 15: byte(n)})
	}
	if n := count(host, 1000); n != freeFailures {
		t.Errorf("%d attempts from one network were looked at, want %d", n, freeFailures)
	}
}

// TestAuthenticate_unreadable: when tokens cannot be read nobody is let in, the
// client learns nothing of it, and the log says why.
func TestAuthenticate_unreadable(t *testing.T) {
	var log bytes.Buffer
	tokens := newTokens(t, time.Now)
	secret := create(t, tokens, "ann", Read)
	g := NewGuard(GuardOptions{Tokens: tokens, Now: time.Now, Log: slog.New(slog.NewTextHandler(&log, nil))})
	ask := func() error {
		_, err := g.Authenticate("Bearer "+secret, peer("198.51.100.7"))
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(tokens.path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := ask(); err != ErrUnavailable { //nolint:errorlint // nothing may be wrapped in it
		t.Errorf("others may read the file: %v, want ErrUnavailable alone", err)
	}
	if !strings.Contains(log.String(), "chmod 600") || strings.Contains(log.String(), secret) {
		t.Errorf("log says %s", log.String())
	}
	if err := os.Chmod(tokens.path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ask(); err != nil {
		t.Errorf("put right: %v", err)
	}
	if err := os.Remove(tokens.path); err != nil {
		t.Fatal(err)
	}
	if err := ask(); !errors.Is(err, ErrBadToken) {
		t.Errorf("without a file: %v, want ErrBadToken", err)
	}
}

func TestRole(t *testing.T) {
	allowed := map[string]bool{}
	for _, have := range append(Roles(), "", "root") {
		for _, need := range append(Roles(), "", "root") {
			if have.Allows(need) {
				allowed[string(have)+" may "+string(need)] = true
			}
		}
	}
	want := map[string]bool{
		"read may read": true, "operate may read": true, "operate may operate": true,
		"admin may read": true, "admin may operate": true, "admin may admin": true,
	}
	if diff := cmp.Diff(want, allowed); diff != "" {
		t.Error(diff)
	}
	ann := Principal{Name: "ann", Role: Operate}
	if err := ann.Need(Operate); err != nil {
		t.Error(err)
	}
	denied, ok := errors.AsType[*DeniedError](ann.Need(Admin))
	if !ok || denied.Error() != "ann has role operate; this needs role admin" {
		t.Errorf("%v", denied)
	}
	if p, ok := FromContext(NewContext(t.Context(), ann)); !ok || p != ann {
		t.Errorf("context has %v, %v", p, ok)
	}
	if p, ok := FromContext(context.Background()); ok {
		t.Errorf("empty context has %v", p)
	}
}

func TestLocal(t *testing.T) {
	dir := t.TempDir()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := (&net.Dialer{}).DialContext(t.Context(), "unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	p, err := Local(server)
	if err != nil || !strings.HasPrefix(p.Name, "local:") || len(p.Name) == len("local:") || p.Role != Admin {
		t.Errorf("%v, %v", p, err)
	}
	if CheckName(p.Name) == nil {
		t.Errorf("a token could be named %s", p.Name)
	}
	pipe, other := net.Pipe()
	defer pipe.Close()
	defer other.Close()
	if p, err := Local(pipe); err == nil {
		t.Errorf("a pipe is %v", p)
	}
	tcp, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	over, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer over.Close()
	if p, err := Local(over); err == nil {
		t.Errorf("somebody on the network is %v", p)
	}
}
