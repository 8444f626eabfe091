package detectors

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Problem is something a linter refuses.
type Problem struct {
	File string `json:"file"`
	// Line is 0 when the problem is not at one line.
	Line int `json:"line,omitempty"`
	// Rule is the short name of the rule.
	Rule    string `json:"rule"`
	Message string `json:"message"`
}

func (p Problem) String() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s (%s)", p.File, p.Message, p.Rule)
	}
	return fmt.Sprintf("%s:%d: %s (%s)", p.File, p.Line, p.Message, p.Rule)
}

// maxLookback bounds what a header may declare.
const maxLookback = 366

var (
	idPattern        = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	techniquePattern = regexp.MustCompile(`^T[0-9]{4}(\.[0-9]{3})?$`)
)

// headerProblems checks the header by itself.
func (d *Detector) headerProblems() []Problem {
	var out []Problem
	add := func(rule, format string, args ...any) {
		out = append(out, Problem{File: d.Path, Line: 1, Rule: rule, Message: fmt.Sprintf(format, args...)})
	}
	want := idOf(d.Path)
	switch {
	case d.ID == "":
	case d.ID != want:
		add("id", "the id is %q but the file is named %q", d.ID, want)
	case !idPattern.MatchString(d.ID):
		add("id", "the id %q is not snake_case", d.ID)
	}
	for _, name := range d.missing() {
		add("required", "the header has no %s", name)
	}
	if d.Severity != "" && !slices.Contains(Severities(), d.Severity) {
		add("severity", "the severity %q is unknown; severities are %s", d.Severity, strings.Join(Severities(), ", "))
	}
	if d.Status != "" && !slices.Contains([]string{"experimental", "stable", "deprecated"}, d.Status) {
		add("status", "the status %q is unknown; it is experimental, stable or deprecated", d.Status)
	}
	for _, a := range d.Attack {
		if !techniquePattern.MatchString(a.Technique) || a.Version == "" || a.Name == "" {
			add("attack", "the technique %q needs an id such as T1486 or T1555.006, a name, and the version of ATT&CK", a.Technique)
		}
	}
	if err := d.Params.Validate(); err != nil {
		add("params", "%s", err)
	}
	for _, text := range d.mergeProblems() {
		add("merge", "%s", text)
	}
	if d.LookbackDays < 0 || d.LookbackDays > maxLookback {
		add("lookback", "lookback_days is %d; it is a number of days from 0 to %d", d.LookbackDays, maxLookback)
	}
	for _, t := range []struct{ name, text string }{{"summary", d.Summary}, {"remedy", d.Remedy}} {
		if _, err := parseTemplate(t.name, t.text); err != nil {
			add("template", "the %s is not a template: %s", t.name, strings.TrimPrefix(err.Error(), "template: "+t.name+":"))
		}
	}
	return out
}

// missing lists required header fields that are empty.
func (d *Detector) missing() []string {
	required := []struct {
		name string
		set  bool
	}{
		{"id", d.ID != ""}, {"title", d.Title != ""}, {"severity", d.Severity != ""}, {"status", d.Status != ""},
		{"version", d.Version > 0}, {"description", d.Description != ""}, {"why.text", d.Why.Text != ""},
		{"why.source", d.Why.Source != ""}, {"summary", d.Summary != ""}, {"remedy", d.Remedy != ""},
		{"blind_spots", len(d.BlindSpots) > 0}, {"false_positives", len(d.FalsePositives) > 0},
		{"identity", len(d.Identity) > 0}, {"triage", len(d.Triage) > 0},
	}
	var out []string
	for _, r := range required {
		if !r.set {
			out = append(out, r.name)
		}
	}
	return out
}

// columnProblems compares the query's columns with the contract and with what
// the header says about them.
func (d *Detector) columnProblems(columns []Column) []Problem {
	var out []Problem
	add := func(format string, args ...any) {
		out = append(out, Problem{File: d.Path, Rule: "columns", Message: fmt.Sprintf(format, args...)})
	}
	for i, want := range contractColumns {
		if i >= len(columns) || columns[i].Name != want.Name {
			got := "missing"
			if i < len(columns) {
				got = columns[i].Name
			}
			add("column %d must be %s, it is %s", i+1, want.Name, got)
			return out
		}
		if columns[i].Type != want.Type {
			add("column %s must be of type %s, it is %s", want.Name, want.Type, columns[i].Type)
		}
	}
	own := map[string]bool{}
	for _, c := range columns[len(contractColumns):] {
		switch {
		case c.Name == "severity" && c.Type != "VARCHAR":
			add("column severity must be of type VARCHAR, it is %s", c.Type)
		case c.Name == "severity":
		case own[c.Name] || isContract(c.Name):
			add("column %s occurs twice", c.Name)
		case !slices.Contains(ownTypes, c.Type):
			add("column %s is of type %s; details can be %s", c.Name, c.Type, strings.Join(ownTypes, ", "))
		}
		if c.Name != "severity" {
			own[c.Name] = true
			if d.Columns[c.Name] == "" {
				add("the header does not document column %s", c.Name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.Columns)) {
		if !own[name] {
			add("the header documents column %s, which the query does not return", name)
		}
	}
	for _, name := range d.Identity {
		if !own[name] && !isContract(name) {
			add("identity names column %s, which the query does not return", name)
		}
		if name == "first_seen" || name == "last_seen" || name == "event_count" || name == "event_ids" || name == "severity" {
			add("identity names column %s, which changes with the window", name)
		}
	}
	for _, text := range d.mergeTypeProblems(columns) {
		out = append(out, Problem{File: d.Path, Rule: "merge", Message: text})
	}
	return append(out, d.templateProblems(columns)...)
}

// ownTypes are the types that a detector's own columns may have. A sum is a
// HUGEINT and must be cast.
var ownTypes = []string{"VARCHAR", "BIGINT", "INTEGER", "DOUBLE", "BOOLEAN", "TIMESTAMP", "DATE", "VARCHAR[]"}

// templateProblems renders the templates with a row of typical values.
func (d *Detector) templateProblems(columns []Column) []Problem {
	sample := Finding{DetectorID: d.ID, Severity: "high", Details: map[string]any{}}
	for _, c := range columns {
		if isContract(c.Name) {
			continue
		}
		sample.Details[c.Name] = map[string]any{
			"BIGINT": int64(1), "INTEGER": int64(1), "DOUBLE": 1.5, "BOOLEAN": true,
			"VARCHAR[]": []any{"a", "b"},
		}[c.Type]
	}
	var out []Problem
	try := func(what, source string) {
		if _, err := parseTemplate(what, source); err != nil {
			return // reported with the header
		}
		if _, err := render(what, source, sample.data()); err != nil {
			out = append(out, Problem{File: d.Path, Rule: "template", Message: fmt.Sprintf("the %s cannot be rendered: %s", what, lastPart(err.Error()))})
		}
	}
	try("summary", d.Summary)
	try("remedy", d.Remedy)
	for _, step := range d.Triage {
		for _, name := range slices.Sorted(maps.Keys(step.Params)) {
			try("triage parameter "+name, step.Params[name])
		}
	}
	return out
}

// lastPart cuts the position that text/template puts before a message.
func lastPart(message string) string {
	if i := strings.LastIndex(message, ">: "); i >= 0 {
		return message[i+3:]
	}
	return message
}
