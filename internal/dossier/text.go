package dossier

import (
	"cmp"
	"io"
	"slices"
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
	const most = 20
	width := 0
	for _, f := range facts {
		width = max(width, min(most, uniseg.StringWidth(f.Name)))
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
		t.Text("  "+report.Fit(report.Clean(f.Name), width)+"  ", color, text)
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
		t.finding(s.Findings[i])
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
			text += ": " + report.Block(s.Command)
		}
		t.Text("  ", report.Dim, text)
	}
}

// finding is laid out as in reports, but the command below it shows all of it
// and not only its first event.
func (t *textPage) finding(f report.Finding) {
	command := showFinding(f.ID)
	if command != "" {
		f.EventIDs = nil
	}
	t.Finding(&f)
	if command != "" {
		t.Text("            ", report.Dim, command)
	}
}

// levels are the heights of a chart in one line.
var levels = []rune("▁▂▃▄▅▆▇█")

// chart draws calls per day: a line of bars and the numbers.
func (t *textPage) chart(a *report.Activity) {
	days, perBar := squash(a.Days, t.Width()-2)
	perBar *= a.DaysPerBar
	var most int64
	peak := ""
	for _, d := range days {
		if n := d.Sum(); n > most {
			most, peak = n, d.Day
		}
	}
	failed := func(o report.Outcomes) int64 { return o.Denied + o.Throttled + o.Failed }
	t.bars(report.Blue, bars(days, most, report.Outcomes.Sum),
		report.Number(a.Total.Sum())+" calls, most "+report.Number(most)+" "+on(perBar)+" "+peak)
	if n := failed(a.Total); n > 0 {
		t.bars(report.Red, bars(days, most, failed), report.Number(n)+" of them failed")
	}
	if n := len(days); n > len("01-02 01-31") {
		from, to := days[0].Day[5:], days[n-1].Day[5:]
		t.Line("  " + t.Paint(report.Dim, from+strings.Repeat(" ", n-len(from)-len(to))+to))
	}
}

// bars writes a line of bars with a text beside it, or below where that does
// not fit.
func (t *textPage) bars(color, bars, text string) {
	line := "  " + t.Paint(color, bars)
	if 2+uniseg.StringWidth(bars)+2+uniseg.StringWidth(text) <= t.Width() {
		t.Line(line + "  " + text)
		return
	}
	t.Line(line)
	t.Text("  ", "", text)
}

// squash puts days together until there are no more bars than room.
func squash(days []report.DayOutcomes, room int) (out []report.DayOutcomes, perBar int) {
	perBar = max(1, (len(days)+room-1)/room)
	for i, d := range days {
		if i%perBar == 0 {
			out = append(out, d)
			continue
		}
		sum := &out[len(out)-1]
		sum.OK, sum.Denied, sum.Throttled = sum.OK+d.OK, sum.Denied+d.Denied, sum.Throttled+d.Throttled
		sum.Failed, sum.DryRun = sum.Failed+d.Failed, sum.DryRun+d.DryRun
	}
	return out, perBar
}

// on says what a bar stands for.
func on(daysPerBar int) string {
	if daysPerBar == 1 {
		return "on"
	}
	return "in the " + report.Number(int64(daysPerBar)) + " days from"
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
		columns, details = split(table, all)
		widths = natural(table, rows, columns)
		for len(columns) > 1 && total(narrowest(table, columns, widths)) > room {
			last := len(columns) - 1
			details = append([]int{columns[last]}, details...)
			columns, widths = columns[:last], widths[:last]
		}
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

// split takes the detail columns out.
func split(table *table, all []int) (columns, details []int) {
	for _, i := range all {
		if table.Columns[i].Detail {
			details = append(details, i)
		} else {
			columns = append(columns, i)
		}
	}
	return columns, details
}

// least is what a text is not cut below, so that a time stays whole.
const least = 20

// narrowest are the least widths: numbers stay.
func narrowest(table *table, columns, widths []int) []int {
	out := slices.Clone(widths)
	for at, i := range columns {
		if !table.Columns[i].Num {
			out[at] = min(widths[at], least)
		}
	}
	return out
}

// squeeze takes the widest texts back until the table fits.
func squeeze(table *table, columns, widths []int, room int) {
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
