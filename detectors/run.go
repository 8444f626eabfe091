package detectors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/uuid"

	"github.com/kmstrail/kmstrail/internal/sqlfile"
	"github.com/kmstrail/kmstrail/schema"
)

// Window is the half-open time range [Start, End) of events, UTC.
type Window = sqlfile.Window

// Store is what detectors need of the database.
type Store interface {
	// Query streams a result; the caller releases the reader.
	Query(ctx context.Context, sql string, args ...any) (array.RecordReader, error)
	// Append adds rows.
	Append(ctx context.Context, t *schema.Table, rec arrow.RecordBatch) error
	// Upsert replaces rows with the same key, except the columns to keep, and
	// adds the others.
	Upsert(ctx context.Context, t *schema.Table, key, keep []string, rec arrow.RecordBatch) error
}

// RunOptions say what a run looks at.
type RunOptions struct {
	Window Window
	// Params are parameters by detector id and name, as text.
	Params map[string]map[string]string
	// Now gives the time for the record of the run; findings do not depend on
	// it. nil means time.Now.
	Now func() time.Time
	// ReadOnly leaves the store as it is: nothing is written.
	ReadOnly bool
}

// RunResult is what a run found.
type RunResult struct {
	// Findings of all detectors, sorted.
	Findings []Finding
	Runs     []DetectorRun
}

// DetectorRun records that one detector ran.
type DetectorRun struct {
	RunID           string        `json:"run_id"`
	DetectorID      string        `json:"detector_id"`
	DetectorVersion int           `json:"detector_version"`
	Window          Window        `json:"-"`
	Params          string        `json:"params"` // JSON object
	StartedAt       time.Time     `json:"started_at"`
	Duration        time.Duration `json:"-"`
	FindingCount    int           `json:"finding_count"`
	// Error is why it failed; "" when it succeeded.
	Error string `json:"error,omitempty"`
}

// Run runs detectors one after the other, and writes findings and runs. A
// detector that fails is in the record of the run and in the error; the
// findings of the others are returned with it. Parameters for unknown
// detectors are an error before anything runs.
func Run(ctx context.Context, s Store, list []*Detector, opts RunOptions) (RunResult, error) {
	if err := opts.Window.Validate(); err != nil {
		return RunResult{}, fmt.Errorf("run detectors: %w", err)
	}
	if err := checkParams(list, opts); err != nil {
		return RunResult{}, fmt.Errorf("run detectors: %w", err)
	}
	now := opts.Now
	if now == nil {
		now = time.Now
	}
	r := runner{store: s, opts: opts, now: now, runID: uuid.NewString()}
	var errs []error
	for _, d := range list {
		if err := r.run(ctx, d); err != nil {
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	Sort(r.result.Findings)
	if !opts.ReadOnly && ctx.Err() == nil {
		errs = append(errs, r.write(ctx))
	}
	return r.result, errors.Join(errs...)
}

// checkParams binds every detector, so that a misspelt parameter is found
// before the first one runs.
func checkParams(list []*Detector, opts RunOptions) error {
	ids := make([]string, 0, len(list))
	for _, d := range list {
		ids = append(ids, d.ID)
		if _, _, err := d.Bind(opts.Params[d.ID], opts.Window); err != nil {
			return err
		}
	}
	known, err := Builtin()
	if err != nil {
		return err
	}
	for _, d := range known {
		ids = append(ids, d.ID)
	}
	for id := range opts.Params {
		if !slices.Contains(ids, id) {
			text := fmt.Sprintf("there are parameters for the unknown detector %q", id)
			if near := sqlfile.Nearest(id, ids); near != "" {
				text += fmt.Sprintf("; did you mean %q?", near)
			}
			return errors.New(text)
		}
	}
	return nil
}

type runner struct {
	store  Store
	opts   RunOptions
	now    func() time.Time
	runID  string
	result RunResult
}

func (r *runner) run(ctx context.Context, d *Detector) error {
	started := r.now()
	run := DetectorRun{
		RunID: r.runID, DetectorID: d.ID, DetectorVersion: d.Version,
		Window: r.opts.Window, StartedAt: started.UTC(),
	}
	findings, params, err := d.find(ctx, r.store, r.opts)
	run.Params = params
	if err != nil {
		err = fmt.Errorf("run detector %s: %w", d.ID, err)
		run.Error = err.Error()
		findings = nil
	}
	for i := range findings {
		f := &findings[i]
		f.RunID, f.Status = r.runID, "new"
		f.WindowStart, f.WindowEnd = r.opts.Window.Start.UTC(), r.opts.Window.End.UTC()
		f.CreatedAt, f.UpdatedAt = started.UTC(), started.UTC()
	}
	run.FindingCount = len(findings)
	run.Duration = r.now().Sub(started)
	r.result.Findings = append(r.result.Findings, findings...)
	r.result.Runs = append(r.result.Runs, run)
	return err
}

// find runs the query and makes a finding of every row.
func (d *Detector) find(ctx context.Context, s Store, opts RunOptions) (findings []Finding, params string, err error) {
	given := opts.Params[d.ID]
	values, err := d.Params.Values(given, opts.Window)
	if err != nil {
		return nil, "{}", err
	}
	own := make(map[string]any, len(d.Params))
	for name := range d.Params {
		own[name] = values[name]
	}
	encoded, err := json.Marshal(own)
	if err != nil {
		return nil, "{}", err
	}
	params = string(encoded)
	sql, args, err := d.Bind(given, opts.Window)
	if err != nil {
		return nil, params, err
	}
	seen := map[string]bool{}
	err = readRows(ctx, s, sql, args, func(row map[string]any) error {
		f, err := d.finding(row)
		if err != nil {
			return err
		}
		if seen[f.Fingerprint] {
			return fmt.Errorf("two rows have the same identity (%v) of key %s and principal %s", d.Identity, f.KeyARN, f.PrincipalARN)
		}
		seen[f.Fingerprint] = true
		findings = append(findings, f)
		return nil
	})
	return findings, params, err
}

// finding turns a row into a finding.
func (d *Detector) finding(row map[string]any) (Finding, error) {
	f := Finding{
		DetectorID: d.ID, DetectorVersion: d.Version, Title: d.Title, Severity: d.Severity,
		AccountID: text(row["account_id"]), Region: text(row["region"]),
		KeyARN: text(row["key_arn"]), PrincipalARN: text(row["principal_arn"]),
		Details: map[string]any{},
	}
	var ok [3]bool
	f.FirstSeen, ok[0] = row["first_seen"].(time.Time)
	f.LastSeen, ok[1] = row["last_seen"].(time.Time)
	f.EventCount, ok[2] = row["event_count"].(int64)
	if ok != [3]bool{true, true, true} {
		return Finding{}, errors.New("a row has no first_seen, last_seen or event_count of the type it should have")
	}
	ids, _ := row["event_ids"].([]any)
	f.EventIDs = make([]string, 0, min(len(ids), MaxEvidence))
	for _, id := range ids[:min(len(ids), MaxEvidence)] {
		f.EventIDs = append(f.EventIDs, text(id))
	}
	if s, has := row["severity"]; has && s != nil {
		f.Severity = text(s)
	}
	if severityRank(f.Severity) == len(Severities()) {
		return Finding{}, fmt.Errorf("a row has the unknown severity %q", f.Severity)
	}
	for name, v := range row {
		if !isContract(name) {
			f.Details[name] = v
		}
	}
	f.Fingerprint = fingerprint(d.ID, d.Identity, row)
	f.FindingID = findingID(f.Fingerprint)
	var err error
	f.Summary, err = render("summary", d.Summary, f.data())
	return f, err
}

func isContract(name string) bool {
	return name == "severity" || slices.ContainsFunc(contractColumns, func(c Column) bool { return c.Name == name })
}
