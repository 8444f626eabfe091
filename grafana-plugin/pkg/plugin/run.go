package plugin

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"google.golang.org/grpc/codes"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/frames"
	"github.com/kmstrail/kmstrail/internal/flightclient"
)

// QueryData runs the queries of a panel, an alert rule or a variable, at the same
// time as far as there are places. Each has an answer or an error of its own.
func (d *Datasource) QueryData(ctx context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	// Rules and recording rules act on data, and read no notices.
	alert := req.Headers[backend.FromAlertHeaderName] == "true"
	out := backend.NewQueryDataResponse()
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, q := range req.Queries {
		all.Go(func() {
			answer := d.answer(ctx, q, alert)
			mu.Lock()
			defer mu.Unlock()
			out.Responses[q.RefID] = answer
		})
	}
	all.Wait()
	return out, nil
}

// answer runs one query. What was run stands with the answer, also with an error.
func (d *Datasource) answer(ctx context.Context, q backend.DataQuery, alert bool) backend.DataResponse {
	var p plan
	result, err := guarded(func() (frames.Result, error) { return d.query(ctx, q, alert, &p) })
	executed := p.sql
	if executed == "" {
		executed = p.typed
	}
	if err != nil {
		return failed(q.RefID, executed, problemOf(err))
	}
	if len(result.Frames) == 0 && !alert {
		// A frame without fields is no data, and has a place for the rest. Rules
		// get nothing at all, which is NoData for all of Grafana's ways to read it.
		result.Frames = data.Frames{data.NewFrame("")}
		result.Frames[0].AppendNotices(result.Notices...)
	}
	for _, f := range result.Frames {
		f.RefID = q.RefID
		if f.Meta == nil {
			f.Meta = &data.FrameMeta{}
		}
		f.Meta.ExecutedQueryString = executed
	}
	return backend.DataResponse{Frames: result.Frames, Status: backend.StatusOK}
}

// failed is an error, with a frame that has nothing but what was run, and the
// place of the error for the editor.
func failed(refID, executed string, p *problem) backend.DataResponse {
	f := data.NewFrame("")
	f.RefID = refID
	f.Meta = &data.FrameMeta{ExecutedQueryString: executed, Custom: map[string]any{"error": p}}
	if p.source == backend.ErrorSourcePlugin {
		backend.Logger.Error("a query failed in the plugin", "error", p.Error(), "refId", refID)
	}
	return backend.DataResponse{Error: p, Status: p.status, ErrorSource: p.source, Frames: data.Frames{f}}
}

// query plans, waits for a place and reads the result. It sets p as soon as
// something of it is known.
func (d *Datasource) query(ctx context.Context, q backend.DataQuery, alert bool, p *plan) (frames.Result, error) {
	if d.broken != nil {
		return frames.Result{}, d.broken
	}
	r, err := newRequest(q)
	r.alert = alert
	if err != nil {
		*p = plan{typed: r.SQL}
		return frames.Result{}, badQuery(err)
	}
	if !r.span.From.Before(r.span.To) {
		*p = plan{typed: r.SQL}
		return frames.Result{}, badQuery(fmt.Errorf("the range ends (%s) before it begins", moment(r.span.To)))
	}
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	if *p, err = d.plan(ctx, r); err != nil {
		return frames.Result{}, err
	}
	told, result, err := d.run(ctx, *p, r, q.RefID)
	if err != nil {
		return frames.Result{}, p.locate(lateness(ctx, err))
	}
	add(&result, texts(p.unasked(result)))
	if r.alert && part(result, *p, r) {
		return frames.Result{}, badQuery(errors.New("a rule would judge a part of the data only: " + said(sentences(result.Notices))))
	}
	add(&result, append(await(told), texts(p.notices)...))
	if r.alert && len(result.Frames) == 1 && p.fill.Mode != frames.FillNull {
		result.Frames = frames.Apart(result.Frames[0])
	}
	return result, nil
}

// run waits for a place and has it until the rows are there.
func (d *Datasource) run(ctx context.Context, p plan, r request, refID string) (<-chan []data.Notice, frames.Result, error) {
	if err := d.places.Acquire(ctx, 1); err != nil {
		return nil, frames.Result{}, context.Cause(ctx)
	}
	defer d.places.Release(1)
	told := d.tell(ctx, r)
	result, err := d.read(ctx, p, r, refID)
	return told, result, err
}

// bounded ends what people ask for by the timeout of the settings.
func (d *Datasource) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d.settings.Timeout, &timeoutError{after: d.settings.Timeout.String()})
}

// lateness is the error of a query that the server ended because of its deadline:
// it knows that too, and may be the first to see it pass.
func lateness(ctx context.Context, err error) error {
	var e *flightclient.Error
	deadline, ok := ctx.Deadline()
	if !ok || !errors.As(err, &e) || e.Code != codes.Canceled && e.Code != codes.DeadlineExceeded || time.Until(deadline) > time.Second {
		return err
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// noticeTime is how long rows wait for notices, and for what describes them.
const noticeTime = 2 * time.Second

// tell asks for notices while the query runs.
func (d *Datasource) tell(ctx context.Context, r request) <-chan []data.Notice {
	out := make(chan []data.Notice, 1)
	if r.alert {
		out <- nil
		return out
	}
	go func() {
		notices, err := guarded(func() ([]data.Notice, error) { return d.notices(ctx, r.span), nil })
		if err != nil {
			notices = unknown(err)
		}
		out <- notices
	}()
	return out
}

// await takes the notices, if they come soon.
func await(told <-chan []data.Notice) []data.Notice {
	select {
	case notices := <-told:
		return notices
	case <-time.After(noticeTime):
		return unknown(errLate)
	}
}

var errLate = &problem{Message: "The server has not said so yet."}

func texts(notices []string) []data.Notice {
	out := make([]data.Notice, len(notices))
	for i, text := range notices {
		out[i] = data.Notice{Severity: data.NoticeSeverityWarning, Text: text}
	}
	return out
}

// add puts notices on the first frame, where panels look for them.
func add(r *frames.Result, notices []data.Notice) {
	r.Notices = append(r.Notices, notices...)
	if len(r.Frames) > 0 {
		r.Frames[0].AppendNotices(notices...)
	}
}

// read runs the statement and makes frames of its rows.
func (d *Datasource) read(ctx context.Context, p plan, r request, refID string) (frames.Result, error) {
	rows := d.settings.MaxRows
	if r.Limit > 0 {
		rows = min(rows, r.Limit)
	}
	to := r.span.To
	if p.fill.Mode != "" && p.fill.Mode != frames.FillNone {
		to = d.fillEnd(ctx, to)
	}
	return attempt(ctx, d, func(s server) (frames.Result, error) {
		reader, err := s.Query(ctx, p.sql)
		if err != nil {
			return frames.Result{}, err
		}
		defer reader.Release()
		result, err := frames.Read(reader, frames.Options{
			RefID: refID, Legend: r.Legend, Format: p.format, Fill: p.fill, Bucket: p.bucket, From: r.span.From, To: to,
			MaxRows: rows, Describe: p.describe, DatasourceUID: d.settings.UID, DatasourceName: d.settings.Name,
		})
		if err != nil {
			return frames.Result{}, brokenOff(reader, err)
		}
		return result, nil
	})
}

// fillEnd is where the filling of a range ends. Behind the newest event nothing is
// known, least of all that there was nothing: CloudTrail is minutes late, and an
// alert rule must not take that for a fall to zero.
func (d *Datasource) fillEnd(ctx context.Context, to time.Time) time.Time {
	ctx, cancel := context.WithTimeout(ctx, noticeTime)
	defer cancel()
	known := d.now()
	if s, err := d.status(ctx); err == nil && s.Events > 0 {
		known = s.EventsTo.Add(time.Microsecond)
	}
	if to.After(known) {
		return known
	}
	return to
}

// brokenOff is an error of a result that had begun. If the stream did not fail,
// its rows do not make what was asked for: they do not fit the format, or are of
// a type that has to be cast.
func brokenOff(r array.RecordReader, err error) error {
	if r.Err() == nil {
		return badQuery(err)
	}
	p := *problemOf(err)
	if p.status == backend.StatusInternal || p.status == backend.StatusBadGateway {
		p.Message = "The result broke off, so nothing of it is shown: " + said(err.Error()) + "."
		p.status, p.source = backend.StatusBadGateway, backend.ErrorSourceDownstream
	}
	return &p
}
