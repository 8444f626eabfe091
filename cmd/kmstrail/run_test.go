package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/internal/docgen"
	"github.com/kmstrail/kmstrail/internal/golden"
	"github.com/kmstrail/kmstrail/internal/s3server"
	"github.com/kmstrail/kmstrail/sampledata"
)

// masks hide what differs from run to run.
var masks = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`[\d,]+ (d|h|min)( \d+ (h|min|s))? old`), "1 d old"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:9"},
}

func testNow() time.Time { return time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC) }

// session is one kmstrail for tests in this process.
type session struct {
	t   *testing.T
	env []string
}

// run runs a command and returns what it printed.
func (s session) run(ctx context.Context, stderr io.Writer, args ...string) (code int, stdout string) {
	s.t.Helper()
	var out bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: stderr, environ: s.env, now: testNow}
	return a.run(ctx, args), out.String()
}

// TestRun_sample: what is planted in the sample bucket is found, and nothing
// else, by the commands a user would type.
func TestRun_sample(t *testing.T) {
	raw, err := os.ReadFile("../../sampledata/truth.json")
	if err != nil {
		t.Fatal(err)
	}
	var truth sampledata.Truth
	if err := json.Unmarshal(raw, &truth); err != nil {
		t.Fatal(err)
	}
	s := session{t: t, env: []string{"KMSTRAIL_DB=" + filepath.Join(t.TempDir(), "k.duckdb"), "KMSTRAIL_CONFIG=../../sampledata/kmstrail.yaml"}}
	var messages bytes.Buffer
	if code, _ := s.run(t.Context(), &messages, "ingest", "../../sampledata/bucket"); code != exitUnreadable {
		t.Fatalf("ingest ended with %d:\n%s", code, messages.String())
	}
	_, out := s.run(t.Context(), &messages, "sql", "select count(*) as n from kms_events", "--format", "jsonl")
	if want := `{"n":` + jsonText(t, truth.KMSEvents) + "}\n"; out != want {
		t.Errorf("events: got %s, want %s", out, want)
	}
	_, out = s.run(t.Context(), &messages, "status")
	golden.EqualString(t, hide(out, "../../sampledata"), "testdata/status.golden")
	_, out = s.run(t.Context(), &messages, "doctor", "../../sampledata/bucket")
	golden.EqualString(t, hide(out, "../../sampledata"), "testdata/doctor.golden")
	messages.Reset()
	code, out := s.run(t.Context(), &messages, "detect", "--format", "jsonl", "--from", truth.Start.Format(time.RFC3339), "--to", truth.End.Format(time.RFC3339))
	if code != 0 {
		t.Fatalf("detect ended with %d:\n%s", code, messages.String())
	}
	if diff := cmp.Diff(truthLines(truth), findingLines(t, out)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// hide masks what depends on machine and moment.
func hide(text, dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err.Error()
	}
	text = strings.ReplaceAll(text, abs, "$SAMPLE")
	text = regexp.MustCompile(`/\S*/k\.duckdb`).ReplaceAllString(text, "k.duckdb")
	// Which of two records is there first depends on the decoders.
	text = regexp.MustCompile(`(?m)^(conflicting_duplicate +\d+ +\d+ ).*$`).ReplaceAllString(text, "$1 …")
	// How many parts the rollups have depends on the commits.
	text = regexp.MustCompile(`(?m)^(derived +).*$`).ReplaceAllString(text, "$1…")
	return regexp.MustCompile(`\S+ [kM]?B in use`).ReplaceAllString(text, "1 MB in use")
}

func jsonText(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func findingLine(parts ...string) string { return strings.Join(parts, " | ") }

func truthLines(truth sampledata.Truth) []string {
	var lines []string
	for _, f := range truth.Findings {
		lines = append(lines, findingLine(f.DetectorID, f.AccountID, f.Region, f.KeyARN, f.PrincipalARN,
			f.FirstSeen.Format(time.RFC3339), f.LastSeen.Format(time.RFC3339), strconv.Itoa(f.EventCount)))
	}
	slices.Sort(lines)
	return lines
}

func findingLines(t *testing.T, out string) []string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(out) {
		var f struct {
			DetectorID   string    `json:"detector_id"`
			AccountID    string    `json:"account_id"`
			Region       string    `json:"region"`
			KeyARN       string    `json:"key_arn"`
			PrincipalARN string    `json:"principal_arn"`
			FirstSeen    time.Time `json:"first_seen"`
			LastSeen     time.Time `json:"last_seen"`
			EventCount   int       `json:"event_count"`
		}
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		lines = append(lines, findingLine(f.DetectorID, f.AccountID, f.Region, f.KeyARN, f.PrincipalARN,
			f.FirstSeen.Format(time.RFC3339), f.LastSeen.Format(time.RFC3339), strconv.Itoa(f.EventCount)))
	}
	slices.Sort(lines)
	return lines
}

// cancelOn ends a context when a text is printed.
type cancelOn struct {
	out    bytes.Buffer
	text   string
	cancel context.CancelFunc
}

func (c *cancelOn) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(c.text)) {
		c.cancel()
	}
	return c.out.Write(p)
}

// startSample serves the sample bucket as s3://sample.
func startSample(t *testing.T) {
	t.Helper()
	server, err := s3server.Start(t.Context(), s3server.Config{Dir: "../../sampledata/bucket", Bucket: "sample"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	for _, e := range server.Env() {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
	}
}

// TestRun_interrupted: an interrupted run ends with 130, says how to go on, and
// the next one goes on.
func TestRun_interrupted(t *testing.T) {
	startSample(t)
	s := session{t: t, env: []string{"KMSTRAIL_DB=" + filepath.Join(t.TempDir(), "k.duckdb")}}
	args := []string{"ingest", "s3://sample", "--from", "2026-10-01"}

	ctx, cancel := context.WithCancel(t.Context())
	messages := &cancelOn{text: "log files to read", cancel: cancel}
	if code, _ := s.run(ctx, messages, args...); code != exitInterrupted {
		t.Fatalf("exit code %d, want %d:\n%s", code, exitInterrupted, messages.out.String())
	}
	if !strings.Contains(messages.out.String(), "Run the same command again to go on") {
		t.Errorf("no word on how to go on:\n%s", messages.out.String())
	}

	var again bytes.Buffer
	if code, _ := s.run(t.Context(), &again, args...); code != exitUnreadable {
		t.Errorf("second run ended with %d:\n%s", code, again.String())
	}
	var third bytes.Buffer
	if code, _ := s.run(t.Context(), &third, args...); code != 0 || !strings.Contains(third.String(), "nothing new") {
		t.Errorf("third run ended with %d:\n%s", code, third.String())
	}
}

// TestHelp: every command has help with an example, and a line in docs/cli.md.
func TestHelp(t *testing.T) {
	root := newRoot(&app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, now: time.Now})
	golden.EqualString(t, docgen.CLI(root), "../../docs/cli.md")
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" || cmd.Name() == "help" {
			continue
		}
		if !cmd.HasSubCommands() && cmd.Example == "" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			if sub.Example == "" || sub.Short == "" || sub.Long == "" {
				t.Errorf("%s lacks short help, long help or an example", sub.CommandPath())
			}
		}
	}
}

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 11, 22, 8, 30, 0, 0, time.UTC)
	for in, want := range map[string]string{
		"2026-11-01":                "2026-11-01T00:00:00Z",
		"2026-11-01T08:00":          "2026-11-01T08:00:00Z",
		"2026-11-01 08:00:05":       "2026-11-01T08:00:05Z",
		"2026-11-01T08:00:00Z":      "2026-11-01T08:00:00Z",
		"2026-11-01t08:00:00+02:00": "2026-11-01T06:00:00Z",
		"now":                       "2026-11-22T08:30:00Z",
	} {
		got, err := parseTime("--from", in, now)
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("parseTime(%q) = %v, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"yesterday", "7d", "2026-13-01", "20261101", "0000-01-01", " "} {
		if got, err := parseTime("--from", in, now); err == nil {
			t.Errorf("parseTime(%q) = %v, want an error", in, got)
		}
	}
}

func TestTimeFlags_window(t *testing.T) {
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		flags    timeFlags
		from, to string
		wantErr  bool
	}{
		"open":         {},
		"last":         {flags: timeFlags{last: "7d"}, from: "2026-11-15T08:00:00Z"},
		"last_with_to": {flags: timeFlags{last: "12h", to: "2026-11-02"}, from: "2026-11-01T12:00:00Z", to: "2026-11-02T00:00:00Z"},
		"both":         {flags: timeFlags{last: "7d", from: "2026-11-01"}, wantErr: true},
		"reversed":     {flags: timeFlags{from: "2026-11-02", to: "2026-11-01"}, wantErr: true},
		"empty":        {flags: timeFlags{from: "2026-11-02", to: "2026-11-02"}, wantErr: true},
	} {
		t.Run(name, func(t *testing.T) {
			from, to, err := tc.flags.window(now)
			if (err != nil) != tc.wantErr {
				t.Fatalf("error = %v", err)
			}
			text := func(t time.Time) string {
				if t.IsZero() {
					return ""
				}
				return t.Format(time.RFC3339)
			}
			if err == nil && (text(from) != tc.from || text(to) != tc.to) {
				t.Errorf("window = %s, %s", text(from), text(to))
			}
		})
	}
}
