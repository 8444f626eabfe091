package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/output"
	"github.com/kmstrail/kmstrail/internal/watch"
)

func restoreCommand(a *app) *cobra.Command {
	var replace bool
	cmd := &cobra.Command{
		Use:   "restore BACKUP",
		Short: "Make a store of a backup",
		Long: `Makes a store (--db) of a backup, or of another store that nobody has open.
The backup is read whole and checked, and stays as it is. The store gets its name
when it is complete; stopped before that, everything is as it was.

Where there is a store already nothing is done, unless --replace is given: then
the old one is kept under the name <db>.replaced-TIME. A store that a server or
another program has open is left alone.

What came after the backup was made is read again by the next kmstrail ingest,
or by kmstrail serve: the store remembers which log files it has.`,
		Example: `  kmstrail restore kmstrail.duckdb.backups/kmstrail-20261122T031700Z.duckdb --replace
  kmstrail restore /backups/kmstrail-20261122T031700Z.duckdb --db try.duckdb`,
		Args: one("BACKUP"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			return a.restore(cmd.Context(), cfg, args[0], replace)
		},
	}
	cmd.Flags().BoolVar(&replace, "replace", false, "put it in the place of the store that is there, and keep that beside it")
	return cmd
}

func (a *app) restore(ctx context.Context, cfg config.Config, backup string, replace bool) error {
	keepPrivate()
	progress := a.newCopyProgress()
	done, err := duck.Restore(ctx, backup, cfg.DB, duck.RestoreOptions{
		Replace: replace, Now: a.now(),
		// A server that remembers to have read what the backup does not have would
		// read it late.
		Beside:      []string{watch.File("")},
		MemoryLimit: cfg.Limits.Memory, Threads: cfg.Limits.Threads, Progress: progress.update,
	})
	progress.finish()
	switch {
	case errors.Is(err, fs.ErrExist):
		return adviceError{err, "--replace puts the backup in its place and keeps the old store beside it; --db names another"}
	case errors.Is(err, duck.ErrLocked):
		return adviceError{err, "stop the server, or whatever has the store open, first; --db restores beside it"}
	case err != nil:
		return err
	}
	return a.printRestored(done)
}

func (a *app) printRestored(r duck.Restored) error {
	if _, err := fmt.Fprintln(a.safeStdout(), r.Path); err != nil {
		return fmt.Errorf("print the path: %w", err)
	}
	if r.KeptAs != "" {
		a.say("the store that was there is now %s", r.KeptAs)
	}
	made := ""
	if !r.MadeAt.IsZero() {
		made = ", backed up at " + output.Time(r.MadeAt)
	}
	a.say("restored %s, %s, in %s%s", output.Plural(r.Rows, "row"), output.Bytes(r.Bytes), output.Span(r.Took), made)
	if r.Events > 0 {
		a.say("it has %s from %s to %s; the last was stored at %s", output.Plural(r.Events, "KMS event"), output.Time(r.First), output.Time(r.Last), output.Time(r.CommittedAt))
	} else {
		a.say("it has no events")
	}
	a.say("kmstrail ingest, or kmstrail serve, reads the log files that came later; kmstrail detect then looks at them")
	return nil
}

// copyProgress shows how much of a store is copied: a bar on a terminal, else a
// line every few seconds.
type copyProgress struct {
	a   *app
	bar *progressbar.ProgressBar // nil: log lines

	mu   sync.Mutex
	next time.Time
}

func (a *app) newCopyProgress() *copyProgress {
	return &copyProgress{a: a, bar: a.newBar("copying", "MB", 50), next: a.now().Add(logEvery)}
}

func (p *copyProgress) update(done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		if mb := max(total>>20, 1); p.bar.GetMax64() != mb {
			p.bar.ChangeMax64(mb)
		}
		_ = p.bar.Set64(done >> 20) // that it cannot be drawn is no reason to stop
		return
	}
	if now := p.a.now(); !now.Before(p.next) {
		p.next = now.Add(logEvery)
		p.a.say("copied %s of about %s", output.Bytes(done), output.Bytes(total))
	}
}

// finish clears the bar; what is printed after it stands on a line of its own.
func (p *copyProgress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
