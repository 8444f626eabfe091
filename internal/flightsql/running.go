package flightsql

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kmstrail/kmstrail/internal/access"
)

// RunningQuery is a query that waits or runs.
type RunningQuery struct {
	ID        string    `json:"id"`
	Principal string    `json:"principal"`
	Peer      string    `json:"peer"`
	SQL       string    `json:"sql"`
	Began     time.Time `json:"began"`
	// Waiting says that it has no place yet.
	Waiting bool  `json:"waiting"`
	Rows    int64 `json:"rows"`
	Bytes   int64 `json:"bytes"`
}

// query is one run of a statement, from the request to its last batch.
type query struct {
	id        string
	ticket    string
	principal access.Principal
	peer      string
	sql       string
	began     time.Time
	cancel    context.CancelCauseFunc

	placed      atomic.Bool
	rows, bytes atomic.Int64

	// Only its own goroutine uses these.
	waited, firstBatch time.Duration
}

// running holds the queries that wait or run.
type running struct {
	mu      sync.Mutex
	queries map[string]*query
}

func newRunning() *running { return &running{queries: map[string]*query{}} }

func (r *running) add(q *query) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queries[q.id] = q
}

func (r *running) remove(q *query) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.queries, q.id)
}

// list returns the queries, the oldest first.
func (r *running) list() []RunningQuery {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]RunningQuery, 0, len(r.queries))
	for _, q := range r.queries {
		out = append(out, RunningQuery{
			ID: q.id, Principal: q.principal.Name, Peer: q.peer, SQL: q.sql, Began: q.began,
			Waiting: !q.placed.Load(), Rows: q.rows.Load(), Bytes: q.bytes.Load(),
		})
	}
	slices.SortFunc(out, func(a, b RunningQuery) int { return a.Began.Compare(b.Began) })
	return out
}

// cancel cancels the queries that which chooses and returns how many.
func (r *running) cancel(cause error, which func(*query) bool) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, q := range r.queries {
		if which(q) {
			q.cancel(cause)
			n++
		}
	}
	return n
}

// newID returns 128 random bits.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}
