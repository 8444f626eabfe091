package lake

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// partitionWriter writes rows that come in the order of their files.
type partitionWriter struct {
	e     *exporter
	t     *Table
	split *splitter
	// open has the file of each directory that more rows may come for.
	open map[string]*openFile
	// region is that of the last row.
	region string
}

// openFile is one that is being written.
type openFile struct {
	*fileWriter

	// first and last are the least and the greatest of what rows are sorted by.
	first, last sortKey
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
	byDir := map[string][]int{}
	for i, dir := range placed.dirs {
		byDir[dir] = append(byDir[dir], i)
	}
	for _, dir := range slices.Sorted(maps.Keys(byDir)) {
		if err := w.write(ctx, dir, placed, byDir[dir]); err != nil {
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

// write writes those of the placed rows that belong to a directory.
func (w *partitionWriter) write(ctx context.Context, dir string, from placed, which []int) error {
	f := w.open[dir]
	if f == nil {
		writer, err := newFileWriter(w.t)
		if err != nil {
			return err
		}
		f = &openFile{fileWriter: writer, first: from.order[which[0]], last: from.order[which[0]]}
		w.open[dir] = f
	}
	rows := make([]position, len(which))
	for i, at := range which {
		rows[i] = from.rows[at]
		f.first, f.last = minKey(f.first, from.order[at]), maxKey(f.last, from.order[at])
	}
	if err := f.write(gatherAll(w.t, [][]arrow.Array{from.columns}, rows), len(rows)); err != nil {
		return err
	}
	w.e.progress(int64(len(rows)), 0)
	if f.size() < w.e.o.fileBytes || w.t.Current {
		return nil
	}
	return w.end(ctx, dir)
}

func minKey(a, b sortKey) sortKey {
	if a.compare(b) < 0 {
		return a
	}
	return b
}

func maxKey(a, b sortKey) sortKey {
	if a.compare(b) > 0 {
		return a
	}
	return b
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
	switch {
	case w.t.Current:
		name = dir + currentName
	case w.t.hasEvents():
		name = eventFileName(name, time.UnixMicro(f.first[0]), time.UnixMicro(f.last[0]))
	}
	return w.e.put(ctx, w.t, name, body, f.rows)
}

// close writes what is open. A table that is replaced has a file without rows too.
func (w *partitionWriter) close(ctx context.Context) error {
	if dir := w.t.Name + "/"; w.t.Current && w.open[dir] == nil {
		f, err := newFileWriter(w.t)
		if err != nil {
			return err
		}
		w.open[dir] = &openFile{fileWriter: f}
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
