package report

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/detectors"
)

// What other pages for people are made of, so that they look, escape and cut
// like the report.

// Screen gathers the lines of a page for a terminal.
type Screen struct{ t terminal }

// NewScreen returns an empty screen. It is as wide as the options say, between
// 40 and widest columns.
func NewScreen(opts TerminalOptions, widest int) *Screen {
	width := opts.Width
	if width <= 0 {
		width = 80
	}
	return &Screen{terminal{width: min(max(width, 40), widest), color: opts.Color}}
}

// The colours of [Screen.Paint] and [Screen.Text].
const (
	Bold   = bold
	Dim    = dim
	Red    = "31"
	Yellow = "33"
	Green  = "32"
	Blue   = "34"
)

// Width is in columns.
func (s *Screen) Width() int { return s.t.width }

// Line adds one line.
func (s *Screen) Line(text string) { s.t.line(text) }

// Title adds an empty line and a bold one.
func (s *Screen) Title(text string) { s.t.title(text) }

// Text adds words broken into lines, the first after first, the others after
// as many blanks.
func (s *Screen) Text(first, color, text string) { s.t.text(first, color, text) }

// Paint wraps clean text in a colour, where colours are wanted.
func (s *Screen) Paint(color, text string) string { return s.t.paint(color, text) }

// Finding adds one finding.
func (s *Screen) Finding(f *Finding) { s.t.finding(f) }

// String returns what was added.
func (s *Screen) String() string { return s.t.out.String() }

// Fit cuts clean text to width columns, in the middle, and fills it up with
// blanks.
func Fit(text string, width int) string { return fit(text, width) }

// FitRight fills up with blanks on the left and cuts nothing.
func FitRight(text string, width int) string { return fitRight(text, width) }

// Wrap breaks clean text at blanks into lines of at most width columns.
func Wrap(text string, width int) []string { return wrap(text, width) }

// Clean makes text from a log safe to show: one line, no control characters,
// nothing that changes the direction or hides, valid UTF-8, at most 400
// characters.
func Clean(s string) string { return clean(s) }

// Short is Clean for a column of a table.
func Short(s string) string { return short(s) }

// Block is Clean for a text of many lines, at most 2,000.
func Block(s string) string {
	lines := strings.Split(s, "\n")
	lines = lines[:min(len(lines), 2000)]
	for i := range lines {
		lines[i] = cut(visible(strings.TrimRight(lines[i], "\r")), 2000)
	}
	return strings.Join(lines, "\n")
}

// Number writes n with thousands separators.
func Number(n int64) string { return grouped(n) }

// Counted is the number and its word.
func Counted(n int64, one, many string) string { return counted(n, one, many) }

// Percent writes a share.
func Percent(share float64) string { return percent(share) }

// Rated writes a number of requests per second.
func Rated(v float64) string { return decimalGrouped(v) }

// Day writes the date of a moment, UTC.
func Day(t time.Time) string { return day(t) }

// Minute writes a moment to the minute, UTC.
func Minute(t time.Time) string { return minute(t) }

// Second writes a moment to the second, UTC.
func Second(t time.Time) string { return second(t) }

// AccountText names an account for people.
func AccountText(id, name string) string { return accountText(id, name) }

// Humanize turns the name of a column, a class or a quota into words.
func Humanize(name string) string { return humanize(name) }

// Open reports whether a finding of this status still wants attention.
func Open(status string) bool { return open(status) }

// ForReaders takes over findings with the remedies and commands of their
// detectors.
func ForReaders(known []*detectors.Detector, list []detectors.Finding, names map[string]string) []Finding {
	byID := make(map[string]*detectors.Detector, len(known))
	for _, d := range known {
		byID[d.ID] = d
	}
	out := fromFindings(list, nil)
	for i := range out {
		out[i].AccountName = names[out[i].AccountID]
		out[i].cutEvidence()
		if d := byID[out[i].DetectorID]; d != nil {
			out[i].Remedy, out[i].TriageCommands = advice(d, &list[i])
		}
	}
	return out
}

// Templates returns the templates of the report's page with its functions.
// Other pages use single ones of them: severity, finding, calls, bar, step.
func Templates() (*template.Template, error) {
	t, err := template.New("report").Funcs(pageFunctions()).Parse(pageTemplate)
	if err != nil {
		return nil, fmt.Errorf("parse the page of the report: %w", err)
	}
	return t, nil
}

// Style returns the report's style sheet with a page's own rules behind it, and
// the content security policy that allows nothing but it.
func Style(more string) (sheet template.CSS, policy string) {
	sheet = template.CSS(pageStyle + more) //nolint:gosec // our own files, compiled in
	sum := sha256.Sum256([]byte(sheet))
	hash := base64.StdEncoding.EncodeToString(sum[:])
	return sheet, "default-src 'none'; style-src 'sha256-" + hash + "'; img-src data:; base-uri 'none'; form-action 'none'"
}
