package operate

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/inventory"
	"github.com/kmstrail/kmstrail/internal/rows"
	"github.com/kmstrail/kmstrail/schema"
)

// InventoryResult says what of an inventory was stored.
type InventoryResult struct {
	RunID string `json:"run_id"`
	// Stored are rows by kind of record.
	Stored map[string]int64 `json:"stored"`
}

// StoreInventory adds a part of an inventory in one transaction: all of it, or
// nothing. A record takes the place of the one before of the same run, so that a
// sync that goes on may say something twice. A run that has ended takes no more.
func (o *Operator) StoreInventory(ctx context.Context, b inventory.Batch) (InventoryResult, error) {
	tables, err := b.Rows()
	if err != nil {
		return InventoryResult{}, Usagef("docs/inventory.md says what records look like", "the inventory is not what is expected: %v", err)
	}
	result := InventoryResult{RunID: b.Run.ID, Stored: map[string]int64{}}
	for kind, list := range b.Records {
		result.Stored[kind] = int64(len(list))
	}
	err = o.store.Change(ctx, func(read duck.ReadFunc, replace duck.ReplaceFunc) error {
		known, err := openRun(read, b.Run.ID)
		if err != nil {
			return err
		}
		// Whole lists come last: what is gone is what the run has not stored.
		slices.SortStableFunc(tables, func(a, b inventory.TableRows) int {
			return cmp.Compare(boolToInt(a.Table == &schema.InventoryScopes), boolToInt(b.Table == &schema.InventoryScopes))
		})
		for _, t := range tables {
			if t.Table == &schema.InventoryScopes {
				if err := fillGone(read, b.Run.ID, t.Rows); err != nil {
					return err
				}
			}
			if err := storeRows(replace, b.Run.ID, t, known); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || b.Run.Status == inventory.Open {
		return result, err
	}
	return result, Configure(ctx, o.store, o.cfg)
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// newKey is how long a key must be known before a list that does not have it says
// that it is gone: AWS lists new keys after a while.
const newKey = time.Hour

// fillGone says in rows of whole lists which keys are gone: those that were known in
// a state, and that the run has no row of. Keys that AWS manages stay for ever.
func fillGone(read duck.ReadFunc, run string, scopes [][]any) error {
	t := &schema.InventoryScopes
	for _, row := range scopes {
		at := row[t.Column("taken_at")].(time.Time)
		r, err := read(`
			SELECT key_arn FROM keys
			WHERE account_id = ? AND region = ? AND state <> 'Deleted' AND coalesce(key_manager, '') <> 'AWS'
			AND coalesce(inventory_at, first_seen) < CAST(? AS TIMESTAMP)
			AND key_arn NOT IN (SELECT key_arn FROM inventory_keys WHERE run_id = CAST(? AS UUID))
			ORDER BY key_arn`, row[t.Column("account_id")], row[t.Column("region")], at.Add(-newKey).UTC().Format("2006-01-02 15:04:05"), run)
		if err != nil {
			return err
		}
		gone := []string{}
		if err := rows.Scan(r, func(r rows.Row) { gone = append(gone, r.Text(0)) }); err != nil {
			return err
		}
		row[t.Column("gone_keys")] = gone
	}
	return nil
}

// openRun reports whether the store has the run already, and refuses one that has
// ended.
func openRun(read duck.ReadFunc, id string) (known bool, err error) {
	r, err := read("SELECT status FROM inventory_runs WHERE run_id = CAST(? AS UUID)", id)
	if err != nil {
		return false, err
	}
	status := ""
	if err := rows.Scan(r, func(row rows.Row) { status = row.Text(0) }); err != nil {
		return false, err
	}
	if status != "" && status != inventory.Open {
		return false, Usagef("start another", "the inventory %s has ended", id)
	}
	return status != "", nil
}

// replacedBy names the column by which rows of a run take the place of others.
// Those of keys take along what was said of the key's grants and rotations.
var replacedBy = map[*schema.Table]string{
	&schema.InventoryScopes: "account_id", &schema.InventoryKeys: "key_arn", &schema.InventoryRotations: "key_arn",
	&schema.InventoryGrants: "key_arn", &schema.InventoryResources: "resource_arn", &schema.InventoryRoles: "role_arn",
	&schema.InventoryAccounts: "account_id", &schema.InventoryQuotas: "account_id",
}

// idsAtOnce is how many rows one statement looks for.
const idsAtOnce = 500

func storeRows(replace duck.ReplaceFunc, run string, t inventory.TableRows, known bool) error {
	rec, err := schema.Rows(t.Table, t.Rows)
	if err != nil {
		return err
	}
	defer rec.Release()
	const ofRun = "run_id = CAST(? AS UUID)"
	column := replacedBy[t.Table]
	switch {
	case !known:
		return replace(t.Table, "", nil, rec)
	case column == "":
		return replace(t.Table, ofRun, []any{run}, rec)
	}
	var ids []any
	for _, row := range t.Rows {
		id := row[t.Table.Column(column)]
		if t.Table.Column("region") >= 0 && column == "account_id" {
			id = id.(string) + " " + row[t.Table.Column("region")].(string)
		}
		ids = append(ids, id)
	}
	if column == "account_id" && t.Table.Column("region") >= 0 {
		column = "account_id || ' ' || region"
	}
	for part := range slices.Chunk(ids, idsAtOnce) {
		where := ofRun + " AND " + column + " IN (?" + strings.Repeat(", ?", len(part)-1) + ")"
		if err := replace(t.Table, where, append([]any{run}, part...), nil); err != nil {
			return err
		}
	}
	return replace(t.Table, "", nil, rec)
}

// withInventoryAccounts adds what the newest inventory of the organisation says:
// accounts that the configuration does not name, and where each of them lies.
func withInventoryAccounts(ctx context.Context, store *duck.Store, configured [][]any) ([][]any, error) {
	byID := map[string][]any{}
	for _, row := range configured {
		byID[row[0].(string)] = row
	}
	err := eachRow(ctx, store, `
		select account_id, max(account_name), max(organizational_unit), cast(count(organizational_unit) as bigint)
		from inventory_accounts
		where run_id = (select run_id from inventory_accounts order by taken_at desc, run_id limit 1)
		group by account_id
		order by account_id`, nil, func(r rows.Row) {
		var unit any
		if r.Number(3) > 0 {
			unit = r.Text(2)
		}
		id, name := r.Text(0), r.Text(1)
		row := byID[id]
		if row == nil {
			row = []any{id, nil, nil}
			configured = append(configured, row)
		}
		if row[1] == nil && name != "" {
			row[1] = name
		}
		row[2] = unit
	})
	slices.SortFunc(configured, func(a, b []any) int { return strings.Compare(a[0].(string), b[0].(string)) })
	return configured, err
}

// withInventoryQuotas adds the request quotas that Service Quotas had when it was
// last asked, except those that the configuration says itself.
func withInventoryQuotas(ctx context.Context, store *duck.Store, cfg config.Config, quotas [][]any) ([][]any, error) {
	err := eachRow(ctx, store, `
		select quota_name, account_id, region, arg_max(value, taken_at)
		from inventory_quotas
		where quota_name is not null
		group by quota_name, account_id, region
		order by quota_name, account_id, region`, nil, func(r rows.Row) {
		name, account, region, value := r.Text(0), r.Text(1), r.Text(2), r.Float(3)
		configured := slices.ContainsFunc(cfg.Quotas, func(q config.Quota) bool {
			return q.Quota == name && (q.Account == "" || q.Account == account) && (q.Region == "" || q.Region == region)
		})
		if value > 0 && !configured {
			quotas = append(quotas, []any{name, account, region, value, "inventory"})
		}
	})
	return quotas, err
}
