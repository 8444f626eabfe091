// Package onstore does the work of a watch on a store.
package onstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/digest"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/report"
	"github.com/kmstrail/kmstrail/internal/rows"
	"github.com/kmstrail/kmstrail/internal/watch"
)

// Operator is what this needs of operate.Operator.
type Operator interface {
	Ingest(ctx context.Context, req operate.IngestRequest, onProgress func(operate.IngestProgress)) (operate.IngestResult, error)
	Detect(ctx context.Context, req operate.DetectRequest, onDay func(done, all int64)) (operate.DetectResult, error)
	Maintain(ctx context.Context, req operate.MaintainRequest) (operate.MaintainResult, error)
	Verify(ctx context.Context, req operate.VerifyRequest, onProgress func(digest.Progress)) (operate.VerifyResult, error)
	Backup(ctx context.Context, req operate.BackupRequest) (operate.BackupResult, error)
}

// Options say what the work needs besides operator and store.
type Options struct {
	Config  config.Config
	Version string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Detectors are all there are; nil means those that are part of the program.
	Detectors []*detectors.Detector
}

// Work does the work of a watch. It implements watch.Work.
type Work struct {
	op    Operator
	store *duck.Store
	opts  Options
}

var _ watch.Work = (*Work)(nil)

// New returns the work on a store, done by its operator. The operator's
// OpenSource should be that of watch.Sources.
func New(op Operator, store *duck.Store, opts Options) *Work {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Work{op: op, store: store, opts: opts}
}

// Ingest implements watch.Work. Sums are put together by the store itself after
// many commits, and by the task that maintains.
func (w *Work) Ingest(ctx context.Context, req watch.Ingest) (ingest.Summary, error) {
	result, err := w.op.Ingest(ctx, operate.IngestRequest{
		DeliveredFrom: req.DeliveredFrom, DeliveredTo: req.DeliveredTo, Except: req.Except, LeaveFailed: req.LeaveFailed, NoMaintain: true,
	}, func(p operate.IngestProgress) {
		if p.Read != nil && req.OnProgress != nil {
			req.OnProgress(*p.Read)
		}
	})
	var summary ingest.Summary
	if result.Summary != nil {
		summary = *result.Summary
	}
	if err == nil && result.Partial != nil {
		err = result.Partial
	}
	return summary, err
}

// Deliveries implements watch.Work.
func (w *Work) Deliveries(ctx context.Context, source string) (first, newest time.Time, err error) {
	err = w.each(ctx, "select min(delivered_at), max(delivered_at) from log_files where source = ?", []any{source}, func(r rows.Row) {
		first, newest = r.Moment(0), r.Moment(1)
	})
	return first, newest, err
}

func (w *Work) each(ctx context.Context, sql string, args []any, visit func(rows.Row)) error {
	reader, err := w.store.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	return rows.Scan(reader, visit)
}

// Detect implements watch.Work.
func (w *Work) Detect(ctx context.Context, ids []string) (watch.Detected, error) {
	result, err := w.op.Detect(ctx, operate.DetectRequest{Detectors: ids}, nil)
	out := watch.Detected{Withdrawn: result.Withdrawn}
	for _, run := range result.Runs {
		out.Runs = append(out.Runs, run.Whole())
	}
	for _, f := range result.Findings {
		if slices.Contains(result.New, f.FindingID) {
			out.New = append(out.New, f)
		}
	}
	if err == nil {
		err = result.Problem.Err()
	}
	return out, err
}

// LastDetect implements watch.Work.
func (w *Work) LastDetect(ctx context.Context, ids []string) (last time.Time, err error) {
	err = w.each(ctx, "select max(started_at) from detector_runs where error is null and detector_id in (select unnest(?))", []any{ids},
		func(r rows.Row) { last = r.Moment(0) })
	return last, err
}

// verified is how far back log files are compared with digests again and again: the
// digests of a day are complete an hour or two after it.
const verified = operate.Seconds(2 * 24 * time.Hour)

// Verify implements watch.Work.
func (w *Work) Verify(ctx context.Context) error {
	result, err := w.op.Verify(ctx, operate.VerifyRequest{Last: verified}, nil)
	if err == nil && len(result.Unlisted) > 0 {
		err = fmt.Errorf("verify log files: %s", strings.Join(result.Unlisted, "; "))
	}
	return err
}

// Maintain implements watch.Work.
func (w *Work) Maintain(ctx context.Context) error {
	_, err := w.op.Maintain(ctx, operate.MaintainRequest{All: true})
	return err
}

// Report implements watch.Work. Detectors look at what has changed before; one
// that fails is in the report.
func (w *Work) Report(ctx context.Context, window detectors.Window) (watch.Report, error) {
	result, err := w.op.Detect(ctx, operate.DetectRequest{}, nil)
	if err != nil {
		return nil, err
	}
	list := w.opts.Detectors
	if list == nil {
		if list, err = detectors.Builtin(); err != nil {
			return nil, err
		}
	}
	list = slices.DeleteFunc(slices.Clone(list), func(d *detectors.Detector) bool { return !slices.Contains(result.Detectors, d.ID) })
	findings, err := detectors.ReadFindings(ctx, w.store, detectors.FindingFilter{DetectorIDs: result.Detectors, From: window.Start, To: window.End})
	if err != nil {
		return nil, err
	}
	var runs []detectors.DetectorRun
	for _, run := range result.Runs {
		runs = append(runs, run.Whole())
	}
	return report.Build(ctx, w.store, report.Options{
		Version: w.opts.Version, Now: w.opts.Now(), Window: report.Window{Start: window.Start, End: window.End},
		Detectors: list, Findings: findings, Runs: runs,
	})
}

// Backup implements watch.Work.
func (w *Work) Backup(ctx context.Context) (path string, err error) {
	result, err := w.op.Backup(ctx, operate.BackupRequest{})
	return result.Path, err
}
