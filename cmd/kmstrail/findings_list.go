package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/dossier"
	"github.com/kmstrail/kmstrail/internal/output"
)

type findingsListFlags struct {
	times                           timeFlags
	statuses, severities, detectors []string
	key, format                     string
}

func findingsListCommand(a *app) *cobra.Command {
	var f findingsListFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List findings",
		Long: `Lists the findings that somebody should look at: new and in progress. --status
lists others. --from and --to choose by the time of the events.
` + timeHelp,
		Example: `  kmstrail findings list
  kmstrail findings list --status all --detector pending_deletion_key_use
  kmstrail findings list --key alias/orders
  kmstrail findings list --severity critical,high --format json | jq -r '.[].key_arn'`,
		Args: noArguments(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listFindings(cmd, &f) },
	}
	f.times.register(cmd)
	cmd.Flags().StringSliceVar(&f.statuses, "status", []string{"new", "in_progress"}, "only findings with this `STATUS` (repeatable), or all")
	cmd.Flags().StringSliceVar(&f.severities, "severity", nil, "only findings of this `SEVERITY` (repeatable)")
	cmd.Flags().StringSliceVar(&f.detectors, "detector", nil, "only findings of the detector with this `ID` (repeatable)")
	cmd.Flags().StringVar(&f.key, "key", "", "only findings about this `KEY`: a key ARN, a key id, an alias or an alias ARN")
	cmd.Flags().StringVar(&f.format, "format", "table", "`FORMAT`: table or json")
	completeValues(cmd, "status", func() []string { return append(detectors.Statuses(), "all") })
	completeValues(cmd, "severity", detectors.Severities)
	completeValues(cmd, "detector", detectorIDs)
	completeValues(cmd, "format", func() []string { return findingFormats })
	return cmd
}

var findingFormats = []string{"table", "json"}

// filter checks the flags that need no store; choose checks the others.
func (f *findingsListFlags) filter(a *app) (detectors.FindingFilter, error) {
	out := detectors.FindingFilter{DetectorIDs: f.detectors, Statuses: f.statuses, Severities: f.severities}
	for _, check := range []struct {
		flag          string
		values, known []string
	}{
		{"--format", []string{f.format}, findingFormats},
		{"--status", f.statuses, append(detectors.Statuses(), "all")},
		{"--severity", f.severities, detectors.Severities()},
	} {
		for _, v := range check.values {
			if err := oneOf(check.flag, v, check.known); err != nil {
				return out, err
			}
		}
	}
	if slices.Contains(f.statuses, "all") {
		out.Statuses = nil
	}
	var err error
	out.From, out.To, err = f.times.window(a.now())
	return out, err
}

// choose checks the names of detectors and finds the key.
func (f *findingsListFlags) choose(ctx context.Context, store engine, filter *detectors.FindingFilter) error {
	known, err := knownDetectors(ctx, store, f.detectors)
	if err != nil {
		return err
	}
	for _, id := range f.detectors {
		if err := oneOf("--detector", id, known); err != nil {
			return err
		}
	}
	if f.key != "" {
		filter.KeyARN, err = dossier.FindKey(ctx, store, f.key)
	}
	return err
}

// knownDetectors are the built-in detectors and, where asked names others,
// those that have findings: the user's own are known by these alone.
func knownDetectors(ctx context.Context, store engine, asked []string) ([]string, error) {
	known := detectorIDs()
	if !slices.ContainsFunc(asked, func(id string) bool { return !slices.Contains(known, id) }) {
		return known, nil
	}
	all, err := detectors.ReadFindings(ctx, store, detectors.FindingFilter{})
	for _, f := range all {
		if !slices.Contains(known, f.DetectorID) {
			known = append(known, f.DetectorID)
		}
	}
	return known, err
}

func (a *app) listFindings(cmd *cobra.Command, f *findingsListFlags) error {
	filter, err := f.filter(a)
	if err != nil {
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
	if err := f.choose(cmd.Context(), store, &filter); err != nil {
		return a.explainName(err)
	}
	list, err := detectors.ReadFindings(cmd.Context(), store, filter)
	if err != nil {
		return err
	}
	if f.format == "json" {
		if list == nil {
			list = []detectors.Finding{}
		}
		return writeIndented(a.safeStdout(), list)
	}
	if err := a.printFindingsTable(list); err != nil {
		return err
	}
	a.say("%s", output.Plural(int64(len(list)), "finding"))
	return nil
}

// printFindingsTable prints a row of a table for each finding, and below it what
// it says. The cells are never cut: they are there to be copied.
func (a *app) printFindingsTable(list []detectors.Finding) error {
	t := output.Table{Head: []string{"id", "severity", "status", "detector", "account", "region"}}
	for _, f := range list {
		t.Rows = append(t.Rows, []string{short(f.FindingID), f.Severity, f.Status, f.DetectorID, f.AccountID, f.Region})
	}
	var table, b strings.Builder
	if err := t.Write(&table); err != nil {
		return err
	}
	lines := strings.SplitAfter(table.String(), "\n")
	head := len(lines) - 1 - len(list) // what follows the last line end is empty
	b.WriteString(strings.Join(lines[:head], ""))
	for i, f := range list {
		b.WriteString(lines[head+i] + summaryLines(f, a.textWidth()) + "          " + callsAndTime(f) + "\n")
	}
	_, err := io.WriteString(a.stdout, b.String())
	return err
}

// writeIndented prints a JSON document for people and programs.
func writeIndented(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("print findings: %w", err)
	}
	return nil
}
