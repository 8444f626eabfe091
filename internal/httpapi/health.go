package httpapi

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/internal/rows"
)

func (h *Handler) healthz(w http.ResponseWriter, _ *http.Request) error {
	return plain(w, http.StatusOK, "ok")
}

// readyTime bounds how long the store may take to answer.
const readyTime = 5 * time.Second

// readyz says whether questions can be answered. What does not keep it from
// that is only told: nobody should take a server out of service because its
// source is away. It is open to all and so names nothing.
func (h *Handler) readyz(w http.ResponseWriter, r *http.Request) error {
	if h.ended.Load() {
		return plain(w, http.StatusServiceUnavailable, "not ready: the server is ending")
	}
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	if err := each(ctx, h.opts.Store, "select 1", nil, func(rows.Row) {}); err != nil {
		h.opts.Log.Error("the store does not answer", "error", err)
		return plain(w, http.StatusServiceUnavailable, "not ready: the store does not answer")
	}
	s := h.opts.Server()
	lines := []string{"ready"}
	// A first poll may take hours, and what it has read is answered from.
	if s.Watching != nil && s.Watching.Polls == 0 {
		lines = append(lines, "degraded: the first poll of the source has not ended")
	}
	if s.Watching != nil && s.Watching.Paused != "" {
		lines = append(lines, "degraded: nothing is ingested for now")
	}
	if s.Watching != nil && s.Watching.Error != "" {
		lines = append(lines, "degraded: the last poll of the source failed")
	}
	if s.Queue != nil && s.Queue.Error != "" {
		lines = append(lines, "degraded: the queue cannot be read")
	}
	if s.Disk.Low() {
		lines = append(lines, "degraded: the disk is nearly full")
	}
	return plain(w, http.StatusOK, strings.Join(lines, "\n"))
}

func plain(w http.ResponseWriter, status int, text string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // the client has gone
	return nil
}

func (h *Handler) metrics(w http.ResponseWriter, r *http.Request) error {
	h.opts.Metrics.Handler().ServeHTTP(w, r)
	return nil
}
