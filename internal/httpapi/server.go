package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/kmstrail/kmstrail/internal/access"
	"github.com/kmstrail/kmstrail/internal/metrics"
	"github.com/kmstrail/kmstrail/internal/status"
)

// ServerInfo says what answers.
type ServerInfo struct {
	Version   string    `json:"version"`
	StartedAt time.Time `json:"started_at"`
	// DB is the database file on the server's machine.
	DB string `json:"db"`
	// Flight is where queries are answered (Arrow Flight SQL), such as
	// grpc+tls://127.0.0.1:8815; "" for nowhere but on the server's machine.
	Flight string `json:"flight"`
	// Principal is who asks, Role what they may do.
	Principal string      `json:"principal"`
	Role      access.Role `json:"role"`
}

func (h *Handler) serverInfo(w http.ResponseWriter, r *http.Request) error {
	x := of(r)
	return reply(w, http.StatusOK, ServerInfo{
		Version: h.opts.Version, StartedAt: h.opts.Server().StartedAt, DB: h.opts.Store.Path(), Flight: h.opts.FlightAddress,
		Principal: x.principal.Name, Role: x.principal.Role,
	})
}

// statusReply is a status without what changes all the time.
type statusReply = status.Status

func (h *Handler) readStatus(ctx context.Context) (statusReply, error) {
	s, err := status.Read(ctx, h.opts.Store)
	if err != nil {
		return statusReply{}, err
	}
	return *s, nil
}

func (h *Handler) getStatus(w http.ResponseWriter, r *http.Request) error {
	s, err := h.status.get(r.Context())
	if err != nil {
		return err
	}
	server := h.server()
	s.Server = &server
	return reply(w, http.StatusOK, s)
}

// server is what the server is doing, with what this package knows of it.
func (h *Handler) server() status.Server {
	s := h.opts.Server()
	s.Version = h.opts.Version
	s.RunningQueries, s.WaitingQueries = len(h.queries), 0
	for _, q := range h.opts.Queries() {
		if q.Waiting {
			s.WaitingQueries++
		} else {
			s.RunningQueries++
		}
	}
	return s
}

// QueryList is the queries of users that wait or run, the oldest first.
type QueryList struct {
	Queries []RunningQuery `json:"queries"`
}

func (h *Handler) listRunning(w http.ResponseWriter, _ *http.Request) error {
	return reply(w, http.StatusOK, QueryList{Queries: notNil(h.opts.Queries())})
}

func (h *Handler) cancelRunning(w http.ResponseWriter, r *http.Request) error {
	if !h.opts.CancelQuery(r.PathValue("id")) {
		return notFound("no query of that id waits or runs")
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// snapshotTime bounds how long a scrape waits for facts about the store. It goes
// without them then.
const snapshotTime = 5 * time.Second

// snapshot is what the metrics show of store and server.
func (h *Handler) snapshot() metrics.Snapshot {
	server := h.server()
	s := metrics.Snapshot{
		Now: h.opts.Now(), DiskFree: server.Disk.FreeBytes, DiskMin: server.Disk.MinFreeBytes,
		QueriesRunning: server.RunningQueries, QueriesWaiting: server.WaitingQueries, JobsRunning: h.jobs.running(),
	}
	if server.LastBackup != nil {
		s.LastBackup = *server.LastBackup
	}
	if w := server.Watching; w != nil {
		s.Watching, s.SourceUp, s.Paused = true, w.Error == "", w.Paused != ""
	}
	if q := server.Queue; q != nil {
		s.Queueing, s.QueueUp, s.QueueHeld = true, q.Error == "", q.Held
		if q.Oldest != nil {
			s.QueueOldest = *q.Oldest
		}
	}
	ctx, cancel := context.WithTimeout(h.jobs.base, snapshotTime)
	defer cancel()
	f, err := h.facts.get(ctx)
	if err != nil {
		return s
	}
	s.StoreKnown = true
	s.NewestFile, s.NewestEvent = f.NewestFile, f.NewestEvent
	s.Commits, s.StoredEvents, s.StoreBytes, s.DirtyDays = f.Commits, f.Events, f.Bytes, f.DirtyDays
	s.Findings, s.Quarantined = f.OpenBySeverity, f.Quarantined
	return s
}
