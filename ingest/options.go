package ingest

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"
)

// Defaults and limits of [Options].
const (
	DefaultConcurrency    = 16
	MaxConcurrency        = 256
	DefaultMaxObjectBytes = 64 << 20  // stored
	DefaultMaxJSONBytes   = 128 << 20 // decompressed; CloudTrail's own cap is 50 MB

	// A decoder hands its batch on when it has so many rows, bytes or files,
	// or when it has waited for so long.
	batchRows  = 16_000
	batchBytes = 16 << 20
	batchFiles = 5_000
	batchAge   = 2 * time.Second

	// What was added is committed when there are so many rows, when the oldest
	// has waited for batchAge and no batch waits behind it, or for commitAge.
	// These are two whole row groups of DuckDB, which it writes as soon as they are
	// full and not to its log as well. The rest, less than a batch, is a row group
	// of its own between whole ones, where it is never merged: what is written is
	// not written again.
	DefaultCommitRows = 2 * 122_880
	commitAge         = 8 * time.Second

	// bodyBytes bounds the stored bytes of all objects between reading and
	// decoding; a single larger object passes alone.
	bodyBytes = 32 << 20
	// keepBody is how large a buffer is kept for the next object.
	keepBody = 16 << 20

	maxFailures = 20 // named in the summary
)

// Options says what to ingest, and how.
type Options struct {
	Source    Source
	Sink      Sink
	Selection Selection

	// Concurrency is how many objects are read at once; 0 is the default.
	Concurrency int
	// Decoders is how many decode at once; 0 is one per processor.
	Decoders int
	// CommitRows is after how many rows to commit; 0 is the default.
	CommitRows int
	// Reconcile reads objects again that the ledger calls quarantined.
	Reconcile bool
	// LeaveFailed does not try again what an earlier run could not read: who
	// runs every minute does not want to ask for it every minute.
	LeaveFailed bool
	// Seen, if not nil, remembers from one run to the next what the sink's ledger
	// has as ingested.
	Seen *Seen
	// Scattered says that a page of the source has single objects from all over it,
	// and not all that lie between the first and the last.
	Scattered bool
	// KeepAll gives the sink every row, records that were delivered more than
	// once included, in batches that it may keep: it judges them itself.
	KeepAll bool
	// SelfPrincipals are the role or user ARNs kmstrail itself runs under.
	SelfPrincipals []string
	// RedactContext says what of encryption contexts is not stored.
	RedactContext []ContextPattern

	// MaxObjectBytes and MaxJSONBytes bound one object, stored and
	// decompressed; 0 is the default.
	MaxObjectBytes, MaxJSONBytes int64

	// OnProgress is called often, from one goroutine at a time. nil: not.
	OnProgress func(Progress)
	Logger     *slog.Logger
}

func (o *Options) withDefaults() Options {
	c := *o
	if c.Concurrency == 0 {
		c.Concurrency = DefaultConcurrency
	}
	if c.Decoders == 0 {
		c.Decoders = runtime.GOMAXPROCS(0)
	}
	if c.CommitRows == 0 {
		c.CommitRows = DefaultCommitRows
	}
	if c.MaxObjectBytes == 0 {
		c.MaxObjectBytes = DefaultMaxObjectBytes
	}
	if c.MaxJSONBytes == 0 {
		c.MaxJSONBytes = DefaultMaxJSONBytes
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func (o *Options) validate() error {
	switch {
	case o.Source == nil || o.Sink == nil:
		return errors.New("ingest needs a source and a sink")
	case o.Concurrency < 1 || o.Concurrency > MaxConcurrency:
		return fmt.Errorf("concurrency is %d; it must be between 1 and %d", o.Concurrency, MaxConcurrency)
	case o.Decoders < 1:
		return fmt.Errorf("decoders is %d; it must be at least 1", o.Decoders)
	case !o.Selection.To.IsZero() && !o.Selection.From.Before(o.Selection.To):
		return fmt.Errorf("the time range is empty: from %s is not before to %s",
			o.Selection.From.Format(time.RFC3339), o.Selection.To.Format(time.RFC3339))
	}
	return nil
}

// Progress counts what a run has done so far.
type Progress struct {
	ListingDone   bool     `json:"listing_done"`
	ObjectsListed int64    `json:"objects_listed"`
	ObjectsKnown  int64    `json:"objects_known"` // listed, and already in the ledger
	ObjectsToRead int64    `json:"objects_to_read"`
	BytesToRead   int64    `json:"bytes_to_read"` // stored
	ObjectsDone   int64    `json:"objects_done"`  // committed, failed ones included
	BytesDone     int64    `json:"bytes_done"`    // stored
	JSONBytes     int64    `json:"json_bytes"`    // decompressed
	Records       int64    `json:"records"`
	KMS           int64    `json:"kms"`
	Inserted      int64    `json:"inserted"`
	Duplicates    int64    `json:"duplicates"`
	Quarantined   int64    `json:"quarantined"`
	Failed        int64    `json:"failed"` // objects that could not be read, or not wholly
	Requests      Requests `json:"requests"`
}

// Summary is what a run has done.
type Summary struct {
	Progress

	Duration   time.Duration `json:"-"`
	Conflicts  int64         `json:"conflicts"` // same event id, other content
	Superseded int64         `json:"superseded"`
	Expired    int64         `json:"expired"` // older than what the sink keeps
	Related    int64         `json:"related"`
	// FirstEvent and LastEvent are zero when there was no KMS event.
	FirstEvent time.Time     `json:"first_event,omitzero"`
	LastEvent  time.Time     `json:"last_event,omitzero"`
	Failures   []FileFailure `json:"failures,omitempty"`
}

// FileFailure names an object that was not, or not wholly, ingested.
type FileFailure struct {
	Key   string `json:"key"`
	Error string `json:"error"`
}

// add counts a batch.
func (s *Summary) add(b *Batch, result BatchResult) {
	for i := range b.Files {
		f := &b.Files[i]
		s.ObjectsDone++
		s.BytesDone += f.Object.Size
		s.Records += f.Records
		s.KMS += f.KMS
		s.Duplicates += f.Duplicates
		s.Quarantined += f.Quarantined
		s.span(f.FirstEvent, f.LastEvent)
		if f.Status != FileIngested {
			s.Failed++
			s.Failures = append(s.Failures, FileFailure{f.Object.Key, f.Error})
		}
	}
	s.Failures = s.Failures[:min(len(s.Failures), maxFailures)]
	s.Inserted += result.Inserted
	s.Duplicates += result.Duplicates
	s.Quarantined += result.Conflicts + result.Superseded
	s.Conflicts += result.Conflicts
	s.Superseded += result.Superseded
	s.Expired += result.Expired
	s.Related += result.RelatedRows
}

// add counts what a commit made durable.
func (p *Progress) add(done *Progress) {
	p.ObjectsDone += done.ObjectsDone
	p.BytesDone += done.BytesDone
	p.Records += done.Records
	p.KMS += done.KMS
	p.Inserted += done.Inserted
	p.Duplicates += done.Duplicates
	p.Quarantined += done.Quarantined
	p.Failed += done.Failed
}

// Merge adds what another run did.
func (s *Summary) Merge(done *Summary) {
	p := &done.Progress
	s.Progress.add(p)
	s.ObjectsListed += p.ObjectsListed
	s.ObjectsKnown += p.ObjectsKnown
	s.ObjectsToRead += p.ObjectsToRead
	s.BytesToRead += p.BytesToRead
	s.JSONBytes += p.JSONBytes
	s.Requests.List += p.Requests.List
	s.Requests.Get += p.Requests.Get
	s.Duration += done.Duration
	s.merge(done)
}

// merge adds what only the summary has.
func (s *Summary) merge(done *Summary) {
	s.Conflicts += done.Conflicts
	s.Superseded += done.Superseded
	s.Expired += done.Expired
	s.Related += done.Related
	s.span(done.FirstEvent, done.LastEvent)
	s.Failures = append(s.Failures, done.Failures...)
	s.Failures = s.Failures[:min(len(s.Failures), maxFailures)]
}

func (s *Summary) span(first, last time.Time) {
	if first.IsZero() {
		return
	}
	if s.FirstEvent.IsZero() || first.Before(s.FirstEvent) {
		s.FirstEvent = first
	}
	if last.After(s.LastEvent) {
		s.LastEvent = last
	}
}
