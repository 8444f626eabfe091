package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/dossier"
	"github.com/kmstrail/kmstrail/internal/report"
	"github.com/kmstrail/kmstrail/internal/rows"
)

// page is what key, principal and resource print.
type page interface {
	WriteText(w io.Writer, opts report.TerminalOptions) error
	WriteHTML(w io.Writer) error
	WriteJSON(w io.Writer) error
}

var pageFormats = []string{"text", "html", "json"}

const pageHelp = `
The page is about the last 30 days of the logs unless --last, --from or --to say
otherwise; the time is widened to whole days, UTC.
` + timeHelp

type pageFlags struct {
	times        timeFlags
	format, file string
}

// makePage finds what a name means and puts its page together.
type makePage func(ctx context.Context, store engine, name string, opts dossier.Options) (page, error)

// pageCommand gives cmd the flags of pages and makes it print one.
func (a *app) pageCommand(cmd *cobra.Command, build makePage) *cobra.Command {
	var f pageFlags
	f.times.register(cmd)
	cmd.Flags().StringVar(&f.format, "format", "text", "`FORMAT`: text, html or json (default from the name of --output)")
	cmd.Flags().StringVarP(&f.file, "output", "o", "", "write to `FILE` instead of standard output")
	completeValues(cmd, "format", func() []string { return pageFormats })
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if guessed := formatOfFile(f.file); !cmd.Flags().Changed("format") && (guessed == "html" || guessed == "json") {
			f.format = guessed
		}
		if err := oneOf("--format", f.format, pageFormats); err != nil {
			return err
		}
		p, err := a.makePage(cmd, args[0], &f, build)
		if err != nil {
			return a.explainName(err)
		}
		return a.writePage(p, &f)
	}
	return cmd
}

func (a *app) makePage(cmd *cobra.Command, name string, f *pageFlags, build makePage) (page, error) {
	ctx := cmd.Context()
	cfg, err := a.load(cmd)
	if err != nil {
		return nil, err
	}
	if _, _, err := f.times.window(a.now()); err != nil {
		return nil, err
	}
	store, err := a.openToRead(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	opts := dossier.Options{Version: version, Now: a.now()}
	if opts.Window, err = a.pageWindow(ctx, store, &f.times); err != nil {
		return nil, err
	}
	if opts.Detectors, err = detectors.Builtin(); err != nil {
		return nil, err
	}
	if opts.Findings, err = detectors.ReadFindings(ctx, store, detectors.FindingFilter{}); err != nil {
		return nil, err
	}
	return build(ctx, store, name, opts)
}

// pageWindow is the time asked for, else the last days of the logs.
func (a *app) pageWindow(ctx context.Context, store engine, f *timeFlags) (report.Window, error) {
	asked, err := a.window(ctx, store, f)
	if err != nil || *f != (timeFlags{}) {
		return report.Window{Start: asked.Start, End: asked.End}, err
	}
	last := a.now()
	err = eachRow(ctx, store, "select max(event_time) from kms_events", nil, func(r rows.Row) {
		if t := r.Moment(0); !t.IsZero() {
			last = t
		}
	})
	return dossier.LastDays(last, dossier.DefaultDays), err
}

// explainName says what a name may have meant.
func (a *app) explainName(err error) error {
	if unknown, ok := errors.AsType[*dossier.UnknownError](err); ok {
		a.complain("%v", err)
		for i, name := range unknown.Near {
			if i == 0 {
				a.complain("did you mean one of these?")
			}
			a.complain("  %s", report.Clean(name))
		}
		return codeError{exitError}
	}
	if many, ok := errors.AsType[*dossier.AmbiguousError](err); ok {
		a.complain("%v; name one:", err)
		for _, name := range many.Candidates {
			a.complain("  %s", report.Clean(name))
		}
		if many.Omitted > 0 {
			a.complain("  and %d more", many.Omitted)
		}
		return codeError{exitUsage}
	}
	return err
}

func (a *app) writePage(p page, f *pageFlags) error {
	toFile := f.file != "" && f.file != "-"
	err := a.writeOutput(f.file, func(w io.Writer) error {
		switch f.format {
		case "html":
			return p.WriteHTML(w)
		case "json":
			return p.WriteJSON(w)
		}
		if !toFile {
			w = a.stdout // the page may have colours and is clean
		}
		width, ok := terminal(w)
		if !ok {
			width = 100
		}
		return p.WriteText(w, report.TerminalOptions{Width: width, Color: a.color(w)})
	})
	if err == nil && toFile {
		a.say("wrote %s", f.file)
	}
	return err
}
