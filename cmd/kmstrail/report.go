package main

import (
	"context"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/report"
)

var reportFormats = []string{"terminal", "html", "markdown", "json"}

func reportCommand(a *app) *cobra.Command {
	var f detectFlags
	var file string
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Run the detectors and write a report",
		Long: `Runs the detectors over the store and writes a report: what was looked at and
what is missing, what was found, why it matters, what to do, and who uses which
key. The HTML report is one file that needs no network.
` + windowHelp,
		Example: `  kmstrail report
  kmstrail report --last 30d --output report.html
  kmstrail report --from 2026-10-01 --to 2026-11-01 --format markdown > october.md`,
		Args: noArguments(),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if !cmd.Flags().Changed("format") {
				f.format = formatOfFile(file)
			}
			if err := oneOf("--format", f.format, reportFormats); err != nil {
				return err
			}
			if cfg, err := a.load(cmd); err == nil && cfg.Engine == trinoEngine {
				return usagef("kmstrail detect looks at a lake, kmstrail findings shows what it found", "a report is about a store: engine %s has none to report on", cfg.Engine)
			}
			found, err := a.runDetectors(cmd, &f)
			if err != nil {
				return err
			}
			defer closeStore(found.work, &err)
			if err := a.writeReport(cmd.Context(), found, f.format, file); err != nil {
				return err
			}
			return found.err
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.format, "format", "terminal", "`FORMAT`: terminal, html, markdown or json (default from the name of --output)")
	cmd.Flags().StringVarP(&file, "output", "o", "", "write to `FILE` instead of standard output")
	completeValues(cmd, "format", func() []string { return reportFormats })
	return cmd
}

// formatOfFile guesses the format from a file's name.
func formatOfFile(name string) string {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".html", ".htm":
		return "html"
	case ".md", ".markdown":
		return "markdown"
	case ".json":
		return "json"
	}
	return "terminal"
}

func (a *app) writeReport(ctx context.Context, d *detection, format, file string) error {
	withdrawn, err := withdrawnFindings(ctx, d)
	if err != nil {
		return err
	}
	var runs []detectors.DetectorRun
	for _, run := range d.result.Runs {
		runs = append(runs, run.Whole())
	}
	r, err := report.Build(ctx, d.work, report.Options{
		Version: version, Now: a.now(),
		Window:    report.Window{Start: d.window().Start, End: d.window().End},
		Detectors: d.detectors, Findings: slices.Concat(d.result.Findings, withdrawn), Runs: runs,
	})
	if err != nil {
		return err
	}
	err = a.writeOutput(file, func(w io.Writer) error {
		switch format {
		case "html":
			return r.WriteHTML(w)
		case "markdown":
			return r.WriteMarkdown(w)
		case "json":
			return r.WriteJSON(w)
		}
		if file == "" || file == "-" {
			w = a.stdout // the summary may have colours and is clean
		}
		width, _ := terminal(w)
		return r.WriteTerminal(w, report.TerminalOptions{Width: width, Color: a.color(w)})
	})
	if err == nil && file != "" && file != "-" {
		a.say("wrote %s", file)
	}
	return err
}

// withdrawnFindings are those of the window and of the detectors that ran.
func withdrawnFindings(ctx context.Context, d *detection) ([]detectors.Finding, error) {
	return detectors.ReadFindings(ctx, d.work, detectors.FindingFilter{
		DetectorIDs: d.result.Detectors, Statuses: []string{"withdrawn"}, From: d.window().Start, To: d.window().End,
	})
}

func mappings(x *detectors.Detector) []string {
	var out []string
	for _, t := range x.Attack {
		out = append(out, "ATT&CK "+t.Technique+" "+t.Name)
	}
	for _, c := range x.Mappings.CIS {
		out = append(out, "CIS "+c)
	}
	for _, c := range x.Mappings.SecurityHub {
		out = append(out, "Security Hub "+c)
	}
	for _, c := range x.Mappings.WellArchitected {
		out = append(out, "Well-Architected "+c)
	}
	return out
}
