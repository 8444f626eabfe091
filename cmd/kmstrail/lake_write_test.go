package main

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmstrail/kmstrail/internal/s3server"
)

// TestLakeWrite_interrupted: an interrupted run ends with 130, says how to go on,
// and the next one goes on.
func TestLakeWrite_interrupted(t *testing.T) {
	server, err := s3server.Start(t.Context(), s3server.Config{Dir: "../../sampledata/bucket", Bucket: "sample"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	for _, e := range server.Env() {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
	}
	dir := filepath.Join(t.TempDir(), "lake")
	write := func(ctx context.Context, stderr io.Writer, args ...string) int {
		a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: stderr, now: testNow, log: newLogger(stderr, "text", levelNormal)}
		cmd := lakeWriteCommand(a)
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		cmd.SetArgs(append([]string{dir, "--source", "s3://sample"}, args...))
		return a.exitCode(ctx, cmd.ExecuteContext(ctx))
	}

	ctx, cancel := context.WithCancel(t.Context())
	messages := &cancelOn{text: "looking for new files", cancel: cancel}
	if code := write(ctx, messages, "--to", "2026-11-01", "--wait", "1h"); code != exitInterrupted {
		t.Fatalf("exit code %d, want %d:\n%s", code, exitInterrupted, messages.out.String())
	}

	for i, want := range []int{exitUnreadable, 0} {
		var out bytes.Buffer
		if code := write(t.Context(), &out, "--from", "2026-10-01"); code != want || (i == 1) != strings.Contains(out.String(), "nothing new: ") {
			t.Errorf("run %d ended with %d:\n%s", i, code, out.String())
		}
	}
}
