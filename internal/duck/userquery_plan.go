//go:build duckdb_arrow

package duck

import (
	"context"
	"fmt"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/array"
	bindings "github.com/duckdb/duckdb-go-bindings"
)

// UserPlan is a user's query without parameters that is judged and planned, and
// has not run. It sees the store as it was when it was planned. Whoever has one
// owes a Query or a Close, soon: meanwhile DuckDB keeps what commits replace.
type UserPlan struct {
	// Statement is what the query takes and gives.
	Statement UserStatement

	store *Store
	mu    sync.Mutex
	conn  *conn // nil when it has run or is closed
	stmt  bindings.PreparedStatement
}

// PlanUserQuery does the first half of [Store.UserQuery].
func (s *Store) PlanUserQuery(ctx context.Context, sql string) (*UserPlan, error) {
	c, err := s.connect()
	if err != nil {
		return nil, err
	}
	p := &UserPlan{store: s, conn: c}
	if p.stmt, err = c.prepareUserQuery(ctx, sql, nil, true); err != nil {
		c.close()
		return nil, fmt.Errorf("query database: %w", err)
	}
	if p.Statement, err = c.userStatement(p.stmt); err == nil {
		err = s.keep(p)
	}
	if err != nil {
		p.Close()
		return nil, fmt.Errorf("query database: %w", err)
	}
	return p, nil
}

// keep makes Close of the store close the plan.
func (s *Store) keep(p *UserPlan) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.gone(); err != nil {
		return err
	}
	s.plans[p] = struct{}{}
	return nil
}

// take returns what there is to run, once.
func (p *UserPlan) take() (*conn, bool) {
	p.store.mu.Lock()
	delete(p.store.plans, p)
	p.store.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.conn
	p.conn = nil
	return c, c != nil
}

// Query does the second half of [Store.UserQuery]. It can be called once.
func (p *UserPlan) Query(ctx context.Context, lim Limits) (array.RecordReader, error) {
	c, ok := p.take()
	if !ok {
		return nil, ErrClosed
	}
	ctx, cancel := lim.begin(ctx, &p.store.users)
	r, err := c.run(ctx, p.stmt, nil)
	return p.store.userReader(ctx, c, r, err, lim, cancel)
}

// Close gives up a query that has not run; another one it leaves alone.
func (p *UserPlan) Close() {
	if c, ok := p.take(); ok {
		bindings.DestroyPrepare(&p.stmt)
		c.close() // which rolls back
	}
}
