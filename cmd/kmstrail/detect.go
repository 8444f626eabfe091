package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/output"
	"github.com/kmstrail/kmstrail/internal/rows"
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
	defer closeStore(found.store, &err)
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

// detection is a run of detectors. The caller closes the store.
type detection struct {
	store     *duck.Store
	detectors []*detectors.Detector
	window    detectors.Window
	result    detectors.RunResult
	err       error // of single detectors; the others ran
}

// runDetectors runs what flags and configuration ask for.
func (a *app) runDetectors(cmd *cobra.Command, f *detectFlags) (*detection, error) {
	ctx := cmd.Context()
	cfg, err := a.load(cmd)
	if err != nil {
		return nil, err
	}
	list, err := chooseDetectors(cfg, f)
	if err != nil {
		return nil, err
	}
	params, err := detectorParams(cfg, f.params, list)
	if err != nil {
		return nil, err
	}
	if _, _, err := f.times.window(a.now()); err != nil {
		return nil, err
	}
	if cfg.Engine == trinoEngine {
		return a.detectOnLake(ctx, cfg, list, f, params)
	}
	if err := mustExist(cfg); err != nil {
		return nil, err
	}
	store, err := a.openToWrite(ctx, cfg)
	if err != nil {
		return nil, err
	}
	opts := detectors.RunOptions{Params: params, Scheduled: f.times == timeFlags{}, Now: a.now}
	return a.runOver(ctx, store, store, list, &f.times, opts)
}

// detectOnLake runs detectors where the events are. The store, which is made if
// there is none, only keeps what they find.
func (a *app) detectOnLake(ctx context.Context, cfg config.Config, list []*detectors.Detector, f *detectFlags, params map[string]map[string]string) (*detection, error) {
	if f.times == (timeFlags{}) {
		return nil, usagef("add --last 24h, or --from and --to", "on Trino it is not known what has changed since the last run: say which days to look at")
	}
	l, err := openTrino(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	store, err := a.openToWrite(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return a.runOver(ctx, store, l, list, &f.times, detectors.RunOptions{Engine: l, Params: params, Now: a.now})
}

// runOver runs detectors over the window asked for; open ends are those of the
// events. It closes the store when that fails.
func (a *app) runOver(ctx context.Context, store *duck.Store, events asker, list []*detectors.Detector, times *timeFlags, opts detectors.RunOptions) (*detection, error) {
	d := &detection{store: store, detectors: list}
	var err error
	if d.window, err = a.window(ctx, events, times); err == nil {
		progress := a.newDetectProgress()
		opts.Window, opts.OnDay = d.window, progress.update
		d.result, d.err = detectors.Run(ctx, store, list, opts)
		progress.finish()
		err = ctx.Err()
	}
	if err == nil && d.err != nil && len(d.result.Runs) == 0 {
		err = d.err
	}
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return d, nil
}

// mustExist refuses to create the store.
func mustExist(cfg config.Config) error {
	if cfg.DB == duck.Memory {
		return nil
	}
	if _, err := os.Stat(cfg.DB); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("open database %s: there is no such file; kmstrail ingest creates it, --db names another", cfg.DB)
	}
	return nil
}

// window is the time range asked for; open ends are those of the data.
func (a *app) window(ctx context.Context, store asker, f *timeFlags) (detectors.Window, error) {
	from, to, err := f.window(a.now())
	if err != nil {
		return detectors.Window{}, err
	}
	var first, last time.Time
	err = eachRow(ctx, store, "select min(event_time), max(event_time) from kms_events", nil, func(r rows.Row) {
		first, last = r.Moment(0), r.Moment(1)
	})
	if err != nil {
		return detectors.Window{}, err
	}
	if last.IsZero() {
		a.warn("the store has no KMS events yet; kmstrail ingest reads some")
		first, last = a.now().UTC().Truncate(time.Second).Add(-time.Hour), a.now().UTC().Truncate(time.Second)
	}
	w := detectors.Window{Start: from, End: to}
	if w.Start.IsZero() {
		w.Start = first
	}
	if w.End.IsZero() {
		w.End = last.Truncate(time.Second).Add(time.Second)
		if f.last != "" {
			w.End = a.now().UTC()
		}
	}
	if !w.Start.Before(w.End) {
		return w, usagef("the store has KMS events from "+output.Time(first)+" to "+output.Time(last), "there is nothing in the window: it starts at %s", output.Time(w.Start))
	}
	if !first.IsZero() && (w.End.Before(first) || w.Start.After(last)) {
		a.warn("no KMS event in the window; the store has them from %s to %s", output.Time(first), output.Time(last))
	}
	return w, nil
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

// chooseDetectors picks the detectors to run.
func chooseDetectors(cfg config.Config, f *detectFlags) ([]*detectors.Detector, error) {
	all, err := allDetectors(f.dir)
	if err != nil {
		return nil, err
	}
	known := make([]string, len(all))
	for i, d := range all {
		known[i] = d.ID
	}
	for _, id := range f.ids {
		if err := oneOf("--detector", id, known); err != nil {
			return nil, err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(cfg.Detectors)) {
		if !slices.Contains(known, id) {
			return nil, usagef(suggestion(id, known), "%s: detectors: unknown detector %q", cfg.Origin("detectors."+id), id)
		}
	}
	var list []*detectors.Detector
	for _, d := range all {
		wanted := len(f.ids) == 0 && !cfg.Detectors[d.ID].Disabled || slices.Contains(f.ids, d.ID)
		if wanted {
			list = append(list, d)
		}
	}
	if len(list) == 0 {
		return nil, usagef("remove disabled: true from one", "every detector is disabled by the configuration")
	}
	return list, nil
}

// detectorParams collects parameters from configuration and flags.
func detectorParams(cfg config.Config, flags []string, list []*detectors.Detector) (map[string]map[string]string, error) {
	params := map[string]map[string]string{}
	for id, d := range cfg.Detectors {
		if len(d.Params) > 0 && slices.ContainsFunc(list, func(x *detectors.Detector) bool { return x.ID == id }) {
			params[id] = maps.Clone(d.Params)
		}
	}
	for _, p := range flags {
		path, value, ok := strings.Cut(p, "=")
		id, name, dot := strings.Cut(path, ".")
		if !ok || !dot || name == "" {
			return nil, usagef("write --param request_rate_near_quota.NAME=VALUE", "--param %q is not DETECTOR.NAME=VALUE", p)
		}
		var ids []string
		for _, d := range list {
			ids = append(ids, d.ID)
		}
		if err := oneOf("--param", id, ids); err != nil {
			return nil, err
		}
		if params[id] == nil {
			params[id] = map[string]string{}
		}
		params[id][name] = value
	}
	return params, nil
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
