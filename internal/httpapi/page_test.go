package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/internal/access"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/status"
)

var watching = status.Watching{Source: "s3://trail"}

// polled is a source that was polled.
func polled(err, paused string) *status.Watching {
	at := time.Date(2026, 11, 22, 8, 59, 0, 0, time.UTC)
	return &status.Watching{Source: "s3://trail", Polls: 1, LastPoll: &at, Error: err, Paused: paused}
}

// hostile is what logs, and those who write them, may have in every text.
const hostile = `<script>alert(1)</script>"><img src=x onerror=alert(2)>'--><style>*{}</style>{{.}}\u202e` + "\u202eevil\x1b[31m\x00"

// hostileStore answers with hostile text wherever there is text.
func hostileStore(places int) *fakeStore {
	text, err := json.Marshal(hostile)
	if err != nil {
		panic(err)
	}
	t := string(text)
	at := `"2026-11-22 08:00:00"`
	var cells []string
	states := []string{"observed", "silent", "gap", "excluded_or_write_only", "proven", "odd"}
	for i := range places {
		for day := range 30 {
			cells = append(cells, fmt.Sprintf(`{"account":"%012d","name":%s,"region":%s,"day":%q,"state":%q,"files":%d,"failed":%d,"events":%d,"quarantined":1}`,
				i, t, t, time.Date(2026, 10, 24+day, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), states[(i+day)%len(states)], day, i%2*day%2, i*day))
		}
	}
	return &fakeStore{answers: []answer{
		{"count(*) from kms_events", columns("n int", "t time"), `[{"n":1234567,"t":` + at + `}]`},
		{"from log_files", columns("a int", "b int", "c int", "d time", "e time"), `[{"a":10,"b":2,"c":1,"d":` + at + `,"e":` + at + `}]`},
		{"from quarantine", columns("r text", "n int"), `[{"r":` + t + `,"n":3},{"r":"bad_json","n":4}]`},
		{"group by severity", columns("s text", "n int"), `[{"s":"critical","n":2},{"s":` + t + `,"n":1}]`},
		{"from findings f", columns("id text", "d text", "s text", "st text", "a text", "an text", "r text", "sum text", "c time", "l time"),
			`[{"id":` + t + `,"d":` + t + `,"s":` + t + `,"st":"in_progress","a":` + t + `,"an":` + t + `,"r":` + t + `,"sum":` + t + `,"c":` + at + `,"l":` + at + `}]`},
		{"with recent as", columns("d text", "s time", "ms int", "days int", "f int", "e text"), `[{"d":` + t + `,"s":` + at + `,"ms":1500,"days":3,"f":3,"e":` + t + `}]`},
		{"group by detector_id", columns("d text", "n int"), `[{"d":` + t + `,"n":3}]`},
		{"from changed_cells", columns("n int"), `[{"n":2}]`},
		{"max(day)", columns("d day"), `[{"d":"2026-11-22"}]`},
		{"from coverage", columns("account text", "name text", "region text", "day day", "state text", "files int", "failed int", "events int", "quarantined int"), "[" + strings.Join(cells, ",") + "]"},
	}}
}

func hostileServer() status.Server {
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	return status.Server{
		StartedAt: at, Problems: []string{hostile},
		Watching: &status.Watching{Source: hostile, Polling: true, PollKind: hostile, Done: 1, ToRead: 2, Polls: 1, LastPoll: &at, NextPoll: &at, Error: hostile, Paused: hostile},
		Schedule: []status.Job{{Name: hostile, Cron: hostile, Next: &at, LastStart: &at, LastError: hostile, Running: true}},
		Requests: []status.RequestDay{{Day: hostile, List: 1, Get: 2, DollarsPerMonth: 3}},
		Disk:     status.Disk{FreeBytes: 5, MinFreeBytes: 6}, LastBackup: &at,
	}
}

// allowedTags are all elements of the pages.
var allowedTags = regexp.MustCompile(`^(!doctype html|/?(html|head|body|title|style|header|nav|main|section|footer|aside|article|h1|h2|h3|h4|p|a|ul|li|div|dl|dt|dd|table|caption|thead|tbody|tr|th|td|small|span|code|pre|bdi|strong|figure|figcaption|br|meta)( [^<>]*)?)$`)

// quoted is the value of an attribute.
var quoted = regexp.MustCompile(`"[^"]*"`)

func checkPage(t *testing.T, page string) {
	t.Helper()
	styles := 0
	for _, tag := range regexp.MustCompile(`<([^<>]*)>?`).FindAllStringSubmatch(page, -1) {
		if !allowedTags.MatchString(strings.ToLower(tag[1])) {
			t.Errorf("the page has the tag <%s>", tag[1])
		}
		if strings.HasPrefix(tag[1], "style") {
			styles++
		}
		if bare := quoted.ReplaceAllString(tag[1], ""); strings.Contains(bare, " on") || strings.Contains(bare, " style") {
			t.Errorf("the page has the attribute in <%s>", tag[1])
		}
	}
	if styles != 1 {
		t.Errorf("the page has %d style sheets", styles)
	}
	for _, bad := range []string{"\u202e", "\x1b", "\x00", "javascript:", "http://", "https://", "ZgotmplZ", "<no value>"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
}

// TestPage_hostile: no text from logs, from users or from the configuration
// becomes markup.
func TestPage_hostile(t *testing.T) {
	h, w := newTestHandler(t, func(w *world) {
		w.store = hostileStore(3)
		w.opts.Store = w.store
		w.opts.Version = hostile
		w.server = hostileServer()
		w.opts.Queries = func() []RunningQuery {
			return []RunningQuery{{ID: hostile, Principal: hostile, SQL: hostile, Peer: hostile, Began: w.clock, Waiting: true}}
		}
	})
	w.operator.rebuild = func(context.Context) error { return operate.Usagef("", "%s", hostile) }
	waitJob(t, h, startJob(t, h, "/api/v1/rebuild", ""), JobFailed)
	if err := os.MkdirAll(w.opts.Reports, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a<script>.html", "good-1.html"} {
		if err := os.WriteFile(filepath.Join(w.opts.Reports, name), []byte("<p>report</p>"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, token := range []string{readToken, operateToken} {
		rec := do(t, h, newRequest(t, "GET", "/", token))
		if rec.Code != http.StatusOK {
			t.Fatalf("got %d %s", rec.Code, rec.Body)
		}
		page := rec.Body.String()
		checkPage(t, page)
		for _, want := range []string{"1,234,567", "failed:", "in progress", "good-1.html"} {
			if !strings.Contains(page, want) {
				t.Errorf("the page lacks %q", want)
			}
		}
		if strings.Contains(page, `class="sql"`) != (token == operateToken) {
			t.Errorf("SQL of others is shown to the wrong role")
		}
	}
	rec := do(t, h, newRequest(t, "GET", "/reports/", readToken))
	checkPage(t, rec.Body.String())
	if strings.Contains(rec.Body.String(), "a&lt;script") {
		t.Error("a file with an odd name is listed")
	}
	for _, line := range strings.Split(scrape(t, h), "\n") {
		if strings.Contains(line, "alert") {
			t.Errorf("the metrics have %s", line)
		}
	}
}

// TestPage_empty: a store without anything.
func TestPage_empty(t *testing.T) {
	h, _ := newTestHandler(t)
	rec := do(t, h, newRequest(t, "GET", "/", readToken))
	checkPage(t, rec.Body.String())
	for _, want := range []string{"no log file has been read yet", "No log file has been read yet", "No detector has run yet", "No source is watched", "never"} {
		if !strings.Contains(rec.Body.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if rec.Header().Get("Refresh") == "" {
		t.Error("the page does not ask for itself again")
	}
}

// TestPage_broken: with a store that does not answer the page says so, and
// still shows what the server is doing.
func TestPage_broken(t *testing.T) {
	h, w := newTestHandler(t)
	w.store.err = fmt.Errorf("%s: %w", hostile, errBroken)
	w.server.Schedule = []status.Job{{Name: "detectors", Cron: "*/5 * * * *"}}
	rec := do(t, h, newRequest(t, "GET", "/", readToken))
	if rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), "It could not be read what the store holds") || !strings.Contains(rec.Body.String(), "*/5 * * * *") {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
	checkPage(t, rec.Body.String())
	if text := scrape(t, h); strings.Contains(text, "kmstrail_stored_events") || !strings.Contains(text, "kmstrail_disk_min_free_bytes") {
		t.Error("the metrics show numbers of a store that does not answer")
	}
}

// TestPage_bounded: however many accounts there are, the page stays a page, and
// however often it is asked for, the store is asked once in a while.
func TestPage_bounded(t *testing.T) {
	h, w := newTestHandler(t, func(w *world) {
		w.store = hostileStore(500)
		w.opts.Store = w.store
	})
	var size int
	for range 50 {
		rec := do(t, h, newRequest(t, "GET", "/", readToken))
		size = rec.Body.Len()
		if !strings.Contains(rec.Body.String(), "420 accounts and Regions are") {
			t.Fatal("the page does not say how many are left out")
		}
	}
	if size > 2<<20 {
		t.Errorf("the page has %d bytes", size)
	}
	asked := len(w.store.asked)
	if asked > 20 {
		t.Errorf("50 pages asked the store %d times", asked)
	}
	w.later(factsAge + time.Second)
	do(t, h, newRequest(t, "GET", "/", readToken))
	if again := len(w.store.asked) - asked; again == 0 || again > 12 {
		t.Errorf("a page some seconds later asked the store %d times", again)
	}
}

func TestPage_principal(t *testing.T) {
	h, w := newTestHandler(t)
	w.guard.anonymous = true
	if page := do(t, h, newRequest(t, "GET", "/", "")).Body.String(); !strings.Contains(page, access.AnonymousName) {
		t.Error("the page does not say who looks")
	}
}

func TestReports(t *testing.T) {
	h, w := newTestHandler(t)
	dir := w.opts.Reports
	if rec := do(t, h, newRequest(t, "GET", "/reports/", readToken)); rec.Code != 200 || !strings.Contains(rec.Body.String(), "None yet") {
		t.Errorf("without a directory: %d", rec.Code)
	}
	if err := os.MkdirAll(filepath.Join(dir, "sub.html"), 0o700); err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(filepath.Dir(dir), "secret.html")
	for path, text := range map[string]string{
		filepath.Join(dir, "week.html"): "<p>week</p>", filepath.Join(dir, "week.md"): "# week", filepath.Join(dir, "week.json"): `{"a":1}`,
		filepath.Join(dir, "notes.txt"): "notes", filepath.Join(dir, ".hidden.html"): "hidden", secret: "secret",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(secret, filepath.Join(dir, "link.html")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "week.html"), filepath.Join(dir, "inner.html")); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		path, kind string
		want       int
	}{
		{"/reports/week.html", "text/html; charset=utf-8", 200},
		{"/reports/week.md", "text/plain; charset=utf-8", 200},
		{"/reports/week.json", "application/json", 200},
		{"/reports/notes.txt", "", 404},
		{"/reports/.hidden.html", "", 404},
		{"/reports/link.html", "", 404},
		{"/reports/inner.html", "", 404},
		{"/reports/sub.html", "", 404},
		{"/reports/none.html", "", 404},
		{"/reports/..%2fsecret.html", "", 404},
		{"/reports/%2e%2e%2fsecret.html", "", 404},
		{"/reports/..%5csecret.html", "", 404},
		{"/reports/week.html%00", "", 404},
		{"/reports/a%0ab.html", "", 404},
	}
	for _, tt := range tests {
		rec := do(t, h, newRequest(t, "GET", tt.path, readToken))
		if rec.Code != tt.want || strings.Contains(rec.Body.String(), "secret\n") || rec.Body.String() == "secret" {
			t.Errorf("%s: %d %s", tt.path, rec.Code, rec.Body)
		}
		if tt.want == 200 && (rec.Header().Get("Content-Type") != tt.kind || !strings.Contains(rec.Header().Get("Content-Security-Policy"), "sandbox")) {
			t.Errorf("%s: %v", tt.path, rec.Header())
		}
	}
	page := do(t, h, newRequest(t, "GET", "/reports/", readToken)).Body.String()
	for name, want := range map[string]bool{"week.html": true, "week.json": true, "notes.txt": false, "link.html": false, ".hidden.html": false, "sub.html": false} {
		if strings.Contains(page, name) != want {
			t.Errorf("%s is listed: %v", name, !want)
		}
	}
}

func TestReports_now(t *testing.T) {
	h, w := newTestHandler(t)
	rec := do(t, h, newRequest(t, "GET", "/reports/now.html", readToken))
	if rec.Code != 200 || !strings.Contains(rec.Body.String(), "2026-11-15") || !strings.Contains(rec.Header().Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("got %d %.300s", rec.Code, rec.Body)
	}
	asked := len(w.store.asked)
	for _, path := range []string{"/reports/now.html?last=7d", "/reports/now.md", "/reports/now.json?last=7d"} {
		if rec := do(t, h, newRequest(t, "GET", path, readToken)); rec.Code != 200 {
			t.Errorf("%s: %d", path, rec.Code)
		}
	}
	if got := len(w.store.asked); got != asked {
		t.Errorf("the same report was built again: %d questions", got-asked)
	}
	w.later(reportAge + time.Second)
	do(t, h, newRequest(t, "GET", "/reports/now.html", readToken))
	if got := len(w.store.asked); got == asked {
		t.Error("after a minute the report is the same")
	}
	for _, last := range []string{"soon", "1s", "3000d", "-7d"} {
		if rec := do(t, h, newRequest(t, "GET", "/reports/now.html?last="+last, readToken)); rec.Code != 400 {
			t.Errorf("last=%s: %d", last, rec.Code)
		}
	}
}

// runsOnly answers that a detector ran at a time, and nothing else.
func runsOnly(at string) []answer {
	ran := []answer{{"select max(started_at) from detector_runs", columns("t time"), `[{"t":"` + at + `"}]`}}
	if at < "2026-11-20" {
		return ran
	}
	return append(ran, answer{"with recent as", columns("d text", "s time", "ms int", "days int", "f int", "e text"), `[{"d":"a","s":"` + at + `","ms":1,"days":3,"f":0}]`})
}

// TestPage_findings: that no finding is open is only said where a detector has
// looked.
func TestPage_findings(t *testing.T) {
	const ran, long = "2026-11-22 08:58:00", "2026-11-02 09:00:00"
	tests := []struct {
		name    string
		answers []answer
		has     string
		lacks   string
	}{
		{"never ran", nil, "No detector has run yet; no log file", "No finding is open"},
		{"ran long ago", runsOnly(long), "No finding is open, and the last detector ran 20 d ago;", "has run yet"},
		{"ran", runsOnly(ran), "No finding is open; no log file", "No detector has run"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, w := newTestHandler(t)
			w.store.answers = tt.answers
			page := do(t, h, newRequest(t, "GET", "/", readToken)).Body.String()
			checkPage(t, page)
			if !strings.Contains(page, tt.has) || strings.Contains(page, tt.lacks) {
				t.Errorf("the page lacks %q or has %q: %s", tt.has, tt.lacks, page)
			}
		})
	}
}

// oldFiles is a store whose newest log file is three weeks old.
func oldFiles() []answer {
	return []answer{{"from log_files", columns("a int", "b int", "c int", "d time", "e time"),
		`[{"a":10,"b":0,"c":0,"d":"2026-11-01 08:00:00","e":"2026-11-22 08:00:00"}]`}}
}

// TestPage_polls: what is missing because it is being read is not called
// missing, and what is missing afterwards is.
func TestPage_polls(t *testing.T) {
	const late, zero = "CloudTrail delivers nothing", " in 0"
	earlier := polled("", "")
	earlier.Polls = 0 // it was polled before the server started
	reading := *earlier
	reading.Polling, reading.PollKind, reading.Done, reading.ToRead = true, "all", 1200, 3400
	listing := reading
	listing.Done, listing.ToRead = 0, 0
	ended := polled("", "")
	ended.LastPollSeconds = 12
	directory := *ended
	directory.Source = "/var/logs"
	tests := []struct {
		name     string
		watching *status.Watching
		has      []string
		lacks    []string
	}{
		{"reading", &reading, []string{"; reading: 1,200 of 3,400 log files.", "are not counted yet"}, []string{late, zero, "no source is polled", "a month"}},
		{"listing", &listing, []string{"; listing what there is to read."}, []string{late, zero}},
		{"started anew", earlier, []string{"polled 1 min ago"}, []string{late, zero, "no source is polled"}},
		{"ended", ended, []string{late, "polled 1 min ago", " in 12 s", "since midnight UTC"}, []string{"reading:", "a month"}},
		{"paused", polled("", "the disk is nearly full"), nil, []string{late}},
		{"directory", &directory, []string{late, "the source is a directory"}, nil},
		{"none", nil, []string{"no source is polled"}, []string{late}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, w := newTestHandler(t)
			w.store.answers = oldFiles()
			w.server.Watching = tt.watching
			w.server.Requests = []status.RequestDay{{Day: "2026-11-22"}}
			page := do(t, h, newRequest(t, "GET", "/", readToken)).Body.String()
			checkPage(t, page)
			for _, text := range tt.has {
				if !strings.Contains(page, text) {
					t.Errorf("the page lacks %q: %s", text, page)
				}
			}
			for _, text := range tt.lacks {
				if strings.Contains(page, text) {
					t.Errorf("the page has %q", text)
				}
			}
		})
	}
}

// TestPage_links: a finding leads to what is known of it, a day with requests
// has a price.
func TestPage_links(t *testing.T) {
	h, w := newTestHandler(t)
	const id = "0f0e0d0c-1111-2222-3333-444455556666"
	w.store.answers = []answer{{"from findings f", columns("id text", "d text", "s text", "st text", "a text", "an text", "r text", "sum text", "c time", "l time"),
		`[{"id":"` + id + `","d":"a","s":"high","st":"new","sum":"text","c":"2026-11-22 08:00:00","l":"2026-11-22 08:00:00"}]`}}
	w.server.Requests = []status.RequestDay{{Day: "2026-11-22", List: 3, DollarsPerMonth: 2}, {Day: "2026-11-21", Complete: true}}
	page := do(t, h, newRequest(t, "GET", "/", readToken)).Body.String()
	checkPage(t, page)
	for _, want := range []string{`href="/api/v1/findings/` + id + `"`, "3 today", "a month", ">2026-11-22 ", "refreshes every 30 s"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, ">2026-11-21<") {
		t.Error("a day without requests is listed")
	}
}
