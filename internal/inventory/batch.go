package inventory

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kmstrail/kmstrail/schema"
)

// The states of a run.
const (
	Open       = "open"
	Complete   = "complete"
	Incomplete = "incomplete"
)

// The origins of a run.
const (
	Sync   = "sync"
	Import = "import"
)

// Run is one inventory: schema.InventoryRuns has its columns.
type Run struct {
	ID        string           `json:"run_id"`
	Origin    string           `json:"origin"`
	Status    string           `json:"status"`
	StartedAt time.Time        `json:"started_at"`
	EndedAt   time.Time        `json:"ended_at,omitzero"`
	Accounts  []string         `json:"accounts"`
	Regions   []string         `json:"regions"`
	Parts     []string         `json:"parts"`
	Files     []string         `json:"files"`
	Calls     map[string]int64 `json:"calls"`
}

// row returns the row of a run that was checked.
func (r *Run) row() []any {
	calls := map[string]string{}
	for api, n := range r.Calls {
		calls[api] = strconv.FormatInt(n, 10)
	}
	var ended any
	if !r.EndedAt.IsZero() {
		ended = r.EndedAt.UTC()
	}
	return []any{uuid.MustParse(r.ID), r.Origin, r.Status, r.StartedAt.UTC(), ended, orEmpty(r.Accounts), orEmpty(r.Regions), orEmpty(r.Parts), orEmpty(r.Files), calls}
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// Records are records by kind: keys, grants, ….
type Records map[string][]Record

// Count returns how many there are.
func (r Records) Count() int {
	n := 0
	for _, list := range r {
		n += len(list)
	}
	return n
}

// Batch is a part of what a run says: the run as it is now, and records to add to
// it. Refusals are always all of the run, and replace those before.
type Batch struct {
	Run     Run     `json:"run"`
	Records Records `json:"records"`
}

// TableRows are rows for one table.
type TableRows struct {
	Table *schema.Table
	Rows  [][]any
}

// Rows checks the batch and returns its rows, those of the run first. A request
// over the network may hold anything.
func (b *Batch) Rows() ([]TableRows, error) {
	if err := b.Run.check(); err != nil {
		return nil, err
	}
	id := uuid.MustParse(b.Run.ID)
	for name := range b.Records {
		if KindNamed(name) == nil {
			return nil, fmt.Errorf("unknown kind of records %q%s", name, didYouMean(name, kindNames()))
		}
	}
	out := []TableRows{{&schema.InventoryRuns, [][]any{b.Run.row()}}}
	for _, k := range kinds {
		rows := TableRows{Table: k.Table}
		for i, r := range b.Records[k.Name] {
			row, err := k.Row(id, r)
			if err != nil {
				return nil, fmt.Errorf("%s[%d]: %w", k.Name, i, err)
			}
			rows.Rows = append(rows.Rows, row)
		}
		if rows.Rows != nil {
			out = append(out, rows)
		}
	}
	return out, nil
}

func (r *Run) check() error {
	if _, err := uuid.Parse(r.ID); err != nil {
		return fmt.Errorf("run: run_id is %q, which is no UUID", cut(r.ID))
	}
	switch {
	case r.Origin != Sync && r.Origin != Import:
		return fmt.Errorf("run: origin is %q; it is sync or import", cut(r.Origin))
	case !slices.Contains([]string{Open, Complete, Incomplete}, r.Status):
		return fmt.Errorf("run: status is %q; it is open, complete or incomplete", cut(r.Status))
	case r.StartedAt.Year() < 2000 || r.StartedAt.Year() > 9999:
		return fmt.Errorf("run: started_at is %s, which cannot be", r.StartedAt.Format(time.RFC3339))
	case r.Status != Open && (r.EndedAt.Before(r.StartedAt) || r.EndedAt.Year() > 9999):
		return errors.New("run: it has ended before it began")
	}
	for _, list := range [][]string{r.Accounts, r.Regions, r.Parts, r.Files} {
		if err := checkSize(list, maxText); err != nil {
			return fmt.Errorf("run: a list %w", err)
		}
	}
	if len(r.Calls) > maxEntries {
		return fmt.Errorf("run: calls has %d entries; the most is %d", len(r.Calls), maxEntries)
	}
	for api := range r.Calls {
		if err := checkText(api, maxText); err != nil {
			return fmt.Errorf("run: an API's name %w", err)
		}
	}
	return nil
}

func kindNames() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.Name
	}
	return names
}

// NewImport returns the batch that stores what files say.
func NewImport(records Records, files []string, id uuid.UUID, now time.Time) Batch {
	accounts, regions := map[string]bool{}, map[string]bool{}
	for name, list := range records {
		k := KindNamed(name)
		for _, r := range list {
			row, err := k.Row(uuid.Nil, r)
			if err != nil {
				continue // the batch's check says what is wrong with it
			}
			note(accounts, k, row, "account_id")
			note(regions, k, row, "region")
		}
	}
	return Batch{
		Run: Run{
			ID: id.String(), Origin: Import, Status: Complete, StartedAt: now, EndedAt: now,
			Accounts: slices.Sorted(maps.Keys(accounts)), Regions: slices.Sorted(maps.Keys(regions)),
			Parts: slices.Sorted(maps.Keys(records)), Files: files, Calls: map[string]int64{},
		},
		Records: records,
	}
}

func note(seen map[string]bool, k *Kind, row []any, column string) {
	if i := k.Table.Column(column); i >= 0 {
		if s, ok := row[i].(string); ok && s != "" {
			seen[s] = true
		}
	}
}

// identity tells a record from the others of its kind.
func (k *Kind) identity(row []any) string {
	parts := make([]string, len(k.Identity))
	for i, column := range k.Identity {
		if s, ok := row[k.Table.Column(column)].(string); ok {
			parts[i] = s
		}
	}
	return strings.Join(parts, " ")
}
