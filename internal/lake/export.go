package lake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/internal/rows"
	"github.com/kmstrail/kmstrail/schema"
)

// ErrNotEmpty says that a lake has rows already.
var ErrNotEmpty = errors.New("the lake has rows already")

// Store is what Export reads: the tables of a store, in DuckDB's SQL.
type Store interface {
	Query(ctx context.Context, sql string, args ...any) (array.RecordReader, error)
}

// ExportOptions say how to export.
type ExportOptions struct {
	// Replace deletes what the lake has.
	Replace bool
	// Maker is the version of the program, for the plans.
	Maker string
	// OnProgress is called now and then; nil for nobody.
	OnProgress func(ExportProgress)
	// fileBytes is where a file ends and the next begins; zero for the default.
	fileBytes int64
}

// ExportProgress says how far an export is.
type ExportProgress struct {
	Table string
	// Day is that of the events being written; zero for other tables.
	Day time.Time
	// Rows are written of RowsAll. An event that changes a key counts twice: it
	// lies in two tables.
	Rows, RowsAll int64
	Bytes         int64
}

// Exported says what an export did.
type Exported struct {
	// Rows is the number of rows of each table.
	Rows         map[string]int64
	Files, Bytes int64
	// Plans are those that list the log files of the store.
	Plans int64
	// Deleted is the number of files that were there before.
	Deleted int64
}

// fileBytes is about how large a file gets.
const fileBytes = 120 << 20

// Export writes the rows of a whole store to the lake. Rows of the lake that come
// from log files are written with plans, as [Write] makes them, so that Write goes
// on from there. Nobody else may write the lake meanwhile.
//
// The plans and the ledger come last. An export that was interrupted leaves rows
// without them, and must be made again with Replace.
func Export(ctx context.Context, from Store, to Bucket, o ExportOptions) (Exported, error) {
	e := &exporter{store: from, bucket: to, o: o, done: Exported{Rows: map[string]int64{}}, numbers: map[string]int{}}
	if e.o.fileBytes == 0 {
		e.o.fileBytes = fileBytes
	}
	err := e.run(ctx)
	return e.done, err
}

type exporter struct {
	store  Store
	bucket Bucket
	o      ExportOptions
	done   Exported
	at     ExportProgress
	// numbers has that of the next file of each directory.
	numbers map[string]int
}

func (e *exporter) run(ctx context.Context) error {
	if err := e.makeRoom(ctx); err != nil {
		return err
	}
	if err := MakeTables(ctx, e.bucket); err != nil {
		return err
	}
	if err := e.countAll(ctx); err != nil {
		return err
	}
	for _, t := range Tables() {
		if t.Name == LogFiles {
			continue
		}
		if err := e.table(ctx, &t); err != nil {
			return fmt.Errorf("export %s: %w", t.Of.Name, err)
		}
	}
	if err := e.ledger(ctx); err != nil {
		return fmt.Errorf("export %s: %w", schema.LogFiles.Name, err)
	}
	return nil
}

// makeRoom refuses a lake that has rows, or deletes them. The ledger goes first:
// a plan without its file in the ledger is carried out again, and what is found
// then is as good as new. The plans go next, so that no log file counts as done
// whose rows are gone.
func (e *exporter) makeRoom(ctx context.Context) error {
	dirs := []string{LogFiles + "/", plansDir}
	for _, t := range Tables() {
		if !t.Current && t.Name != LogFiles {
			dirs = append(dirs, t.Name+"/")
		}
	}
	for _, dir := range dirs {
		var old []string
		err := e.bucket.List(ctx, dir, func(name string, _ int64) error {
			if isEmptyObject(name) {
				return nil
			}
			if !e.o.Replace {
				return fmt.Errorf("%w: %s/%s", ErrNotEmpty, e.bucket, name)
			}
			old = append(old, name)
			return nil
		})
		if err != nil {
			return err
		}
		for _, name := range old {
			if err := e.bucket.Delete(ctx, name); err != nil {
				return err
			}
			e.done.Deleted++
		}
	}
	return nil
}

// countAll finds out how much there is to do.
func (e *exporter) countAll(ctx context.Context) error {
	for _, t := range Tables() {
		where, args := filter(&t)
		err := e.query(ctx, "select count(*) from "+t.Of.Name+where, args, func(r rows.Row) { e.at.RowsAll += r.Number(0) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *exporter) query(ctx context.Context, sql string, args []any, visit func(r rows.Row)) error {
	r, err := e.store.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer r.Release()
	return rows.Scan(r, visit)
}

// filter returns the condition for the rows of a table that has not all of the
// store's.
func filter(t *Table) (where string, args []any) {
	if t.Name != ChangeEvents {
		return "", nil
	}
	for _, name := range slices.Sorted(maps.Keys(changeNames)) {
		args = append(args, name)
	}
	return " where event_name in (?" + strings.Repeat(", ?", len(args)-1) + ")", args
}

// table exports one table, the one of all events day by day.
func (e *exporter) table(ctx context.Context, t *Table) error {
	e.at.Table, e.at.Day = t.Name, time.Time{}
	where, args := filter(t)
	if t.Name != Events {
		return e.rows(ctx, t, where, args)
	}
	var days []time.Time
	err := e.query(ctx, "select distinct date_trunc('day', event_time)::timestamp from "+t.Of.Name+" order by 1", nil,
		func(r rows.Row) { days = append(days, r.Moment(0)) })
	if err != nil {
		return err
	}
	for _, day := range days {
		e.at.Day = day
		if err := e.rows(ctx, t, " where event_time >= ? and event_time < ?", []any{day, day.Add(24 * time.Hour)}); err != nil {
			return err
		}
	}
	return nil
}

// rows exports the rows of a table that a condition holds for.
func (e *exporter) rows(ctx context.Context, t *Table, where string, args []any) error {
	r, err := e.store.Query(ctx, selectRows(t, where), args...)
	if err != nil {
		return err
	}
	defer r.Release()
	w := partitionWriter{e: e, t: t, split: newSplitter(t), open: map[string]*openFile{}}
	for r.Next() {
		if err := w.add(ctx, r.RecordBatch()); err != nil {
			return err
		}
	}
	if err := r.Err(); err != nil {
		return err
	}
	return w.close(ctx)
}

// Names of the columns that tell the times of a row's log file.
const (
	fileDelivered = "file_delivered"
	fileWritten   = "file_written"
)

// selectRows returns the query for a table's rows in their order, with the times
// of their log files where those matter.
func selectRows(t *Table, where string) string {
	list := make([]string, len(t.Of.Columns))
	for i, c := range t.Of.Columns {
		list[i] = c.Name
	}
	columns := strings.Join(list, ", ")
	switch t.Of {
	case &schema.KMSEvents, &schema.RelatedEvents:
		order := "event_time, log_file_id, record_index"
		if t.Name == Events {
			order = "region, " + order
		}
		return "select " + columns + ", file_delivered, file_written\nfrom (select * from " + t.Of.Name + where + `) as events
left join (
    select log_file_id as file_id, coalesce(delivered_at, last_modified, ingested_at) as file_delivered, coalesce(last_modified, delivered_at) as file_written
    from log_files
) as files on file_id = log_file_id
order by ` + order
	case &schema.LogFiles:
		// One unit of plans after the other, see unitOf.
		return "select " + columns + " from " + t.Of.Name + " order by source, delivered_at::date, region, object_key"
	}
	return "select " + columns + " from " + t.Of.Name + where + " order by all"
}

// fileTimes reads the times of the rows' log files.
func fileTimes(rec arrow.RecordBatch) func(row int) FileTimes {
	column := func(name string) arrow.Array {
		if at := rec.Schema().FieldIndices(name); len(at) == 1 {
			return rec.Column(at[0])
		}
		return nil
	}
	delivered, written := column(fileDelivered), column(fileWritten)
	if delivered == nil || written == nil {
		return nil
	}
	return func(row int) FileTimes {
		return FileTimes{Delivered: moment(delivered, row), Written: moment(written, row)}
	}
}
