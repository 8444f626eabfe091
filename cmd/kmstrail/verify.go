package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/ingest/digest"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/output"
	"github.com/kmstrail/kmstrail/internal/verifyreport"
)

var verifyFormats = []string{"terminal", "html", "json"}

func verifyCommand(a *app) *cobra.Command {
	var times timeFlags
	var format, file string
	var all bool
	cmd := &cobra.Command{
		Use:   "verify [s3://BUCKET/PREFIX | DIR]",
		Short: "Compare log files with the digests that CloudTrail signed",
		Long: `Verifies the log files of days of delivery by CloudTrail's digests: their
signatures, the chain that they make, the hash of every log file that they list,
time that no digest is about, and log files that none lists. See docs/verify.md.

Public keys are asked for in each Region (cloudtrail:ListPublicKeys), or read from
--keys, a file with what aws cloudtrail list-public-keys printed.

With a store, what is found stands in log_file_validation and log_file_problems
afterwards, and days whose log files were all ingested as CloudTrail delivered them
are proven in the view coverage. Without one, it is only printed.

A copy in a directory has lost the signatures, which are metadata in S3. Those of
all digests but the newest stand in the one after them; for that one put what aws
s3api head-object prints beside it, as NAME.metadata.json.

Exit code 3 says that something was changed or is gone, 4 that not everything could
be proven.
` + timeHelp + `
Days are whole days of delivery, UTC; without times the last 7.`,
		Example: `  kmstrail verify s3://my-trail-bucket --last 30d
  kmstrail verify s3://my-trail-bucket --from 2026-10-01 --to 2026-11-01 --output october.html
  kmstrail verify ./copied-logs --keys public-keys.json --from 2026-10-01 --all`,
		Args: between(0, 1, "the source"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("format") {
				format = formatOfFile(file)
			}
			if err := oneOf("--format", format, verifyFormats); err != nil {
				return err
			}
			result, err := a.verify(cmd, args, &times)
			if err != nil {
				return err
			}
			return a.concludeVerify(&result, format, file, all)
		},
	}
	selectionFlags(cmd, &times)
	cmd.Flags().Lookup("from").Usage = "log files delivered on or after the day of `TIME`"
	cmd.Flags().Lookup("to").Usage = "log files delivered before `TIME`"
	cmd.Flags().Lookup("last").Usage = "log files delivered in the last `SPAN`, such as 7d"
	cmd.Flags().String("keys", "", "read public keys from `FILE` instead of asking AWS")
	overrides(cmd, "keys", "verify.keys")
	cmd.Flags().BoolVar(&all, "all", false, "also print days that are verified")
	cmd.Flags().StringVar(&format, "format", "terminal", "`FORMAT`: terminal, html or json (default from the name of --output)")
	cmd.Flags().StringVarP(&file, "output", "o", "", "write to `FILE` instead of standard output")
	completeValues(cmd, "format", func() []string { return verifyFormats })
	return cmd
}

func (a *app) verify(cmd *cobra.Command, args []string, times *timeFlags) (result operate.VerifyResult, err error) {
	ctx := cmd.Context()
	cfg, err := a.load(cmd)
	if err != nil {
		return result, err
	}
	if len(args) > 0 {
		cfg.Ingest.Source = args[0]
	}
	var req operate.VerifyRequest
	if req.From, req.To, err = times.window(a.now()); err != nil {
		return result, err
	}
	progress := &verifyProgress{a: a, next: a.now().Add(logEvery), bar: a.newBar("verifying", "days", 70)}
	defer progress.finish()
	if mustExist(cfg) != nil && !isRemote(cfg) {
		if err := checkSource(cfg.Ingest.Source); err != nil {
			return result, err
		}
		a.say("there is no store at %s: what is found is only printed", cfg.DB)
		return operate.VerifyAlone(ctx, cfg, a.operatorOptions(operate.Options{}), req, progress.update)
	}
	work, err := a.openToChange(ctx, cfg, openOptions{check: func() error { return checkSource(cfg.Ingest.Source) }})
	if err != nil {
		return result, err
	}
	defer closeStore(work, &err)
	if work.server != nil {
		if err := askToVerify(cmd, args, cfg, &req); err != nil {
			return result, err
		}
	}
	result, err = work.Verify(ctx, req, progress.update)
	if ctx.Err() != nil {
		a.warn("interrupted; the days that were done are stored")
		return result, codeError{exitInterrupted}
	}
	return result, err
}

// askToVerify puts into a request for a server what was given for this command.
func askToVerify(cmd *cobra.Command, args []string, cfg config.Config, req *operate.VerifyRequest) error {
	if err := refuseFlags(cmd, "the server finds public keys as its own configuration says: verify.keys", "keys"); err != nil {
		return err
	}
	var in operate.IngestRequest
	if err := askForSource(cmd, args, cfg, &in); err != nil {
		return err
	}
	req.Source, req.OrganizationID, req.Accounts, req.Regions = in.Source, in.OrganizationID, in.Accounts, in.Regions
	req.Concurrency, req.RequesterPays = in.Concurrency, in.RequesterPays
	return nil
}

func (a *app) concludeVerify(r *operate.VerifyResult, format, file string, all bool) error {
	for _, why := range r.Unlisted {
		a.complain("%s", why)
	}
	err := a.writeOutput(file, func(w io.Writer) error {
		switch format {
		case "html":
			return verifyreport.WriteHTML(w, r)
		case "json":
			return verifyreport.WriteJSON(w, r)
		}
		width, _ := terminal(a.stdout)
		return verifyreport.WriteTerminal(w, r, width, all)
	})
	if err != nil {
		return err
	}
	if file != "" && file != "-" {
		a.say("wrote %s: %s", file, verifyreport.Answer(r))
	}
	a.say("read %s and %s (%s) in %s", output.Plural(r.Digests, "digest"), output.Plural(r.Files, "log file"), output.Bytes(r.Bytes), output.Span(time.Duration(r.Took)))
	switch r.State() {
	case digest.Verified:
		return nil
	case digest.Failed:
		return codeError{exitFindings}
	}
	return codeError{exitUnreadable}
}

// verifyProgress shows how far it is: a bar on a terminal, else a line every few
// seconds.
type verifyProgress struct {
	a   *app
	bar *progressbar.ProgressBar // nil: log lines

	mu   sync.Mutex
	next time.Time
	done bool
}

func (p *verifyProgress) update(g digest.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		return
	}
	what := fmt.Sprintf("%s: %s, %s", g.Day.Format(time.DateOnly), output.Plural(g.Digests, "digest"), output.Plural(g.Files, "log file"))
	if p.bar != nil {
		if p.bar.GetMax64() != g.Days {
			p.bar.ChangeMax64(g.Days)
		}
		p.bar.Describe(what)
		_ = p.bar.Set64(g.Done)
		return
	}
	if now := p.a.now(); !now.Before(p.next) {
		p.next = now.Add(logEvery)
		p.a.say("%s of %s done; %s so far", output.Count(g.Done), output.Plural(g.Days, "day"), what)
	}
}

// finish clears the bar; what is printed after it stands on a line of its own.
func (p *verifyProgress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = true
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
