//go:build duckdb_arrow

package duck

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// span is a closed range of microseconds since 1970.
type span struct{ from, to int64 }

const (
	// clusterGap is how far apart two times must be to be looked up apart.
	clusterGap = 3600 * 1_000_000
	// maxSpans bounds the ranges of one query; each costs a few milliseconds.
	maxSpans = 16
)

// cluster covers times with few and narrow ranges, so that one late event does
// not make a look-up read months. DuckDB skips row groups only for a literal
// range of the time column.
func cluster(times []int64) []span {
	hours := map[int64]span{}
	last, have := int64(0), span{}
	ok := false
	for _, t := range times {
		h := t / clusterGap
		if !ok || h != last {
			if ok {
				hours[last] = have
			}
			if have, ok = hours[h]; !ok {
				have, ok = span{t, t}, true
			}
			last = h
		}
		have.from, have.to = min(have.from, t), max(have.to, t)
	}
	if ok {
		hours[last] = have
	}
	spans := make([]span, 0, len(hours))
	for _, s := range hours {
		spans = append(spans, s)
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	return limitSpans(joinSpans(spans, clusterGap), maxSpans)
}

// joinSpans joins neighbours that are at most gap apart.
func joinSpans(spans []span, gap int64) []span {
	var out []span
	for _, s := range spans {
		if n := len(out); n > 0 && s.from-out[n-1].to <= gap {
			out[n-1].to = max(out[n-1].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

// limitSpans joins those with the smallest gaps until at most n are left.
func limitSpans(spans []span, n int) []span {
	if len(spans) <= n {
		return spans
	}
	gaps := make([]int64, 0, len(spans)-1)
	for i := 1; i < len(spans); i++ {
		gaps = append(gaps, spans[i].from-spans[i-1].to)
	}
	slices.Sort(gaps)
	return joinSpans(spans, gaps[len(spans)-n-1])
}

// inSpans is a subquery for the rows of a table whose time lies in one of the
// ranges, or with undated also is NULL. It has a branch for each: DuckDB skips
// row groups for a literal range, but not for ranges joined by OR.
func inSpans(table, columns, timeColumn string, spans []span, undated bool) string {
	head := "SELECT " + columns + " FROM main." + ident(table) + " WHERE " + timeColumn
	var parts []string
	for _, s := range spans {
		parts = append(parts, head+" BETWEEN "+literalTime(s.from)+" AND "+literalTime(s.to))
	}
	if undated {
		parts = append(parts, head+" IS NULL")
	}
	if len(parts) == 0 {
		return "(" + head + " IS NULL AND false)"
	}
	return "(" + strings.Join(parts, " UNION ALL ") + ")"
}

func literalTime(micros int64) string {
	return "make_timestamp(" + strconv.FormatInt(micros, 10) + ")"
}

func joinInts(ids []int64) string {
	var b strings.Builder
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(id, 10))
	}
	return b.String()
}
