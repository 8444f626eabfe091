package main

import "github.com/spf13/cobra"

func lakeCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lake",
		Short: "Keep events as Parquet files that Trino and Athena read",
		Long: `A lake is a directory or an S3 prefix with the rows of the store as Parquet
files. Trino, Athena and others read it; detectors, queries and views are the
same SQL there (--engine trino). See docs/scale.md for when that pays.`,
		Example: `  kmstrail lake write s3://my-lake/kmstrail --source s3://my-trail-bucket --last 30d
  kmstrail lake ddl s3://my-lake/kmstrail --engine athena`,
		Args: noArguments(),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(lakeWriteCommand(a), lakeExportCommand(a), lakeDDLCommand(a))
	return cmd
}
