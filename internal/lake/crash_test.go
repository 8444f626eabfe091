package lake

import (
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/ingest/s3source"
	"github.com/kmstrail/kmstrail/internal/s3server"
)

// "make long" raises both.
var (
	seeds = flag.Int("seeds", 8, "how many histories of faults to play")
	kills = flag.Int("kills", 12, "how often to kill a process that writes a lake")
)

const (
	childLogs = "KMSTRAIL_TEST_LAKE_LOGS"
	childLake = "KMSTRAIL_TEST_LAKE"
)

// TestChildWrite is the process that TestWrite_kills kills.
func TestChildWrite(t *testing.T) {
	dir := os.Getenv(childLogs)
	if dir == "" {
		t.Skip("runs only as the child of TestWrite_kills")
	}
	b, err := Open(t.Context(), os.Getenv(childLake), s3source.Config{})
	if err != nil {
		t.Fatal(err)
	}
	l := &logs{t: t, dir: dir}
	mustWrite(t, l.options(b))
}

// TestWrite_kills lets three processes at a time write a lake, kills them with
// SIGKILL at random moments, and starts others, while log files arrive. However
// often and whenever that happens, the lake is exact in the end.
func TestWrite_kills(t *testing.T) {
	t.Run("dir", func(t *testing.T) { testKills(t, t.TempDir(), nil) })
	t.Run("s3", func(t *testing.T) {
		server, err := s3server.Start(t.Context(), s3server.Config{Dir: t.TempDir(), Bucket: "lake", Writable: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { server.Close() })
		testKills(t, "s3://lake/some/where", server.Env())
	})
}

func testKills(t *testing.T, location string, env []string) {
	l := newLogs(t, 1)
	l.add(100)
	child := func() *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChildWrite$", "-test.count=1")
		cmd.Env = append(append(os.Environ(), env...), childLogs+"="+l.dir, childLake+"="+location)
		return cmd
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var killed atomic.Int64
	for n := 0; n < *kills; n += 3 {
		l.add(10)
		var wg sync.WaitGroup
		for range 3 {
			after := time.Duration(50+rng.IntN(1200)) * time.Millisecond
			wg.Go(func() {
				cmd := child()
				if err := cmd.Start(); err != nil {
					t.Error(err)
					return
				}
				timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
				defer timer.Stop()
				if cmd.Wait() != nil {
					killed.Add(1)
				}
			})
		}
		wg.Wait()
	}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
	}
	b, err := Open(t.Context(), location, s3source.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d processes were killed before their end; %d objects of plans were there by then, %d plans done",
		killed.Load(), len(listed(t, b, plansDir)), len(listed(t, b, LogFiles+"/")))
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if out, err := child().CombinedOutput(); err != nil {
				t.Errorf("one of the last processes: %v\n%s", err, out)
			}
		})
	}
	wg.Wait()
	l.checkLake(t, b)
}
