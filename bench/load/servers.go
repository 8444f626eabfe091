package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/instance"
	"github.com/kmstrail/kmstrail/internal/s3server"
	"github.com/kmstrail/kmstrail/internal/serve"
)

// bucketName is that of the log files that the store is filled with.
const bucketName = "example-logs"

// serve is the server's process. It says where it listens, and ends with ctx.
func (s *settings) serve(ctx context.Context, out io.Writer) error {
	base, err := time.Parse(time.RFC3339, s.base)
	if err != nil {
		return err
	}
	cfg := config.Defaults()
	cfg.DB, cfg.Ingest.Source = s.store, "s3://"+bucketName
	cfg.Server.HTTP, cfg.Server.Flight, cfg.Server.Anonymous, cfg.Server.Poll = "127.0.0.1:0", "127.0.0.1:0", true, s.poll
	cfg.Limits.Threads = s.threads
	cfg.Schedule = config.Schedule{Detectors: s.detect, Maintain: config.Off, Verify: config.Off, Report: config.Off, ReportWindow: cfg.Schedule.ReportWindow, Backup: config.Off, BackupKeep: 1}
	start := time.Now()
	return serve.Run(ctx, serve.Options{
		Config: cfg, Version: "load", Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo})),
		Now:     func() time.Time { return base.Add(time.Since(start)) },
		OnReady: func(info instance.Info) { _ = json.NewEncoder(out).Encode(info) },
	})
}

// serveBucket is the process of the S3 server. It says how to reach it.
func (s *settings) serveBucket(ctx context.Context, out io.Writer) error {
	srv, err := s3server.Start(ctx, s3server.Config{Dir: s.bucket, Bucket: bucketName, Writable: true})
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(srv.Env()); err != nil {
		return errors.Join(err, srv.Close())
	}
	<-ctx.Done()
	return srv.Close()
}

// process is one that this one has started.
type process struct {
	cmd  *exec.Cmd
	name string
	log  string
}

// start runs this program as another process and reads into info what it says
// when it is ready.
func start(ctx context.Context, dir, name string, env []string, info any, args ...string) (*process, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{name: name, log: filepath.Join(dir, name+".log")}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd = exec.CommandContext(ctx, exe, append([]string{"-child", name}, args...)...)
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = time.Minute
	p.cmd.Env, p.cmd.Stderr = append(os.Environ(), env...), log
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, info)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s did not start, see %s: %w", name, p.log, err), p.stop())
	}
	return p, nil
}

// stop asks the process to end and waits until it has.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("%s, see %s: %w", p.name, p.log, err)
	}
	return nil
}

// cpu is what the process has used so far.
func (p *process) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	// The name, which may hold anything, ends with the last parenthesis.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const user, system, ticks = 11, 12, 100 // a second, on Linux
	u, _ := strconv.ParseInt(fields[user], 10, 64)
	s, _ := strconv.ParseInt(fields[system], 10, 64)
	return time.Duration(u+s) * time.Second / ticks
}

// peakMB is the most memory that the process had resident so far.
func (p *process) peakMB() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb * 1024 / 1e6
		}
	}
	return 0
}
