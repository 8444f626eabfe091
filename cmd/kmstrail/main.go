// Kmstrail turns the CloudTrail logs an organisation keeps in S3 into answers
// about its AWS KMS keys. This package is the command line: it reads flags,
// calls the packages that do the work and prints what they return. One
// sub-command is one file.
//
// What a command is asked for goes to standard output; everything else goes to
// standard error behind "kmstrail: ". Exit codes: 0 done, 1 error, 2 wrong
// usage or configuration, 3 findings at or above --fail-on, 4 done but some
// input could not be read, 130 interrupted.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
)

// version is set by the linker.
var version = "unknown"

func main() {
	ingest.SaveMemory()
	ctx, stop := signal.NotifyContext(context.Background(), ends()...)
	// A second signal ends the process at once: the store survives that.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
}

// ends are the signals that end the program in good order. A terminal that goes
// away sends a hang-up, which nohup has the program ignore.
func ends() []os.Signal {
	list := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		list = append(list, syscall.SIGHUP)
	}
	return list
}

// run is the whole program; it returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, environ []string) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, environ: environ, now: time.Now}
	return a.run(ctx, args)
}
