package lake

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// partitionWriter writes rows that come in the order of their files.
type partitionWriter struct {
	e     *exporter
	t     *Table
	split *splitter
	// open has the file of each directory that more rows may come for.
	open map[string]*fileWriter
	// region is that of the last row.
	region string
}

// add writes rows to the files of their partitions.
func (w *partitionWriter) add(ctx context.Context, rec arrow.RecordBatch) error {
	for _, part := range w.byRegion(rec) {
		if err := w.addPart(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// byRegion cuts rows where the Region changes, since only one Region's rows are
// in memory at a time.
func (w *partitionWriter) byRegion(rec arrow.RecordBatch) []arrow.RecordBatch {
	n := rec.NumRows()
	if w.t.Name != Events || n == 0 {
		return []arrow.RecordBatch{rec}
	}
	regions := rec.Column(rec.Schema().FieldIndices(regionColumn.Name)[0]).(*array.String)
	var parts []arrow.RecordBatch
	start := 0
	for i := 1; i <= int(n); i++ {
		if i == int(n) || regions.Value(i) != regions.Value(start) {
			parts = append(parts, rec.NewSlice(int64(start), int64(i)))
			start = i
		}
	}
	return parts
}

func (w *partitionWriter) addPart(ctx context.Context, rec arrow.RecordBatch) error {
	placed, err := w.split.place(rec, fileTimes(rec))
	if err != nil {
		return err
	}
	if w.t.Name == Events {
		if err := w.enter(ctx, rec); err != nil {
			return err
		}
	}
	byDir := map[string][]position{}
	for i, dir := range placed.dirs {
		byDir[dir] = append(byDir[dir], placed.rows[i])
	}
	for _, dir := range slices.Sorted(maps.Keys(byDir)) {
		if err := w.write(ctx, dir, placed.columns, byDir[dir]); err != nil {
			return err
		}
	}
	return nil
}

// enter ends the files of the Region before. Names that cannot be a Region's lie
// between those that are, so that the files of their rows stay open.
func (w *partitionWriter) enter(ctx context.Context, rec arrow.RecordBatch) error {
	region := PartitionRegion(rec.Column(rec.Schema().FieldIndices(regionColumn.Name)[0]).(*array.String).Value(0))
	if region == w.region {
		return nil
	}
	w.region = region
	for _, dir := range slices.Sorted(maps.Keys(w.open)) {
		if strings.Contains(dir, otherRegionDir) {
			continue
		}
		if err := w.end(ctx, dir); err != nil {
			return err
		}
	}
	return nil
}

var otherRegionDir = "/" + regionColumn.Name + "=" + PartitionRegion("") + "/"

func (w *partitionWriter) write(ctx context.Context, dir string, columns []arrow.Array, rows []position) error {
	f := w.open[dir]
	if f == nil {
		var err error
		if f, err = newFileWriter(w.t); err != nil {
			return err
		}
		w.open[dir] = f
	}
	if err := f.write(gatherAll(w.t, [][]arrow.Array{columns}, rows), len(rows)); err != nil {
		return err
	}
	w.e.progress(int64(len(rows)), 0)
	if f.size() < w.e.o.fileBytes || w.t.Current {
		return nil
	}
	return w.end(ctx, dir)
}

// end writes the open file of a directory to the lake.
func (w *partitionWriter) end(ctx context.Context, dir string) error {
	f := w.open[dir]
	delete(w.open, dir)
	body, err := f.close()
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%sstore-%06d%s", dir, w.e.numbers[dir], parquetSuffix)
	w.e.numbers[dir]++
	if w.t.Current {
		name = dir + currentName
	}
	return w.e.put(ctx, w.t, name, body, f.rows)
}

// close writes what is open. A table that has no partitions gets a file even when
// it has no rows: not every engine reads a table without a directory.
func (w *partitionWriter) close(ctx context.Context) error {
	if dir := w.t.Name + "/"; len(w.t.Partitions) == 0 && w.open[dir] == nil && w.e.numbers[dir] == 0 {
		f, err := newFileWriter(w.t)
		if err != nil {
			return err
		}
		w.open[dir] = f
	}
	for _, dir := range slices.Sorted(maps.Keys(w.open)) {
		if err := w.end(ctx, dir); err != nil {
			return err
		}
	}
	return nil
}

// currentName is the one file of tables that are replaced.
const currentName = "current" + parquetSuffix

func (e *exporter) put(ctx context.Context, t *Table, name string, body []byte, rows int64) error {
	if err := e.bucket.Put(ctx, name, body); err != nil {
		return err
	}
	e.done.Rows[t.Name] += rows
	e.done.Files++
	e.done.Bytes += int64(len(body))
	e.progress(0, int64(len(body)))
	return nil
}

func (e *exporter) progress(rows, bytes int64) {
	e.at.Rows += rows
	e.at.Bytes += bytes
	if e.o.OnProgress != nil {
		e.o.OnProgress(e.at)
	}
}
