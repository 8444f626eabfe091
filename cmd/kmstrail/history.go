package main

import (
	"cmp"
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/historysource"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/operate"
)

func historyCommand(a *app) *cobra.Command {
	var last string
	cmd := &cobra.Command{
		Use:   "event-history",
		Short: "Read CloudTrail's event history, for those without a bucket",
		Long: `Reads the KMS events of CloudTrail's event history, which every account has
for 90 days without a trail: one account and Region at a time, slowly (AWS
allows two requests a second, 50 events each) and free of charge. Run it again
to go on; hours that are complete are not asked for twice.`,
		Example: `  kmstrail ingest event-history --region eu-west-1 --last 7d`,
		Args:    noArguments(),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			if server, err := a.findServer(cmd.Context(), cfg); err != nil || server != nil {
				return cmp.Or(err, locally("read the event history"))
			}
			var span time.Duration
			if last != "" {
				if span, err = config.ParseDuration(last); err != nil {
					return usagef("write 12h, 7d or 2w", "--last: %v", err)
				}
			}
			source, err := historysource.New(cmd.Context(), historysource.Config{
				Region: cfg.AWS.Region, Profile: cfg.AWS.Profile, EndpointURL: cfg.AWS.EndpointURL, Last: span, Logger: a.log,
			})
			if err != nil {
				return err
			}
			cfg.Ingest.Accounts, cfg.Ingest.Regions, cfg.Ingest.OrganizationID = nil, nil, "" // of log files
			work, err := a.openToChange(cmd.Context(), cfg, openOptions{create: true, ingest: true, operate: operate.Options{
				OpenSource: func(context.Context, config.Config) (ingest.Source, error) { return source, nil },
			}})
			if err != nil {
				return err
			}
			defer closeStore(work, &err)
			return a.runIngest(cmd.Context(), work, cfg, operate.IngestRequest{})
		},
	}
	cmd.Flags().String("region", "", "`REGION` to read (default that of the AWS configuration)")
	cmd.Flags().StringVar(&last, "last", "", "how far back, such as 7d (default and at most 90d)")
	cmd.Flags().String("profile", "", "AWS `PROFILE` of the shared configuration")
	cmd.Flags().String("endpoint-url", "", "`URL` of another CloudTrail than AWS's")
	overrides(cmd, "region", "aws.region")
	overrides(cmd, "profile", "aws.profile")
	overrides(cmd, "endpoint-url", "aws.endpoint_url")
	return cmd
}
