package detectors

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/kmstrail/kmstrail/internal/sqlfile"
)

// Detector is a parsed detector file.
type Detector struct {
	// ID is the file's name without .sql, snake_case.
	ID    string `yaml:"id" json:"id"`
	Title string `yaml:"title" json:"title"`
	// Severity of its findings, unless the query has a column severity.
	Severity string `yaml:"severity" json:"severity"`
	// Status is experimental, stable or deprecated.
	Status string `yaml:"status" json:"status"`
	// Version rises when the detector finds other things than before.
	Version int `yaml:"version" json:"version"`
	// Description says what is found, Why why it matters.
	Description string `yaml:"description" json:"description"`
	Why         Why    `yaml:"why" json:"why"`
	// Summary and Remedy are templates; see [Detector.Remedies].
	Summary string `yaml:"summary" json:"-"`
	Remedy  string `yaml:"remedy" json:"-"`

	// BlindSpots says what it cannot see, FalsePositives what it may report
	// that is right.
	BlindSpots     []string `yaml:"blind_spots" json:"blind_spots"`
	FalsePositives []string `yaml:"false_positives" json:"false_positives"`

	Params sqlfile.Params `yaml:"params" json:"params"`
	// Identity names the columns that make two findings the same.
	Identity []string `yaml:"identity" json:"identity"`
	// Columns documents the query's own columns.
	Columns map[string]string `yaml:"columns" json:"columns"`
	// Merge says by which rule the days of a finding become one in a column;
	// README.md lists the rules. A column that is not in it has that of the
	// last day.
	Merge map[string]string `yaml:"merge" json:"merge,omitempty"`
	// LookbackDays says how many days before its window a detector reads events.
	LookbackDays int `yaml:"lookback_days" json:"lookback_days,omitempty"`

	Attack   []Attack `yaml:"attack" json:"attack,omitempty"`
	Mappings Mappings `yaml:"mappings" json:"mappings"`
	// Triage are the steps to take with a finding.
	Triage []TriageStep `yaml:"triage" json:"triage"`

	// Path is the file it was read from.
	Path string `yaml:"-" json:"-"`

	file sqlfile.File
}

// Why says why a finding matters, and who says so.
type Why struct {
	Text   string `yaml:"text" json:"text"`
	Source string `yaml:"source" json:"source"`
}

// Attack is a technique of MITRE ATT&CK, in the version that names it so.
type Attack struct {
	Technique string `yaml:"technique" json:"technique"`
	Name      string `yaml:"name" json:"name"`
	Version   string `yaml:"version" json:"version"`
}

// Mappings names the controls of other catalogues that the detector serves.
type Mappings struct {
	CIS             []string `yaml:"cis" json:"cis,omitempty"`
	SecurityHub     []string `yaml:"security_hub" json:"security_hub,omitempty"`
	WellArchitected []string `yaml:"well_architected" json:"well_architected,omitempty"`
}

// TriageStep is one thing to look at.
type TriageStep struct {
	Text string `yaml:"text" json:"text"`
	// Query names a named query, "" when the step needs none. Params are its
	// parameters: templates over the finding's columns.
	Query  string            `yaml:"query" json:"query,omitempty"`
	Params map[string]string `yaml:"params" json:"params,omitempty"`
}

// Severities are the severities of findings, worst first.
func Severities() []string { return []string{"critical", "high", "medium", "low", "info"} }

// SQL returns the detector's query as written, without its header.
func (d *Detector) SQL() string { return d.file.SQL }

// Bind returns the query ready to run. given are parameters as text; the others
// have their defaults.
func (d *Detector) Bind(given map[string]string, w Window) (sqlfile.Statement, error) {
	if err := w.Validate(); err != nil {
		return sqlfile.Statement{}, fmt.Errorf("bind detector %s: %w", d.ID, err)
	}
	st, err := d.file.Bind(d.Params, given, w)
	if err != nil {
		return sqlfile.Statement{}, fmt.Errorf("bind detector %s: %w", d.ID, err)
	}
	if first := w.Start.UTC().AddDate(0, 0, -d.LookbackDays); st.Events != (Window{}) && first.Before(st.Events.Start) {
		st.Events.Start = first
	}
	return st, nil
}

//go:embed sql
var builtin embed.FS

// Builtin returns the detectors that are part of the program, ordered by id.
func Builtin() ([]*Detector, error) {
	return Load(BuiltinFS())
}

// BuiltinFS returns the files of the built-in detectors.
func BuiltinFS() fs.FS {
	sub, err := fs.Sub(builtin, "sql")
	if err != nil {
		panic(err) // the name is a constant
	}
	return sub
}

// Load reads every .sql file in the top directory of fsys, ordered by id. The
// error joins those of all files; the detectors that could be read come with
// it. It checks what running needs; [Lint] checks the rest.
func Load(fsys fs.FS) ([]*Detector, error) {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("list detectors: %w", err)
	}
	var out []*Detector
	var errs []error
	for _, name := range names {
		src, err := fs.ReadFile(fsys, name)
		if err != nil {
			errs = append(errs, fmt.Errorf("read detector %s: %w", name, err))
			continue
		}
		d, err := Parse(name, src)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b *Detector) int { return strings.Compare(a.ID, b.ID) })
	return out, errors.Join(errs...)
}

// Parse reads one detector file. Errors name the file and, where it is known,
// the line.
func Parse(name string, src []byte) (*Detector, error) {
	file, err := sqlfile.Parse(name, src)
	if err != nil {
		return nil, err
	}
	d := &Detector{Path: name, file: file}
	if err := file.Header(d); err != nil {
		return nil, err
	}
	var texts []string
	for _, p := range d.headerProblems() {
		texts = append(texts, p.Message)
	}
	if len(texts) > 0 {
		return nil, &sqlfile.Error{File: name, Line: 1, Text: strings.Join(texts, "; ")}
	}
	if _, _, err := file.Prepare(d.Params); err != nil {
		return nil, err
	}
	return d, nil
}

// idOf returns the id that a file's name stands for.
func idOf(name string) string { return strings.TrimSuffix(path.Base(name), ".sql") }
