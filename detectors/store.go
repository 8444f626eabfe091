package detectors

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kmstrail/kmstrail/schema"
)

// write stores findings and runs. The findings take over what people decided
// about them: status and time of the first report. One that was resolved or
// withdrawn and is seen again later than before is new again.
func (r *runner) write(ctx context.Context) error {
	if len(r.result.Findings) > 0 {
		if err := r.adopt(ctx); err != nil {
			return err
		}
		if err := r.writeFindings(ctx); err != nil {
			return err
		}
	}
	return r.writeRuns(ctx)
}

// adopt fills status and creation time of findings that the store has already.
func (r *runner) adopt(ctx context.Context) error {
	byID := make(map[string]*Finding, len(r.result.Findings))
	for i := range r.result.Findings {
		byID[r.result.Findings[i].FindingID] = &r.result.Findings[i]
	}
	const sql = "select cast(finding_id as varchar) as id, status, created_at, last_seen from findings"
	err := readRows(ctx, r.store, sql, nil, func(row map[string]any) error {
		f := byID[text(row["id"])]
		if f == nil {
			return nil
		}
		status := text(row["status"])
		lastSeen, _ := row["last_seen"].(time.Time)
		closed := status == "resolved" || status == "withdrawn"
		if !closed || !f.LastSeen.After(lastSeen) {
			f.Status = status
		}
		if created, ok := row["created_at"].(time.Time); ok {
			f.CreatedAt = created
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read known findings: %w", err)
	}
	return nil
}

func (r *runner) writeFindings(ctx context.Context) error {
	rows := make([][]any, 0, len(r.result.Findings))
	for _, f := range r.result.Findings {
		details, err := json.Marshal(f.Details)
		if err != nil {
			return fmt.Errorf("encode details of finding %s: %w", f.FindingID, err)
		}
		rows = append(rows, []any{
			uuid.MustParse(f.FindingID), f.Fingerprint, f.DetectorID, f.DetectorVersion, f.Status, nil, f.Severity,
			orNil(f.AccountID), orNil(f.Region), orNil(f.KeyARN), orNil(f.PrincipalARN),
			f.FirstSeen, f.LastSeen, f.EventCount, f.EventIDs, nil, f.Summary, string(details),
			f.WindowStart, f.WindowEnd, uuid.MustParse(f.RunID), f.CreatedAt, f.UpdatedAt,
		})
	}
	rec, err := schema.Rows(&schema.Findings, rows)
	if err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	defer rec.Release()
	if err := r.store.Upsert(ctx, &schema.Findings, []string{"finding_id"}, []string{"created_at"}, rec); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	return nil
}

func (r *runner) writeRuns(ctx context.Context) error {
	rows := make([][]any, 0, len(r.result.Runs))
	for _, run := range r.result.Runs {
		rows = append(rows, []any{
			uuid.MustParse(run.RunID), run.DetectorID, run.DetectorVersion, run.Window.Start.UTC(), run.Window.End.UTC(),
			run.Params, run.StartedAt, run.Duration.Milliseconds(), run.FindingCount, nil, nil, orNil(run.Error),
		})
	}
	rec, err := schema.Rows(&schema.DetectorRuns, rows)
	if err != nil {
		return fmt.Errorf("write detector runs: %w", err)
	}
	defer rec.Release()
	if err := r.store.Append(ctx, &schema.DetectorRuns, rec); err != nil {
		return fmt.Errorf("write detector runs: %w", err)
	}
	return nil
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// FindingFilter narrows [ReadFindings]; empty lists and zero times mean all.
type FindingFilter struct {
	DetectorIDs, Statuses, Severities []string
	// From and To bound the time of the supporting events: findings last seen
	// before From or first seen at or after To are left out.
	From, To time.Time
}

func (filter *FindingFilter) matches(f *Finding) bool {
	in := func(list []string, s string) bool { return len(list) == 0 || slices.Contains(list, s) }
	return in(filter.DetectorIDs, f.DetectorID) && in(filter.Statuses, f.Status) && in(filter.Severities, f.Severity) &&
		(filter.From.IsZero() || !f.LastSeen.Before(filter.From)) &&
		(filter.To.IsZero() || f.FirstSeen.Before(filter.To))
}

const findingsSQL = `select cast(finding_id as varchar) as finding_id, fingerprint, detector_id, detector_version,
	status, severity, account_id, region, key_arn, principal_arn, first_seen, last_seen, event_count, event_ids,
	summary, details, window_start, window_end, cast(run_id as varchar) as run_id, created_at, updated_at
from findings`

// ReadFindings returns stored findings, sorted. Titles are those of the
// built-in detectors, the id where there is none; numbers in details are
// json.Number, so that nothing is lost.
func ReadFindings(ctx context.Context, s Store, filter FindingFilter) ([]Finding, error) {
	known, err := Builtin()
	if err != nil {
		return nil, err
	}
	titles := make(map[string]string, len(known))
	for _, d := range known {
		titles[d.ID] = d.Title
	}
	var out []Finding
	err = readRows(ctx, s, findingsSQL, nil, func(row map[string]any) error {
		f, err := storedFinding(row)
		if err != nil {
			return err
		}
		if f.Title = titles[f.DetectorID]; f.Title == "" {
			f.Title = strings.ReplaceAll(f.DetectorID, "_", " ")
		}
		if filter.matches(&f) {
			out = append(out, f)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read findings: %w", err)
	}
	Sort(out)
	return out, nil
}

func storedFinding(row map[string]any) (Finding, error) {
	at := func(name string) time.Time { t, _ := row[name].(time.Time); return t }
	number := func(name string) int64 { n, _ := row[name].(int64); return n }
	f := Finding{
		FindingID: text(row["finding_id"]), Fingerprint: text(row["fingerprint"]),
		DetectorID: text(row["detector_id"]), DetectorVersion: int(number("detector_version")),
		Status: text(row["status"]), Severity: text(row["severity"]),
		AccountID: text(row["account_id"]), Region: text(row["region"]),
		KeyARN: text(row["key_arn"]), PrincipalARN: text(row["principal_arn"]),
		FirstSeen: at("first_seen"), LastSeen: at("last_seen"), EventCount: number("event_count"),
		EventIDs: []string{}, Summary: text(row["summary"]),
		WindowStart: at("window_start"), WindowEnd: at("window_end"), RunID: text(row["run_id"]),
		CreatedAt: at("created_at"), UpdatedAt: at("updated_at"),
	}
	ids, _ := row["event_ids"].([]any)
	for _, id := range ids {
		f.EventIDs = append(f.EventIDs, text(id))
	}
	dec := json.NewDecoder(bytes.NewReader([]byte(text(row["details"]))))
	dec.UseNumber()
	if err := dec.Decode(&f.Details); err != nil {
		return Finding{}, fmt.Errorf("details of finding %s: %w", f.FindingID, err)
	}
	return f, nil
}
