package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"github.com/kmstrail/kmstrail/internal/golden"
)

func write(t *testing.T, to func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := to(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func terminalWriter(r *Report, opts TerminalOptions) func(io.Writer) error {
	return func(w io.Writer) error { return r.WriteTerminal(w, opts) }
}

// TestPages writes the pages of all fixtures to a folder, to look at them in a
// browser: REPORT_PAGES=/some/folder go test -run TestPages ./internal/report.
func TestPages(t *testing.T) {
	folder := os.Getenv("REPORT_PAGES")
	if folder == "" {
		t.Skip("REPORT_PAGES names no folder")
	}
	for name, r := range allFixtures() {
		if err := os.WriteFile(filepath.Join(folder, name+".html"), write(t, r.WriteHTML), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func allFixtures() map[string]*Report {
	return map[string]*Report{
		"full": fixture(), "quiet": quietFixture(), "hostile": hostileFixture(), "many": manyFixture(),
		"empty": emptyFixture(NothingIngested), "no_kms": emptyFixture(NoKMSRecords), "none": emptyFixture(NoneInWindow),
	}
}

func TestWrite_golden(t *testing.T) {
	tests := []struct {
		name string
		to   func(io.Writer) error
	}{
		{"full.html", fixture().WriteHTML},
		{"full.md", fixture().WriteMarkdown},
		{"full.json", fixture().WriteJSON},
		{"full.txt", terminalWriter(fixture(), TerminalOptions{Width: 100})},
		{"full.narrow.txt", terminalWriter(fixture(), TerminalOptions{Width: 60})},
		{"full.color.txt", terminalWriter(fixture(), TerminalOptions{Color: true})},
		{"quiet.md", quietFixture().WriteMarkdown},
		{"quiet.txt", terminalWriter(quietFixture(), TerminalOptions{})},
		{"empty.html", emptyFixture(NothingIngested).WriteHTML},
		{"empty.md", emptyFixture(NothingIngested).WriteMarkdown},
		{"empty.json", emptyFixture(NothingIngested).WriteJSON},
		{"empty.txt", terminalWriter(emptyFixture(NothingIngested), TerminalOptions{})},
		{"no_kms.txt", terminalWriter(emptyFixture(NoKMSRecords), TerminalOptions{})},
		{"none.txt", terminalWriter(emptyFixture(NoneInWindow), TerminalOptions{})},
		{"none.md", emptyFixture(NoneInWindow).WriteMarkdown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			golden.Equal(t, withoutStyle(write(t, tt.to)), filepath.Join("testdata", tt.name+".golden"))
		})
	}
}

// withoutStyle leaves the style sheet and its hash out of golden files: they
// would change with every colour.
func withoutStyle(page []byte) []byte {
	page = regexp.MustCompile(`(?s)<style>.*</style>`).ReplaceAll(page, []byte("<style>…</style>"))
	return regexp.MustCompile(`sha256-[A-Za-z0-9&#;/=]+`).ReplaceAll(page, []byte("sha256-…"))
}

// The page must stand alone: nothing loaded, no script, one style sheet that
// its own policy allows by its hash.
func TestWriteHTML_self_contained(t *testing.T) {
	loads := regexp.MustCompile(`(?i)<(script|link|iframe|object|embed|img|form|base|svg:script|use|image|foreignobject)\b|\son\w+\s*=|\ssrc\s*=|\sstyle\s*=|@import|url\(|http-equiv="refresh"`)
	target := regexp.MustCompile(`href="([^"]*)"`)
	for name, r := range allFixtures() {
		t.Run(name, func(t *testing.T) {
			page := string(write(t, r.WriteHTML))
			tags := regexp.MustCompile(`(?s)<[^>]*>|<style>.*?</style>`).FindAllString(page, -1)
			for _, tag := range tags {
				if m := loads.FindString(tag); m != "" {
					t.Errorf("page has %q in %.200s", m, tag)
				}
			}
			for _, m := range target.FindAllStringSubmatch(page, -1) {
				if !strings.HasPrefix(m[1], "#") && !strings.HasPrefix(m[1], "https://docs.aws.amazon.com/") {
					t.Errorf("page links to %q", m[1])
				}
			}
			if n := strings.Count(page, "<style"); n != 1 {
				t.Errorf("page has %d style elements, want 1", n)
			}
			if !strings.Contains(page, `content="default-src &#39;none&#39;; style-src &#39;sha256-`) {
				t.Error("page has no strict content security policy")
			}
			if !utf8.ValidString(page) {
				t.Error("page is not valid UTF-8")
			}
		})
	}
}

// Every link into the page has its target, ids are unique, tables have
// captions and headings do not skip a level.
func TestWriteHTML_structure(t *testing.T) {
	for name, r := range allFixtures() {
		t.Run(name, func(t *testing.T) {
			page := string(write(t, r.WriteHTML))
			ids := map[string]int{}
			for _, m := range regexp.MustCompile(`\sid="([^"]*)"`).FindAllStringSubmatch(page, -1) {
				ids[m[1]]++
				if ids[m[1]] > 1 {
					t.Errorf("id %q occurs twice", m[1])
				}
			}
			for _, m := range regexp.MustCompile(`(?:href="#|aria-labelledby=")([^"]*)"`).FindAllStringSubmatch(page, -1) {
				if ids[m[1]] == 0 {
					t.Errorf("nothing has id %q", m[1])
				}
			}
			tables := strings.Count(page, "<table")
			if named := strings.Count(page, "<caption") + strings.Count(page, `<table class="map"`); named != tables {
				t.Errorf("%d of %d tables have a name", named, tables)
			}
			level := 0
			for _, m := range regexp.MustCompile(`<h([1-6])\b`).FindAllStringSubmatch(page, -1) {
				next := int(m[1][0] - '0')
				if next > level+1 {
					t.Errorf("heading of level %d follows one of level %d", next, level)
				}
				level = next
			}
		})
	}
}

// Text from logs comes out of no format as anything but text.
func TestWrite_hostile(t *testing.T) {
	r := hostileFixture()
	bad := func(format, text string, patterns ...string) {
		for _, p := range patterns {
			if m := regexp.MustCompile(p).FindString(text); m != "" {
				t.Errorf("%s holds %q", format, m)
			}
		}
	}
	hidden := "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\u202a-\u202e\u2066-\u2069]"
	html := string(write(t, r.WriteHTML))
	bad("html", html, hidden, `<script`, `="javascript:`, `\(reboot\)`)
	text := string(write(t, terminalWriter(r, TerminalOptions{Width: 80})))
	bad("terminal", text, hidden)
	colored := string(write(t, terminalWriter(r, TerminalOptions{Width: 80, Color: true})))
	bad("colored terminal", regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(colored, ""), hidden)
	md := string(write(t, r.WriteMarkdown))
	bad("markdown", md, hidden)
	outside := regexp.MustCompile("(?s)```.*?\n```").ReplaceAllString(md, "")
	outside = regexp.MustCompile("(?m)``[^`].*?[^`]``").ReplaceAllString(outside, "")
	bad("markdown outside code", outside, `<script`, `[^\\]\[a\]`, `@everyone`, `http://example`, `(?m)^# Head`)
	for _, line := range strings.Split(outside, "\n") {
		if strings.HasPrefix(line, "# ") && !strings.Contains(line, "script") {
			t.Errorf("markdown has a heading from the log: %.80s", line)
		}
	}
	var back Report
	if err := json.Unmarshal(write(t, r.WriteJSON), &back); err != nil {
		t.Fatalf("read the JSON report: %v", err)
	}
	if want := strings.ToValidUTF8(hostile(), "\uFFFD"); back.Findings.Groups[0].Shown[0].Summary != want {
		t.Errorf("JSON report has summary %q, want %q", back.Findings.Groups[0].Shown[0].Summary, want)
	}
}

// 10,000 findings with long values stay one page that opens.
func TestWrite_bounded(t *testing.T) {
	r := manyFixture()
	for name, to := range map[string]func(io.Writer) error{
		"html": r.WriteHTML, "markdown": r.WriteMarkdown, "terminal": terminalWriter(r, TerminalOptions{}),
	} {
		if n := len(write(t, to)); n > 2_000_000 {
			t.Errorf("%s has %d bytes, want at most 2 MB", name, n)
		}
	}
	shown := 0
	for _, g := range r.Findings.Groups {
		if len(g.Shown)+g.Omitted != g.Count {
			t.Errorf("%s: %d shown and %d omitted of %d", g.Detector.ID, len(g.Shown), g.Omitted, g.Count)
		}
		shown += len(g.Shown)
	}
	if r.Findings.Open != 10_000 || shown > maxFindings {
		t.Errorf("%d open findings, %d shown", r.Findings.Open, shown)
	}
}

// No line of the terminal summary is wider than the terminal.
func TestWriteTerminal_width(t *testing.T) {
	for name, r := range allFixtures() {
		for _, width := range []int{40, 57, 80, 120} {
			text := string(write(t, terminalWriter(r, TerminalOptions{Width: width})))
			for _, line := range strings.Split(text, "\n") {
				if n := uniseg.StringWidth(line); n > width {
					t.Errorf("%s: %d columns in a terminal of %d: %s", name, n, width, line)
				}
			}
		}
	}
}

// What a full disk or a closed pipe says comes back.
func TestWrite_error(t *testing.T) {
	want := errors.New("no space left")
	r := fixture()
	for name, to := range map[string]func(io.Writer) error{
		"html": r.WriteHTML, "markdown": r.WriteMarkdown, "json": r.WriteJSON, "terminal": terminalWriter(r, TerminalOptions{}),
	} {
		if err := to(failingWriter{want}); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }
