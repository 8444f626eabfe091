package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/output"
	"github.com/kmstrail/kmstrail/internal/s3server"
	"github.com/kmstrail/kmstrail/sampledata"
)

func demoCommand(a *app) *cobra.Command {
	var dir string
	var sample sampledata.Config
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show everything on a sample bucket, without an AWS account",
		Long: `Writes a sample bucket (12 accounts, 4 Regions, 30 days), serves it through an
S3 API on loopback, ingests it from there, runs the detectors, prints a summary
and writes DIR/report.html. DIR/kmstrail.duckdb and DIR/kmstrail.yaml stay for
you to ask questions.`,
		Example: `  kmstrail demo --dir demo
  kmstrail --config demo/kmstrail.yaml --db demo/kmstrail.duckdb status`,
		Args: noArguments(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context(), dir, sample) },
	}
	cmd.Flags().StringVar(&dir, "dir", "demo", "`DIR` to write to; what an earlier demo left there is replaced")
	cmd.Flags().Uint64Var(&sample.Seed, "seed", 1, "`SEED` of the sample data")
	cmd.Flags().Float64Var(&sample.Scale, "scale", 1, "`FACTOR` for the everyday records; 1 makes about 200,000")
	return cmd
}

// demoFiles are what a demo leaves in its directory, and removes first.
var demoFiles = []string{"bucket", "truth.json", "kmstrail.yaml", "report.html", "kmstrail.duckdb", "kmstrail.duckdb.wal", "kmstrail.duckdb.lock", "kmstrail.duckdb.watch.json"}

func (a *app) demo(ctx context.Context, dir string, sample sampledata.Config) error {
	mine := config.Defaults()
	mine.DB = filepath.Join(dir, "kmstrail.duckdb")
	if server, err := a.findServer(ctx, mine); err != nil || server != nil {
		return cmp.Or(err, locally("replace the demo in "+dir))
	}
	if err := clearDemo(dir); err != nil {
		return err
	}
	sample.Dir = dir
	truth, err := a.generateSample(ctx, sample)
	if err != nil {
		return err
	}
	server, err := s3server.Start(ctx, s3server.Config{Dir: filepath.Join(dir, "bucket"), Logger: a.log})
	if err != nil {
		return fmt.Errorf("serve sample bucket: %w", err)
	}
	defer server.Close()
	// Only this process, and only the address and keys of the loopback server.
	for _, e := range server.Env() {
		name, value, _ := strings.Cut(e, "=")
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("point the S3 client at the sample bucket: %w", err)
		}
	}
	a.say("serving s3://%s at %s", server.Bucket(), server.URL())
	cfg, err := config.Load(config.Options{File: filepath.Join(dir, "kmstrail.yaml"), Flags: []config.Flag{
		{Path: "db", Name: "--dir", Value: filepath.Join(dir, "kmstrail.duckdb")},
		{Path: "aws.endpoint_url", Name: "--dir", Value: server.URL()},
		{Path: "ingest.source", Name: "--dir", Value: "s3://" + server.Bucket()},
	}})
	if err != nil {
		return err
	}
	return a.demoRun(ctx, cfg, dir, truth)
}

// clearDemo makes room. A directory with anything else in it is left alone.
func clearDemo(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make demo directory: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read demo directory: %w", err)
	}
	mine := len(entries) == 0
	for _, e := range entries {
		mine = mine || e.Name() == "truth.json"
	}
	if !mine {
		return usagef("name an empty or a new one with --dir", "the directory %s is not empty and was not made by an earlier demo", dir)
	}
	for _, name := range demoFiles {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("remove earlier demo: %w", err)
		}
	}
	return nil
}

func (a *app) generateSample(ctx context.Context, sample sampledata.Config) (sampledata.Truth, error) {
	a.say("writing a sample bucket to %s", filepath.Join(sample.Dir, "bucket"))
	start, next := a.now(), a.now().Add(logEvery)
	truth, err := sampledata.Generate(ctx, sample, func(p sampledata.Progress) {
		if now := a.now(); !now.Before(next) {
			next = now.Add(logEvery)
			a.say("wrote %s, %s", output.Plural(int64(p.Files), "log file"), output.Plural(int64(p.Records), "record"))
		}
	})
	if err != nil {
		return truth, err
	}
	a.say("wrote %s with %s (%s), %s of KMS, in %s", output.Plural(int64(truth.LogFiles), "log file"),
		output.Plural(int64(truth.Records), "record"), output.Bytes(truth.Bytes), output.Count(int64(truth.KMSRecords)), output.Span(a.now().Sub(start)))
	return truth, nil
}

// demoRun does what ingest and report do.
func (a *app) demoRun(ctx context.Context, cfg config.Config, dir string, truth sampledata.Truth) (err error) {
	store, err := a.openToWrite(ctx, cfg, openOptions{ingest: true})
	if err != nil {
		return err
	}
	defer closeStore(store, &err)
	work := &workplace{operator: operate.New(store, cfg, a.operatorOptions(operate.Options{})), engine: store}
	// The sample has broken files on purpose.
	err = a.runIngest(ctx, work, cfg, operate.IngestRequest{From: truth.Start, To: truth.End})
	if err != nil && !errors.Is(err, codeError{exitUnreadable}) {
		return err
	}
	list, err := detectors.Builtin()
	if err != nil {
		return err
	}
	d := &detection{work: work, detectors: list}
	a.say("running %s", output.Plural(int64(len(list)), "detector"))
	began := time.Now()
	if d.result, err = work.Detect(ctx, operate.DetectRequest{From: truth.Start, To: truth.End}, nil); err != nil {
		return err
	}
	if d.result.Problem != nil {
		return d.result.Problem.Err()
	}
	a.say("ran them in %s", output.Span(time.Since(began)))
	if err := a.writeReport(ctx, d, "terminal", ""); err != nil {
		return err
	}
	if err := a.writeReport(ctx, d, "html", filepath.Join(dir, "report.html")); err != nil {
		return err
	}
	a.say("now try: kmstrail --config %[1]s/kmstrail.yaml --db %[1]s/kmstrail.duckdb status", dir)
	a.say("the bucket is served no more; kmstrail event ID --raw --source %s/bucket reads its files from the directory", dir)
	return nil
}
