package flightsql

import (
	"crypto/tls"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/kmstrail/kmstrail/internal/access"
)

// transport secures connections of the network with TLS, where there is a
// certificate, and asks the kernel who is at the other end of a unix socket.
type transport struct {
	credentials.TransportCredentials
}

func newTransport(cfg *tls.Config) credentials.TransportCredentials {
	if cfg == nil {
		return &transport{insecure.NewCredentials()}
	}
	return &transport{credentials.NewTLS(cfg)}
}

// localInfo is what is known of a connection to a unix socket.
type localInfo struct {
	credentials.CommonAuthInfo
	principal access.Principal
}

func (localInfo) AuthType() string { return "local" }

func (t *transport) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if c.LocalAddr().Network() != "unix" {
		return t.TransportCredentials.ServerHandshake(c)
	}
	p, err := access.Local(c)
	if err != nil {
		return nil, nil, err
	}
	return c, localInfo{
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity},
		principal:      p,
	}, nil
}

func (t *transport) Clone() credentials.TransportCredentials {
	return &transport{t.TransportCredentials.Clone()}
}

// gate bounds the connections of the network. One too many is closed at once:
// if it were left to wait, so would be everybody after it.
type gate struct {
	max  int64
	open atomic.Int64
	// full says that it was said that there are too many.
	full atomic.Bool
}

type gatedListener struct {
	net.Listener
	gate *gate
	log  *slog.Logger
}

func (l *gatedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.gate.open.Add(1) <= l.gate.max {
			l.gate.full.Store(false)
			return &gatedConn{Conn: c, leave: sync.OnceFunc(func() { l.gate.open.Add(-1) })}, nil
		}
		l.gate.open.Add(-1)
		_ = c.Close()
		if !l.gate.full.Swap(true) {
			l.log.Warn("too many connections for queries; new ones are closed", "max", l.gate.max)
		}
	}
}

type gatedConn struct {
	net.Conn
	leave func()
}

func (c *gatedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
