package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/output"
)

// severityColors are ANSI attributes for a terminal.
var severityColors = map[string]string{
	"critical": "1;31", "high": "31", "medium": "33", "low": "36", "info": "2",
}

// printFindings prints findings for people, a block each.
func (a *app) printFindings(findings []detectors.Finding) error {
	var b strings.Builder
	color := a.color(a.stdout)
	width, isTerminal := terminal(a.stdout)
	if !isTerminal {
		width = 100
	}
	paint := func(attribute, text string) string {
		if !color {
			return text
		}
		return "\x1b[" + attribute + "m" + text + "\x1b[0m"
	}
	for i, f := range findings {
		if i > 0 {
			b.WriteByte('\n')
		}
		severity := fmt.Sprintf("%-8s", strings.ToUpper(f.Severity))
		fmt.Fprintf(&b, "%s  %s\n", paint(severityColors[f.Severity], severity), paint("1", output.Clean(f.Title)))
		for _, line := range wrap(output.Clean(f.Summary), max(width-10, 40)) {
			b.WriteString("          " + line + "\n")
		}
		for _, p := range [][2]string{{"key", f.KeyARN}, {"principal", f.PrincipalARN}} {
			if p[1] != "" {
				fmt.Fprintf(&b, "          %-10s%s\n", p[0], output.Clean(p[1]))
			}
		}
		place := strings.Trim(f.AccountID+" "+f.Region, " ")
		fmt.Fprintf(&b, "          %-10s%s, %s, %s\n", "seen", output.Clean(place), output.Plural(f.EventCount, "call"), span(f))
		if len(f.EventIDs) > 0 {
			fmt.Fprintf(&b, "          %-10skmstrail event %s\n", "evidence", output.Clean(f.EventIDs[0]))
		}
	}
	_, err := io.WriteString(a.stdout, b.String())
	return err
}

func span(f detectors.Finding) string {
	if f.FirstSeen.Equal(f.LastSeen) {
		return output.Time(f.FirstSeen)
	}
	const layout = "2006-01-02 15:04"
	return f.FirstSeen.Format(layout) + " to " + f.LastSeen.Format(layout) + " UTC"
}

// wrap breaks text at blanks into lines of at most width bytes; a word longer
// than that has a line of its own.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// sayFindings says how many findings there are, for which window.
func (a *app) sayFindings(d *detection) {
	counts := map[string]int64{}
	for _, f := range d.result.Findings {
		counts[f.Severity]++
	}
	var parts []string
	for _, s := range detectors.Severities() {
		if counts[s] > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", output.Count(counts[s]), s))
		}
	}
	what := "no findings"
	if len(parts) > 0 {
		what = output.Plural(int64(len(d.result.Findings)), "finding") + ": " + strings.Join(parts, ", ")
	}
	a.say("%s, of %s from %s to %s", what, output.Plural(int64(len(d.detectors)), "detector"), output.Time(d.window.Start), output.Time(d.window.End))
}
