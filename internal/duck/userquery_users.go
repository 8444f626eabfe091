//go:build duckdb_arrow

package duck

import (
	"context"
	"sync"
)

// userQueries are the queries of users that run.
type userQueries struct {
	mu  sync.Mutex
	end map[*context.CancelCauseFunc]struct{}
}

// add remembers how to end a query until forget is called.
func (u *userQueries) add(end context.CancelCauseFunc) (forget func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.end == nil {
		u.end = map[*context.CancelCauseFunc]struct{}{}
	}
	u.end[&end] = struct{}{}
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.end, &end)
	}
}

// makeRoom ends all queries of users when ingest failed because the memory that
// it shares with them is used up. What ingest does next then works.
func (s *Store) makeRoom(err error) {
	if !outOfMemory(err) {
		return
	}
	s.users.mu.Lock()
	defer s.users.mu.Unlock()
	if n := len(s.users.end); n > 0 {
		s.log.Warn("queries of users are ended because ingest has no memory left", "queries", n)
	}
	for end := range s.users.end {
		(*end)(&LimitError{What: "memory", Limit: s.memoryLimit()})
	}
}
