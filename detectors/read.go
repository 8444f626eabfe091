package detectors

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// FindingFilter narrows [ReadFindings]; empty lists and zero times mean all.
type FindingFilter struct {
	DetectorIDs, Statuses, Severities []string
	// KeyARN narrows to findings about one key; "" means all.
	KeyARN string
	// From and To bound the time of the supporting events: findings last seen
	// before From or first seen at or after To are left out.
	From, To time.Time
}

func (filter *FindingFilter) matches(f *Finding) bool {
	in := func(list []string, s string) bool { return len(list) == 0 || slices.Contains(list, s) }
	return in(filter.DetectorIDs, f.DetectorID) && in(filter.Statuses, f.Status) && in(filter.Severities, f.Severity) &&
		(filter.KeyARN == "" || filter.KeyARN == f.KeyARN) &&
		(filter.From.IsZero() || !f.LastSeen.Before(filter.From)) &&
		(filter.To.IsZero() || f.FirstSeen.Before(filter.To))
}

// Statuses are the states of a finding: new, in_progress (somebody works on
// it), suppressed (known, and wanted), resolved (done), withdrawn (the events
// do not support it any more).
func Statuses() []string {
	return []string{"new", "in_progress", "suppressed", "resolved", "withdrawn"}
}

// Open reports whether somebody should look at the finding.
func (f *Finding) Open() bool { return f.Status == "new" || f.Status == "in_progress" }

// ReadFindings returns stored findings, sorted, withdrawn ones too. Titles are
// those of the built-in detectors, the id where there is none; numbers in
// details are json.Number, so that nothing is lost.
func ReadFindings(ctx context.Context, s Reader, filter FindingFilter) ([]Finding, error) {
	all, err := readFindings(ctx, s, titles(nil), "", nil)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(f Finding) bool { return !filter.matches(&f) }), nil
}

// findingFilter narrows to findings of the detectors in the first parameter
// that stand and have a day in the window.
func findingFilter(ids []string, w Window) string {
	const layout = "2006-01-02 15:04:05"
	if len(ids) == 0 {
		return "where false and ? is null"
	}
	return `where detector_id in (select unnest(?)) and status <> 'withdrawn' and finding_id in (
	select finding_id from finding_windows
	where window_start < timestamp '` + w.End.UTC().Format(layout) + `' and window_end > timestamp '` + w.Start.UTC().Format(layout) + `')`
}

func readFindings(ctx context.Context, s Reader, titles map[string]string, where string, args []any) ([]Finding, error) {
	var out []Finding
	err := readRows(ctx, s, "select "+findingColumns+" from findings "+where, args, func(row map[string]any) error {
		f, err := stored(row)
		if f.Title = titles[f.DetectorID]; f.Title == "" {
			f.Title = strings.ReplaceAll(f.DetectorID, "_", " ")
		}
		out = append(out, f)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read findings: %w", err)
	}
	Sort(out)
	return out, nil
}

// titles maps detectors to their titles.
func titles(runs []detectorRun) map[string]string {
	out := map[string]string{}
	known, err := Builtin()
	if err != nil {
		return out // a title is a help; the id stands in
	}
	for _, d := range known {
		out[d.ID] = d.Title
	}
	for i := range runs {
		out[runs[i].d.ID] = runs[i].d.Title
	}
	return out
}

// HistoryEntry is a change of a finding's status.
type HistoryEntry struct {
	ChangedAt time.Time `json:"changed_at"`
	// From is "" when the finding was first reported.
	From string `json:"from_status"`
	To   string `json:"to_status"`
	// Actor is detector for a run, else the name of a person.
	Actor  string `json:"actor"`
	Reason string `json:"reason"`
}

// ReadHistory returns what happened to a finding, the oldest first.
func ReadHistory(ctx context.Context, s Reader, findingID string) ([]HistoryEntry, error) {
	out := []HistoryEntry{}
	const sql = `select changed_at, from_status, to_status, actor, reason from finding_history
where finding_id = try_cast(? as uuid)
order by changed_at, case when from_status is null then 0 else 1 end`
	err := readRows(ctx, s, sql, []any{findingID}, func(row map[string]any) error {
		e := HistoryEntry{From: text(row["from_status"]), To: text(row["to_status"]), Actor: text(row["actor"]), Reason: text(row["reason"])}
		e.ChangedAt, _ = row["changed_at"].(time.Time)
		out = append(out, e)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read history of finding %s: %w", findingID, err)
	}
	return out, nil
}
