package serve

import (
	"context"
	"errors"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/flightsql"
	"github.com/kmstrail/kmstrail/internal/rows"
)

// flightBackend lets the Flight SQL server, which knows nothing of DuckDB, ask
// a store.
type flightBackend struct {
	store  *duck.Store
	limits duck.Limits
}

var _ flightsql.Backend = flightBackend{}

func (b flightBackend) Query(ctx context.Context, sql string, args ...any) (array.RecordReader, error) {
	for i, arg := range args {
		if d, ok := arg.(flightsql.Decimal); ok {
			args[i] = duck.Decimal(d)
		}
	}
	return b.store.UserQuery(ctx, sql, b.limits, args...)
}

func (b flightBackend) Describe(ctx context.Context, sql string) (flightsql.Statement, error) {
	st, err := b.store.DescribeUserQuery(ctx, sql)
	if err != nil {
		return flightsql.Statement{}, err
	}
	return statementOf(st), nil
}

func (b flightBackend) Plan(ctx context.Context, sql string) (flightsql.Plan, error) {
	p, err := b.store.PlanUserQuery(ctx, sql)
	if err != nil {
		return nil, err
	}
	return flightPlan{p, b.limits}, nil
}

// flightPlan is a planned query with its limits.
type flightPlan struct {
	plan   *duck.UserPlan
	limits duck.Limits
}

func (p flightPlan) Statement() flightsql.Statement { return statementOf(p.plan.Statement) }

func (p flightPlan) Query(ctx context.Context) (array.RecordReader, error) {
	return p.plan.Query(ctx, p.limits)
}

func (p flightPlan) Close() { p.plan.Close() }

func statementOf(st duck.UserStatement) flightsql.Statement {
	out := flightsql.Statement{Schema: st.Schema}
	for _, p := range st.Params {
		out.Params = append(out.Params, arrow.Field{
			Name: p.Name, Type: p.Arrow, Nullable: true,
			Metadata: arrow.NewMetadata([]string{duck.TypeKey}, []string{p.Type}),
		})
	}
	return out
}

func (b flightBackend) Outcome(err error) flightsql.Outcome {
	var (
		refused *duck.RefusedError
		limit   *duck.LimitError
		said    *duck.Error
	)
	switch {
	case errors.As(err, &refused):
		return flightsql.Refused
	case errors.As(err, &limit):
		return flightsql.Limited
	case errors.As(err, &said):
		return outcomeOf(said.Message)
	}
	return flightsql.Failed
}

// outcomeOf judges what DuckDB says: all but the end of memory, the end of the
// disk and its own mistakes is the query's fault.
func outcomeOf(message string) flightsql.Outcome {
	kind, _, _ := strings.Cut(message, " Error:")
	switch kind {
	case "Out of Memory":
		return flightsql.Limited
	case "IO", "INTERNAL", "FATAL":
		return flightsql.Failed
	}
	return flightsql.Invalid
}

// catalog is what the database is called in full names of tables.
func (b flightBackend) catalog(ctx context.Context) (string, error) {
	r, err := b.store.Query(ctx, "select current_database()")
	if err != nil {
		return "", err
	}
	var name string
	err = rows.Scan(r, func(row rows.Row) { name = row.Text(0) })
	return name, err
}
