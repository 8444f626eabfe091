package live

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

// store is a copy of the sample, which servers own one after the other.
type store struct {
	db, config string
	flight     string // address of the first server, for the next ones
}

func newStore(t *testing.T) *store {
	t.Helper()
	dir := t.TempDir()
	s := &store{db: filepath.Join(dir, "kmstrail.duckdb"), config: filepath.Join(dir, "kmstrail.yaml"), flight: "127.0.0.1:0"}
	for from, to := range map[string]string{"kmstrail.duckdb": s.db, "kmstrail.yaml": s.config} {
		data, err := os.ReadFile(filepath.Join(sample, from))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// emptyStore has no events.
func emptyStore(t *testing.T) *store {
	t.Helper()
	dir := t.TempDir()
	s := &store{db: filepath.Join(dir, "kmstrail.duckdb"), config: filepath.Join(dir, "kmstrail.yaml"), flight: "127.0.0.1:0"}
	if err := os.WriteFile(s.config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *store) command(args ...string) *exec.Cmd {
	cmd := exec.Command(kmstrail, append([]string{"--config", s.config, "--db", s.db}, args...)...)
	cmd.Env = cleanEnv()
	return cmd
}

// token makes one with role read.
func (s *store) token(t *testing.T, name string, flags ...string) string {
	t.Helper()
	cmd := s.command(append([]string{"token", "create", name, "--role", "read"}, flags...)...)
	var out, messages bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &messages
	if err := cmd.Run(); err != nil {
		t.Fatalf("make a token: %v\n%s", err, &messages)
	}
	return strings.TrimSpace(out.String())
}

// running is a server that runs.
type running struct {
	store *store
	cmd   *exec.Cmd
	log   *logBuffer

	// URL for the datasource, and the socket of the API, which needs no token.
	url, socket string
	ended       chan struct{}
}

// logBuffer is written while it is read.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// serve starts a server of the store: it ingests nothing and does nothing by
// itself. More settings are NAME=VALUE.
func (s *store) serve(t *testing.T, settings ...string) *running {
	t.Helper()
	source := t.TempDir() // nothing to read
	cmd := s.command("serve", "--http", "127.0.0.1:0", "--flight", s.flight, source)
	cmd.Env = cleanEnv(append([]string{
		"KMSTRAIL_SCHEDULE_DETECTORS=off", "KMSTRAIL_SCHEDULE_MAINTAIN=off", "KMSTRAIL_SCHEDULE_REPORT=off", "KMSTRAIL_SERVER_MIN_FREE=1MB",
	}, settings...)...)
	r := &running{store: s, cmd: cmd, log: &logBuffer{}, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = r.log, r.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.ended)
		_ = cmd.Wait() // its log says why
	}()
	t.Cleanup(func() { r.kill(t) })
	r.await(t)
	return r
}

// await waits until the server tells its addresses.
func (r *running) await(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		select {
		case <-r.ended:
			t.Fatalf("the server ended:\n%s", r.log)
		default:
		}
		text, err := os.ReadFile(r.store.db + ".run/server.json")
		var info struct {
			PID        int    `json:"pid"`
			Flight     string `json:"flight"`
			HTTPSocket string `json:"http_socket"`
		}
		if err != nil || json.Unmarshal(text, &info) != nil || info.PID != r.cmd.Process.Pid || !strings.Contains(r.log.String(), "serving") {
			continue
		}
		r.url, r.socket = info.Flight, info.HTTPSocket
		if u, err := url.Parse(info.Flight); err == nil {
			r.store.flight = u.Host
		}
		return
	}
	t.Fatalf("the server is not ready:\n%s", r.log)
}

// stop ends the server as an operator does.
func (r *running) stop(t *testing.T) {
	t.Helper()
	if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	r.wait(t)
}

// kill ends it at once. It may have ended.
func (r *running) kill(t *testing.T) {
	t.Helper()
	_ = r.cmd.Process.Kill() // it may have ended
	r.wait(t)
}

func (r *running) wait(t *testing.T) {
	t.Helper()
	select {
	case <-r.ended:
	case <-time.After(patience):
		t.Errorf("the server does not end:\n%s", r.log)
	}
}
