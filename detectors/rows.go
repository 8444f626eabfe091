package detectors

import (
	"context"

	"github.com/kmstrail/kmstrail/internal/rows"
)

// Column is a column of a query's result: its name and DuckDB type.
type Column struct {
	Name string
	Type string
}

// readRows runs a query and hands each row to visit, the values by column name.
func readRows(ctx context.Context, s Store, sql string, args []any, visit func(row map[string]any) error) error {
	r, err := s.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	return rows.Each(r, visit)
}
