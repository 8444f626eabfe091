package serve

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/s3source"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/output"
	"github.com/kmstrail/kmstrail/internal/status"
	"github.com/kmstrail/kmstrail/internal/watch"
)

// state is what the server is doing, for the status page and whoever asks.
func (s *server) state() status.Server {
	w := s.watch.State()
	out := status.Server{
		Version: s.Version, StartedAt: s.info.StartedAt,
		Requests:   requestDays(w.Requests, s.Now().UTC()),
		Disk:       status.Disk{FreeBytes: w.Disk.Free, MinFreeBytes: w.Disk.MinFree},
		LastBackup: lastBackup(operate.BackupDir(s.Config)),
		Watching:   watching(w),
		Queue:      (*status.Queue)(w.Queue),
		Problems:   s.problems(w),
	}
	for _, t := range w.Tasks {
		out.Schedule = append(out.Schedule, status.Job{
			Name: t.Name, Cron: t.Cron, Next: t.Next, Running: t.Running,
			LastStart: t.LastStart, LastSeconds: t.Took, LastError: t.Error,
		})
	}
	return out
}

func watching(w watch.State) *status.Watching {
	p := w.Poll
	if p == nil {
		return nil
	}
	out := &status.Watching{
		Source: p.Source, Polls: p.Polls, LastPoll: p.Last, LastPollSeconds: p.Took, NextPoll: p.Next,
		Polling: p.Running != "", PollKind: p.Running, Complete: p.Complete,
		Error: p.Error, FailingSince: p.FailingSince, Paused: w.Disk.Paused,
	}
	if p.Progress != nil {
		out.Done, out.ToRead = p.Progress.Done, p.Progress.ToRead
	}
	for _, place := range p.Places {
		if !place.Recovered {
			out.Unlisted = append(out.Unlisted, place.Place+": "+place.Error)
		}
	}
	return out
}

// problems are what somebody should look at, the worst first.
func (s *server) problems(w watch.State) []string {
	var out []string
	if w.Disk.Paused != "" {
		out = append(out, "Nothing is ingested for now: "+w.Disk.Paused+".")
	}
	if w.Disk.Error != "" {
		out = append(out, "The free space on the disk is not known: "+w.Disk.Error)
	}
	if p := w.Poll; p != nil {
		if p.Error != "" {
			out = append(out, fmt.Sprintf("The source cannot be read%s: %s", sinceText(p.FailingSince), p.Error))
		}
		for _, place := range p.Places {
			if !place.Recovered {
				out = append(out, fmt.Sprintf("%s cannot be listed since %s: %s", place.Place, output.Time(place.First), place.Error))
			}
		}
	} else if w.Queue == nil {
		out = append(out, "Nothing is watched: ingest.source of the configuration is empty.")
	}
	if q := w.Queue; q != nil {
		if q.Error != "" {
			out = append(out, fmt.Sprintf("The queue cannot be read%s: %s", sinceText(q.FailingSince), q.Error))
		}
		if q.Problem != "" {
			out = append(out, "The queue: "+q.Problem)
		}
	}
	for _, t := range w.Tasks {
		// Of the disk it is said already.
		if t.Error != "" && (t.Error != watch.DiskFull || w.Disk.Paused == "") {
			out = append(out, fmt.Sprintf("%s failed: %s", t.Name, t.Error))
		}
	}
	if lost := s.audit.Lost(); lost > 0 {
		out = append(out, output.Plural(lost, "line")+" of the audit log could not be written since the start.")
	}
	return out
}

func sinceText(t *time.Time) string {
	if t == nil {
		return ""
	}
	return " since " + output.Time(*t)
}

// requestDays adds what requests cost. A day is dear only when it is over.
func requestDays(days []watch.DayRequests, now time.Time) []status.RequestDay {
	const perMonth = 30
	out := make([]status.RequestDay, len(days))
	for i, d := range days {
		cost := s3source.Cost(ingest.Requests{List: d.List, Get: d.Get}) * perMonth
		complete := d.Day != now.Format(time.DateOnly)
		if midnight := now.Truncate(24 * time.Hour); !complete && now.After(midnight) {
			cost *= float64(24*time.Hour) / float64(now.Sub(midnight))
		}
		out[i] = status.RequestDay{Day: d.Day, List: d.List, Get: d.Get, Complete: complete, DollarsPerMonth: cost}
	}
	return out
}

// lastBackup is when the newest file among the backups was written; nil when
// there is none. A backup is called as its store or as somebody chose, so only
// what lies beside databases is known by its name.
func lastBackup(dir string) *time.Time {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var last time.Time
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || strings.HasPrefix(e.Name(), ".") ||
			slices.Contains([]string{".partial", ".wal", ".lock", ".tmp"}, filepath.Ext(e.Name())) {
			continue
		}
		if info.ModTime().After(last) {
			last = info.ModTime().UTC()
		}
	}
	if last.IsZero() {
		return nil
	}
	return &last
}

// sizeOf reads a size of the configuration, which has been checked; "" is 0, no
// bound.
func sizeOf(text string) int64 {
	n, err := config.ParseSize(text)
	if err != nil {
		return 0
	}
	return n
}
