package plugin

import (
	"context"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/internal/flightclient"
)

// server is what the plugin asks. Its errors are those of flightclient.
type server interface {
	Query(ctx context.Context, sql string, args ...any) (array.RecordReader, error)
	Describe(ctx context.Context, sql string) (*arrow.Schema, error)
	Server(ctx context.Context) (flightclient.ServerInfo, error)
	Tables(ctx context.Context) ([]flightclient.Table, error)
	NamedQueries(ctx context.Context) ([]flightclient.NamedQuery, error)
	BindNamedQuery(ctx context.Context, id string, params map[string]string, from, to time.Time) (string, error)
	Close() error
}

// dial returns the server of the settings. It connects with the first question.
func dial(s Settings) (server, error) {
	return flightclient.New(flightclient.Options{Address: s.Address, TLS: s.TLS, Token: s.token, UserAgent: ID})
}
