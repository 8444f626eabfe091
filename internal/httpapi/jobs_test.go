package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/internal/operate"
)

// startJob asks for work and returns the job.
func startJob(t *testing.T, h http.Handler, path, body string) Job {
	t.Helper()
	rec := do(t, h, newRequest(t, "POST", path, operateToken, body))
	if rec.Code != http.StatusAccepted {
		t.Fatalf("%s: %d %s", path, rec.Code, rec.Body)
	}
	j := jobOf(t, rec.Body.Bytes())
	if got := rec.Header().Get("Location"); got != "/api/v1/jobs/"+j.ID {
		t.Errorf("Location is %q", got)
	}
	return j
}

func jobOf(t *testing.T, body []byte) Job {
	t.Helper()
	var j Job
	if err := json.Unmarshal(body, &j); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return j
}

// waitJob asks for a job until it is in a state.
func waitJob(t *testing.T, h http.Handler, j Job, state JobState) Job {
	t.Helper()
	for range 100 {
		rec := do(t, h, newRequest(t, "GET", fmt.Sprintf("/api/v1/jobs/%s?wait=10s&version=%d", j.ID, j.Version), readToken))
		if rec.Code != http.StatusOK {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
		if j = jobOf(t, rec.Body.Bytes()); j.State == state {
			return j
		}
		if j.Ended() {
			t.Fatalf("the job is %s, want %s: %+v", j.State, state, j.Problem)
		}
	}
	t.Fatal("the job does not end")
	return j
}

func TestJob_done(t *testing.T) {
	h, w := newTestHandler(t)
	told, goOn := make(chan struct{}), make(chan struct{})
	w.operator.ingest = func(_ context.Context, req operate.IngestRequest, progress func(operate.IngestProgress)) (operate.IngestResult, error) {
		if !req.Reconcile || len(req.Accounts) != 1 {
			t.Errorf("request is %+v", req)
		}
		progress(operate.IngestProgress{Read: &ingest.Progress{ObjectsDone: 3, ObjectsToRead: 10}})
		close(told)
		<-goOn
		return operate.IngestResult{Summary: &ingest.Summary{Progress: ingest.Progress{Inserted: 77}}}, nil
	}
	j := startJob(t, h, "/api/v1/ingest", `{"reconcile":true,"accounts":["111122223333"]}`)
	if j.Kind != "ingest" || j.Principal != "operator" || j.State != JobQueued && j.State != JobRunning {
		t.Errorf("job is %+v", j)
	}
	<-told
	j = jobOf(t, do(t, h, newRequest(t, "GET", "/api/v1/jobs/"+j.ID, readToken)).Body.Bytes())
	text, _ := json.Marshal(j.Progress)
	if j.State != JobRunning || !strings.Contains(string(text), `"objects_done":3`) || string(j.Result) != "null" {
		t.Errorf("job is %s, progress %s, result %s", j.State, text, j.Result)
	}
	close(goOn)
	j = waitJob(t, h, j, JobDone)
	var result operate.IngestResult
	if err := json.Unmarshal(j.Result, &result); err != nil || result.Summary == nil || result.Summary.Inserted != 77 {
		t.Errorf("result is %s, %v", j.Result, err)
	}
	if j.EndedAt == nil || j.StartedAt == nil || j.Problem != nil {
		t.Errorf("job is %+v", j)
	}
	if text := scrape(t, h); !strings.Contains(text, `kmstrail_jobs_total{kind="ingest",outcome="done"} 1`) {
		t.Error("the job is not counted")
	}
}

// TestJob_failed: what was done before is in the result, and the kind of error
// comes through.
func TestJob_failed(t *testing.T) {
	h, w := newTestHandler(t)
	w.operator.ingest = func(context.Context, operate.IngestRequest, func(operate.IngestProgress)) (operate.IngestResult, error) {
		return operate.IngestResult{Summary: &ingest.Summary{Progress: ingest.Progress{ObjectsDone: 5}}}, operate.Usagef("write s3://", "no such source")
	}
	j := waitJob(t, h, startJob(t, h, "/api/v1/ingest", ""), JobFailed)
	if j.Problem == nil || j.Problem.Kind != operate.KindUsage || j.Problem.Detail != "no such source" || len(j.Problem.Advice) != 1 {
		t.Errorf("problem is %+v", j.Problem)
	}
	if !strings.Contains(string(j.Result), `"objects_done": 5`) {
		t.Errorf("result is %s", j.Result)
	}
}

func TestJob_crashed(t *testing.T) {
	h, w := newTestHandler(t)
	w.operator.rebuild = func(context.Context) error { panic("a bug") }
	j := waitJob(t, h, startJob(t, h, "/api/v1/rebuild", ""), JobFailed)
	if j.Problem == nil || !strings.Contains(j.Problem.Detail, "a bug") {
		t.Errorf("problem is %+v", j.Problem)
	}
	// The turn was given back.
	w.operator.rebuild = nil
	waitJob(t, h, startJob(t, h, "/api/v1/rebuild", ""), JobDone)
}

func TestJob_cancelled(t *testing.T) {
	h, w := newTestHandler(t)
	began := make(chan struct{})
	w.operator.detect = func(ctx context.Context, _ operate.DetectRequest, onDay func(done, all int64)) (operate.DetectResult, error) {
		onDay(1, 30)
		close(began)
		<-ctx.Done()
		return operate.DetectResult{Detectors: []string{"a"}}, ctx.Err()
	}
	j := startJob(t, h, "/api/v1/detect", "")
	<-began
	waits := startJob(t, h, "/api/v1/detect", "")
	if rec := do(t, h, newRequest(t, "DELETE", "/api/v1/jobs/"+waits.ID, operateToken)); rec.Code != http.StatusOK {
		t.Errorf("cancel: %d %s", rec.Code, rec.Body)
	}
	if waits = waitJob(t, h, waits, JobCancelled); waits.StartedAt != nil {
		t.Error("the job in line began although it was cancelled")
	}
	if rec := do(t, h, newRequest(t, "DELETE", "/api/v1/jobs/"+j.ID, operateToken)); rec.Code != http.StatusOK {
		t.Errorf("cancel: %d %s", rec.Code, rec.Body)
	}
	j = waitJob(t, h, j, JobCancelled)
	if j.Problem == nil || j.Problem.Kind != operate.KindInterrupted || !strings.Contains(string(j.Result), `"a"`) {
		t.Errorf("job is %+v with result %s", j, j.Result)
	}
	if rec := do(t, h, newRequest(t, "DELETE", "/api/v1/jobs/nosuchjob", operateToken)); rec.Code != http.StatusNotFound {
		t.Errorf("cancel of none: %d", rec.Code)
	}
}

// TestJob_line: jobs of a kind run one after the other, of two kinds at once,
// and one that is not to wait asks the operator at once.
func TestJob_line(t *testing.T) {
	h, w := newTestHandler(t)
	goOn, began := make(chan struct{}), make(chan struct{}, 2)
	w.operator.ingest = func(_ context.Context, req operate.IngestRequest, _ func(operate.IngestProgress)) (operate.IngestResult, error) {
		if req.NoWait {
			return operate.IngestResult{}, operate.ErrBusy
		}
		began <- struct{}{}
		<-goOn
		return operate.IngestResult{}, nil
	}
	first := startJob(t, h, "/api/v1/ingest", "")
	<-began
	second := startJob(t, h, "/api/v1/ingest", "")
	waitJob(t, h, startJob(t, h, "/api/v1/maintain", ""), JobDone)
	third := waitJob(t, h, startJob(t, h, "/api/v1/ingest", `{"no_wait":true}`), JobFailed)
	if third.Problem.Kind != operate.KindBusy {
		t.Errorf("problem is %+v", third.Problem)
	}
	if got := jobOf(t, do(t, h, newRequest(t, "GET", "/api/v1/jobs/"+second.ID, readToken)).Body.Bytes()).State; got != JobQueued {
		t.Errorf("the second is %s, want queued", got)
	}
	if text := scrape(t, h); !strings.Contains(text, "kmstrail_jobs_running 1\n") {
		t.Error("want one job running in the metrics")
	}
	goOn <- struct{}{}
	goOn <- struct{}{}
	waitJob(t, h, first, JobDone)
	waitJob(t, h, second, JobDone)
	var list JobList
	if err := json.Unmarshal(do(t, h, newRequest(t, "GET", "/api/v1/jobs", readToken)).Body.Bytes(), &list); err != nil || len(list.Jobs) != 4 {
		t.Errorf("%d jobs are listed, %v", len(list.Jobs), err)
	}
}

func TestJob_tooMany(t *testing.T) {
	h, w := newTestHandler(t)
	w.operator.rebuild = func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	for range maxOpenJobs {
		startJob(t, h, "/api/v1/rebuild", "")
	}
	rec := do(t, h, newRequest(t, "POST", "/api/v1/rebuild", operateToken))
	if rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Retry-After") != "60" {
		t.Errorf("got %d, Retry-After %q", rec.Code, rec.Header().Get("Retry-After"))
	}
}

// TestJobs_kept: ended jobs go after a day, beyond a hundred, and beyond so many
// bytes of results.
func TestJobs_kept(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	ended := make(chan Job, 1)
	s := newJobs(t.Context(), func() time.Time { return now }, func() {}, func(_ context.Context, j Job) { ended <- j })
	run := func(result any) Job {
		if _, err := s.start("a", "ann", false, func(context.Context, func(any)) (any, error) { return result, nil }); err != nil {
			t.Fatal(err)
		}
		j := <-ended // nobody reads the clock any more
		now = now.Add(time.Second)
		return j
	}
	first := run(1)
	for range maxEndedJobs + 5 {
		run(2)
	}
	if got := len(s.list()); got != maxEndedJobs {
		t.Errorf("%d jobs are kept, want %d", got, maxEndedJobs)
	}
	if _, ok := s.get(t.Context(), first.ID, -1, 0); ok {
		t.Error("the oldest is kept")
	}
	large := strings.Repeat("x", maxResults/3)
	for range 4 {
		run(large)
	}
	if got := len(s.list()); got != 2 {
		t.Errorf("%d jobs with large results are kept, want 2", got)
	}
	huge := run(strings.Repeat("x", maxResults+1))
	if list := s.list(); len(list) != 1 || list[0].ID != huge.ID || list[0].Result != nil {
		t.Errorf("want the newest alone and its result left out of the list, got %d", len(list))
	}
	run(3)
	now = now.Add(jobAge + time.Minute)
	if got := len(s.list()); got != 1 {
		t.Errorf("%d jobs are kept after a day, want the newest", got)
	}
}

func TestJobs_shutdown(t *testing.T) {
	ended := make(chan Job, 1)
	s := newJobs(t.Context(), time.Now, func() {}, func(_ context.Context, j Job) { ended <- j })
	stuck := make(chan struct{})
	j, err := s.start("a", "ann", false, func(ctx context.Context, _ func(any)) (any, error) {
		<-ctx.Done()
		<-stuck
		return nil, ctx.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.shutdown(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("with a job that does not end: %v", err)
	}
	close(stuck)
	if err := s.shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if got := <-ended; got.ID != j.ID || got.State != JobCancelled {
		t.Errorf("job is %s", got.State)
	}
	if _, err := s.start("a", "ann", false, nil); err == nil {
		t.Error("a job began after the shutdown")
	}
}

func TestJob_wait(t *testing.T) {
	h, _ := newTestHandler(t)
	j := waitJob(t, h, startJob(t, h, "/api/v1/maintain", ""), JobDone)
	// One that has ended is told at once, whatever is waited for.
	if got := jobOf(t, do(t, h, newRequest(t, "GET", "/api/v1/jobs/"+j.ID+"?wait=1m", readToken)).Body.Bytes()); got.State != JobDone {
		t.Errorf("job is %s", got.State)
	}
	for _, query := range []string{"wait=soon", "wait=-1s", "wait=1s&version=x"} {
		if got := do(t, h, newRequest(t, "GET", "/api/v1/jobs/"+j.ID+"?"+query, readToken)).Code; got != http.StatusBadRequest {
			t.Errorf("%s: %d", query, got)
		}
	}
	if got := do(t, h, newRequest(t, "GET", "/api/v1/jobs/none?wait=1m", readToken)).Code; got != http.StatusNotFound {
		t.Errorf("none: %d", got)
	}
}

// TestJob_seen: who has seen that a job is done sees what it did; so do those
// who decide about findings.
func TestJob_seen(t *testing.T) {
	h, w := newTestHandler(t)
	events := func() string {
		t.Helper()
		var s struct {
			KMSEvents int64 `json:"kms_events"`
		}
		if err := json.Unmarshal(do(t, h, newRequest(t, "GET", "/api/v1/status", readToken)).Body.Bytes(), &s); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(s.KMSEvents)
	}
	store := func(n string) {
		w.store.mu.Lock()
		defer w.store.mu.Unlock()
		w.store.answers = []answer{{"from kms_events", columns("n int", "a time", "b time", "r int"), `[{"n":` + n + `}]`}}
	}
	if got := events(); got != "0" {
		t.Fatalf("%s events at first", got)
	}
	w.operator.ingest = func(context.Context, operate.IngestRequest, func(operate.IngestProgress)) (operate.IngestResult, error) {
		store("7")
		return operate.IngestResult{}, nil
	}
	waitJob(t, h, startJob(t, h, "/api/v1/ingest", ""), JobDone)
	if got := events(); got != "7" {
		t.Errorf("%s events after the ingest, want 7", got)
	}
	w.operator.decide = func(operate.DecideRequest) ([]operate.Decided, error) {
		store("8")
		return []operate.Decided{{FindingID: "a"}}, nil
	}
	do(t, h, newRequest(t, "POST", "/api/v1/findings/decide", operateToken, `{"findings":["a"],"status":"new"}`))
	if got := events(); got != "8" {
		t.Errorf("%s after the decision, want 8", got)
	}
}

// TestJob_nothing: zeros are not the result of a job that did nothing.
func TestJob_nothing(t *testing.T) {
	h, w := newTestHandler(t)
	w.operator.detect = func(context.Context, operate.DetectRequest, func(done, all int64)) (operate.DetectResult, error) {
		return operate.DetectResult{Findings: []detectors.Finding{}}, errBroken
	}
	j := waitJob(t, h, startJob(t, h, "/api/v1/detect", ""), JobFailed)
	if string(j.Result) != "null" {
		t.Errorf("result is %s", j.Result)
	}
	w.operator.rebuild = func(context.Context) error { return errBroken }
	j = waitJob(t, h, startJob(t, h, "/api/v1/rebuild", ""), JobFailed)
	if string(j.Result) != "null" {
		t.Errorf("result of rebuild is %s", j.Result)
	}
}
