package operate

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/internal/rows"
)

// Asker answers questions in SQL.
type Asker interface {
	Query(ctx context.Context, sql string, args ...any) (array.RecordReader, error)
}

// eachRow runs one of our own queries.
func eachRow(ctx context.Context, store Asker, sql string, args []any, visit func(r rows.Row)) error {
	reader, err := store.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	return rows.Scan(reader, visit)
}
