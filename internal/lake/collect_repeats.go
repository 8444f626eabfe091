package lake

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/schema"
)

// Records are often delivered more than once, most of these times within a day
// and so to one plan. Of rows that say the same one is enough: the one whose
// object was written first, which is also the one that the engine's views show.
// A row that has the id of another and says something else is kept; those views
// decide.

// recordRows are rows of a table as they were collected, and which of them to write.
type recordRows struct {
	c       *collected
	batches []arrow.RecordBatch
	ids     []*array.FixedSizeBinary
	files   []*array.Int64
	index   []*array.Int32
	// compared are the columns that say something about the record.
	compared [][]arrow.Array
	drop     [][]bool
	// written and repeated count rows by log file.
	written, repeated map[int64]int64
}

func newRecordRows(c *collected, t *schema.Table, batches []arrow.RecordBatch) *recordRows {
	r := &recordRows{c: c, batches: batches, written: map[int64]int64{}, repeated: map[int64]int64{}}
	for _, rec := range batches {
		r.ids = append(r.ids, idColumn(rec, t, "event_id"))
		r.files = append(r.files, rec.Column(t.Column("log_file_id")).(*array.Int64))
		r.index = append(r.index, rec.Column(t.Column("record_index")).(*array.Int32))
		var compared []arrow.Array
		for i := range t.Columns {
			switch t.Columns[i].Name {
			case "log_file_id", "record_index", "event_id":
			default:
				compared = append(compared, rec.Column(i))
			}
		}
		r.compared = append(r.compared, compared)
		r.drop = append(r.drop, make([]bool, rec.NumRows()))
	}
	return r
}

func idColumn(rec arrow.RecordBatch, t *schema.Table, name string) *array.FixedSizeBinary {
	col := rec.Column(t.Column(name))
	if ext, ok := col.(array.ExtensionArray); ok {
		col = ext.Storage()
	}
	return col.(*array.FixedSizeBinary)
}

// choose decides which rows to write.
func (r *recordRows) choose() {
	total := 0
	for _, ids := range r.ids {
		total += ids.Len()
	}
	first := make(map[[16]byte]position, total)
	more := map[[16]byte][]position{}
	for b, ids := range r.ids {
		for row := range ids.Len() {
			at := position{int32(b), int32(row)}
			if r.c.byID[r.file(at)].Status == ingest.FileFailed {
				r.drop[b][row] = true
				continue
			}
			r.written[r.file(at)]++
			id := [16]byte(ids.Value(row))
			switch earlier, known := first[id]; {
			case !known:
				first[id] = at
			case more[id] == nil:
				more[id] = []position{earlier, at}
			default:
				more[id] = append(more[id], at)
			}
		}
	}
	for _, same := range more {
		r.chooseAmong(same)
	}
}

// chooseAmong drops rows that say what another one, written first, says too.
func (r *recordRows) chooseAmong(same []position) {
	slices.SortFunc(same, func(a, b position) int {
		return r.c.before(r.file(a), r.recordIndex(a), r.file(b), r.recordIndex(b))
	})
	var kept []position
	for _, at := range same {
		if slices.ContainsFunc(kept, func(k position) bool { return r.equal(k, at) }) {
			r.drop[at.batch][at.row] = true
			r.written[r.file(at)]--
			r.repeated[r.file(at)]++
			continue
		}
		kept = append(kept, at)
	}
}

func (r *recordRows) file(at position) int64        { return r.files[at.batch].Value(int(at.row)) }
func (r *recordRows) recordIndex(at position) int32 { return r.index[at.batch].Value(int(at.row)) }

// equal compares two rows in all that they say.
func (r *recordRows) equal(a, b position) bool {
	left, right := r.compared[a.batch], r.compared[b.batch]
	for i := range left {
		if !array.SliceEqual(left[i], int64(a.row), int64(a.row)+1, right[i], int64(b.row), int64(b.row)+1) {
			return false
		}
	}
	return true
}

// addTo hands the rows to write to collections of tables, and lets go of them.
func (r *recordRows) addTo(tables ...*Rows) error {
	for b, rec := range r.batches {
		for start, end := range kept(r.drop[b]) {
			part := rec.NewSlice(int64(start), int64(end))
			times := func(row int) FileTimes { return r.c.times(r.files[b].Value(start + row)) }
			for _, t := range tables {
				if err := t.Add(part, times); err != nil {
					return err
				}
			}
		}
		r.batches[b], r.compared[b], r.ids[b], r.files[b], r.index[b] = nil, nil, nil, nil, nil
	}
	return nil
}

// kept yields the ranges of rows that are not dropped.
func kept(drop []bool) func(yield func(start, end int) bool) {
	return func(yield func(start, end int) bool) {
		start := 0
		for i := range len(drop) + 1 {
			if i < len(drop) && !drop[i] {
				continue
			}
			if i > start && !yield(start, i) {
				return
			}
			start = i + 1
		}
	}
}

// times are those of a log file. A file without a time in its name is filed
// under the plan's day, like its ledger entry.
func (c *collected) times(file int64) FileTimes {
	o := &c.byID[file].Object
	t := FileTimes{Delivered: o.Location.DeliveredAt, Written: o.LastModified}
	if t.Delivered.IsZero() {
		t.Delivered = c.plan.day()
	}
	return t
}
