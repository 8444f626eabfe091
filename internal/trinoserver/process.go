package trinoserver

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	// grace is how long a process may take to end when asked to.
	grace = 10 * time.Second
	// tailLines of a log are shown when its process ends by itself.
	tailLines = 20
	logName   = "server.log"
)

// process is a running program. It ends with its context, by SIGTERM first; on
// Linux also when this process ends, however it does.
type process struct {
	name  string
	log   string
	pid   int
	ended chan struct{}
	// Valid once ended is closed: whether its context had it end, and why it did.
	asked bool
	err   error
}

// startProcess runs a program in dir, with its output in a log there. Asked to
// end, it has a time of grace until it is killed.
func startProcess(ctx context.Context, name, dir string, grace time.Duration, program string, args ...string) (*process, error) {
	p := &process{name: name, log: filepath.Join(dir, logName), ended: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // G204: the Java that was found
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = endWithParent()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = grace
	started := make(chan error)
	go func() {
		// The kernel takes the end of the thread that started a child for the
		// end of its parent, so this thread stays.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer log.Close()
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			if p.asked = ctx.Err() != nil; p.asked {
				p.err = context.Cause(ctx)
			}
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// ownEnd is the error of a process that ended although it was still wanted.
func (p *process) ownEnd() error {
	how := "exit status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("the %s ended (%s); the end of its log:\n%s", p.name, how, tail(p.log))
}

func tail(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(string(bytes.TrimSpace(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}
