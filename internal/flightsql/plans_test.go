package flightsql

import (
	"testing"

	"github.com/kmstrail/kmstrail/internal/access"
)

// TestPlans: what was planned for a client runs once, for that client, and is
// not kept for good.
func TestPlans(t *testing.T) {
	s := serve(t, nil)
	c, anna := s.client(t), as(t, "anna")
	info, err := c.Execute(anna, "count 10")
	if err != nil {
		t.Fatal(err)
	}
	if n := s.fake.planned.Load(); n != 1 {
		t.Fatalf("%d plans are kept, want 1", n)
	}
	// Somebody else's ticket is planned anew and leaves the plan alone.
	for i, step := range []struct {
		who      string
		fromPlan int64
	}{{"ben", 0}, {"anna", 1}, {"anna", 1}} {
		if rows, err := fetch(as(t, step.who), c, info); err != nil || len(rows) != 10 {
			t.Fatalf("step %d: %d rows, %v", i, len(rows), err)
		}
		if n := s.fake.fromPlan.Load(); n != step.fromPlan {
			t.Errorf("step %d: %d ran from a plan, want %d", i, n, step.fromPlan)
		}
	}
	if _, err := c.Execute(anna, "args 2"); err == nil {
		t.Error("a statement with parameters is run without them")
	}
	if n := s.fake.planned.Load(); n != 0 {
		t.Errorf("%d plans are left, want none", n)
	}
	for range maxPlans + 10 {
		if _, err := c.Execute(anna, "count 1"); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.fake.planned.Load(); n != maxPlans {
		t.Errorf("%d plans are kept, want %d", n, maxPlans)
	}
	s.plans.end()
	if n := s.fake.planned.Load(); n != 0 {
		t.Errorf("%d plans are left at the end", n)
	}
	if _, err := c.Execute(anna, "count 1"); err != nil || s.fake.planned.Load() != 0 {
		t.Errorf("a plan after the end: %v, %d left", err, s.fake.planned.Load())
	}
}

// TestPlans_ageing: nobody comes for a plan.
func TestPlans_ageing(t *testing.T) {
	s := serve(t, nil)
	plan, err := s.fake.Plan(t.Context(), "count 1")
	if err != nil {
		t.Fatal(err)
	}
	s.plans.keep("x", access.Principal{Name: "anna"}, "count 1", plan)
	s.plans.mu.Lock()
	s.plans.byID["x"].timer.Reset(0)
	s.plans.mu.Unlock()
	eventually(t, "it is closed", func() bool { return s.fake.planned.Load() == 0 })
}
