package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/lake"
)

type lakeDDLFlags struct {
	engine, location, firstDay string
	regions                    []string
	run                        bool
}

func lakeDDLCommand(a *app) *cobra.Command {
	var f lakeDDLFlags
	cmd := &cobra.Command{
		Use:   "ddl DIR | s3://BUCKET/PREFIX",
		Short: "Print the DDL by which Trino or Athena finds the lake",
		Long: `Prints the statements that make the tables over the files of the lake, and the
views of kmstrail over them; --run runs them on the Trino of the configuration
(trino.url, trino.catalog, trino.schema).

Partitions are projected: an engine looks for those of the Regions and from the
day on that the lake has now, or that --region and --first-day name, and new days
need no statement. When the lake gets events of another Region, or of an earlier
day, run the statements again; nothing is lost by that, because tables of files
are only descriptions.`,
		Example: `  kmstrail lake ddl s3://my-lake/kmstrail --engine athena > kmstrail.sql
  kmstrail lake ddl s3://my-lake/kmstrail --engine trino --run
  kmstrail lake ddl ./lake --engine trino --location local:///lake`,
		Args: between(1, 1, "the lake: a directory or s3://BUCKET/PREFIX"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.lakeDDL(cmd, args[0], &f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.engine, "engine", string(lake.Trino), "`ENGINE`: trino or athena")
	flags.StringVar(&f.location, "location", "", "the lake as the engine reaches it (`URL`), if by another name")
	flags.StringSliceVar(&f.regions, "region", nil, "`REGION` that the lake has or will have, besides those found in it (repeatable)")
	flags.StringVar(&f.firstDay, "first-day", "", "first `DAY` of events and log files, such as 2026-01-31; without it that of the lake")
	flags.BoolVar(&f.run, "run", false, "run the statements on Trino instead of printing them")
	flags.String("catalog", "", "Trino's `CATALOG` (trino.catalog)")
	flags.String("schema", "", "`SCHEMA` of Trino, or database of Athena (trino.schema)")
	overrides(cmd, "catalog", "trino.catalog")
	overrides(cmd, "schema", "trino.schema")
	awsFlags(cmd)
	completeValues(cmd, "engine", lake.Dialects)
	return cmd
}

func (a *app) lakeDDL(cmd *cobra.Command, location string, f *lakeDDLFlags) error {
	ctx := cmd.Context()
	if err := oneOf("--engine", f.engine, lake.Dialects()); err != nil {
		return err
	}
	cfg, err := a.load(cmd)
	if err != nil {
		return err
	}
	opts, err := a.ddlOptions(ctx, cfg, location, f)
	if err != nil {
		return err
	}
	if f.run {
		return a.runDDL(ctx, cfg, opts)
	}
	script, err := lake.Script(opts)
	if err != nil {
		return err
	}
	_, err = io.WriteString(a.safeStdout(), script)
	return err
}

// ddlOptions looks into the lake for what the flags leave open.
func (a *app) ddlOptions(ctx context.Context, cfg config.Config, location string, f *lakeDDLFlags) (lake.DDLOptions, error) {
	bucket, err := a.openLake(ctx, cfg, location)
	if err != nil {
		return lake.DDLOptions{}, err
	}
	extent, err := lake.ReadExtent(ctx, bucket)
	if err != nil {
		return lake.DDLOptions{}, err
	}
	opts := lake.DDLOptions{
		Dialect: lake.Dialect(f.engine), Location: f.location, Catalog: cfg.Trino.Catalog, Schema: cfg.Trino.Schema,
		Regions: append(extent.Regions, f.regions...), FirstDay: extent.FirstDay,
	}
	if opts.Location == "" {
		opts.Location = bucket.String()
	}
	if f.firstDay != "" {
		if opts.FirstDay, err = time.Parse(time.DateOnly, f.firstDay); err != nil {
			return opts, usagef("write --first-day 2026-01-31", "--first-day: %q is not a day", f.firstDay)
		}
	}
	if len(opts.Regions) == 0 || opts.FirstDay.IsZero() {
		return opts, usagef("fill it first (kmstrail lake write), or say --region and --first-day", "%s has no events yet, so its Regions and days are not known", bucket)
	}
	return opts, nil
}

// runDDL runs the statements on Trino.
func (a *app) runDDL(ctx context.Context, cfg config.Config, opts lake.DDLOptions) error {
	switch {
	case opts.Dialect != lake.Trino:
		return usagef("print them and run them in Athena", "--run is for --engine trino")
	case cfg.Trino.URL == "":
		return usagef("set trino.url in kmstrail.yaml, or KMSTRAIL_TRINO_URL", "--run: the address of Trino is not known")
	}
	statements, err := lake.DDL(opts)
	if err != nil {
		return err
	}
	l, err := openTrino(ctx, cfg)
	if err != nil {
		return err
	}
	defer l.Close()
	for _, st := range statements {
		if err := l.trino.Exec(ctx, st.SQL); err != nil {
			return fmt.Errorf("make %s on Trino: %w", st.Creates, err)
		}
	}
	a.say("made %s in %s.%s on Trino, for %s", fmt.Sprintf("%d tables and %d views", len(lake.Tables()), len(lake.Views())), opts.Catalog, opts.Schema, opts.Location)
	return nil
}
