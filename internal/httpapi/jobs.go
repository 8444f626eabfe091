package httpapi

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/kmstrail/kmstrail/internal/operate"
)

// Job is work that takes long. It goes on when who asked for it goes away.
type Job struct {
	ID string `json:"id"`
	// Kind is ingest, detect, rebuild, maintain or backup.
	Kind string `json:"kind"`
	// Principal is who asked for it.
	Principal string   `json:"principal"`
	State     JobState `json:"state"`
	// Version rises with every change of the job.
	Version int64 `json:"version"`
	// Progress says how far it is: that of its kind, or null while nothing is known.
	Progress any `json:"progress"`
	// Result is that of its kind; null until the job has ended. A job that failed
	// or was cancelled may have one: what was done before is done.
	Result json.RawMessage `json:"result"`
	// Problem says why it failed or was cancelled.
	Problem   *operate.Problem `json:"problem,omitempty"`
	CreatedAt time.Time        `json:"created_at"`
	StartedAt *time.Time       `json:"started_at"`
	EndedAt   *time.Time       `json:"ended_at"`
}

// JobState is how a job is.
type JobState string

// The states of a job.
const (
	JobQueued    JobState = "queued" // waits for others of its kind
	JobRunning   JobState = "running"
	JobDone      JobState = "done"
	JobFailed    JobState = "failed"
	JobCancelled JobState = "cancelled"
)

// JobStates lists them.
func JobStates() []JobState {
	return []JobState{JobQueued, JobRunning, JobDone, JobFailed, JobCancelled}
}

// Ended reports whether nothing more will happen to the job.
func (j *Job) Ended() bool { return j.State != JobQueued && j.State != JobRunning }

// DetectProgress says how many days of detectors have been looked at, of how
// many known so far.
type DetectProgress struct {
	Done int64 `json:"done"`
	All  int64 `json:"all"`
}

// The kinds of jobs.
const (
	kindIngest   = "ingest"
	kindVerify   = "verify"
	kindDetect   = "detect"
	kindRebuild  = "rebuild"
	kindMaintain = "maintain"
	kindBackup   = "backup"
)

const (
	// maxOpenJobs wait or run at a time; the next is turned away.
	maxOpenJobs = 32
	// Ended jobs are kept for jobAge, at most maxEndedJobs, and of their results
	// at most maxResults bytes.
	jobAge       = 24 * time.Hour
	maxEndedJobs = 100
	maxResults   = 32 << 20
)

// work does a job. It may have a result although it fails.
type work func(ctx context.Context, progress func(any)) (result any, err error)

// jobs holds those that wait and run, and for some time those that have ended.
type jobs struct {
	now func() time.Time
	// worked is told before the end of a job can be seen, ended afterwards.
	worked func()
	ended  func(context.Context, Job)
	base   context.Context //nolint:containedctx // jobs live longer than requests
	stop   context.CancelFunc
	all    sync.WaitGroup

	mu   sync.Mutex
	byID map[string]*job
	// turns has a token per kind while none of the kind runs.
	turns map[string]chan struct{}
	shut  bool
}

type job struct {
	Job

	cancel context.CancelFunc
	// changed is closed, and made anew, with every change.
	changed chan struct{}
}

var errCancelled = errors.New("it was cancelled")

func newJobs(ctx context.Context, now func() time.Time, worked func(), ended func(context.Context, Job)) *jobs {
	base, stop := context.WithCancel(ctx)
	return &jobs{now: now, worked: worked, ended: ended, base: base, stop: stop, byID: map[string]*job{}, turns: map[string]chan struct{}{}}
}

// start begins a job, or puts it in line behind others of its kind; one that is
// not to wait begins at once, and whoever does the work says whether it may.
func (s *jobs) start(kind, principal string, noWait bool, do work) (Job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	if s.shut {
		return Job{}, &httpError{code: codeUnavailable, text: "the server is ending"}
	}
	open := 0
	for _, j := range s.byID {
		if !j.Ended() {
			open++
		}
	}
	if open >= maxOpenJobs {
		return Job{}, &httpError{code: codeUnavailable, text: fmt.Sprintf("%d jobs wait or run already", open), retry: time.Minute}
	}
	turn := s.turns[kind]
	if turn == nil {
		turn = make(chan struct{}, 1)
		turn <- struct{}{}
		s.turns[kind] = turn
	}
	ctx, cancel := context.WithCancel(s.base)
	j := &job{
		Job:    Job{ID: newJobID(), Kind: kind, Principal: principal, State: JobQueued, Version: 1, CreatedAt: s.now().UTC()},
		cancel: cancel, changed: make(chan struct{}),
	}
	s.byID[j.ID] = j
	s.all.Go(func() { s.run(ctx, j, turn, noWait, do) })
	return j.Job, nil
}

func (s *jobs) run(ctx context.Context, j *job, turn chan struct{}, noWait bool, do work) {
	defer j.cancel()
	if !noWait {
		select {
		case <-turn:
			defer func() { turn <- struct{}{} }()
		case <-ctx.Done():
			s.end(ctx, j, nil, errCancelled)
			return
		}
	}
	s.change(j, func() {
		at := s.now().UTC()
		j.State, j.StartedAt = JobRunning, &at
	})
	result, err := try(ctx, do, func(progress any) { s.change(j, func() { j.Progress = progress }) })
	s.end(ctx, j, result, err)
}

// try does the work; nobody else would survive that it panics.
func try(ctx context.Context, do work, progress func(any)) (result any, err error) {
	defer func() {
		if crash := recover(); crash != nil {
			result, err = nil, fmt.Errorf("crashed: %v\n%s", crash, debug.Stack())
		}
	}()
	return do(ctx, progress)
}

// end writes down how a job ended.
func (s *jobs) end(ctx context.Context, j *job, result any, err error) {
	text, marshalErr := json.Marshal(result)
	if marshalErr != nil {
		err = errors.Join(err, fmt.Errorf("write result: %w", marshalErr))
		text = nil
	}
	if err != nil && saysNothing(text) {
		text = nil // zeros would look as if they had been counted
	}
	s.worked()
	s.change(j, func() {
		at := s.now().UTC()
		j.EndedAt, j.State, j.Result = &at, JobDone, text
		if err == nil {
			return
		}
		j.State, j.Problem = JobFailed, operate.ProblemOf(err)
		if ctx.Err() != nil {
			j.State, j.Problem = JobCancelled, &operate.Problem{Kind: operate.KindInterrupted, Detail: j.Problem.Detail}
		}
	})
	s.ended(context.WithoutCancel(ctx), j.Job)
}

// saysNothing reports whether a JSON document holds nothing but zeros.
func saysNothing(text []byte) bool {
	var v any
	return json.Unmarshal(text, &v) != nil || isNothing(v)
}

func isNothing(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, x := range v {
			if !isNothing(x) {
				return false
			}
		}
		return true
	case []any:
		return len(v) == 0
	case bool:
		return !v
	}
	return v == nil || v == 0.0 || v == "" || v == "0001-01-01T00:00:00Z"
}

// change changes a job and wakes those who wait for that.
func (s *jobs) change(j *job, do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	j.Version++
	close(j.changed)
	j.changed = make(chan struct{})
}

// get returns a job once its version is another than seen (than now, when that is
// negative), once it has ended, or after wait.
func (s *jobs) get(ctx context.Context, id string, seen int64, wait time.Duration) (Job, bool) {
	var timeout <-chan time.Time
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		timeout = t.C
	}
	for {
		s.mu.Lock()
		j, ok := s.byID[id]
		if !ok {
			s.mu.Unlock()
			return Job{}, false
		}
		now, changed := j.Job, j.changed
		s.mu.Unlock()
		if seen < 0 {
			seen = now.Version
		}
		if wait <= 0 || now.Ended() || now.Version != seen {
			return now, true
		}
		select {
		case <-changed:
		case <-timeout:
			wait = 0
		case <-ctx.Done():
			wait = 0
		}
	}
}

// list returns all jobs without their results, the newest first.
func (s *jobs) list() []Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	list := make([]Job, 0, len(s.byID))
	for _, j := range s.byID {
		without := j.Job
		without.Result = nil
		list = append(list, without)
	}
	slices.SortFunc(list, func(a, b Job) int { return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.ID, b.ID)) })
	return list
}

// running counts jobs at work.
func (s *jobs) running() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, j := range s.byID {
		if j.State == JobRunning {
			n++
		}
	}
	return n
}

// cancelJob asks a job to end. One that has ended stays as it is.
func (s *jobs) cancelJob(id string) (Job, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j, ok := s.byID[id]
	if !ok {
		return Job{}, false
	}
	j.cancel()
	return j.Job, true
}

// forget drops ended jobs that are too old, too many or too large. The lock is
// held.
func (s *jobs) forget() {
	var ended []*job
	for _, j := range s.byID {
		if j.Ended() {
			ended = append(ended, j)
		}
	}
	slices.SortFunc(ended, func(a, b *job) int { return cmp.Or(b.EndedAt.Compare(*a.EndedAt), cmp.Compare(a.ID, b.ID)) })
	size := 0
	for i, j := range ended {
		size += len(j.Result)
		// The newest stays in any case: somebody waits for it.
		if i > 0 && (i >= maxEndedJobs || size > maxResults || s.now().Sub(*j.EndedAt) > jobAge) {
			delete(s.byID, j.ID)
		}
	}
}

// shutdown cancels all and waits for them.
func (s *jobs) shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.shut = true
	s.mu.Unlock()
	s.stop()
	done := make(chan struct{})
	go func() {
		s.all.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for jobs to end: %w", ctx.Err())
	}
}

// newJobID returns 96 random bits: whoever knows no id finds no job.
func newJobID() string { return rand.Text()[:20] }
