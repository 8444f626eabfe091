//go:build duckdb_arrow

package duck

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/extensions"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/schema"
)

var _ ingest.Sink = (*Store)(nil)

// Quarantine reasons that only a commit can find.
const (
	reasonConflict   = "conflicting_duplicate"
	reasonSuperseded = "superseded"
)

type eventID = [16]byte

// ingestState is what commits remember from one to the next. It is guarded by
// Store.write, which is held while a transaction is open.
type ingestState struct {
	// corrections tells by which event a superseded event was replaced; nil
	// until it has been read from the table.
	corrections map[eventID]eventID
	// open is true from the first Add to Commit or Rollback.
	open bool
	// rows were inserted since the last Commit.
	rows int64
	// derivation is what derived tables must know of the open transaction.
	derivation derivation
	// loaded is true when the rest has been read from the tables.
	loaded bool
	// lastCommit is the number of the last transaction that was committed.
	lastCommit int64
	// recomputed counts how often parts of rollups were computed again.
	recomputed int64
	// sparseCommits brought few events each and so have many parts for few
	// rows, which are not put together yet.
	sparseCommits int64
	// parts is about how many parts the largest rollup has.
	parts int64
	// folded and cutoff bound what is kept by second, and what is kept at all;
	// the zero time when nothing was folded or deleted yet.
	folded, cutoff time.Time
}

// largeCommit is how many rows are written to the file at once, even if most
// have been and only few are in the log: what is in the log when the database
// is closed makes DuckDB merge row groups, which takes as long as to write
// them.
const largeCommit = 32_768

// commit is one call of Store.Add.
type commit struct {
	conn  *conn
	batch *ingest.Batch
	now   time.Time
	// known are corrections of earlier batches, corrections those of this one.
	known, corrections map[eventID]eventID
	// cutoff is the time before which events have expired.
	cutoff time.Time

	derived *derivation

	counts  map[int64]fileCounts
	files   map[int64]fileOrigin
	brought map[int64]int64 // events an earlier reading of a file stored
	refused []ingest.Quarantined
	result  ingest.BatchResult
}

// fileCounts is what a commit found out about the rows of one log file.
type fileCounts struct {
	duplicates, quarantined, expired int64
}

// Add implements ingest.Sink. From the first Add to Commit other writers wait.
//
// A row is looked up by event id within the literal time range of its batch:
// an event's duplicate has the event's time, and without a range a look-up
// would read the whole table. Rows that are known are compared in all columns
// that come from the record itself.
func (s *Store) Add(ctx context.Context, b *ingest.Batch) (ingest.BatchResult, error) {
	if err := s.begin(ctx); err != nil {
		return ingest.BatchResult{}, fmt.Errorf("add batch: %w", err)
	}
	t := &commit{
		conn: s.writer, batch: b, now: time.Now().UTC(), known: s.ingest.corrections,
		cutoff:  s.ingest.cutoff,
		derived: &s.ingest.derivation, corrections: map[eventID]eventID{}, counts: map[int64]fileCounts{}, files: map[int64]fileOrigin{}, brought: map[int64]int64{},
	}
	if err := t.run(ctx); err != nil {
		s.makeRoom(err)
		return ingest.BatchResult{}, errors.Join(fmt.Errorf("add batch: %w", err), s.Rollback(ctx))
	}
	maps.Copy(s.ingest.corrections, t.corrections)
	s.ingest.rows += t.result.Inserted
	return t.result, nil
}

// begin opens the transaction of a batch unless it is open.
func (s *Store) begin(ctx context.Context) error {
	if s.ingest.open {
		return nil
	}
	s.write.Lock()
	err := s.beginLocked(ctx)
	if err != nil {
		s.write.Unlock()
	}
	return err
}

func (s *Store) beginLocked(ctx context.Context) error {
	if err := s.unavailable(); err != nil {
		return err
	}
	if err := s.loadCorrections(ctx); err != nil {
		return err
	}
	if err := s.loadDerivation(ctx); err != nil {
		return err
	}
	if err := s.writer.exec(ctx, "BEGIN TRANSACTION"); err != nil {
		return err
	}
	s.ingest.open = true
	s.ingest.derivation = derivation{commit: s.ingest.lastCommit + 1}
	return nil
}

// Commit implements ingest.Sink.
func (s *Store) Commit(ctx context.Context) error {
	if !s.ingest.open {
		return nil
	}
	if err := s.commit(ctx); err != nil {
		s.makeRoom(err)
		return errors.Join(fmt.Errorf("commit batches: %w", err), s.Rollback(ctx))
	}
	defer s.write.Unlock()
	s.ingest.open = false
	s.noteCommit()
	if s.ingest.rows >= largeCommit {
		// The rows are safe already; a checkpoint that fails comes later.
		if err := s.writer.exec(ctx, "CHECKPOINT"); err != nil {
			s.log.Debug("checkpoint put off", "reason", err)
		}
	}
	s.ingest.rows = 0
	return nil
}

// noteCommit remembers what a transaction did that is durable now.
func (s *Store) noteCommit() {
	d := &s.ingest.derivation
	s.ingest.lastCommit = d.commit
	if len(d.removed) > 0 {
		s.ingest.recomputed++
	}
	if d.events > 0 && d.events < denseCommit {
		s.ingest.sparseCommits++
	}
	s.ingest.parts += d.parts
	switch many := s.ingest.sparseCommits >= compactCommits || s.ingest.parts >= compactParts; {
	case many && d.events < denseCommit:
		s.maintainSoon()
	case many:
		s.maintainWhenQuiet(d.commit)
	}
}

func (s *Store) commit(ctx context.Context) error {
	if err := s.deriveCommit(ctx); err != nil {
		return err
	}
	unpin, err := s.pin(ctx)
	if err != nil {
		return err
	}
	defer unpin()
	return s.writer.exec(ctx, "COMMIT")
}

// Rollback gives up what was added since the last Commit.
func (s *Store) Rollback(ctx context.Context) error {
	if !s.ingest.open {
		return nil
	}
	s.ingest.open, s.ingest.rows = false, 0
	s.ingest.corrections = nil // may name events that are not stored now
	defer s.write.Unlock()
	// The rollback must happen even though ctx may have ended.
	if err := s.writer.rollback(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}

// pin holds a snapshot of the database while a batch is committed. A checkpoint
// that runs beside a reader writes what is new and leaves the rest; one that is
// alone also merges small row groups, and would write 64,000-row batches three
// times over. Merging is left to Close.
func (s *Store) pin(ctx context.Context) (unpin func(), err error) {
	c, err := s.connect()
	if err != nil {
		return nil, err
	}
	if err := c.exec(ctx, "BEGIN TRANSACTION READ ONLY; SELECT count(*) FROM (FROM main.log_files LIMIT 1)"); err != nil {
		c.close()
		return nil, err
	}
	return c.close, nil
}

func (s *Store) loadCorrections(ctx context.Context) error {
	if s.ingest.corrections != nil {
		return nil
	}
	found := map[eventID]eventID{}
	err := s.writer.each(ctx, func(rec arrow.RecordBatch) error {
		for i := range int(rec.NumRows()) {
			original, err := parseID(rec.Column(0).ValueStr(i))
			if err != nil {
				return err
			}
			if found[original], err = parseID(rec.Column(1).ValueStr(i)); err != nil {
				return err
			}
		}
		return nil
	}, "SELECT event_id, corrected_by FROM main.corrections")
	if err != nil {
		return fmt.Errorf("read corrections: %w", err)
	}
	s.ingest.corrections = found
	return nil
}

func (t *commit) run(ctx context.Context) error {
	steps := []func(context.Context) error{
		t.takeOutSuperseded, t.writeEvents, t.writeRepeats, t.writeRelated, t.writeLedger, t.writeQuarantine,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (t *commit) writeEvents(ctx context.Context) error {
	if t.batch.Events == nil || t.batch.Events.NumRows() == 0 {
		return nil
	}
	r, err := newRows(t.batch.Events, t.batch.EventIDs, t.batch.EventTimes)
	if err != nil {
		return err
	}
	return t.writeRows(ctx, r)
}

func (t *commit) writeRepeats(ctx context.Context) error {
	if t.batch.Repeats == nil || t.batch.Repeats.NumRows() == 0 {
		return nil
	}
	r, err := newRows(t.batch.Repeats, nil, nil)
	if err != nil {
		return err
	}
	// What they repeat may stand in Events with another time.
	r.spans = cluster(slices.Concat(r.times, t.batch.EventTimes))
	return t.writeRows(ctx, r)
}

// writeRows inserts the rows that are new and judges the others.
func (t *commit) writeRows(ctx context.Context, r *rows) error {
	insert, compare := make([]bool, len(r.ids)), make([]bool, len(r.ids))
	known, err := t.conn.findKnown(ctx, schema.KMSEvents.Name, r)
	if err != nil {
		return err
	}
	seen := newIDSet(len(r.ids))
	inserted, compared := 0, 0
	for i, id := range r.ids {
		switch {
		case r.isOld(i, t.cutoff):
			t.countIn(r, i, fileCounts{expired: 1})
			t.result.Expired++
		case t.isSuperseded(r, i):
			t.refuseSuperseded(r, i)
		case known[i] || !seen.add(id):
			compare[i] = true
			compared++
		default:
			insert[i] = true
			inserted++
			if !r.isCall(i) {
				t.derived.changes++
			}
		}
	}
	t.result.Inserted += int64(inserted)
	t.derived.events += int64(inserted)
	t.derived.saw(r.files.Int64Values()...)
	if inserted == len(r.ids) {
		return t.conn.append(ctx, "", schema.KMSEvents.Name, r.rec, nil)
	}
	if inserted > 0 {
		if err := t.conn.append(ctx, "", schema.KMSEvents.Name, r.rec, insert); err != nil {
			return err
		}
	}
	if compared == 0 {
		return nil
	}
	return t.judge(ctx, r, compare)
}

// writeRelated inserts the related events that are not known.
func (t *commit) writeRelated(ctx context.Context) error {
	if t.batch.Related == nil || t.batch.Related.NumRows() == 0 {
		return nil
	}
	r, err := newRows(t.batch.Related, nil, nil)
	if err != nil {
		return err
	}
	known, err := t.conn.findKnown(ctx, schema.RelatedEvents.Name, r)
	if err != nil {
		return err
	}
	t.derived.saw(r.files.Int64Values()...)
	insert := make([]bool, len(r.ids))
	seen := newIDSet(len(r.ids))
	for i, id := range r.ids {
		if insert[i] = !known[i] && seen.add(id); insert[i] {
			t.result.RelatedRows++
			t.derived.related++
		}
	}
	return t.conn.append(ctx, "", schema.RelatedEvents.Name, r.rec, insert)
}

// rows is a record batch of events with the columns that commits look at.
type rows struct {
	rec   arrow.RecordBatch
	ids   []eventID
	times []int64
	// spans is where stored rows with the same ids are looked for.
	spans []span
	files *array.Int64
	index *array.Int32
	// supersedes and classes are nil for related events.
	supersedes *extensions.UUIDArray
	classes    *array.String
}

// newRows takes the columns out of rec; ids and times may be given.
func newRows(rec arrow.RecordBatch, ids []eventID, times []int64) (*rows, error) {
	r := &rows{rec: rec, ids: ids, times: times}
	var ok bool
	if r.files, ok = column(rec, "log_file_id").(*array.Int64); !ok {
		return nil, fmt.Errorf("read batch: no BIGINT column log_file_id")
	}
	if r.index, ok = column(rec, "record_index").(*array.Int32); !ok {
		return nil, fmt.Errorf("read batch: no INTEGER column record_index")
	}
	r.classes, _ = column(rec, "operation_class").(*array.String)
	r.supersedes, _ = column(rec, "supersedes_event_id").(*extensions.UUIDArray)
	if ids == nil {
		col, ok := column(rec, "event_id").(*extensions.UUIDArray)
		if !ok {
			return nil, fmt.Errorf("read batch: no UUID column event_id")
		}
		r.ids = make([]eventID, col.Len())
		for i := range r.ids {
			r.ids[i] = col.Value(i)
		}
	}
	if times == nil {
		col, ok := column(rec, "event_time").(*array.Timestamp)
		if !ok {
			return nil, fmt.Errorf("read batch: no TIMESTAMP column event_time")
		}
		r.times = make([]int64, col.Len())
		for i := range r.times {
			r.times[i] = int64(col.Value(i))
		}
	}
	if n := rec.NumRows(); int64(len(r.ids)) != n || int64(len(r.times)) != n {
		return nil, fmt.Errorf("read batch: %d rows with %d ids and %d times", n, len(r.ids), len(r.times))
	}
	r.spans = cluster(r.times)
	return r, nil
}

// corrects returns the event that row i corrects.
func (r *rows) corrects(i int) (eventID, bool) {
	if r.supersedes == nil || r.supersedes.IsNull(i) {
		return eventID{}, false
	}
	return r.supersedes.Value(i), true
}

func column(rec arrow.RecordBatch, name string) arrow.Array {
	if at := rec.Schema().FieldIndices(name); len(at) == 1 {
		return rec.Column(at[0])
	}
	return nil
}

// isOld reports whether row i is one that is deleted by age and was before the
// cut-off.
func (r *rows) isOld(i int, cutoff time.Time) bool {
	return !cutoff.IsZero() && r.times[i] < cutoff.UnixMicro() && r.isCall(i)
}

// isCall reports whether row i is an event that changes nothing.
func (r *rows) isCall(i int) bool {
	if r.classes == nil {
		return false
	}
	class := r.classes.Value(i)
	return class == "cryptographic" || class == "read"
}

// countIn adds to the counts of row i's file.
func (t *commit) countIn(r *rows, i int, add fileCounts) {
	n := t.counts[r.files.Value(i)]
	n.duplicates += add.duplicates
	n.quarantined += add.quarantined
	n.expired += add.expired
	t.counts[r.files.Value(i)] = n
}

func parseID(s string) (id eventID, err error) {
	if len(s) != 36 {
		return id, fmt.Errorf("parse event id %q: want 36 characters", s)
	}
	raw := s[0:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	if _, err := hex.Decode(id[:], []byte(raw)); err != nil {
		return id, fmt.Errorf("parse event id %q: %w", s, err)
	}
	return id, nil
}

func formatID(id eventID) string {
	h := hex.EncodeToString(id[:])
	return h[0:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
