// Package client asks a server what package operate and the store do without
// one: the same methods, results and errors, so that a command prints the same
// whoever does the work.
package client

import (
	"context"
	"errors"

	"github.com/kmstrail/kmstrail/internal/instance"
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

	path string
}

// Open returns a client of the server.
func Open(_ context.Context, t Target) (*Client, error) {
	if t.Instance == nil {
		return nil, errors.New("ask server: no instance")
	}
	socket := t.Instance.FlightSocket
	return &Client{path: socket, flightQueries: flightQueries{find: func(context.Context) (string, error) { return "unix:" + socket, nil }}}, nil
}

// Path says where the server is.
func (c *Client) Path() string { return c.path }
