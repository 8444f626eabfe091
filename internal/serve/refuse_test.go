package serve

import (
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/internal/access"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/watch"
)

// refused runs a server that must not come up; it fails the test when that
// leaves anything behind.
func refused(t *testing.T, edit func(*config.Config)) error {
	t.Helper()
	dir := t.TempDir()
	cfg := config.Defaults()
	cfg.DB = filepath.Join(dir, "k.duckdb")
	cfg.Server.HTTP, cfg.Server.Flight = "127.0.0.1:0", "127.0.0.1:0"
	edit(&cfg)
	err := Run(t.Context(), Options{Config: cfg, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		t.Fatal("the server ran")
	}
	left, readErr := os.ReadDir(dir)
	if readErr != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, readErr)
	}
	return err
}

// TestServe_portInUse: a server that cannot listen makes no store.
func TestServe_portInUse(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = refused(t, func(c *config.Config) { c.Server.Flight = l.Addr().String() })
	if !strings.Contains(err.Error(), "another program uses this address; set server.flight") {
		t.Error(err)
	}
}

func TestServe_configuration(t *testing.T) {
	err := refused(t, func(c *config.Config) {
		c.Detectors = map[string]config.Detector{"cross_account_decript": {Disabled: true}}
	})
	usage, ok := errors.AsType[*operate.UsageError](err)
	if !ok || !strings.Contains(usage.Text, `unknown detector "cross_account_decript"`) || usage.Hint != "did you mean cross_account_decrypt?" {
		t.Errorf("unknown detector: %v", err)
	}
	err = refused(t, func(c *config.Config) { c.Server.TLSCert, c.Server.TLSKey = "/nowhere/tls.crt", "/nowhere/tls.key" })
	wrong, ok := errors.AsType[*config.Error](err)
	if !ok || len(wrong.Problems) != 1 || !strings.Contains(wrong.Problems[0].Text, "/nowhere/tls.crt") {
		t.Errorf("missing certificate: %v", err)
	}
}

// TestServe_twiceSamePorts: it is the store that is in use, not only a port.
func TestServe_twiceSamePorts(t *testing.T) {
	r := start(t, nil)
	u, err := url.Parse(r.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	cfg := config.Defaults()
	cfg.DB, cfg.Server.HTTP, cfg.Server.Flight = r.db, u.Host, config.Off
	if err := Run(t.Context(), Options{Config: cfg, Log: slog.New(slog.DiscardHandler)}); !errors.Is(err, duck.ErrLocked) {
		t.Errorf("a second server: %v, want ErrLocked", err)
	}
}

// TestServe_nearlyFull: what somebody asks for does not fill the disk either.
func TestServe_nearlyFull(t *testing.T) {
	r := start(t, func(c *config.Config) { c.Server.MinFree, c.Server.Flight = "1000000GB", config.Off })
	c := r.local(t)
	_, ingestErr := c.Ingest(t.Context(), operate.IngestRequest{}, nil)
	_, detectErr := c.Detect(t.Context(), detectOne, nil)
	_, rebuildErr := c.Rebuild(t.Context(), operate.RebuildRequest{}, nil)
	for what, err := range map[string]error{"nothing is ingested": ingestErr, "no detector runs": detectErr, "nothing is rebuilt": rebuildErr} {
		p := operate.ProblemOf(err)
		if p == nil || !strings.HasPrefix(p.Detail, what+" for now: the disk of ") || len(p.Advice) != 1 {
			t.Errorf("%s: %+v", what, p)
		}
	}
	if _, err := c.Ingest(t.Context(), operate.IngestRequest{DryRun: true}, nil); err != nil {
		t.Errorf("to look only: %v", err)
	}
	if n, err := count(t.Context(), c, "select count(*) from log_files"); n != 0 || err != nil {
		t.Errorf("%d log files were read, %v", n, err)
	}
	r.end(t)
	for _, want := range []string{"http=http://127.0.0.1:", "flight=off", "msg=stopped"} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("%q is not in the log:\n%s", want, r.log)
		}
	}
}

// TestProblems says once what the disk is the reason of.
func TestProblems(t *testing.T) {
	audit, err := access.OpenAudit(filepath.Join(t.TempDir(), "a.jsonl"), access.AuditOptions{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer audit.Close()
	s := &server{audit: audit}
	state := watch.State{
		Disk: watch.Disk{Paused: "there is no space"}, Poll: &watch.Poll{},
		Tasks: []watch.Task{{Name: "detectors", Error: watch.DiskFull}, {Name: "report", Error: fs.ErrPermission.Error()}},
	}
	want := []string{"Nothing is ingested for now: there is no space.", "report failed: permission denied"}
	if diff := cmp.Diff(want, s.problems(state)); diff != "" {
		t.Error(diff)
	}
	state.Disk.Paused = ""
	want[0] = "detectors failed: paused: the disk is full"
	if diff := cmp.Diff(want, s.problems(state)); diff != "" {
		t.Error(diff)
	}
}
