package trino

import (
	"context"
	"fmt"
	"net/http"
	"sync"
)

// query is one statement that the server runs.
type query struct {
	engine *Engine
	ctx    context.Context //nolint:containedctx // a record reader has no other way to end with its query
	cancel context.CancelCauseFunc
	// before is how many lines were sent before the caller's SQL.
	before int
	id     string
	// first is the answer to the statement, until it is fetched.
	first *page
	// end ends the query if it still runs, and returns when the server knows.
	end func()

	mu   sync.Mutex // guards next
	next string
}

// start sends a statement.
func (e *Engine) start(ctx context.Context, sql string, args []any) (*query, error) {
	text, before, err := statement(sql, args)
	if err != nil {
		return nil, err
	}
	q := &query{engine: e, before: before}
	q.ctx, q.cancel = context.WithCancelCause(ctx)
	q.end = sync.OnceFunc(q.finish)
	if err := e.track(q); err != nil {
		q.cancel(err)
		return nil, err
	}
	// Should the post fail after Trino took the statement: it runs only from the
	// first get on.
	if q.first, err = e.post(q.ctx, text); err == nil {
		q.id = q.first.ID
		err = q.take(q.first)
	}
	if err != nil {
		q.end()
		return nil, err
	}
	// A caller who gave up may never look at the result again.
	context.AfterFunc(q.ctx, q.end)
	return q, nil
}

// fetch returns the next page, and whether there was one.
func (q *query) fetch() (*page, bool, error) {
	if p := q.first; p != nil {
		q.first = nil
		return p, true, nil
	}
	uri := q.nextURI()
	if uri == "" {
		return nil, false, nil
	}
	if err := ended(q.ctx); err != nil {
		q.end()
		return nil, false, err
	}
	p, err := q.engine.get(q.ctx, uri)
	if err == nil {
		err = q.take(p)
	}
	if err != nil {
		q.end()
		return nil, false, err
	}
	return p, true, nil
}

// take reads where a page leads to. The last one must say that all is well: a
// result must not end early without an error.
func (q *query) take(p *page) error {
	if p.ID != q.id {
		return fmt.Errorf("server %s answered with query %s instead of %s", q.engine.base, bounded(p.ID, 100), bounded(q.id, 100))
	}
	if p.Error != nil {
		q.setNext("")
		return p.Error.failure(q.id, q.before)
	}
	if p.NextURI == "" {
		q.setNext("")
		if p.Stats.State != "FINISHED" {
			return fmt.Errorf("server %s ended the result of query %s in the state %q", q.engine.base, bounded(q.id, 100), bounded(p.Stats.State, 100))
		}
		return nil
	}
	if err := q.engine.follow(p.NextURI); err != nil {
		return err
	}
	q.setNext(p.NextURI)
	return nil
}

func (q *query) nextURI() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.next
}

func (q *query) setNext(uri string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.next = uri
}

// finish tells the server to stop, unless it has. Should that fail, the server
// stops by itself after query.client.timeout.
func (q *query) finish() {
	defer q.engine.forget(q)
	defer q.cancel(ErrClosed)
	uri := q.nextURI()
	if uri == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(q.ctx), endTime)
	defer cancel()
	resp, err := q.engine.send(ctx, http.MethodDelete, uri, "", nil)
	if err == nil {
		_ = resp.Body.Close()
	}
}
