//go:build duckdb_arrow

package duck_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/histories"
	"github.com/kmstrail/kmstrail/schema"
)

// TestInventoriesAsDefined holds the views of keys, which the store answers in its
// own way, to their definitions, with whatever inventories say of the keys of a
// generated history. What is kept of inventories is the same when it is rebuilt,
// and no two intervals of one thing overlap.
func TestInventoriesAsDefined(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			h := histories.New(seed, histories.Options{})
			s := openHistory(t, duck.Memory, 1)
			run(t, s, h, histories.Step{Files: h.Deliver(seed).Files, CommitRows: 1 << 20, Batches: 1}, func() {})
			takeInventories(t, s, rand.New(rand.NewPCG(seed, 7)))
			asDefined(t, s)
			kept := dump(t, s, "key_inventory", schemaView(t, "key_inventory").Columns, "true")
			if err := s.Rebuild(t.Context(), []string{"key_inventory"}, nil); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(dump(t, s, "key_inventory", schemaView(t, "key_inventory").Columns, "true"), kept); diff != "" || len(kept) == 0 {
				t.Errorf("%d keys are kept, rebuilt: %s", len(kept), diff)
			}
			overlaps := rowsOf(t, s, `
				SELECT concat_ws(' ', a.kind, a.key_arn, a.name, a.valid_from, a.source, b.key_arn, b.valid_from, b.source)
				FROM key_timeline a JOIN key_timeline b
				  ON a.kind = b.kind AND a.name = b.name AND a.account_id = b.account_id AND a.region = b.region
				 AND (a.kind = 'alias' OR a.key_arn = b.key_arn)
				 AND a.valid_from < b.valid_from AND coalesce(a.valid_to > b.valid_from, true)`)
			if len(overlaps) > 0 {
				t.Errorf("%d intervals overlap, such as\n%s", len(overlaps), strings.Join(overlaps[:min(len(overlaps), 5)], "\n"))
			}
			if n := rowsOf(t, s, "SELECT count(DISTINCT (kind, source)) FROM key_timeline"); n[0] != "12" {
				t.Errorf("%s kinds and sources, want all 12", n)
			}
		})
	}
}

// takeInventories stores some that say of keys what the logs say, something else,
// or nothing.
func takeInventories(t *testing.T, s *duck.Store, r *rand.Rand) {
	t.Helper()
	arns := rowsOf(t, s, "SELECT key_arn FROM keys UNION ALL SELECT 'arn:aws:kms:us-east-1:111122223333:key/unlogged' ORDER BY 1")
	aliases := rowsOf(t, s, "SELECT DISTINCT name FROM key_timeline WHERE kind = 'alias' ORDER BY 1")
	tags := rowsOf(t, s, "SELECT DISTINCT name FROM key_timeline WHERE kind = 'tag' ORDER BY 1")
	policies := rowsOf(t, s, "SELECT DISTINCT value FROM key_timeline WHERE kind = 'policy' ORDER BY 1")
	times := rowsOf(t, s, "SELECT event_time::VARCHAR FROM key_changes USING SAMPLE 5 ROWS (reservoir, 1)")
	some := func(list ...string) any {
		if i := r.IntN(len(list) + 1); i < len(list) {
			return list[i]
		}
		return nil
	}
	for i, text := range times {
		at, err := time.Parse(time.DateTime, text)
		if err != nil {
			t.Fatal(err)
		}
		id := uuid.UUID{byte(i)}
		var rows [][]any
		var gone []string
		for _, arn := range arns {
			if r.IntN(5) == 0 {
				if r.IntN(3) == 0 {
					gone = append(gone, arn)
				}
				continue
			}
			place := strings.Split(arn, ":")
			row := make([]any, len(schema.InventoryKeys.Columns))
			set := func(column string, v any) { row[schema.InventoryKeys.Column(column)] = v }
			set("run_id", id)
			set("taken_at", at.Add(time.Duration(r.IntN(2))*time.Second))
			set("key_arn", arn)
			set("account_id", place[4])
			set("region", place[3])
			set("key_id", strings.TrimPrefix(place[5], "key/"))
			set("refused", []string{})
			set("key_state", some("Enabled", "Disabled", "PendingDeletion", "Updating"))
			if row[schema.InventoryKeys.Column("key_state")] == "PendingDeletion" && r.IntN(3) > 0 {
				set("deletion_date", at.AddDate(0, 0, 7+r.IntN(2)))
			}
			if r.IntN(3) > 0 {
				set("rotation_enabled", r.IntN(2) == 0)
			}
			set("key_policy", some(append(policies, "{ }")...))
			if r.IntN(4) > 0 {
				list, has := []string{}, map[string]string{}
				for _, name := range aliases {
					if r.IntN(len(aliases)) < 2 {
						list = append(list, name)
					}
				}
				for _, name := range append(tags, "extra") {
					if r.IntN(2) == 0 {
						has[name] = []string{"a", "b", ""}[r.IntN(3)]
					}
				}
				set("aliases", list)
				set("tags", has)
			}
			rows = append(rows, row)
		}
		store(t, s, &schema.InventoryKeys, rows)
		store(t, s, &schema.InventoryScopes, [][]any{{id, at, "111122223333", "us-east-1", 1, gone}})
	}
}

func store(t *testing.T, s *duck.Store, table *schema.Table, rows [][]any) {
	t.Helper()
	rec, err := schema.Rows(table, rows)
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Release()
	err = s.Change(t.Context(), func(_ duck.ReadFunc, replace duck.ReplaceFunc) error { return replace(table, "", nil, rec) })
	if err != nil {
		t.Fatal(err)
	}
}

func schemaView(t *testing.T, name string) schema.View {
	t.Helper()
	for _, v := range schema.Views() {
		if v.Name == name {
			return v
		}
	}
	t.Fatalf("there is no view %s", name)
	return schema.View{}
}
