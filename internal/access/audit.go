package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Entry is one thing that somebody asked.
type Entry struct {
	Principal Principal
	// Peer is the address it came from.
	Peer string
	// Protocol is http, flight, unix or file.
	Protocol string
	// Action is what was asked for, such as query, ingest or token.create.
	Action string
	// Detail is the SQL, or what the action was about. It is cut and masked.
	Detail string
	// Outcome is ok, or in a word why not: denied, refused, limit, cancelled, failed.
	Outcome string
	// Error is what the client was told.
	Error    string
	Duration time.Duration
	Rows     int64
	Bytes    int64
}

// AuditOptions bound an audit log.
type AuditOptions struct {
	// MaxBytes is how long a file gets before the next is begun, Keep how many
	// older ones are kept; 64 MB and 15 when zero, 1 GB in all.
	MaxBytes int64
	Keep     int
	Now      func() time.Time
	Log      *slog.Logger
}

const (
	auditMaxBytes = 64 << 20
	auditKeep     = 15
	// auditQueue is how many entries wait to be written, auditPatience how long
	// a request waits for a place among them.
	auditQueue    = 4096
	auditPatience = 50 * time.Millisecond
	// auditBatch is about how much is written at once.
	auditBatch = 128 << 10
	// strangersBurst and strangersEvery limit the lines about who was not let in:
	// nobody without a token may push the others out of the log.
	strangersBurst = 100
	strangersEvery = time.Second
)

// Audit writes down who asked what: one JSON object a line. Its methods may be
// called concurrently.
//
// Writing must not hold up queries: entries go through a queue, and are lost
// when the disk does not follow. How many were is written as soon as it does.
// Of entries without a principal only some are written, with the number of those
// that are not.
type Audit struct {
	now   func() time.Time
	log   *slog.Logger
	file  *auditFile
	lost  atomic.Int64 // not yet written about
	total atomic.Int64

	strangers bucket // of the writer alone
	skipped   int64

	mu     sync.RWMutex // held by writers to queue, so that Close can end it
	closed bool
	queue  chan line
	done   chan struct{}
}

type line struct {
	time time.Time
	Entry
	// skipped is how many entries like this one were left out before it.
	skipped int64
}

// OpenAudit opens the log at path to append to it.
func OpenAudit(path string, o AuditOptions) (*Audit, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = auditMaxBytes
	}
	if o.Keep == 0 {
		o.Keep = auditKeep
	}
	file, err := openAuditFile(path, o.MaxBytes, o.Keep)
	if err != nil {
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	a := &Audit{now: o.Now, log: o.Log, file: file, queue: make(chan line, auditQueue), done: make(chan struct{})}
	go a.write()
	return a, nil
}

// Record writes an entry down. It waits a moment when many others do, never for
// the disk.
func (a *Audit) Record(ctx context.Context, e Entry) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.closed {
		a.total.Add(1) // nothing is written about it any more
		return
	}
	e.Detail, e.Error = held(e.Detail, maxDetail), held(e.Error, maxField)
	l := line{time: a.now(), Entry: e}
	select {
	case a.queue <- l:
		return
	default:
	}
	patience := time.NewTimer(auditPatience)
	defer patience.Stop()
	select {
	case a.queue <- l:
	case <-patience.C:
		a.lose(1)
	case <-ctx.Done():
		a.lose(1)
	}
}

// Lost is how many entries could not be written.
func (a *Audit) Lost() int64 { return a.total.Load() }

func (a *Audit) lose(n int64) {
	a.lost.Add(n)
	a.total.Add(n)
}

// Close writes what waits, and closes the file.
func (a *Audit) Close() error {
	a.mu.Lock()
	closed := a.closed
	if a.closed = true; !closed {
		close(a.queue)
	}
	a.mu.Unlock()
	<-a.done
	if closed {
		return nil
	}
	err := a.file.close()
	if n := a.lost.Load(); n > 0 {
		err = errors.Join(err, fmt.Errorf("%d entries are lost", n))
	}
	if err != nil {
		return fmt.Errorf("close audit log: %w", err)
	}
	return nil
}

// write writes entries, as many at once as wait.
func (a *Audit) write() {
	defer close(a.done)
	failing := false
	for l := range a.queue {
		text, n := a.appendEntry(nil, l), int64(1)
		for len(text) < auditBatch {
			next, ok := a.waiting()
			if !ok {
				break
			}
			text = a.appendEntry(text, next)
			n++
		}
		if len(text) == 0 {
			continue
		}
		err := a.append(text)
		if err != nil {
			a.lose(n)
		}
		if err != nil && !failing {
			a.log.Error("audit log cannot be written", slog.Any("error", err))
		}
		failing = err != nil
	}
	var rest []byte
	if a.skipped > 0 {
		rest = appendLine(nil, line{time: a.now(), Entry: Entry{Action: "audit.skipped", Outcome: "denied"}, skipped: a.skipped})
	}
	if len(rest) > 0 || a.lost.Load() > 0 {
		if err := a.append(rest); err != nil {
			a.log.Error("audit log cannot be written", slog.Any("error", err))
		}
	}
}

// appendEntry appends the line of an entry, or counts it when there are too many
// of its kind.
func (a *Audit) appendEntry(text []byte, l line) []byte {
	if l.Principal.Name == "" {
		if a.strangers.take(l.time, strangersBurst, strangersEvery) > 0 {
			a.skipped++
			return text
		}
		l.skipped, a.skipped = a.skipped, 0
	}
	return appendLine(text, l)
}

// append writes lines, and one about those that are missing before.
func (a *Audit) append(text []byte) error {
	lost := a.lost.Load()
	if lost > 0 {
		text = appendLost(text, a.now(), lost)
	}
	if err := a.file.append(text); err != nil {
		return err
	}
	if lost > 0 {
		a.lost.Add(-lost)
		a.log.Warn("entries of the audit log were lost", slog.Int64("lost", lost))
	}
	return nil
}

// waiting takes an entry that waits, if one does.
func (a *Audit) waiting() (line, bool) {
	select {
	case l, ok := <-a.queue:
		return l, ok
	default:
		return line{}, false
	}
}
