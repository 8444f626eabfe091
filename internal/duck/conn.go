//go:build duckdb_arrow

package duck

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	bindings "github.com/duckdb/duckdb-go-bindings"
)

// interruptEvery is how often a running statement whose context has ended is
// told to stop. DuckDB forgets an interrupt that comes between two statements,
// so once is not enough.
const interruptEvery = 20 * time.Millisecond

// conn is one DuckDB connection. It is used by one goroutine at a time.
type conn struct {
	ptr bindings.Connection
	mu  sync.Mutex // guards ptr: an interrupt may come from elsewhere
	// lost, which may be nil, is told when DuckDB has given up the database.
	lost func(reason string)
	// onClose, which may be nil, runs once when the connection is closed.
	onClose func()
}

func connect(db bindings.Database) (*conn, error) {
	c := &conn{}
	if bindings.Connect(db, &c.ptr) == bindings.StateError {
		return nil, errors.New("connect to database: DuckDB gave no connection")
	}
	return c, nil
}

// close ends the connection and with it an open transaction.
func (c *conn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ptr.Ptr == nil {
		return
	}
	bindings.Disconnect(&c.ptr)
	if c.onClose != nil {
		c.onClose()
	}
}

// interrupt stops the running statement, if there is one.
func (c *conn) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ptr.Ptr != nil {
		bindings.Interrupt(c.ptr)
	}
}

// watch interrupts the connection's statement when ctx ends. The returned
// function ends the watch; when it has returned no interrupt can follow.
func (c *conn) watch(ctx context.Context) (stop func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	unregister := context.AfterFunc(ctx, func() {
		defer close(ended)
		tick := time.NewTicker(interruptEvery)
		defer tick.Stop()
		for {
			c.interrupt()
			select {
			case <-quit:
				return
			case <-tick.C:
			}
		}
	})
	return func() {
		if !unregister() {
			close(quit)
			<-ended
		}
	}
}

// exec runs one or more statements that return nothing of interest.
func (c *conn) exec(ctx context.Context, sql string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	stop := c.watch(ctx)
	defer stop()
	var res bindings.Result
	state := bindings.Query(c.ptr, sql, &res)
	defer bindings.DestroyResult(&res)
	if state == bindings.StateError {
		return c.failure(ctx, bindings.ResultError(&res))
	}
	return nil
}

// each runs a query and calls visit with every batch of its result.
func (c *conn) each(ctx context.Context, visit func(arrow.RecordBatch) error, sql string, args ...any) error {
	r, err := c.stream(ctx, sql, args)
	if err != nil {
		return err
	}
	defer r.Release()
	for r.Next() {
		if err := visit(r.RecordBatch()); err != nil {
			return err
		}
	}
	return r.Err()
}

// transaction runs work in a transaction. Any error, and a panic, rolls back.
func (c *conn) transaction(ctx context.Context, work func() error) (err error) {
	if err := c.exec(ctx, "BEGIN TRANSACTION"); err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	done := false
	defer func() {
		if done {
			return
		}
		// The rollback must happen even though ctx may have ended.
		if e := c.rollback(context.WithoutCancel(ctx)); e != nil && err != nil {
			err = errors.Join(err, fmt.Errorf("roll back: %w", e))
		}
	}()
	if err := work(); err != nil {
		return err
	}
	if err := c.exec(ctx, "COMMIT"); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}
	done = true
	return nil
}

// rollbackPatience is how long a rollback waits for memory.
const rollbackPatience = 30 * time.Second

// rollback ends the transaction. When other queries have used up DuckDB's
// memory, not even that works; without it the connection would be of no use
// any more, so it waits for them to fail too.
func (c *conn) rollback(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, rollbackPatience)
	defer cancel()
	tick := time.NewTicker(interruptEvery)
	defer tick.Stop()
	for {
		err := c.exec(ctx, "ROLLBACK")
		if err == nil || !outOfMemory(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// outOfMemory says that DuckDB's memory limit is reached.
func outOfMemory(err error) bool {
	var e *Error
	return errors.As(err, &e) && strings.Contains(e.Message, "Out of Memory")
}

// Error is an error that DuckDB reported.
type Error struct {
	// Message is DuckDB's text.
	Message string
	// Hint says what to do about it; "" when there is nothing to say.
	Hint string
}

func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + " (" + e.Hint + ")"
}

// failure turns DuckDB's message into an error; an ended context explains
// everything that went wrong after it.
func (c *conn) failure(ctx context.Context, message string) error {
	if invalidated(message) && c.lost != nil {
		c.lost(message)
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	return reported(message)
}

// reported is the error of a call that no context can end.
func reported(message string) error {
	message = strings.TrimSpace(message)
	if message == "" {
		message = "DuckDB gave no reason"
	}
	return &Error{Message: message, Hint: hint(message)}
}

func hint(message string) string {
	switch {
	case invalidated(message):
		return "the database is opened anew: try again in a moment"
	case strings.Contains(message, "max_temp_directory_size"):
		return "it needs more than " + maxTempSize + " beside memory: ask for less at once"
	case strings.Contains(message, "No space left on device"):
		return "the disk is full: free space or move the database; nothing of the interrupted change was stored"
	case strings.Contains(message, "Out of Memory"):
		return "raise the memory limit, or ask for less at once"
	case strings.Contains(message, "Could not set lock"):
		return "another process has the database open: wait for it to end or ask it"
	}
	return ""
}
