package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/ingest/s3source"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/lake"
	"github.com/kmstrail/kmstrail/internal/output"
)

func lakeExportCommand(a *app) *cobra.Command {
	var replace bool
	cmd := &cobra.Command{
		Use:   "export DIR | s3://BUCKET/PREFIX",
		Short: "Write a whole store to a lake",
		Long: `Writes all rows of the store (--db) as Parquet files to a directory or an S3
prefix, where Trino, Athena and others read them with the same SQL. Events are
partitioned by Region and day.

The lake remembers which log files its rows come from: kmstrail lake write goes
on from there with those that are new. A lake that has rows already is left
alone unless --replace says to delete them first. Nobody else may write the lake
at the same time.`,
		Example: `  kmstrail lake export ./lake
  kmstrail --db prod.duckdb lake export s3://my-lake/kmstrail
  kmstrail lake export s3://my-lake/kmstrail --replace`,
		Args: between(1, 1, "the lake: a directory or s3://BUCKET/PREFIX"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.lakeExport(cmd, args[0], replace) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&replace, "replace", false, "delete the rows that the lake has first")
	awsFlags(cmd)
	return cmd
}

// awsFlags adds the flags that say how S3 is reached.
func awsFlags(cmd *cobra.Command) {
	cmd.Flags().String("profile", "", "AWS `PROFILE` of the shared configuration")
	cmd.Flags().String("endpoint-url", "", "`URL` of another S3 than AWS's")
	overrides(cmd, "profile", "aws.profile")
	overrides(cmd, "endpoint-url", "aws.endpoint_url")
}

// openLake opens the lake at a location.
func (a *app) openLake(ctx context.Context, cfg config.Config, location string) (lake.Bucket, error) {
	if scheme, _, isURL := strings.Cut(location, "://"); isURL && scheme != "s3" && scheme != "file" {
		return nil, usagef("a lake is a directory or s3://BUCKET/PREFIX", "cannot write to %q", location)
	}
	return lake.Open(ctx, location, s3source.Config{
		EndpointURL: cfg.AWS.EndpointURL, Profile: cfg.AWS.Profile, Region: cfg.AWS.Region, Logger: a.log,
	})
}

func (a *app) lakeExport(cmd *cobra.Command, location string, replace bool) (err error) {
	ctx := cmd.Context()
	cfg, err := a.load(cmd)
	if err != nil {
		return err
	}
	bucket, err := a.openLake(ctx, cfg, location)
	if err != nil {
		return err
	}
	store, err := a.openToRead(ctx, cfg)
	if err != nil {
		return err
	}
	defer closeStore(store, &err)
	start := a.now()
	progress := a.newExportProgress()
	done, err := lake.Export(ctx, store, bucket, lake.ExportOptions{Replace: replace, Maker: "kmstrail " + version, OnProgress: progress.update})
	progress.finish()
	return a.sayExported(ctx, bucket, done, err, a.now().Sub(start))
}

// sayExported says what an export did, or what must be done about one that did
// not end.
func (a *app) sayExported(ctx context.Context, bucket lake.Bucket, done lake.Exported, err error, took time.Duration) error {
	if done.Deleted > 0 {
		a.say("deleted %s that %s had", output.Plural(done.Deleted, "file"), bucket)
	}
	switch {
	case errors.Is(err, lake.ErrNotEmpty):
		return adviceError{err, "kmstrail lake write adds what is new; --replace deletes the rows of the lake and writes those of the store"}
	case err != nil && done.Files+done.Deleted > 0:
		if ctx.Err() == nil {
			return adviceError{err, "the lake is not whole: run the command again with --replace"}
		}
		a.warn("interrupted; the lake is not whole. Run the command again with --replace")
		return codeError{exitInterrupted}
	case err != nil:
		return err
	}
	a.say("wrote %s of KMS, %s of other services and %s to %s: %s, %s, in %s",
		output.Plural(done.Rows[lake.Events], "record"), output.Count(done.Rows[lake.Related]),
		output.Plural(done.Rows[lake.LogFiles], "ledger entry"), bucket,
		output.Plural(done.Files, "file"), output.Bytes(done.Bytes), output.Span(took))
	return nil
}

// exportProgress shows how far an export is: a bar on a terminal, else a line
// every few seconds.
type exportProgress struct {
	a    *app
	bar  *progressbar.ProgressBar // nil: log lines
	mu   sync.Mutex
	next time.Time
}

func (a *app) newExportProgress() *exportProgress {
	p := &exportProgress{a: a, next: a.now().Add(logEvery)}
	p.bar = a.newBar("writing", "rows", 80)
	return p
}

func (p *exportProgress) update(g lake.ExportProgress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	what := strings.TrimSuffix(g.Table, "_parquet")
	if !g.Day.IsZero() {
		what += " of " + g.Day.Format(time.DateOnly)
	}
	if p.bar != nil {
		if p.bar.GetMax64() != g.RowsAll {
			p.bar.ChangeMax64(g.RowsAll)
		}
		p.bar.Describe(what)
		_ = p.bar.Set64(g.Rows)
		return
	}
	if now := p.a.now(); !now.Before(p.next) {
		p.next = now.Add(logEvery)
		p.a.say("%s", fmt.Sprintf("wrote %s of %s rows, %s: %s", output.Count(g.Rows), output.Count(g.RowsAll), output.Bytes(g.Bytes), what))
	}
}

// finish clears the bar; what is printed after it stands on a line of its own.
func (p *exportProgress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
