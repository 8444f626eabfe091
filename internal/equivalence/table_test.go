//go:build duckdb_arrow && trino

package equivalence_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// line is what is known of a file.
type line struct {
	kind, name  string
	cases, rows int
	stages      int
	duck, trino time.Duration
}

// table collects a line for every file.
type table struct {
	mu    sync.Mutex
	lines map[string]*line
}

func (t *table) of(kind, name string) *line {
	if t.lines == nil {
		t.lines = map[string]*line{}
	}
	if t.lines[kind+name] == nil {
		t.lines[kind+name] = &line{kind: kind, name: name}
	}
	return t.lines[kind+name]
}

// ran counts a comparison.
func (t *table) ran(kind, name string, duck, trino result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.of(kind, name)
	l.cases++
	l.rows += len(duck.rows)
	l.duck += duck.took
	l.trino += trino.took
}

func (t *table) needs(kind, name string, stages int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.of(kind, name).stages = stages
}

func (t *table) sorted() []*line {
	return slices.SortedFunc(maps.Values(t.lines), func(a, b *line) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name))
	})
}

// times prints what a comparison of a file took on average.
func (t *table) times() string {
	var b strings.Builder
	for _, l := range t.sorted() {
		n := time.Duration(max(l.cases, 1))
		fmt.Fprintf(&b, "%-10s %-34s %3d compared, %5d rows, %3d stages, DuckDB %6.3f s, Trino %6.3f s\n",
			l.kind, l.name, l.cases, l.rows, l.stages, (l.duck / n).Seconds(), (l.trino / n).Seconds())
	}
	return b.String()
}

// page is the table as a page of docs: what does not change from run to run.
func (t *table) page() string {
	var b strings.Builder
	b.WriteString(pageIntro)
	for _, l := range t.sorted() {
		fmt.Fprintf(&b, "| %s | `%s` | %d | %d | %d |\n", l.kind, l.name, l.cases, l.rows, l.stages)
	}
	return b.String()
}

const pageIntro = `# Which SQL runs on both engines

Every view, detector and named query is run on DuckDB and on Trino, over the same log files, and must give the same rows in the same order, all columns included: ` + "`make test-trino`" + `, which also writes this page. *Compared* counts the comparisons: over the sample bucket, and, with the events of all cases beside the file together, for every window and every parameters of them; *rows* are those that came, and were equal. Values of type DOUBLE may differ by one part in 10¹² (sums depend on the order), timestamps by half a millisecond (the precision of Hive's tables, and Athena's; the events' own are whole seconds).

*Stages* are those of Trino's plan on the sample bucket. Trino computes a view or CTE anew wherever it is named, and refuses a query of more than 150 stages, as Athena does; the gate allows 100.

| Kind | File | Compared | Rows | Stages |
| --- | --- | ---: | ---: | ---: |
`
