package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/s3source"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/lake"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/output"
)

type lakeWriteFlags struct {
	times timeFlags
	wait  string
}

func lakeWriteCommand(a *app) *cobra.Command {
	var f lakeWriteFlags
	cmd := &cobra.Command{
		Use:   "write DIR | s3://BUCKET/PREFIX",
		Short: "Read CloudTrail log files into a lake",
		Long: `Reads CloudTrail log files (--source, or ingest.source) and writes the KMS
records as Parquet files to a directory or an S3 prefix, where Trino, Athena and
others read them with the same SQL. No store is needed.

Run it again and again, on as many machines as you like at the same time: the
lake remembers every log file, workers share what is new among themselves, and
one that stops or is killed loses and doubles nothing; the others, or the next
run, do what it left. Each needs the right to read the logs, and to list, read
and write the lake.

A directory is read whole; of a bucket the last 7 days (ingest.first_run) unless
--from or --last say otherwise.
` + timeHelp + `

Many small files make engines slow. From a timer that runs every few minutes say
--wait 1h: log files then wait until those of their Region and day fill a file,
or the oldest of them was written an hour ago.

Exit code 4 says that some input could not be read; the next run tries again.`,
		Example: `  kmstrail lake write ./lake --source ./downloaded-logs
  kmstrail lake write s3://my-lake/kmstrail --source s3://my-trail-bucket --last 30d
  kmstrail lake write s3://my-lake/kmstrail --source s3://my-trail-bucket --wait 1h`,
		Args: between(1, 1, "the lake: a directory or s3://BUCKET/PREFIX"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.lakeWrite(cmd, args[0], &f) },
	}
	cmd.Flags().String("source", "", "read log files from `PLACE`: s3://BUCKET/PREFIX or a directory")
	overrides(cmd, "source", "ingest.source")
	selectionFlags(cmd, &f.times)
	cmd.Flags().StringVar(&f.wait, "wait", "", "leave log files for a later run until they fill a file or are so `OLD`, such as 1h")
	return cmd
}

func (a *app) lakeWrite(cmd *cobra.Command, location string, f *lakeWriteFlags) error {
	ctx := cmd.Context()
	cfg, err := a.load(cmd)
	if err != nil {
		return err
	}
	from, to, err := f.times.window(a.now())
	if err != nil {
		return err
	}
	wait := time.Duration(0)
	if f.wait != "" {
		if wait, err = config.ParseDuration(f.wait); err != nil {
			return usagef("write 30m, 1h or 6h", "--wait: %v", err)
		}
	}
	if cfg.Ingest.Source == "" {
		return usagef("add --source s3://BUCKET or --source DIR; or set ingest.source in kmstrail.yaml", "nothing to write: no source of log files given")
	}
	source, err := operate.OpenSource(ctx, cfg, cfg.Ingest.Source, a.log)
	if err != nil {
		return err
	}
	bucket, err := a.openLake(ctx, cfg, location)
	if err != nil {
		return err
	}
	run := lakeWriteRun{a: a, source: cfg.Ingest.Source, opts: lake.WriteOptions{
		Bucket: bucket, Source: source, Selection: selection(cfg, a.lakeStart(cfg, source, from, to), to), Version: "kmstrail " + version,
		Concurrency: cfg.Ingest.Concurrency, SelfPrincipals: cfg.SelfPrincipals, RedactContext: operate.ContextPatterns(cfg), Wait: wait, Now: a.now, Logger: a.detailLogger(),
	}}
	return run.run(ctx, cfg)
}

// lakeStart bounds a run on a bucket that names no start. A lake does not say how
// far back it goes, as a store does: to ask would be to read all its plans.
func (a *app) lakeStart(cfg config.Config, source ingest.Source, from, to time.Time) time.Time {
	if _, isBucket := source.(*s3source.Source); !isBucket || !from.IsZero() {
		return from
	}
	if to.IsZero() {
		to = a.now().UTC()
	}
	from = to.Add(-cfg.Ingest.FirstRun).Truncate(time.Hour)
	a.say("looking for new files of the last %s, from %s; --from or --last look further back",
		config.FormatDuration(cfg.Ingest.FirstRun), output.Time(from))
	return from
}

// lakeWriteRun is one run of kmstrail lake write.
type lakeWriteRun struct {
	a      *app
	source string // as the user wrote it
	opts   lake.WriteOptions
}

func (r *lakeWriteRun) run(ctx context.Context, cfg config.Config) error {
	// First of all: not every service that speaks S3 lets several write.
	if err := lake.CheckCreate(ctx, r.opts.Bucket); err != nil {
		return err
	}
	if err := lake.MakeTables(ctx, r.opts.Bucket); err != nil {
		return fmt.Errorf("make the tables of the lake: %w", err)
	}
	for _, t := range cfg.Tables() {
		if _, err := lake.WriteTable(ctx, r.opts.Bucket, t.Table, t.Rows); err != nil {
			return fmt.Errorf("write configuration to lake: %w", err)
		}
	}
	progress := r.a.newProgress()
	r.opts.OnProgress = progress.update
	summary, err := lake.Write(ctx, r.opts)
	progress.finish()
	return r.conclude(ctx, summary, err)
}

// conclude prints the summary and decides the exit code.
func (r *lakeWriteRun) conclude(ctx context.Context, s lake.WriteSummary, err error) error {
	unfinished, isUnfinished := errors.AsType[*lake.UnfinishedError](err)
	partial, isPartial := errors.AsType[*ingest.PartialListError](err)
	interrupted := ctx.Err() != nil
	if err != nil && !isUnfinished && !isPartial && !interrupted {
		if s.PlansDone > 0 {
			r.a.say("%s", lakeWriteLine(s))
			r.a.say("what was written stays; run the same command again to go on")
		}
		return err
	}
	r.summary(s)
	if interrupted {
		r.a.warn("interrupted; what was written stays. Run the same command again to go on")
		return codeError{exitInterrupted}
	}
	if isPartial {
		for _, e := range partial.Errs {
			r.a.complain("%s", s3source.Explain(e))
		}
	}
	if isUnfinished {
		r.sayUnfinished(unfinished)
	}
	if s.Failed > 0 || s.Quarantined > 0 || isPartial || isUnfinished {
		return codeError{exitUnreadable}
	}
	return nil
}

// sayUnfinished names plans that wait, and why.
func (r *lakeWriteRun) sayUnfinished(u *lake.UnfinishedError) {
	for i, e := range u.Errs {
		if i == 5 {
			r.a.complain("… and %s more", output.Count(int64(len(u.Errs)-i)))
			break
		}
		r.a.complain("%s is not finished: %s", u.Plans[i], s3source.Explain(e))
	}
	r.a.complain("the next run tries again")
}

// summary prints what a run did.
func (r *lakeWriteRun) summary(s lake.WriteSummary) {
	a := r.a
	if s.ObjectsListed == 0 && s.PlansDone == 0 {
		a.warn("found no CloudTrail log file at %s; kmstrail doctor says what is there", r.source)
		return
	}
	a.say("%s", lakeWriteLine(s))
	if !s.FirstEvent.IsZero() {
		a.say("KMS events from %s to %s", output.Time(s.FirstEvent), output.Time(s.LastEvent))
	}
	if s.PlansOthers > 0 {
		a.say("other workers have carried out %s meanwhile", output.Plural(s.PlansOthers, "plan"))
	}
	if s.Waiting > 0 {
		a.say("%s wait for more, or until the oldest is older than --wait", output.Plural(s.Waiting, "log file"))
	}
	for i, f := range s.Failures {
		if i == 5 {
			a.warn("… and %s more", output.Count(s.Failed-5))
			break
		}
		a.warn("%s: %s", f.Key, f.Error)
	}
	if s.Failed > 0 || s.Quarantined > 0 {
		a.warn("%s could not be read whole, %s went to quarantine", output.Plural(s.Failed, "log file"), output.Plural(s.Quarantined, "record"))
	}
}

func lakeWriteLine(s lake.WriteSummary) string {
	if s.PlansDone == 0 {
		return fmt.Sprintf("nothing new: %s in the lake already", output.Plural(s.ObjectsKnown, "log file"))
	}
	line := fmt.Sprintf("read %s (%s, %s of JSON) in %s: %s, %s of KMS; wrote %s, %s",
		output.Plural(s.ObjectsDone, "log file"), output.Bytes(s.BytesDone), output.Bytes(s.JSONBytes), output.Span(s.Duration),
		output.Plural(s.Records, "record"), output.Count(s.KMS), output.Plural(s.FilesWritten, "file"), output.Bytes(s.BytesWritten))
	if s.ObjectsKnown > 0 {
		line += fmt.Sprintf("; %s in the lake already", output.Plural(s.ObjectsKnown, "log file"))
	}
	return line
}
