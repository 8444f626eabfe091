package plugin

import (
	"errors"
	"sync"

	"google.golang.org/grpc/codes"

	"github.com/kmstrail/kmstrail/internal/flightclient"
)

// links hands out the connection to the server. It is shared by everybody, and
// closed when nobody uses it any more and it is not to be used again: Grafana
// gives up a datasource whose settings changed while its queries still run.
type links struct {
	open func() (server, error)

	mu       sync.Mutex
	current  *link
	disposed bool
}

// link is one connection.
type link struct {
	server

	users   int
	retired bool // closed with its last user
}

// take returns the connection, which the caller gives back with put. It works
// after dispose too: a request may have been on its way.
func (l *links) take() (*link, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current == nil {
		s, err := l.open()
		if err != nil {
			return nil, err
		}
		l.current = &link{server: s}
	}
	c := l.current
	c.users++
	if l.disposed {
		l.retire()
	}
	return c, nil
}

func (l *links) put(c *link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.users--
	l.sweep(c)
}

// renew has the next take connect anew, if c is still what it hands out. gRPC
// waits longer and longer before it tries again a server that was away, and does
// not notice when something on the way has forgotten a connection.
func (l *links) renew(c *link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current == c {
		l.retire()
	}
}

// dispose closes the connection as soon as nobody uses it.
func (l *links) dispose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.disposed = true
	l.retire()
}

// retire gives up the current connection.
func (l *links) retire() {
	if c := l.current; c != nil {
		l.current = nil
		c.retired = true
		l.sweep(c)
	}
}

// sweep closes a retired connection that nobody uses. The error of closing one
// tells nobody anything.
func (l *links) sweep(c *link) {
	if c.retired && c.users == 0 {
		_ = c.Close()
	}
}

// unreachable reports whether the server could not be asked, or not at all. What
// became of a result that had begun is a *problem by then.
func unreachable(err error) bool {
	var begun *problem
	var e *flightclient.Error
	return !errors.As(err, &begun) && errors.As(err, &e) && e.Code == codes.Unavailable
}

// timedOut reports whether the datasource's timeout ended the question. Nothing
// may have come because nothing can come any more over this connection.
func timedOut(err error) bool {
	var timeout *timeoutError
	return errors.As(err, &timeout)
}
