package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/dossier"
	"github.com/kmstrail/kmstrail/internal/operate"
)

// FindingList is findings, worst first.
type FindingList struct {
	Findings []detectors.Finding `json:"findings"`
	// Total counts those that fit, also where limit has left some out.
	Total int `json:"total"`
}

// FindingDetail is a finding and what became of it.
type FindingDetail struct {
	Finding detectors.Finding        `json:"finding"`
	History []detectors.HistoryEntry `json:"history"`
}

// allStatuses asks for findings whatever was decided about them.
const allStatuses = "all"

func (h *Handler) listFindings(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	filter := detectors.FindingFilter{DetectorIDs: listOf(q, "detector"), Statuses: listOf(q, "status"), Severities: listOf(q, "severity")}
	if len(filter.Statuses) == 0 {
		filter.Statuses = []string{"new", "in_progress"}
	}
	if err := errors.Join(checkAll("status", filter.Statuses, append(detectors.Statuses(), allStatuses)), checkAll("severity", filter.Severities, detectors.Severities())); err != nil {
		return err
	}
	if slices.Contains(filter.Statuses, allStatuses) {
		filter.Statuses = nil
	}
	var err error
	if filter.From, err = timeOf(q, "from"); err != nil {
		return err
	}
	if filter.To, err = timeOf(q, "to"); err != nil {
		return err
	}
	limit, err := numberOf(q, "limit")
	if err != nil {
		return err
	}
	if key := q.Get("key"); key != "" {
		if filter.KeyARN, err = dossier.FindKey(r.Context(), h.opts.Store, key); err != nil {
			return operate.Usagef("", "%v", err)
		}
	}
	list, err := detectors.ReadFindings(r.Context(), h.opts.Store, filter)
	if err != nil {
		return err
	}
	total := len(list)
	if limit > 0 {
		list = list[:min(limit, total)]
	}
	of(r).rows = int64(len(list))
	return reply(w, http.StatusOK, FindingList{Findings: notNil(list), Total: total})
}

func (h *Handler) getFinding(w http.ResponseWriter, r *http.Request) error {
	f, err := operate.FindFinding(r.Context(), h.opts.Store, r.PathValue("id"))
	if err != nil {
		return err
	}
	history, err := detectors.ReadHistory(r.Context(), h.opts.Store, f.FindingID)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, FindingDetail{Finding: f, History: history})
}

// listOf reads a parameter that may be given often, or as a list with commas.
func listOf(q url.Values, name string) []string {
	var out []string
	for _, text := range q[name] {
		for part := range strings.SplitSeq(text, ",") {
			if part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

func checkAll(what string, values, known []string) error {
	for _, v := range values {
		if err := operate.OneOf(what, v, known); err != nil {
			return err
		}
	}
	return nil
}

func timeOf(q url.Values, name string) (time.Time, error) {
	text := q.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, operate.Usagef("write 2026-11-01 or 2026-11-01T08:00:00Z", "%s is not a time: %q", name, text)
}

func numberOf(q url.Values, name string) (int, error) {
	text := q.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, operate.Usagef("", "%s is not a number from 1 on: %s", name, fmt.Sprintf("%q", text))
	}
	return n, nil
}
