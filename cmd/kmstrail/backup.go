package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/output"
)

func backupCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "backup [NAME]",
		Short: "Copy the store while it is in use",
		Long: `Copies the store, as it is now, into a new file of the backup directory
(server.backups, by default <db>.backups) and prints its path. A server that has
the store open makes the copy, on its own machine, and goes on answering and
ingesting meanwhile. Without NAME the file is called after the store and the
time.

kmstrail serve makes backups on a schedule: schedule.backup.`,
		Example: `  kmstrail backup
  kmstrail backup before-upgrade.duckdb`,
		Args: between(0, 1, "the backup's name"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			work, err := a.openToChange(cmd.Context(), cfg, openOptions{backup: true})
			if err != nil {
				return err
			}
			defer closeStore(work, &err)
			var req operate.BackupRequest
			if len(args) > 0 {
				req.Name = args[0]
			}
			done, err := work.Backup(cmd.Context(), req)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintln(a.safeStdout(), done.Path); err != nil {
				return fmt.Errorf("print the path: %w", err)
			}
			a.say("copied %s, %s, in %s", output.Plural(done.Rows, "row"), output.Bytes(done.Size), output.Span(time.Duration(done.Took)))
			return nil
		},
	}
}
