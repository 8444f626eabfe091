//go:build duckdb_arrow

package duck

import (
	"errors"
	"testing"
)

// TestUserPlan: a plan runs once, sees what was there when it was made, and ends
// with its store.
func TestUserPlan(t *testing.T) {
	s := openTemp(t)
	mustCommit(t, s, batchOf([]event{{n: 1, file: 1}}, nil))
	const sql = "SELECT event_id FROM kms_events"
	p, err := s.PlanUserQuery(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	if p.Statement.Schema.NumFields() != 1 || len(p.Statement.Params) != 0 {
		t.Errorf("it says it gives %v and takes %v", p.Statement.Schema, p.Statement.Params)
	}
	mustCommit(t, s, batchOf([]event{{n: 2, file: 2}}, nil))
	if n, err := drain(p.Query(t.Context(), Limits{})); err != nil || n != 1 {
		t.Errorf("%d rows, %v; want the one that was there", n, err)
	}
	if _, err := p.Query(t.Context(), Limits{}); !errors.Is(err, ErrClosed) {
		t.Errorf("a second run: %v", err)
	}
	p.Close()
	if n, err := drain(s.UserQuery(t.Context(), sql, Limits{})); err != nil || n != 2 {
		t.Errorf("%d rows, %v; want both", n, err)
	}
	if p, err = s.PlanUserQuery(t.Context(), "SELECT * FROM range(100)"); err != nil {
		t.Fatal(err)
	}
	_, err = drain(p.Query(t.Context(), Limits{Rows: 10}))
	if limit := new(LimitError); !errors.As(err, &limit) {
		t.Errorf("over the limit: %v", err)
	}
	var refused *RefusedError
	if _, err := s.PlanUserQuery(t.Context(), "SELECT * FROM read_text('/etc/passwd')"); !errors.As(err, &refused) {
		t.Errorf("a refused one: %v", err)
	}
	open, err := s.PlanUserQuery(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := open.Query(t.Context(), Limits{}); !errors.Is(err, ErrClosed) {
		t.Errorf("after the store is closed: %v", err)
	}
	open.Close()
}
