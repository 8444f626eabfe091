package lake

import (
	"context"
	"encoding/json"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/ingest"
)

// ledger exports the log files: those that are done as plans and their files in
// the ledger, the others as rows only, so that Write reads them.
func (e *exporter) ledger(ctx context.Context) error {
	t := TableNamed(LogFiles)
	e.at.Table, e.at.Day = t.Name, time.Time{}
	r, err := e.store.Query(ctx, selectRows(t, ""))
	if err != nil {
		return err
	}
	defer r.Release()
	l := ledgerWriter{e: e, t: t, split: newSplitter(t), units: map[unitKey]*exportUnit{}}
	l.loose = partitionWriter{e: e, t: t, split: l.split, open: map[string]*openFile{}}
	for r.Next() {
		if err := l.add(ctx, r.RecordBatch()); err != nil {
			return err
		}
	}
	if err := r.Err(); err != nil {
		return err
	}
	if err := l.flush(ctx); err != nil {
		return err
	}
	return l.loose.close(ctx)
}

type unitKey struct{ source, unit string }

// exportUnit counts the plans of a unit.
type exportUnit struct {
	next int
	last time.Time
}

// ledgerWriter makes plans of the store's log files.
type ledgerWriter struct {
	e     *exporter
	t     *Table
	split *splitter
	units map[unitKey]*exportUnit
	// loose has the rows of log files that no plan has.
	loose partitionWriter

	// now is the unit whose rows are being read.
	now     unitKey
	objects []ingest.Object
	files   map[string]ledgerRow
	batches [][]arrow.Array
}

// ledgerRow is the row of a log file in batches.
type ledgerRow struct {
	at       position
	ingested time.Time
}

func (l *ledgerWriter) add(ctx context.Context, rec arrow.RecordBatch) error {
	columns, err := columnsOf(l.t.Of, rec)
	if err != nil {
		return err
	}
	files := l.split.fileColumns(columns, int(rec.NumRows()), nil)
	var taken, loose []position
	for row := range int(rec.NumRows()) {
		if !isDone(columns, row) {
			loose = append(loose, position{0, int32(row)})
			continue
		}
		key := unitKey{text(columns["source"], row), unitOf(text(columns["object_key"], row))}
		if key != l.now || len(l.objects) >= heldObjects {
			l.keep(files, taken)
			taken = nil
			if err := l.flush(ctx); err != nil {
				return err
			}
			l.now = key
		}
		object := objectOf(columns, row)
		l.objects = append(l.objects, object)
		l.files[object.Key] = ledgerRow{position{int32(len(l.batches)), int32(len(taken))}, moment(columns["ingested_at"], row)}
		taken = append(taken, position{0, int32(row)})
	}
	l.keep(files, taken)
	return l.addLoose(ctx, rec, loose)
}

// keep copies the rows that positions point to.
func (l *ledgerWriter) keep(columns []arrow.Array, rows []position) {
	l.batches = append(l.batches, gatherAll(l.t, [][]arrow.Array{columns}, rows))
}

// addLoose writes rows that belong to no plan.
func (l *ledgerWriter) addLoose(ctx context.Context, rec arrow.RecordBatch, rows []position) error {
	for _, at := range rows {
		one := rec.NewSlice(int64(at.row), int64(at.row)+1)
		err := l.loose.addPart(ctx, one)
		one.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// isDone reports whether nothing is left to do for a log file. One that failed is
// read again, and one of which no time is known has no day to stand under.
func isDone(columns map[string]arrow.Array, row int) bool {
	switch ingest.FileStatus(text(columns["status"], row)) {
	case ingest.FileIngested, ingest.FileQuarantined:
		object := objectOf(columns, row)
		return !object.Location.DeliveredAt.IsZero() || !object.LastModified.IsZero()
	}
	return false
}

func objectOf(columns map[string]arrow.Array, row int) ingest.Object {
	key := text(columns["object_key"], row)
	location, _ := ingest.ParseKey(key)
	return ingest.Object{
		Key: key, ETag: text(columns["etag"], row), Size: columns["size_bytes"].(*array.Int64).Value(row),
		LastModified: moment(columns["last_modified"], row), Location: location,
	}
}

// text copies a value out of a batch.
func text(col arrow.Array, row int) string { return string([]byte(col.(*array.String).Value(row))) }

// flush makes the plans of the unit that was read.
func (l *ledgerWriter) flush(ctx context.Context) error {
	lists, _ := batches(l.objects)
	for _, list := range lists {
		if err := l.plan(ctx, list); err != nil {
			return err
		}
	}
	l.objects, l.batches, l.files = nil, nil, map[string]ledgerRow{}
	return nil
}

// plan creates a plan, and its file in the ledger. The plan comes first: a file in
// the ledger without one would make a later plan look done.
func (l *ledgerWriter) plan(ctx context.Context, list []ingest.Object) error {
	unit := l.units[l.now]
	if unit == nil {
		unit = &exportUnit{}
		l.units[l.now] = unit
	}
	p := plan{
		Format: planFormat, Source: l.now.source, Unit: l.now.unit, Number: unit.next, Day: dayOf(&list[0]),
		PlannedAt: unit.last.Add(time.Microsecond), PlannedBy: l.e.o.Maker,
	}
	w, err := newFileWriter(l.t)
	if err != nil {
		return err
	}
	rows := make([]position, len(list))
	for i, o := range list {
		p.Files = append(p.Files, plannedFile{Key: o.Key, ETag: o.ETag, Size: o.Size, LastModified: o.LastModified})
		file := l.files[o.Key]
		rows[i] = file.at
		if file.ingested.After(p.PlannedAt) {
			p.PlannedAt = file.ingested
		}
	}
	unit.next, unit.last = unit.next+1, p.PlannedAt
	if err := w.write(gatherAll(l.t, l.batches, rows), len(rows)); err != nil {
		return err
	}
	body, err := w.close()
	if err != nil {
		return err
	}
	planned, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := l.e.bucket.Create(ctx, sourceDir(p.Source)+p.id().String()+planSuffix, planned); err != nil {
		return err
	}
	l.e.done.Plans++
	l.e.progress(int64(len(rows)), 0)
	return l.e.put(ctx, l.t, p.ledgerName(), body, int64(len(rows)))
}
