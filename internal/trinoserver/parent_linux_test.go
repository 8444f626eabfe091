package trinoserver

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// starterVariable makes the test program a starter: it starts what is said,
// tells of it, and waits to be killed.
const starterVariable = "KMSTRAIL_TEST_STARTER"

// started is what a starter tells.
type started struct {
	PIDs      []int
	URL, Root string
	Error     string
}

func TestMain(m *testing.M) {
	what := os.Getenv(starterVariable)
	if what == "" {
		os.Exit(m.Run())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	told, err := starter(ctx, what)
	if err != nil {
		told = &started{Error: err.Error()}
	}
	if err := json.NewEncoder(os.Stdout).Encode(told); err == nil {
		<-ctx.Done()
	}
	cancel()
	os.Exit(1)
}

// starter starts a sleeping process, or a server with as many workers.
func starter(ctx context.Context, what string) (*started, error) {
	dir := os.Getenv("KMSTRAIL_TEST_DIR")
	if what == "sleep" {
		p, err := startProcess(ctx, what, dir, grace, "/bin/sleep", "600")
		if err != nil {
			return nil, err
		}
		return &started{PIDs: []int{p.pid}}, nil
	}
	workers, err := strconv.Atoi(what)
	if err != nil {
		return nil, err
	}
	s, err := Start(ctx, Options{Root: dir, Dir: dir + "/trino", Workers: workers, MemoryMB: 1024, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return nil, err
	}
	told := &started{URL: s.URL(), Root: s.Root}
	for _, p := range s.processes {
		told.PIDs = append(told.PIDs, p.pid)
	}
	return told, nil
}

// startInOther has another process start something; kill kills that process.
func startInOther(t *testing.T, what string) (told started, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), starterVariable+"="+what, "KMSTRAIL_TEST_DIR="+t.TempDir())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		_ = cmd.Process.Kill() // SIGKILL: nothing of ours runs after it
		_ = cmd.Wait()
	}
	t.Cleanup(kill)
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&told); err != nil {
		t.Fatal(err)
	}
	if told.Error != "" {
		t.Fatal(told.Error)
	}
	return told, kill
}

// alive reports whether a process runs; one that nobody has waited for yet does
// not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// endWith kills a starter and sees what it started end.
func endWith(t *testing.T, pids []int, kill func()) {
	t.Helper()
	for _, pid := range pids {
		if !alive(pid) {
			t.Fatalf("process %d does not run", pid)
		}
	}
	kill()
	for deadline := time.Now().Add(20 * time.Second); len(pids) > 0; {
		if !alive(pids[0]) {
			pids = pids[1:]
			continue
		}
		if time.Now().After(deadline) {
			t.Fatalf("processes %v go on although their parent was killed", pids)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func TestProcess_parentKilled(t *testing.T) {
	told, kill := startInOther(t, "sleep")
	if len(told.PIDs) != 1 {
		t.Fatalf("started %v", told)
	}
	endWith(t, told.PIDs, kill)
}
