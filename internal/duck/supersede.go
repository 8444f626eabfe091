//go:build duckdb_arrow

package duck

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/schema"
)

// takeOutSuperseded removes stored events that the batch corrects. When the
// original was is not known, so the whole table is searched: corrections are
// rare.
func (t *commit) takeOutSuperseded(ctx context.Context) error {
	if err := t.readCorrections(); err != nil || len(t.corrections) == 0 {
		return err
	}
	if err := t.writeCorrections(ctx); err != nil {
		return err
	}
	ids := make([]string, 0, len(t.corrections))
	for id := range t.corrections {
		ids = append(ids, "'"+formatID(id)+"'::UUID")
	}
	// A correction may have the id of what it corrects; it is not removed by
	// itself when it is delivered twice.
	where := " WHERE event_id IN (" + strings.Join(ids, ",") + ") AND supersedes_event_id IS DISTINCT FROM event_id"
	return t.takeOut(ctx, where, func(id eventID, file int64, index int) {
		t.noteSuperseded(id, file, index)
		t.result.Inserted--
	})
}

// takeOut removes stored events; note is told of each. The ledger then says the
// same as if they had not been stored in the first place.
func (t *commit) takeOut(ctx context.Context, where string, note func(id eventID, file int64, index int)) error {
	found := map[int64]int{} // by log file
	err := t.conn.each(ctx, func(rec arrow.RecordBatch) error {
		for i := range int(rec.NumRows()) {
			id, err := parseID(rec.Column(0).ValueStr(i))
			if err != nil {
				return err
			}
			file := rec.Column(1).(*array.Int64).Value(i)
			note(id, file, int(rec.Column(2).(*array.Int32).Value(i)))
			if local := t.tookOut(id, rec, i); local && t.inBatch(file) {
				n := t.counts[file] // its ledger entry is yet to be written
				n.quarantined++
				t.counts[file] = n
				continue
			}
			found[file]++
		}
		return nil
	}, `SELECT event_id, log_file_id, record_index, epoch_us(event_time), coalesce(recipient_account_id, ''), region,
		operation_class NOT IN ('cryptographic', 'read') AND error_code IS NULL, rowid >= `+uncommitted+" FROM main.kms_events"+where)
	if err != nil {
		return err
	}
	if err := t.conn.exec(ctx, "DELETE FROM main.kms_events"+where); err != nil {
		return fmt.Errorf("take out events: %w", err)
	}
	for file, n := range found {
		if err := t.recount(ctx, file, n); err != nil {
			return fmt.Errorf("correct ledger: %w", err)
		}
	}
	return nil
}

// tookOut notes row i of a result as removed, and reports whether this
// transaction had added it. What this transaction had added
// itself is not there for the derived tables, which follow at its end.
func (t *commit) tookOut(id eventID, rec arrow.RecordBatch, i int) (local bool) {
	if rec.Column(7).(*array.Boolean).Value(i) {
		t.derived.events--
		return true
	}
	t.derived.removed = append(t.derived.removed, removedEvent{
		id: id, at: rec.Column(3).(*array.Int64).Value(i), account: rec.Column(4).ValueStr(i),
		region: rec.Column(5).ValueStr(i), change: rec.Column(6).(*array.Boolean).Value(i),
	})
	return false
}

func (t *commit) inBatch(file int64) bool {
	return slices.ContainsFunc(t.batch.Files, func(f ingest.LogFile) bool { return f.ID == file })
}

// recount moves n events of a log file from those inserted to the quarantined.
// A committed entry is taken out of the rollup of log files and put in again.
func (t *commit) recount(ctx context.Context, file int64, n int) error {
	d := &deriver{conn: t.conn, derivation: t.derived}
	committed := fmt.Sprintf("log_file_id = %d AND rowid < %s", file, uncommitted)
	if err := d.sumLogFiles(ctx, committed, -1); err != nil {
		return err
	}
	err := t.conn.exec(ctx, fmt.Sprintf(`UPDATE main.log_files SET inserted_count = inserted_count - %d,
		quarantined_count = quarantined_count + %d WHERE log_file_id = %d`, n, n, file))
	if err != nil {
		return err
	}
	return d.sumLogFiles(ctx, committed, 1)
}

// writeCorrections remembers for later runs what the batch corrects. The
// correcting event cannot: it may be corrected itself and go.
func (t *commit) writeCorrections(ctx context.Context) error {
	var rows [][]any
	for original, by := range t.corrections {
		if _, known := t.known[original]; !known {
			rows = append(rows, []any{original, by})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	rec, err := schema.Rows(&schema.Corrections, rows)
	if err != nil {
		return err
	}
	defer rec.Release()
	return t.conn.append(ctx, "", schema.Corrections.Name, rec, nil)
}

// readCorrections collects what the batch corrects, and by which event.
func (t *commit) readCorrections() error {
	if len(t.batch.Supersedes) == 0 {
		return nil
	}
	for _, rec := range []arrow.RecordBatch{t.batch.Events, t.batch.Repeats} {
		if rec == nil {
			continue
		}
		r, err := newRows(rec, nil, nil)
		if err != nil {
			return err
		}
		for i := range r.ids {
			if original, ok := r.corrects(i); ok {
				t.corrections[original] = r.ids[i]
			}
		}
	}
	return nil
}

// isSuperseded reports whether row i was corrected by an event that is known.
func (t *commit) isSuperseded(r *rows, i int) bool {
	if len(t.known) == 0 && len(t.corrections) == 0 {
		return false
	}
	id := r.ids[i]
	if t.corrector(id) == nil {
		return false
	}
	original, ok := r.corrects(i)
	return !ok || original != id
}

func (t *commit) corrector(id eventID) *eventID {
	if by, ok := t.corrections[id]; ok {
		return &by
	}
	if by, ok := t.known[id]; ok {
		return &by
	}
	return nil
}

func (t *commit) refuseSuperseded(r *rows, i int) {
	t.noteSuperseded(r.ids[i], r.files.Value(i), int(r.index.Value(i)))
	t.countIn(r, i, fileCounts{quarantined: 1})
}

func (t *commit) noteSuperseded(id eventID, file int64, index int) {
	t.result.Superseded++
	t.refused = append(t.refused, ingest.Quarantined{
		LogFileID: file, RecordIndex: index, Offset: -1, Reason: reasonSuperseded,
		Detail:  fmt.Sprintf("CloudTrail corrected this event by event %s", formatID(*t.corrector(id))),
		EventID: id,
	})
}
