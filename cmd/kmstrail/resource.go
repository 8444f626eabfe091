package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/internal/dossier"
)

func resourceCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "resource ARN",
		Short: "Show all about one encrypted resource",
		Long: `Prints what the store knows about one resource that keys encrypt: which keys and
since when, who used them for it, encryption contexts, tags, whether they agree
with those of the keys, and open findings that name it. Besides an ARN it takes
the name of a bucket or an id such as vol-0123456789abcdef0. Resources are known
from encryption contexts and from tagging.
` + pageHelp,
		Example: `  kmstrail resource arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-a1b2c3
  kmstrail resource my-bucket --last 7d
  kmstrail resource vol-0123456789abcdef0 --format json`,
		Args: one("the resource"),
	}
	return a.pageCommand(cmd, func(ctx context.Context, store engine, name string, opts dossier.Options) (page, error) {
		id, err := dossier.FindResource(ctx, store, name, opts)
		if err != nil {
			return nil, err
		}
		return dossier.Resource(ctx, store, id, opts)
	})
}
