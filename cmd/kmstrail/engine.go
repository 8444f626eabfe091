package main

import (
	"context"
	"io"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/lake"
	"github.com/kmstrail/kmstrail/internal/sqlfile"
	"github.com/kmstrail/kmstrail/internal/trino"
)

const trinoEngine = "trino"

// registerEngine adds the flag that chooses who runs the queries.
func registerEngine(cmd *cobra.Command) {
	cmd.Flags().String("engine", "", "who runs the SQL: duckdb, on the store, or trino, on the lake that trino.url of the configuration reads (`ENGINE`)")
	overrides(cmd, "engine", "engine")
	completeValues(cmd, "engine", config.Engines)
}

// engine runs questions where the events are.
type engine interface {
	asker
	Run(ctx context.Context, st sqlfile.Statement) (array.RecordReader, error)
	// Path says where they are.
	Path() string
	Close() error
}

// openEngine opens what the configuration says for questions.
func (a *app) openEngine(ctx context.Context, cfg config.Config) (engine, error) {
	if cfg.Engine == trinoEngine {
		return openTrino(ctx, cfg)
	}
	return a.openToRead(ctx, cfg)
}

// trinoLake is a lake and the Trino that reads it.
type trinoLake struct {
	lake.Engine
	trino *trino.Engine
	path  string
}

// Path names the server's catalog and schema.
func (l trinoLake) Path() string { return l.path }

// Close ends what still runs.
func (l trinoLake) Close() error { return l.trino.Close() }

func openTrino(ctx context.Context, cfg config.Config) (trinoLake, error) {
	e, err := trino.Open(ctx, trino.Options{
		URL: cfg.Trino.URL, Catalog: cfg.Trino.Catalog, Schema: cfg.Trino.Schema,
		User: cfg.Trino.User, Password: cfg.Trino.Password, CAFile: cfg.Trino.CAFile,
	})
	if err != nil {
		return trinoLake{}, err
	}
	return trinoLake{lake.Engine{Querier: e}, e, cfg.Trino.URL + "/" + cfg.Trino.Catalog + "/" + cfg.Trino.Schema}, nil
}

// userQuery runs a user's SQL, bounded as the configuration says.
func (a *app) userQuery(ctx context.Context, cfg config.Config, sql string) (array.RecordReader, func(), error) {
	if cfg.Engine == trinoEngine {
		// Trino's access control says what the SQL may do.
		l, err := openTrino(ctx, cfg)
		if err != nil {
			return nil, nil, err
		}
		return queryElsewhere(ctx, cfg, l, func(ctx context.Context) (array.RecordReader, error) { return l.Query(ctx, sql) })
	}
	s, err := a.server(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	if s != nil {
		return queryElsewhere(ctx, cfg, s, func(ctx context.Context) (array.RecordReader, error) { return s.UserQuery(ctx, sql) })
	}
	store, err := a.openFileToRead(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	r, err := store.UserQuery(ctx, sql, duck.Limits{Rows: int64(cfg.Limits.QueryRows), Time: cfg.Limits.QueryTime})
	if err != nil {
		_ = store.Close() // it was only read
		return nil, nil, err
	}
	return r, func() { r.Release(); _ = store.Close() }, nil
}

// queryElsewhere bounds a query of another process here; that process may have
// bounds of its own.
func queryElsewhere(ctx context.Context, cfg config.Config, where io.Closer, query func(context.Context) (array.RecordReader, error)) (array.RecordReader, func(), error) {
	cancel := context.CancelFunc(func() {})
	if limit := cfg.Limits.QueryTime; limit > 0 {
		ctx, cancel = context.WithTimeoutCause(ctx, limit, &duck.LimitError{What: "time", Limit: limit.String()})
	}
	r, err := query(ctx)
	if err != nil {
		cancel()
		_ = where.Close() // nothing is left to run
		return nil, nil, err
	}
	r = duck.Cut(r, duck.Limits{Rows: int64(cfg.Limits.QueryRows)})
	return r, func() { r.Release(); cancel(); _ = where.Close() }, nil
}
