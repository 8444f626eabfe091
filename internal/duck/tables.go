//go:build duckdb_arrow

package duck

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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

// Upsert stores rows by key in one transaction: rows whose key columns equal a
// stored row's (NULL equals NULL) update it, except in the columns to keep; the
// others are added. A key may occur once in rec.
func (s *Store) Upsert(ctx context.Context, t *schema.Table, key, keep []string, rec arrow.RecordBatch) error {
	if rec.NumRows() == 0 {
		return nil
	}
	err := s.writing(ctx, func(c *conn) error { return c.upsert(ctx, t, key, keep, rec) })
	if err != nil {
		return fmt.Errorf("update rows of %s: %w", t.Name, err)
	}
	return nil
}

func (c *conn) upsert(ctx context.Context, t *schema.Table, key, keep []string, rec arrow.RecordBatch) error {
	for _, k := range slices.Concat(key, keep) {
		if t.Column(k) < 0 {
			return fmt.Errorf("no column %s", k)
		}
	}
	if len(key) == 0 {
		return errors.New("no key columns")
	}
	staged := &schema.Table{Name: "batch_upsert", Columns: t.Columns}
	if err := c.stage(ctx, staged, rec, nil); err != nil {
		return err
	}
	var columns, sets, match []string
	for _, col := range t.Columns {
		name := ident(col.Name)
		columns = append(columns, name)
		switch {
		case slices.Contains(key, col.Name):
			match = append(match, "t."+name+" IS NOT DISTINCT FROM s."+name)
		case !slices.Contains(keep, col.Name):
			sets = append(sets, name+" = s."+name)
		}
	}
	where := strings.Join(match, " AND ")
	twice, err := c.scalar(ctx, "SELECT count(*) FROM (SELECT 1 FROM temp.batch_upsert GROUP BY "+strings.Join(quoteAll(key), ", ")+" HAVING count(*) > 1)")
	if err != nil {
		return err
	}
	if twice > 0 {
		return fmt.Errorf("%d keys occur more than once", twice)
	}
	// The rows to add are found first: after the update nothing tells them.
	into := "main." + ident(t.Name)
	if err := c.exec(ctx, "CREATE OR REPLACE TEMP TABLE batch_new AS SELECT s.* FROM temp.batch_upsert s WHERE NOT EXISTS (SELECT 1 FROM "+into+" t WHERE "+where+")"); err != nil {
		return err
	}
	if len(sets) > 0 {
		if err := c.exec(ctx, "UPDATE "+into+" AS t SET "+strings.Join(sets, ", ")+" FROM temp.batch_upsert s WHERE "+where); err != nil {
			return err
		}
	}
	list := strings.Join(columns, ", ")
	return c.exec(ctx, "INSERT INTO "+into+" ("+list+") SELECT "+list+" FROM temp.batch_new")
}

func quoteAll(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = ident(n)
	}
	return out
}
