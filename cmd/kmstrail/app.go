package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/output"
	"github.com/kmstrail/kmstrail/internal/trino"
)

// app is what all commands share.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        []string
	now            func() time.Time
	log            *slog.Logger

	// Global flags.
	configFile, db, logFormat string
	quiet, verbose            bool
}

// run runs a command and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	a.log = newLogger(a.stderr, "text", levelNormal) // until the flags are read
	root := newRoot(a)
	root.SetArgs(args)
	return a.exitCode(ctx, root.ExecuteContext(ctx))
}

// The exit codes.
const (
	exitError       = 1
	exitUsage       = 2
	exitFindings    = 3
	exitUnreadable  = 4
	exitInterrupted = 130
)

// usagef is a mistake in the command line.
func usagef(hint, format string, args ...any) error { return operate.Usagef(hint, format, args...) }

// adviceError is an error with what to do about it.
type adviceError struct {
	error

	advice string
}

func (e adviceError) Unwrap() error { return e.error }

// codeError ends the program with a code; what there is to say has been said.
type codeError struct{ code int }

func (e codeError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// exitCode says what err is to the user and returns the exit code for it.
func (a *app) exitCode(ctx context.Context, err error) int {
	if err == nil {
		return 0
	}
	if exit, ok := errors.AsType[codeError](err); ok {
		return exit.code
	}
	if ctx.Err() != nil {
		a.complain("interrupted")
		return exitInterrupted
	}
	if usage, ok := errors.AsType[*operate.UsageError](err); ok {
		a.complain("%s", usage.Text)
		if usage.Hint != "" {
			a.complain("%s", usage.Hint)
		}
		return exitUsage
	}
	if cfg, ok := errors.AsType[*config.Error](err); ok {
		for _, p := range cfg.Problems {
			a.complain("%s", p)
		}
		return exitUsage
	}
	if errors.Is(err, trino.ErrUnreachable) || errors.Is(err, trino.ErrUnauthorized) {
		a.complain("%s", err.Error()) // not AWS's
		return exitError
	}
	problem := operate.ProblemOf(err)
	a.complain("%s", problem.Detail)
	if e, ok := errors.AsType[adviceError](err); ok {
		a.complain("%s", e.advice)
	}
	for _, line := range problem.Advice {
		a.complain("%s", line)
	}
	return exitError
}

// say, warn and complain print messages for people.
func (a *app) say(format string, args ...any)      { a.tell(slog.LevelInfo, format, args) }
func (a *app) warn(format string, args ...any)     { a.tell(slog.LevelWarn, format, args) }
func (a *app) complain(format string, args ...any) { a.tell(slog.LevelError, format, args) }

func (a *app) tell(level slog.Level, format string, args []any) {
	a.log.Log(context.Background(), level, fmt.Sprintf(format, args...)) //nolint:sloglint,forbidigo // a sentence for people, not an event for machines; nothing waits for it
}

// load reads the configuration with the flags of cmd that name a path in it.
func (a *app) load(cmd *cobra.Command) (config.Config, error) {
	opts := config.Options{File: a.configFile, Environ: a.environ}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		path, ok := f.Annotations[configPath]
		if !ok {
			return
		}
		value := f.Value.String()
		if list, ok := f.Value.(pflag.SliceValue); ok {
			value = strings.Join(list.GetSlice(), ",")
		}
		opts.Flags = append(opts.Flags, config.Flag{Path: path[0], Name: "--" + f.Name, Value: value})
	})
	return config.Load(opts)
}

// configPath is the annotation of a flag that overrides a configuration key.
const configPath = "kmstrail_config_path"

// overrides makes the flag override the configuration key at path.
func overrides(cmd *cobra.Command, flag, path string) {
	f := cmd.Flag(flag)
	f.Annotations = map[string][]string{configPath: {path}}
}

// terminal reports whether w is a terminal, and its width.
func terminal(w io.Writer) (width int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		width = 80
	}
	return width, true
}

// color reports whether coloured text is wanted on w.
func (a *app) color(w io.Writer) bool {
	for _, e := range a.environ {
		if name, value, _ := strings.Cut(e, "="); name == "NO_COLOR" && value != "" || e == "TERM=dumb" {
			return false
		}
	}
	_, ok := terminal(w)
	return ok
}

// safeStdout is standard output; on a terminal untrusted text cannot steer it.
func (a *app) safeStdout() io.Writer {
	if _, ok := terminal(a.stdout); ok {
		return output.ForTerminal(a.stdout)
	}
	return a.stdout
}

// writeOutput calls write with the file at path, which appears under that name
// only when it is whole, or with standard output when path is "" or "-".
func (a *app) writeOutput(path string, write func(w io.Writer) error) (err error) {
	if path == "" || path == "-" {
		return write(a.safeStdout())
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if err := errors.Join(f.Chmod(0o644), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// printResult writes a query's result as the flags ask.
func (a *app) printResult(r array.RecordReader, flags resultFlags) error {
	if flags.format == "parquet" && (flags.output == "" || flags.output == "-") {
		if _, ok := terminal(a.stdout); ok {
			return usagef("add --output FILE, or redirect the output", "Parquet is not for a terminal")
		}
	}
	opts := output.Options{Format: flags.format, RawCSV: flags.rawCSV}
	if flags.output == "" || flags.output == "-" {
		opts.Width, _ = terminal(a.stdout)
	}
	var n int64
	err := a.writeOutput(flags.output, func(w io.Writer) (err error) {
		if flags.format == "parquet" {
			w = plainFile(w, a.stdout)
		}
		n, err = output.Write(w, r, opts)
		return err
	})
	if err != nil {
		return err
	}
	switch {
	case flags.output != "" && flags.output != "-":
		a.say("wrote %s to %s", output.Plural(n, "row"), flags.output)
	case flags.format == "table":
		a.say("%s", output.Plural(n, "row"))
	}
	return nil
}

// plainFile undoes what safeStdout adds; binary output is never shown.
func plainFile(w, stdout io.Writer) io.Writer {
	if _, isFile := w.(*os.File); isFile {
		return w
	}
	return stdout
}

// resultFlags are the flags of commands that print query results.
type resultFlags struct {
	format, output string
	rawCSV         bool
}

func (f *resultFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.format, "format", "table", "`FORMAT` of the result: table, csv, json, jsonl or parquet")
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "write to `FILE` instead of standard output")
	cmd.Flags().BoolVar(&f.rawCSV, "raw-csv", false, "in CSV, do not put ' before text that a spreadsheet takes for a formula")
	completeValues(cmd, "format", output.Formats)
}

func (f *resultFlags) check() error { return oneOf("--format", f.format, output.Formats()) }

// oneOf complains about a value that is not among those known.
func oneOf(what, value string, known []string) error { return operate.OneOf(what, value, known) }

// suggestion is a hint about an unknown word.
func suggestion(word string, known []string) string { return operate.Suggestion(word, known) }
