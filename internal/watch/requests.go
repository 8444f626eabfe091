package watch

import (
	"context"
	"sync"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
)

// requestsEvery is how often requests are counted besides the end of each poll:
// somebody may ingest by hand, or a poll take hours.
const requestsEvery = time.Minute

// requests counts what sources were asked. The count of the day and the hook are
// told the same.
type requests struct {
	w *Watch

	mu      sync.Mutex
	all     func() ingest.Requests // nil while no source is open
	counted ingest.Requests
}

func (r *requests) run(ctx context.Context) {
	for r.w.sleep(ctx, r.w.now().Add(requestsEvery)) {
		if r.count() {
			r.w.save()
		}
	}
}

// of counts the requests of a source, unless there is a count of all.
func (r *requests) of(source ingest.Source) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = source.Requests
	}
}

// count adds the requests since the last count to the day; false when there were
// none.
func (r *requests) count() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		return false
	}
	now := r.all()
	since := now.Minus(r.counted)
	if since == (ingest.Requests{}) {
		return false
	}
	r.counted = now
	r.w.mu.Lock()
	r.w.kept.count(r.w.now(), since)
	r.w.mu.Unlock()
	if r.w.opts.OnRequests != nil {
		r.w.opts.OnRequests(since)
	}
	return true
}
