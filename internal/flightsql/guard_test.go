package flightsql

import (
	"context"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/kmstrail/kmstrail/internal/access"
)

// TestAccess: every call is asked who it is, whatever kind it is.
func TestAccess(t *testing.T) {
	s := serve(t, nil)
	c := s.client(t)
	calls := map[string]func(context.Context) error{
		"GetFlightInfo": func(ctx context.Context) error { _, err := c.Execute(ctx, "count 1"); return err },
		"GetSchema":     func(ctx context.Context) error { _, err := c.GetExecuteSchema(ctx, "count 1"); return err },
		"DoGet": func(ctx context.Context) error {
			r, err := c.DoGet(ctx, &flight.Ticket{})
			if err == nil {
				r.Release()
			}
			return err
		},
		"DoAction": func(ctx context.Context) error { _, err := c.Prepare(ctx, "count 1"); return err },
		"DoPut": func(ctx context.Context) error {
			stream, err := c.Client.DoPut(ctx)
			if err == nil {
				_ = stream.Send(&flight.FlightData{}) // without a descriptor
				_, err = stream.Recv()
			}
			return err
		},
		"Handshake": func(ctx context.Context) error {
			stream, err := c.Client.Handshake(ctx)
			if err == nil {
				_, err = stream.Recv()
			}
			if err == io.EOF { //nolint:errorlint // as gRPC gives it
				return nil
			}
			return err
		},
		"ListActions": func(ctx context.Context) error {
			stream, err := c.Client.ListActions(ctx, &flight.Empty{})
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		},
	}
	for who, want := range map[string]struct {
		code codes.Code
		text string
	}{
		"":       {codes.Unauthenticated, "a token is needed: send it as bearer token, or as password with any user name"},
		"guess":  {codes.Unauthenticated, "the token is not valid"},
		"old":    {codes.Unauthenticated, "the token has expired"},
		"often":  {codes.ResourceExhausted, "too many failed attempts; try again in 1m0s"},
		"nobody": {codes.PermissionDenied, "nobody has role ; this needs role read"},
	} {
		for name, call := range calls {
			ctx := t.Context()
			if who != "" {
				ctx = as(t, who)
			}
			err := call(ctx)
			if status.Code(err) != want.code || !strings.Contains(err.Error(), want.text) {
				t.Errorf("%s by %q: %v, want %s: %s", name, who, err, want.code, want.text)
			}
		}
	}
	for name, call := range calls {
		if code := status.Code(call(as(t, "anna"))); code == codes.Unauthenticated || code == codes.PermissionDenied || code == codes.Internal {
			t.Errorf("%s by anna: %s", name, code)
		}
	}
}

// TestHandshake: a user name and a token as password give a bearer token.
func TestHandshake(t *testing.T) {
	s := serve(t, nil)
	c := s.client(t)
	ctx, err := c.Client.AuthenticateBasicToken(t.Context(), "user", "anna")
	if err != nil {
		t.Fatal(err)
	}
	if md, _ := metadata.FromOutgoingContext(ctx); len(md.Get("authorization")) != 1 || md.Get("authorization")[0] != "Bearer anna" {
		t.Errorf("got %v", md)
	}
	if _, err := c.Execute(ctx, "count 1"); err != nil {
		t.Error(err)
	}
	if _, err := c.Client.AuthenticateBasicToken(t.Context(), "user", "wrong"); status.Code(err) != codes.Unauthenticated {
		t.Errorf("with a wrong one: %v", err)
	}
}

// TestUnixSocket: who is at the socket needs no token, beside a listener where
// others do.
func TestUnixSocket(t *testing.T) {
	s := serve(t, nil)
	path := filepath.Join(t.TempDir(), "s")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }()
	c, err := flightsql.NewClient("unix:"+path, nil, nil, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if rows, err := result(t.Context(), c, "count 3"); err != nil || len(rows) != 3 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if p := s.told(t, 1)[0].Principal; !strings.HasPrefix(p.Name, "local:") || p.Role != access.Admin {
		t.Errorf("told of a query by %+v", p)
	}
	if _, err := s.client(t).Execute(t.Context(), "count 1"); status.Code(err) != codes.Unauthenticated {
		t.Errorf("over the network: %v", err)
	}
}

// TestConnections: one too many is closed at once, and there is room again when
// one goes.
func TestConnections(t *testing.T) {
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	g := &gate{max: 1}
	l := &gatedListener{Listener: inner, gate: g, log: slog.New(slog.DiscardHandler)}
	accepted := make(chan net.Conn, 3)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	dial()
	first := <-accepted
	if _, err := dial().Read(make([]byte, 1)); err == nil {
		t.Error("a second one is let in")
	}
	first.Close()
	first.Close() // counts once
	dial()
	(<-accepted).Close()
	if n := g.open.Load(); n != 0 {
		t.Errorf("%d connections are counted", n)
	}
}
