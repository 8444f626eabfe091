package trinoserver

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStart_fails(t *testing.T) {
	java := script(t, t.TempDir()+"/java", `i=0; while [ $i -lt 50 ]; do i=$((i+1)); echo "line $i"; done
echo "Configuration is invalid" >&2; exit 100`)
	dir := t.TempDir()
	_, err := start(t.Context(), &Install{Version: "9", Java: Java{Path: java}}, Options{Root: t.TempDir(), Dir: dir, Logger: quiet})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"start Trino 9", "coordinator ended (exit status 100)", "line 32\n", "line 50\nConfiguration is invalid"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error has no %q: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "line 31\n") {
		t.Errorf("error has more than the end of the log: %v", err)
	}
	if _, err := os.Stat(dir + "/coordinator/server.log"); err != nil {
		t.Error(err)
	}
}

func TestStart_never(t *testing.T) {
	java := script(t, t.TempDir()+"/java", "echo still busy; exec sleep 60")
	began := time.Now()
	_, err := start(t.Context(), &Install{Version: "9", Java: Java{Path: java}},
		Options{Root: t.TempDir(), Workers: 1, Logger: quiet, StartTimeout: 300 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "not ready in time") || !strings.Contains(err.Error(), "still busy") {
		t.Errorf("error is %v", err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("took %s: the processes were not ended", took)
	}
}

func TestStart_noRoot(t *testing.T) {
	_, err := start(t.Context(), &Install{}, Options{Root: t.TempDir() + "/missing", Logger: quiet})
	if err == nil || !strings.Contains(err.Error(), "root of the catalog lake") {
		t.Errorf("error is %v", err)
	}
}

// A process that does not care to be asked is killed.
func TestProcess_context(t *testing.T) {
	program := script(t, t.TempDir()+"/stubborn", "trap '' TERM; echo up; while :; do sleep 0.1; done")
	ctx, cancel := context.WithCancel(t.Context())
	p, err := startProcess(ctx, "stubborn", t.TempDir(), 200*time.Millisecond, program)
	if err != nil {
		t.Fatal(err)
	}
	for tail(p.log) != "up" {
		select {
		case <-p.ended:
			t.Fatal(p.ownEnd())
		case <-time.After(10 * time.Millisecond):
		}
	}
	cancel()
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		t.Fatal("goes on")
	}
	if !p.asked {
		t.Error("its end is taken for its own")
	}
}

func TestProcess_noProgram(t *testing.T) {
	if _, err := startProcess(t.Context(), "x", t.TempDir(), grace, t.TempDir()+"/none"); err == nil {
		t.Error("no error")
	}
}

func TestWriteConfig(t *testing.T) {
	dir := t.TempDir()
	install := &Install{Version: "9", Dir: "/cache/9"}
	opts := Options{Root: `/l/ö\😀`, Dir: dir, Workers: 2, MemoryMB: 1000}
	nodes, err := plan(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	ports := make(map[int]bool)
	for _, n := range nodes {
		ports[n.port] = true
		if err := writeConfig(n, install, opts, 20001); err != nil {
			t.Fatal(err)
		}
	}
	if len(nodes) != 3 || len(ports) != 3 {
		t.Fatalf("nodes %v", nodes)
	}
	files := filesBelow(t, dir)
	want := map[string][]string{
		"coordinator/config.properties": {
			"coordinator=true", "node-scheduler.include-coordinator=false", "query.max-memory=1000MB", "query.max-memory-per-node=500MB",
			"node.bind-ip=127.0.0.1", "plugin.dir=/cache/9/plugin", "catalog.config-dir=" + dir + "/coordinator/catalog",
		},
		"coordinator/catalog/lake.properties":   {`local.location=/l/\u00f6\\\ud83d\ude00`, "hive.partition-projection-enabled=true"},
		"coordinator/catalog/memory.properties": {"connector.name=memory"},
		"worker-1/config.properties":            {"coordinator=false", "discovery.uri=http://127.0.0.1:20001", "node.id=worker-1"},
		"worker-1/catalog/lake.properties":      {"connector.name=hive"},
		"worker-1/catalog/memory.properties":    {"connector.name=memory"},
		"worker-2/config.properties":            {"node.id=worker-2"},
		"worker-2/catalog/lake.properties":      {"connector.name=hive"},
		"worker-2/catalog/memory.properties":    {"connector.name=memory"},
	}
	for name, lines := range want {
		for _, line := range lines {
			if !strings.Contains("\n"+files[name], "\n"+line+"\n") {
				t.Errorf("%s has no line %s:\n%s", name, line, files[name])
			}
		}
	}
	if len(files) != len(want) {
		t.Errorf("%d files, want %d", len(files), len(want))
	}
	opts.Workers = 0
	if got := serverProperties(nodes[0], install, opts, 1)["node-scheduler.include-coordinator"]; got != "true" {
		t.Errorf("a coordinator alone does no work: %s", got)
	}
}

func TestLocation(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"lake/kms_events_parquet", "odd#name", "%2F x"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(root+"/lake", root+"/link"); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ dir, want, err string }{
		{dir: root, want: "local:///"},
		{dir: root + "/lake/kms_events_parquet/", want: "local:///lake/kms_events_parquet"},
		{dir: root + "/link", want: "local:///lake"},
		{dir: root + "/%2F x", want: "local:///%2F x"},
		{dir: root + "/odd#name", err: "has a # or ?"},
		{dir: filepath.Dir(root), err: "is not below"},
		{dir: root + "/missing", err: "no such file"},
	}
	for _, tt := range tests {
		got, err := Location(root, tt.dir)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: error is %v, want %q in it", tt.dir, err, tt.err)
			}
			continue
		}
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", tt.dir, err, diff)
		}
	}
}
