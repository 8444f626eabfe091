package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/output"
	"github.com/kmstrail/kmstrail/internal/report"
)

func findingsShowCommand(a *app) *cobra.Command {
	var format, dir string
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show everything about a finding",
		Long: `Shows what a finding says, its evidence with the log files that hold the
original records, what to do, and what happened to it.`,
		Example: `  kmstrail findings show 5f3a9c21
  kmstrail findings show 5f3a9c21 --format json | jq .finding.details`,
		Args:              one("the finding's id"),
		ValidArgsFunction: a.completeFindings(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withFinding(cmd, args[0], format, func(store engine, f detectors.Finding, history []detectors.HistoryEntry) error {
				proofs, err := report.ReadProofs(cmd.Context(), store, f.FirstSeen, f.LastSeen)
				if err != nil {
					return err
				}
				proof := proofs.Of(f.LogFiles)
				if format == "json" {
					shown := map[string]any{"finding": f, "history": history}
					if proof != "" {
						shown["evidence_validation"] = proof
					}
					return writeIndented(a.safeStdout(), shown)
				}
				list, err := allDetectors(dir)
				if err != nil {
					return err
				}
				text, err := describeFinding(f, proof, history, list)
				if err != nil {
					return err
				}
				_, err = io.WriteString(a.safeStdout(), text)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "`FORMAT`: table or json")
	cmd.Flags().StringVar(&dir, "detector-dir", "", "look for its detector also in `DIR`")
	completeValues(cmd, "format", func() []string { return findingFormats })
	return cmd
}

func findingsHistoryCommand(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "history ID",
		Short: "Show what happened to a finding",
		Long:  "Shows every change of a finding's status: when, by whom, and why.",
		Example: `  kmstrail findings history 5f3a9c21
  kmstrail findings history 5f3a9c21 --format json`,
		Args:              one("the finding's id"),
		ValidArgsFunction: a.completeFindings(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withFinding(cmd, args[0], format, func(_ engine, _ detectors.Finding, history []detectors.HistoryEntry) error {
				if format == "json" {
					return writeIndented(a.safeStdout(), history)
				}
				t := output.Table{Head: []string{"time", "from", "to", "by", "why"}}
				t.Width, _ = terminal(a.stdout)
				for _, e := range history {
					t.Rows = append(t.Rows, []string{output.Time(e.ChangedAt), e.From, e.To, e.Actor, e.Reason})
				}
				return t.Write(a.stdout)
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "`FORMAT`: table or json")
	completeValues(cmd, "format", func() []string { return findingFormats })
	return cmd
}

// withFinding reads a finding and its history.
func (a *app) withFinding(cmd *cobra.Command, id, format string, use func(engine, detectors.Finding, []detectors.HistoryEntry) error) error {
	if err := oneOf("--format", format, findingFormats); err != nil {
		return err
	}
	cfg, err := a.load(cmd)
	if err != nil {
		return err
	}
	store, err := a.openToRead(cmd.Context(), cfg)
	if err != nil {
		return err
	}
	defer store.Close()
	f, err := operate.FindFinding(cmd.Context(), store, id)
	if err != nil {
		return err
	}
	history, err := detectors.ReadHistory(cmd.Context(), store, f.FindingID)
	if err != nil {
		return err
	}
	return use(store, f, history)
}

// describeFinding writes everything about a finding. What to do is left out
// where its detector is not known.
func describeFinding(f detectors.Finding, proof report.Proof, history []detectors.HistoryEntry, list []*detectors.Detector) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n\n", strings.ToUpper(f.Severity), output.Clean(f.Title))
	for _, line := range wrap(output.Clean(f.Summary), 96) {
		b.WriteString(line + "\n")
	}
	b.WriteByte('\n')
	status := f.Status
	if f.StatusReason != "" {
		status += ": " + f.StatusReason
	}
	for _, p := range [][2]string{
		{"id", f.FindingID}, {"status", status}, {"detector", fmt.Sprintf("%s, version %d", f.DetectorID, f.DetectorVersion)},
		{"account", f.AccountID}, {"region", f.Region}, {"key", f.KeyARN}, {"principal", f.PrincipalARN},
		{"first seen", output.Time(f.FirstSeen)}, {"last seen", output.Time(f.LastSeen)}, {"calls", output.Count(f.EventCount)},
		{"days", f.WindowStart.Format("2006-01-02") + " to " + f.WindowEnd.AddDate(0, 0, -1).Format("2006-01-02")},
		{"reported", output.Time(f.CreatedAt)}, {"changed", output.Time(f.UpdatedAt)},
	} {
		if p[1] != "" {
			fmt.Fprintf(&b, "%-22s %s\n", p[0], output.Clean(p[1]))
		}
	}
	b.WriteString("\nDetails\n")
	for _, name := range slices.Sorted(maps.Keys(f.Details)) {
		if f.Details[name] != nil {
			fmt.Fprintf(&b, "  %-20s %s\n", name, output.Clean(detailText(f.Details[name])))
		}
	}
	describeEvidence(&b, f, proof)
	if err := describeAdvice(&b, f, list); err != nil {
		return "", err
	}
	b.WriteString("\nHistory\n")
	for _, e := range history {
		fmt.Fprintf(&b, "  %s  %s by %s", output.Time(e.ChangedAt), e.To, output.Clean(e.Actor))
		if e.Reason != "" {
			b.WriteString(": " + output.Clean(e.Reason))
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}

// describeEvidence writes the events that a finding rests on, and how many of
// them there are where it keeps only some.
func describeEvidence(b *strings.Builder, f detectors.Finding, proof report.Proof) {
	b.WriteString("\nEvidence")
	if kept := int64(len(f.EventIDs)); kept > 0 && kept < f.EventCount {
		fmt.Fprintf(b, ", %s of %s", output.Count(kept), output.Count(f.EventCount))
	}
	b.WriteString(" (kmstrail event ID --raw prints the record)\n")
	if text := proof.Text(); text != "" {
		fmt.Fprintf(b, "  %s\n", text)
	}
	for i, id := range f.EventIDs {
		fmt.Fprintf(b, "  %s\n", output.Clean(id))
		if i < len(f.LogFiles) && f.LogFiles[i] != "" {
			fmt.Fprintf(b, "    %s\n", output.Clean(f.LogFiles[i]))
		}
	}
}

func detailText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		parts := make([]string, len(v))
		for i, el := range v {
			parts[i] = detailText(el)
		}
		return strings.Join(parts, ", ")
	case json.Number:
		return numberText(v)
	}
	return fmt.Sprint(v)
}

// numberText writes fractions as people read them: one decimal, or two digits of
// what is less than one. Whole numbers stay as they are.
func numberText(n json.Number) string {
	x, err := n.Float64()
	if err != nil || !strings.ContainsAny(n.String(), ".eE") {
		return n.String()
	}
	if math.Abs(x) < 1 {
		return strconv.FormatFloat(x, 'g', 2, 64)
	}
	return strings.TrimSuffix(strconv.FormatFloat(x, 'f', 1, 64), ".0")
}

// describeAdvice writes what to look at and what to do.
func describeAdvice(b *strings.Builder, f detectors.Finding, list []*detectors.Detector) error {
	i := slices.IndexFunc(list, func(d *detectors.Detector) bool { return d.ID == f.DetectorID })
	if i < 0 {
		return nil
	}
	d := list[i]
	b.WriteString("\nWhat to look at\n")
	for _, step := range d.Triage {
		b.WriteString("  " + step.Text + "\n")
		command, err := d.TriageCommand(step, f)
		if err != nil {
			return err
		}
		if command != "" {
			b.WriteString("    " + output.Clean(command) + "\n")
		}
	}
	remedy, err := d.Remedies(f)
	if err != nil {
		return err
	}
	b.WriteString("\nWhat to do\n")
	for line := range strings.Lines(remedy) {
		b.WriteString("  " + output.Clean(strings.TrimSuffix(line, "\n")) + "\n")
	}
	return nil
}
