package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/internal/client"
)

const (
	viewerCount = 50
	keyViewers  = 20 // of them look at a key
	// connections are as many as dashboards' backends would have.
	connections = 5
	// queryPatience is when a query is given up.
	queryPatience = time.Minute
)

// viewer looks at a dashboard for some key, principal and account.
type viewer struct {
	panels []panel
	choice choice
	first  time.Duration // after the load begins
	client *client.Client
}

// newViewers makes the viewers; each looks at something of his own.
func newViewers(clients []*client.Client, choices []choice, refresh time.Duration) []viewer {
	out := make([]viewer, viewerCount)
	for i := range out {
		out[i] = viewer{panels: overview, choice: choices[i%len(choices)], first: refresh * time.Duration(i) / viewerCount, client: clients[i%len(clients)]}
		if i%5 >= (viewerCount-keyViewers)*5/viewerCount {
			out[i].panels = keyPage
		}
	}
	return out
}

// results collects latencies by panel.
type results struct {
	mu     sync.Mutex
	times  map[string][]time.Duration // by panel
	asked  int
	errors []error
}

func (r *results) add(panel string, took time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	if err != nil {
		r.errors = append(r.errors, fmt.Errorf("%s: %w", panel, err))
		return
	}
	if r.times == nil {
		r.times = map[string][]time.Duration{}
	}
	r.times[panel] = append(r.times[panel], took)
}

// of returns the latencies of the panels of a kind, or of all, ascending.
func (r *results) of(k kind) []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []time.Duration
	for _, p := range allPanels() {
		if k == "" || p.kind == k {
			out = append(out, r.times[p.name]...)
		}
	}
	slices.Sort(out)
	return out
}

func allPanels() []panel { return slices.Concat(overview, keyPage) }

// percentile is the smallest of ascending values that is not exceeded by more
// than the share 1-p of them.
func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, int(math.Ceil(p*float64(len(sorted))))-1)]
}

// look asks all panels of all viewers again and again until the duration has
// passed, and waits for the answers. Latency counts from when a query was due.
func (t *trial) look(ctx context.Context, viewers []viewer, start time.Time, r *results) error {
	refresh := t.refresh()
	var queries sync.WaitGroup
	defer queries.Wait()
	for began := time.Duration(0); ; began += refresh {
		for _, v := range viewers {
			for i := range v.panels {
				p, due := &v.panels[i], began+v.first
				if !t.together {
					due += refresh / viewerCount * time.Duration(i) / time.Duration(len(v.panels))
				}
				if due >= t.duration {
					return nil
				}
				if err := wait(ctx, start.Add(due)); err != nil {
					return err
				}
				queries.Go(func() {
					err := drain(ctx, v.client, p.place(v.choice, t.now(start)))
					r.add(p.name, time.Since(start)-due, err)
				})
			}
		}
	}
}

// refresh is how often a dashboard is asked anew: 30 seconds for 17 queries a
// second.
func (t *trial) refresh() time.Duration {
	return time.Duration(float64(viewerCount*len(overview)) / t.qps * float64(time.Second))
}

// drain asks a query and reads all of its result.
func drain(ctx context.Context, c *client.Client, sql string) error {
	ctx, cancel := context.WithTimeout(ctx, queryPatience)
	defer cancel()
	r, err := c.UserQuery(ctx, sql)
	if err != nil {
		return err
	}
	defer r.Release()
	for r.Next() {
	}
	return r.Err()
}

// countEvents asks how many events the store has.
func countEvents(ctx context.Context, c *client.Client) (n int64, err error) {
	r, err := c.UserQuery(ctx, "select count(*) from kms_events")
	if err != nil {
		return 0, err
	}
	defer r.Release()
	for r.Next() {
		column, ok := r.RecordBatch().Column(0).(*array.Int64)
		if !ok || column.Len() != 1 {
			return 0, errors.New("the number of events is no number")
		}
		n = column.Value(0)
	}
	return n, r.Err()
}

// choose picks keys of all sizes that were used lately, each with a principal
// and an account.
func choose(ctx context.Context, c *client.Client) (out []choice, err error) {
	r, err := c.UserQuery(ctx, `
		select key_arn, max(principal_arn), max(paying_account_id) from usage_daily
		where day >= (select max(day) from usage_daily) - interval '1' day and key_arn is not null and principal_arn is not null
		group by key_arn order by sum(use_count) desc, key_arn limit 500`)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	n := 0
	for r.Next() {
		rec := r.RecordBatch()
		for i := range int(rec.NumRows()) {
			if n++; n%10 == 1 {
				out = append(out, choice{rec.Column(0).ValueStr(i), rec.Column(1).ValueStr(i), rec.Column(2).ValueStr(i)})
			}
		}
	}
	if r.Err() == nil && len(out) == 0 {
		return nil, errors.New("no key was used lately")
	}
	return out, r.Err()
}
