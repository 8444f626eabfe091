package operate

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/inventory"
	"github.com/kmstrail/kmstrail/internal/rows"
)

const runID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"

// batchOf is a part of a sync.
func batchOf(status string, records inventory.Records) inventory.Batch {
	b := inventory.Batch{Run: inventory.Run{ID: runID, Origin: inventory.Sync, Status: status, StartedAt: now}, Records: records}
	if status != inventory.Open {
		b.Run.EndedAt = now
	}
	return b
}

func keyRecord(n int, state string) inventory.Record {
	return inventory.Record{"key_arn": fmt.Sprintf("arn:aws:kms:eu-west-1:111122223333:key/%d", n), "taken_at": now, "key_state": state}
}

// told are the rows of a query, a line each.
func told(t *testing.T, o *Operator, sql string) []string {
	t.Helper()
	var out []string
	err := eachRow(t.Context(), o.store, sql, nil, func(r rows.Row) {
		var line []string
		b, _ := r.Batch()
		for i := range int(b.NumCols()) {
			line = append(line, r.Text(i))
		}
		out = append(out, strings.Join(line, " "))
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestStoreInventory: a sync that goes on may say things twice, a run that has
// ended stays as it is, and a batch with a mistake leaves nothing.
func TestStoreInventory(t *testing.T) {
	o := open(t, &bucket{}, nil)
	for _, b := range []inventory.Batch{
		batchOf(inventory.Open, inventory.Records{
			"keys": {keyRecord(1, "Enabled"), keyRecord(2, "Enabled")}, "grants": {{"key_arn": keyRecord(1, "")["key_arn"], "grant_id": "g", "taken_at": now}},
			"scopes":   {{"account_id": "111122223333", "region": "eu-west-1", "taken_at": now}, {"account_id": "111122223333", "region": "eu-west-2", "taken_at": now}},
			"refusals": {{"api": "kms:ListGrants", "error_code": "AccessDenied", "detail": "no", "refused_at": now, "refused_count": 1}},
		}),
		batchOf(inventory.Open, inventory.Records{
			"keys": {keyRecord(2, "Disabled"), keyRecord(3, "Enabled")}, "scopes": {{"account_id": "111122223333", "region": "eu-west-1", "taken_at": now, "key_count": 3}},
			"refusals": {{"api": "kms:ListGrants", "error_code": "AccessDenied", "detail": "no", "refused_at": now, "refused_count": 2}},
		}),
		batchOf(inventory.Incomplete, nil),
	} {
		if _, err := o.StoreInventory(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"1 Enabled", "2 Disabled", "3 Enabled"}
	if diff := cmp.Diff(want, told(t, o, "select key_id, key_state from inventory_keys order by key_id")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"1 1 2 3"}, told(t, o, "select (select count(*) from inventory_grants), (select count(*) from inventory_refusals), (select count(*) from inventory_scopes), (select sum(key_count)::bigint from inventory_scopes)")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{runID + " incomplete"}, told(t, o, "select run_id, status from inventory_runs")); diff != "" {
		t.Error(diff)
	}
	var usage *UsageError
	if _, err := o.StoreInventory(t.Context(), batchOf(inventory.Open, nil)); !errors.As(err, &usage) || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("added to a run that has ended: %v", err)
	}
	bad := batchOf(inventory.Complete, inventory.Records{"keys": {keyRecord(4, "Enabled"), {"key_arn": "x", "taken_at": now}}})
	bad.Run.ID = "6ba7b811-9dad-11d1-80b4-00c04fd430c8"
	if _, err := o.StoreInventory(t.Context(), bad); !errors.As(err, &usage) || !strings.Contains(err.Error(), "keys[1]: key_arn") {
		t.Errorf("a bad record: %v", err)
	}
	if n := told(t, o, "select run_id from inventory_runs"); len(n) != 1 {
		t.Errorf("half of it is stored: %v", n)
	}
}

// TestInventoryOfAccounts: names, units and quotas of the newest inventory stand
// behind those of the configuration.
func TestInventoryOfAccounts(t *testing.T) {
	o := open(t, &bucket{}, func(cfg *config.Config) {
		cfg.Accounts = map[string]string{"111122223333": "mine", "999999999999": "gone"}
		cfg.Quotas = []config.Quota{{Quota: "describe_key", Region: "eu-west-1", PerSecond: 5}}
	})
	quota := func(region, name string, value float64) inventory.Record {
		return inventory.Record{"account_id": "111122223333", "region": region, "service_quota_name": name, "value": value, "taken_at": now}
	}
	_, err := o.StoreInventory(t.Context(), batchOf(inventory.Complete, inventory.Records{
		"accounts": {
			{"account_id": "111122223333", "account_name": "theirs", "organizational_unit": "Prod", "taken_at": now},
			{"account_id": "444455556666", "account_name": "lake", "organizational_unit": "", "taken_at": now},
			{"account_id": "123456789012", "account_name": "new", "taken_at": now},
		},
		"quotas": {
			quota("eu-west-1", "DescribeKey request rate", 4000), quota("eu-west-2", "DescribeKey request rate", 4000), quota("eu-west-2", "Grants per key", 1),
		},
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"111122223333 mine Prod", "123456789012 new -", "444455556666 lake ", "999999999999 gone -"}
	if diff := cmp.Diff(want, told(t, o, "select account_id, account_name, coalesce(organizational_unit, '-') from accounts order by 1")); diff != "" {
		t.Error(diff)
	}
	want = []string{"inventory 111122223333 eu-west-2 4000", "override  eu-west-1 5"}
	if diff := cmp.Diff(want, told(t, o, "select origin, account_id, region, requests_per_second from quotas where origin <> 'default' order by 1")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"3 1"}, told(t, o, "select count(*), count(*) filter (quota_name is null) from inventory_quotas")); diff != "" {
		t.Error(diff)
	}
}
