package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/casestore"
	"github.com/kmstrail/kmstrail/internal/output"
)

func detectorsLintCommand(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "lint [DIR]",
		Short: "Check detectors: header, columns, portable SQL, cases",
		Long: `Checks every detector in DIR, or the built-in ones: that the header says what
the query does, that the SQL is what DuckDB and Trino share, that there are
cases that fire and cases that stay quiet. Prints FILE:LINE: problem, and ends
with exit code 1 when there is one.`,
		Example: "  kmstrail detectors lint ./my-detectors",
		Args:    between(0, 1, "DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("--format", format, []string{"text", "jsonl"}); err != nil {
				return err
			}
			files, err := detectorFiles(args)
			if err != nil {
				return err
			}
			return a.lint(cmd.Context(), files, format)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "`FORMAT`: text or jsonl")
	completeValues(cmd, "format", func() []string { return []string{"text", "jsonl"} })
	return cmd
}

// detectorFiles returns the files of the directory a user named, or the
// built-in ones.
func detectorFiles(args []string) (fs.FS, error) {
	if len(args) == 0 {
		return detectors.BuiltinFS(), nil
	}
	info, err := os.Stat(args[0])
	if err != nil {
		return nil, fmt.Errorf("read detectors: %w", err)
	}
	if !info.IsDir() {
		return nil, usagef("name the directory that holds ID.sql and ID.txtar", "%s is not a directory", args[0])
	}
	files := os.DirFS(args[0])
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("read detectors: %w", err)
	}
	if len(names) == 0 {
		return nil, usagef("detectors are files named ID.sql, with their cases in ID.txtar", "there is no detector in %s", args[0])
	}
	return files, nil
}

func (a *app) lint(ctx context.Context, files fs.FS, format string) error {
	store, err := casestore.Open(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	problems := detectors.Lint(ctx, files, detectors.LintOptions{
		Queries: queryIDs(),
		Describe: func(ctx context.Context, sql string) ([]detectors.Column, error) {
			columns, err := store.Describe(ctx, sql)
			if err != nil {
				return nil, err
			}
			out := make([]detectors.Column, len(columns))
			for i, c := range columns {
				out[i] = detectors.Column{Name: c.Name, Type: c.Type}
			}
			return out, nil
		},
	})
	e := json.NewEncoder(a.stdout)
	for _, p := range problems {
		if format == "jsonl" {
			err = e.Encode(p)
		} else {
			_, err = fmt.Fprintln(a.stdout, output.Clean(p.String()))
		}
		if err != nil {
			return fmt.Errorf("print problem: %w", err)
		}
	}
	if len(problems) > 0 {
		a.complain("%s", output.Plural(int64(len(problems)), "problem"))
		return codeError{exitError}
	}
	a.say("no problems")
	return nil
}

func detectorsTestCommand(a *app) *cobra.Command {
	var only []string
	cmd := &cobra.Command{
		Use:   "test [DIR]",
		Short: "Run the cases of detectors",
		Long: `Runs the cases beside the detectors in DIR, or the built-in ones: each goes from
CloudTrail records through the ingester and a store to the findings. Ends with
exit code 1 when a case fails.`,
		Example: "  kmstrail detectors test ./my-detectors\n  kmstrail detectors test --detector cross_account_decrypt",
		Args:    between(0, 1, "DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := detectorFiles(args)
			if err != nil {
				return err
			}
			return a.testDetectors(cmd.Context(), files, only)
		},
	}
	cmd.Flags().StringSliceVar(&only, "detector", nil, "only the detector with this `ID` (repeatable)")
	completeValues(cmd, "detector", detectorIDs)
	return cmd
}

func (a *app) testDetectors(ctx context.Context, files fs.FS, only []string) error {
	list, err := detectors.Load(files)
	if err != nil {
		return err
	}
	ids := make([]string, len(list))
	for i, d := range list {
		ids[i] = d.ID
	}
	for _, id := range only {
		if err := oneOf("--detector", id, ids); err != nil {
			return err
		}
	}
	failed, printErr := 0, error(nil)
	results, err := detectors.Test(ctx, files, detectors.TestOptions{
		Only: only,
		Open: func(ctx context.Context) (detectors.CaseStore, error) { return casestore.Open(ctx) },
	}, func(r detectors.CaseResult) {
		line := fmt.Sprintf("ok      %s/%s (%s)\n", r.DetectorID, r.Case, output.Span(r.Duration))
		if r.Failure != "" {
			failed++
			line = fmt.Sprintf("FAILED  %s/%s\n%s\n", r.DetectorID, r.Case, output.Indent(r.Failure, "        "))
		}
		if _, err := io.WriteString(a.stdout, line); err != nil {
			printErr = err
		}
	})
	if err != nil {
		return err
	}
	if printErr != nil {
		return fmt.Errorf("print result: %w", printErr)
	}
	if failed > 0 {
		a.complain("%d of %s failed", failed, output.Plural(int64(len(results)), "case"))
		return codeError{exitError}
	}
	a.say("%s passed", output.Plural(int64(len(results)), "case"))
	return nil
}
