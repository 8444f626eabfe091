package detectors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/kmstrail/kmstrail/schema"
)

// byDetector is who changed a status when no person did.
const byDetector = "detector"

// write puts what was found on each day in the place of what was found there
// before, and brings the findings concerned up to date, all in one transaction.
// A day that failed keeps what was found before.
func (r *detectorRun) write(ctx context.Context) error {
	return r.store.Change(ctx, func(read ReadFunc, replace ReplaceFunc) error {
		c := change{detectorRun: r, read: read, replace: replace, now: r.opts.Now().UTC(), lost: map[string][]day{}}
		if err := c.replaceWindows(); err != nil {
			return fmt.Errorf("write windows of findings: %w", err)
		}
		if err := c.updateFindings(); err != nil {
			return fmt.Errorf("write findings: %w", err)
		}
		if err := c.writeRuns(); err != nil {
			return fmt.Errorf("write detector runs: %w", err)
		}
		return nil
	})
}

// change is one transaction of a detector's run.
type change struct {
	*detectorRun
	read    ReadFunc
	replace ReplaceFunc
	now     time.Time
	// lost are the days of the findings that had a window on a day of the run,
	// before the run.
	lost map[string][]day
	// affected are the findings whose windows changed.
	affected map[string]bool

	rows    [][]any // of findings
	written []string
	history [][]any
}

func (c *change) replaceWindows() error {
	var days []string
	var rows [][]any
	c.affected = map[string]bool{}
	for i := range c.days {
		d := &c.days[i]
		if d.err != nil {
			continue
		}
		days = append(days, d.day.start().Format(time.DateOnly))
		for j := range d.findings {
			row, err := d.findings[j].windowRow(c.runID)
			if err != nil {
				return err
			}
			rows = append(rows, row)
			c.affected[d.findings[j].FindingID] = true
		}
	}
	const where = "detector_id = ? and window_start in (select cast(unnest(?) as timestamp))"
	args := []any{c.d.ID, days}
	err := reading(c.read, "select cast(finding_id as varchar) as id, window_start from finding_windows where "+where, args, func(row map[string]any) error {
		id := text(row["id"])
		at, _ := row["window_start"].(time.Time)
		c.lost[id] = append(c.lost[id], dayOf(at))
		c.affected[id] = true
		return nil
	})
	if err != nil || len(c.affected) == 0 {
		return err
	}
	return put(c.replace, &schema.FindingWindows, where, args, rows)
}

// updateFindings merges the windows of every finding concerned.
func (c *change) updateFindings() error {
	ids := slices.Sorted(maps.Keys(c.affected))
	if len(ids) == 0 {
		return nil
	}
	windows, err := c.readByID("finding_windows", windowColumns, ids)
	if err != nil {
		return err
	}
	before, err := c.readByID("findings", findingColumns, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		var known *Finding
		if len(before[id]) > 0 {
			known = &before[id][0]
		}
		if err := c.update(known, windows[id]); err != nil {
			return err
		}
	}
	if len(c.rows) == 0 {
		return nil
	}
	if err := put(c.replace, &schema.Findings, "finding_id in (select cast(unnest(?) as uuid))", []any{c.written}, c.rows); err != nil {
		return err
	}
	return put(c.replace, &schema.FindingHistory, "", nil, c.history)
}

// readByID reads findings or their windows, those in the order of time.
func (c *change) readByID(table, columns string, ids []string) (map[string][]Finding, error) {
	out := map[string][]Finding{}
	sql := "select " + columns + " from " + table + " where finding_id in (select cast(unnest(?) as uuid)) order by window_start"
	return out, reading(c.read, sql, []any{ids}, func(row map[string]any) error {
		f, err := stored(row)
		out[f.FindingID] = append(out[f.FindingID], f)
		return err
	})
}

// update writes what a finding says now, if that is not what it said before.
func (c *change) update(known *Finding, windows []Finding) error {
	if len(windows) == 0 {
		return c.withdraw(known)
	}
	f, err := c.d.merge(windows)
	if err != nil {
		return err
	}
	from, why := "", ""
	f.Status, f.CreatedAt = "new", c.now
	if known != nil {
		from, f.CreatedAt = known.Status, known.CreatedAt
		f.Status, f.StatusReason, why = nextStatus(known, &f)
		if sameFinding(known, &f) {
			return nil
		}
	}
	return c.keep(&f, from, why)
}

// nextStatus keeps what people decided, unless there is news.
func nextStatus(known, now *Finding) (status, reason, why string) {
	switch {
	case known.Status == "withdrawn":
		return "new", "", "The events support it again."
	case known.Status == "resolved" && now.LastSeen.After(known.LastSeen):
		return "new", "", "It was seen again, last on " + moment(now.LastSeen) + "."
	}
	return known.Status, known.StatusReason, ""
}

// withdraw says of a finding that nothing supports it any more, and why.
func (c *change) withdraw(known *Finding) error {
	if known == nil || known.Status == "withdrawn" {
		return nil
	}
	reason, err := c.whyWithdrawn(known)
	if err != nil {
		return fmt.Errorf("find out why finding %s is withdrawn: %w", known.FindingID, err)
	}
	f := *known
	f.Title = c.d.Title
	f.Status, f.StatusReason = "withdrawn", reason
	if err := c.keep(&f, known.Status, reason); err != nil {
		return err
	}
	c.withdrawn = append(c.withdrawn, f)
	return nil
}

// keep remembers a finding to write, and a change of its status.
func (c *change) keep(f *Finding, from, why string) error {
	f.RunID, f.UpdatedAt = c.runID.String(), c.now
	row, err := f.row()
	if err != nil {
		return err
	}
	c.rows = append(c.rows, row)
	c.written = append(c.written, f.FindingID)
	if from != f.Status {
		c.history = append(c.history, []any{
			uuid.MustParse(f.FindingID), c.now, orNil(from), f.Status, byDetector, orNil(why), c.runID,
		})
	}
	return nil
}

// sameFinding reports whether a finding says what it said before.
func sameFinding(a, b *Finding) bool {
	content := func(f Finding) string {
		f.Title, f.RunID, f.CreatedAt, f.UpdatedAt = "", "", time.Time{}, time.Time{}
		raw, err := json.Marshal(f)
		if err != nil {
			return err.Error()
		}
		return string(raw)
	}
	return content(*a) == content(*b)
}

// writeRuns records every day.
func (c *change) writeRuns() error {
	rows := make([][]any, 0, len(c.days))
	for i := range c.days {
		d := &c.days[i]
		w := d.day.window()
		var failed any
		if d.err != nil {
			failed = d.err.Error()
		}
		rows = append(rows, []any{
			c.runID, c.d.ID, c.d.Version, w.Start, w.End, c.params, d.started, d.took.Milliseconds(),
			len(d.findings), c.plan.commit, c.inputs.String(), failed,
		})
	}
	return put(c.replace, &schema.DetectorRuns, "", nil, rows)
}

// ErrNoFinding is the error for a finding that the store does not have.
var ErrNoFinding = errors.New("the store has no such finding")

// Decision is what a person decides about a finding.
type Decision struct {
	// Status is new, in_progress, suppressed or resolved.
	Status string
	// Note says why; it may be "". By is the person.
	Note, By string
	At       time.Time
}

// Decide writes a decision, and returns the finding as it is then.
func Decide(ctx context.Context, s Store, findingID string, what Decision) (Finding, error) {
	var f Finding
	err := s.Change(ctx, func(read ReadFunc, replace ReplaceFunc) error {
		c := change{read: read, replace: replace}
		found, err := c.readByID("findings", findingColumns, []string{findingID})
		if err != nil {
			return err
		}
		if len(found[findingID]) == 0 {
			return ErrNoFinding
		}
		f = found[findingID][0]
		return c.decide(&f, what)
	})
	if err != nil {
		return Finding{}, fmt.Errorf("decide about finding %s: %w", findingID, err)
	}
	return f, nil
}

func (c *change) decide(f *Finding, what Decision) error {
	if f.Status == "withdrawn" {
		return fmt.Errorf("it is withdrawn: %s", f.StatusReason)
	}
	if what.Status == "withdrawn" || !slices.Contains(Statuses(), what.Status) {
		return fmt.Errorf("a person cannot make it %q", what.Status)
	}
	id, at := uuid.MustParse(f.FindingID), what.At.UTC()
	entry := []any{id, at, f.Status, what.Status, what.By, orNil(what.Note), nil}
	f.Status, f.StatusReason, f.UpdatedAt = what.Status, what.Note, at
	if f.Status == "new" {
		f.StatusReason = ""
	}
	row, err := f.row()
	if err != nil {
		return err
	}
	if err := put(c.replace, &schema.Findings, "finding_id = cast(? as uuid)", []any{f.FindingID}, [][]any{row}); err != nil {
		return err
	}
	return put(c.replace, &schema.FindingHistory, "", nil, [][]any{entry})
}
