package httpapi

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"time"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/access"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/output"
	"github.com/kmstrail/kmstrail/internal/report"
	"github.com/kmstrail/kmstrail/internal/status"
)

//go:embed page/status.html.tmpl
var pageSource string

//go:embed page/status.css
var pageStyle string

// pageTemplate makes the pages for people. They look like the report, and like
// it load nothing and run no script.
type pageTemplate struct {
	templates *template.Template
	style     template.CSS
	policy    string
}

func newPageTemplate() (*pageTemplate, error) {
	t, err := report.Templates()
	if err == nil {
		_, err = t.Funcs(template.FuncMap{
			"ago":     ago,
			"cell":    newMapCell,
			"dollars": output.Dollars,
			"size":    func(n uint64) string { return output.Bytes(int64(n)) },
			"took":    output.Span,
			"took_s":  func(seconds float64) string { return output.Span(time.Duration(seconds * float64(time.Second))) },
			"utc":     func(t *time.Time) string { return report.Minute(*t) },
		}).Parse(pageSource)
	}
	if err != nil {
		return nil, fmt.Errorf("parse the status page: %w", err)
	}
	p := &pageTemplate{templates: t}
	p.style, p.policy = report.Style(pageStyle)
	return p, nil
}

// write answers with a page. One that fails leaves no half behind.
func (p *pageTemplate) write(w http.ResponseWriter, name string, data any) error {
	var b bytes.Buffer
	if err := p.templates.ExecuteTemplate(&b, name, struct {
		Style template.CSS
		Page  any
	}{p.style, data}); err != nil {
		return fmt.Errorf("fill the page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", htmlType+"; charset=utf-8")
	w.Header().Set("Content-Security-Policy", p.policy+"; frame-ancestors 'none'")
	_, _ = w.Write(b.Bytes()) // the client has gone
	return nil
}

// reportsPage lists reports.
type reportsPage struct {
	Files   []reportFile
	More    int
	Version string
}

// statusPage is what the status page shows.
type statusPage struct {
	Now     time.Time
	Path    string
	Server  status.Server
	Facts   *facts
	Map     *coverageMap
	Ticks   []mapTick
	Jobs    []Job
	Queries []RunningQuery
	// ShowSQL says that who looks may see what others ask.
	ShowSQL     bool
	Reports     []reportFile
	MoreReports int
	Principal   access.Principal
	// Missing says what could not be read of the store.
	Missing []string
}

// shownJobs and shownQueries are how many the page names.
const (
	shownJobs        = 8
	shownQueries     = 10
	shownPageReports = 5
)

func (h *Handler) statusPage(w http.ResponseWriter, r *http.Request) error {
	x := of(r)
	p := statusPage{
		Now: h.opts.Now().UTC(), Path: h.opts.Store.Path(), Server: h.server(), Jobs: h.jobs.list(), Queries: h.opts.Queries(),
		ShowSQL: x.principal.Role.Allows(access.Operate), Principal: x.principal,
	}
	p.Jobs = p.Jobs[:min(len(p.Jobs), shownJobs)]
	p.Queries = p.Queries[:min(len(p.Queries), shownQueries)]
	var err error
	if p.Facts, err = h.facts.get(r.Context()); err != nil {
		h.missing(&p, "what the store holds", err)
		p.Facts = &facts{}
	}
	p.Map, err = h.coverage.get(r.Context())
	if err == nil && len(p.Map.Days) == 0 && p.Facts.LogFiles > 0 {
		// It was kept from before the first log file.
		h.coverage.forget()
		p.Map, err = h.coverage.get(r.Context())
	}
	if err != nil {
		h.missing(&p, "which days are covered", err)
		p.Map = &coverageMap{}
	}
	p.Ticks = newTicks(p.Map.Days)
	files, all, err := h.reportFiles(shownPageReports)
	if err != nil {
		h.missing(&p, "which reports there are", err)
	}
	p.Reports, p.MoreReports = files, all-len(files)
	w.Header().Set("Refresh", "30") // the page says so
	return h.page.write(w, "status", p)
}

func (h *Handler) missing(p *statusPage, what string, err error) {
	h.opts.Log.Error("the status page lacks something", "what", what, "error", err)
	p.Missing = append(p.Missing, "It could not be read "+what+"; the server's log says why.")
}

// ago is how long ago a moment was.
func ago(now time.Time, at any) string {
	var t time.Time
	switch at := at.(type) {
	case time.Time:
		t = at
	case *time.Time:
		if at != nil {
			t = *at
		}
	}
	switch d := now.Sub(t); {
	case t.IsZero():
		return "never"
	case d < 0:
		return "in " + output.Span(-d.Truncate(time.Second))
	case d < time.Second:
		return "just now"
	case d < 2*time.Minute:
		return output.Span(d.Truncate(time.Second)) + " ago"
	default:
		return output.Span(d.Truncate(time.Minute)) + " ago"
	}
}

// mapTick is the head of a column; most have no label.
type mapTick struct{ Day, Label string }

func newTicks(days []time.Time) []mapTick {
	out := make([]mapTick, len(days))
	for i, d := range days {
		out[i].Day = report.Day(d)
		if i%7 == 0 && i <= len(days)-2 {
			out[i].Label = d.Format("01-02")
		}
	}
	return out
}

// mapCell is a cell of the map as it is drawn.
type mapCell struct{ Class, Mark, Title string }

func newMapCell(day mapTick, c coverageCell) mapCell {
	text := day.Day + ": " + stateText(c.State)
	if c.State != report.Unseen {
		text += fmt.Sprintf(", %s files, %s KMS events", report.Number(c.Files), report.Number(c.Events))
	}
	if c.Failed > 0 {
		text += ", " + report.Number(c.Failed) + " not readable"
	}
	if c.Quarantined > 0 {
		text += ", " + report.Number(c.Quarantined) + " in quarantine"
	}
	switch {
	case c.State == report.Gap:
		return mapCell{"g", "!", text}
	case c.State == report.Excluded:
		return mapCell{"x", "×", text}
	case c.Failed > 0:
		return mapCell{"f", "?", text}
	case c.State == report.Silent:
		return mapCell{"s", "·", text}
	case c.State == report.Observed, c.State == report.Proven:
		return mapCell{fmt.Sprintf("h%d", max(c.Shade, 1)), "", text}
	}
	return mapCell{"u", "", text}
}

func stateText(s report.CoverageState) string {
	switch s {
	case report.Proven:
		return "complete"
	case report.Observed:
		return "KMS records"
	case report.Silent:
		return "log files without KMS records"
	case report.Gap:
		return "no log files"
	case report.Excluded:
		return "KMS reads left out"
	}
	return "nothing known"
}

// Severities lists them, for the template.
func (p statusPage) Severities() []string { return detectors.Severities() }

// Open counts all open findings.
func (p statusPage) Open() int64 {
	var n int64
	for _, count := range p.Facts.OpenBySeverity {
		n += count
	}
	return n
}

// OlderFindings counts open findings that the page does not name.
func (p statusPage) OlderFindings() int64 { return p.Open() - int64(len(p.Facts.Newest)) }

// AllClear reports whether detectors ran lately, all of them without an error.
func (p statusPage) AllClear() bool {
	return len(p.Facts.Runs) > 0 && !slices.ContainsFunc(p.Facts.Runs, func(r lastRun) bool { return r.Error != "" })
}

// AllTroubledShown reports whether every place of which something is missing is
// on the map.
func (p statusPage) AllTroubledShown() bool { return p.Map.Troubled <= len(p.Map.Rows) }

// Unread counts log files that could not be read.
func (p statusPage) Unread() int64 { return p.Facts.FailedFiles + p.Facts.QuarantineFiles }

// Uptime is how long the server has been up.
func (p statusPage) Uptime() time.Duration {
	return max(p.Now.Sub(p.Server.StartedAt), 0).Truncate(time.Second)
}

// requestDay is a day of requests with their sum.
type requestDay struct{ status.RequestDay }

// Sum counts all requests.
func (d requestDay) Sum() int64 { return d.List + d.Get }

// Today is the current day of requests; nil when there was none.
func (p statusPage) Today() *requestDay {
	for _, d := range p.Server.Requests {
		if today := (requestDay{d}); !d.Complete && today.Sum() > 0 {
			return &today
		}
	}
	return nil
}

// Bucket reports whether the source that is watched is in S3.
func (p statusPage) Bucket() bool {
	return p.Server.Watching != nil && operate.IsBucket(p.Server.Watching.Source)
}

// NoRequests says why none was made today.
func (p statusPage) NoRequests() string {
	switch {
	case p.Server.Watching == nil:
		return "no source is polled"
	case !p.Bucket():
		return "the source is a directory"
	case p.Server.Watching.Polling:
		return "those of the poll at work are not counted yet"
	}
	return "since midnight UTC"
}

// shownRequestDays is for how many days requests are shown.
const shownRequestDays = 14

// RequestDays are the last days with requests.
func (p statusPage) RequestDays() []requestDay {
	var days []requestDay
	for _, d := range p.Server.Requests[:min(len(p.Server.Requests), shownRequestDays)] {
		if day := (requestDay{d}); day.Sum() > 0 {
			days = append(days, day)
		}
	}
	return days
}

// lateAfter is how old the newest log file may be before that is noteworthy:
// CloudTrail delivers within minutes where anything happens.
const lateAfter = 3 * time.Hour

// Late reports whether a source is watched and nothing new comes. Before the
// first poll has ended, or while nothing is ingested, that is not known.
func (p statusPage) Late() bool {
	w := p.Server.Watching
	return w != nil && w.Polls > 0 && w.Paused == "" && !p.Facts.NewestFile.IsZero() && p.Now.Sub(p.Facts.NewestFile) > lateAfter
}

// Catching reports whether the first poll is at work: what the store holds says
// nothing yet about what there is.
func (p statusPage) Catching() bool {
	w := p.Server.Watching
	return w != nil && w.Polling && w.Polls == 0
}

// Progress says how far the poll at work is.
func (p statusPage) Progress() string {
	w := p.Server.Watching
	if w.ToRead == 0 {
		return "listing what there is to read"
	}
	return "reading: " + report.Number(w.Done) + " of " + report.Counted(w.ToRead, "log file", "log files")
}

// Headline says the most important in a sentence.
func (p statusPage) Headline() string {
	text := p.findingsText()
	switch {
	case p.Catching():
		return text + "; " + p.Progress() + "."
	case p.Facts.At.IsZero():
		return text + "."
	case p.Facts.NewestFile.IsZero() && p.Facts.LogFiles == 0:
		return text + "; no log file has been read yet."
	case p.Facts.NewestFile.IsZero():
		return text + "."
	}
	return text + "; the newest log file was delivered " + ago(p.Now, p.Facts.NewestFile) + "."
}

// findingsText says how many findings are open, and nothing of none where no
// detector has looked.
func (p statusPage) findingsText() string {
	n := p.Open()
	switch {
	case p.Facts.At.IsZero():
		return "What the store holds could not be read"
	case n == 0 && p.Facts.LastRun.IsZero():
		return "No detector has run yet"
	case n == 0 && len(p.Facts.Runs) == 0:
		return "No finding is open, and the last detector ran " + ago(p.Now, p.Facts.LastRun)
	case n == 0:
		return "No finding is open"
	}
	text := report.Counted(n, "finding is", "findings are") + " open"
	if worst := p.worst(); worst != "" {
		text += ", " + worst
	}
	return text
}

// NoRuns says why there is nothing to say of detectors.
func (p statusPage) NoRuns() string {
	switch {
	case p.Facts.At.IsZero():
		return "It is not known which detectors have run."
	case p.Facts.LastRun.IsZero():
		return "No detector has run yet."
	}
	return "No detector has run in the last days; the last one did " + ago(p.Now, p.Facts.LastRun) + "."
}

// worst counts the findings of the highest severity that there is.
func (p statusPage) worst() string {
	for _, s := range detectors.Severities() {
		if n := p.Facts.OpenBySeverity[s]; n > 0 {
			return report.Number(n) + " of them " + s
		}
	}
	return ""
}

// Warnings are what somebody should look at, the worst first.
func (p statusPage) Warnings() []string {
	list := slices.Concat(p.Missing, p.Server.Problems)
	if p.Late() {
		list = append(list, "The newest log file was delivered "+ago(p.Now, p.Facts.NewestFile)+": CloudTrail delivers nothing, or it is not looked for where it delivers.")
	}
	for _, r := range p.Facts.Runs {
		if r.Error != "" {
			list = append(list, "The detector "+r.Detector+" failed when it ran last.")
		}
	}
	if n := p.Facts.FailedFiles; n > 0 {
		list = append(list, report.Counted(n, "log file", "log files")+" could not be read so far; kmstrail status lists them.")
	}
	return list
}

// Short is how people name a finding.
func (f openFinding) Short() string { return f.ID[:min(len(f.ID), 8)] }
