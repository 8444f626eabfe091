package lake

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/kmstrail/kmstrail/ingest"
)

// pageObjects is the most log files in one page of a plan's listing.
const pageObjects = 1000

// planSource is a source with the files of a plan only. It remembers which of
// them could not be read, and why: the ingester keeps the text only.
type planSource struct {
	ingest.Source

	plan *plan

	mu     sync.Mutex
	failed map[string]error // by key
}

// List visits the plan's files.
func (s *planSource) List(_ context.Context, _ ingest.Selection, visit func([]ingest.Object) error) error {
	for page := range slices.Chunk(s.plan.objects(), pageObjects) {
		if err := visit(page); err != nil {
			return err
		}
	}
	return nil
}

// Read reads a file.
func (s *planSource) Read(ctx context.Context, obj ingest.Object, dst []byte, limit int64) ([]byte, error) {
	body, err := s.Source.Read(ctx, obj, dst, limit)
	if _, tooLarge := errors.AsType[*ingest.TooLargeError](err); err != nil && !tooLarge {
		s.mu.Lock()
		s.failed[obj.Key] = err
		s.mu.Unlock()
	}
	return body, err
}

// collector is a sink that keeps everything in memory.
type collector struct {
	plan *plan

	events, related []arrow.RecordBatch
	files           []ingest.LogFile
	quarantine      []ingest.Quarantined
}

// NextLogFileID is not asked for: Ledger has an id for each file.
func (c *collector) NextLogFileID(context.Context) (int64, error) { return 1, nil }

// Ledger gives each of the plan's files its id; none has been read.
func (c *collector) Ledger(_ context.Context, source, firstKey, lastKey string) (map[string]ingest.LedgerEntry, error) {
	entries := map[string]ingest.LedgerEntry{}
	for i := range c.plan.Files {
		if f := &c.plan.Files[i]; f.Key >= firstKey && f.Key <= lastKey {
			entries[f.Key] = ingest.LedgerEntry{ID: logFileID(source, f.Key), Attempts: f.Attempts}
		}
	}
	return entries, nil
}

// Add keeps the batch.
func (c *collector) Add(_ context.Context, b *ingest.Batch) (ingest.BatchResult, error) {
	for _, rec := range []arrow.RecordBatch{b.Events, b.Repeats} {
		if rec != nil {
			c.events = append(c.events, rec)
		}
	}
	if b.Related != nil {
		c.related = append(c.related, b.Related)
	}
	c.files = append(c.files, b.Files...)
	c.quarantine = append(c.quarantine, b.Quarantine...)
	return ingest.BatchResult{}, nil
}

// Commit does nothing: what is collected is written by the plan.
func (c *collector) Commit(context.Context) error { return nil }

// collected is what the files of a plan hold.
type collected struct {
	collector

	byID   map[int64]*ingest.LogFile
	failed map[string]error // by key
	json   int64            // bytes
}

// collect reads the files of a plan. Which of them could not be read is in the
// result.
func collect(ctx context.Context, o *WriteOptions, p *plan) (*collected, error) {
	source := &planSource{Source: o.Source, plan: p, failed: map[string]error{}}
	c := &collected{collector: collector{plan: p}, byID: make(map[int64]*ingest.LogFile, len(p.Files))}
	summary, err := ingest.Run(ctx, ingest.Options{
		Source: source, Sink: &c.collector, KeepAll: true, SelfPrincipals: p.SelfPrincipals, RedactContext: p.RedactContext,
		Concurrency: o.Concurrency, Logger: o.Logger,
	})
	if err != nil {
		return nil, err
	}
	c.failed, c.json = source.failed, summary.JSONBytes
	for i := range c.files {
		c.byID[c.files[i].ID] = &c.files[i]
	}
	return c, nil
}

// before orders rows by when their object was written, as the views of the
// engine do.
func (c *collected) before(file int64, index int32, other int64, otherIndex int32) int {
	a, b := &c.byID[file].Object, &c.byID[other].Object
	return cmp.Or(a.LastModified.Compare(b.LastModified), cmp.Compare(file, other), cmp.Compare(index, otherIndex))
}

// leaveOut gives files the status failed and takes away what they had brought.
func (c *collected) leaveOut(out map[string]string) {
	gone := map[int64]bool{}
	for _, key := range slices.Sorted(maps.Keys(out)) {
		f := c.byID[logFileID(c.plan.Source, key)]
		if f == nil {
			continue
		}
		gone[f.ID] = true
		*f = ingest.LogFile{
			ID: f.ID, Source: f.Source, Object: f.Object, Attempts: f.Attempts,
			Status: ingest.FileFailed, Error: out[key],
		}
	}
	c.quarantine = slices.DeleteFunc(c.quarantine, func(q ingest.Quarantined) bool { return gone[q.LogFileID] })
}
