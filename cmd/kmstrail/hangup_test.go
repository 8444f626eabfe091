//go:build unix

package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/internal/instance"
)

// TestServe_hangup ends a server by closing its terminal, so to say.
func TestServe_hangup(t *testing.T) {
	db := filepath.Join(t.TempDir(), "k.duckdb")
	cmd := exec.CommandContext(t.Context(), "kmstrail", "serve", "--db", db, "--http", "127.0.0.1:0", "--flight", "off")
	cmd.Env = []string{"HOME=" + t.TempDir()}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	for begin := time.Now(); !served(db); {
		if time.Since(begin) > patience {
			t.Fatal("the server is not ready")
		}
		<-time.After(10 * time.Millisecond)
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || !strings.HasSuffix(said.String(), "kmstrail: stopped\n") {
		t.Errorf("it ended with %v:\n%s", err, said.String())
	}
}

func served(db string) bool {
	_, err := instance.Find(db)
	return err == nil
}
