package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/kmstrail/kmstrail/ingest/digest"
	"github.com/kmstrail/kmstrail/internal/access"
	"github.com/kmstrail/kmstrail/internal/httpapi"
	"github.com/kmstrail/kmstrail/internal/inventory"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/status"
)

// Ingest has the server read log files. See operate.Operator for this and the
// others.
func (c *Client) Ingest(ctx context.Context, req operate.IngestRequest, onProgress func(operate.IngestProgress)) (out operate.IngestResult, err error) {
	err = c.job(ctx, "/api/v1/ingest", req, &out, progress(onProgress))
	return out, err
}

// Verify has the server compare log files with their digests.
func (c *Client) Verify(ctx context.Context, req operate.VerifyRequest, onProgress func(digest.Progress)) (out operate.VerifyResult, err error) {
	err = c.job(ctx, "/api/v1/verify", req, &out, progress(onProgress))
	return out, err
}

// Detect has the server run detectors.
func (c *Client) Detect(ctx context.Context, req operate.DetectRequest, onDay func(done, all int64)) (out operate.DetectResult, err error) {
	tell := func(p httpapi.DetectProgress) {
		if onDay != nil {
			onDay(p.Done, p.All)
		}
	}
	err = c.job(ctx, "/api/v1/detect", req, &out, progress(tell))
	return out, err
}

// Rebuild has the server compute derived tables anew.
func (c *Client) Rebuild(ctx context.Context, req operate.RebuildRequest, onProgress func(operate.RebuildProgress)) (out operate.RebuildResult, err error) {
	err = c.job(ctx, "/api/v1/rebuild", req, &out, progress(onProgress))
	return out, err
}

// Maintain has the server put sums together and delete what is too old.
func (c *Client) Maintain(ctx context.Context, req operate.MaintainRequest) (out operate.MaintainResult, err error) {
	err = c.job(ctx, "/api/v1/maintain", req, &out, nil)
	return out, err
}

// Backup has the server copy the store into its directory of backups.
func (c *Client) Backup(ctx context.Context, req operate.BackupRequest) (out operate.BackupResult, err error) {
	err = c.job(ctx, "/api/v1/backup", req, &out, nil)
	return out, err
}

// StoreInventory has the server store a part of an inventory.
func (c *Client) StoreInventory(ctx context.Context, b inventory.Batch) (out operate.InventoryResult, err error) {
	err = c.call(ctx, http.MethodPost, "/api/v1/inventory", b, &out)
	return out, err
}

// Decide writes a decision about findings.
func (c *Client) Decide(ctx context.Context, req operate.DecideRequest) ([]operate.Decided, error) {
	var out httpapi.Decisions
	if err := c.call(ctx, http.MethodPost, "/api/v1/findings/decide", req, &out); err != nil {
		return nil, err
	}
	return out.Decided, out.Problem.Err()
}

// Status says what the store holds and what the server is doing.
func (c *Client) Status(ctx context.Context) (*status.Status, error) {
	var out status.Status
	if err := c.call(ctx, http.MethodGet, "/api/v1/status", nil, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// Server says what answers, and who asks.
func (c *Client) Server(ctx context.Context) (httpapi.ServerInfo, error) {
	var out httpapi.ServerInfo
	err := c.call(ctx, http.MethodGet, "/api/v1/server", nil, &out)
	return out, err
}

// Tokens lists the tokens of the server.
func (c *Client) Tokens(ctx context.Context) ([]access.Token, error) {
	var out httpapi.TokenList
	err := c.call(ctx, http.MethodGet, "/api/v1/tokens", nil, &out)
	return out.Tokens, err
}

// CreateToken makes a token and returns its secret. A zero time of expiry is a
// token without end.
func (c *Client) CreateToken(ctx context.Context, name string, role access.Role, expires time.Time) (string, error) {
	var out httpapi.NewToken
	err := c.call(ctx, http.MethodPost, "/api/v1/tokens", httpapi.TokenRequest{Name: name, Role: role, ExpiresAt: expires, NeverExpires: expires.IsZero()}, &out)
	return out.Secret, err
}

// RevokeToken ends a token.
func (c *Client) RevokeToken(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, "/api/v1/tokens/"+url.PathEscape(name), nil, nil)
}

const (
	// waitFor is how long the server waits for a job to change before it answers,
	// pauseFor how long it is left alone between two changes.
	waitFor  = 20 * time.Second
	pauseFor = 200 * time.Millisecond
	// endTime is how long a job that was cancelled may take to end.
	endTime = time.Minute
)

// progress reads the progress of a kind of job.
func progress[T any](tell func(T)) func(json.RawMessage) error {
	return func(text json.RawMessage) error {
		if tell == nil || len(text) == 0 || string(text) == "null" {
			return nil
		}
		var p T
		if err := json.Unmarshal(text, &p); err != nil {
			return fmt.Errorf("ask server: its progress is not what is expected: %w", err)
		}
		tell(p)
		return nil
	}
}

// jobView is a job as it comes.
type jobView struct {
	ID       string           `json:"id"`
	State    httpapi.JobState `json:"state"`
	Version  int64            `json:"version"`
	Progress json.RawMessage  `json:"progress"`
	Result   json.RawMessage  `json:"result"`
	Problem  *operate.Problem `json:"problem"`
}

func (j *jobView) ended() bool {
	return j.State != httpapi.JobQueued && j.State != httpapi.JobRunning
}

// job starts a job, follows it to its end and reads its result. When ctx ends
// the job is cancelled, and the result is what was done until then.
func (c *Client) job(ctx context.Context, path string, req, result any, tell func(json.RawMessage) error) error {
	var j jobView
	if err := c.call(ctx, http.MethodPost, path, req, &j); err != nil {
		return err
	}
	if err := c.follow(ctx, &j, tell); err != nil {
		if ctx.Err() == nil {
			return err
		}
		return errors.Join(context.Cause(ctx), c.endJob(ctx, &j, result))
	}
	if err := read(&j, result); err != nil {
		return err
	}
	if j.State == httpapi.JobCancelled && c.hasEnded(ctx) {
		return errEnded
	}
	return j.Problem.Err()
}

// hasEnded reports whether the server is no more, or will not be for long: it
// cancels jobs then, as others may too.
func (c *Client) hasEnded(ctx context.Context) bool {
	c.http.CloseIdleConnections()
	_, err := c.Server(ctx)
	return errors.Is(err, errEnded)
}

// follow waits until a job has ended.
func (c *Client) follow(ctx context.Context, j *jobView, tell func(json.RawMessage) error) error {
	for !j.ended() {
		id, known := j.ID, j.Version
		*j = jobView{ID: id}
		err := c.call(ctx, http.MethodGet, "/api/v1/jobs/"+url.PathEscape(id)+"?wait="+waitFor.String()+"&version="+strconv.FormatInt(known, 10), nil, j)
		if err != nil {
			*j = jobView{ID: id}
			return err
		}
		if tell != nil {
			if err := tell(j.Progress); err != nil {
				return err
			}
		}
		if j.ended() {
			return nil
		}
		pause := time.NewTimer(pauseFor)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
	}
	return nil
}

// endJob cancels a job whose asker has gone, and reads what it has done.
func (c *Client) endJob(gone context.Context, j *jobView, result any) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(gone), endTime)
	defer cancel()
	if err := c.call(ctx, http.MethodDelete, "/api/v1/jobs/"+url.PathEscape(j.ID), nil, nil); err != nil {
		return err
	}
	j.State = httpapi.JobRunning
	if err := c.follow(ctx, j, nil); err != nil {
		return err
	}
	return read(j, result)
}

// read reads the result of a job that has ended.
func read(j *jobView, result any) error {
	if len(j.Result) == 0 || string(j.Result) == "null" {
		return nil
	}
	if err := json.Unmarshal(j.Result, result); err != nil {
		return fmt.Errorf("ask server: its result is not what is expected: %w", err)
	}
	return nil
}
