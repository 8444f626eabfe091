// Package server runs kmstrail serve on a store of its own, filled with the
// sample bucket, for tests of what asks it.
package server

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kmstrail/kmstrail/grafana-plugin/harness/child"
	"github.com/kmstrail/kmstrail/internal/instance"
)

// Options say what to run, and on what.
type Options struct {
	// Program is kmstrail's path.
	Program string
	// Dir gets the store. It should be empty and on a disk of this machine.
	Dir string
	// Sample is the folder of the sample data, or "" for an empty store.
	Sample string
	// Filled says that Dir has the store of the sample data already.
	Filled bool
	// HTTP is where the web pages are served; "" for nowhere.
	HTTP string
	// TLSCert and TLSKey are PEM files; "" for plain text.
	TLSCert, TLSKey string
	// Log gets what the commands and the server print; nil for nowhere.
	Log io.Writer
}

// Server is one that runs.
type Server struct {
	// Address is grpc://HOST:PORT or grpc+tls://HOST:PORT.
	Address string
	// Token has the role read.
	Token string
	// HTTP is http://HOST:PORT, or "".
	HTTP string

	o     Options
	cmd   *exec.Cmd
	ended chan error
}

// patience is how long a server may take to answer.
const patience = time.Minute

// broken is kmstrail's exit status when some log files could not be read. The
// sample bucket has such files on purpose.
const broken = 4

// Start fills the store, runs the detectors and starts the server. It runs until
// Close; on Linux also no longer than this process.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = io.Discard
	}
	s := &Server{o: o, ended: make(chan error, 1)}
	if err := s.fill(ctx); err != nil {
		return nil, err
	}
	if err := s.serve(ctx); err != nil {
		return nil, err
	}
	if err := s.wait(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	token, err := s.NewToken(ctx, "harness", "1d")
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.Token = token
	return s, nil
}

func (s *Server) fill(ctx context.Context) error {
	if s.o.Sample == "" || s.o.Filled {
		return nil
	}
	if _, err := s.Run(ctx, "ingest", filepath.Join(s.o.Sample, "bucket")); err != nil {
		return err
	}
	_, err := s.Run(ctx, "detect")
	return err
}

func (s *Server) db() string { return filepath.Join(s.o.Dir, "kmstrail.duckdb") }

// command is one on the store, with the configuration of the sample.
func (s *Server) command(ctx context.Context, args ...string) *exec.Cmd {
	args = append(args, "--db", s.db())
	if s.o.Sample != "" {
		args = append(args, "--config", filepath.Join(s.o.Sample, "kmstrail.yaml"))
	}
	cmd := exec.CommandContext(ctx, s.o.Program, args...) //nolint:gosec // starting it is the point
	// That of a user who has configured nothing.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.o.Dir, "TMPDIR=" + os.TempDir()}
	return cmd
}

// Run runs a command of kmstrail on the store and returns what it prints.
func (s *Server) Run(ctx context.Context, args ...string) (string, error) {
	cmd := s.command(ctx, args...)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, io.MultiWriter(&log, s.o.Log)
	err := cmd.Run()
	if exit := new(exec.ExitError); errors.As(err, &exit) && exit.ExitCode() == broken {
		err = nil
	}
	if err != nil {
		return "", fmt.Errorf("kmstrail %s: %w\n%s", strings.Join(args, " "), err, &log)
	}
	return out.String(), nil
}

// NewToken makes a token with the role read that expires after a span such as 1d.
func (s *Server) NewToken(ctx context.Context, name, expires string) (string, error) {
	out, err := s.Run(ctx, "token", "create", name, "--role", "read", "--expires", expires)
	return strings.TrimSpace(out), err
}

func (s *Server) serve(ctx context.Context) error {
	args := []string{"serve", "--http", cmp.Or(s.o.HTTP, "off"), "--flight", "127.0.0.1:0"}
	if s.o.TLSCert != "" {
		args = append(args, "--tls-cert", s.o.TLSCert, "--tls-key", s.o.TLSKey)
	}
	// Close ends it, and lets it finish: no context.
	s.cmd = s.command(context.WithoutCancel(ctx), args...)
	s.cmd.Stdout, s.cmd.Stderr, s.cmd.SysProcAttr = s.o.Log, s.o.Log, child.Attributes()
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start kmstrail serve: %w", err)
	}
	go func() { s.ended <- s.cmd.Wait() }()
	return nil
}

// wait returns when the server says where it is.
func (s *Server) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if info, err := instance.Find(s.db()); err == nil && info.Flight != "" {
			s.Address, s.HTTP = info.Flight, info.HTTP
			return nil
		}
		select {
		case err := <-s.ended:
			s.ended <- err
			return fmt.Errorf("kmstrail serve did not start: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("wait for kmstrail serve: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Close stops the server and waits for its end. A server that ended by itself
// before, or not as it should, is an error.
func (s *Server) Close() error {
	select {
	case err := <-s.ended:
		s.ended <- err
		return fmt.Errorf("kmstrail serve ended by itself: %w", err)
	default:
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop kmstrail serve: %w", err)
	}
	err := <-s.ended
	s.ended <- err
	if err != nil {
		return fmt.Errorf("kmstrail serve: %w", err)
	}
	return nil
}
