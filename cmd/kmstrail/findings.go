package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/output"
)

func findingsCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "findings",
		Short: "List findings, show one, and decide about them",
		Long: `Findings are what kmstrail detect found: one for each thing, however often it
was seen. A finding is new until somebody decides about it:

  in_progress  somebody works on it (acknowledge)
  suppressed   it is known and wanted, and stays so when it is seen again
  resolved     it is done with; when it is seen again later it is new again
  withdrawn    the events do not support it any more: records that arrived later
               or a changed configuration say otherwise; no person decides that

The first characters of an id are enough where no other id begins like that.`,
	}
	group(cmd)
	cmd.AddCommand(findingsListCommand(a), findingsShowCommand(a), findingsHistoryCommand(a))
	for _, d := range decisions {
		cmd.AddCommand(findingsDecideCommand(a, d))
	}
	return cmd
}

// shortID is what tables print of a finding's id.
const shortID = 8

func short(id string) string { return id[:min(len(id), shortID)] }

// maxDescription is how many characters the shell shows of a completion.
const maxDescription = 60

// completeFindings offers the ids of findings that have one of these statuses,
// all without any, in the shell.
func (a *app) completeFindings(statuses ...string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, typed string) ([]string, cobra.ShellCompDirective) {
		cfg, err := a.load(cmd)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		store, err := a.openToRead(cmd.Context(), cfg)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		all, err := detectors.ReadFindings(cmd.Context(), store, detectors.FindingFilter{Statuses: statuses})
		if err := errors.Join(err, store.Close()); err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var out []string
		for _, f := range all {
			if strings.HasPrefix(f.FindingID, typed) && !slices.Contains(given, f.FindingID) {
				out = append(out, f.FindingID+"\t"+shorten(f.Status+": "+output.Clean(f.Summary), maxDescription))
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// shorten cuts text to so many characters.
func shorten(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// severityColors are ANSI attributes for a terminal.
var severityColors = map[string]string{
	"critical": "1;31", "high": "31", "medium": "33", "low": "36", "info": "2",
}

// printFindings prints findings for people, a block each.
func (a *app) printFindings(findings []detectors.Finding) error {
	var b strings.Builder
	color := a.color(a.stdout)
	width := a.textWidth()
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
		b.WriteString(summaryLines(f, width))
		for _, p := range [][2]string{{"key", f.KeyARN}, {"principal", f.PrincipalARN}} {
			if p[1] != "" {
				fmt.Fprintf(&b, "          %-10s%s\n", p[0], output.Clean(p[1]))
			}
		}
		place := strings.Trim(f.AccountID+" "+f.Region, " ")
		fmt.Fprintf(&b, "          %-10s%s, %s\n", "seen", output.Clean(place), callsAndTime(f))
		fmt.Fprintf(&b, "          %-10skmstrail findings show %s\n", "more", short(f.FindingID))
	}
	_, err := io.WriteString(a.stdout, b.String())
	return err
}

// textWidth is the width of text on standard output.
func (a *app) textWidth() int {
	if width, ok := terminal(a.stdout); ok {
		return width
	}
	return 100
}

// summaryLines is the summary of a finding, indented and never cut.
func summaryLines(f detectors.Finding, width int) string {
	var b strings.Builder
	for _, line := range wrap(output.Clean(f.Summary), max(width-10, 40)) {
		b.WriteString("          " + line + "\n")
	}
	return b.String()
}

// callsAndTime says how many calls a finding is about, and of when.
func callsAndTime(f detectors.Finding) string {
	return output.Plural(f.EventCount, "call") + ", " + span(f)
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

// sayFindings says how many findings there are, for which window, and what is
// none any more.
func (a *app) sayFindings(d *detection) {
	counts, closed := map[string]int64{}, map[string]int64{}
	for _, f := range d.result.Findings {
		if f.Open() {
			counts[f.Severity]++
		} else {
			closed[f.Status]++
		}
	}
	var parts []string
	var open int64
	for _, s := range detectors.Severities() {
		if counts[s] > 0 {
			open += counts[s]
			parts = append(parts, fmt.Sprintf("%s %s", output.Count(counts[s]), s))
		}
	}
	what := "no findings"
	if len(parts) > 0 {
		what = output.Plural(open, "finding") + ": " + strings.Join(parts, ", ")
	}
	for _, s := range detectors.Statuses() {
		if closed[s] > 0 {
			what += fmt.Sprintf(", %s %s", output.Count(closed[s]), s)
		}
	}
	a.say("%s, of %s from %s to %s", what, output.Plural(int64(len(d.detectors)), "detector"), output.Time(d.window().Start), output.Time(d.window().End))
	a.sayWithdrawn(d.result.Withdrawn)
}

// maxWithdrawn is how many withdrawn findings get a line of their own.
const maxWithdrawn = 10

func (a *app) sayWithdrawn(list []detectors.Finding) {
	if len(list) == 0 {
		return
	}
	a.say("%s withdrawn:", output.Count(int64(len(list))))
	for _, f := range list[:min(len(list), maxWithdrawn)] {
		a.say("  %s %s: %s", short(f.FindingID), f.DetectorID, output.Clean(f.StatusReason))
	}
	if more := len(list) - maxWithdrawn; more > 0 {
		a.say("  and %s more: kmstrail findings list --status withdrawn", output.Count(int64(more)))
	}
}
