package serve

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/digest"
	"github.com/kmstrail/kmstrail/internal/metrics"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/watch"
)

// operator counts what is done, whoever asked for it.
type operator struct {
	*operate.Operator

	metrics *metrics.Metrics
	now     func() time.Time
}

func (o *operator) Ingest(ctx context.Context, req operate.IngestRequest, onProgress func(operate.IngestProgress)) (operate.IngestResult, error) {
	c := counter{metrics: o.metrics}
	result, err := o.Operator.Ingest(ctx, req, func(p operate.IngestProgress) {
		if p.Read != nil {
			c.count(*p.Read)
		}
		if onProgress != nil {
			onProgress(p)
		}
	})
	if result.Summary != nil {
		c.count(result.Summary.Progress)
	}
	return result, err
}

func (o *operator) Detect(ctx context.Context, req operate.DetectRequest, onDay func(done, all int64)) (operate.DetectResult, error) {
	result, err := o.Operator.Detect(ctx, req, onDay)
	for _, run := range result.Runs {
		o.metrics.DetectorRun(run.DetectorID, time.Duration(run.Took), run.Days, run.Error != "")
	}
	fresh := make(map[string]bool, len(result.New))
	for _, id := range result.New {
		fresh[id] = true
	}
	for _, f := range result.Findings {
		if fresh[f.FindingID] {
			o.metrics.Finding(o.now().Sub(f.LastSeen))
		}
	}
	return result, err
}

// asked does what somebody asks for. Like what the server does by itself it is
// not done while the disk is nearly full.
type asked struct {
	*operator

	withSpace func(ctx context.Context, work func(context.Context) error) error
}

func (a asked) Ingest(ctx context.Context, req operate.IngestRequest, onProgress func(operate.IngestProgress)) (result operate.IngestResult, err error) {
	if req.DryRun {
		return a.operator.Ingest(ctx, req, onProgress)
	}
	err = a.write(ctx, "nothing is ingested", func(ctx context.Context) (err error) {
		result, err = a.operator.Ingest(ctx, req, onProgress)
		return err
	})
	return result, err
}

func (a asked) Verify(ctx context.Context, req operate.VerifyRequest, onProgress func(digest.Progress)) (result operate.VerifyResult, err error) {
	err = a.write(ctx, "nothing is verified", func(ctx context.Context) (err error) {
		result, err = a.operator.Verify(ctx, req, onProgress)
		return err
	})
	return result, err
}

func (a asked) Detect(ctx context.Context, req operate.DetectRequest, onDay func(done, all int64)) (result operate.DetectResult, err error) {
	err = a.write(ctx, "no detector runs", func(ctx context.Context) (err error) {
		result, err = a.operator.Detect(ctx, req, onDay)
		return err
	})
	return result, err
}

func (a asked) Rebuild(ctx context.Context, req operate.RebuildRequest, onProgress func(operate.RebuildProgress)) (result operate.RebuildResult, err error) {
	err = a.write(ctx, "nothing is rebuilt", func(ctx context.Context) (err error) {
		result, err = a.operator.Rebuild(ctx, req, onProgress)
		return err
	})
	return result, err
}

// write does work, and says what is to be done when there is no space for it.
func (a asked) write(ctx context.Context, not string, work func(context.Context) error) error {
	err := a.withSpace(ctx, work)
	if paused, ok := errors.AsType[*watch.PausedError](err); ok {
		return &operate.ProblemError{Problem: operate.Problem{
			Kind: operate.KindFailed, Detail: not + " for now: " + paused.Reason,
			Advice: []string{"make space on that disk: the server notices within seconds; or set server.min_free lower and start it again"},
		}}
	}
	return err
}

// counter tells the metrics what an ingest has added since they were last told.
type counter struct {
	metrics *metrics.Metrics

	mu   sync.Mutex
	told ingest.Progress
}

func (c *counter) count(p ingest.Progress) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.told
	c.metrics.Ingest(metrics.Ingested{
		Files: p.ObjectsDone - t.ObjectsDone, Failed: p.Failed - t.Failed,
		Bytes: p.BytesDone - t.BytesDone, JSONBytes: p.JSONBytes - t.JSONBytes,
		Records: p.Records - t.Records, Inserted: p.Inserted - t.Inserted,
		Duplicates: p.Duplicates - t.Duplicates, Quarantined: p.Quarantined - t.Quarantined,
	})
	c.told = p
}
