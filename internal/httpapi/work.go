package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/ingest/digest"
	"github.com/kmstrail/kmstrail/internal/access"
	"github.com/kmstrail/kmstrail/internal/inventory"
	"github.com/kmstrail/kmstrail/internal/operate"
)

// accept starts a job and answers where it is.
func (h *Handler) accept(w http.ResponseWriter, r *http.Request, kind string, req any, noWait bool, do work) error {
	x := of(r)
	if text, err := json.Marshal(req); err == nil {
		x.detail = kind + " " + string(text)
	}
	j, err := h.jobs.start(kind, x.principal.Name, noWait, do)
	if err != nil {
		return err
	}
	x.detail += " job " + j.ID
	w.Header().Set("Location", "/api/v1/jobs/"+j.ID)
	return reply(w, http.StatusAccepted, j)
}

func (h *Handler) ingest(w http.ResponseWriter, r *http.Request) error {
	req, err := decode[operate.IngestRequest](r)
	if err != nil {
		return err
	}
	if err := h.checkSource(r, req.Source, req.Check); err != nil {
		return err
	}
	return h.accept(w, r, kindIngest, req, req.NoWait, func(ctx context.Context, progress func(any)) (any, error) {
		return h.opts.Operator.Ingest(ctx, req, func(p operate.IngestProgress) { progress(p) })
	})
}

// checkSource says who may have another source read than the configured one, and
// what is wrong with its name and the rest of the request.
func (h *Handler) checkSource(r *http.Request, source string, check func() error) error {
	if source != "" && source != h.opts.Source {
		// A path is one of this machine's, a bucket is read with its rights.
		if err := of(r).principal.Need(access.Admin); err != nil {
			return err
		}
	}
	return errors.Join(check(), operate.CheckSource(cmp.Or(source, h.opts.Source)))
}

func (h *Handler) verify(w http.ResponseWriter, r *http.Request) error {
	req, err := decode[operate.VerifyRequest](r)
	if err != nil {
		return err
	}
	if err := h.checkSource(r, req.Source, req.Check); err != nil {
		return err
	}
	return h.accept(w, r, kindVerify, req, false, func(ctx context.Context, progress func(any)) (any, error) {
		return h.opts.Operator.Verify(ctx, req, func(p digest.Progress) { progress(p) })
	})
}

func (h *Handler) detect(w http.ResponseWriter, r *http.Request) error {
	req, err := decode[operate.DetectRequest](r)
	if err != nil {
		return err
	}
	if err := h.opts.Operator.Check(req); err != nil {
		return err
	}
	return h.accept(w, r, kindDetect, req, req.NoWait, func(ctx context.Context, progress func(any)) (any, error) {
		return h.opts.Operator.Detect(ctx, req, func(done, all int64) { progress(DetectProgress{Done: done, All: all}) })
	})
}

func (h *Handler) rebuild(w http.ResponseWriter, r *http.Request) error {
	req, err := decode[operate.RebuildRequest](r)
	if err != nil {
		return err
	}
	if err := operate.CheckTables(req.Tables); err != nil {
		return err
	}
	return h.accept(w, r, kindRebuild, req, false, func(ctx context.Context, progress func(any)) (any, error) {
		done, err := h.opts.Operator.Rebuild(ctx, req, func(p operate.RebuildProgress) { progress(p) })
		if err != nil {
			return nil, err // which tables are done the result does not tell
		}
		return done, nil
	})
}

func (h *Handler) maintain(w http.ResponseWriter, r *http.Request) error {
	req, err := decode[operate.MaintainRequest](r)
	if err != nil {
		return err
	}
	return h.accept(w, r, kindMaintain, req, false, func(ctx context.Context, _ func(any)) (any, error) {
		return h.opts.Operator.Maintain(ctx, req)
	})
}

func (h *Handler) backup(w http.ResponseWriter, r *http.Request) error {
	req, err := decode[operate.BackupRequest](r)
	if err != nil {
		return err
	}
	if err := req.Check(); err != nil {
		return err
	}
	return h.accept(w, r, kindBackup, req, false, func(ctx context.Context, _ func(any)) (any, error) {
		return h.opts.Operator.Backup(ctx, req)
	})
}

// JobList is all jobs, the newest first, without their results.
type JobList struct {
	Jobs []Job `json:"jobs"`
}

func (h *Handler) listJobs(w http.ResponseWriter, _ *http.Request) error {
	return reply(w, http.StatusOK, JobList{Jobs: h.jobs.list()})
}

// maxWait is how long a request for a job may wait for it to change.
const maxWait = time.Minute

func (h *Handler) getJob(w http.ResponseWriter, r *http.Request) error {
	wait, seen, err := waiting(r)
	if err != nil {
		return err
	}
	longer(w, wait+requestTime)
	j, ok := h.jobs.get(r.Context(), r.PathValue("id"), seen, wait)
	if !ok {
		return notFound("there is no job of that id; ended ones are kept for a day")
	}
	return reply(w, http.StatusOK, j)
}

// waiting reads ?wait=10s&version=N. Without a version it is waited for the next
// change.
func waiting(r *http.Request) (wait time.Duration, seen int64, err error) {
	q := r.URL.Query()
	seen = -1
	if text := q.Get("wait"); text != "" {
		if wait, err = time.ParseDuration(text); err != nil || wait < 0 {
			return 0, 0, usage("write 10s", "wait is not a span of time: "+strconv.Quote(text))
		}
	}
	if text := q.Get("version"); text != "" {
		if seen, err = strconv.ParseInt(text, 10, 64); err != nil {
			return 0, 0, usage("it is in the job", "version is not a number: "+strconv.Quote(text))
		}
	}
	return min(wait, maxWait), seen, nil
}

func (h *Handler) cancelJob(w http.ResponseWriter, r *http.Request) error {
	j, ok := h.jobs.cancelJob(r.PathValue("id"))
	if !ok {
		return notFound("there is no job of that id; ended ones are kept for a day")
	}
	return reply(w, http.StatusOK, j)
}

func (h *Handler) inventory(w http.ResponseWriter, r *http.Request) error {
	b, err := decode[inventory.Batch](r)
	if err != nil {
		return err
	}
	x := of(r)
	x.detail = "run " + b.Run.ID + " " + b.Run.Origin + " " + b.Run.Status
	done, err := h.opts.Operator.StoreInventory(r.Context(), b)
	h.forget()
	if err != nil {
		return err
	}
	x.rows = int64(b.Records.Count())
	return reply(w, http.StatusOK, done)
}

func (h *Handler) decide(w http.ResponseWriter, r *http.Request) error {
	req, err := decode[operate.DecideRequest](r)
	if err != nil {
		return err
	}
	x := of(r)
	req.By = decider(x.principal, req.By)
	x.detail = req.Status + " " + strings.Join(req.Findings, " ")
	done, err := h.opts.Operator.Decide(r.Context(), req)
	h.forget()
	x.rows = int64(len(done))
	if err != nil && len(done) == 0 {
		return err
	}
	out := Decisions{Decided: done}
	if err != nil {
		out.Problem = operate.ProblemOf(err)
	}
	return reply(w, http.StatusOK, out)
}

// Decisions says what became of findings.
type Decisions struct {
	Decided []operate.Decided `json:"decided"`
	// Problem says why the others are as they were.
	Problem *operate.Problem `json:"problem,omitempty"`
}

// decider is who the history names: at a unix socket the name that is given,
// over the network never without the token's.
func decider(p access.Principal, given string) string {
	switch {
	case given == "" || given == p.Name:
		return p.Name
	case strings.HasPrefix(p.Name, "local:"):
		return given
	}
	return given + " (token " + p.Name + ")"
}
