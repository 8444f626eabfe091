package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/dirsource"
	"github.com/kmstrail/kmstrail/ingest/s3source"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/output"
	"github.com/kmstrail/kmstrail/internal/rows"
)

func doctorCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor [s3://BUCKET/PREFIX | DIR]",
		Short: "Check everything that kmstrail needs, and say what to do",
		Long: `Checks configuration, store, credentials, Region, the layout of the bucket, the
right to read and decrypt, whether KMS records are in the logs at all, and how
old the newest log file is. Without a source it takes that of the configuration
(ingest.source), else the one that the server of the store watches. Each line is
ok or says what to do. It reads some log files and changes nothing. Exit code 1
says that something must be done.`,
		Example: `  kmstrail doctor s3://my-trail-bucket
  kmstrail doctor ./downloaded-logs`,
		Args: between(0, 1, "the source"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.doctor(cmd, args) },
	}
	cmd.Flags().StringSlice("account", nil, "only look at this account `ID` (repeatable)")
	cmd.Flags().StringSlice("region", nil, "only look at this `REGION` (repeatable)")
	cmd.Flags().String("profile", "", "AWS `PROFILE` of the shared configuration")
	cmd.Flags().String("endpoint-url", "", "`URL` of another S3 than AWS's")
	cmd.Flags().Bool("requester-pays", false, "agree to pay for requests to somebody else's bucket")
	for flag, path := range map[string]string{
		"account": "ingest.accounts", "region": "ingest.regions", "profile": "aws.profile",
		"endpoint-url": "aws.endpoint_url", "requester-pays": "ingest.requester_pays",
	} {
		overrides(cmd, flag, path)
	}
	return cmd
}

// doctor prints a line per check.
type doctor struct {
	a      *app
	failed bool
	err    error
}

func (d *doctor) line(mark, name, detail, hint string) {
	if d.err != nil {
		return
	}
	text := strings.TrimRight(fmt.Sprintf("%-8s %-16s %s", mark, name, output.Clean(detail)), " ") + "\n"
	if hint != "" {
		text += fmt.Sprintf("%-8s %-16s → %s\n", "", "", output.Clean(hint))
	}
	_, d.err = io.WriteString(d.a.stdout, text)
}

func (d *doctor) ok(name, format string, args ...any) {
	d.line("ok", name, fmt.Sprintf(format, args...), "")
}

func (d *doctor) warn(name, detail, hint string) { d.line("look", name, detail, hint) }

func (d *doctor) fail(name, detail, hint string) {
	d.failed = true
	d.line("FAILED", name, detail, hint)
}

func (a *app) doctor(cmd *cobra.Command, args []string) error {
	ctx := cmd.Context()
	d := &doctor{a: a}
	cfg, err := a.load(cmd)
	if err != nil {
		return err
	}
	if len(args) > 0 {
		cfg.Ingest.Source = args[0]
	}
	file := cfg.File()
	if file == "" {
		file = "no file, defaults"
	}
	d.ok("configuration", "%s", file)
	d.store(ctx, cfg)
	if cfg.Ingest.Source == "" {
		cfg.Ingest.Source = a.watchedSource(ctx, cfg)
	}
	if err := d.source(ctx, cfg); err != nil {
		return err
	}
	if d.err != nil {
		return d.err
	}
	if d.failed {
		return codeError{exitError}
	}
	return nil
}

// watchedSource is what the server that has the store open watches; "" without
// one. That it cannot be asked was said of the store.
func (a *app) watchedSource(ctx context.Context, cfg config.Config) string {
	s, err := a.server(ctx, cfg)
	if err != nil || s == nil {
		return ""
	}
	defer s.Close()
	now, err := s.Status(ctx)
	if err != nil || now.Server == nil || now.Server.Watching == nil {
		return ""
	}
	return now.Server.Watching.Source
}

func (d *doctor) store(ctx context.Context, cfg config.Config) {
	store, err := d.a.openToRead(ctx, cfg)
	switch {
	case errors.Is(err, duck.ErrLocked):
		d.warn("store", err.Error(), "")
		return
	case err != nil && strings.Contains(err.Error(), "no such file"):
		d.ok("store", "%s does not exist yet; kmstrail ingest creates it", cfg.DB)
		return
	case err != nil:
		d.fail("store", err.Error(), "name another file with --db, or restore this one")
		return
	}
	defer store.Close()
	var events int64
	if err := eachRow(ctx, store, "select count(*) from kms_events", nil, func(r rows.Row) { events = r.Number(0) }); err != nil {
		d.fail("store", err.Error(), "")
		return
	}
	place := cfg.DB
	if isRemote(cfg) {
		place = cfg.Client.URL
	}
	d.ok("store", "%s, %s of KMS", place, output.Plural(events, "event"))
}

func (d *doctor) source(ctx context.Context, cfg config.Config) error {
	if cfg.Ingest.Source == "" {
		d.warn("source", "none given", "kmstrail doctor s3://BUCKET checks a bucket; ingest.source in kmstrail.yaml names one for good")
		return nil
	}
	source, err := operate.OpenSource(ctx, cfg, cfg.Ingest.Source, d.a.log)
	if _, isUsage := errors.AsType[*operate.UsageError](err); isUsage {
		return err
	}
	if err != nil {
		d.fail("source", s3source.Explain(err).Error(), "")
		return nil
	}
	sel := ingest.Selection{OrganizationID: cfg.Ingest.OrganizationID, Accounts: cfg.Ingest.Accounts, Regions: cfg.Ingest.Regions}
	switch s := source.(type) {
	case *s3source.Source:
		d.bucket(ctx, s, sel)
	case *dirsource.Source:
		defer s.Close()
		d.directory(ctx, s, sel)
	}
	return ctx.Err()
}

// checkNames are the names of s3source's checks for people.
var checkNames = map[string]string{"newest_log_file": "newest log file", "read": "read and decrypt"}

func (d *doctor) bucket(ctx context.Context, s *s3source.Source, sel ingest.Selection) {
	report := s.Probe(ctx, sel)
	for _, c := range report.Checks {
		name := c.Name
		if n := checkNames[name]; n != "" {
			name = n
		}
		switch c.Status {
		case s3source.CheckOK:
			detail := c.Detail
			if c.Name == "newest_log_file" {
				detail = output.Span(report.NewestAge) + " old: " + detail
			}
			d.ok(name, "%s", detail)
		case s3source.CheckWarning:
			d.warn(name, c.Detail, c.Hint)
		case s3source.CheckFailed:
			d.fail(name, c.Detail, c.Hint)
		case s3source.CheckSkipped:
			d.line("skipped", name, c.Detail, "")
		}
	}
	if !report.OK() || report.Newest == nil {
		return
	}
	newest := *report.Newest
	d.contents(ctx, s, sel, newest.Location.DeliveredAt)
}

func (d *doctor) directory(ctx context.Context, s *dirsource.Source, sel ingest.Selection) {
	var newest ingest.Object
	var n, size int64
	err := s.List(ctx, sel, func(page []ingest.Object) error {
		for _, o := range page {
			n++
			size += o.Size
			if o.Location.DeliveredAt.After(newest.Location.DeliveredAt) || newest.Key == "" {
				newest = o
			}
		}
		return nil
	})
	switch {
	case err != nil:
		d.fail("directory", err.Error(), "make it readable")
		return
	case n == 0:
		d.fail("directory", "no log file in "+s.Name(), "name a directory with .json or .json.gz files of CloudTrail")
		return
	}
	d.ok("directory", "%s, %s", output.Plural(n, "log file"), output.Bytes(size))
	if !newest.Location.DeliveredAt.IsZero() {
		d.ok("newest log file", "%s old: %s", output.Span(d.a.now().Sub(newest.Location.DeliveredAt)), newest.Key)
	}
	d.contents(ctx, s, sel, newest.Location.DeliveredAt)
}

// sampleFiles is how many log files doctor decodes to look for KMS records.
const sampleFiles = 200

// contents decodes a sample of the last day's log files through the real
// pipeline, into a store that is thrown away.
func (d *doctor) contents(ctx context.Context, s ingest.Source, sel ingest.Selection, newest time.Time) {
	if !newest.IsZero() {
		sel.From = newest.Add(-24 * time.Hour)
	}
	store, err := duck.Open(ctx, duck.Memory, duck.Options{})
	if err != nil {
		d.fail("decode", err.Error(), "")
		return
	}
	defer store.Close()
	summary, err := ingest.Run(ctx, ingest.Options{Source: &sampleSource{Source: s}, Sink: store, Selection: sel})
	if err != nil && !errors.Is(err, errEnough) {
		d.fail("decode", s3source.Explain(err).Error(), "")
		return
	}
	switch {
	case summary.Records == 0 && len(summary.Failures) > 0:
		d.fail("decode", summary.Failures[0].Key+": "+summary.Failures[0].Error, "these are not CloudTrail log files; check the prefix")
		return
	case summary.Failed > 0:
		d.warn("decode", fmt.Sprintf("%s of %s could not be read: %s: %s", output.Count(summary.Failed), output.Plural(summary.ObjectsDone, "log file"),
			summary.Failures[0].Key, summary.Failures[0].Error), "")
	default:
		d.ok("decode", "%s, %s", output.Plural(summary.ObjectsDone, "log file"), output.Plural(summary.Records, "record"))
	}
	d.kmsRecords(ctx, store, summary)
}

func (d *doctor) kmsRecords(ctx context.Context, store *duck.Store, s ingest.Summary) {
	var reads int64
	err := eachRow(ctx, store, "select count(*) from kms_events where read_only", nil, func(r rows.Row) { reads = r.Number(0) })
	switch {
	case err != nil:
		d.fail("KMS records", err.Error(), "")
	case s.KMS == 0:
		d.warn("KMS records", fmt.Sprintf("none among %s of the last day", output.Plural(s.Records, "record")),
			"the trail may exclude them: aws cloudtrail get-event-selectors --trail-name NAME shows ExcludeManagementEventSources; quiet accounts have none either")
	case reads == 0:
		d.warn("KMS records", fmt.Sprintf("%s, but none that reads", output.Count(s.KMS)),
			"the trail may be write-only: then Decrypt and Encrypt are missing; aws cloudtrail get-event-selectors shows ReadWriteType")
	default:
		d.ok("KMS records", "%s of %s", output.Count(s.KMS), output.Plural(s.Records, "record"))
	}
}

var errEnough = errors.New("enough log files")

// sampleSource lists only the first log files.
type sampleSource struct{ ingest.Source }

func (s *sampleSource) List(ctx context.Context, sel ingest.Selection, visit func([]ingest.Object) error) error {
	left := sampleFiles
	err := s.Source.List(ctx, sel, func(page []ingest.Object) error {
		page = page[:min(len(page), left)]
		left -= len(page)
		if err := visit(page); err != nil {
			return err
		}
		if left == 0 {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}
