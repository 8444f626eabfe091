//go:build duckdb_arrow

package duck

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/schema"
)

// The derived tables that are kept follow the events in the transaction that
// changes them. What a commit adds is found as the rows that its transaction
// has not committed yet; a rollup gets the sums of these as further parts, so a
// commit costs what it brings and not what the store holds. Only where an event
// is taken out, or where a late one falls into a minute that is folded, are
// rows computed again, from the events of that time.

// uncommitted is the first row id of rows that DuckDB holds for an open
// transaction. It is a constant of DuckDB's; deriveCommit counts what it finds
// by it, so that another DuckDB cannot make it miss a row.
const uncommitted = "36028797018960000"

// derivation collects, from the first Add to Commit, what the derived tables
// must know.
type derivation struct {
	// commit numbers the transaction.
	commit int64
	// events were inserted by it and are still there.
	events int64
	// changes are those of them that are neither cryptographic nor reading.
	changes int64
	// related were inserted.
	related int64
	// firstFile and lastFile bound the log files of inserted rows, if any.
	firstFile, lastFile int64
	any                 bool
	// removed are the events that were taken out and had been committed before.
	removed []removedEvent
	// parts were appended to rollups.
	parts int64
}

// removedEvent is an event that is not in the table any more.
type removedEvent struct {
	id      eventID
	account string
	region  string
	at      int64 // microseconds since 1970
	change  bool
}

// saw widens the bounds by the files of a batch.
func (d *derivation) saw(files ...int64) {
	for _, id := range files {
		if !d.any {
			d.firstFile, d.lastFile, d.any = id, id, true
		}
		d.firstFile, d.lastFile = min(d.firstFile, id), max(d.lastFile, id)
	}
}

// inCommit is a condition for rows of an events table that this transaction
// added. Bounds of the log file let DuckDB skip all others.
func (d *derivation) inCommit(table string) string {
	return fmt.Sprintf("%s.rowid >= %s AND %s.log_file_id BETWEEN %d AND %d", table, uncommitted, table, d.firstFile, d.lastFile)
}

// deriver brings the kept tables up to date on one connection.
type deriver struct {
	*conn
	*derivation
	folded time.Time // request_seconds before it are gone
	cutoff time.Time // events before it have expired
	now    time.Time
}

// deriveCommit does what is owed before the transaction is committed.
func (s *Store) deriveCommit(ctx context.Context) error {
	d := &deriver{conn: s.writer, derivation: &s.ingest.derivation, folded: s.ingest.folded, cutoff: s.ingest.cutoff, now: time.Now().UTC()}
	if err := d.run(ctx); err != nil {
		return fmt.Errorf("keep derived tables: %w", err)
	}
	return nil
}

func (d *deriver) run(ctx context.Context) error {
	if err := d.addLogFiles(ctx); err != nil {
		return err
	}
	if d.events == 0 && d.related == 0 && len(d.removed) == 0 {
		return nil
	}
	if err := d.stageEvents(ctx); err != nil {
		return err
	}
	if err := d.addRows(ctx); err != nil {
		return err
	}
	if err := d.addParts(ctx); err != nil {
		return err
	}
	if err := d.unfold(ctx); err != nil {
		return err
	}
	if err := d.correct(ctx); err != nil {
		return err
	}
	if err := d.noteCells(ctx); err != nil {
		return err
	}
	return d.unstage(ctx)
}

// unstage lets go of what a large commit has staged: the commit itself needs
// the memory.
func (d *deriver) unstage(ctx context.Context) error {
	if d.events < denseCommit {
		return nil
	}
	drops := "DROP TABLE " + stagedEvents
	for _, v := range schema.KeptViews() {
		if v.Kept.Kind == schema.KeptRollup && v.Kept.Of != schema.LogFiles.Name {
			drops += "; DROP TABLE " + stagedRollup + v.Name
		}
	}
	return d.exec(ctx, drops)
}

// The relations that definitions are given instead of tables.
const (
	stagedEvents = "temp.new_events"
	stagedRollup = "temp.new_" // and the name of the rollup
)

// stageEvents copies those columns of the new events that rollups need.
func (d *deriver) stageEvents(ctx context.Context) error {
	err := d.exec(ctx, "CREATE OR REPLACE TEMP TABLE new_events AS SELECT "+strings.Join(rollupColumns(), ", ")+
		" FROM main.kms_events WHERE "+d.inCommit("kms_events"))
	if err != nil {
		return err
	}
	n, err := d.scalar(ctx, "SELECT count(*) FROM "+stagedEvents)
	if err != nil {
		return err
	}
	if n != d.events {
		return fmt.Errorf("found %d of the %d events that were added", n, d.events)
	}
	return nil
}

// rollupColumns lists the columns of kms_events that rollups and changed_cells
// are made of.
func rollupColumns() []string {
	need := []string{"recipient_account_id", "region", "event_time", "operation_class", "error_code"}
	for _, v := range schema.KeptViews() {
		if v.Kept.Kind == schema.KeptRollup {
			need = append(need, v.SourceColumns(&schema.KMSEvents)...)
		}
	}
	slices.Sort(need)
	return slices.Compact(need)
}

// addRows adds what new events give by themselves: all such tables are made of
// changes.
func (d *deriver) addRows(ctx context.Context) error {
	sources := map[string]string{schema.KMSEvents.Name: "(SELECT * FROM main.kms_events WHERE " + d.inCommit("kms_events") + ")"}
	for _, v := range schema.KeptViews() {
		if v.Kept.Kind != schema.KeptRows || d.changes == 0 {
			continue
		}
		table := "main." + v.Table().Name
		if err := d.exec(ctx, "INSERT INTO "+table+" BY NAME\n"+v.Definition(sources)); err != nil {
			return fmt.Errorf("%s: %w", v.Name, err)
		}
		sources[v.Name] = "(SELECT * FROM " + table + " WHERE rowid >= " + uncommitted + ")"
	}
	return nil
}

// addParts appends what new events add to rollups.
func (d *deriver) addParts(ctx context.Context) error {
	sources := map[string]string{schema.KMSEvents.Name: stagedEvents}
	for _, v := range schema.KeptViews() {
		if v.Kept.Kind != schema.KeptRollup || v.Kept.Of == schema.LogFiles.Name || d.events == 0 {
			continue
		}
		err := d.exec(ctx, "CREATE OR REPLACE TEMP TABLE new_"+v.Name+" AS\n"+v.Definition(sources)+";\n"+
			fmt.Sprintf("INSERT INTO main.%s BY NAME SELECT *, %d AS commit_id FROM %s", v.Parts().Name, d.commit, stagedRollup+v.Name))
		if err != nil {
			return fmt.Errorf("%s: %w", v.Name, err)
		}
		n, err := d.scalar(ctx, "SELECT count(*) FROM "+stagedRollup+v.Name)
		if err != nil {
			return fmt.Errorf("%s: %w", v.Name, err)
		}
		d.parts = max(d.parts, n)
		sources[v.Name] = stagedRollup + v.Name
	}
	return nil
}

// addLogFiles adds the ledger entries of this transaction to the rollup of
// them. Entries that it replaced were taken away by forgetLogFiles.
func (d *deriver) addLogFiles(ctx context.Context) error {
	if !d.any {
		return nil
	}
	return d.sumLogFiles(ctx, d.inCommit("log_files"), 1)
}

// sumLogFiles adds entries to the rollup of log files, or takes them away with
// a factor of -1: all it has are sums.
func (d *deriver) sumLogFiles(ctx context.Context, where string, factor int) error {
	for _, v := range schema.KeptViews() {
		if v.Kept.Of != schema.LogFiles.Name {
			continue
		}
		columns := make([]string, len(v.Columns))
		for i, c := range v.Columns {
			columns[i] = c.Name
			if c.Merge == schema.MergeSum {
				columns[i] = fmt.Sprintf("%d * %s AS %s", factor, c.Name, c.Name)
			}
		}
		from := "(SELECT * FROM main.log_files WHERE " + where + ")"
		sql := v.Definition(map[string]string{schema.LogFiles.Name: from})
		err := d.exec(ctx, fmt.Sprintf("INSERT INTO main.%s BY NAME SELECT %s, %d AS commit_id FROM (\n%s\n)",
			v.Parts().Name, strings.Join(columns, ", "), d.commit, sql))
		if err != nil {
			return fmt.Errorf("%s: %w", v.Name, err)
		}
	}
	return nil
}

// noteCells says which hours of which account and Region the commit changed.
func (d *deriver) noteCells(ctx context.Context) error {
	parts := []string{`SELECT recipient_account_id AS account_id, region, date_trunc('hour', event_time) AS hour, count(*) AS events,
		count(CASE WHEN operation_class NOT IN ('cryptographic', 'read') AND error_code IS NULL THEN 1 END) AS changes
		FROM ` + stagedEvents + ` GROUP BY ALL`}
	if d.related > 0 {
		parts = append(parts, `SELECT recipient_account_id, region, date_trunc('hour', event_time), count(*), count(*)
			FROM main.related_events WHERE `+d.inCommit("related_events")+` GROUP BY ALL`)
	}
	if len(d.removed) > 0 {
		parts = append(parts, `SELECT account_id, region, date_trunc('hour', event_time), count(*), sum(changes)
			FROM temp.removed GROUP BY ALL`)
	}
	return d.exec(ctx, fmt.Sprintf(`INSERT INTO main.changed_cells BY NAME
		SELECT %d AS commit_id, %s AS committed_at, account_id, region, hour, sum(events)::BIGINT AS event_count, sum(changes)::BIGINT AS change_count
		FROM (%s) GROUP BY account_id, region, hour`, d.commit, literalTime(d.now.UnixMicro()), strings.Join(parts, "\nUNION ALL\n")))
}

// LastCommit returns the number of the newest commit that changed events, 0
// when there is none.
func (s *Store) LastCommit(ctx context.Context) (int64, error) {
	return s.scalar(ctx, "SELECT max(commit_id) FROM main.changed_cells")
}

// loadDerivation reads what the next transaction must know, once.
func (s *Store) loadDerivation(ctx context.Context) error {
	if s.ingest.loaded {
		return nil
	}
	last, err := s.writer.scalar(ctx, "SELECT max(n) FROM (SELECT max(commit_id) AS n FROM main.changed_cells UNION ALL SELECT max(commit_id) FROM main.log_file_days_parts)")
	if err != nil {
		return fmt.Errorf("read commits: %w", err)
	}
	s.ingest.lastCommit = last
	if s.ingest.parts, err = s.writer.scalar(ctx, "SELECT max(n) FROM (SELECT count(*) AS n FROM main.usage_hourly_parts UNION ALL SELECT count(*) FROM main.request_seconds_parts)"); err != nil {
		return fmt.Errorf("count parts: %w", err)
	}
	if s.ingest.folded, err = s.writer.metaTime(ctx, metaFolded); err != nil {
		return err
	}
	if s.ingest.cutoff, err = s.writer.metaTime(ctx, metaExpired); err != nil {
		return err
	}
	s.ingest.loaded = true
	return nil
}

// The names of times in the table meta.
const (
	// metaFolded: the seconds before it were deleted, what is in request_rate
	// stands for them. Those of late events wait to be folded.
	metaFolded = "request_seconds_from"
	// metaExpired: cryptographic and reading events before it were deleted.
	metaExpired = "events_from"
)

// metaKeptFrom: the rows of a derived table before it were deleted.
func metaKeptFrom(table string) string { return "kept_from:" + table }

// metaTime reads a time from the table meta; the zero time when it has none.
func (c *conn) metaTime(ctx context.Context, name string) (time.Time, error) {
	var at time.Time
	err := c.each(ctx, func(rec arrow.RecordBatch) error {
		if rec.NumRows() == 0 {
			return nil
		}
		var err error
		at, err = time.Parse(time.RFC3339, rec.Column(0).(*array.String).Value(0))
		return err
	}, "SELECT value FROM main.meta WHERE name = ?", name)
	if err != nil {
		return at, fmt.Errorf("read %s: %w", name, err)
	}
	return at, nil
}

func (c *conn) setMeta(ctx context.Context, name, value string) error {
	return c.exec(ctx, "DELETE FROM main.meta WHERE name = "+quote(name)+"; INSERT INTO main.meta VALUES ("+quote(name)+", "+quote(value)+")")
}
