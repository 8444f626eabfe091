package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/internal/output"
)

// logEvery is how often progress is logged where no bar can be drawn.
const logEvery = 5 * time.Second

// newBar returns a bar on a terminal, beside which room columns of text have
// their place; nil where none can be drawn. With a unit it tells how many a
// second are done, and how long the rest takes.
func (a *app) newBar(what, unit string, room int) *progressbar.ProgressBar {
	width, ok := terminal(a.stderr)
	if !ok || a.quiet || a.logFormat != "text" {
		return nil
	}
	options := []progressbar.Option{
		progressbar.OptionSetWriter(a.stderr),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(),
		progressbar.OptionSetWidth(min(40, max(10, width-room))),
		progressbar.OptionThrottle(100 * time.Millisecond),
		progressbar.OptionClearOnFinish(),
	}
	if unit != "" {
		options = append(options, progressbar.OptionSetItsString(unit), progressbar.OptionShowIts(), progressbar.OptionSetPredictTime(true))
	}
	return progressbar.NewOptions64(-1, options...)
}

// ingestProgress shows how far a run is: a bar on a terminal, else a line
// every few seconds.
type ingestProgress struct {
	a   *app
	bar *progressbar.ProgressBar // nil: log lines

	mu   sync.Mutex
	next time.Time
	done bool
}

func (a *app) newProgress() *ingestProgress {
	p := &ingestProgress{a: a, next: a.now().Add(logEvery)}
	p.bar = a.newBar("listing", "files", 70)
	return p
}

// update is called from one goroutine at a time, often.
func (p *ingestProgress) update(g ingest.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		return
	}
	if p.bar != nil {
		p.draw(g)
		return
	}
	if now := p.a.now(); !now.Before(p.next) {
		p.next = now.Add(logEvery)
		p.a.say("%s", progressLine(g))
	}
}

// draw updates the bar. That it cannot be drawn is no reason to stop.
func (p *ingestProgress) draw(g ingest.Progress) {
	if g.ObjectsToRead > 0 && p.bar.GetMax64() != g.ObjectsToRead {
		p.bar.ChangeMax64(g.ObjectsToRead)
	}
	what := "reading"
	if !g.ListingDone {
		what = "listing and reading"
	}
	p.bar.Describe(fmt.Sprintf("%s: %s of KMS", what, output.Plural(g.KMS, "record")))
	_ = p.bar.Set64(g.ObjectsDone)
}

func progressLine(g ingest.Progress) string {
	if g.ObjectsToRead == 0 {
		return fmt.Sprintf("listed %s, none of them new", output.Plural(g.ObjectsListed, "log file"))
	}
	of := ""
	if !g.ListingDone {
		of = ", listing goes on"
	}
	return fmt.Sprintf("read %s of %s log files, %s, %s of KMS%s",
		output.Count(g.ObjectsDone), output.Count(g.ObjectsToRead), output.Bytes(g.BytesDone), output.Plural(g.KMS, "record"), of)
}

// finish clears the bar; what is printed after it stands on a line of its own.
func (p *ingestProgress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = true
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
