package detectors

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/kmstrail/kmstrail/internal/sqlcase"
	"github.com/kmstrail/kmstrail/internal/sqlfile"
	"github.com/kmstrail/kmstrail/internal/sqllint"
)

// LintOptions are what the linter needs to know.
type LintOptions struct {
	// Describe returns the columns of a query on an empty store; nil leaves
	// out what needs a database.
	Describe func(ctx context.Context, sql string) ([]Column, error)
	// Queries names the queries there are, for triage; nil leaves that out.
	Queries []string
}

// Lint checks every detector in the top directory of fsys, and its cases. The
// problems are in the order of the files.
func Lint(ctx context.Context, fsys fs.FS, opts LintOptions) []Problem {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return []Problem{{File: ".", Rule: "read", Message: err.Error()}}
	}
	var out []Problem
	for _, name := range names {
		src, err := fs.ReadFile(fsys, name)
		if err != nil {
			out = append(out, Problem{File: name, Rule: "read", Message: err.Error()})
			continue
		}
		out = append(out, lintFile(ctx, fsys, name, src, opts)...)
	}
	return append(out, strayFiles(fsys, names)...)
}

// strayFiles reports cases without a detector.
func strayFiles(fsys fs.FS, names []string) []Problem {
	var out []Problem
	cases, err := fs.Glob(fsys, "*.txtar")
	if err != nil {
		return nil
	}
	for _, name := range cases {
		if want := strings.TrimSuffix(name, ".txtar") + ".sql"; !slices.Contains(names, want) {
			out = append(out, Problem{File: name, Rule: "stray", Message: "there is no " + want + " that these cases are for"})
		}
	}
	return out
}

func lintFile(ctx context.Context, fsys fs.FS, name string, src []byte, opts LintOptions) []Problem {
	file, err := sqlfile.Parse(name, src)
	if err != nil {
		return []Problem{parseProblem(name, err)}
	}
	d := &Detector{Path: name, file: file}
	if err := file.Header(d); err != nil {
		return []Problem{parseProblem(name, err)}
	}
	out := d.headerProblems()
	for _, text := range file.CheckUse(d.Params) {
		out = append(out, Problem{File: name, Rule: "params", Message: text})
	}
	for _, p := range slices.Concat(sqllint.Portable(&file, d.Params), sqllint.Outermost(&file)) {
		out = append(out, Problem{File: name, Line: p.Line, Rule: p.Rule, Message: p.Message})
	}
	out = append(out, d.triageProblems(opts.Queries)...)
	out = append(out, d.bindProblems(ctx, opts)...)
	return append(out, d.caseProblems(fsys)...)
}

// parseProblem turns an error of package sqlfile into a problem.
func parseProblem(name string, err error) Problem {
	var at *sqlfile.Error
	if errors.As(err, &at) {
		return Problem{File: name, Line: at.Line, Rule: "header", Message: at.Text}
	}
	return Problem{File: name, Rule: "header", Message: err.Error()}
}

func (d *Detector) triageProblems(queries []string) []Problem {
	var out []Problem
	for i, step := range d.Triage {
		switch {
		case step.Text == "":
			out = append(out, Problem{File: d.Path, Rule: "triage", Message: fmt.Sprintf("triage step %d has no text", i+1)})
		case step.Query != "" && queries != nil && !slices.Contains(queries, step.Query):
			text := fmt.Sprintf("triage names the query %q, which does not exist", step.Query)
			if near := sqlfile.Nearest(step.Query, queries); near != "" {
				text += fmt.Sprintf("; did you mean %q?", near)
			}
			out = append(out, Problem{File: d.Path, Rule: "triage", Message: text})
		}
	}
	return out
}

// bindProblems asks the database, without running the query.
func (d *Detector) bindProblems(ctx context.Context, opts LintOptions) []Problem {
	sql, _, err := d.file.Prepare(d.Params)
	if err != nil || opts.Describe == nil {
		return nil // an undeclared parameter, which CheckUse has reported
	}
	// With the lines of the header before it, positions in the message are
	// positions in the file.
	columns, err := opts.Describe(ctx, strings.Repeat("\n", d.file.StartLine()-1)+sql)
	if err != nil {
		return []Problem{{File: d.Path, Rule: "bind", Message: "the query does not bind on an empty store: " + err.Error()}}
	}
	return d.columnProblems(columns)
}

// caseProblems checks that the cases show what fires, what stays quiet, and
// both edges of the window.
func (d *Detector) caseProblems(fsys fs.FS) []Problem {
	name := casesFile(d)
	problem := func(format string, args ...any) []Problem {
		return []Problem{{File: name, Rule: "cases", Message: fmt.Sprintf(format, args...)}}
	}
	cases, err := readCases(fsys, d)
	switch {
	case err != nil:
		return problem("%s", strings.TrimPrefix(err.Error(), name+": "))
	case len(cases) == 0:
		return problem("there are no cases")
	}
	var out []Problem
	fires, quiet := 0, 0
	var start, end bool
	for i := range cases {
		c := &cases[i]
		if c.Fires() {
			fires++
		} else {
			quiet++
		}
		atStart, atEnd, err := edges(c)
		if err != nil {
			return problem("%s", err)
		}
		start, end = start || atStart, end || atEnd
	}
	for _, check := range []struct {
		ok   bool
		text string
	}{
		{fires > 0, "no case fires: at least one named fires_… must want a row"},
		{quiet > 0, "no case stays quiet: at least one named quiet_… must come near and want none"},
		{start, "no case has an event exactly at window_start that counts: want.csv must have it as first_seen"},
		{end, "no case has an event exactly at window_end that does not count"},
	} {
		if !check.ok {
			out = append(out, problem("%s", check.text)...)
		}
	}
	return out
}

// edges reports whether an event exactly at the window's start counts in a
// case, and whether there is one exactly at its end.
func edges(c *sqlcase.Case) (start, end bool, err error) {
	times, err := c.Times()
	if err != nil {
		return false, false, err
	}
	var atStart bool
	for _, t := range times {
		atStart = atStart || t.Equal(c.Window.Start)
		end = end || t.Equal(c.Window.End)
	}
	if i := slices.Index(c.Header, "first_seen"); i >= 0 && atStart {
		want := sqlcase.Cell(c.Window.Start)
		start = slices.ContainsFunc(c.Rows, func(row []string) bool { return row[i] == want })
	}
	return start, end, nil
}
