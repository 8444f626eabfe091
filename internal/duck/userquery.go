//go:build duckdb_arrow

package duck

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	bindings "github.com/duckdb/duckdb-go-bindings"
)

// UserQuery runs a statement that nobody has vouched for. It must be exactly
// one query (SELECT, WITH, FROM, VALUES, DESCRIBE, SHOW, SUMMARIZE, or EXPLAIN
// of one) over the tables and views of the schema; its parameters ? or $1 are
// bound to args. It runs on a connection of its own, in a read-only transaction
// that is rolled back in any case: a session could else leave a forged table to
// the next one. A statement that is refused gives a *RefusedError, a result that
// is cut off ends in a *LimitError, and what DuckDB has to say comes as *Error.
func (s *Store) UserQuery(ctx context.Context, sql string, lim Limits, args ...any) (array.RecordReader, error) {
	c, err := s.connect()
	if err != nil {
		return nil, err
	}
	ctx, cancel := lim.begin(ctx, &s.users)
	r, err := c.startUserQuery(ctx, sql, args)
	return s.userReader(ctx, c, r, err, lim, cancel)
}

// userReader bounds the result r of a user's query on c, or clears up after err.
func (s *Store) userReader(ctx context.Context, c *conn, r *reader, err error, lim Limits, cancel context.CancelFunc) (array.RecordReader, error) {
	if err != nil {
		cancel()
		c.close()
		return nil, fmt.Errorf("query database: %w", err)
	}
	r.onClose = func() {
		cancel()
		// Disconnecting would do; this says what is meant.
		_ = c.exec(context.WithoutCancel(ctx), "ROLLBACK")
	}
	tracked, err := s.track(r)
	if err != nil {
		return nil, err
	}
	return &limited{RecordReader: tracked, limits: lim}, nil
}

func (c *conn) startUserQuery(ctx context.Context, sql string, args []any) (*reader, error) {
	stmt, err := c.prepareUserQuery(ctx, sql, args, false)
	if err != nil {
		return nil, err
	}
	return c.run(ctx, stmt, args)
}

// prepareUserQuery leaves c in a read-only transaction.
func (c *conn) prepareUserQuery(ctx context.Context, sql string, args []any, describing bool) (bindings.PreparedStatement, error) {
	none := bindings.PreparedStatement{}
	// What is in the statement is judged before DuckDB binds it: binding a
	// table function can already do what the function does.
	if err := c.inspect(ctx, sql, args, describing); err != nil {
		return none, err
	}
	if err := c.exec(ctx, "BEGIN TRANSACTION READ ONLY"); err != nil {
		return none, err
	}
	stmt, err := c.prepare(ctx, sql)
	if err != nil {
		return none, err
	}
	kind := bindings.PreparedStatementType(stmt)
	if kind != bindings.StatementTypeSelect && kind != bindings.StatementTypeExplain {
		bindings.DestroyPrepare(&stmt)
		return none, refuse("only queries are allowed")
	}
	return stmt, nil
}

// UserStatement is what a user's query takes and gives.
type UserStatement struct {
	// Schema is that of the result, as [Store.UserQuery] would give it. It is
	// nil when it depends on the types of the parameters, as in SELECT ?.
	Schema *arrow.Schema
	// Params are the parameters in the order in which they are bound.
	Params []Param
}

// Param is a parameter of a statement.
type Param struct {
	// Name is "1" for the first ?, "1" for $1 and "a" for $a.
	Name string
	// Type is the DuckDB type, as SQL spells it; "" when any will do.
	Type string
	// Arrow is the type of a value; it is [arrow.Null] when any will do.
	Arrow arrow.DataType
}

// DescribeUserQuery judges a statement as UserQuery does and says what it takes
// and gives, without running it.
func (s *Store) DescribeUserQuery(ctx context.Context, sql string) (UserStatement, error) {
	c, err := s.connect()
	if err != nil {
		return UserStatement{}, err
	}
	// It rolls back.
	defer c.close()
	stmt, err := c.prepareUserQuery(ctx, sql, nil, true)
	if err != nil {
		return UserStatement{}, fmt.Errorf("describe query: %w", err)
	}
	defer bindings.DestroyPrepare(&stmt)
	return c.userStatement(stmt)
}

func (c *conn) userStatement(stmt bindings.PreparedStatement) (UserStatement, error) {
	var options bindings.ArrowOptions
	bindings.ConnectionGetArrowOptions(c.ptr, &options)
	defer bindings.DestroyArrowOptions(&options)
	names, types := columns(stmt)
	defer destroyTypes(types)
	out := UserStatement{}
	var err error
	if !unsettled(types) {
		if out.Schema, err = arrowSchema(options, names, types); err != nil {
			return UserStatement{}, err
		}
	}
	for i := range bindings.NParams(stmt) {
		p, err := param(options, stmt, i+1)
		if err != nil {
			return UserStatement{}, err
		}
		out.Params = append(out.Params, p)
	}
	return out, nil
}

func columns(stmt bindings.PreparedStatement) ([]string, []bindings.LogicalType) {
	n := bindings.PreparedStatementColumnCount(stmt)
	names := make([]string, n)
	types := make([]bindings.LogicalType, n)
	for i := range n {
		names[i] = bindings.PreparedStatementColumnName(stmt, i)
		types[i] = bindings.PreparedStatementColumnLogicalType(stmt, i)
	}
	return names, types
}

// unsettled says that the types are not known before parameters are bound.
func unsettled(types []bindings.LogicalType) bool {
	for _, t := range types {
		if bindings.GetTypeId(t) == bindings.TypeInvalid {
			return true
		}
	}
	return false
}

func param(options bindings.ArrowOptions, stmt bindings.PreparedStatement, i bindings.IdxT) (Param, error) {
	p := Param{Name: bindings.ParameterName(stmt, i), Arrow: arrow.Null}
	t := bindings.ParamLogicalType(stmt, i)
	if t.Ptr == nil {
		return p, nil
	}
	defer bindings.DestroyLogicalType(&t)
	schema, err := arrowSchema(options, []string{p.Name}, []bindings.LogicalType{t})
	if err != nil {
		return Param{}, err
	}
	p.Type, p.Arrow = typeName(t), schema.Field(0).Type
	return p, nil
}
