package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/output"
)

func detectorsCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "detectors",
		Short: "List, show, check and test detectors",
	}
	group(cmd)
	cmd.AddCommand(detectorsListCommand(a), detectorsShowCommand(a), detectorsLintCommand(a), detectorsTestCommand(a))
	return cmd
}

func detectorsListCommand(a *app) *cobra.Command {
	var format, dir string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the detectors",
		Long:    "Lists the detectors; --format jsonl prints everything their headers say, one JSON object a line.",
		Example: "  kmstrail detectors list\n  kmstrail detectors list --format jsonl | jq .id",
		Args:    noArguments(),
		RunE: func(*cobra.Command, []string) error {
			if err := oneOf("--format", format, []string{"table", "jsonl"}); err != nil {
				return err
			}
			list, err := allDetectors(dir)
			if err != nil {
				return err
			}
			if format == "jsonl" {
				e := json.NewEncoder(a.stdout)
				e.SetEscapeHTML(false)
				for _, d := range list {
					if err := e.Encode(d); err != nil {
						return fmt.Errorf("print detector %s: %w", d.ID, err)
					}
				}
				return nil
			}
			t := output.Table{Head: []string{"id", "severity", "status", "title"}}
			t.Width, _ = terminal(a.stdout)
			for _, d := range list {
				t.Rows = append(t.Rows, []string{d.ID, d.Severity, d.Status, d.Title})
			}
			return t.Write(a.stdout)
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "`FORMAT`: table or jsonl")
	cmd.Flags().StringVar(&dir, "detector-dir", "", "also list the detectors in `DIR`")
	completeValues(cmd, "format", func() []string { return []string{"table", "jsonl"} })
	return cmd
}

func detectorsShowCommand(a *app) *cobra.Command {
	var sql bool
	var dir string
	cmd := &cobra.Command{
		Use:     "show ID",
		Short:   "Show what a detector finds, why, its parameters and its SQL",
		Long:    "Shows what a detector finds, why it matters, what it cannot see, its parameters, what to do, and with --sql its query.",
		Example: "  kmstrail detectors show cross_account_decrypt",
		Args:    one("the detector's id"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return detectorIDs(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			list, err := allDetectors(dir)
			if err != nil {
				return err
			}
			var ids []string
			for _, d := range list {
				if d.ID == args[0] {
					_, err := io.WriteString(a.safeStdout(), describeDetector(d, sql))
					return err
				}
				ids = append(ids, d.ID)
			}
			return usagef(suggestion(args[0], ids), "unknown detector %q", args[0])
		},
	}
	cmd.Flags().BoolVar(&sql, "sql", false, "also print the query")
	cmd.Flags().StringVar(&dir, "detector-dir", "", "look also in `DIR`")
	return cmd
}

func describeDetector(d *detectors.Detector, sql bool) string {
	var b strings.Builder
	section := func(title string, lines ...string) {
		if len(lines) == 0 || len(lines) == 1 && lines[0] == "" {
			return
		}
		fmt.Fprintf(&b, "\n%s\n", title)
		for _, text := range lines {
			for i, line := range wrap(text, 86) {
				mark := "    "
				if i == 0 && len(lines) > 1 {
					mark = "  - "
				}
				b.WriteString(mark + line + "\n")
			}
		}
	}
	fmt.Fprintf(&b, "%s\n%s · %s · version %d\n", d.Title, d.ID, d.Severity, d.Version)
	section("Finds", d.Description)
	section("Why it matters", d.Why.Text)
	section("Source", d.Why.Source)
	section("Does not see", d.BlindSpots...)
	section("May be right nevertheless", d.FalsePositives...)
	if len(d.Params) > 0 {
		b.WriteString("\nParameters (--param " + d.ID + ".NAME=VALUE)\n" + describeParams(d.Params))
	}
	var steps []string
	for _, s := range d.Triage {
		text := s.Text
		if s.Query != "" {
			text += " kmstrail query " + s.Query
		}
		steps = append(steps, text)
	}
	section("What to look at", steps...)
	section("Mapped to", mappings(d)...)
	if sql {
		b.WriteString("\n" + strings.TrimSpace(d.SQL()) + "\n")
	}
	return b.String()
}
