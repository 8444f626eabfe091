package lake

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/schema"
)

// render makes the files of a plan: those of the tables, and that of the ledger.
func (c *collected) render(ctx context.Context) (data []File, ledger File, err error) {
	events, related := newRecordRows(c, &schema.KMSEvents, c.events), newRecordRows(c, &schema.RelatedEvents, c.related)
	events.choose()
	related.choose()
	corrections := c.corrections(events)
	c.count(events, related)

	tables := map[string]*Rows{}
	for _, name := range []string{Events, ChangeEvents, Related, Quarantine, Corrections, LogFiles} {
		tables[name] = NewRows(TableNamed(name))
	}
	err = errors.Join(
		events.addTo(tables[Events], tables[ChangeEvents]),
		related.addTo(tables[Related]),
		addRows(tables[Quarantine], &schema.Quarantine, c.quarantineRows()),
		addRows(tables[Corrections], &schema.Corrections, corrections),
		addRows(tables[LogFiles], &schema.LogFiles, c.ledgerRows(), c.plan.day()),
	)
	if err != nil {
		return nil, File{}, err
	}
	for _, name := range []string{Quarantine, Corrections, Related, ChangeEvents, Events} {
		files, err := tables[name].Files(ctx)
		if err != nil {
			return nil, File{}, err
		}
		data = append(data, files...)
		delete(tables, name)
	}
	files, err := tables[LogFiles].Files(ctx)
	if err != nil {
		return nil, File{}, err
	}
	if len(files) != 1 || files[0].Dir+c.plan.fileName("", 0) != c.plan.ledgerName() {
		return nil, File{}, fmt.Errorf("the ledger of plan %s is not one file", c.plan.id())
	}
	return data, files[0], nil
}

// addRows adds rows of one day, or of none.
func addRows(r *Rows, t *schema.Table, rows [][]any, day ...time.Time) error {
	if len(rows) == 0 {
		return nil
	}
	rec, err := schema.Rows(t, rows)
	if err != nil {
		return err
	}
	defer rec.Release()
	return r.Add(rec, func(int) (times FileTimes) {
		if len(day) > 0 {
			times.Delivered = day[0]
		}
		return times
	})
}

// corrections returns which events the rows to write correct, and by which.
func (c *collected) corrections(r *recordRows) [][]any {
	var pairs [][2][16]byte
	for b, rec := range r.batches {
		originals := idColumn(rec, &schema.KMSEvents, "supersedes_event_id")
		if originals.NullN() == originals.Len() {
			continue
		}
		for row := range originals.Len() {
			if !originals.IsNull(row) && !r.drop[b][row] {
				pairs = append(pairs, [2][16]byte{[16]byte(originals.Value(row)), [16]byte(r.ids[b].Value(row))})
			}
		}
	}
	slices.SortFunc(pairs, func(a, b [2][16]byte) int {
		return cmp.Or(bytes.Compare(a[0][:], b[0][:]), bytes.Compare(a[1][:], b[1][:]))
	})
	rows := make([][]any, 0, len(pairs))
	for _, p := range slices.Compact(pairs) {
		rows = append(rows, []any{p[0], p[1]})
	}
	return rows
}

// count puts what became of the rows into the ledger's entries.
func (c *collected) count(events, related *recordRows) {
	for i := range c.files {
		f := &c.files[i]
		f.Duplicates += events.repeated[f.ID]
		f.Related = related.written[f.ID]
	}
}

// ledgerRows are the entries of the plan's files, in its order.
func (c *collected) ledgerRows() [][]any {
	rows := make([][]any, 0, len(c.plan.Files))
	for i := range c.plan.Files {
		f := c.byID[logFileID(c.plan.Source, c.plan.Files[i].Key)]
		rows = append(rows, []any{
			f.ID, f.Source, f.Object.Key, f.Object.ETag, f.Object.Size, orNil(f.Object.LastModified),
			orNull(f.Object.Location.AccountID), orNull(f.Object.Location.Region), orNil(f.Object.Location.DeliveredAt),
			string(f.Status), orNull(f.Error), f.Attempts,
			f.Records, f.KMS, f.KMS - f.Duplicates, f.Duplicates, f.Related, f.Quarantined, int64(0),
			orNil(f.FirstEvent), orNil(f.LastEvent), c.plan.PlannedAt,
		})
	}
	return rows
}

func (c *collected) quarantineRows() [][]any {
	slices.SortFunc(c.quarantine, func(a, b ingest.Quarantined) int {
		return cmp.Or(cmp.Compare(a.LogFileID, b.LogFileID), cmp.Compare(a.RecordIndex, b.RecordIndex), cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Reason, b.Reason))
	})
	rows := make([][]any, len(c.quarantine))
	for i, q := range c.quarantine {
		var id any
		if q.EventID != [16]byte{} {
			id = q.EventID
		}
		rows[i] = []any{q.LogFileID, q.RecordIndex, q.Offset, q.Reason, q.Detail, id, orNull(string(q.Excerpt)), c.plan.PlannedAt}
	}
	return rows
}

func orNil(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// WriteTable writes a table that has one file, unless the same is there. It
// reports whether it wrote.
func WriteTable(ctx context.Context, b Bucket, t *schema.Table, rows [][]any) (changed bool, err error) {
	i := slices.IndexFunc(Tables(), func(l Table) bool { return l.Of == t && l.Current })
	if i < 0 {
		return false, fmt.Errorf("write table %s: it has more than one file", t.Name)
	}
	l := Tables()[i]
	body, err := renderCurrent(ctx, &l, rows)
	if err != nil {
		return false, err
	}
	name := l.Name + "/current" + parquetSuffix
	if there, err := b.Get(ctx, name); err == nil && bytes.Equal(there, body) {
		return false, nil
	}
	return true, b.Put(ctx, name, body)
}

// renderCurrent renders a table; without rows too.
func renderCurrent(ctx context.Context, t *Table, rows [][]any) ([]byte, error) {
	r := NewRows(t)
	if err := addRows(r, t.Of, rows); err != nil {
		return nil, err
	}
	files, err := r.Files(ctx)
	if err != nil {
		return nil, err
	}
	if len(files) == 1 {
		return files[0].Body, nil
	}
	w, err := newFileWriter(t)
	if err != nil {
		return nil, err
	}
	return w.close()
}
