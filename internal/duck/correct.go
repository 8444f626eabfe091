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

// correct computes again what removed events had a part in. What lies before
// the cut-off is left as it was summed: its events are gone.
func (d *deriver) correct(ctx context.Context) error {
	if len(d.removed) == 0 {
		return nil
	}
	if err := d.stageRemoved(ctx); err != nil {
		return err
	}
	var times []time.Time
	for _, e := range d.removed {
		if at := time.UnixMicro(e.at).UTC(); !at.Before(d.cutoff) {
			times = append(times, at)
		}
	}
	for _, v := range schema.KeptViews() {
		var err error
		switch {
		case v.Kept.Kind == schema.KeptRows:
			// A correction with the id of what it corrects has added its own.
			err = d.exec(ctx, "DELETE FROM main."+v.Table().Name+" AS k USING temp.removed AS r WHERE k.rowid < "+uncommitted+
				" AND k.event_id = r.event_id AND k.event_time = r.event_time")
		case v.Kept.Kind == schema.KeptRollup && v.Kept.Of != schema.LogFiles.Name:
			err = d.sumAgain(ctx, &v, bucketsOf(&v, times))
		case v.Kept.Kind == schema.KeptFold:
			// The seconds of these minutes are new parts now, all of them.
			err = d.dropBuckets(ctx, &v, bucketsOf(&v, times))
		}
		if err != nil {
			return fmt.Errorf("correct %s: %w", v.Name, err)
		}
	}
	return nil
}

var removedEvents = schema.Table{Name: "removed", Columns: []schema.Column{
	{Name: "event_id", Type: schema.UUID},
	{Name: "event_time", Type: schema.Timestamp},
	{Name: "account_id", Type: schema.Varchar},
	{Name: "region", Type: schema.Varchar},
	{Name: "changes", Type: schema.Integer},
}}

// stageRemoved makes a table of the removed events: what stands in records is
// never made part of a statement.
func (d *deriver) stageRemoved(ctx context.Context) error {
	rows := make([][]any, len(d.removed))
	for i, e := range d.removed {
		changes := 0
		if e.change {
			changes = 1
		}
		rows[i] = []any{e.id, time.UnixMicro(e.at).UTC(), orNull(e.account), e.region, changes}
	}
	rec, err := schema.Rows(&removedEvents, rows)
	if err != nil {
		return err
	}
	defer rec.Release()
	return d.stage(ctx, &removedEvents, rec, nil)
}

// manyBuckets is from how many on they are taken by the hour: to sum an hour
// costs hardly more than to sum a minute.
const manyBuckets = 20

// bucket is a half-open range of time that rows of a rollup are for.
type bucket struct{ from, to time.Time }

// bucketsOf returns the units of v that times fall in, ascending, each once.
// Seconds are taken by the minute, because that is how they are folded.
func bucketsOf(v *schema.View, times []time.Time) []bucket {
	unit := map[string]time.Duration{"second": time.Minute, "minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[v.Kept.By]
	if len(times) > manyBuckets {
		unit = max(unit, time.Hour)
	}
	var out []bucket
	for _, at := range times {
		if v.Kept.By == "month" {
			out = append(out, monthOf(at))
			continue
		}
		from := at.Truncate(unit)
		out = append(out, bucket{from, from.Add(unit)})
	}
	slices.SortFunc(out, func(a, b bucket) int { return a.from.Compare(b.from) })
	return slices.CompactFunc(out, func(a, b bucket) bool { return a.from.Equal(b.from) })
}

// monthOf is the month that a time lies in.
func monthOf(at time.Time) bucket {
	from := time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
	return bucket{from, from.AddDate(0, 1, 0)}
}

func (b bucket) where(column string) string {
	return column + " >= " + literalTime(b.from.UnixMicro()) + " AND " + column + " < " + literalTime(b.to.UnixMicro())
}

// sumAgain replaces the sums of buckets by sums over what there is now.
func (d *deriver) sumAgain(ctx context.Context, v *schema.View, buckets []bucket) error {
	whole, err := d.wholeSince(ctx, v)
	if err != nil {
		return err
	}
	for _, b := range buckets {
		if b.from.Before(whole) {
			continue
		}
		if err := d.dropBuckets(ctx, v, []bucket{b}); err != nil {
			return err
		}
		err := d.exec(ctx, fmt.Sprintf("INSERT INTO main.%s BY NAME SELECT *, %d AS commit_id FROM (\n%s\n)",
			v.Parts().Name, d.commit, v.Definition(sourcesIn(v, b))))
		if err != nil {
			return err
		}
	}
	return nil
}

// wholeSince returns the time from which on all rows are there that months are
// made of; what is made of the events has no such bound but the cut-off.
func (d *deriver) wholeSince(ctx context.Context, v *schema.View) (time.Time, error) {
	if !isOfRollup(v) {
		return time.Time{}, nil
	}
	return d.metaTime(ctx, metaKeptFrom(v.Kept.Of))
}

// isOfRollup says of months that they are made of days: to sum a month of
// events takes minutes.
func isOfRollup(v *schema.View) bool { return v.Kept.By == "month" }

// sourcesIn is what derived tables are made of in a bucket of time. Days are
// made of the events although they are defined by hours: these may be kept for
// less long.
func sourcesIn(v *schema.View, b bucket) map[string]string {
	name, column := schema.KMSEvents.Name, "event_time"
	if isOfRollup(v) {
		name, column = v.Kept.Of, keptView(v.Kept.Of).TimeColumn()
	}
	return map[string]string{name: "(SELECT * FROM main." + name + " WHERE " + b.where(column) + ")"}
}

// dropBuckets deletes what is kept of buckets.
func (d *deriver) dropBuckets(ctx context.Context, v *schema.View, buckets []bucket) error {
	for _, b := range buckets {
		for _, t := range v.KeptTables() {
			if err := d.exec(ctx, "DELETE FROM main."+t.Name+" WHERE "+b.where(v.TimeColumn())); err != nil {
				return err
			}
		}
	}
	return nil
}

// unfold brings back the seconds that minutes had when those are gone and new
// events fall in the minutes: without them nobody could tell the peak.
func (d *deriver) unfold(ctx context.Context) error {
	for _, v := range schema.KeptViews() {
		if v.Kept.Kind != schema.KeptFold || d.events == 0 || d.folded.IsZero() {
			continue
		}
		if err := d.unfoldInto(ctx, &v); err != nil {
			return fmt.Errorf("unfold %s: %w", v.Name, err)
		}
	}
	return nil
}

func (d *deriver) unfoldInto(ctx context.Context, fold *schema.View) error {
	rollup := keptView(fold.Kept.Of)
	second, minute := rollup.TimeColumn(), fold.TimeColumn()
	inMinute := fmt.Sprintf("date_trunc('%s', %s) AS %s", fold.Kept.By, second, minute)
	minutes, err := d.int64s(ctx, fmt.Sprintf(`SELECT DISTINCT epoch_us(%s) FROM (SELECT %s FROM %s WHERE %s < %s)`,
		minute, inMinute, stagedRollup+rollup.Name, second, literalTime(d.folded.UnixMicro())))
	if err != nil || len(minutes) == 0 {
		return err
	}
	spans := cluster(minutes)
	within := slices.Clone(spans)
	for i := range within {
		within[i].to += time.Minute.Microseconds() - 1
	}
	cells := sharedKeys(fold, rollup)
	columns := strings.Join(cells, ", ")
	// Seconds that came late before, or were brought back before, are there.
	there := fmt.Sprintf("SELECT %s, %s FROM %s UNION ALL SELECT %s, %s FROM %s WHERE commit_id < %d", columns, inMinute,
		inSpans(rollup.Table().Name, "*", second, within, false), columns, inMinute,
		inSpans(rollup.Parts().Name, "*", second, within, false), d.commit)
	err = d.exec(ctx, fmt.Sprintf(`CREATE OR REPLACE TEMP TABLE unfolding AS
		SELECT f.* FROM %s f
		SEMI JOIN (SELECT %s, %s FROM %s) n ON %s
		ANTI JOIN (%s) t ON %s`,
		inSpans(fold.Table().Name, columns+", "+minute, minute, spans, false),
		columns, inMinute, stagedRollup+rollup.Name, same("f", "n", append(cells, minute)),
		there, same("f", "t", append(cells, minute))))
	if err != nil {
		return err
	}
	n, err := d.scalar(ctx, "SELECT count(*) FROM temp.unfolding")
	if err != nil || n == 0 {
		return err
	}
	before := "(SELECT * FROM " + inSpans(schema.KMSEvents.Name, "*, rowid", "event_time", within, false) + " WHERE rowid < " + uncommitted + ")"
	return d.exec(ctx, fmt.Sprintf(`INSERT INTO main.%s BY NAME SELECT s.* FROM (%s) s SEMI JOIN temp.unfolding u ON %s AND date_trunc('%s', s.%s) = u.%s`,
		rollup.Table().Name, rollup.Definition(map[string]string{schema.KMSEvents.Name: before}),
		same("s", "u", cells), fold.Kept.By, second, minute))
}

// sharedKeys lists the columns besides the time that a fold and its rollup have
// in common and that are not summed.
func sharedKeys(fold, rollup *schema.View) []string {
	var out []string
	for _, c := range rollup.Columns[1:] {
		if c.Merge == schema.MergeNone && slices.ContainsFunc(fold.Columns, func(f schema.Column) bool { return f.Name == c.Name }) {
			out = append(out, c.Name)
		}
	}
	return out
}

// same is a condition that columns of two relations are equal, NULL to NULL.
func same(a, b string, columns []string) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = a + "." + c + " IS NOT DISTINCT FROM " + b + "." + c
	}
	return strings.Join(parts, " AND ")
}

// keptView returns the kept table with a name; it must be one.
func keptView(name string) *schema.View {
	for _, v := range schema.KeptViews() {
		if v.Name == name {
			return &v
		}
	}
	panic("duck: no kept table " + name)
}
