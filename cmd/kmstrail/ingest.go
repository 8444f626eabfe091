package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/dirsource"
	"github.com/kmstrail/kmstrail/ingest/s3source"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/output"
	"github.com/kmstrail/kmstrail/internal/rows"
)

type ingestFlags struct {
	times             timeFlags
	dryRun, reconcile bool
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

--reconcile also reads again what is in quarantine. Exit code 4 says that some
input could not be read; kmstrail status lists it.`,
		Example: `  kmstrail ingest s3://my-trail-bucket --last 30d
  kmstrail ingest s3://my-trail-bucket/org --account 111122223333 --region eu-west-1
  kmstrail ingest s3://my-trail-bucket --from 2026-10-01 --to 2026-11-01 --dry-run
  kmstrail ingest ./downloaded-logs`,
		Args: between(0, 1, "the source"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.ingest(cmd, args, &f) },
	}
	selectionFlags(cmd, &f.times)
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "list and estimate only; read and store nothing")
	cmd.Flags().BoolVar(&f.reconcile, "reconcile", false, "read objects in quarantine again")
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
	from, to, err := f.times.window(a.now())
	if err != nil {
		return err
	}
	source, err := a.openSource(ctx, cfg)
	if err != nil {
		return err
	}
	if f.dryRun {
		if _, err := os.Stat(cfg.DB); errors.Is(err, os.ErrNotExist) {
			cfg.DB = duck.Memory // ask a store that is empty, without making one
		}
	}
	store, err := a.openToIngest(ctx, cfg)
	if err != nil {
		return err
	}
	defer closeStore(store, &err)
	run := ingestRun{a: a, cfg: cfg, store: store, opts: ingest.Options{
		Source: source, Sink: store,
		Selection:   selection(cfg, from, to),
		Concurrency: cfg.Ingest.Concurrency, Reconcile: f.reconcile, SelfPrincipals: cfg.SelfPrincipals, Logger: a.detailLogger(),
	}}
	return run.run(ctx, f.dryRun)
}

// openSource opens what ingest.source names.
func (a *app) openSource(ctx context.Context, cfg config.Config) (ingest.Source, error) {
	name := cfg.Ingest.Source
	switch {
	case name == "":
		return nil, usagef("kmstrail ingest s3://BUCKET or kmstrail ingest DIR; or set ingest.source in kmstrail.yaml", "nothing to ingest: no source given")
	case strings.HasPrefix(name, "s3://"):
		return a.openBucket(ctx, cfg, name)
	case strings.Contains(name, "://"):
		return nil, usagef("a source is s3://BUCKET/PREFIX or a directory", "cannot read from %q", name)
	}
	dir, err := dirsource.New(name)
	if errors.Is(err, os.ErrNotExist) && !strings.ContainsAny(name, `/\.`) {
		return nil, usagef("for a bucket write s3://"+name, "there is no directory %q", name)
	}
	return dir, err
}

func (a *app) openBucket(ctx context.Context, cfg config.Config, name string) (*s3source.Source, error) {
	u, err := url.Parse(name)
	if err != nil || u.Host == "" {
		return nil, usagef("write s3://BUCKET or s3://BUCKET/PREFIX", "%q does not name a bucket", name)
	}
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(name, "s3://"), "/")
	return s3source.New(ctx, s3source.Config{
		Bucket: bucket, Prefix: prefix,
		EndpointURL: cfg.AWS.EndpointURL, Profile: cfg.AWS.Profile, Region: cfg.AWS.Region,
		RequesterPays: cfg.Ingest.RequesterPays, Concurrency: cfg.Ingest.Concurrency,
		Logger: a.log,
	})
}

// ingestRun is one run of kmstrail ingest.
type ingestRun struct {
	a     *app
	cfg   config.Config
	store *duck.Store
	opts  ingest.Options
}

func (r *ingestRun) run(ctx context.Context, dryRun bool) error {
	first, err := r.chooseStart(ctx)
	if err != nil {
		return err
	}
	if dryRun || first {
		toRead, err := r.plan(ctx)
		if err != nil || dryRun {
			return err
		}
		if toRead == 0 {
			r.a.warn("there is no log file of that time; --from looks further back, kmstrail doctor shows the newest")
			return nil
		}
	}
	progress := r.a.newProgress()
	r.opts.OnProgress = progress.update
	summary, err := ingest.Run(ctx, r.opts)
	progress.finish()
	err = r.conclude(ctx, summary, err)
	if summary.ObjectsDone == 0 || err != nil && !isUnreadable(err) {
		return err
	}
	if failed := r.a.maintain(ctx, r.store, r.cfg); failed != nil {
		return failed
	}
	return err
}

func isUnreadable(err error) bool { return errors.Is(err, codeError{exitUnreadable}) }

// chooseStart bounds a run on a bucket that names no start, and reports whether
// it is the first one on that bucket.
func (r *ingestRun) chooseStart(ctx context.Context) (first bool, err error) {
	if _, isBucket := r.opts.Source.(*s3source.Source); !isBucket {
		return false, nil
	}
	var files int64
	var earliest time.Time
	err = eachRow(ctx, r.store, "select count(*), min(delivered_at) from log_files where source = ?",
		[]any{r.opts.Source.Name()}, func(row rows.Row) { files, earliest = row.Number(0), row.Moment(1) })
	if err != nil {
		return false, err
	}
	if !r.opts.Selection.From.IsZero() {
		return files == 0, nil
	}
	end := r.opts.Selection.To
	if end.IsZero() {
		end = r.a.now().UTC()
	}
	start := end.Add(-r.cfg.Ingest.FirstRun).Truncate(time.Hour)
	if files == 0 {
		r.a.say("first run on %s: taking the last %s, from %s; --from or --last take more",
			r.opts.Source.Name(), config.FormatDuration(r.cfg.Ingest.FirstRun), output.Time(start))
		r.opts.Selection.From = start
		return true, nil
	}
	if !earliest.IsZero() && earliest.Before(end) {
		r.opts.Selection.From = earliest.Truncate(24 * time.Hour)
		r.a.say("looking for new files from %s on, the first day in the store; --from looks further back", r.opts.Selection.From.Format(time.DateOnly))
	}
	return false, nil
}

// plan lists what would be read, says what it costs and returns the number of
// log files.
func (r *ingestRun) plan(ctx context.Context) (toRead int64, err error) {
	p, err := ingest.Plan(ctx, r.opts)
	partial, isPartial := errors.AsType[*ingest.PartialListError](err)
	if err != nil && !isPartial {
		return 0, err
	}
	known := ""
	if p.ObjectsKnown > 0 {
		known = fmt.Sprintf("; %s known already", output.Count(p.ObjectsKnown))
	}
	cost := ""
	if _, isBucket := r.opts.Source.(*s3source.Source); isBucket {
		requests := p.Requests
		requests.Get += p.ObjectsToRead
		requests.List *= 2 // listed once more while reading
		cost = fmt.Sprintf("; about %s, %s (data transfer and KMS requests not included)",
			output.Plural(requests.List+requests.Get, "request"), output.Dollars(s3source.Cost(requests)))
	}
	r.a.say("%s: %s to read, %s%s%s", r.opts.Source.Name(), output.Plural(p.ObjectsToRead, "log file"), output.Bytes(p.BytesToRead), known, cost)
	if isPartial && p.ObjectsToRead == 0 {
		return 0, errors.Join(partial.Errs...)
	}
	return p.ObjectsToRead, nil
}

// conclude prints the summary and decides the exit code.
func (r *ingestRun) conclude(ctx context.Context, s ingest.Summary, err error) error {
	partial, isPartial := errors.AsType[*ingest.PartialListError](err)
	interrupted := ctx.Err() != nil
	if err != nil && !isPartial && !interrupted {
		if s.ObjectsDone > 0 {
			r.a.say("%s", summaryLine(s))
			r.a.say("what was read is stored; run the same command again to go on")
		}
		return err
	}
	// A summary must be whole even when the run was interrupted.
	r.summary(s)
	if interrupted {
		r.a.warn("interrupted; what was read is stored. Run the same command again to go on")
		return codeError{exitInterrupted}
	}
	if isPartial {
		for _, e := range partial.Errs {
			r.a.complain("%s", s3source.Explain(e))
		}
	}
	if s.Failed > 0 || rejected(s) > 0 || isPartial {
		return codeError{exitUnreadable}
	}
	return nil
}

func summaryLine(s ingest.Summary) string {
	if s.ObjectsDone == 0 {
		return fmt.Sprintf("nothing new: %s known already", output.Plural(s.ObjectsKnown, "log file"))
	}
	line := fmt.Sprintf("read %s (%s, %s of JSON) in %s: %s, %s of KMS, %s new",
		output.Plural(s.ObjectsDone, "log file"), output.Bytes(s.BytesDone), output.Bytes(s.JSONBytes), output.Span(s.Duration),
		output.Plural(s.Records, "record"), output.Count(s.KMS), output.Count(s.Inserted))
	if s.ObjectsKnown > 0 {
		line += fmt.Sprintf("; %s known already", output.Plural(s.ObjectsKnown, "file"))
	}
	return line
}

// summary prints what a run did.
func (r *ingestRun) summary(s ingest.Summary) {
	a := r.a
	if s.ObjectsListed == 0 {
		a.warn("found no CloudTrail log file at %s; kmstrail doctor says what is there", r.place())
		return
	}
	a.say("%s", summaryLine(s))
	if s.Inserted > 0 {
		a.say("KMS events from %s to %s", output.Time(s.FirstEvent), output.Time(s.LastEvent))
	}
	if s.Duplicates > 0 {
		a.say("%s delivered more than once, kept once", output.Plural(s.Duplicates, "record"))
	}
	if s.Conflicts > 0 {
		a.warn("%s with a known event id and other content: somebody may have tampered with logs; kmstrail status shows where", output.Plural(s.Conflicts, "record"))
	}
	if s.Expired > 0 {
		a.say("%s older than retention.kms_events, not stored again", output.Plural(s.Expired, "record"))
	}
	for i, f := range s.Failures {
		if i == 5 {
			a.warn("… and %s more", output.Count(s.Failed-5))
			break
		}
		a.warn("%s: %s", f.Key, f.Error)
	}
	if s.Failed > 0 || rejected(s) > 0 {
		a.warn("%s could not be read whole, %s went to quarantine; kmstrail status lists them",
			output.Plural(s.Failed, "log file"), output.Plural(rejected(s), "record"))
	}
}

// rejected counts what went to quarantine because something is wrong with it.
// An event that CloudTrail itself has corrected is kept there, but is well.
func rejected(s ingest.Summary) int64 { return s.Quarantined - s.Superseded }

// detailLogger is the logger for what the summary says again in short.
func (a *app) detailLogger() *slog.Logger {
	if a.verbose {
		return a.log
	}
	return nil
}

// place is the source as the user wrote it.
func (r *ingestRun) place() string {
	if strings.Contains(r.cfg.Ingest.Source, "://") {
		return r.cfg.Ingest.Source
	}
	return filepath.Clean(r.cfg.Ingest.Source)
}
