//go:build duckdb_arrow

package duck

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/schema"
)

// NextLogFileID returns the smallest id not used in the ledger yet.
func (s *Store) NextLogFileID(ctx context.Context) (int64, error) {
	n, err := s.scalar(ctx, `SELECT max(id) FROM (
		SELECT max(log_file_id) AS id FROM main.log_files
		UNION ALL SELECT max(log_file_id) FROM main.kms_events
		UNION ALL SELECT max(log_file_id) FROM main.related_events)`)
	if err != nil {
		return 0, fmt.Errorf("read ledger: %w", err)
	}
	return n + 1, nil
}

// Ledger returns the entries of source with firstKey <= key <= lastKey.
func (s *Store) Ledger(ctx context.Context, source, firstKey, lastKey string) (map[string]ingest.LedgerEntry, error) {
	c, err := s.connect()
	if err != nil {
		return nil, err
	}
	defer c.close()
	out, err := c.ledger(ctx, "SELECT object_key, etag, status, attempts, log_file_id FROM "+ledgerRange(firstKey, lastKey)+
		" WHERE source = $1 AND object_key BETWEEN $2 AND $3", source, firstKey, lastKey)
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	return out, nil
}

// ledger reads entries.
func (c *conn) ledger(ctx context.Context, sql string, args ...any) (map[string]ingest.LedgerEntry, error) {
	out := map[string]ingest.LedgerEntry{}
	err := c.each(ctx, func(rec arrow.RecordBatch) error {
		keys, etags := rec.Column(0).(*array.String), rec.Column(1).(*array.String)
		status, attempts := rec.Column(2).(*array.String), rec.Column(3).(*array.Int32)
		ids := rec.Column(4).(*array.Int64)
		for i := range int(rec.NumRows()) {
			out[keys.Value(i)] = ingest.LedgerEntry{
				ID:       ids.Value(i),
				ETag:     etags.Value(i),
				Status:   ingest.FileStatus(status.Value(i)),
				Attempts: int(attempts.Value(i)),
			}
		}
		return nil
	}, sql, args...)
	return out, err
}

var _ ingest.KeyedLedger = (*Store)(nil)

// LedgerOf returns the entries of objects of source.
func (s *Store) LedgerOf(ctx context.Context, source string, objects []ingest.Object) (map[string]ingest.LedgerEntry, error) {
	c, err := s.connect()
	if err != nil {
		return nil, err
	}
	defer c.close()
	rows := make([][]any, len(objects))
	for i := range objects {
		rows[i] = []any{source, objects[i].Key}
	}
	rec, err := schema.Rows(&batchFiles, rows)
	if err != nil {
		return nil, err
	}
	defer rec.Release()
	if err := c.stage(ctx, &batchFiles, rec, nil); err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	times, undated := deliveries(objects)
	out, err := c.ledger(ctx, `SELECT l.object_key, l.etag, l.status, l.attempts, l.log_file_id FROM `+
		inSpans(schema.LogFiles.Name, "log_file_id, source, object_key, etag, status, attempts", "delivered_at", cluster(times), undated)+` l
		JOIN temp.batch_files b ON b.source = l.source AND b.object_key = l.object_key`)
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	return out, nil
}

// deliveries returns when objects were delivered, and whether that is not known
// of some.
func deliveries(objects []ingest.Object) (times []int64, undated bool) {
	for i := range objects {
		if at := objects[i].Location.DeliveredAt; at.IsZero() {
			undated = true
		} else {
			times = append(times, at.UnixMicro())
		}
	}
	return times, undated
}

// dayInKey finds the day in the key of a CloudTrail log file.
var dayInKey = regexp.MustCompile(`^(.*/)(\d{4}/\d\d/\d\d)/[^/]*$`)

// ledgerRange is where entries with keys between two others can be. If the keys
// differ only from their day on, so do all between them, and DuckDB can skip
// the rest of the ledger by time; by keys, which begin alike, it cannot. A file
// lies in the folder of the day it was delivered; a day of slack is given.
func ledgerRange(firstKey, lastKey string) string {
	first, last := dayInKey.FindStringSubmatch(firstKey), dayInKey.FindStringSubmatch(lastKey)
	if first == nil || last == nil || first[1] != last[1] {
		return "main.log_files"
	}
	from, err := time.Parse("2006/01/02", first[2])
	if err != nil {
		return "main.log_files"
	}
	to, err := time.Parse("2006/01/02", last[2])
	if err != nil {
		return "main.log_files"
	}
	days := span{from.AddDate(0, 0, -1).UnixMicro(), to.AddDate(0, 0, 2).UnixMicro()}
	return inSpans(schema.LogFiles.Name, "log_file_id, source, object_key, etag, status, attempts", "delivered_at", []span{days}, true)
}

// writeLedger replaces the ledger entries of the batch's files, and forgets
// what earlier reads of the same objects put into quarantine.
func (t *commit) writeLedger(ctx context.Context) error {
	if len(t.batch.Files) == 0 {
		return nil
	}
	for i := range t.batch.Files {
		t.derived.saw(t.batch.Files[i].ID)
	}
	if err := t.dropLedger(ctx); err != nil {
		return err
	}
	rec, err := schema.Rows(&schema.LogFiles, t.ledgerRows())
	if err != nil {
		return err
	}
	defer rec.Release()
	return t.conn.append(ctx, "", schema.LogFiles.Name, rec, nil)
}

var batchFiles = schema.Table{
	Name: "batch_files",
	Columns: []schema.Column{
		{Name: "source", Type: schema.Varchar},
		{Name: "object_key", Type: schema.Varchar},
	},
}

// dropLedger removes the entries that the batch replaces. Equal keys have
// equal delivery times, and only by time can DuckDB skip most of a ledger of
// millions: keys of a bucket all begin alike.
func (t *commit) dropLedger(ctx context.Context) error {
	rows := make([][]any, len(t.batch.Files))
	var times []int64
	undated := false
	for i, f := range t.batch.Files {
		rows[i] = []any{f.Source, f.Object.Key}
		if at := f.Object.Location.DeliveredAt; at.IsZero() {
			undated = true
		} else {
			times = append(times, at.UnixMicro())
		}
	}
	rec, err := schema.Rows(&batchFiles, rows)
	if err != nil {
		return err
	}
	defer rec.Release()
	if err := t.conn.stage(ctx, &batchFiles, rec, nil); err != nil {
		return err
	}
	var ids []int64
	err = t.conn.each(ctx, func(rec arrow.RecordBatch) error {
		id, inserted := rec.Column(0).(*array.Int64), rec.Column(1).(*array.Int64)
		for i := range int(rec.NumRows()) {
			ids = append(ids, id.Value(i))
			t.brought[id.Value(i)] = inserted.Value(i)
		}
		return nil
	}, `SELECT l.log_file_id, l.inserted_count FROM `+
		inSpans(schema.LogFiles.Name, "log_file_id, inserted_count, source, object_key", "delivered_at", cluster(times), undated)+` l
		JOIN temp.batch_files b ON b.source = l.source AND b.object_key = l.object_key`)
	if err != nil || len(ids) == 0 {
		return err
	}
	list := joinInts(ids)
	d := &deriver{conn: t.conn, derivation: t.derived}
	if err := d.sumLogFiles(ctx, "log_file_id IN ("+list+") AND rowid < "+uncommitted, -1); err != nil {
		return err
	}
	if err := t.conn.exec(ctx, "DELETE FROM main.log_files WHERE log_file_id IN ("+list+")"); err != nil {
		return err
	}
	return t.conn.exec(ctx, "DELETE FROM main.quarantine WHERE log_file_id IN ("+list+")")
}

func (t *commit) ledgerRows() [][]any {
	rows := make([][]any, len(t.batch.Files))
	for i := range t.batch.Files {
		f := &t.batch.Files[i]
		rows[i] = ledgerRow(f, t.counts[f.ID], t.brought[f.ID], t.now)
	}
	return rows
}

// ledgerRow makes the entry of a file. What an earlier reading of it brought is
// no duplicate now.
func ledgerRow(f *ingest.LogFile, n fileCounts, brought int64, now time.Time) []any {
	// Events that the file brought and that have expired since are not counted twice.
	n.expired -= min(brought, n.expired)
	duplicates := f.Duplicates + n.duplicates
	inserted := f.KMS - duplicates - n.quarantined - n.expired + brought
	duplicates -= min(brought, n.duplicates)
	return []any{
		f.ID, f.Source, f.Object.Key, f.Object.ETag, f.Object.Size, orNil(f.Object.LastModified),
		orNull(f.Object.Location.AccountID), orNull(f.Object.Location.Region), orNil(f.Object.Location.DeliveredAt),
		string(f.Status), orNull(f.Error), f.Attempts,
		f.Records, f.KMS, inserted, duplicates, f.Related, f.Quarantined + n.quarantined, n.expired,
		orNil(f.FirstEvent), orNil(f.LastEvent), now,
	}
}

// writeQuarantine stores what the ingester and this commit refused.
func (t *commit) writeQuarantine(ctx context.Context) error {
	all := slices.Concat(t.batch.Quarantine, t.refused)
	if len(all) == 0 {
		return nil
	}
	rows := make([][]any, len(all))
	for i, q := range all {
		var id any
		if q.EventID != [16]byte{} {
			id = q.EventID
		}
		rows[i] = []any{q.LogFileID, q.RecordIndex, q.Offset, q.Reason, q.Detail, id, orNull(string(q.Excerpt)), t.now}
	}
	rec, err := schema.Rows(&schema.Quarantine, rows)
	if err != nil {
		return err
	}
	defer rec.Release()
	return t.conn.append(ctx, "", schema.Quarantine.Name, rec, nil)
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
