package detectors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/kmstrail/kmstrail/internal/sqlcase"
)

// CaseStore is an empty database that a case is loaded into.
type CaseStore interface {
	Store
	sqlcase.Store
}

// TestOptions say how cases are run.
type TestOptions struct {
	// Open gives an empty database; Test closes it.
	Open func(ctx context.Context) (CaseStore, error)
	// Only narrows the run to detectors with these ids; nil means all.
	Only []string
}

// CaseResult is what became of a case.
type CaseResult struct {
	DetectorID string `json:"detector_id"`
	Case       string `json:"case"`
	// Failure is "" when the case passed.
	Failure string `json:"failure,omitempty"`
	// Got are the rows that came, in the columns of want.csv.
	Got      [][]string    `json:"-"`
	Duration time.Duration `json:"-"`
}

// Test runs the cases beside the detectors in fsys: with all records in one log
// file, and those that fire again with the records spread over several files in
// reverse. report, if not nil, gets each result as it comes. The error is for
// what keeps cases from being run; a failed case is a result.
func Test(ctx context.Context, fsys fs.FS, opts TestOptions, report func(CaseResult)) ([]CaseResult, error) {
	list, err := Load(fsys)
	if err != nil {
		return nil, err
	}
	var out []CaseResult
	for _, d := range list {
		if len(opts.Only) > 0 && !contains(opts.Only, d.ID) {
			continue
		}
		cases, err := readCases(fsys, d)
		if err != nil {
			return out, err
		}
		for i := range cases {
			began := time.Now()
			result, err := d.test(ctx, &cases[i], opts.Open)
			if err != nil {
				return out, fmt.Errorf("test detector %s: %w", d.ID, err)
			}
			result.Duration = time.Since(began)
			out = append(out, result)
			if report != nil {
				report(result)
			}
		}
	}
	return out, nil
}

func contains(list []string, s string) bool {
	for _, el := range list {
		if el == s {
			return true
		}
	}
	return false
}

// casesFile names the file of a detector's cases.
func casesFile(d *Detector) string { return d.Path[:len(d.Path)-len(".sql")] + ".txtar" }

// readCases reads the cases of a detector; none when there is no file.
func readCases(fsys fs.FS, d *Detector) ([]sqlcase.Case, error) {
	name := casesFile(d)
	src, err := fs.ReadFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read cases: %w", err)
	}
	return sqlcase.Parse(name, src)
}

func (d *Detector) test(ctx context.Context, c *sqlcase.Case, open func(context.Context) (CaseStore, error)) (CaseResult, error) {
	result := CaseResult{DetectorID: d.ID, Case: c.Name}
	for _, split := range []bool{false, true} {
		if split && !c.Fires() {
			break
		}
		findings, err := d.testOnce(ctx, c, open, split)
		if err != nil {
			if ctx.Err() != nil {
				return result, err
			}
			result.Failure = err.Error()
			return result, nil
		}
		columns, rows := findingRows(findings)
		got, diff := c.Compare(columns, rows)
		if diff != "" {
			if split {
				diff = "with the records in reverse, over several log files:\n" + diff
			}
			result.Got, result.Failure = got, diff
			return result, nil
		}
		result.Got = got
	}
	return result, nil
}

func (d *Detector) testOnce(ctx context.Context, c *sqlcase.Case, open func(context.Context) (CaseStore, error), split bool) (_ []Finding, err error) {
	s, err := open(ctx)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := c.Load(ctx, s, split); err != nil {
		return nil, err
	}
	findings, err := d.Find(ctx, s, c.Params, c.Window)
	if err != nil {
		return nil, err
	}
	// What is stored and read back must do for the remedy and the triage.
	for i := range findings {
		if err := d.tryAdvice(findings[i]); err != nil {
			return nil, err
		}
	}
	return findings, nil
}

// tryAdvice renders what is rendered of a finding out of a store.
func (d *Detector) tryAdvice(f Finding) error {
	details, err := json.Marshal(f.Details)
	if err != nil {
		return err
	}
	back, err := stored(map[string]any{"details": string(details)})
	if err != nil {
		return err
	}
	f.Details = back.Details
	if _, err := d.Remedies(f); err != nil {
		return err
	}
	for _, step := range d.Triage {
		if _, err := d.TriageCommand(step, f); err != nil {
			return err
		}
	}
	return nil
}

// findingRows gives findings as rows that want.csv can name columns of.
func findingRows(findings []Finding) (columns []string, rows []map[string]any) {
	columns = []string{"severity", "summary"}
	for _, c := range contractColumns {
		columns = append(columns, c.Name)
	}
	for i, f := range findings {
		row := f.data()
		row["summary"] = f.Summary
		if i == 0 {
			for name := range f.Details {
				columns = append(columns, name)
			}
		}
		rows = append(rows, row)
	}
	return columns, rows
}
