//go:build duckdb_arrow

package duck

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/schema"
)

// Maintenance says what Maintain is to do.
type Maintenance struct {
	// Now bounds what counts as old; the zero time means time.Now.
	Now time.Time
	// All puts together every rollup, and not only what has many parts.
	All bool
	// Retention says what to delete by age; the zero value deletes nothing.
	Retention Retention
}

// Maintained says what Maintain did.
type Maintained struct {
	// Merged parts became Rows rows.
	Merged, Rows int64
	// Folded seconds became minutes.
	Folded int64
	// Expired is the number of rows deleted by age, by table.
	Expired map[string]int64
	// Held is the longest time that the writer was held.
	Held time.Duration
}

// Maintain puts the parts of rollups together, folds seconds into minutes, and
// deletes what is older than the retention. It works in small steps: what takes
// long is computed beside the writer, which is held for each step only as long
// as it takes to exchange some rows.
func (s *Store) Maintain(ctx context.Context, o Maintenance) (Maintained, error) {
	s.maintenance.Lock()
	defer s.maintenance.Unlock()
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	done := Maintained{Expired: map[string]int64{}}
	c, err := s.connect()
	if err != nil {
		return done, err
	}
	defer c.close()
	m := &maintainer{store: s, conn: c, opts: o, done: &done}
	if err := errors.Join(m.compactAll(ctx), m.foldAll(ctx), m.expireAll(ctx)); err != nil {
		return done, fmt.Errorf("maintain database: %w", err)
	}
	return done, m.giveBack(ctx)
}

// giveBack has DuckDB forget rows that were taken out, when that was asked for
// or they are many: it remembers each, and counts them when it plans a query.
// Only a checkpoint does that while nobody reads. With a reader there is always
// a next time.
func (m *maintainer) giveBack(ctx context.Context) error {
	var dead int64
	for _, v := range schema.KeptViews() {
		for _, t := range v.KeptTables() {
			n, err := m.conn.scalar(ctx, fmt.Sprintf(
				"SELECT estimated_size - (SELECT count(*) FROM main.%s) FROM duckdb_tables() WHERE database_name = current_database() AND table_name = %s", t.Name, quote(t.Name)))
			if err != nil {
				return fmt.Errorf("count deleted rows of %s: %w", t.Name, err)
			}
			dead += n
		}
	}
	if !m.opts.All && len(m.done.Expired) == 0 && dead < checkpointRows {
		return nil
	}
	if err := m.store.Checkpoint(ctx); err != nil {
		m.store.log.Debug("checkpoint put off", "reason", err)
	}
	return nil
}

const (
	// compactCommits is after how many small commits rollups are put together
	// in the background, and compactParts from how many parts on: readers sum
	// them each time.
	compactCommits = 200
	compactParts   = 30_000
	// denseCommit is from how many events on a commit is large: its parts are
	// nearly as few as rows can be. While large ones come, a backlog is worked
	// off and nothing is done beside it: both together would need more memory
	// than the store may take.
	denseCommit = 20_000
	// quietTime without a commit says that the backlog is worked off.
	quietTime = 3 * time.Second
)

// maintainSoon maintains the rollups in the background, unless that is being
// done. The write lock is held.
func (s *Store) maintainSoon() {
	s.ingest.sparseCommits, s.ingest.parts = 0, 0
	if s.background.Err() != nil || !s.maintenance.TryLock() {
		return
	}
	s.maintenance.Unlock()
	go func() {
		if _, err := s.Maintain(s.background, Maintenance{}); err != nil && s.background.Err() == nil {
			s.log.Warn("rollups were not put together", "error", err)
		}
	}()
}

// maintainWhenQuiet maintains the rollups once large commits have ended: when a
// while after this commit it is still the last.
func (s *Store) maintainWhenQuiet(commit int64) {
	time.AfterFunc(quietTime, func() {
		s.write.Lock()
		defer s.write.Unlock()
		if s.writer != nil && s.ingest.lastCommit == commit {
			s.maintainSoon()
		}
	})
}

// maintainer does one Maintain on a connection of its own.
type maintainer struct {
	store *Store
	conn  *conn
	opts  Maintenance
	done  *Maintained
	// taken rows were taken out since the last checkpoint.
	taken int64
}

// exchange runs work as a transaction while no other writer is at work. Like
// that of a batch, its commit must not start to merge row groups.
func (m *maintainer) exchange(ctx context.Context, work func() error) error {
	m.store.write.Lock()
	defer m.store.write.Unlock()
	if err := m.store.unavailable(); err != nil {
		return err
	}
	if err := m.store.loadDerivation(ctx); err != nil {
		return err
	}
	start := time.Now()
	defer func() { m.done.Held = max(m.done.Held, time.Since(start)) }()
	unpin, err := m.store.pin(ctx)
	if err != nil {
		return err
	}
	defer unpin()
	if err := m.conn.transaction(ctx, work); err != nil {
		// What work noted in memory may not be in the tables.
		m.store.ingest.loaded = false
		return err
	}
	return nil
}

// checkpoint gives back the space and the memory that rows take which were
// taken out, once they are many: DuckDB remembers each of them until then.
func (m *maintainer) checkpoint(ctx context.Context, taken int64) {
	m.taken += taken
	if m.taken < checkpointRows {
		return
	}
	m.taken = 0
	if err := m.store.Checkpoint(ctx); err != nil {
		m.store.log.Debug("checkpoint put off", "reason", err)
	}
}

const (
	// stepRows is about how many rows one step takes out or puts in.
	stepRows = 50_000
	// checkpointRows is from how many rows taken out on there is a checkpoint.
	checkpointRows = 500_000
	// fewParts of a rollup are left for later.
	fewParts = 2_000
)

func (m *maintainer) compactAll(ctx context.Context) error {
	for _, v := range schema.KeptViews() {
		if v.IsTable() || v.Kept.By == "second" {
			continue // seconds go with the minutes that they are folded into
		}
		if err := m.compact(ctx, &v); err != nil {
			return fmt.Errorf("put together %s: %w", v.Name, err)
		}
	}
	return nil
}

// partsOf is the rollup whose parts a table is put together from.
func partsOf(v *schema.View) *schema.View {
	if v.Kept.Kind == schema.KeptFold {
		return keptView(v.Kept.Of)
	}
	return v
}

// stretch is a range of hours, days or such with the number of rows to put
// together.
type stretch struct {
	bucket
	rows int64
}

// compact settles the parts of a rollup, some days at a time.
func (m *maintainer) compact(ctx context.Context, v *schema.View) error {
	parts, err := m.conn.scalar(ctx, "SELECT count(*) FROM main."+partsOf(v).Parts().Name)
	if err != nil || parts == 0 || parts < fewParts && !m.opts.All {
		return err
	}
	stretches, err := m.stretches(ctx, v)
	if err != nil {
		return err
	}
	for _, s := range stretches {
		if err := m.compactStretch(ctx, v, s); err != nil {
			return err
		}
		m.checkpoint(ctx, s.rows)
	}
	return nil
}

// stretches lists the units of time that have parts, neighbours joined while
// they are small.
func (m *maintainer) stretches(ctx context.Context, v *schema.View) ([]stretch, error) {
	var out []stretch
	of := partsOf(v)
	unit := v.TimeColumn()
	if v.Kept.Kind == schema.KeptFold {
		unit = fmt.Sprintf("date_trunc('%s', %s)", v.Kept.By, of.TimeColumn())
	}
	err := m.conn.each(ctx, func(rec arrow.RecordBatch) error {
		units, rows := rec.Column(0).(*array.Int64), rec.Column(1).(*array.Int64)
		for i := range int(rec.NumRows()) {
			next := stretch{bucketsOf(v, []time.Time{time.UnixMicro(units.Value(i)).UTC()})[0], rows.Value(i)}
			if n := len(out) - 1; n >= 0 && out[n].rows+next.rows <= stepRows {
				out[n].to, out[n].rows = next.to, out[n].rows+next.rows
				continue
			}
			out = append(out, next)
		}
		return nil
	}, fmt.Sprintf(`SELECT epoch_us(unit::TIMESTAMP)::BIGINT AS unit, sum(n)::BIGINT AS n FROM (
			SELECT %s AS unit, count(*) AS n FROM main.%s GROUP BY 1
			UNION ALL SELECT %s, count(*) FROM main.%s WHERE %s IN (%s) GROUP BY 1)
		GROUP BY 1 ORDER BY 1`, unit, of.Parts().Name, v.TimeColumn(), v.Table().Name, v.TimeColumn(), v.BucketsSQL("")))
	return out, err
}

// compactStretch puts parts together beside the writer, and then exchanges them
// for what was settled and the parts that it has seen. If anything was computed
// again meanwhile they are left for the next time.
func (m *maintainer) compactStretch(ctx context.Context, v *schema.View, s stretch) error {
	of := partsOf(v)
	seen := m.store.recomputedCount()
	parts := "main." + of.Parts().Name + " where " + s.where(of.TimeColumn())
	until, err := m.prepare(ctx, v, parts)
	if err != nil {
		return err
	}
	rows, err := m.conn.scalar(ctx, "SELECT count(*) FROM temp.prepared")
	if err != nil {
		return err
	}
	settled := "main." + v.Table().Name
	return m.exchange(ctx, func() error {
		if m.store.ingest.recomputed != seen {
			return nil
		}
		taken := fmt.Sprintf("%s AND commit_id <= %d", parts, until)
		work := fmt.Sprintf("DELETE FROM %s WHERE %s AND %s IN (FROM temp.prepared_units); INSERT INTO %s BY NAME FROM temp.prepared;",
			settled, s.where(v.TimeColumn()), v.TimeColumn(), settled)
		if of.Name != v.Name {
			work += fmt.Sprintf("INSERT INTO main.%s BY NAME SELECT * EXCLUDE commit_id FROM %s;", of.Table().Name, taken)
		}
		m.done.Merged, m.done.Rows = m.done.Merged+s.rows, m.done.Rows+rows
		return m.conn.exec(ctx, work+"DELETE FROM "+taken)
	})
}

// prepare computes beside the writer what an exchange puts in, and which units
// that is all of. until is the newest commit that parts it has seen are of.
func (m *maintainer) prepare(ctx context.Context, v *schema.View, parts string) (until int64, err error) {
	err = m.conn.transaction(ctx, func() error {
		from := "(select * from " + parts + ")"
		err := m.conn.exec(ctx, "CREATE OR REPLACE TEMP TABLE prepared AS "+v.FreshSQL(from)+
			";\nCREATE OR REPLACE TEMP TABLE prepared_units AS "+v.BucketsSQL(from))
		if err != nil {
			return err
		}
		until, err = m.conn.scalar(ctx, "SELECT max(commit_id) FROM "+parts)
		return err
	})
	return until, err
}

// recomputedCount tells how often parts were taken out by something else.
func (s *Store) recomputedCount() int64 {
	s.write.Lock()
	defer s.write.Unlock()
	return s.ingest.recomputed
}

// keepFine is how long requests are kept by the second.
const keepFine = 3 * 24 * time.Hour

// foldAll deletes seconds that are older than keepFine before the newest one,
// or before now: a forged time in the future must not take everything. What is
// folded of them stands for them.
func (m *maintainer) foldAll(ctx context.Context) error {
	for _, v := range schema.KeptViews() {
		if v.Kept.Kind != schema.KeptFold {
			continue
		}
		if err := m.dropFine(ctx, keptView(v.Kept.Of)); err != nil {
			return fmt.Errorf("delete what is folded into %s: %w", v.Name, err)
		}
	}
	return nil
}

func (m *maintainer) dropFine(ctx context.Context, v *schema.View) error {
	table, column := "main."+v.Table().Name, v.TimeColumn()
	newest, err := m.conn.scalar(ctx, fmt.Sprintf("SELECT epoch_us(max(%s))::BIGINT FROM %s", column, table))
	if err != nil || newest == 0 {
		return err
	}
	until := minTime(time.UnixMicro(newest).UTC(), m.opts.Now.UTC()).Add(-keepFine).Truncate(time.Hour)
	hours, err := m.conn.int64s(ctx, fmt.Sprintf(`SELECT epoch_us(hour)::BIGINT FROM (
		SELECT hour, sum(n) OVER (ORDER BY hour) AS before FROM (
			SELECT date_trunc('hour', %s) AS hour, count(*) AS n FROM %s WHERE %s < %s GROUP BY 1))
		QUALIFY row_number() OVER (PARTITION BY before // %d ORDER BY hour DESC) = 1 ORDER BY 1`,
		column, table, column, literalTime(until.UnixMicro()), stepRows))
	if err != nil {
		return err
	}
	for _, hour := range hours {
		before := m.done.Folded
		if err := m.dropFineUntil(ctx, v, time.UnixMicro(hour).UTC().Add(time.Hour)); err != nil {
			return err
		}
		m.checkpoint(ctx, m.done.Folded-before)
	}
	return nil
}

// dropFineUntil deletes all seconds before a time, unless there are parts of
// such: to fold those the seconds are needed.
func (m *maintainer) dropFineUntil(ctx context.Context, v *schema.View, until time.Time) error {
	where := v.TimeColumn() + " < " + literalTime(until.UnixMicro())
	return m.exchange(ctx, func() error {
		parts, err := m.conn.scalar(ctx, "SELECT count(*) FROM main."+v.Parts().Name+" WHERE "+where)
		if err != nil || parts > 0 {
			return err
		}
		n, err := m.conn.scalar(ctx, "SELECT count(*) FROM main."+v.Table().Name+" WHERE "+where)
		if err != nil {
			return err
		}
		m.done.Folded += n
		if err := m.conn.exec(ctx, "DELETE FROM main."+v.Table().Name+" WHERE "+where); err != nil {
			return err
		}
		m.store.ingest.folded = maxTime(until, m.store.ingest.folded)
		return m.conn.setMeta(ctx, metaFolded, m.store.ingest.folded.Format(time.RFC3339))
	})
}
