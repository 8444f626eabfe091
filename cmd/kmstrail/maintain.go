package main

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/output"
)

func maintainCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "maintain",
		Short: "Make the store small: put sums together, delete what is too old",
		Long: `Puts together what commits have added to the sums (usage_hourly and the like),
turns requests per second into requests per minute once they are three days
old, and deletes rows that are older than the configuration's retention. Space
that becomes free is used again by what comes next; the file does not shrink.

kmstrail ingest does the same when it has read something.`,
		Example: "  kmstrail maintain\n  kmstrail --config kmstrail.yaml maintain",
		Args:    noArguments(),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			work, err := a.openToChange(cmd.Context(), cfg, openOptions{})
			if err != nil {
				return err
			}
			defer closeStore(work, &err)
			done, err := work.Maintain(cmd.Context(), operate.MaintainRequest{All: true})
			if err != nil {
				return err
			}
			a.say("put %s together into %s; turned %s into minutes", output.Plural(done.Merged, "row"), output.Plural(done.Rows, "row"), output.Plural(done.Folded, "second"))
			a.sayExpired(done)
			return nil
		},
	}
}

func (a *app) sayExpired(done operate.MaintainResult) {
	for _, table := range slices.Sorted(maps.Keys(done.Expired)) {
		a.say("deleted %s of %s, older than retention.%s", output.Plural(done.Expired[table], "row"), table, table)
	}
}
