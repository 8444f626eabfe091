package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/queuesource"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/output"
)

// ingestQueue reads what a queue tells of.
func (a *app) ingestQueue(cmd *cobra.Command, args []string, follow bool) (err error) {
	for _, name := range []string{"from", "to", "last", "dry-run", "reconcile"} {
		if cmd.Flag(name).Changed {
			return usagef("a queue tells of what is new; kmstrail ingest without --queue looks for the rest", "--%s has no meaning with --queue or --follow", name)
		}
	}
	ctx := cmd.Context()
	cfg, err := a.load(cmd)
	if err != nil {
		return err
	}
	if len(args) > 0 {
		cfg.Ingest.Source = args[0]
	}
	if err := operate.CheckQueue(cfg); err != nil {
		return err
	}
	if server, err := a.findServer(ctx, cfg); err != nil || server != nil {
		return cmp.Or(err, error(adviceError{
			fmt.Errorf("read the queue %s: a server has the store open", cfg.Queue.URL),
			"set queue.url in the configuration of the server, which then reads the queue itself",
		}))
	}
	store, err := a.openToWrite(ctx, cfg, openOptions{ingest: true})
	if err != nil {
		return err
	}
	defer closeStore(store, &err)
	return a.runQueue(ctx, operate.New(store, cfg, a.operatorOptions(operate.Options{})), cfg, follow)
}

// runQueue reads the queue and tells about it.
func (a *app) runQueue(ctx context.Context, op *operate.Operator, cfg config.Config, follow bool) error {
	until := "it is empty"
	if follow {
		until = "stopped (Ctrl-C)"
	}
	a.say("reading %s until %s", cfg.Queue.URL, until)
	result, err := op.IngestQueue(ctx, operate.QueueRequest{
		Follow: follow,
		OnError: func(err error) {
			if err == nil {
				a.say("the queue can be read again")
				return
			}
			a.complain("%v", err)
		},
		OnTurn: func(t queuesource.Turn) {
			if follow && t.Stored > 0 {
				a.tell(levelVerbose, "stored what %s told of", []any{output.Plural(t.Stored, "message")})
			}
		},
	})
	if err == nil || ctx.Err() != nil || result.Messages.Messages > 0 {
		a.queueSummary(result)
	}
	if ctx.Err() != nil {
		if follow {
			return nil // as it was asked to
		}
		a.warn("interrupted; what was read is stored, and the other messages are in the queue. Run the same command again to go on")
		return codeError{exitInterrupted}
	}
	if err != nil {
		return err
	}
	if result.Maintained != nil {
		a.sayExpired(*result.Maintained)
	}
	if result.Unreadable() {
		return codeError{exitUnreadable}
	}
	return nil
}

// queueSummary prints what came of messages, and of the log files they named.
func (a *app) queueSummary(r operate.QueueResult) {
	m, s := r.Messages, r.Summary
	a.say("%s in %s: %s stored, %s of no log file, %s to quarantine, %s left",
		output.Plural(m.Messages, "message"), output.Span(time.Duration(r.Took)), output.Count(m.Stored), output.Count(m.Skipped), output.Count(m.Quarantined), output.Count(m.Left))
	if s.ObjectsListed > 0 {
		a.say("%s", summaryLine(s, r.Took))
	}
	a.sayRecords(s)
	for _, p := range m.Problems {
		a.warn("%s", p)
	}
	if m.Gone > 0 {
		a.warn("%s gone before it was read: a lifecycle rule or somebody deletes them early", output.Plural(m.Gone, "log file"))
	}
	a.sayUnreadable(s)
}

// sayRecords says what is worth knowing about the records of a run.
func (a *app) sayRecords(s ingest.Summary) {
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
}

// sayUnreadable says what could not be read whole, some of it by name.
func (a *app) sayUnreadable(s ingest.Summary) {
	for i, f := range s.Failures {
		if i == 5 {
			a.warn("… and %s more", output.Count(s.Failed-5))
			break
		}
		a.warn("%s: %s", f.Key, f.Error)
	}
	if s.Failed > 0 || operate.Rejected(s) > 0 {
		a.warn("%s could not be read whole, %s went to quarantine; kmstrail status lists them",
			output.Plural(s.Failed, "log file"), output.Plural(operate.Rejected(s), "record"))
	}
}
