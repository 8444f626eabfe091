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
			// The seconds are exact now and stand for their minutes until they
			// are folded again.
			err = d.dropFolded(ctx, &v, bucketsOf(&v, times))
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
		from := at.Truncate(unit)
		out = append(out, bucket{from, from.Add(unit)})
	}
	slices.SortFunc(out, func(a, b bucket) int { return a.from.Compare(b.from) })
	return slices.CompactFunc(out, func(a, b bucket) bool { return a.from.Equal(b.from) })
}

func (b bucket) where(column string) string {
	return column + " >= " + literalTime(b.from.UnixMicro()) + " AND " + column + " < " + literalTime(b.to.UnixMicro())
}

// sumAgain replaces the parts of buckets by sums over what there is now.
func (d *deriver) sumAgain(ctx context.Context, v *schema.View, buckets []bucket) error {
	for _, b := range buckets {
		if err := d.exec(ctx, "DELETE FROM main."+v.Table().Name+" WHERE "+b.where(v.TimeColumn())); err != nil {
			return err
		}
		if err := d.sumBucket(ctx, v, b); err != nil {
			return err
		}
	}
	return nil
}

// sumBucket appends the parts that all events of a bucket give.
func (d *deriver) sumBucket(ctx context.Context, v *schema.View, b bucket) error {
	return d.exec(ctx, fmt.Sprintf("INSERT INTO main.%s BY NAME SELECT *, %d AS commit_id FROM (\n%s\n)",
		v.Table().Name, d.commit, v.Definition(eventsIn(b))))
}

// eventsIn is what derived tables are made of in a bucket of time. A rollup of
// a rollup is summed from the events as well: the other may be kept for less
// long.
func eventsIn(b bucket) map[string]string {
	return map[string]string{schema.KMSEvents.Name: "(SELECT * FROM main.kms_events WHERE " + b.where("event_time") + ")"}
}

func (d *deriver) dropFolded(ctx context.Context, v *schema.View, buckets []bucket) error {
	for _, b := range buckets {
		if err := d.exec(ctx, "DELETE FROM main."+v.Table().Name+" WHERE "+b.where(v.TimeColumn())); err != nil {
			return err
		}
	}
	return nil
}

// unfold brings back the seconds of minutes that are folded and that new
// events fall in: a minute is either folded or kept by second.
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
	minutes, err := d.int64s(ctx, fmt.Sprintf(`SELECT DISTINCT epoch_us(date_trunc('%s', %s))::BIGINT FROM %s WHERE %s < %s`,
		fold.Kept.By, rollup.TimeColumn(), stagedRollup+rollup.Name, rollup.TimeColumn(), literalTime(d.folded.UnixMicro())))
	if err != nil || len(minutes) == 0 {
		return err
	}
	spans := cluster(minutes)
	cells := sharedKeys(fold, rollup)
	err = d.exec(ctx, fmt.Sprintf(`CREATE OR REPLACE TEMP TABLE unfolding AS
		SELECT f.* FROM %s f SEMI JOIN (SELECT DISTINCT %s, date_trunc('%s', %s) AS %s FROM %s) n ON %s`,
		inSpans(fold.Table().Name, "*", fold.TimeColumn(), spans, false),
		strings.Join(cells, ", "), fold.Kept.By, rollup.TimeColumn(), fold.TimeColumn(), stagedRollup+rollup.Name,
		same("f", "n", append(cells, fold.TimeColumn()))))
	if err != nil {
		return err
	}
	n, err := d.scalar(ctx, "SELECT count(*) FROM temp.unfolding")
	if err != nil || n == 0 {
		return err
	}
	for i := range spans {
		spans[i].to += time.Minute.Microseconds() - 1
	}
	before := "(SELECT * FROM " + inSpans(schema.KMSEvents.Name, "*, rowid", "event_time", spans, false) + " WHERE rowid < " + uncommitted + ")"
	return d.exec(ctx, fmt.Sprintf(`
		INSERT INTO main.%s BY NAME SELECT s.*, %d AS commit_id FROM (%s) s SEMI JOIN temp.unfolding u ON %s AND date_trunc('%s', s.%s) = u.%s;
		DELETE FROM main.%s f USING temp.unfolding u WHERE %s`,
		rollup.Table().Name, d.commit, rollup.Definition(map[string]string{schema.KMSEvents.Name: before}),
		same("s", "u", cells), fold.Kept.By, rollup.TimeColumn(), fold.TimeColumn(),
		fold.Table().Name, same("f", "u", append(cells, fold.TimeColumn()))))
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
