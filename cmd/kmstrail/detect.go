package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/output"
)

type detectFlags struct {
	times          timeFlags
	ids, params    []string
	dir            string
	format, failOn string
}

func (f *detectFlags) register(cmd *cobra.Command) {
	f.times.register(cmd)
	cmd.Flags().StringSliceVar(&f.ids, "detector", nil, "run only the detector with this `ID` (repeatable)")
	cmd.Flags().StringArrayVar(&f.params, "param", nil, "set a parameter: `DETECTOR.NAME=VALUE` (repeatable)")
	cmd.Flags().StringVar(&f.dir, "detector-dir", "", "also run the detectors in `DIR`")
	completeValues(cmd, "detector", detectorIDs)
}

const windowHelp = `
Detectors look at whole days (UTC). Without --from, --to and --last they look at
those where something has changed since they last did: records that arrived,
however old they are, and their parameters and configuration. With them they
look at every day of that range.` + timeHelp

func detectCommand(a *app) *cobra.Command {
	var f detectFlags
	cmd := &cobra.Command{
		Use:   "detect",
		Short: "Run the detectors and print what they find",
		Long: `Runs the detectors over the store and prints what there is to look at, worst
first: findings of earlier runs too, but none that is suppressed or resolved.
With --format jsonl each line is one JSON object, of every finding.

Findings are kept in the store: kmstrail findings. With --engine trino the events
are read from a lake (docs/lake.md), and the days to look at must be named. A finding that records which
arrived later contradict is withdrawn.
` + windowHelp,
		Example: `  kmstrail detect --last 7d
  kmstrail detect --format jsonl | jq -r 'select(.severity=="critical") | .summary'
  kmstrail detect --detector cross_account_decrypt --fail-on high
  kmstrail detect --param request_rate_near_quota.near_ratio=0.6`,
		Args: noArguments(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.detect(cmd, &f) },
	}
	f.register(cmd)
	registerEngine(cmd)
	cmd.Flags().StringVar(&f.format, "format", "terminal", "`FORMAT`: terminal or jsonl")
	cmd.Flags().StringVar(&f.failOn, "fail-on", "", "exit with code 3 when there is a finding of this `SEVERITY` or worse that is neither suppressed nor resolved")
	completeValues(cmd, "format", func() []string { return []string{"terminal", "jsonl"} })
	completeValues(cmd, "fail-on", detectors.Severities)
	return cmd
}

func (a *app) detect(cmd *cobra.Command, f *detectFlags) (err error) {
	if err := oneOf("--format", f.format, []string{"terminal", "jsonl"}); err != nil {
		return err
	}
	if f.failOn != "" {
		if err := oneOf("--fail-on", f.failOn, detectors.Severities()); err != nil {
			return err
		}
	}
	found, err := a.runDetectors(cmd, f)
	if err != nil {
		return err
	}
	defer closeStore(found.work, &err)
	if f.format == "jsonl" {
		err = writeFindings(a.safeStdout(), found.result.Findings)
	} else {
		err = a.printFindings(stillOpen(found.result.Findings))
	}
	if err != nil {
		return err
	}
	a.sayFindings(found)
	if found.err != nil {
		return found.err
	}
	if f.failOn != "" && slices.ContainsFunc(stillOpen(found.result.Findings), func(x detectors.Finding) bool {
		return slices.Index(detectors.Severities(), x.Severity) <= slices.Index(detectors.Severities(), f.failOn)
	}) {
		return codeError{exitFindings}
	}
	return nil
}

// stillOpen returns the findings that somebody should look at.
func stillOpen(list []detectors.Finding) []detectors.Finding {
	return slices.DeleteFunc(slices.Clone(list), func(f detectors.Finding) bool { return !f.Open() })
}

// detection is a run of detectors. The caller closes the workplace.
type detection struct {
	work      *workplace
	detectors []*detectors.Detector
	result    operate.DetectResult
	err       error // of single detectors; the others ran
}

// window is the time that was looked at.
func (d *detection) window() operate.Span { return d.result.Window }

// runDetectors runs what flags and configuration ask for.
func (a *app) runDetectors(cmd *cobra.Command, f *detectFlags) (*detection, error) {
	ctx := cmd.Context()
	cfg, err := a.load(cmd)
	if err != nil {
		return nil, err
	}
	list, err := allDetectors(f.dir)
	if err != nil {
		return nil, err
	}
	req, err := f.request(a)
	if err != nil {
		return nil, err
	}
	opts := openOptions{operate: operate.Options{Detectors: list}}
	if err := operate.New(nil, cfg, a.operatorOptions(opts.operate)).Check(req); err != nil {
		return nil, err
	}
	if cfg.Engine == trinoEngine {
		l, err := openTrino(ctx, cfg)
		if err != nil {
			return nil, err
		}
		defer l.Close()
		// The store only keeps what is found.
		opts.operate.Events, opts.create = l, true
	}
	work, err := a.openToChange(ctx, cfg, opts)
	if err != nil {
		return nil, err
	}
	d := &detection{work: work, detectors: list}
	if err := d.check(f, cfg); err != nil {
		return nil, errors.Join(err, work.Close())
	}
	if err := a.runOver(ctx, d, req); err != nil {
		return nil, errors.Join(err, work.Close())
	}
	return d, nil
}

// check says what a server cannot be asked for.
func (d *detection) check(f *detectFlags, cfg config.Config) error {
	switch {
	case d.work.server == nil:
		return nil
	case cfg.Engine == trinoEngine:
		return locally("run detectors on Trino")
	case f.dir != "":
		return locally("run the detectors in " + f.dir)
	}
	return nil
}

// runOver runs the detectors and shows how far they are.
func (a *app) runOver(ctx context.Context, d *detection, req operate.DetectRequest) error {
	progress := a.newDetectProgress()
	result, err := d.work.Detect(ctx, req, progress.update)
	progress.finish()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	d.result, d.err = result, result.Problem.Err()
	d.detectors = slices.DeleteFunc(d.detectors, func(x *detectors.Detector) bool { return !slices.Contains(result.Detectors, x.ID) })
	a.warnWindow(result.Window, result.Events)
	return nil
}

// request is what the flags ask for.
func (f *detectFlags) request(a *app) (operate.DetectRequest, error) {
	req := operate.DetectRequest{Detectors: f.ids}
	for _, p := range f.params {
		path, value, ok := strings.Cut(p, "=")
		id, name, dot := strings.Cut(path, ".")
		if !ok || !dot || name == "" {
			return req, usagef("write --param request_rate_near_quota.NAME=VALUE", "--param %q is not DETECTOR.NAME=VALUE", p)
		}
		if req.Params == nil {
			req.Params = map[string]map[string]string{}
		}
		if req.Params[id] == nil {
			req.Params[id] = map[string]string{}
		}
		req.Params[id][name] = value
	}
	asked, err := f.times.span(a.now())
	req.From, req.To = asked.Start, asked.End
	return req, err
}

// window is the time range asked for; open ends are those of the data.
func (a *app) window(ctx context.Context, store asker, f *timeFlags) (detectors.Window, error) {
	asked, err := f.span(a.now())
	if err != nil {
		return detectors.Window{}, err
	}
	events, err := operate.Extent(ctx, store)
	if err != nil {
		return detectors.Window{}, err
	}
	w, err := asked.Fill(events, a.now())
	if err == nil {
		a.warnWindow(w, events)
	}
	return detectors.Window{Start: w.Start, End: w.End}, err
}

// warnWindow says when there can be nothing in a window.
func (a *app) warnWindow(w, events operate.Span) {
	switch {
	case events.End.IsZero():
		a.warn("the store has no KMS events yet; kmstrail ingest reads some")
	case w.Misses(events):
		a.warn("no KMS event in the window; the store has them from %s to %s", output.Time(events.Start), output.Time(events.End))
	}
}

func detectorIDs() []string {
	list, err := detectors.Builtin()
	if err != nil {
		return nil
	}
	var ids []string
	for _, d := range list {
		ids = append(ids, d.ID)
	}
	return ids
}

// allDetectors returns the built-in detectors and those in dir.
func allDetectors(dir string) ([]*detectors.Detector, error) {
	list, err := detectors.Builtin()
	if err != nil || dir == "" {
		return list, err
	}
	own, err := detectors.Load(os.DirFS(dir))
	if err != nil {
		return nil, err
	}
	if len(own) == 0 {
		return nil, usagef("detectors are files named ID.sql", "there is no detector in %s", dir)
	}
	for _, d := range own {
		if slices.ContainsFunc(list, func(x *detectors.Detector) bool { return x.ID == d.ID }) {
			return nil, usagef("give it another name", "%s: there is a built-in detector of this name", d.Path)
		}
	}
	return append(list, own...), nil
}

// writeFindings prints a JSON object a line.
func writeFindings(w io.Writer, findings []detectors.Finding) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, f := range findings {
		if err := e.Encode(f); err != nil {
			return fmt.Errorf("print finding %s: %w", f.FindingID, err)
		}
	}
	return nil
}
