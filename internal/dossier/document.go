package dossier

import (
	"slices"
	"strings"

	"github.com/kmstrail/kmstrail/internal/report"
)

// document is a page laid out for people, before it is written for the
// terminal or as HTML. Its texts are as logged; the writers clean them.
type document struct {
	*Head
	Kind     string // KMS key, principal, resource
	Title    string
	Subtitle string
	// Answer says the most important thing in a sentence; Alarm when it is bad.
	Answer   string
	Alarm    bool
	Facts    []fact
	Sections []section
}

// fact is a name and a value, with something about the value.
type fact struct {
	Name, Value, Note string
	Long              bool // needs a line of its own
	Mono              bool
	Alarm             bool
}

// section is a titled part of a document.
type section struct {
	ID, Title string
	// Note says how to read it, Empty why nothing is in it.
	Note, Empty string
	Facts       []fact
	Calls       *report.Activity
	Table       *table
	Findings    []report.Finding
	// Text is shown as it is, in HTML only; TextNote says what it is.
	Text, TextNote string
	// Omitted rows are not in the table; Command shows all.
	Omitted int
	Command string
}

// table has rows of cells for its columns.
type table struct {
	Columns []column
	Rows    [][]cell
}

// column is a column of a table. Where a terminal is too narrow, Detail columns
// go below the others.
type column struct {
	Name   string
	Num    bool
	Detail bool
	// Plain needs no name before it there.
	Plain bool
}

// cell is a text with something smaller about it.
type cell struct {
	Text, Small string
	// Brief stands for Small in a terminal, Full is shown when one points at
	// the cell.
	Brief, Full string
	Mono        bool
	Alarm       bool
	// When is a moment, which breaks between date and time only.
	When bool
}

// Words are the words of the cell.
func (c cell) Words() []string { return strings.Fields(c.Text) }

// newTable lays out a list; row makes the cells. Columns in which nothing
// stands are left out.
func newTable[T any](list List[T], columns []column, row func(T) []cell) *table {
	if len(list.Rows) == 0 {
		return nil
	}
	t := &table{Columns: columns}
	for _, r := range list.Rows {
		t.Rows = append(t.Rows, row(r))
	}
	for i := len(t.Columns) - 1; i > 0; i-- {
		t.dropEmpty(i)
	}
	return t
}

// dropEmpty removes a column whose cells are all empty.
func (t *table) dropEmpty(i int) {
	for _, row := range t.Rows {
		if row[i].Text != "" {
			return
		}
	}
	t.Columns = slices.Delete(slices.Clone(t.Columns), i, i+1)
	for at, row := range t.Rows {
		t.Rows[at] = slices.Delete(row, i, i+1)
	}
}

// add appends a fact that has a value.
func (s *section) add(f fact) {
	if f.Value != "" {
		s.Facts = append(s.Facts, f)
	}
}

func (d *document) add(f fact) {
	if f.Value != "" {
		d.Facts = append(d.Facts, f)
	}
}
