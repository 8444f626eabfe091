package lake

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/kmstrail/kmstrail/schema"
)

// FileTimes are those of the log file that a row comes from; zero when unknown.
type FileTimes struct {
	// Delivered is the time in the file's name, Written when the object was.
	Delivered, Written time.Time
}

// File is one finished Parquet file.
type File struct {
	// Dir is where it belongs, the table's directory included:
	// kms_events_parquet/region=eu-west-1/day=2026-01-04/.
	Dir  string
	Rows int64
	Body []byte
	// First and Last are the earliest and the latest event_time of its rows; zero
	// for tables that have none.
	First, Last time.Time
}

// Rows collects rows of one table and renders each partition as one Parquet
// file. All rows are in memory until then.
type Rows struct {
	t       *Table
	split   *splitter
	batches [][]arrow.Array
	// rows has those of each directory.
	rows map[string][]ref
	n    int
}

// ref is a row of a batch, with what rows are sorted by.
type ref struct {
	order sortKey
	at    position
}

// NewRows returns an empty collection for a table.
func NewRows(t *Table) *Rows {
	return &Rows{t: t, split: newSplitter(t), rows: map[string][]ref{}}
}

// Len is the number of rows.
func (r *Rows) Len() int { return r.n }

// Add copies rows, given in the schema of the store's table; UUIDs may be
// binary or text. For ChangeEvents the rows of other events are left out. file
// tells the times of a row's log file; nil when none are known.
func (r *Rows) Add(rec arrow.RecordBatch, file func(row int) FileTimes) error {
	placed, err := r.split.place(rec, file)
	if err != nil {
		return fmt.Errorf("write rows of %s: %w", r.t.Name, err)
	}
	if len(placed.rows) == 0 {
		return nil
	}
	batch := int32(len(r.batches))
	r.batches = append(r.batches, gatherAll(r.t, [][]arrow.Array{placed.columns}, placed.rows))
	for i, dir := range placed.dirs {
		r.rows[dir] = append(r.rows[dir], ref{placed.order[i], position{batch, int32(i)}})
	}
	r.n += len(placed.rows)
	return nil
}

// chunk is how many rows are put in order at once.
const chunk = 8192

// Files returns a file for each partition, in the order of their directories.
// The same rows give the same bytes, in whatever order they were added.
func (r *Rows) Files(ctx context.Context) ([]File, error) {
	var files []File
	for _, dir := range slices.Sorted(maps.Keys(r.rows)) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		refs := r.rows[dir]
		slices.SortFunc(refs, func(a, b ref) int { return cmp.Or(a.order.compare(b.order), a.at.compare(b.at)) })
		f, err := r.file(dir, refs)
		if err != nil {
			return nil, fmt.Errorf("write rows of %s: %w", dir, err)
		}
		files = append(files, f)
	}
	return files, nil
}

func (r *Rows) file(dir string, refs []ref) (File, error) {
	w, err := newFileWriter(r.t)
	if err != nil {
		return File{}, err
	}
	positions := make([]position, 0, chunk)
	for part := range slices.Chunk(refs, chunk) {
		positions = positions[:0]
		for _, ref := range part {
			positions = append(positions, ref.at)
		}
		if err := w.write(gatherAll(r.t, r.batches, positions), len(part)); err != nil {
			return File{}, err
		}
	}
	body, err := w.close()
	f := File{Dir: dir, Rows: int64(len(refs)), Body: body}
	if r.t.hasEvents() {
		f.First, f.Last = time.UnixMicro(refs[0].order[0]).UTC(), time.UnixMicro(refs[len(refs)-1].order[0]).UTC()
	}
	return f, err
}

// hasEvents reports whether the table's rows are events.
func (t *Table) hasEvents() bool { return t.Of == &schema.KMSEvents || t.Of == &schema.RelatedEvents }
