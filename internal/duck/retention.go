//go:build duckdb_arrow

package duck

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/schema"
)

// Retention says after how long rows of a table are deleted, by the time they
// are about. A table that is not in it keeps everything. Of kms_events only
// cryptographic and reading calls are deleted: what changed keys stays.
type Retention map[string]time.Duration

// agedBy names the time that rows of the tables that can expire have.
func agedBy() map[string]string {
	out := map[string]string{
		schema.KMSEvents.Name:    "event_time",
		schema.Quarantine.Name:   "quarantined_at",
		schema.ChangedCells.Name: "committed_at",
		schema.DetectorRuns.Name: "started_at",
	}
	for _, v := range schema.KeptViews() {
		if !v.IsTable() && v.Kept.By != "second" && v.Kept.By != "month" {
			out[v.Name] = v.TimeColumn()
		}
	}
	return out
}

// RetentionTables lists the tables whose rows can expire.
func RetentionTables() []string {
	var names []string
	for name := range agedBy() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// expirable is a condition for events that are deleted by age.
const expirable = "operation_class IN ('cryptographic', 'read')"

func (m *maintainer) expireAll(ctx context.Context) error {
	for _, name := range RetentionTables() {
		keep, ok := m.opts.Retention[name]
		if !ok || keep <= 0 {
			continue
		}
		// Whole days, so that no rollup has half of one.
		until := m.opts.Now.UTC().Add(-keep).Truncate(24 * time.Hour)
		n, err := m.expire(ctx, name, until)
		if err != nil {
			return fmt.Errorf("delete old rows of %s: %w", name, err)
		}
		if n > 0 {
			m.done.Expired[name] = n
		}
	}
	for name := range m.opts.Retention {
		if _, ok := agedBy()[name]; !ok {
			return fmt.Errorf("no rows of %q can be deleted by age; known are %s", name, strings.Join(RetentionTables(), ", "))
		}
	}
	return nil
}

// expire deletes what is older than a time, a day at a time.
func (m *maintainer) expire(ctx context.Context, name string, until time.Time) (int64, error) {
	tables, column, and := []string{name}, agedBy()[name], ""
	switch name {
	case schema.KMSEvents.Name:
		if err := m.raiseCutoff(ctx, until); err != nil {
			return 0, err
		}
		and = " AND " + expirable
	case schema.ChangedCells.Name:
		// The newest numbers the next commit.
		and = " AND commit_id < (SELECT max(commit_id) FROM main.changed_cells)"
	default:
		if slices.Contains(KeptTables(), name) {
			var err error
			if tables, err = m.keptUntil(ctx, name, until); err != nil {
				return 0, err
			}
		}
	}
	var deleted int64
	for _, table := range tables {
		n, err := m.deleteDays(ctx, table, column, until, and)
		deleted += n
		if err != nil {
			return deleted, err
		}
	}
	return deleted, nil
}

// deleteDays deletes the rows of a table before a time.
func (m *maintainer) deleteDays(ctx context.Context, table, column string, until time.Time, and string) (deleted int64, err error) {
	days, err := m.conn.int64s(ctx, fmt.Sprintf("SELECT DISTINCT epoch_us(date_trunc('day', %s)::TIMESTAMP)::BIGINT AS day FROM main.%s WHERE %s < %s%s ORDER BY day",
		column, table, column, literalTime(until.UnixMicro()), and))
	if err != nil {
		return 0, err
	}
	for _, day := range days {
		from := time.UnixMicro(day).UTC()
		n, err := m.deleteDay(ctx, table, bucket{from, from.AddDate(0, 0, 1)}.where(column)+and)
		if err != nil {
			return deleted, err
		}
		deleted += n
		m.checkpoint(ctx, n)
	}
	return deleted, nil
}

// keptUntil notes from when on a derived table has all of its rows, before any
// is deleted, and names the tables that hold them.
func (m *maintainer) keptUntil(ctx context.Context, name string, until time.Time) ([]string, error) {
	var tables []string
	for _, t := range keptView(name).KeptTables() {
		tables = append(tables, t.Name)
	}
	return tables, m.exchange(ctx, func() error {
		from, err := m.conn.metaTime(ctx, metaKeptFrom(name))
		if err != nil || !until.After(from) {
			return err
		}
		return m.conn.setMeta(ctx, metaKeptFrom(name), until.Format(time.RFC3339))
	})
}

func (m *maintainer) deleteDay(ctx context.Context, table, where string) (n int64, err error) {
	err = m.exchange(ctx, func() error {
		if n, err = m.conn.scalar(ctx, "SELECT count(*) FROM main."+table+" WHERE "+where); err != nil {
			return err
		}
		m.store.ingest.recomputed++
		return m.conn.exec(ctx, "DELETE FROM main."+table+" WHERE "+where)
	})
	return n, err
}

// raiseCutoff says from when on there are all events, before any is deleted:
// what is older is not stored again.
func (m *maintainer) raiseCutoff(ctx context.Context, until time.Time) error {
	return m.exchange(ctx, func() error {
		if !until.After(m.store.ingest.cutoff) {
			return nil
		}
		if err := m.conn.setMeta(ctx, metaExpired, until.Format(time.RFC3339)); err != nil {
			return err
		}
		m.store.ingest.cutoff = until
		return nil
	})
}
