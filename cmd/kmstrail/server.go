package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/internal/client"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/instance"
	"github.com/kmstrail/kmstrail/internal/status"
)

// server is a kmstrail serve that has the store open.
type server interface {
	operator
	engine
	UserQuery(ctx context.Context, sql string, args ...any) (array.RecordReader, error)
	Status(ctx context.Context) (*status.Status, error)
}

// server returns the server that has the store open; nil when there is none, and
// this process may open it.
func (a *app) server(ctx context.Context, cfg config.Config) (server, error) {
	target, err := a.findServer(ctx, cfg)
	if err != nil || target == nil {
		return nil, err
	}
	c, err := client.Open(ctx, *target)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// findServer says where the server is: nil when there is none. A store that the
// command line names is meant, whatever server the configuration names.
func (a *app) findServer(ctx context.Context, cfg config.Config) (*client.Target, error) {
	if isRemote(cfg) {
		a.tell(slog.LevelDebug, "asking the server at %s", []any{cfg.Client.URL})
		return &client.Target{URL: cfg.Client.URL, Token: cfg.Client.Token, CAFile: cfg.Client.CAFile}, nil
	}
	if cfg.DB == duck.Memory {
		return nil, nil
	}
	info, err := instance.Find(cfg.DB)
	if errors.Is(err, instance.ErrNone) {
		return nil, nil
	}
	if err != nil {
		return nil, ofOthers(cfg.DB, err)
	}
	if !answers(ctx, info.HTTPSocket) {
		return nil, nil // it was killed, and its word is left
	}
	a.tell(slog.LevelDebug, "asking the server that has %s open, process %d, version %s", []any{cfg.DB, info.PID, info.Version})
	return &client.Target{Instance: &info}, nil
}

// ofOthers explains that only its own user may enter where a server's sockets
// are.
func ofOthers(db string, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return adviceError{fmt.Errorf("%s belongs to a server of another user", db), "run this as that user, or set client.url and a token"}
}

// isRemote reports whether the configuration names a server, and the command
// line no store.
func isRemote(cfg config.Config) bool {
	return cfg.Client.URL != "" && cfg.Origin("db").Kind != "flag"
}

// answers reports whether somebody listens on a unix socket.
func answers(ctx context.Context, socket string) bool {
	d := net.Dialer{Timeout: 2 * time.Second}
	c, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return false
	}
	_ = c.Close() // nothing was said
	return true
}

// locally says what a command that needs the store's file cannot do while a
// server has it open.
func locally(what string) error {
	return adviceError{
		errors.New(what + ": a server has the store open"),
		"stop the server meanwhile, or use a store of its own: --db names one",
	}
}

// refuseFlags refuses flags that have no effect on a server.
func refuseFlags(cmd *cobra.Command, why string, names ...string) error {
	for _, name := range names {
		if f := cmd.Flag(name); f != nil && f.Changed {
			return usagef(why, "--%s cannot be used while a server has the store open", strings.TrimPrefix(name, "--"))
		}
	}
	return nil
}
