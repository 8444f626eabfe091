package watch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/kmstrail/kmstrail/internal/output"
)

// Disk is the disk of the store.
type Disk struct {
	Path string `json:"path"`
	Free uint64 `json:"free_bytes"`
	// MinFree is below what nothing is written.
	MinFree uint64 `json:"min_free_bytes"`
	// Paused says why nothing is written; "" when it is.
	Paused string     `json:"paused,omitempty"`
	Since  *time.Time `json:"paused_since"`
	// Error is why the free space is not known.
	Error string `json:"error,omitempty"`
}

const (
	diskEvery = 10 * time.Second
	// A write that failed for lack of space is tried again after a minute, and
	// ever later up to a quarter of an hour: a quota does not show in the free
	// space.
	spaceRetry, spaceRetryMost = time.Minute, 15 * time.Minute
)

// diskWatch closes the gate while the disk is nearly full.
type diskWatch struct {
	w       *Watch
	dir     string
	minFree uint64

	// Guarded by w.mu.
	state  Disk
	misses int       // writes that failed for lack of space, one after the other
	until  time.Time // none is tried before
	why    string    // of the last one
}

func (d *diskWatch) run(ctx context.Context) {
	for d.w.sleep(ctx, d.w.now().Add(diskEvery)) {
		d.look()
	}
}

// look reads the free space and opens or closes the gate.
func (d *diskWatch) look() {
	var free uint64
	var err error
	if !d.w.memory() {
		free, err = d.w.opts.FreeSpace(d.dir)
	}
	now := d.w.now()
	d.w.mu.Lock()
	was := d.state.Paused
	d.state.Path, d.state.Free, d.state.MinFree, d.state.Error = d.dir, free, d.minFree, ""
	reason := ""
	switch {
	case err != nil:
		d.state.Error = oneLine(err)
	case d.w.memory():
		d.state.Path = ""
	case free < d.minFree, was != "" && free < d.enough():
		reason = fmt.Sprintf("the disk of %s has %s free, server.min_free is %s; it goes on at %s",
			d.dir, output.Bytes(int64(free)), output.Bytes(int64(d.minFree)), output.Bytes(int64(d.enough())))
	}
	if reason == "" && now.Before(d.until) {
		reason = d.why
	}
	d.state.Paused = reason
	switch {
	case reason == "":
		d.state.Since = nil
	case was == "":
		d.state.Since = &now
	}
	state := d.state
	d.w.mu.Unlock()

	d.w.gate.set(reason)
	switch {
	case was == "" && reason != "":
		d.w.log.Warn("nothing is ingested until there is space; queries go on", "reason", reason)
	case was != "" && reason == "":
		d.w.log.Info("there is space again: ingest goes on", "free_bytes", free)
	}
	if d.w.opts.OnDisk != nil {
		d.w.opts.OnDisk(state)
	}
}

// enough is the free space at which work goes on. It is a tenth above the least:
// else a disk at the edge would stop and start with every commit.
func (d *diskWatch) enough() uint64 { return d.minFree + d.minFree/10 }

// wrote is told how each piece of work went; it pauses after one that failed for
// lack of space, and returns whether it did.
func (d *diskWatch) wrote(err error) (full bool) {
	d.w.mu.Lock()
	if err == nil {
		d.misses = 0
	}
	full = err != nil && !errors.Is(err, errPaused) && noSpace(err)
	if full {
		d.until = d.w.now().Add(backoff(spaceRetry, d.misses, spaceRetryMost))
		d.misses++
		d.why = "writing failed for lack of space: " + oneLine(err)
	}
	d.w.mu.Unlock()
	if full {
		d.look()
	}
	return full
}

// noSpace reports whether a write failed because there is no room for it. What
// comes from DuckDB is only a text.
func noSpace(err error) bool {
	for _, no := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, no) {
			return true
		}
	}
	text := strings.ToLower(err.Error())
	for _, part := range []string{"no space left on device", "disk quota exceeded", "file too large", "not enough space on the disk"} {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// backoff is first, doubled n times, at most the most.
func backoff(first time.Duration, n int, most time.Duration) time.Duration {
	for range n {
		if first >= most {
			break
		}
		first *= 2
	}
	return min(first, max(most, 0))
}
