package frames

import (
	"fmt"
	"slices"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// bucketOrigin is from where DuckDB's time_bucket counts: a Monday.
var bucketOrigin = time.Date(2000, 1, 3, 0, 0, 0, 0, time.UTC)

func checkFill(f Fill) error {
	switch f.Mode {
	case "", FillNone, FillNull, FillZero, FillPrevious, FillValue:
		return nil
	}
	return fmt.Errorf("the fill mode %q is not known: it is none, null, zero, previous or value", f.Mode)
}

// grid adds the buckets of the range in which no row fell. Where it cannot, it
// says why, and adds nothing.
func (p *pivot) grid() {
	o := p.options
	if o.Fill.Mode == "" || o.Fill.Mode == FillNone {
		return
	}
	if p.truncated {
		p.notice(data.NoticeSeverityWarning, "Missing times are not filled: they may be among the rows that are not shown.")
		return
	}
	switch buckets := int64(o.To.Sub(o.From)) / max(1, int64(o.Bucket)); {
	case o.Bucket <= 0 || !o.From.Before(o.To) || o.From.Year() < 1678 || o.To.Year() > 2261:
		p.notice(data.NoticeSeverityWarning, "Missing times are not filled: the query does not say from when, until when, and in how wide buckets. Use $__timeGroup.")
		return
	case buckets > maxBuckets:
		p.notice(data.NoticeSeverityWarning, "Missing times are not filled: the range has more than %s buckets of %s. Use a wider bucket.", grouped(maxBuckets), o.Bucket)
		return
	}
	start := bucketOf(o.From, o.Bucket)
	for _, at := range p.times {
		if (at-start)%int64(o.Bucket) != 0 {
			p.notice(data.NoticeSeverityWarning, "Missing times are not filled: %s is not the start of a bucket of %s.", time.Unix(0, at).UTC().Format(time.RFC3339), o.Bucket)
			return
		}
	}
	for at := start; at < o.To.UnixNano(); at += int64(o.Bucket) {
		p.times = append(p.times, at)
	}
	slices.Sort(p.times)
	p.times = slices.Compact(p.times)
	p.fill = o.Fill
	if p.fill.Mode == FillZero {
		p.fill.Value = 0
	}
}

// bucketOf returns the start of the bucket that a time lies in, in nanoseconds,
// as time_bucket does.
func bucketOf(t time.Time, width time.Duration) int64 {
	ns := t.UnixNano()
	past := (ns - bucketOrigin.UnixNano()) % int64(width)
	if past < 0 {
		past += int64(width)
	}
	return ns - past
}
