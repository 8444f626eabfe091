package ingest

import (
	"context"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// Sink stores batches. The ingester calls a sink from one goroutine at a time.
type Sink interface {
	// NextLogFileID returns the smallest id not used in the ledger yet.
	NextLogFileID(ctx context.Context) (int64, error)

	// Ledger returns the committed entries of source with
	// firstKey <= key <= lastKey.
	Ledger(ctx context.Context, source, firstKey, lastKey string) (map[string]LedgerEntry, error)

	// Add adds a batch to the open transaction; the first one opens it.
	// Rows whose event id is known with equal content are counted as
	// duplicates, with other content are quarantined (reason
	// conflicting_duplicate), all others are inserted. A ledger entry of the
	// same source and key is replaced. It returns what was done, also summed
	// per file into the ledger rows it writes. The sink does not keep the
	// batch.
	Add(ctx context.Context, b *Batch) (BatchResult, error)

	// Commit makes durable what was added since the last Commit. After an
	// error of Add or Commit nothing of that is stored.
	Commit(ctx context.Context) error
}

// KeyedLedger is a Sink that can look for single objects in its ledger, however
// many others lie between them.
type KeyedLedger interface {
	// LedgerOf returns the committed entries of these objects.
	LedgerOf(ctx context.Context, source string, objects []Object) (map[string]LedgerEntry, error)
}

// LedgerEntry is what the ledger knows of one object.
type LedgerEntry struct {
	ID       int64
	ETag     string
	Status   FileStatus
	Attempts int
}

// FileStatus is the state of an object in the ledger.
type FileStatus string

// The states of an object in the ledger.
const (
	FileIngested    FileStatus = "ingested"
	FileFailed      FileStatus = "failed"
	FileQuarantined FileStatus = "quarantined"
)

// Batch holds the rows of many whole log files.
type Batch struct {
	// Events has the schema of schema.KMSEvents, no event id twice; nil when
	// there are none.
	Events arrow.RecordBatch
	// EventIDs and EventTimes mirror the two columns of Events, so that the
	// sink can look for duplicates without taking the batch apart.
	EventIDs   [][16]byte
	EventTimes []int64 // microseconds since 1970, UTC
	// Repeats has the same schema: rows whose event id is in Events or
	// earlier in Repeats but whose record was not byte for byte the same.
	// nil when there are none.
	Repeats arrow.RecordBatch
	// Related has the schema of schema.RelatedEvents, no event id twice; nil
	// when there are none.
	Related arrow.RecordBatch
	// Supersedes lists event ids that rows of this batch replace.
	Supersedes [][16]byte

	Files      []LogFile
	Quarantine []Quarantined
}

// LogFile is one row of the ledger. Counts include what the ingester itself
// has found to be duplicates; the sink adds its own.
type LogFile struct {
	ID     int64 // that of its ledger entry, when it has one already
	Source string
	Object Object

	Status   FileStatus
	Error    string // "" when ingested
	Attempts int

	Records     int64
	KMS         int64
	Duplicates  int64
	Related     int64
	Quarantined int64
	// FirstEvent and LastEvent are zero when the file has no KMS event.
	FirstEvent, LastEvent time.Time
}

// Quarantined is one row of the quarantine.
type Quarantined struct {
	LogFileID   int64
	RecordIndex int   // -1: the whole object
	Offset      int64 // bytes into the uncompressed file; -1: unknown
	Reason      string
	Detail      string
	EventID     [16]byte // zero when not readable
	Excerpt     []byte   // valid UTF-8, at most 4096 bytes
}

// BatchResult says what became of a batch.
type BatchResult struct {
	Inserted    int64
	Duplicates  int64 // found by the sink, not those the batch had counted
	Conflicts   int64 // quarantined by the sink
	Superseded  int64
	RelatedRows int64
	Expired     int64 // older than what the sink keeps, and not stored
}
