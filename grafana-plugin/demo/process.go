package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/kmstrail/kmstrail/grafana-plugin/harness/child"
)

// patience is how long a program has to end when it is asked to.
const patience = 20 * time.Second

// command runs a program to its end. What it says on standard error is told when it
// fails.
func command(ctx context.Context, env []string, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // starting it is the point
	cmd.Env, cmd.SysProcAttr = append(os.Environ(), env...), child.Attributes()
	cmd.Cancel, cmd.WaitDelay = func() error { return cmd.Process.Signal(syscall.SIGTERM) }, patience
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, &log)
	}
	return out.String(), nil
}

// process is a program that runs until it is stopped.
type process struct {
	cmd *exec.Cmd
	// ended is closed when it has; err is why.
	ended chan struct{}
	err   error
}

// start starts a program whose output goes to the log.
func start(cmd *exec.Cmd, log io.Writer) (*process, error) {
	cmd.Stderr, cmd.SysProcAttr = log, child.Attributes()
	if cmd.Stdout == nil {
		cmd.Stdout = log
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		if p.err = cmd.Wait(); p.err == nil {
			p.err = errors.New("exit status 0")
		}
		child.EndRest(cmd.Process.Pid)
		close(p.ended)
	}()
	return p, nil
}

// stop asks the program to end, and kills it when it does not. How it ends says
// nothing: what it was for is over.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return nil
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.ended
		return fmt.Errorf("%s did not end, and was killed", p.cmd.Path)
	}
}

// tail is an error with the last lines of a log.
func tail(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return errors.New(strings.Join(lines[max(0, len(lines)-20):], "\n"))
}
