package access

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

var somebody = Principal{Name: "somebody", Role: Read}

func openAudit(t *testing.T, o AuditOptions) (*Audit, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	return reopenAudit(t, path, o), path
}

func reopenAudit(t *testing.T, path string, o AuditOptions) *Audit {
	t.Helper()
	if o.Now == nil {
		o.Now = newClock().now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a, err := OpenAudit(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func readAudit(t *testing.T, path string) []auditLine {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var lines []auditLine
	for scan := bufio.NewScanner(bytes.NewReader(text)); scan.Scan(); {
		if len(scan.Bytes()) == 0 {
			continue
		}
		var l auditLine
		d := json.NewDecoder(bytes.NewReader(scan.Bytes()))
		d.DisallowUnknownFields()
		if err := d.Decode(&l); err != nil {
			t.Fatalf("line %q: %v", scan.Text(), err)
		}
		lines = append(lines, l)
	}
	return lines
}

func TestAudit(t *testing.T) {
	a, path := openAudit(t, AuditOptions{})
	a.Record(t.Context(), Entry{
		Principal: Principal{Name: "ann", Role: Read}, Peer: "198.51.100.7:50000", Protocol: "flight", Action: "query",
		Detail: "select '<b>'\nfrom kms_events", Outcome: "ok", Duration: 1500 * time.Microsecond, Rows: 3, Bytes: 96,
	})
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"time":"2026-03-01T12:00:00Z","principal":"ann","role":"read","peer":"198.51.100.7:50000","protocol":"flight","action":"query",` +
		`"detail":"select '<b>'\nfrom kms_events","outcome":"ok","duration_ms":1.5,"rows":3,"bytes":96}` + "\n"
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	// Nothing is written after the end, and that is known.
	a.Record(t.Context(), Entry{Action: "query"})
	if err := a.Close(); err != nil || a.Lost() != 1 {
		t.Errorf("closed twice: %v, lost %d", err, a.Lost())
	}
}

// TestAudit_hostile: whatever is asked is one line that steers no terminal, is
// bounded, and is told faithfully.
func TestAudit_hostile(t *testing.T) {
	details := []string{
		"a\nb\r\nc\x00\x1b[2J\x7f\u0085\u202eevil\u2066\u2028\u2029\ufeff\U000e0041\u200b",
		"\xff\xfe broken", `quote " and \ backslash`, strings.Repeat("x", 3*maxDetail), strings.Repeat("é", maxDetail), "日本語 😀", "",
	}
	a, path := openAudit(t, AuditOptions{})
	for _, d := range details {
		a.Record(t.Context(), Entry{Principal: Principal{Name: d}, Peer: d, Protocol: d, Action: d, Detail: d, Outcome: d, Error: d})
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range strings.ReplaceAll(string(text), "\n", "") {
		if !unicode.IsPrint(r) {
			t.Errorf("the log holds %U", r)
		}
	}
	lines := readAudit(t, path)
	if len(lines) != len(details) {
		t.Fatalf("%d lines for %d entries", len(lines), len(details))
	}
	for i, l := range lines {
		if l.DetailCut != (len(details[i]) > maxDetail) || len(l.Detail) > maxDetail+3 || len(l.Principal) > maxField+3 {
			t.Errorf("detail %d: %d bytes of %d, cut %v; principal of %d bytes", i, len(l.Detail), len(details[i]), l.DetailCut, len(l.Principal))
		}
		if want := strings.ToValidUTF8(details[i], "\uFFFD"); !l.DetailCut && l.Detail != want {
			t.Errorf("detail %d is %q, want %q", i, l.Detail, want)
		}
	}
}

// TestAudit_rotates: files are whole lines, bounded in number and size, and in
// order.
func TestAudit_rotates(t *testing.T) {
	const most, keep = 4 << 10, 3
	a, path := openAudit(t, AuditOptions{MaxBytes: most, Keep: keep})
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	const entries = 300
	for i := range entries {
		a.Record(t.Context(), Entry{Principal: somebody, Action: "query", Detail: fmt.Sprint(i)})
		if i%10 == 9 { // so that not all is written at once
			waitFor(t, func() bool { return len(a.queue) == 0 })
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != keep+1 {
		t.Fatalf("files %v, want %d", files, keep+1)
	}
	next := entries - 1
	for i := range keep + 1 {
		name := a.file.older(i)
		lines := readAudit(t, name)
		slices.Reverse(lines)
		for _, l := range lines {
			if l.Detail != fmt.Sprint(next) {
				t.Fatalf("%s holds entry %s, want %d", name, l.Detail, next)
			}
			next--
		}
		info, err := os.Stat(name)
		if err != nil || info.Size() > most || info.Mode() != 0o640 {
			t.Errorf("%s: %d bytes, mode %v, %v", name, info.Size(), info.Mode(), err)
		}
	}
	if next == entries-1 || a.Lost() != 0 {
		t.Errorf("next %d, lost %d", next, a.Lost())
	}
}

// waitFor waits until done says so; the test's own deadline ends it.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("never happened")
		}
	}
}

// TestAudit_again: a later run goes on, and ends the line that a crash left.
func TestAudit_again(t *testing.T) {
	a, path := openAudit(t, AuditOptions{})
	a.Record(t.Context(), Entry{Action: "first"})
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"time":"2026-`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	a = reopenAudit(t, path, AuditOptions{})
	a.Record(t.Context(), Entry{Action: "second"})
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 3 || lines[1] != `{"time":"2026-` || !strings.Contains(lines[2], `"second"`) {
		t.Errorf("log holds %s", text)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// TestAudit_full: a disk that takes nothing holds nobody up, and once it takes
// again the log says how many entries are missing.
func TestAudit_full(t *testing.T) {
	var log lockedBuffer
	a, path := openAudit(t, AuditOptions{Log: slog.New(slog.NewTextHandler(&log, nil))})
	good := a.file.f
	readOnly, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	a.file.f = readOnly // nothing is in the queue, so nobody else looks at it
	const lost = 5
	for range lost {
		a.Record(t.Context(), Entry{Action: "lost"})
	}
	waitFor(t, func() bool { return a.Lost() == lost })
	a.file.f = good
	a.Record(t.Context(), Entry{Action: "kept"})
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, l := range readAudit(t, path) {
		actions = append(actions, fmt.Sprint(l.Action, " ", l.Lost))
	}
	if diff := cmp.Diff([]string{"kept 0", "audit.lost 5"}, actions); diff != "" {
		t.Error(diff)
	}
	if n := strings.Count(log.String(), "audit log cannot be written"); n != 1 {
		t.Errorf("said %d times that it cannot be written: %s", n, log.String())
	}
}

// TestAudit_strangers: who is not let in fills no log, however often they ask,
// and it is known how often they did.
func TestAudit_strangers(t *testing.T) {
	c := newClock()
	a, path := openAudit(t, AuditOptions{Now: c.now})
	const rounds, each = 5, 1000
	for range rounds {
		for range each {
			a.Record(t.Context(), Entry{Action: "query", Outcome: "denied"})
		}
		a.Record(t.Context(), Entry{Principal: Principal{Name: "ann"}, Action: "query", Outcome: "ok"})
		c.add(10 * time.Second)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	var known, strangers, skipped int64
	for _, l := range readAudit(t, path) {
		skipped += l.Skipped
		switch {
		case l.Principal == "ann":
			known++
		case l.Action == "query":
			strangers++
		}
	}
	if known != rounds || strangers != strangersBurst+10*(rounds-1) || strangers+skipped != rounds*each || a.Lost() != 0 {
		t.Errorf("%d lines of ann, %d of strangers, %d skipped, %d lost", known, strangers, skipped, a.Lost())
	}
}

// lockedBuffer may be written to by several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// TestAudit_behind: when the queue is full a request goes on without its entry,
// at once when its client has gone.
func TestAudit_behind(t *testing.T) {
	a := &Audit{now: time.Now, queue: make(chan line), done: make(chan struct{})} // nobody writes
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a.Record(ctx, Entry{})
	a.Record(t.Context(), Entry{})
	if a.Lost() != 2 {
		t.Errorf("%d entries lost, want 2", a.Lost())
	}
}

// TestAudit_holds: entries that wait hold what their lines need, not the megabytes
// that were sent; what is cut is still told to be, and a token across the cut is
// still masked.
func TestAudit_holds(t *testing.T) {
	a := &Audit{now: time.Now, queue: make(chan line, 1)}
	_, secret := newSecret()
	sql := strings.Repeat("x", maxDetail-30) + secret + strings.Repeat("y", 1<<20)
	a.Record(t.Context(), Entry{Detail: sql, Error: sql})
	l := <-a.queue
	if n, m := len(l.Detail), len(l.Error); n > maxDetail+margin || m > maxField+margin {
		t.Errorf("%d and %d bytes wait", n, m)
	}
	text := string(appendLine(nil, l))
	if want := string(appendLine(nil, line{time: l.time, Entry: Entry{Detail: sql, Error: sql}})); text != want {
		t.Errorf("got %s\nwant %s", text, want)
	}
	if !strings.Contains(text, `"detail_cut":true`) || strings.Contains(text, secret[20:28]) {
		t.Error(text[len(text)-300:])
	}
}

// TestAudit_concurrent: entries of many requests are all written, whole, while
// the log is closed under them.
func TestAudit_concurrent(t *testing.T) {
	a, path := openAudit(t, AuditOptions{})
	const clients, each = 8, 200
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for range each {
				a.Record(t.Context(), Entry{Principal: somebody, Action: "query", Detail: strings.Repeat("x", 100)})
			}
		})
	}
	wg.Go(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
	if n := len(readAudit(t, path)); int64(n)+a.Lost() != clients*each {
		t.Errorf("%d written and %d lost of %d", n, a.Lost(), clients*each)
	}
}
