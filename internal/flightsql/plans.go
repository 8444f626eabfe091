package flightsql

import (
	"context"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"google.golang.org/grpc/codes"

	"github.com/kmstrail/kmstrail/internal/access"
)

// A client asks twice: what a statement gives, and then for the rows. Planning
// is half of what a small query takes, so the plan of the first is kept for the
// second. It keeps a view of the data alive, so it is not kept for long, and of
// too many the oldest goes: then the statement is planned once more.
const (
	plansFor = 5 * time.Second
	maxPlans = 64
)

// plans holds the plans of tickets that were handed out.
type plans struct {
	mu    sync.Mutex
	byID  map[string]*keptPlan
	order []string // the oldest first; those that are gone among them
	ended bool
}

type keptPlan struct {
	Plan

	owner access.Principal
	sql   string
	timer *time.Timer
}

func newPlans() *plans { return &plans{byID: map[string]*keptPlan{}} }

// keep keeps a plan for the ticket with this id.
func (p *plans) keep(id string, owner access.Principal, sql string, plan Plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		plan.Close()
		return
	}
	p.byID[id] = &keptPlan{Plan: plan, owner: owner, sql: sql, timer: time.AfterFunc(plansFor, func() {
		if old := p.take(id, owner, sql); old != nil {
			old.Close()
		}
	})}
	p.order = append(p.order, id)
	for len(p.order) > maxPlans {
		if old := p.byID[p.order[0]]; old != nil {
			delete(p.byID, p.order[0])
			old.timer.Stop()
			old.Close()
		}
		p.order = p.order[1:]
	}
}

// take returns the plan of somebody's ticket for a statement, once; nil when
// there is none.
func (p *plans) take(id string, owner access.Principal, sql string) Plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.byID[id]
	if k == nil || k.owner != owner || k.sql != sql {
		return nil
	}
	delete(p.byID, id)
	k.timer.Stop()
	return k.Plan
}

// end closes all plans, and those that come.
func (p *plans) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	for id, k := range p.byID {
		delete(p.byID, id)
		k.timer.Stop()
		k.Close()
	}
}

// plan judges a statement and keeps its plan for the ticket with this id.
func (s *Server) plan(ctx context.Context, id, sql string) (Statement, error) {
	var out Statement
	err := s.work(ctx, s.newQuery(ctx, ticket{SQL: sql}), true, func(ctx context.Context) error {
		ctx, cancel := withDescribeTime(ctx)
		defer cancel()
		plan, err := s.backend.Plan(ctx, sql)
		if err != nil {
			return causeOf(ctx, err)
		}
		out = plan.Statement()
		out.Schema = plainSchema(out.Schema)
		if n := len(out.Params); n > 0 {
			plan.Close()
			return fault(codes.InvalidArgument, "the statement has %d parameters; prepare it and bind them", n)
		}
		s.plans.keep(id, principalOf(ctx), sql, plan)
		return nil
	})
	return out, err
}

// rowsOf starts a statement, from its plan when there is one.
func (s *Server) rowsOf(ctx context.Context, t ticket) (array.RecordReader, error) {
	if len(t.Args) == 0 {
		if plan := s.plans.take(t.ID, principalOf(ctx), t.SQL); plan != nil {
			return plan.Query(ctx)
		}
	}
	args, err := decodeArgs(t.Args)
	if err != nil {
		return nil, err
	}
	return s.backend.Query(ctx, t.SQL, args...)
}
