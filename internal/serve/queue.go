package serve

import (
	"context"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/queuesource"
	"github.com/kmstrail/kmstrail/internal/metrics"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/watch"
)

// readQueue reads the queue of the configuration until ctx ends.
func (s *server) readQueue(ctx context.Context, events watch.QueueEvents) error {
	_, err := s.operator.IngestQueue(ctx, operate.QueueRequest{
		Follow: true, NoMaintain: true, // the schedule sees to that
		OnIngested: func(done ingest.Summary) {
			c := counter{metrics: s.metrics}
			c.count(done.Progress)
		},
		OnReceive: s.metrics.QueueReceived,
		OnTurn: func(t queuesource.Turn) {
			s.metrics.QueueTurn(metrics.QueueTurn{
				Stored: t.Stored, Skipped: t.Skipped, Quarantined: t.Quarantined, Left: t.Left,
				Deleted: t.Stored + t.Skipped + t.Quarantined - t.Undeleted, Delays: t.Delays,
			})
			events.Turn(queueTurn(t))
		},
		OnError: events.Failing,
		OnHeld:  func(messages int, oldest time.Time) { events.Held(messages, oldest) },
	})
	return err
}

func queueTurn(t queuesource.Turn) watch.QueueTurn {
	out := watch.QueueTurn{Stored: t.Stored, Skipped: t.Skipped, Quarantined: t.Quarantined, Left: t.Left}
	if len(t.Problems) > 0 {
		out.Problem = t.Problems[0]
	}
	return out
}
