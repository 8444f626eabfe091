//go:build duckdb_arrow

package duck

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/schema"
)

// Append adds rows to a table in one transaction.
func (s *Store) Append(ctx context.Context, t *schema.Table, rec arrow.RecordBatch) error {
	err := s.writing(ctx, func(c *conn) error { return c.append(ctx, "", t.Name, rec, nil) })
	if err != nil {
		return fmt.Errorf("append rows: %w", err)
	}
	return nil
}

// Replace puts rows in the place of all that a table has, in one transaction.
func (s *Store) Replace(ctx context.Context, t *schema.Table, rec arrow.RecordBatch) error {
	err := s.writing(ctx, func(c *conn) error {
		if err := c.exec(ctx, "DELETE FROM main."+ident(t.Name)); err != nil {
			return err
		}
		return c.append(ctx, "", t.Name, rec, nil)
	})
	if err != nil {
		return fmt.Errorf("replace rows of %s: %w", t.Name, err)
	}
	return nil
}

// ReadFunc asks a question within a transaction. The reader must be released
// before anything else is done in it.
type ReadFunc = func(sql string, args ...any) (array.RecordReader, error)

// ReplaceFunc deletes the rows of a table for which a condition holds (none
// when it is "") and adds those of rec (none when it is nil).
type ReplaceFunc = func(t *schema.Table, where string, args []any, rec arrow.RecordBatch) error

// Change runs work in one transaction: nobody else writes meanwhile, so what it
// reads still holds when it writes. An error of work undoes everything.
func (s *Store) Change(ctx context.Context, work func(read ReadFunc, replace ReplaceFunc) error) error {
	err := s.writing(ctx, func(c *conn) error {
		return work(
			func(sql string, args ...any) (array.RecordReader, error) { return c.stream(ctx, sql, args) },
			func(t *schema.Table, where string, args []any, rec arrow.RecordBatch) error {
				return c.replaceRows(ctx, t, where, args, rec)
			},
		)
	})
	if err != nil {
		return fmt.Errorf("change rows: %w", err)
	}
	return nil
}

func (c *conn) replaceRows(ctx context.Context, t *schema.Table, where string, args []any, rec arrow.RecordBatch) error {
	if where != "" {
		ignore := func(arrow.RecordBatch) error { return nil } // the number of rows
		if err := c.each(ctx, ignore, "DELETE FROM main."+ident(t.Name)+" WHERE "+where, args...); err != nil {
			return fmt.Errorf("delete from %s: %w", t.Name, err)
		}
	}
	if rec == nil {
		return nil
	}
	return c.append(ctx, "", t.Name, rec, nil)
}
