//go:build duckdb_arrow

package duck

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/schema"
)

// isInventory reports whether a table holds what inventories say at a time.
func isInventory(t *schema.Table) bool {
	return slices.Contains(schema.InventoryTables(), t) && t.Column("taken_at") >= 0
}

// deriveInventory brings up to date what follows from rows of inventories that
// this transaction added, and notes the hours that they are about as changed: what
// they say holds from then on.
func (s *Store) deriveInventory(ctx context.Context, added []*schema.Table) error {
	if len(added) == 0 {
		return nil
	}
	if err := s.loadDerivation(ctx); err != nil {
		return err
	}
	for _, v := range schema.KeptViews() {
		if v.Kept.Kind == schema.KeptNewest && slices.ContainsFunc(added, func(t *schema.Table) bool { return t.Name == v.Kept.Of }) {
			if err := s.writer.newestAgain(ctx, &v); err != nil {
				return fmt.Errorf("keep %s: %w", v.Name, err)
			}
		}
	}
	if err := s.mergeInventories(ctx); err != nil {
		return err
	}
	s.ingest.lastCommit++
	cells := make([]string, len(added))
	for i, t := range added {
		cells[i] = fmt.Sprintf("SELECT %s AS account_id, %s AS region, taken_at FROM main.%s WHERE rowid >= %s",
			placeOf(t, "account_id", "split_part(key_arn, ':', 5)", "NULL"), placeOf(t, "region", "split_part(key_arn, ':', 4)", "'aws-global'"), t.Name, uncommitted)
	}
	err := s.writer.exec(ctx, fmt.Sprintf(`INSERT INTO main.changed_cells BY NAME
		SELECT %d AS commit_id, %s AS committed_at, account_id, coalesce(region, '') AS region, date_trunc('hour', taken_at) AS hour, 0 AS event_count, count(*) AS change_count
		FROM (%s) GROUP BY ALL`, s.ingest.lastCommit, literalTime(time.Now().UTC().UnixMicro()), strings.Join(cells, " UNION ALL ")))
	if err != nil {
		return fmt.Errorf("note what an inventory is about: %w", err)
	}
	return nil
}

// placeOf is where rows of a table say which account or Region they are about.
func placeOf(t *schema.Table, column, ofKey, otherwise string) string {
	switch {
	case t.Column(column) >= 0:
		return column
	case t.Column("key_arn") >= 0:
		return ofKey
	}
	return otherwise
}

// newestAgain computes the rows of those values again that the transaction added
// rows of, and deletes those that have no row any more.
func (c *conn) newestAgain(ctx context.Context, v *schema.View) error {
	table, by := "main."+v.Table().Name, v.Kept.By
	gone := fmt.Sprintf("%s NOT IN (SELECT %s FROM main.%s)", by, by, v.Kept.Of)
	changed := fmt.Sprintf("%s IN (SELECT %s FROM main.%s WHERE rowid >= %s)", by, by, v.Kept.Of, uncommitted)
	return c.exec(ctx, fmt.Sprintf("DELETE FROM %s WHERE %s OR %s; INSERT INTO %s BY NAME\n%s", table, changed, gone, table,
		v.Definition(map[string]string{v.Kept.Of: "(SELECT * FROM main." + v.Kept.Of + " WHERE " + changed + ")"})))
}

// mergeInventories makes the views heed inventories once there is one: until then
// they have less to do without.
func (s *Store) mergeInventories(ctx context.Context) error {
	n, err := s.writer.scalar(ctx, "SELECT count(*) FROM (SELECT 1 FROM main.inventory_keys UNION ALL SELECT 1 FROM main.inventory_scopes LIMIT 1)")
	if err != nil || n == 0 {
		return err
	}
	for _, v := range schema.Views() {
		if v.PlainSQL() == "" {
			continue
		}
		merged, err := s.writer.scalar(ctx, "SELECT count(*) FROM duckdb_views() WHERE database_name = current_database() AND view_name = "+quote(v.Name)+" AND sql LIKE '%inventory_keys%'")
		if err != nil {
			return err
		}
		if merged > 0 {
			continue
		}
		if err := s.writer.exec(ctx, "CREATE OR REPLACE VIEW main."+ident(v.Name)+" AS "+v.ReadSQL()); err != nil {
			return fmt.Errorf("make the view %s heed inventories: %w", v.Name, err)
		}
	}
	return nil
}
