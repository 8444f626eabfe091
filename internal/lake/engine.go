package lake

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/internal/sqlfile"
	"github.com/kmstrail/kmstrail/schema"
)

// Querier is an engine that reads the lake by the tables and views of [DDL].
type Querier interface {
	// Query streams a result; the caller releases the reader. args are in the
	// order of the ? in sql.
	Query(ctx context.Context, sql string, args ...any) (array.RecordReader, error)
}

// Engine runs the SQL files over the lake.
type Engine struct{ Querier }

// Run runs a statement such that no file of other days is opened than those it
// can depend on.
func (e Engine) Run(ctx context.Context, st sqlfile.Statement) (array.RecordReader, error) {
	if st.Events == (sqlfile.Window{}) {
		return e.Query(ctx, st.SQL, st.Args...)
	}
	sql, err := Within(st.SQL, st.Events.Start, st.Events.End)
	if err != nil {
		return nil, err
	}
	return e.Query(ctx, sql, st.Args...)
}

// Within returns a query that reads only the events of [from, to), and the rest
// of the days that these begin and end on: views over the events are spelt out
// in it, so that the engine opens no file of other days. What follows from
// events that change keys still knows all of those.
func Within(sql string, from, to time.Time) (string, error) {
	bare, err := sqlfile.WithoutComments(sql) // a comment may name a view
	if err != nil {
		return "", fmt.Errorf("bound query to its days: %w", err)
	}
	first, last := from.UTC().Format(time.DateOnly), to.UTC().Add(-time.Microsecond).Format(time.DateOnly)
	events := fmt.Sprintf("(select * from %s where day >= '%s' and day <= '%s')", Events, first, last)
	return schema.Substitute(Views(), bare, map[string]string{Events: events}), nil
}
