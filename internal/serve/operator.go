package serve

import (
	"context"
	"sync"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/internal/metrics"
	"github.com/kmstrail/kmstrail/internal/operate"
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
