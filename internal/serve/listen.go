package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/instance"
)

// listeners are all that the server listens on. The ones of an address that is
// off are nil.
type listeners struct {
	http, flight             net.Listener
	httpSocket, flightSocket net.Listener
}

// openTCP opens those on the network.
func (l *listeners) openTCP(ctx context.Context, cfg config.Server) error {
	return errors.Join(
		listenTCP(ctx, &l.http, "server.http", cfg.HTTP),
		listenTCP(ctx, &l.flight, "server.flight", cfg.Flight),
	)
}

// openSockets opens those for programs of this machine.
func (l *listeners) openSockets(ctx context.Context, info instance.Info) error {
	return errors.Join(
		listenUnix(ctx, &l.httpSocket, info.HTTPSocket),
		listenUnix(ctx, &l.flightSocket, info.FlightSocket),
	)
}

func listenTCP(ctx context.Context, to *net.Listener, name, address string) error {
	if address == config.Off {
		return nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listen on %s: another program uses this address; set %s to another, or to 127.0.0.1:0 for any free one", address, name)
	}
	if err != nil {
		return fmt.Errorf("listen for %s: %w", name, err)
	}
	*to = l
	return nil
}

// listenUnix opens a socket in a directory that only this user may enter.
func listenUnix(ctx context.Context, to *net.Listener, path string) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return fmt.Errorf("listen for programs of this machine: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(fmt.Errorf("protect %s: %w", path, err), l.Close())
	}
	*to = l
	return nil
}

func (l *listeners) close() {
	for _, x := range []net.Listener{l.http, l.flight, l.httpSocket, l.flightSocket} {
		if x != nil {
			_ = x.Close() // it may be closed already
		}
	}
}

// address is what a listener got, which an address with port 0 does not tell.
func address(l net.Listener) string {
	if l == nil {
		return ""
	}
	return l.Addr().String()
}
