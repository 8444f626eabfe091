package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/internal/metrics"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/output"
	"github.com/kmstrail/kmstrail/internal/sqlfile"
	"github.com/kmstrail/kmstrail/queries"
)

// NamedQuery is a ready-made question.
type NamedQuery struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description"`
	// Grain says what one row is.
	Grain   string           `json:"grain"`
	Params  sqlfile.Params   `json:"params"`
	Columns []queries.Column `json:"columns"`
	// SQL is left out of lists.
	SQL string `json:"sql,omitempty"`
}

// NamedQueryList is all of them, by id.
type NamedQueryList struct {
	Queries []NamedQuery `json:"queries"`
}

// RunRequest says how to run a named query.
type RunRequest struct {
	// Params are the query's parameters as text; the others have their defaults.
	Params map[string]string `json:"params,omitempty"`
	// From and To are the window (half-open); Last counts back from To, or from
	// now, and excludes From. Open ends are those of the events.
	From time.Time       `json:"from,omitzero"`
	To   time.Time       `json:"to,omitzero"`
	Last operate.Seconds `json:"last_seconds,omitempty"`
	// Limit is how many rows to give at most; 0 for all.
	Limit int64 `json:"limit,omitempty"`
	// Format is json (an array of objects), jsonl or csv; json when it is empty.
	Format string `json:"format,omitempty"`
}

func described(q *queries.Query, withSQL bool) NamedQuery {
	out := NamedQuery{ID: q.ID, Title: q.Title, Description: q.Description, Grain: q.Grain, Params: q.Params, Columns: q.Columns}
	if out.Params == nil {
		out.Params = sqlfile.Params{}
	}
	if withSQL {
		out.SQL = q.SQL()
	}
	return out
}

func (h *Handler) listQueries(w http.ResponseWriter, _ *http.Request) error {
	list, err := queries.Builtin()
	if err != nil {
		return err
	}
	out := NamedQueryList{Queries: []NamedQuery{}}
	for _, q := range list {
		out.Queries = append(out.Queries, described(q, false))
	}
	return reply(w, http.StatusOK, out)
}

func (h *Handler) getQuery(w http.ResponseWriter, r *http.Request) error {
	q, err := queries.Get(r.PathValue("id"))
	if err != nil {
		return notFound(err.Error())
	}
	return reply(w, http.StatusOK, described(q, true))
}

// contentTypes are those of the formats of results.
var contentTypes = map[string]string{"json": "application/json", "jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}

func (h *Handler) runQuery(w http.ResponseWriter, r *http.Request) (err error) {
	q, err := queries.Get(r.PathValue("id"))
	if err != nil {
		return notFound(err.Error())
	}
	req, err := decode[RunRequest](r)
	if err != nil {
		return err
	}
	if req.Format == "" {
		req.Format = "json"
	}
	if err := operate.OneOf("format", req.Format, []string{"json", "jsonl", "csv"}); err != nil {
		return err
	}
	x := of(r)
	x.detail = fmt.Sprintf("query %s %v", q.ID, req.Params)
	run := run{h: h, began: h.opts.Now()}
	defer func() { run.tell(x, err) }()
	ctx, cancel := context.WithTimeoutCause(r.Context(), h.opts.QueryTime, errLimit)
	defer cancel()
	longer(w, h.opts.QueryTime+requestTime)
	select {
	case h.queries <- struct{}{}:
		defer func() { <-h.queries }()
	case <-ctx.Done():
		return busy(ctx)
	}
	st, err := h.bind(ctx, q, &req)
	if err != nil {
		return err
	}
	reader, err := h.opts.Store.Run(ctx, st)
	if err != nil {
		return why(ctx, err)
	}
	defer reader.Release()
	bounded := &counted{RecordReader: reader, most: h.opts.QueryRows}
	result := array.RecordReader(bounded)
	if req.Limit > 0 {
		result = output.Limit(bounded, req.Limit)
	}
	late := &lateWriter{w: w, kind: contentTypes[req.Format], first: func() { run.first = h.opts.Now().Sub(run.began) }}
	run.rows, err = output.Write(late, result, output.Options{Format: req.Format})
	x.rows = run.rows
	if err != nil {
		return why(ctx, err)
	}
	run.bytes = late.n + int64(late.held.Len())
	return late.flush()
}

// bind gives the query its window and parameters.
func (h *Handler) bind(ctx context.Context, q *queries.Query, req *RunRequest) (sqlfile.Statement, error) {
	if req.Last < 0 || req.Last > 0 && !req.From.IsZero() {
		return sqlfile.Statement{}, operate.Usagef("give one of them", "from and last_seconds exclude each other")
	}
	span := operate.Span{Start: req.From.UTC(), End: req.To.UTC()}
	if req.Last > 0 {
		if span.End.IsZero() {
			span.End = h.opts.Now().UTC()
		}
		span.Start = span.End.Add(-time.Duration(req.Last))
	}
	events, err := operate.Extent(ctx, h.opts.Store)
	if err != nil {
		return sqlfile.Statement{}, why(ctx, err)
	}
	if span, err = span.Fill(events, h.opts.Now()); err != nil {
		return sqlfile.Statement{}, err
	}
	st, err := q.Bind(req.Params, queries.Window{Start: span.Start, End: span.End})
	if err != nil {
		return st, operate.Usagef("GET /api/v1/queries/"+q.ID+" describes it", "%v", err)
	}
	return st, nil
}

// busy is the error for a query that found no place.
func busy(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), errLimit) {
		return &httpError{code: codeUnavailable, text: "too many queries run; none ended in time", retry: time.Minute}
	}
	return ctx.Err()
}

// why puts the limit before what it led to.
func why(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errLimit) {
		return errLimit
	}
	return err
}

// run is what the metrics are told of a query.
type run struct {
	h           *Handler
	began       time.Time
	first       time.Duration
	rows, bytes int64
}

func (q *run) tell(x *exchange, err error) {
	result := "done"
	if err != nil {
		p, _ := problemOf(err)
		switch p.Code {
		case operate.KindUsage, operate.KindNotFound:
			result = "invalid"
		case codeLimit:
			result = "limited"
		case codeUnavailable:
			result = "busy"
		case operate.KindInterrupted:
			result = "cancelled"
		default:
			result = "failed"
		}
	}
	x.bytes = q.bytes
	q.h.opts.Metrics.Query(metrics.Query{
		Protocol: "http", Outcome: result, Duration: q.h.opts.Now().Sub(q.began), FirstBatch: q.first, Rows: q.rows, Bytes: q.bytes,
	})
}

// counted ends a result with an error when it has more rows than it may.
type counted struct {
	array.RecordReader

	most, seen int64
	err        error
}

// Next implements array.RecordReader.
func (c *counted) Next() bool {
	if c.err != nil || !c.RecordReader.Next() {
		return false
	}
	c.seen += c.RecordReader.RecordBatch().NumRows()
	if c.most > 0 && c.seen > c.most {
		c.err = &httpError{code: codeLimit, text: fmt.Sprintf("the result has more than %d rows, which is the limit", c.most), advice: "ask for less: a shorter window, or a limit"}
		return false
	}
	return true
}

// Err implements array.RecordReader.
func (c *counted) Err() error {
	if c.err != nil {
		return c.err
	}
	return c.RecordReader.Err()
}

// RecordBatch implements array.RecordReader.
func (c *counted) RecordBatch() arrow.RecordBatch { return c.RecordReader.RecordBatch() }

// held is how much of a result waits until it is known to go well.
const held = 1 << 20

// lateWriter begins to answer only when there is much to say, so that a result
// that fails early is an error and not half an answer.
type lateWriter struct {
	w     http.ResponseWriter
	kind  string
	first func()
	held  bytes.Buffer
	begun bool
	n     int64
}

func (l *lateWriter) Write(b []byte) (int, error) {
	if !l.begun && l.held.Len() == 0 {
		l.first()
	}
	if !l.begun && l.held.Len()+len(b) <= held {
		return l.held.Write(b)
	}
	if err := l.flush(); err != nil {
		return 0, err
	}
	n, err := l.w.Write(b)
	l.n += int64(n)
	return n, err
}

// flush sends what is held.
func (l *lateWriter) flush() error {
	if !l.begun {
		l.begun = true
		l.w.Header().Set("Content-Type", l.kind)
	}
	n, err := io.Copy(l.w, &l.held)
	l.n += n
	return err
}
