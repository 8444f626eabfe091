//go:build duckdb_arrow

package duck

import (
	"context"
	"fmt"
	"slices"
	"time"

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
	if isInventory(t) {
		return s.Change(ctx, func(_ ReadFunc, replace ReplaceFunc) error { return replace(t, "true", nil, rec) })
	}
	err := s.writing(ctx, func(c *conn) error {
		if t.Name == schema.Quotas.Name {
			return s.replaceQuotas(ctx, rec)
		}
		return c.replaceRows(ctx, t, "true", nil, rec)
	})
	if err != nil {
		return fmt.Errorf("replace rows of %s: %w", t.Name, err)
	}
	return nil
}

// replaceQuotas replaces the quotas and, if they are others now, judges by them
// what is folded and still known by the second.
func (s *Store) replaceQuotas(ctx context.Context, rec arrow.RecordBatch) error {
	if err := s.loadDerivation(ctx); err != nil {
		return err
	}
	c := s.writer
	if err := c.exec(ctx, "CREATE OR REPLACE TEMP TABLE old_quotas AS FROM main.quotas"); err != nil {
		return err
	}
	if err := c.replaceRows(ctx, &schema.Quotas, "true", nil, rec); err != nil {
		return err
	}
	changed, err := c.scalar(ctx, `SELECT count(*) FROM (
		(FROM main.quotas EXCEPT FROM temp.old_quotas) UNION ALL (FROM temp.old_quotas EXCEPT FROM main.quotas))`)
	if err != nil || changed == 0 {
		return err
	}
	s.ingest.recomputed++
	for _, v := range schema.KeptViews() {
		if v.Kept.Kind != schema.KeptFold {
			continue
		}
		if err := c.foldAgain(ctx, &v, s.ingest.folded); err != nil {
			return fmt.Errorf("fold into %s: %w", v.Name, err)
		}
	}
	return nil
}

// foldAgain folds the seconds that are settled since a time, a day at a time.
func (c *conn) foldAgain(ctx context.Context, fold *schema.View, since time.Time) error {
	rollup := keptView(fold.Kept.Of)
	days, err := c.int64s(ctx, fmt.Sprintf("SELECT DISTINCT epoch_us(date_trunc('day', %s)) AS day FROM main.%s WHERE %s >= %s ORDER BY day",
		rollup.TimeColumn(), rollup.Table().Name, rollup.TimeColumn(), literalTime(max(since.UnixMicro(), earliest))))
	if err != nil {
		return err
	}
	for _, at := range days {
		day := bucket{time.UnixMicro(at).UTC(), time.UnixMicro(at).UTC().AddDate(0, 0, 1)}
		day.from = maxTime(day.from, since)
		seconds := "(" + rollup.MergeSQL("main."+rollup.Table().Name+" where "+day.where(rollup.TimeColumn())) + ")"
		err := c.exec(ctx, fmt.Sprintf("DELETE FROM main.%s WHERE %s; INSERT INTO main.%s BY NAME\n%s",
			fold.Table().Name, day.where(fold.TimeColumn()), fold.Table().Name, fold.Definition(map[string]string{rollup.Name: seconds})))
		if err != nil {
			return err
		}
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
		var inventory []*schema.Table
		err := work(
			func(sql string, args ...any) (array.RecordReader, error) { return c.stream(ctx, sql, args) },
			func(t *schema.Table, where string, args []any, rec arrow.RecordBatch) error {
				if rec != nil && isInventory(t) && !slices.Contains(inventory, t) {
					inventory = append(inventory, t)
				}
				return c.replaceRows(ctx, t, where, args, rec)
			},
		)
		if err != nil {
			return err
		}
		return s.deriveInventory(ctx, inventory)
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
