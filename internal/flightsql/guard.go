package flightsql

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net"
	"runtime/debug"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/flight"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/kmstrail/kmstrail/internal/access"
)

const authorization = "authorization"

// guard stands before every call: it says who asks, and a crash in a call is
// that call's alone.
type guard struct {
	authenticate func(string, net.Addr) (access.Principal, error)
	log          *slog.Logger
}

func (g *guard) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (answer any, err error) {
	defer g.caught(ctx, info.FullMethod, &err)
	if ctx, err = g.admit(ctx); err != nil {
		return nil, err
	}
	return handler(ctx, req)
}

func (g *guard) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	defer g.caught(stream.Context(), info.FullMethod, &err)
	ctx, err := g.admit(stream.Context())
	if err != nil {
		return err
	}
	return handler(srv, &knownStream{ServerStream: stream, ctx: ctx})
}

// caught turns a panic into an error.
func (g *guard) caught(ctx context.Context, method string, err *error) {
	if p := recover(); p != nil {
		*err = crashed(ctx, g.log, method, p)
	}
}

func crashed(ctx context.Context, log *slog.Logger, where string, p any) error {
	log.ErrorContext(ctx, "a call crashed", "where", where, "panic", p, "stack", string(debug.Stack()))
	return status.Error(codes.Internal, "the call crashed; the server's log says where")
}

// admit returns a context that carries who asks.
func (g *guard) admit(ctx context.Context) (context.Context, error) {
	p, err := g.who(ctx)
	if err == nil {
		err = p.Need(access.Read)
	}
	if err != nil {
		return nil, denied(err)
	}
	return access.NewContext(ctx, p), nil
}

func (g *guard) who(ctx context.Context) (access.Principal, error) {
	var addr net.Addr
	if p, ok := peer.FromContext(ctx); ok {
		if local, ok := p.AuthInfo.(localInfo); ok {
			return local.principal, nil
		}
		addr = p.Addr
	}
	return g.authenticate(authorizationOf(ctx), addr)
}

// authorizationOf returns the header; "" without one. Of several, which no
// client sends, the first counts.
func authorizationOf(ctx context.Context) string {
	if values := metadata.ValueFromIncomingContext(ctx, authorization); len(values) > 0 {
		return values[0]
	}
	return ""
}

// knownStream is a stream whose context says who asks.
type knownStream struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // a stream has no other way to carry it
}

func (s *knownStream) Context() context.Context { return s.ctx }

// principalOf returns who asks.
func principalOf(ctx context.Context) access.Principal {
	p, _ := access.FromContext(ctx) // the guard put it there
	return p
}

func peerOf(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok || p.Addr == nil {
		return ""
	}
	return p.Addr.String()
}

// Handshake is how JDBC gets in with a user name and a password: it sends them
// as Basic and wants a bearer token to send from then on. The password is one.
func (s *service) Handshake(stream flight.FlightService_HandshakeServer) error {
	md := metadata.MD{}
	if token, ok := basicPassword(authorizationOf(stream.Context())); ok {
		md.Set(authorization, "Bearer "+token)
	} else if header := authorizationOf(stream.Context()); header != "" {
		md.Set(authorization, header)
	}
	// Some clients read headers, some trailers.
	if err := stream.SendHeader(md); err != nil {
		return err
	}
	stream.SetTrailer(md)
	return nil
}

// basicPassword returns the password of a Basic header.
func basicPassword(header string) (string, bool) {
	scheme, value, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", false
	}
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
	if err != nil {
		return "", false
	}
	_, password, ok := strings.Cut(string(b), ":")
	return password, ok
}
