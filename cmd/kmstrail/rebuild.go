package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/output"
)

func rebuildCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "rebuild [TABLE...]",
		Short: "Compute derived tables anew from the events",
		Long: `Computes derived tables anew from their definitions: those named, else all of
` + strings.Join(duck.KeptTables(), ", ") + `.

They are kept up to date with every commit, so there is no need to; it repairs
a store that something else has changed, and takes up a change of the quotas in
the configuration for minutes long gone. It is one transaction: stopped half-way
it leaves everything as it was. Sums over events that have expired stay.`,
		Example: "  kmstrail rebuild\n  kmstrail rebuild usage_hourly usage_daily",
		Args:    cobra.ArbitraryArgs,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return duck.KeptTables(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if err := operate.CheckTables(args); err != nil {
				return err
			}
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			work, err := a.openToChange(cmd.Context(), cfg, openOptions{})
			if err != nil {
				return err
			}
			defer closeStore(work, &err)
			next := a.now().Add(logEvery)
			done, err := work.Rebuild(cmd.Context(), operate.RebuildRequest{Tables: args}, func(p operate.RebuildProgress) {
				if now := a.now(); !now.Before(next) {
					next = now.Add(logEvery)
					a.say("%s: %d of %s", p.Table, p.Done, output.Plural(int64(p.Total), "day"))
				}
			})
			if err != nil {
				return err
			}
			what := "all derived tables"
			if len(args) > 0 {
				what = strings.Join(args, ", ")
			}
			a.say("rebuilt %s in %s", what, output.Span(time.Duration(done.Took)))
			return nil
		},
	}
}
