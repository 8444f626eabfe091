package lake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/kmstrail/kmstrail/ingest"
)

// filesAtOnce is how many files of a plan are written at once.
const filesAtOnce = 4

// leaveOut settles which files a plan goes without, before anything is written.
func (w *writer) leaveOut(ctx context.Context, c *collected) error {
	mine := make([]leftOut, 0, len(c.failed))
	for _, key := range slices.Sorted(maps.Keys(c.failed)) {
		mine = append(mine, leftOut{key, c.failed[key].Error()})
	}
	if len(mine) == len(c.plan.Files) {
		for _, l := range mine {
			if !isGone(c.failed[l.Key]) {
				return &notNowError{fmt.Errorf("none of %d log files can be read: %w", len(mine), c.failed[l.Key])}
			}
		}
	}
	body := emptyWithout
	if len(mine) > 0 {
		var err error
		if body, err = json.Marshal(mine); err != nil {
			return err
		}
	}
	id := c.plan.id()
	agreed := mine
	err := w.o.Bucket.Create(ctx, w.dir+id.String()+withoutSuffix, body)
	if errors.Is(err, ErrExists) {
		agreed, err = getWithout(ctx, w.o.Bucket, c.plan.Source, id)
	}
	if err != nil {
		return err
	}
	return c.comply(agreed)
}

// isGone reports whether what was listed will never be readable again.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, ingest.ErrChanged)
}

// comply leaves out what was agreed on. A file that this worker alone cannot read
// now is for another worker, or for later.
func (c *collected) comply(agreed []leftOut) error {
	out := make(map[string]string, len(agreed))
	for _, l := range agreed {
		out[l.Key] = l.Error
	}
	for key, err := range c.failed {
		if _, ok := out[key]; !ok && !isGone(err) {
			return &notNowError{fmt.Errorf("another worker could read it and has begun to write: %w", err)}
		}
	}
	c.leaveOut(out)
	return nil
}

// write writes the files of a plan, the ledger's last.
func (w *writer) write(ctx context.Context, c *collected) error {
	data, ledger, err := c.render(ctx)
	if err != nil {
		return err
	}
	names := func(turn int) []string {
		name := c.plan.fileName(w.o.maker(), turn)
		out := make([]string, len(data))
		for i := range data {
			out[i] = data[i].Dir + data[i].nameOf(name)
		}
		return out
	}
	id := c.plan.id()
	mine, before, err := takeTurn(ctx, w.o.Bucket, w.dir, id, w.o.maker(), names)
	if err != nil {
		return err
	}
	if err := takeNames(ctx, w.o.Bucket, before); err != nil {
		return err
	}
	if err := w.writeData(ctx, data, names(mine)); err != nil {
		return err
	}
	settler := settler{b: w.o.Bucket, p: c.plan, corrected: map[string]bool{}, read: map[string]bool{}}
	if err := settler.settle(ctx, data); err != nil {
		return err
	}
	if err := w.writeFile(ctx, c.plan.ledgerName(), ledger); err != nil {
		return err
	}
	if mine > 0 {
		if err := w.o.Bucket.Create(ctx, endedName(w.dir, id, mine), []byte("{}\n")); err != nil && !errors.Is(err, ErrExists) {
			return err
		}
	}
	w.update(func(g *ingest.Progress, s *WriteSummary) { s.add(c, g) })
	return nil
}

// writeData writes files under their names.
func (w *writer) writeData(ctx context.Context, data []File, names []string) error {
	// Corrections come before the events that they hold for, see settle.go.
	first := slices.IndexFunc(data, func(f File) bool { return !f.First.IsZero() })
	if first < 0 {
		first = len(data)
	}
	for _, part := range [][2]int{{0, first}, {first, len(data)}} {
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(filesAtOnce)
		for i := part[0]; i < part[1]; i++ {
			g.Go(func() error { return w.writeFile(gctx, names[i], data[i]) })
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes a file, unless another worker has.
func (w *writer) writeFile(ctx context.Context, name string, f File) error {
	err := w.o.Bucket.Create(ctx, name, f.Body)
	if err != nil && !errors.Is(err, ErrExists) {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.summary.FilesTaken++
		return nil
	}
	w.summary.FilesWritten++
	w.summary.BytesWritten += int64(len(f.Body))
	w.summary.RowsWritten += f.Rows
	return nil
}

// add counts a plan that is done.
func (s *WriteSummary) add(c *collected, p *ingest.Progress) {
	s.PlansDone++
	p.JSONBytes += c.json
	for i := range c.files {
		f := &c.files[i]
		p.ObjectsDone++
		p.BytesDone += f.Object.Size
		p.Records += f.Records
		p.KMS += f.KMS
		p.Inserted += f.KMS - f.Duplicates
		p.Duplicates += f.Duplicates
		p.Quarantined += f.Quarantined
		if !f.FirstEvent.IsZero() && (s.FirstEvent.IsZero() || f.FirstEvent.Before(s.FirstEvent)) {
			s.FirstEvent = f.FirstEvent
		}
		if f.LastEvent.After(s.LastEvent) {
			s.LastEvent = f.LastEvent
		}
		if f.Status != ingest.FileIngested {
			p.Failed++
			if len(s.Failures) < maxFailures {
				s.Failures = append(s.Failures, ingest.FileFailure{Key: f.Object.Key, Error: f.Error})
			}
		}
	}
}
