package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/internal/dossier"
)

func keyCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key KEY|ALIAS",
		Short: "Show all about one key",
		Long: `Prints what the store knows about one key: its state, who uses it for what, what
would miss it, what changed, its grants and open findings, and how complete the
logs are. KEY is a key ARN, a key id, an alias or an alias ARN.
` + pageHelp,
		Example: `  kmstrail key alias/orders
  kmstrail key 12345678-1234-1234-1234-123456789012 --last 7d
  kmstrail key alias/orders --output key.html`,
		Args: one("the key"),
	}
	return a.pageCommand(cmd, func(ctx context.Context, store engine, name string, opts dossier.Options) (page, error) {
		arn, err := dossier.FindKey(ctx, store, name)
		if err != nil {
			return nil, err
		}
		return dossier.Key(ctx, store, arn, opts)
	})
}
