package main

import (
	"io"
	"log/slog"
	"testing"

	"github.com/kmstrail/kmstrail/internal/docgen"
	"github.com/kmstrail/kmstrail/internal/golden"
)

// TestPages holds the page of the command line to the commands; "make
// generate" writes it.
func TestPages(t *testing.T) {
	a := &app{stdout: io.Discard, stderr: io.Discard, log: slog.New(slog.DiscardHandler)}
	golden.EqualString(t, docgen.CLI(newRoot(a)), "../../docs/cli.md")
}
