//go:build duckdb_arrow && trino

package equivalence_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/internal/rows"
	"github.com/kmstrail/kmstrail/internal/sqlfile"
)

// runner is an engine.
type runner interface {
	Run(ctx context.Context, st sqlfile.Statement) (array.RecordReader, error)
}

// result is what a query gave.
type result struct {
	columns []string
	rows    [][]any
	took    time.Duration
}

func ask(t *testing.T, e runner, st sqlfile.Statement) result {
	t.Helper()
	began := time.Now()
	r, err := e.Run(t.Context(), st)
	if err != nil {
		t.Fatalf("%T: %v", e, err)
	}
	out := result{columns: rows.Names(r)}
	err = rows.Each(r, func(row map[string]any) error {
		values := make([]any, len(out.columns))
		for i, name := range out.columns {
			values[i] = plainValue(row[name])
		}
		out.rows = append(out.rows, values)
		return nil
	})
	if err != nil {
		t.Fatalf("%T: %v", e, err)
	}
	out.took = time.Since(began)
	return out
}

// plainValue brings values of both engines to one form. Hive's and Athena's
// timestamps have milliseconds.
func plainValue(v any) any {
	switch v := v.(type) {
	case time.Time:
		return v.UTC().Round(time.Millisecond).Format(time.RFC3339Nano)
	case []any:
		out := make([]any, len(v))
		for i, el := range v {
			out[i] = plainValue(el)
		}
		return fmt.Sprintf("%q", out)
	case map[string]any:
		var parts []string
		for k, el := range v {
			parts = append(parts, fmt.Sprintf("%q: %v", k, el))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return v
}

// same reports whether two values are equal; sums of doubles depend on the
// order in their last digits.
func same(a, b any) bool {
	x, isFloat := a.(float64)
	y, isFloatToo := b.(float64)
	if isFloat && isFloatToo {
		return x == y || math.Abs(x-y) <= 1e-12*math.Max(math.Abs(x), math.Abs(y))
	}
	return a == b
}

// difference describes the first rows that differ; "" when none does.
func difference(duck, trino result) string {
	if !slices.Equal(duck.columns, trino.columns) {
		return fmt.Sprintf("columns: DuckDB %v, Trino %v", duck.columns, trino.columns)
	}
	var b strings.Builder
	for i := range min(len(duck.rows), len(trino.rows)) {
		for j, name := range duck.columns {
			if x, y := duck.rows[i][j], trino.rows[i][j]; !same(x, y) && b.Len() < 2000 {
				fmt.Fprintf(&b, "row %d, %s: DuckDB %v (%T), Trino %v (%T)\n", i+1, name, x, x, y, y)
			}
		}
	}
	if len(duck.rows) != len(trino.rows) {
		fmt.Fprintf(&b, "DuckDB gave %d rows, Trino %d", len(duck.rows), len(trino.rows))
	}
	return b.String()
}

// compare runs a statement on both engines.
func compare(t *testing.T, e engines, st sqlfile.Statement, ordered bool) (duck, trino result) {
	t.Helper()
	duck, trino = ask(t, e.duck, st), ask(t, e.trino, st)
	if !ordered {
		for _, r := range []result{duck, trino} {
			slices.SortFunc(r.rows, func(a, b []any) int { return strings.Compare(fmt.Sprint(a...), fmt.Sprint(b...)) })
		}
	}
	if diff := difference(duck, trino); diff != "" {
		t.Errorf("the engines differ:\n%s", diff)
	}
	return duck, trino
}
