package main

import (
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/kmstrail/kmstrail/internal/output"
)

// detectProgress shows how many days detectors have looked at: a bar on a
// terminal, else a line every few seconds.
type detectProgress struct {
	a   *app
	bar *progressbar.ProgressBar // nil: log lines

	mu   sync.Mutex
	next time.Time
}

func (a *app) newDetectProgress() *detectProgress {
	p := &detectProgress{a: a, next: a.now().Add(logEvery)}
	p.bar = a.newBar("looking at days of detectors", "", 60)
	return p
}

// update is called by several goroutines at once.
func (p *detectProgress) update(done, all int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		if p.bar.GetMax64() != all {
			p.bar.ChangeMax64(all)
		}
		_ = p.bar.Set64(done) // that it cannot be drawn is no reason to stop
		return
	}
	if now := p.a.now(); !now.Before(p.next) {
		p.next = now.Add(logEvery)
		p.a.say("looked at %s of %s days of detectors", output.Count(done), output.Count(all))
	}
}

// finish clears the bar; what is printed after it stands on a line of its own.
func (p *detectProgress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
