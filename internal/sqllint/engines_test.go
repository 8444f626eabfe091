//go:build duckdb_arrow

package sqllint_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/internal/duck"
)

// engine runs a query.
type engine func(ctx context.Context, sql string) (array.RecordReader, error)

// failed is what a case prints that the engine refuses.
const failed = "error"

func TestCasesOnDuckDB(t *testing.T) {
	store, err := duck.Open(context.Background(), duck.Memory, duck.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	compare(t, 0, func(ctx context.Context, sql string) (array.RecordReader, error) {
		return store.UserQuery(ctx, sql, duck.Limits{})
	})
}

// compare runs all cases and compares with what they want of an engine: 0 is
// DuckDB, 1 is Trino.
func compare(t *testing.T, which int, run engine) {
	t.Helper()
	var cases []testCase
	for _, name := range []string{"functions.txt", "refused.txt", "unseen.txt"} {
		for _, c := range readCases(t, name) {
			if c.want != nil {
				cases = append(cases, c)
			}
		}
	}
	for i, got := range runAll(t.Context(), cases, which, run) {
		c := cases[i]
		if want := c.want[min(which, len(c.want)-1)]; got != want {
			t.Errorf("%s: %s\n got %s\nwant %s", c.section, c.sql, got, want)
		}
	}
}

// batch is how many expressions go into one query.
const batch = 40

// runAll runs cases, several expressions at a time where no error is wanted,
// and returns what each gives.
func runAll(ctx context.Context, cases []testCase, which int, run engine) []string {
	var groups [][]int
	var group []int
	for i, c := range cases {
		if c.isQuery() || c.want[min(which, len(c.want)-1)] == failed {
			groups = append(groups, []int{i})
			continue
		}
		group = append(group, i)
		if len(group) == batch {
			groups = append(groups, group)
			group = nil
		}
	}
	if group != nil {
		groups = append(groups, group)
	}
	out := make([]string, len(cases))
	todo := make(chan []int)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for g := range todo {
				runGroup(ctx, cases, g, out, run)
			}
		})
	}
	for _, g := range groups {
		todo <- g
	}
	close(todo)
	workers.Wait()
	return out
}

// runGroup runs some cases as one query; when it fails, each by itself.
func runGroup(ctx context.Context, cases []testCase, group []int, out []string, run engine) {
	if len(group) == 1 {
		out[group[0]] = rows(ctx, cases[group[0]].query(), run)
		return
	}
	var sql strings.Builder
	for n, i := range group {
		fmt.Fprintf(&sql, "%s%s as c%d", map[bool]string{true: "select ", false: ", "}[n == 0], cases[i].sql, n)
	}
	rec, err := first(ctx, sql.String(), run)
	if err != nil || int(rec.NumCols()) != len(group) {
		for _, i := range group {
			out[i] = rows(ctx, cases[i].query(), run)
		}
		return
	}
	defer rec.Release()
	for n, i := range group {
		out[i] = value(rec.Column(n), 0)
	}
}

// first returns a query's only batch.
func first(ctx context.Context, sql string, run engine) (arrow.RecordBatch, error) {
	r, err := run(ctx, sql)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	if !r.Next() {
		return nil, errors.Join(r.Err(), errors.New("no rows"))
	}
	rec := r.RecordBatch()
	rec.Retain()
	return rec, nil
}

// rows runs one query and prints its result.
func rows(ctx context.Context, sql string, run engine) string {
	r, err := run(ctx, sql)
	if err != nil {
		return failed
	}
	defer r.Release()
	var out []string
	for r.Next() {
		rec := r.RecordBatch()
		for i := range int(rec.NumRows()) {
			row := make([]string, rec.NumCols())
			for j := range row {
				row[j] = value(rec.Column(j), i)
			}
			out = append(out, strings.Join(row, ", "))
		}
	}
	if r.Err() != nil {
		return failed
	}
	return strings.Join(out, "; ")
}

// value prints a value so that what means another thing looks different: the
// kind of number, text in quotes.
func value(col arrow.Array, i int) string {
	if col.IsNull(i) {
		return "NULL"
	}
	switch a := col.(type) {
	case *array.Float64:
		return float(a.Value(i))
	case *array.Float32:
		return float(float64(a.Value(i)))
	case *array.Decimal128:
		return a.Value(i).ToString(a.DataType().(*arrow.Decimal128Type).Scale)
	case *array.Timestamp:
		t := a.Value(i).ToTime(a.DataType().(*arrow.TimestampType).Unit)
		return "timestamp '" + t.Format("2006-01-02 15:04:05.999999999") + "'"
	case *array.Date32:
		return "date '" + a.Value(i).ToTime().Format(time.DateOnly) + "'"
	case *array.List:
		from, to := a.ValueOffsets(i)
		return "[" + strings.Join(values(a.ListValues(), from, to), ", ") + "]"
	case *array.Map:
		from, to := a.ValueOffsets(i)
		keys, items := values(a.Keys(), from, to), values(a.Items(), from, to)
		for n := range keys {
			keys[n] += ": " + items[n]
		}
		slices.Sort(keys)
		return "{" + strings.Join(keys, ", ") + "}"
	case *array.Struct:
		fields := make([]string, a.NumField())
		for n := range fields {
			fields[n] = value(a.Field(n), i)
		}
		return "(" + strings.Join(fields, ", ") + ")"
	}
	if arrow.IsBaseBinary(col.DataType().ID()) || col.DataType().ID() == arrow.STRING_VIEW {
		return "'" + strings.ReplaceAll(col.ValueStr(i), "'", "''") + "'"
	}
	return col.ValueStr(i)
}

func values(col arrow.Array, from, to int64) []string {
	var out []string
	for i := from; i < to; i++ {
		out = append(out, value(col, int(i)))
	}
	return out
}

func float(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	case math.IsNaN(v):
		return "NaN"
	}
	return strconv.FormatFloat(v, 'f', -1, 64) + "e0"
}
