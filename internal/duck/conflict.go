//go:build duckdb_arrow

package duck

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/schema"
)

// Of two records with one event id and different content one is forged, or an
// object was damaged. The store keeps the one whose object was written first,
// whichever it reads first: what somebody puts into the bucket later cannot
// take the place of what was there, and the outcome does not depend on the
// order of reading. The other goes to quarantine.

// fileOrigin is what tells which of two files came first.
type fileOrigin struct {
	key     string
	written time.Time
}

// before orders records by the time their object was written; for equal times
// any rule will do that everybody keeps to.
func (o fileOrigin) before(index int, other fileOrigin, otherIndex int) bool {
	return cmp.Or(o.written.Compare(other.written), strings.Compare(o.key, other.key), cmp.Compare(index, otherIndex)) < 0
}

// conflict is a row whose stored twin has other content.
type conflict struct {
	difference
	columns         string
	arrived, stored fileOrigin
}

// settle decides about rows that differ from their stored twin, and returns
// which of them are conflicts.
func (t *commit) settle(ctx context.Context, r *rows, differences []difference) (map[int]bool, error) {
	conflicts, err := t.conflicts(ctx, r, differences)
	if err != nil {
		return nil, err
	}
	found, winners := map[int]bool{}, map[eventID]int{}
	for _, c := range conflicts {
		found[c.row] = true
		id := r.ids[c.row]
		_, won := winners[id]
		if !won && c.arrived.before(int(r.index.Value(c.row)), c.stored, int(c.storedIndex)) {
			winners[id] = c.row
			t.refuseStored(r, c)
			continue
		}
		t.refuseArrived(r, c)
	}
	return found, t.replaceStored(ctx, r, winners)
}

// conflicts returns the rows that really differ, the first written first.
func (t *commit) conflicts(ctx context.Context, r *rows, differences []difference) (out []conflict, err error) {
	for _, d := range differences {
		c := conflict{difference: d, columns: d.differing()}
		if c.columns == "" {
			continue
		}
		if c.arrived, err = t.fileOrigin(ctx, r.files.Value(d.row)); err != nil {
			return nil, err
		}
		if c.stored, err = t.fileOrigin(ctx, d.storedFile); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b conflict) int {
		if a.arrived.before(int(r.index.Value(a.row)), b.arrived, int(r.index.Value(b.row))) {
			return -1
		}
		return 1
	})
	return out, nil
}

// replaceStored puts rows of the batch in the place of stored ones.
func (t *commit) replaceStored(ctx context.Context, r *rows, winners map[eventID]int) error {
	if len(winners) == 0 {
		return nil
	}
	keep := make([]bool, len(r.ids))
	var ids []string
	first, last := int64(0), int64(0)
	for id, i := range winners {
		keep[i] = true
		if !r.isCall(i) {
			t.derived.changes++
		}
		ids = append(ids, "'"+formatID(id)+"'::UUID")
		if len(ids) == 1 {
			first, last = r.times[i], r.times[i]
		}
		first, last = min(first, r.times[i]), max(last, r.times[i])
	}
	slices.Sort(ids)
	// The stored twin lies in the ranges in which duplicates are looked for.
	for _, s := range r.spans {
		first, last = min(first, s.from), max(last, s.to)
	}
	where := fmt.Sprintf(" WHERE event_id IN (%s) AND event_time BETWEEN %s AND %s", strings.Join(ids, ","), literalTime(first), literalTime(last))
	if err := t.takeOut(ctx, where, func(eventID, int64, int) {}); err != nil {
		return err
	}
	t.derived.events += int64(len(winners))
	return t.conn.append(ctx, "", schema.KMSEvents.Name, r.rec, keep)
}

func (t *commit) refuseArrived(r *rows, c conflict) {
	file, index := r.files.Value(c.row), int(r.index.Value(c.row))
	t.refuse(file, index, r.ids[c.row], excerpt(c.excerpt), conflictText(index, c.arrived, int(c.storedIndex), c.stored, c.columns))
	t.countIn(r, c.row, fileCounts{quarantined: 1})
}

func (t *commit) refuseStored(r *rows, c conflict) {
	index := int(c.storedIndex)
	t.refuse(c.storedFile, index, r.ids[c.row], excerpt(c.storedExcerpt),
		conflictText(index, c.stored, int(r.index.Value(c.row)), c.arrived, c.columns))
}

func conflictText(index int, file fileOrigin, keptIndex int, kept fileOrigin, columns string) string {
	return fmt.Sprintf("record %d of %s has the event id of record %d of %s, which was written first, but differs in: %s",
		index, file.key, keptIndex, kept.key, columns)
}

func (t *commit) refuse(file int64, index int, id eventID, excerpt []byte, detail string) {
	t.refused = append(t.refused, ingest.Quarantined{
		LogFileID: file, RecordIndex: index, Offset: -1, Reason: reasonConflict, Detail: detail, EventID: id, Excerpt: excerpt,
	})
	t.result.Conflicts++
}

// fileOrigin returns what is known of a log file of the batch or the ledger.
func (t *commit) fileOrigin(ctx context.Context, id int64) (fileOrigin, error) {
	if len(t.files) == 0 {
		for i := range t.batch.Files {
			o := &t.batch.Files[i].Object
			t.files[t.batch.Files[i].ID] = fileOrigin{o.Key, o.LastModified}
		}
	}
	if origin, ok := t.files[id]; ok {
		return origin, nil
	}
	origin := fileOrigin{key: fmt.Sprintf("log file %d", id)}
	err := t.conn.each(ctx, func(rec arrow.RecordBatch) error {
		if rec.NumRows() == 0 {
			return nil
		}
		origin.key = rec.Column(0).ValueStr(0)
		if written := rec.Column(1).(*array.Timestamp); written.IsValid(0) {
			origin.written = time.UnixMicro(int64(written.Value(0))).UTC()
		}
		return nil
	}, "SELECT object_key, last_modified FROM main.log_files WHERE log_file_id = ?", id)
	t.files[id] = origin
	return origin, err
}
