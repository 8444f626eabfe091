package awsinventory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/internal/inventory"
	"github.com/kmstrail/kmstrail/internal/rows"
)

// Asker answers questions in SQL.
type Asker interface {
	Query(ctx context.Context, sql string, args ...any) (array.RecordReader, error)
}

// goOnFor is how old an open run may be to be gone on with; what an older one says
// is too far apart to be one inventory.
const goOnFor = 24 * time.Hour

// State is what an interrupted run has stored already.
type State struct {
	Run      inventory.Run
	refusals []Refusal

	keys, resources, roles map[string]bool
	quotas                 map[place]bool
	accounts               bool
}

func newState() *State {
	return &State{keys: map[string]bool{}, resources: map[string]bool{}, roles: map[string]bool{}, quotas: map[place]bool{}}
}

// Done returns how many keys it has.
func (s *State) Done() int { return len(s.keys) }

// ReadState looks for an open sync of the same accounts, Regions and parts; nil
// when there is none to go on with.
func ReadState(ctx context.Context, from Asker, accounts, regions, parts []string, now time.Time) (*State, error) {
	var found *State
	err := each(ctx, from, `
		select run_id, epoch_us(started_at), to_json(accounts), to_json(regions), to_json(parts), to_json(map_keys(calls)), to_json(map_values(calls))
		from inventory_runs
		where origin = 'sync' and status = 'open'
		order by started_at desc`, nil, func(r rows.Row) error {
		run := inventory.Run{ID: r.Text(0), Origin: inventory.Sync, Status: inventory.Open, StartedAt: time.UnixMicro(r.Number(1)).UTC(), Calls: map[string]int64{}}
		var apis, counts []string
		for column, list := range map[int]*[]string{2: &run.Accounts, 3: &run.Regions, 4: &run.Parts, 5: &apis, 6: &counts} {
			if err := json.Unmarshal([]byte(r.Text(column)), list); err != nil {
				return fmt.Errorf("run %s: %w", run.ID, err)
			}
		}
		for i, api := range apis {
			run.Calls[api], _ = strconv.ParseInt(counts[i], 10, 64)
		}
		same := sameSet(run.Accounts, accounts) && sameSet(run.Regions, regions) && sameSet(run.Parts, parts)
		if found == nil && same && now.Sub(run.StartedAt) < goOnFor {
			found = newState()
			found.Run = run
		}
		return nil
	})
	if err != nil || found == nil {
		return nil, err
	}
	if err := found.read(ctx, from); err != nil {
		return nil, err
	}
	return found, nil
}

func (s *State) read(ctx context.Context, from Asker) error {
	id := []any{s.Run.ID}
	const of = " where run_id = cast(? as uuid)"
	note := func(into map[string]bool) func(rows.Row) error {
		return func(r rows.Row) error { into[r.Text(0)] = true; return nil }
	}
	for _, q := range []struct {
		sql  string
		read func(rows.Row) error
	}{
		{"select key_arn from inventory_keys" + of, note(s.keys)},
		{"select resource_arn from inventory_resources" + of, note(s.resources)},
		{"select role_arn from inventory_roles" + of, note(s.roles)},
		{"select distinct account_id, region from inventory_quotas" + of, func(r rows.Row) error { s.quotas[place{r.Text(0), r.Text(1)}] = true; return nil }},
		{"select count(*) from inventory_accounts" + of, func(r rows.Row) error { s.accounts = r.Number(0) > 0; return nil }},
		{
			"select account_id, region, api, error_code, detail, epoch_us(refused_at), refused_count, to_json(subjects) from inventory_refusals" + of,
			func(r rows.Row) error {
				x := Refusal{
					Account: r.Text(0), Region: r.Text(1), API: r.Text(2), Code: r.Text(3), Detail: r.Text(4),
					At: time.UnixMicro(r.Number(5)).UTC(), Count: r.Number(6),
				}
				s.refusals = append(s.refusals, x)
				return json.Unmarshal([]byte(r.Text(7)), &s.refusals[len(s.refusals)-1].Subjects)
			},
		},
	} {
		if err := each(ctx, from, q.sql, id, q.read); err != nil {
			return err
		}
	}
	return nil
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

func each(ctx context.Context, from Asker, sql string, args []any, visit func(rows.Row) error) error {
	r, err := from.Query(ctx, sql, args...)
	if err != nil {
		return fmt.Errorf("read what is stored: %w", err)
	}
	var failed error
	err = rows.Scan(r, func(row rows.Row) {
		if failed == nil {
			failed = visit(row)
		}
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return fmt.Errorf("read what is stored: %w", err)
	}
	return nil
}
