package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/instance"
	"github.com/kmstrail/kmstrail/internal/serve"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

// startServer serves a store in this process until stop is called.
func startServer(ctx context.Context, flags ...config.Flag) (info instance.Info, stop func() error, err error) {
	cfg, err := config.Load(config.Options{Environ: []string{"HOME=" + os.TempDir()}, Flags: append([]config.Flag{
		{Path: "server.http", Name: "test", Value: "127.0.0.1:0"}, {Path: "server.flight", Name: "test", Value: "127.0.0.1:0"},
		// Nothing happens but what the test asks for.
		{Path: "schedule.detectors", Name: "test", Value: config.Off}, {Path: "schedule.maintain", Name: "test", Value: config.Off},
		{Path: "schedule.report", Name: "test", Value: config.Off}, {Path: "server.min_free", Name: "test", Value: "1MB"},
	}, flags...)})
	if err != nil {
		return info, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ready, ended := make(chan instance.Info, 1), make(chan error, 1)
	go func() {
		ended <- serve.Run(ctx, serve.Options{
			Config: cfg, Version: "test", Log: slog.New(slog.DiscardHandler), OnReady: func(i instance.Info) { ready <- i },
		})
	}()
	stop = func() error {
		cancel()
		return <-ended
	}
	select {
	case info = <-ready:
		return info, stop, nil
	case err = <-ended:
		cancel()
		return info, nil, fmt.Errorf("the server ended: %w", err)
	case <-time.After(patience):
		return info, nil, fmt.Errorf("the server is not ready: %w", stop())
	}
}

// scriptServe starts a server of kmstrail.duckdb: serve [PATH=VALUE...]. It sets
// $URL; stop ends it.
func scriptServe(ts *testscript.TestScript, _ bool, args []string) {
	flags := []config.Flag{{Path: "db", Name: "test", Value: ts.MkAbs("kmstrail.duckdb")}}
	for _, arg := range args {
		path, value, _ := strings.Cut(arg, "=")
		flags = append(flags, config.Flag{Path: path, Name: "test", Value: value})
	}
	info, stop, err := startServer(context.Background(), flags...)
	ts.Check(err)
	ended := false
	end := func() {
		if !ended {
			ended = true
			ts.Check(stop())
		}
	}
	ts.Setenv("URL", info.HTTP)
	ts.SetCmd("stop", func(*testscript.TestScript, bool, []string) { end() })
	ts.Defer(end)
}

// scriptSetenv sets a variable to the text of a file: setenv NAME FILE.
func scriptSetenv(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

// passing hides what differs from run to run, besides the time.
var passing = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\bin [\d.]+ (ms|s|min)\b`), "in 1 s"},
	{regexp.MustCompile(`\b[\d.]+ (ms|s|min) ago\b`), "1 s ago"},
	{regexp.MustCompile(`"run_id": ?"[^"]*"`), `"run_id": "…"`},
	{regexp.MustCompile(`"(duration_ms|size_bytes)": ?\d+`), `"$1": 1`},
	{regexp.MustCompile(`[\d,.]+ [kMG]?B in use`), "1 MB in use"},
}

// hidePassing hides times of this day and the one before, too.
func hidePassing(text string) string {
	for _, p := range passing {
		text = p.pattern.ReplaceAllString(text, p.with)
	}
	today := time.Now().UTC()
	for _, day := range []time.Time{today, today.AddDate(0, 0, -1)} {
		at := regexp.MustCompile(day.Format(time.DateOnly) + `[T ]\d\d:\d\d(:\d\d(\.\d+)?)?`)
		text = at.ReplaceAllString(text, "NOW")
	}
	return text
}

// scriptSame runs the commands in a file on kmstrail.duckdb without a server and
// then, on a copy from before, with one; output, messages and exit codes must be
// the same: same FILE [PATH=VALUE...], the rest for the server. In the file $WORK
// is the script's directory, 'quotes' hold words together.
func scriptSame(ts *testscript.TestScript, _ bool, args []string) {
	db := ts.MkAbs("kmstrail.duckdb")
	before, err := os.ReadFile(db) // nobody has it open
	ts.Check(err)
	commands := strings.Split(strings.TrimSpace(ts.ReadFile(args[0])), "\n")
	without := runAll(ts, commands)
	for _, made := range []string{db + ".backups", ts.MkAbs("lake")} {
		ts.Check(os.RemoveAll(made))
	}
	ts.Check(os.WriteFile(db, before, 0o600))
	scriptServe(ts, false, args[1:])
	with := runAll(ts, commands)
	for i, command := range commands {
		if diff := cmp.Diff(without[i], with[i]); diff != "" {
			ts.Logf("kmstrail %s (-without +with a server):\n%s", command, diff)
		}
	}
	if diff := cmp.Diff(without, with); diff != "" {
		ts.Fatalf("a server makes a difference")
	}
}

// answer is what came of a command.
type answer struct{ Stdout, Stderr, Code string }

func runAll(ts *testscript.TestScript, commands []string) []answer {
	var out []answer
	for _, command := range commands {
		words := splitWords(strings.ReplaceAll(command, "$WORK", ts.Getenv("WORK")))
		code := "0"
		if err := ts.Exec("kmstrail", words...); err != nil {
			code = err.Error()
		}
		out = append(out, answer{hidePassing(ts.ReadFile("stdout")), hidePassing(ts.ReadFile("stderr")), code})
	}
	return out
}

// splitWords splits at blanks that are not between single quotes.
func splitWords(line string) []string {
	var words []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

// TestRun_interruptedServer: an interrupted command ends its work on the server
// and says what was done.
func TestRun_interruptedServer(t *testing.T) {
	dir := t.TempDir()
	db := filepath.Join(dir, "k.duckdb")
	startSample(t)
	_, stop, err := startServer(t.Context(), config.Flag{Path: "db", Name: "test", Value: db})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	s := session{t: t, env: []string{"KMSTRAIL_DB=" + db}}
	args := []string{"ingest", "s3://sample", "--from", "2026-10-01"}
	ctx, cancel := context.WithCancel(t.Context())
	messages := &cancelOn{text: "log files to read", cancel: cancel}
	if code, _ := s.run(ctx, messages, args...); code != exitInterrupted {
		t.Fatalf("exit code %d, want %d:\n%s", code, exitInterrupted, messages.out.String())
	}
	var again cancelOn
	again.text, again.cancel = "\x00", func() {}
	if code, _ := s.run(t.Context(), &again, args...); code != exitUnreadable && code != 0 {
		t.Errorf("second run ended with %d:\n%s", code, again.out.String())
	}
	if code, out := s.run(t.Context(), &again, "sql", "select count(*) > 400 as most from kms_events", "--format", "csv"); code != 0 || !strings.Contains(out, "true") {
		t.Errorf("after both runs: %d %s\n%s", code, out, again.out.String())
	}
}
