package dossier

import (
	"cmp"
	"io"
	"strings"

	"github.com/rivo/uniseg"

	"github.com/kmstrail/kmstrail/internal/report"
)

// writeText writes a document for a terminal. No line is wider than allowed.
func (d *document) writeText(w io.Writer, opts report.TerminalOptions) error {
	t := &textPage{report.NewScreen(opts, maxColumns)}
	t.head(d)
	for i := range d.Sections {
		t.section(&d.Sections[i])
	}
	_, err := io.WriteString(w, t.String())
	return err
}

// textPage gathers the lines of a page.
type textPage struct{ *report.Screen }

func (t *textPage) head(d *document) {
	t.Text("", report.Bold, report.Clean(d.Kind+" "+d.Title))
	t.Text("", report.Dim, report.Clean(d.Subtitle))
	t.Line("")
	color := report.Bold
	if d.Alarm {
		color = report.Bold + ";" + report.Red
	}
	t.Text("", color, report.Clean(d.Answer))
	t.Line("")
	t.facts(d.Facts)
	if problems := d.Problems(); len(problems) > 0 {
		t.Line("")
		t.Text("", report.Yellow, "This page is over incomplete logs:")
		for _, p := range problems {
			t.Text("  - ", "", p)
		}
	}
}

// facts writes names and values below each other.
func (t *textPage) facts(facts []fact) {
	width := 0
	for _, f := range facts {
		width = max(width, uniseg.StringWidth(f.Name))
	}
	for _, f := range facts {
		color := ""
		if f.Alarm {
			color = report.Red
		}
		text := report.Clean(f.Value)
		if f.Note != "" {
			text += "; " + report.Clean(f.Note)
		}
		t.Text("  "+report.Fit(f.Name, width)+"  ", color, text)
	}
}

func (t *textPage) section(s *section) {
	t.Title(s.Title)
	if s.Empty != "" {
		t.Text("  ", report.Dim, s.Empty)
		return
	}
	if s.Note != "" {
		t.Text("  ", report.Dim, s.Note)
	}
	if s.Calls != nil {
		t.chart(s.Calls)
	}
	t.facts(s.Facts)
	shown := len(s.Findings)
	for i := range s.Findings[:min(shown, maxTerminal)] {
		t.Finding(&s.Findings[i])
	}
	if s.Table != nil {
		shown = len(s.Table.Rows)
		t.table(s.Table)
	}
	if s.Text != "" {
		t.Text("  ", report.Dim, s.TextNote)
	}
	if more := s.Omitted + max(0, shown-maxTerminal); more > 0 {
		text := "… and " + report.Number(int64(more)) + " more"
		if s.Command != "" {
			text += ": " + s.Command
		}
		t.Text("  ", report.Dim, text)
	}
}

// levels are the heights of a chart in one line.
var levels = []rune("▁▂▃▄▅▆▇█")

// chart draws calls per day: a line of bars, the numbers beside it.
func (t *textPage) chart(a *report.Activity) {
	var most int64
	peak := ""
	for _, d := range a.Days {
		if n := d.Sum(); n > most {
			most, peak = n, d.Day
		}
	}
	failed := func(o report.Outcomes) int64 { return o.Denied + o.Throttled + o.Failed }
	t.Line("  " + t.Paint(report.Blue, bars(a.Days, most, report.Outcomes.Sum)) + "  " + report.Number(a.Total.Sum()) + " calls, most " + report.Number(most) + " " + on(a) + " " + peak)
	if failed(a.Total) > 0 {
		t.Line("  " + t.Paint(report.Red, bars(a.Days, most, failed)) + "  " + report.Number(failed(a.Total)) + " of them failed")
	}
	if n := len(a.Days); n > 1 {
		from, to := a.Days[0].Day[5:], a.Days[n-1].Day[5:]
		t.Line("  " + t.Paint(report.Dim, from+strings.Repeat(" ", max(1, n-len(from)-len(to)))+to))
	}
}

// on says what a bar stands for.
func on(a *report.Activity) string {
	if a.DaysPerBar == 1 {
		return "on"
	}
	return "in the " + report.Number(int64(a.DaysPerBar)) + " days from"
}

// bars draws one bar for each day, a dot for none. No count is above most.
func bars(days []report.DayOutcomes, most int64, count func(report.Outcomes) int64) string {
	var b strings.Builder
	for _, d := range days {
		n := count(d.Outcomes)
		if n == 0 {
			b.WriteRune('·')
			continue
		}
		steps := int64(len(levels))
		b.WriteRune(levels[(steps*n+most-1)/most-1])
	}
	return b.String()
}

// gap is between columns.
const gap = 2

// table writes a table. Where it does not fit, detail columns go to a line
// below their row, and the longest texts are cut.
func (t *textPage) table(table *table) {
	rows := table.Rows[:min(len(table.Rows), maxTerminal)]
	all := make([]int, len(table.Columns))
	for i := range all {
		all[i] = i
	}
	const indent = 2
	room := t.Width() - indent
	columns, details := all, []int(nil)
	widths := natural(table, rows, columns)
	if total(widths) > room {
		columns = nil
		for _, i := range all {
			if table.Columns[i].Detail {
				details = append(details, i)
			} else {
				columns = append(columns, i)
			}
		}
		widths = natural(table, rows, columns)
		squeeze(table, columns, widths, room)
	}
	heads := make([]cell, len(table.Columns))
	for i, c := range table.Columns {
		heads[i].Text = c.Name
	}
	t.Line("  " + t.Paint(report.Dim, strings.TrimRight(t.row(table, heads, columns, widths, false), " ")))
	for _, row := range rows {
		t.Line("  " + t.row(table, row, columns, widths, true))
		t.details(table, row, details)
	}
}

// natural are the widths of what columns hold.
func natural(table *table, rows [][]cell, columns []int) []int {
	widths := make([]int, len(columns))
	for at, i := range columns {
		widths[at] = uniseg.StringWidth(table.Columns[i].Name)
		for _, row := range rows {
			widths[at] = max(widths[at], uniseg.StringWidth(row[i].line()))
		}
	}
	return widths
}

// line is a cell on one line.
func (c cell) line() string { return report.Short(join(", ", c.Text, cmp.Or(c.Brief, c.Small))) }

func total(widths []int) int {
	n := gap * (len(widths) - 1)
	for _, w := range widths {
		n += w
	}
	return n
}

// squeeze takes columns away from the widest texts until the table fits;
// numbers stay.
func squeeze(table *table, columns, widths []int, room int) {
	const least = 10
	for total(widths) > room {
		widest := -1
		for at, i := range columns {
			if !table.Columns[i].Num && widths[at] > least && (widest < 0 || widths[at] > widths[widest]) {
				widest = at
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

func (t *textPage) row(table *table, row []cell, columns, widths []int, paint bool) string {
	parts := make([]string, len(columns))
	for at, i := range columns {
		fit := report.Fit
		if table.Columns[i].Num {
			fit = report.FitRight
		}
		parts[at] = fit(row[i].line(), widths[at])
		if paint && row[i].Alarm {
			parts[at] = t.Paint(report.Red, parts[at])
		}
	}
	return strings.Join(parts, strings.Repeat(" ", gap))
}

// details writes what did not fit below the row.
func (t *textPage) details(table *table, row []cell, columns []int) {
	var parts []string
	for _, i := range columns {
		text := row[i].line()
		if text == "" || text == "0" {
			continue
		}
		if !table.Columns[i].Plain {
			text = strings.ToLower(table.Columns[i].Name) + " " + text
		}
		parts = append(parts, text)
	}
	if len(parts) > 0 {
		t.Text("    ", report.Dim, strings.Join(parts, "; "))
	}
}
