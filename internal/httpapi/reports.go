package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/report"
)

// reportName is what a report's file may be called.
var reportName = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,127}\.(html|md|json)$`)

var reportTypes = map[string]string{".html": "text/html; charset=utf-8", ".md": "text/plain; charset=utf-8", ".json": "application/json"}

// reportPolicy lets a report have its own style and nothing else. Whoever may
// write into the directory must not get to run a script here.
const reportPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"

// reportFile is a report that was written.
type reportFile struct {
	Name  string
	At    time.Time
	Bytes int64
}

// shownReports is how many reports are listed.
const shownReports = 500

// reportFiles lists the newest reports, the newest first.
func (h *Handler) reportFiles(most int) (list []reportFile, all int, err error) {
	if h.opts.Reports == "" {
		return nil, 0, nil
	}
	entries, err := os.ReadDir(h.opts.Reports)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("list reports: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || !reportName.MatchString(e.Name()) {
			continue
		}
		list = append(list, reportFile{Name: e.Name(), At: info.ModTime().UTC(), Bytes: info.Size()})
	}
	slices.SortFunc(list, func(a, b reportFile) int {
		if d := b.At.Compare(a.At); d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list[:min(len(list), most)], len(list), nil
}

func (h *Handler) listReports(w http.ResponseWriter, _ *http.Request) error {
	list, all, err := h.reportFiles(shownReports)
	if err != nil {
		return err
	}
	return h.page.write(w, "reports", reportsPage{Files: list, More: all - len(list), Version: h.opts.Version})
}

// getReport answers with a file of the directory. The directory's root bounds
// what a name, or a link, can reach.
func (h *Handler) getReport(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	if !reportName.MatchString(name) || h.opts.Reports == "" {
		return notFound("there is no report of that name")
	}
	root, err := os.OpenRoot(h.opts.Reports)
	if err != nil {
		return notFound("there is no report of that name")
	}
	defer root.Close()
	info, err := root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() {
		return notFound("there is no report of that name")
	}
	f, err := root.Open(name)
	if err != nil {
		return fmt.Errorf("open report: %w", err)
	}
	defer f.Close()
	w.Header().Set("Content-Type", reportTypes[path.Ext(name)])
	w.Header().Set("Content-Security-Policy", reportPolicy)
	http.ServeContent(w, r, "", info.ModTime(), f)
	return nil
}

const (
	// reportAge is for how long a report that was asked for is kept.
	reportAge = time.Minute
	// maxReportCache bounds how many windows are kept.
	maxReportCache = 4
	defaultLast    = 7 * 24 * time.Hour
	longestLast    = 400 * 24 * time.Hour
)

// reportCache keeps reports by how far back they go.
type reportCache struct {
	now   func() time.Time
	build chan struct{} // one is built at a time

	mu     sync.Mutex
	byLast map[time.Duration]*cached[*report.Report]
	used   []time.Duration // the latest last
}

func newReportCache(now func() time.Time) *reportCache {
	return &reportCache{now: now, build: make(chan struct{}, 1), byLast: map[time.Duration]*cached[*report.Report]{}}
}

func (c *reportCache) of(last time.Duration, build func(context.Context, time.Duration) (*report.Report, error)) *cached[*report.Report] {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used = append(slices.DeleteFunc(c.used, func(d time.Duration) bool { return d == last }), last)
	if len(c.used) > maxReportCache {
		delete(c.byLast, c.used[0])
		c.used = c.used[1:]
	}
	one := c.byLast[last]
	if one == nil {
		one = newCached(reportAge, c.now, func(ctx context.Context) (*report.Report, error) {
			select {
			case c.build <- struct{}{}:
				defer func() { <-c.build }()
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			return build(ctx, last)
		})
		c.byLast[last] = one
	}
	return one
}

// nowReport answers with a report over the last days up to now.
func (h *Handler) nowReport(w http.ResponseWriter, r *http.Request) error {
	last := defaultLast
	if text := r.URL.Query().Get("last"); text != "" {
		var err error
		if last, err = config.ParseDuration(text); err != nil || last < time.Hour || last > longestLast {
			return operate.Usagef("write 12h, 7d or 2w; from an hour to 400 days", "last is not a span of time for a report: %q", text)
		}
	}
	longer(w, readTime+requestTime)
	rep, err := h.reports.of(last, h.buildReport).get(r.Context())
	if err != nil {
		return err
	}
	ext := path.Ext(r.URL.Path)
	write := map[string]func(*report.Report, *bytes.Buffer) error{
		".html": func(rep *report.Report, b *bytes.Buffer) error { return rep.WriteHTML(b) },
		".md":   func(rep *report.Report, b *bytes.Buffer) error { return rep.WriteMarkdown(b) },
		".json": func(rep *report.Report, b *bytes.Buffer) error { return rep.WriteJSON(b) },
	}[ext]
	var b bytes.Buffer
	if err := write(rep, &b); err != nil {
		return err
	}
	w.Header().Set("Content-Type", reportTypes[ext])
	w.Header().Set("Content-Security-Policy", reportPolicy)
	_, _ = w.Write(b.Bytes()) // the client has gone
	return nil
}

// buildReport puts a report together from what detectors have found; it runs
// none.
func (h *Handler) buildReport(ctx context.Context, last time.Duration) (*report.Report, error) {
	end := h.opts.Now().UTC().Truncate(time.Second)
	window := report.Window{Start: end.Add(-last), End: end}
	found, err := detectors.ReadFindings(ctx, h.opts.Store, detectors.FindingFilter{From: window.Start, To: window.End})
	if err != nil {
		return nil, err
	}
	return report.Build(ctx, h.opts.Store, report.Options{
		Version: h.opts.Version, Now: h.opts.Now(), Window: window, Detectors: h.opts.Detectors, Findings: found,
	})
}
