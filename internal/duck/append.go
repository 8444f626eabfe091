//go:build duckdb_arrow

package duck

import (
	"context"
	"fmt"
	"slices"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	bindings "github.com/duckdb/duckdb-go-bindings"
)

// appendRows is how many rows go to DuckDB at a time: its vector size. Larger
// chunks overflow where DuckDB casts a column.
const appendRows = 2048

// flushRows is after how many rows the appender hands over what it has: until
// then it keeps a copy that no memory limit counts.
const flushRows = 16 * appendRows

// append adds the rows of rec to a table: all, or with keep those for which it
// is true. The record's fields are matched with the table's columns by name;
// columns the record lacks become NULL.
func (c *conn) append(ctx context.Context, catalog, table string, rec arrow.RecordBatch, keep []bool) error {
	a, err := c.newAppender(catalog, table, rec.Schema())
	if err != nil {
		return fmt.Errorf("append to %s: %w", table, err)
	}
	defer a.destroy()
	for from := int64(0); from < rec.NumRows(); from += appendRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := a.append(rec, from, min(from+appendRows, rec.NumRows()), keep); err != nil {
			return fmt.Errorf("append to %s: %w", table, err)
		}
		if from%flushRows == flushRows-appendRows {
			if err := a.flush(ctx); err != nil {
				return fmt.Errorf("append to %s: %w", table, err)
			}
		}
	}
	if err := a.flush(ctx); err != nil {
		return fmt.Errorf("append to %s: %w", table, err)
	}
	return nil
}

// appender wraps DuckDB's for Arrow input.
type appender struct {
	conn   *conn
	ptr    bindings.Appender
	clean  bool // nothing waits to be flushed
	schema bindings.ArrowConvertedSchema
}

func (c *conn) newAppender(catalog, table string, schema *arrow.Schema) (*appender, error) {
	a := &appender{conn: c}
	if bindings.AppenderCreateExt(c.ptr, catalog, "main", table, &a.ptr) == bindings.StateError {
		err := a.failure()
		a.destroy()
		return nil, err
	}
	for _, f := range schema.Fields() {
		if bindings.AppenderAddColumn(a.ptr, f.Name) == bindings.StateError {
			err := a.failure()
			a.destroy()
			return nil, err
		}
	}
	converted, data := bindings.SchemaFromArrow(c.ptr, schema)
	a.schema = converted
	if err := dataError(data); err != nil {
		a.destroy()
		return nil, err
	}
	return a, nil
}

func (a *appender) append(rec arrow.RecordBatch, from, to int64, keep []bool) error {
	a.clean = false
	if keep != nil {
		keep = keep[from:to]
		if !slices.Contains(keep, true) {
			return nil
		}
	}
	part := rec.NewSlice(from, to)
	defer part.Release()
	chunk, data := bindings.DataChunkFromArrow(a.conn.ptr, part, a.schema)
	defer bindings.DestroyDataChunk(&chunk)
	if err := dataError(data); err != nil {
		return err
	}
	if keep != nil {
		selectRows(chunk, keep)
	}
	if bindings.AppendDataChunk(a.ptr, chunk) == bindings.StateError {
		return a.failure()
	}
	return nil
}

// selectRows reduces a chunk to the rows to keep, without copying them.
func selectRows(chunk bindings.DataChunk, keep []bool) {
	sel := bindings.CreateSelectionVector(bindings.IdxT(len(keep)))
	defer bindings.DestroySelectionVector(&sel)
	//nolint:gosec // DuckDB gives a pointer to as many entries as were asked for
	rows := unsafe.Slice(bindings.SelectionVectorGetDataPtr(sel), len(keep))
	n := 0
	for i, k := range keep {
		if k {
			rows[n] = bindings.SelT(i)
			n++
		}
	}
	for i := range bindings.DataChunkGetColumnCount(chunk) {
		bindings.SliceVector(bindings.DataChunkGetVector(chunk, i), sel, bindings.IdxT(n))
	}
	bindings.DataChunkSetSize(chunk, bindings.IdxT(n))
}

func (a *appender) flush(ctx context.Context) error {
	stop := a.conn.watch(ctx)
	defer stop()
	if bindings.AppenderFlush(a.ptr) == bindings.StateError {
		return a.conn.failure(ctx, bindings.AppenderError(a.ptr))
	}
	a.clean = true
	return nil
}

func (a *appender) failure() error { return reported(bindings.AppenderError(a.ptr)) }

// destroy frees the appender. What was not flushed is thrown away: DuckDB would
// try it again.
func (a *appender) destroy() {
	if !a.clean && a.ptr.Ptr != nil {
		bindings.AppenderClear(a.ptr)
	}
	bindings.DestroyArrowConvertedSchema(&a.schema)
	bindings.AppenderDestroy(&a.ptr)
}
