package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/internal/dossier"
)

func principalCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "principal ARN",
		Short: "Show all about one principal",
		Long: `Prints what the store knows about one principal: how it came in, the keys it
used, what it was denied, what it changed, the grants for it and by it, and its
open findings. Besides an ARN, also of a session, it takes a unique id, the name
of an AWS service such as ec2.amazonaws.com, or the name of a role or user that
only one principal has.
` + pageHelp,
		Example: `  kmstrail principal arn:aws:iam::111122223333:role/app
  kmstrail principal app --last 7d
  kmstrail principal app --output app.html`,
		Args: one("the principal"),
	}
	return a.pageCommand(cmd, func(ctx context.Context, store engine, name string, opts dossier.Options) (page, error) {
		who, err := dossier.FindPrincipal(ctx, store, name)
		if err != nil {
			return nil, err
		}
		return dossier.Principal(ctx, store, who, opts)
	})
}
