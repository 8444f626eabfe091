package main

import (
	"context"

	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/rows"
)

// eachRow runs one of our own queries.
func eachRow(ctx context.Context, store *duck.Store, sql string, args []any, visit func(r rows.Row)) error {
	reader, err := store.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	return rows.Scan(reader, visit)
}
