package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kmstrail/kmstrail/internal/access"
)

// Handler answers everything that is asked over HTTP.
type Handler struct {
	opts     Options
	mux      *http.ServeMux
	foreign  *http.CrossOriginProtection
	jobs     *jobs
	ended    atomic.Bool // no new work is taken
	queries  chan struct{}
	facts    *cached[*facts]
	coverage *cached[*coverageMap]
	status   *cached[statusReply]
	reports  *reportCache
	page     *pageTemplate
}

// New returns a handler. What it does in the background ends with ctx, or with
// Shutdown.
func New(ctx context.Context, opts Options) (*Handler, error) {
	if err := opts.complete(); err != nil {
		return nil, err
	}
	page, err := newPageTemplate()
	if err != nil {
		return nil, err
	}
	h := &Handler{
		opts: opts, mux: http.NewServeMux(), foreign: http.NewCrossOriginProtection(),
		queries: make(chan struct{}, opts.QueriesAtOnce), page: page,
	}
	h.jobs = newJobs(ctx, opts.Now, h.forget, h.jobEnded)
	h.facts = newCached(factsAge, opts.Now, h.readFacts)
	h.coverage = newCached(coverageAge, opts.Now, func(ctx context.Context) (*coverageMap, error) { return readCoverage(ctx, opts.Store) })
	h.status = newCached(factsAge, opts.Now, h.readStatus)
	h.reports = newReportCache(opts.Now)
	for _, r := range routes() {
		h.mux.Handle(r.Method+" "+r.Path, h.serve(&r))
	}
	h.mux.HandleFunc("/", h.nowhere)
	opts.Metrics.Observe(h.snapshot)
	return h, nil
}

// forget makes what is kept of the store be read anew: who has changed it sees
// what became of it.
func (h *Handler) forget() {
	h.facts.forget()
	h.coverage.forget()
	h.status.forget()
}

// Routes are the values that the route label of the metrics may have.
func Routes() []string {
	var list []string
	for _, r := range routes() {
		if label := r.label(); !slices.Contains(list, label) {
			list = append(list, label)
		}
	}
	return list
}

// Shutdown takes no new work, cancels jobs and waits for them until ctx ends.
func (h *Handler) Shutdown(ctx context.Context) error {
	h.ended.Store(true)
	return h.jobs.shutdown(ctx)
}

// exchange is what is known of a request while it is answered.
type exchange struct {
	route     *route
	principal access.Principal
	// detail says for the audit log what it is about.
	detail      string
	rows, bytes int64
	code        string // of the problem, "" without
	failure     string // what the client was told
}

type exchangeKey struct{}

// of returns the exchange that a request belongs to.
func of(r *http.Request) *exchange {
	x, _ := r.Context().Value(exchangeKey{}).(*exchange)
	return x
}

// recorder notes the status of a response.
type recorder struct {
	http.ResponseWriter

	status int
	bytes  int64
}

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := h.opts.Now()
	x := &exchange{}
	rec := &recorder{ResponseWriter: w}
	r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
	protect(w.Header())
	defer func() {
		if crash := recover(); crash != nil {
			h.crashed(rec, r, x, crash)
		}
		h.done(rec, r, x, h.opts.Now().Sub(start))
	}()
	if err := h.checkOrigin(r); err != nil {
		h.fail(rec, r, err)
		return
	}
	h.mux.ServeHTTP(rec, r)
}

// serve answers one route: who asks, may they, then the route's own handler.
func (h *Handler) serve(route *route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := of(r)
		x.route = route
		r.Body = http.MaxBytesReader(w, r.Body, cmp.Or(route.MaxBody, maxBody))
		err := h.admit(r, x)
		if err == nil {
			err = h.checkBody(r)
		}
		if err == nil {
			err = route.checkQuery(r)
		}
		if err == nil {
			err = route.handle(h, w, r)
		}
		if err != nil {
			h.fail(w, r, err)
		}
	})
}

// fail answers with an error, unless the answer has begun: then the connection
// is cut, so that nobody takes a part for the whole.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	p, retry := problemOf(err)
	x := of(r)
	x.code, x.failure = p.Code, p.Detail
	if p.Status >= http.StatusInternalServerError && r.Context().Err() == nil {
		h.opts.Log.Error("a request over HTTP failed", slog.String("path", r.URL.Path), slog.Any("error", err))
	}
	if rec, ok := w.(*recorder); ok && rec.status != 0 {
		panic(http.ErrAbortHandler)
	}
	writeProblem(w, p, retry)
}

// crashed answers after a panic. One that a handler means (to cut the
// connection) goes on to the server once the request is in the books.
func (h *Handler) crashed(w *recorder, r *http.Request, x *exchange, crash any) {
	if err, ok := crash.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		h.done(w, r, x, 0)
		panic(http.ErrAbortHandler)
	}
	h.opts.Log.Error("a request over HTTP crashed",
		slog.String("path", r.URL.Path), slog.String("panic", fmt.Sprint(crash)), slog.String("stack", string(debug.Stack())))
	x.code, x.failure = "failed", "the server made a mistake; its log says more"
	if w.status == 0 {
		writeProblem(w, Problem{Title: http.StatusText(http.StatusInternalServerError), Status: http.StatusInternalServerError, Code: x.code, Detail: x.failure}, 0)
	}
}

// done counts a request and writes down who asked what.
func (h *Handler) done(w *recorder, r *http.Request, x *exchange, took time.Duration) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	path, action := "other", "http.unknown"
	if x.route != nil {
		path, action = x.route.label(), x.route.Action
	}
	h.opts.Metrics.HTTP(path, w.status, took)
	if refused(w.status) {
		h.opts.Metrics.Refused("http", reasonOf(x.code))
	}
	if x.route != nil && x.route.Quiet && w.status < http.StatusBadRequest {
		return
	}
	h.opts.Audit(context.WithoutCancel(r.Context()), access.Entry{
		Principal: x.principal, Peer: r.RemoteAddr, Protocol: protocol(r), Action: action, Detail: detailOf(r, x),
		Outcome: auditOutcome(r.Context(), w.status, x.code), Error: x.failure, Duration: took, Rows: x.rows, Bytes: w.bytes,
	})
}

func refused(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusTooManyRequests
}

// reasonOf is the metrics' word for a code.
func reasonOf(code string) string {
	if code == codeDenied {
		return "role"
	}
	return code
}

func protocol(r *http.Request) string {
	if _, ok := r.Context().Value(localKey{}).(local); ok {
		return "unix"
	}
	return "http"
}

// detailOf is what the handler says, else the path with its parameters.
func detailOf(r *http.Request, x *exchange) string {
	if x.detail != "" {
		return x.detail
	}
	return r.Method + " " + r.URL.RequestURI()
}

// nowhere answers for paths and methods that no route has.
func (h *Handler) nowhere(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := h.mux.Handler(other); pattern != "/" && pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		h.fail(w, r, notFound("there is nothing at this address; GET /api/v1/openapi.json lists all there is"))
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	h.fail(w, r, &httpError{status: http.StatusMethodNotAllowed, code: "usage", text: r.Method + " is not for this address"})
}

// jobEnded counts a job and writes down how it ended.
func (h *Handler) jobEnded(ctx context.Context, j Job) {
	h.opts.Metrics.Job(j.Kind, string(j.State))
	e := access.Entry{
		Principal: access.Principal{Name: j.Principal}, Protocol: "http", Action: "job." + j.Kind, Detail: "job " + j.ID,
		Outcome: map[JobState]string{JobDone: "ok", JobFailed: "failed", JobCancelled: "cancelled"}[j.State],
	}
	if j.Problem != nil {
		e.Error = j.Problem.Detail
	}
	if j.StartedAt != nil && j.EndedAt != nil {
		e.Duration = j.EndedAt.Sub(*j.StartedAt)
	}
	h.opts.Audit(ctx, e)
}

// longer lets an answer take longer than others.
func longer(w http.ResponseWriter, d time.Duration) {
	// Not every writer of a test can.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d))
}
