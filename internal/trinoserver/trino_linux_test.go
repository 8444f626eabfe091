//go:build trino

package trinoserver

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTrino_alone: one process answers, and Close ends it.
func TestTrino_alone(t *testing.T) {
	root := t.TempDir()
	s, err := Start(t.Context(), Options{Root: root, MemoryMB: 1024, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	works(t, s.URL(), []string{"coordinator"})
	onlyLoopback(t, s.processes[0].pid)
	tables(t, s)
	pid := s.processes[0].pid
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if alive(pid) {
		t.Error("it goes on after Close")
	}
	if _, err := os.Stat(s.remove); !os.IsNotExist(err) {
		t.Errorf("%s is left", s.remove)
	}
}

// TestTrino_workers: workers do the work, and end with whoever started them.
func TestTrino_workers(t *testing.T) {
	told, kill := startInOther(t, "2")
	if len(told.PIDs) != 3 {
		t.Fatalf("started %v", told)
	}
	works(t, told.URL, []string{"worker-1", "worker-2"})
	for _, pid := range told.PIDs {
		onlyLoopback(t, pid)
	}
	endWith(t, told.PIDs, kill)
}

// works runs queries, and looks which nodes worked for them.
func works(t *testing.T, url string, want []string) {
	t.Helper()
	if diff := cmp.Diff([][]any{{1.0, "UTC"}}, rows(t, url, "SELECT 1, current_timezone()")); diff != "" {
		t.Errorf("select 1 (-want +got):\n%s", diff)
	}
	got := rows(t, url, "SELECT count(*) FROM (SELECT n % 10, count(*) FROM UNNEST(sequence(1, 1000)) AS t (n) GROUP BY 1)")
	if diff := cmp.Diff([][]any{{10.0}}, got); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	var nodes []string
	for _, row := range rows(t, url, "SELECT DISTINCT node_id FROM system.runtime.tasks") {
		nodes = append(nodes, fmt.Sprint(row[0]))
	}
	for _, node := range want {
		if !slices.Contains(nodes, node) {
			t.Errorf("%s has no task; those with one: %v", node, nodes)
		}
	}
}

func rows(t *testing.T, url, sql string) [][]any {
	t.Helper()
	rows, err := statement(t.Context(), url, sql)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// tables: the catalog lake sees files below Root the moment they are there,
// with no partition added by hand.
func tables(t *testing.T, s *Server) {
	t.Helper()
	rows(t, s.URL(), "CREATE SCHEMA lake.a")
	rows(t, s.URL(), "CREATE TABLE lake.a.written WITH (format = 'PARQUET') AS SELECT n FROM (VALUES 1, 2) AS t (n)")
	files, err := filepath.Glob(s.Root + "/_metastore/a/written/[^.]*")
	if err != nil || len(files) != 1 {
		t.Fatalf("files of a table: %v, %v", files, err)
	}
	location, err := s.Location(mkdir(t, s.Root+"/events"))
	if err != nil {
		t.Fatal(err)
	}
	rows(t, s.URL(), `CREATE TABLE lake.a.events (n integer, day date WITH (partition_projection_type = 'date', partition_projection_format = 'yyyy-MM-dd',
		partition_projection_range = ARRAY['2026-01-01', '2026-01-31'], partition_projection_interval = 1, partition_projection_interval_unit = 'DAYS'))
		WITH (format = 'PARQUET', partitioned_by = ARRAY['day'], partition_projection_enabled = true, external_location = '`+location+`')`)
	const count = "SELECT count(*), sum(n), count(DISTINCT day) FROM lake.a.events"
	for i, want := range [][][]any{{{2.0, 3.0, 1.0}}, {{4.0, 6.0, 2.0}}, {{6.0, 9.0, 2.0}}} {
		day := mkdir(t, s.Root+"/events/day=2026-01-0"+[]string{"1", "2", "2"}[i])
		if err := os.Link(files[0], fmt.Sprintf("%s/%d.parquet", day, i)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, rows(t, s.URL(), count)); diff != "" {
			t.Errorf("with %d files (-want +got):\n%s", i+1, diff)
		}
	}
	rows(t, s.URL(), "CREATE TABLE memory.default.m AS SELECT n FROM lake.a.events")
}

func mkdir(t *testing.T, dir string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// onlyLoopback: no process listens where others could reach it.
func onlyLoopback(t *testing.T, pid int) {
	t.Helper()
	sockets := make(map[string]bool)
	descriptors, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range descriptors {
		if target, err := os.Readlink(fd); err == nil && strings.HasPrefix(target, "socket:[") {
			sockets[strings.Trim(target, "socket:[]")] = true
		}
	}
	listening := 0
	for _, table := range []string{"tcp", "tcp6"} {
		b, err := os.ReadFile("/proc/net/" + table)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(b), "\n")[1:] {
			const listen = "0A"
			f := strings.Fields(line)
			if len(f) < 10 || f[3] != listen || !sockets[f[9]] {
				continue
			}
			listening++
			address, _, _ := strings.Cut(f[1], ":")
			if raw, err := hex.DecodeString(address); err != nil || !slices.Equal(raw[len(raw)-4:], []byte{1, 0, 0, 127}) {
				t.Errorf("process %d listens on %s", pid, f[1])
			}
		}
	}
	if listening == 0 {
		t.Errorf("process %d listens on nothing", pid)
	}
}
