package detectors

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/uuid"

	"github.com/kmstrail/kmstrail/internal/rows"
	"github.com/kmstrail/kmstrail/internal/sqlfile"
	"github.com/kmstrail/kmstrail/schema"
)

// Column is a column of a query's result: its name and DuckDB type.
type Column struct {
	Name string
	Type string
}

// ReadFunc asks a question within a transaction.
type ReadFunc = func(sql string, args ...any) (array.RecordReader, error)

// ReplaceFunc deletes the rows of a table for which a condition holds (none
// when it is "") and adds those of rec (none when it is nil).
type ReplaceFunc = func(t *schema.Table, where string, args []any, rec arrow.RecordBatch) error

// readRows runs a query and hands each row to visit, the values by column name.
func readRows(ctx context.Context, s Reader, sql string, args []any, visit func(row map[string]any) error) error {
	r, err := s.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	return rows.Each(r, visit)
}

// runRows runs a statement and hands each row to visit.
func runRows(ctx context.Context, e Engine, st sqlfile.Statement, visit func(row map[string]any) error) error {
	r, err := e.Run(ctx, st)
	if err != nil {
		return err
	}
	return rows.Each(r, visit)
}

// reading is readRows within a transaction.
func reading(read ReadFunc, sql string, args []any, visit func(row map[string]any) error) error {
	r, err := read(sql, args...)
	if err != nil {
		return err
	}
	return rows.Each(r, visit)
}

// put replaces rows of a table by others.
func put(replace ReplaceFunc, t *schema.Table, where string, args []any, values [][]any) error {
	if len(values) == 0 && where == "" {
		return nil
	}
	rec, err := schema.Rows(t, values)
	if err != nil {
		return err
	}
	defer rec.Release()
	return replace(t, where, args, rec)
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// row gives a finding as a row of findings.
func (f *Finding) row() ([]any, error) {
	details, err := json.Marshal(f.Details)
	if err != nil {
		return nil, fmt.Errorf("encode details of finding %s: %w", f.FindingID, err)
	}
	return []any{
		uuid.MustParse(f.FindingID), f.Fingerprint, f.DetectorID, f.DetectorVersion, f.Status, orNil(f.StatusReason), f.Severity,
		orNil(f.AccountID), orNil(f.Region), orNil(f.KeyARN), orNil(f.PrincipalARN),
		f.FirstSeen, f.LastSeen, f.EventCount, f.EventIDs, f.LogFiles, f.Summary, string(details),
		f.WindowStart, f.WindowEnd, uuid.MustParse(f.RunID), f.CreatedAt, f.UpdatedAt,
	}, nil
}

// windowRow gives what was found in one window as a row of finding_windows.
func (f *Finding) windowRow(runID uuid.UUID) ([]any, error) {
	details, err := json.Marshal(f.Details)
	if err != nil {
		return nil, fmt.Errorf("encode details of finding %s: %w", f.FindingID, err)
	}
	return []any{
		uuid.MustParse(f.FindingID), f.Fingerprint, f.DetectorID, f.WindowStart, f.WindowEnd, runID, f.Severity,
		orNil(f.AccountID), orNil(f.Region), orNil(f.KeyARN), orNil(f.PrincipalARN),
		f.FirstSeen, f.LastSeen, f.EventCount, f.EventIDs, f.LogFiles, string(details),
	}, nil
}

const windowColumns = `cast(finding_id as varchar) as finding_id, fingerprint, detector_id, severity, account_id, region,
	key_arn, principal_arn, first_seen, last_seen, event_count, event_ids, log_files, details, window_start, window_end`

const findingColumns = windowColumns + `, detector_version, status, status_reason, summary, cast(run_id as varchar) as run_id, created_at, updated_at`

// stored reads a row of findings or finding_windows. Numbers in details are
// json.Number, so that nothing is lost.
func stored(row map[string]any) (Finding, error) {
	at := func(name string) time.Time { t, _ := row[name].(time.Time); return t }
	number := func(name string) int64 { n, _ := row[name].(int64); return n }
	f := Finding{
		FindingID: text(row["finding_id"]), Fingerprint: text(row["fingerprint"]),
		DetectorID: text(row["detector_id"]), DetectorVersion: int(number("detector_version")),
		Status: text(row["status"]), StatusReason: text(row["status_reason"]), Severity: text(row["severity"]),
		AccountID: text(row["account_id"]), Region: text(row["region"]),
		KeyARN: text(row["key_arn"]), PrincipalARN: text(row["principal_arn"]),
		FirstSeen: at("first_seen"), LastSeen: at("last_seen"), EventCount: number("event_count"),
		EventIDs: texts(row["event_ids"]), LogFiles: texts(row["log_files"]), Summary: text(row["summary"]),
		WindowStart: at("window_start"), WindowEnd: at("window_end"), RunID: text(row["run_id"]),
		CreatedAt: at("created_at"), UpdatedAt: at("updated_at"),
	}
	dec := json.NewDecoder(bytes.NewReader([]byte(text(row["details"]))))
	dec.UseNumber()
	if err := dec.Decode(&f.Details); err != nil {
		return Finding{}, fmt.Errorf("details of finding %s: %w", f.FindingID, err)
	}
	return f, nil
}

// texts turns a list column into strings.
func texts(v any) []string {
	list, _ := v.([]any)
	out := make([]string, len(list))
	for i, el := range list {
		out[i] = text(el)
	}
	return out
}
