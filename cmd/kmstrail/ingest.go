package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/dirsource"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/output"
)

type ingestFlags struct {
	times             timeFlags
	dryRun, reconcile bool
	follow            bool
}

func ingestCommand(a *app) *cobra.Command {
	var f ingestFlags
	cmd := &cobra.Command{
		Use:   "ingest [s3://BUCKET/PREFIX | DIR]",
		Short: "Read CloudTrail log files into the store",
		Long: `Reads CloudTrail log files from an S3 bucket or a directory and keeps the KMS
records. Run it again and again: the store remembers every file, and only what
is new or changed is read. Stop it at any time (Ctrl-C): what is read is kept,
and the next run goes on from there.

A directory is read whole. The first run on a bucket takes the last 7 days
(ingest.first_run) unless --from or --last say otherwise, and prints objects,
requests and estimated costs before it starts; later runs without --from go back
as far as the store does.
` + timeHelp + `

Files are selected by delivery date with slack, because CloudTrail delivers up
to hours, in rare cases days, late.

--queue reads the log files that messages of an SQS queue tell of instead, until
the queue is empty or with --follow until it is stopped; the source and
queue.buckets say which buckets they may name (docs/queue.md). A message is
deleted once what it tells of is stored.

--reconcile also reads again what is in quarantine. Exit code 4 says that some
input could not be read; kmstrail status lists it.`,
		Example: `  kmstrail ingest s3://my-trail-bucket --last 30d
  kmstrail ingest s3://my-trail-bucket/org --account 111122223333 --region eu-west-1
  kmstrail ingest s3://my-trail-bucket --from 2026-10-01 --to 2026-11-01 --dry-run
  kmstrail ingest ./downloaded-logs
  kmstrail ingest s3://my-trail-bucket --queue https://sqs.eu-west-1.amazonaws.com/111122223333/trail --follow`,
		Args: between(0, 1, "the source"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.follow || cmd.Flag("queue").Changed {
				return a.ingestQueue(cmd, args, f.follow)
			}
			return a.ingest(cmd, args, &f)
		},
	}
	selectionFlags(cmd, &f.times)
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "list and estimate only; read and store nothing")
	cmd.Flags().BoolVar(&f.reconcile, "reconcile", false, "read objects in quarantine again")
	cmd.Flags().String("queue", "", "read what messages of the SQS queue with this `URL` tell of")
	cmd.Flags().BoolVar(&f.follow, "follow", false, "go on reading the queue until stopped")
	overrides(cmd, "queue", "queue.url")
	cmd.AddCommand(historyCommand(a))
	return cmd
}

// selectionFlags adds the flags that say which log files to read, and how.
func selectionFlags(cmd *cobra.Command, times *timeFlags) {
	flags := cmd.Flags()
	flags.StringSlice("account", nil, "only files of this account `ID` (repeatable)")
	flags.StringSlice("region", nil, "only files of this `REGION` (repeatable)")
	times.register(cmd)
	flags.String("organization-id", "", "only files of this organisation `ID`")
	flags.String("profile", "", "AWS `PROFILE` of the shared configuration")
	flags.String("endpoint-url", "", "`URL` of another S3 than AWS's")
	flags.Int("concurrency", 0, "read `N` objects at once (default 16)")
	flags.Bool("requester-pays", false, "agree to pay for requests to somebody else's bucket")
	for flag, path := range map[string]string{
		"account": "ingest.accounts", "region": "ingest.regions", "organization-id": "ingest.organization_id",
		"profile": "aws.profile", "endpoint-url": "aws.endpoint_url", "concurrency": "ingest.concurrency",
		"requester-pays": "ingest.requester_pays",
	} {
		overrides(cmd, flag, path)
	}
}

// selection returns which log files the configuration selects.
func selection(cfg config.Config, from, to time.Time) ingest.Selection {
	return ingest.Selection{
		OrganizationID: cfg.Ingest.OrganizationID, Accounts: cfg.Ingest.Accounts, Regions: cfg.Ingest.Regions,
		From: from, To: to,
	}
}

func (a *app) ingest(cmd *cobra.Command, args []string, f *ingestFlags) (err error) {
	ctx := cmd.Context()
	cfg, err := a.load(cmd)
	if err != nil {
		return err
	}
	if len(args) > 0 {
		cfg.Ingest.Source = args[0]
	}
	req := operate.IngestRequest{DryRun: f.dryRun, Reconcile: f.reconcile}
	if req.From, req.To, err = f.times.window(a.now()); err != nil {
		return err
	}
	if _, err := os.Stat(cfg.DB); f.dryRun && errors.Is(err, os.ErrNotExist) {
		cfg.DB = duck.Memory // ask a store that is empty, without making one
	}
	work, err := a.openToChange(ctx, cfg, openOptions{
		create: true, ingest: true, check: func() error { return checkSource(cfg.Ingest.Source) },
	})
	if err != nil {
		return err
	}
	defer closeStore(work, &err)
	if work.server != nil {
		if err := askForSource(cmd, args, cfg, &req); err != nil {
			return err
		}
	}
	return a.runIngest(ctx, work, cfg, req)
}

// checkSource says what is wrong with the name of a source, before there is a
// store.
func checkSource(name string) error {
	if err := operate.CheckSource(name); err != nil || operate.IsBucket(name) {
		return err
	}
	dir, err := dirsource.New(name)
	if err != nil {
		return err
	}
	return dir.Close()
}

// askForSource puts into a request for a server what was given for this command;
// the rest is as the server's own configuration says.
func askForSource(cmd *cobra.Command, args []string, cfg config.Config, req *operate.IngestRequest) error {
	if err := refuseFlags(cmd, "the server reads the bucket as its own configuration says: aws.profile, aws.endpoint_url", "profile", "endpoint-url"); err != nil {
		return err
	}
	given := func(path string) bool {
		kind := cfg.Origin(path).Kind
		return kind == "flag" || kind == "env"
	}
	if len(args) > 0 || given("ingest.source") {
		req.Source = cfg.Ingest.Source
	}
	if req.Source != "" && !operate.IsBucket(req.Source) {
		if isRemote(cfg) {
			return usagef("run kmstrail ingest there, or name a bucket", "the server at %s cannot read a directory of this machine", cfg.Client.URL)
		}
		if err := checkSource(req.Source); err != nil {
			return err
		}
		path, err := filepath.Abs(req.Source)
		if err != nil {
			return fmt.Errorf("read %s: %w", req.Source, err)
		}
		req.Source = path
	}
	if given("ingest.organization_id") {
		req.OrganizationID = cfg.Ingest.OrganizationID
	}
	if given("ingest.accounts") {
		req.Accounts = cfg.Ingest.Accounts
	}
	if given("ingest.regions") {
		req.Regions = cfg.Ingest.Regions
	}
	if given("ingest.concurrency") {
		req.Concurrency = cfg.Ingest.Concurrency
	}
	req.RequesterPays = given("ingest.requester_pays") && cfg.Ingest.RequesterPays
	return nil
}

// ingestRun tells about one ingest.
type ingestRun struct {
	a        *app
	source   string // as the user wrote it
	dryRun   bool
	progress *ingestProgress // nil until something is read
	// saidStart and saidPlan say what has been said.
	saidStart, saidPlan bool
}

// runIngest ingests and tells about it.
func (a *app) runIngest(ctx context.Context, work *workplace, cfg config.Config, req operate.IngestRequest) error {
	r := ingestRun{a: a, source: cfg.Ingest.Source, dryRun: req.DryRun}
	result, err := work.Ingest(ctx, req, r.update)
	if work.server != nil && req.Source == "" {
		r.source = result.Source
	}
	if r.progress != nil {
		r.progress.finish()
	}
	r.update(operate.IngestProgress{Start: result.Start, Plan: result.Plan})
	return r.conclude(ctx, result, err)
}

// update tells what is new about the run.
func (r *ingestRun) update(p operate.IngestProgress) {
	if p.Start != nil && !r.saidStart {
		r.saidStart = true
		r.sayStart(*p.Start)
	}
	if p.Plan != nil && !r.saidPlan {
		r.saidPlan = true
		r.sayPlan(*p.Plan)
	}
	if p.Read == nil {
		return
	}
	if r.progress == nil {
		r.progress = r.a.newProgress()
	}
	r.progress.update(*p.Read)
}

func (r *ingestRun) sayStart(s operate.IngestStart) {
	switch {
	case !s.Chosen:
	case s.First:
		r.a.say("first run on %s: taking the last %s, from %s; --from or --last take more",
			s.Source, config.FormatDuration(time.Duration(s.FirstRun)), output.Time(s.From))
	case !s.From.IsZero():
		r.a.say("looking for new files from %s on, the first day in the store; --from looks further back", s.From.Format(time.DateOnly))
	}
}

// sayPlan says what would be read, and what it costs.
func (r *ingestRun) sayPlan(p operate.IngestPlan) {
	known := ""
	if p.ObjectsKnown > 0 {
		known = fmt.Sprintf("; %s known already", output.Count(p.ObjectsKnown))
	}
	cost := ""
	if p.Bucket {
		cost = fmt.Sprintf("; about %s, %s (data transfer and KMS requests not included)",
			output.Plural(p.Estimated.List+p.Estimated.Get, "request"), output.Dollars(p.Cost))
	}
	r.a.say("%s: %s to read, %s%s%s", p.Source, output.Plural(p.ObjectsToRead, "log file"), output.Bytes(p.BytesToRead), known, cost)
}

// conclude prints the summary and decides the exit code.
func (r *ingestRun) conclude(ctx context.Context, result operate.IngestResult, err error) error {
	s := result.Summary
	interrupted := ctx.Err() != nil
	switch {
	case s == nil && err != nil:
		return err
	case s == nil:
		if !r.dryRun {
			r.a.warn("there is no log file of that time; --from looks further back, kmstrail doctor shows the newest")
		}
		return r.unlisted(result)
	case err != nil && !interrupted && result.Maintained == nil:
		if s.ObjectsDone > 0 {
			r.a.say("%s", summaryLine(*s, result.Took))
			r.a.say("what was read is stored; run the same command again to go on")
		}
		return err
	}
	r.summary(*s, result.Took)
	if interrupted {
		r.a.warn("interrupted; what was read is stored. Run the same command again to go on")
		return codeError{exitInterrupted}
	}
	unreadable := r.unlisted(result)
	if result.Maintained != nil {
		r.a.sayExpired(*result.Maintained)
	}
	if err != nil {
		return err
	}
	return unreadable
}

// unlisted says what could not be listed, and decides the exit code.
func (r *ingestRun) unlisted(result operate.IngestResult) error {
	for _, why := range result.Unlisted {
		r.a.complain("%s", why)
	}
	if result.Unreadable() {
		return codeError{exitUnreadable}
	}
	return nil
}

func summaryLine(s ingest.Summary, took operate.Seconds) string {
	if s.ObjectsDone == 0 {
		return fmt.Sprintf("nothing new: %s known already", output.Plural(s.ObjectsKnown, "log file"))
	}
	line := fmt.Sprintf("read %s (%s, %s of JSON) in %s: %s, %s of KMS, %s new",
		output.Plural(s.ObjectsDone, "log file"), output.Bytes(s.BytesDone), output.Bytes(s.JSONBytes), output.Span(time.Duration(took)),
		output.Plural(s.Records, "record"), output.Count(s.KMS), output.Count(s.Inserted))
	if s.ObjectsKnown > 0 {
		line += fmt.Sprintf("; %s known already", output.Plural(s.ObjectsKnown, "file"))
	}
	return line
}

// summary prints what a run did.
func (r *ingestRun) summary(s ingest.Summary, took operate.Seconds) {
	a := r.a
	if s.ObjectsListed == 0 {
		a.warn("found no CloudTrail log file at %s; kmstrail doctor says what is there", r.place())
		return
	}
	a.say("%s", summaryLine(s, took))
	a.sayRecords(s)
	a.sayUnreadable(s)
}

// detailLogger is the logger for what the summary says again in short.
func (a *app) detailLogger() *slog.Logger {
	if a.verbose {
		return a.log
	}
	return nil
}

// place is the source as the user wrote it.
func (r *ingestRun) place() string {
	if strings.Contains(r.source, "://") {
		return r.source
	}
	return filepath.Clean(r.source)
}
