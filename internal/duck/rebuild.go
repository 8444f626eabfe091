//go:build duckdb_arrow

package duck

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/kmstrail/kmstrail/schema"
)

// KeptTables names the derived tables that are kept and can be rebuilt.
func KeptTables() []string {
	var names []string
	for _, v := range schema.KeptViews() {
		names = append(names, v.Name)
	}
	return names
}

// Rebuild computes kept tables anew from their definitions, all when names is
// empty, in one transaction; nothing else is written meanwhile. What was summed
// from events that have expired since stays. progress, which may be nil, is
// told how many of the total days are done.
func (s *Store) Rebuild(ctx context.Context, names []string, progress func(table string, done, total int)) error {
	if len(names) == 0 {
		names = KeptTables()
	}
	for _, name := range names {
		if !slices.Contains(KeptTables(), name) {
			return fmt.Errorf("rebuild %s: there is no such derived table; known are %s", name, strings.Join(KeptTables(), ", "))
		}
	}
	if progress == nil {
		progress = func(string, int, int) {}
	}
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.unavailable(); err != nil {
		return err
	}
	return s.rebuild(ctx, names, progress)
}

// rebuild does the work of Rebuild; the writer is held.
func (s *Store) rebuild(ctx context.Context, names []string, progress func(table string, done, total int)) error {
	if err := s.loadDerivation(ctx); err != nil {
		return err
	}
	s.ingest.recomputed++
	names = withFolds(names)
	r := &rebuilder{
		deriver:  &deriver{conn: s.writer, derivation: &derivation{commit: s.ingest.lastCommit}, folded: s.ingest.folded, cutoff: s.ingest.cutoff},
		progress: progress,
	}
	err := s.writer.transaction(ctx, func() error {
		for _, v := range schema.KeptViews() {
			if !slices.Contains(names, v.Name) {
				continue
			}
			if err := r.rebuild(ctx, &v); err != nil {
				return fmt.Errorf("rebuild %s: %w", v.Name, err)
			}
		}
		return nil
	})
	if err == nil {
		err = s.keptIsCurrent(ctx, names)
	}
	if err != nil {
		return err
	}
	// Many rows were written at once: better into the file than into the log.
	if err := s.writer.exec(ctx, "CHECKPOINT"); err != nil {
		s.log.Debug("checkpoint put off", "reason", err)
	}
	return nil
}

// withFolds adds to folds what they are folded from, and the other way round:
// each minute is in one of the two.
func withFolds(names []string) []string {
	for _, v := range schema.KeptViews() {
		if v.Kept.Kind == schema.KeptFold && (slices.Contains(names, v.Name) || slices.Contains(names, v.Kept.Of)) {
			names = append(slices.Clone(names), v.Name, v.Kept.Of)
		}
	}
	return names
}

func keptHashName(table string) string { return "kept:" + table }

// staleTables lists the kept tables that another definition made.
func (s *Store) staleTables(ctx context.Context) ([]string, error) {
	hashes := map[string]string{}
	err := s.writer.each(ctx, func(rec arrow.RecordBatch) error {
		for i := range int(rec.NumRows()) {
			hashes[rec.Column(0).ValueStr(i)] = rec.Column(1).ValueStr(i)
		}
		return nil
	}, "SELECT name, value FROM main.meta")
	if err != nil {
		return nil, err
	}
	var stale []string
	for _, v := range schema.KeptViews() {
		if hashes[keptHashName(v.Name)] != v.KeptHash() {
			stale = append(stale, v.Name)
		}
	}
	return stale, nil
}

// rebuildStale rebuilds what another definition made, in a new file nothing.
func (s *Store) rebuildStale(ctx context.Context) error {
	stale, err := s.staleTables(ctx)
	if err != nil || len(stale) == 0 {
		return err
	}
	rows, err := s.writer.scalar(ctx, "SELECT count(*) FROM (SELECT 1 FROM main.log_files UNION ALL SELECT 1 FROM main.inventory_keys LIMIT 1)")
	if err != nil {
		return err
	}
	if rows == 0 {
		return s.keptIsCurrent(ctx, stale)
	}
	s.log.Info("rebuilding derived tables, which another version made", "tables", strings.Join(stale, ", "))
	return s.rebuild(ctx, stale, func(string, int, int) {})
}

// keptIsCurrent says of tables that they follow from today's definitions.
func (s *Store) keptIsCurrent(ctx context.Context, names []string) error {
	return s.writer.transaction(ctx, func() error {
		for _, name := range names {
			if err := s.writer.setMeta(ctx, keptHashName(name), keptView(name).KeptHash()); err != nil {
				return err
			}
		}
		return nil
	})
}

// rebuilder fills kept tables day by day, so that memory is bounded and DuckDB
// can skip what lies outside of the day.
type rebuilder struct {
	*deriver
	progress func(table string, done, total int)
}

func (r *rebuilder) rebuild(ctx context.Context, v *schema.View) error {
	whole, err := r.wholeFrom(ctx, v)
	if err != nil {
		return err
	}
	days, err := r.days(ctx, v, whole)
	if err != nil {
		return err
	}
	for _, t := range v.KeptTables() {
		where := ""
		if !whole.IsZero() {
			where = " WHERE " + v.TimeColumn() + " >= " + literalTime(whole.UnixMicro())
		}
		if err := r.exec(ctx, "DELETE FROM main."+t.Name+where); err != nil {
			return err
		}
	}
	for i, day := range days {
		r.progress(v.Name, i, len(days))
		if err := r.fill(ctx, v, day); err != nil {
			return err
		}
	}
	r.progress(v.Name, len(days), len(days))
	return nil
}

// wholeFrom is the time from which on the sources of v are all there; the zero
// time for all of them. Changes of keys and log files never expire.
func (r *rebuilder) wholeFrom(ctx context.Context, v *schema.View) (time.Time, error) {
	switch {
	case v.IsTable(), v.Kept.Of == schema.LogFiles.Name:
		return time.Time{}, nil
	case !isOfRollup(v):
		return r.cutoff, nil
	}
	from, err := r.wholeSince(ctx, v)
	if err != nil || from.IsZero() || monthOf(from).from.Equal(from) {
		return from, err
	}
	return monthOf(from).to, nil
}

// days lists the days to fill, months for what is summed by month.
func (r *rebuilder) days(ctx context.Context, v *schema.View, from time.Time) ([]bucket, error) {
	if v.IsTable() || v.Kept.Of == schema.LogFiles.Name {
		return []bucket{{}}, nil // all at once: few rows
	}
	unit, source, column := "day", schema.KMSEvents.Name, "event_time"
	if isOfRollup(v) {
		unit, source, column = v.Kept.By, v.Kept.Of, keptView(v.Kept.Of).TimeColumn()
	}
	starts, err := r.int64s(ctx, fmt.Sprintf("SELECT DISTINCT epoch_us(date_trunc('%s', %s)::TIMESTAMP)::BIGINT AS start FROM main.%s WHERE %s >= %s ORDER BY start",
		unit, column, source, column, literalTime(max(from.UnixMicro(), earliest))))
	if err != nil {
		return nil, err
	}
	days := make([]bucket, len(starts))
	for i, at := range starts {
		from := time.UnixMicro(at).UTC()
		days[i] = bucket{from, from.AddDate(0, 0, 1)}
		if isOfRollup(v) {
			days[i] = monthOf(from)
		}
	}
	return days, nil
}

// earliest is a time before all events: microseconds of the year 1.
const earliest = -62135596800_000_000

// fill computes the rows of a day, which are settled by that.
func (r *rebuilder) fill(ctx context.Context, v *schema.View, day bucket) error {
	switch {
	case v.IsTable(), v.Kept.Of == schema.LogFiles.Name:
		return r.exec(ctx, "INSERT INTO main."+v.Table().Name+" BY NAME\n"+v.SQL)
	case v.Kept.Kind == schema.KeptFold:
		return r.foldEvents(ctx, v, day)
	case v.Kept.By == "second":
		day.from = maxTime(day.from, r.folded)
		if !day.from.Before(day.to) {
			return nil
		}
	}
	return r.exec(ctx, "INSERT INTO main."+v.Table().Name+" BY NAME\n"+v.Definition(sourcesIn(v, day)))
}

// foldEvents computes the rows of a fold from the events of a day.
func (r *rebuilder) foldEvents(ctx context.Context, fold *schema.View, day bucket) error {
	rollup := keptView(fold.Kept.Of)
	seconds := "(\n" + rollup.Definition(sourcesIn(rollup, day)) + "\n)"
	return r.exec(ctx, "INSERT INTO main."+fold.Table().Name+" BY NAME\n"+fold.Definition(map[string]string{rollup.Name: seconds}))
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
