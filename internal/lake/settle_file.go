package lake

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/google/uuid"

	"github.com/kmstrail/kmstrail/schema"
)

// eventFile is a file of a table of events, to be looked through for repeats.
type eventFile struct {
	t       *Table
	name    string
	version string
	body    []byte
	rows    []eventRow
	losers  []loser
	columns []arrow.Array // all of them, once they are needed
}

// eventRow is what tells rows apart.
type eventRow struct {
	id             string
	at, written    int64
	file           int64
	index          int32
	correctsItself bool
}

// compare orders rows by which of them stays.
func (r *eventRow) compare(name string, row int, other *eventRow, otherName string, otherRow int) int {
	return cmp.Or(cmp.Compare(r.written, other.written), cmp.Compare(r.file, other.file), cmp.Compare(r.index, other.index),
		cmp.Compare(name, otherName), cmp.Compare(row, otherRow))
}

// open reads what tells the rows apart.
func (f *eventFile) open(ctx context.Context, b Bucket) (err error) {
	if f.body, f.version, err = b.GetVersion(ctx, f.name); err != nil {
		return err
	}
	names := []string{"event_id", "event_time", WrittenAt.Name, "log_file_id", "record_index"}
	if f.t.Of == &schema.KMSEvents {
		names = append(names, "supersedes_event_id")
	}
	columns, err := readColumns(ctx, f.body, names...)
	if err != nil {
		return fmt.Errorf("read %s: %w", f.name, err)
	}
	ids, at, written := columns[0].(*array.String), columns[1].(*array.Timestamp), columns[2].(*array.Timestamp)
	files, index := columns[3].(*array.Int64), columns[4].(*array.Int32)
	f.rows = make([]eventRow, ids.Len())
	for i := range f.rows {
		f.rows[i] = eventRow{id: ids.Value(i), at: int64(at.Value(i)), file: files.Value(i), index: index.Value(i)}
		if written.IsValid(i) {
			f.rows[i].written = int64(written.Value(i))
		}
		if len(columns) > 5 {
			original := columns[5].(*array.String)
			f.rows[i].correctsItself = original.IsValid(i) && original.Value(i) == f.rows[i].id
		}
	}
	return nil
}

// all returns all columns of the table's files.
func (f *eventFile) all(ctx context.Context) ([]arrow.Array, error) {
	if f.columns != nil {
		return f.columns, nil
	}
	columns := f.t.Columns()
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = c.Name
	}
	var err error
	if f.columns, err = readColumns(ctx, f.body, list...); err != nil {
		return nil, fmt.Errorf("read %s: %w", f.name, err)
	}
	return f.columns, nil
}

// without renders the file without its losers.
func (f *eventFile) without(ctx context.Context) ([]byte, error) {
	columns, err := f.all(ctx)
	if err != nil {
		return nil, err
	}
	w, err := newFileWriter(f.t)
	if err != nil {
		return nil, err
	}
	drop := make([]bool, len(f.rows))
	for _, l := range f.losers {
		drop[l.row] = true
	}
	var keep []position
	for row := range f.rows {
		if !drop[row] {
			keep = append(keep, position{0, int32(row)})
		}
	}
	for part := range slices.Chunk(keep, chunk) {
		if err := w.write(gatherAll(f.t, [][]arrow.Array{columns}, part), len(part)); err != nil {
			return nil, err
		}
	}
	return w.close()
}

// differing names the columns in which two rows say different things.
func differing(ctx context.Context, a *eventFile, rowA int, b *eventFile, rowB int) ([]string, error) {
	left, err := a.all(ctx)
	if err != nil {
		return nil, err
	}
	right, err := b.all(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for i, c := range a.t.Columns() {
		switch {
		case c.Judged, c.Name == "log_file_id", c.Name == "record_index", c.Name == WrittenAt.Name:
		case !array.SliceEqual(left[i], int64(rowA), int64(rowA)+1, right[i], int64(rowB), int64(rowB)+1):
			out = append(out, c.Name)
		}
	}
	return out, nil
}

// readColumns reads columns of a Parquet file, each in one piece.
func readColumns(ctx context.Context, body []byte, names ...string) ([]arrow.Array, error) {
	f, err := file.NewParquetReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	s, err := r.Schema()
	if err != nil {
		return nil, err
	}
	out := make([]arrow.Array, len(names))
	for i, name := range names {
		at := s.FieldIndices(name)
		if len(at) != 1 {
			return nil, fmt.Errorf("it has %d columns %s", len(at), name)
		}
		leaves, groups := leavesBelow(f, name), make([]int, f.NumRowGroups())
		for g := range groups {
			groups[g] = g
		}
		t, err := r.ReadRowGroups(ctx, leaves, groups)
		if err != nil {
			return nil, err
		}
		out[i], err = onePiece(t.Column(0).Data(), s.Field(at[0]).Type)
		t.Release()
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// leavesBelow returns the columns of the file that make up a column of the table.
func leavesBelow(f *file.Reader, name string) []int {
	var out []int
	s := f.MetaData().Schema
	for i := range s.NumColumns() {
		if s.ColumnRoot(i).Name() == name {
			out = append(out, i)
		}
	}
	return out
}

func onePiece(c *arrow.Chunked, t arrow.DataType) (arrow.Array, error) {
	if len(c.Chunks()) == 0 {
		b := array.NewBuilder(memory.DefaultAllocator, t)
		defer b.Release()
		return b.NewArray(), nil
	}
	return array.Concatenate(c.Chunks(), memory.DefaultAllocator)
}

func readTexts(ctx context.Context, body []byte, name string) ([]string, error) {
	columns, err := readColumns(ctx, body, name)
	if err != nil {
		return nil, err
	}
	texts := columns[0].(*array.String)
	out := make([]string, texts.Len())
	for i := range out {
		out[i] = texts.Value(i)
	}
	return out, nil
}

func parseUUID(text string) ([16]byte, error) {
	id, err := uuid.Parse(text)
	return id, err
}
