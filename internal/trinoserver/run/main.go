// Command run starts a Trino server around another command, for tests that need
// one:
//
//	run [flags] -- COMMAND ARGUMENT…   run the command beside a server
//	run [flags]                        serve until interrupted
//	run -fetch                         only download
//
// The command finds the server's address in TEST_TRINO_URL, and in
// TEST_TRINO_ROOT the directory that its catalog lake sees.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/kmstrail/kmstrail/internal/trinoserver"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "trinoserver:", err)
	if failed := new(commandError); errors.As(err, &failed) {
		os.Exit(failed.code)
	}
	os.Exit(1)
}

// commandError says that the command failed, not the server. Its exit status
// becomes that of this program.
type commandError struct {
	code int
	err  error
}

func (e *commandError) Error() string { return "command: " + e.err.Error() }
func (e *commandError) Unwrap() error { return e.err }

func run(ctx context.Context, args []string) error {
	opts := trinoserver.Options{Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	fetch := flags.Bool("fetch", false, "only download Trino")
	flags.StringVar(&opts.Root, "root", "", "directory that the catalog lake sees (default a temporary one)")
	flags.StringVar(&opts.Dir, "dir", "", "directory for configuration and logs (default a temporary one)")
	flags.IntVar(&opts.Workers, "workers", 0, "worker processes besides the coordinator; 0 is one process for everything")
	flags.IntVar(&opts.MemoryMB, "memory", 0, "heap of each process in megabytes (default 2048)")
	flags.BoolVar(&opts.LargeQueries, "large", false, "be quick with large queries instead of many small ones")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if *fetch {
		_, err := trinoserver.Fetch(ctx, opts.Logger)
		return err
	}
	if opts.Root != "" {
		return beside(ctx, opts, flags.Args())
	}
	root, err := os.MkdirTemp("", "kmstrail-lake-")
	if err != nil {
		return err
	}
	opts.Root = root
	return errors.Join(beside(ctx, opts, flags.Args()), os.RemoveAll(root))
}

// beside runs a command while a server runs.
func beside(ctx context.Context, opts trinoserver.Options, command []string) (err error) {
	server, err := trinoserver.Start(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	if len(command) == 0 {
		return server.Wait(ctx)
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // G204: to run it is what the user asks for
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "TEST_TRINO_URL="+server.URL(), "TEST_TRINO_ROOT="+server.Root)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		return &commandError{code: max(1, cmd.ProcessState.ExitCode()), err: err}
	}
	return nil
}
