package operate

import (
	"context"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/queuesource"
	"github.com/kmstrail/kmstrail/internal/config"
)

// QueueRequest says how to read the queue of the configuration.
type QueueRequest struct {
	// Follow goes on until the context ends; else until the queue is empty.
	Follow bool
	// NoMaintain leaves the store as it is afterwards.
	NoMaintain bool

	// OnIngested, if not nil, is told of each commit, and the others as those of
	// queuesource.Options are.
	OnIngested func(ingest.Summary)
	OnTurn     func(queuesource.Turn)
	OnReceive  func(messages int)
	OnError    func(error)
	OnHeld     func(messages int, oldest time.Time)
}

// QueueResult says what was read from a queue.
type QueueResult struct {
	// Queue is its URL.
	Queue string
	// Messages are sums over all turns.
	Messages queuesource.Turn
	Summary  ingest.Summary
	Took     Seconds
	// Maintained is nil when there was no need.
	Maintained *MaintainResult
}

// Unreadable reports whether a message or a log file could not be read.
func (r QueueResult) Unreadable() bool {
	return r.Messages.Left+r.Messages.Undeleted+r.Summary.Failed+Rejected(r.Summary) > 0
}

// CheckQueue says what is wrong with the queue of a configuration, without a
// request.
func CheckQueue(cfg config.Config) error {
	if cfg.Queue.URL == "" {
		return Usagef("give --queue URL, or set queue.url in kmstrail.yaml", "no queue is given")
	}
	if _, err := queuesource.ParseURL(cfg.Queue.URL); err != nil {
		return Usagef("aws sqs get-queue-url prints it", "%v", err)
	}
	places := queueBuckets(cfg)
	if len(places) == 0 {
		return Usagef("name the bucket of the log files, s3://BUCKET, or set ingest.source or queue.buckets", "which buckets messages of the queue may name is not known")
	}
	seen := map[string]bool{}
	for _, place := range places {
		if err := CheckSource(place); err != nil {
			return err
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(place, bucketScheme), "/")
		if seen[name] {
			return Usagef("give one of them, with the prefix that both have in common", "bucket %s is in queue.buckets or ingest.source more than once", name)
		}
		seen[name] = true
	}
	return nil
}

// queueBuckets are the places whose log files messages may name.
func queueBuckets(cfg config.Config) []string {
	var places []string
	if IsBucket(cfg.Ingest.Source) {
		places = append(places, cfg.Ingest.Source)
	}
	for _, place := range cfg.Queue.Buckets {
		if place != cfg.Ingest.Source {
			places = append(places, place)
		}
	}
	return places
}

// IngestQueue reads what the queue of the configuration tells of into the store.
// With an error the result says what was stored before. What a message tells of
// is committed before it is deleted.
func (o *Operator) IngestQueue(ctx context.Context, req QueueRequest) (QueueResult, error) {
	r := queueRun{Operator: o, req: req, result: QueueResult{Queue: o.cfg.Queue.URL}}
	if err := CheckQueue(o.cfg); err != nil {
		return r.result, err
	}
	opts, err := r.options(ctx)
	if err != nil {
		return r.result, err
	}
	start := o.now()
	err = queuesource.Run(ctx, opts)
	r.result.Took = Seconds(o.now().Sub(start))
	if err != nil || r.result.Summary.ObjectsDone == 0 || req.NoMaintain {
		return r.result, err
	}
	done, err := o.Maintain(ctx, MaintainRequest{})
	r.result.Maintained = &done
	return r.result, err
}

// queueRun is one reading of a queue.
type queueRun struct {
	*Operator
	req    QueueRequest
	result QueueResult
}

func (r *queueRun) options(ctx context.Context) (queuesource.Options, error) {
	cfg := r.cfg
	queue, err := queuesource.Open(ctx, queuesource.Config{
		URL: cfg.Queue.URL, Profile: cfg.AWS.Profile, Region: cfg.AWS.Region,
	})
	if err != nil {
		return queuesource.Options{}, err
	}
	buckets := map[string]queuesource.Bucket{}
	for _, place := range queueBuckets(cfg) {
		of := cfg
		of.Ingest.Source = place
		source, _, err := r.openSource(ctx, of) // a bucket: nothing to close
		if err != nil {
			return queuesource.Options{}, err
		}
		name, prefix, _ := strings.Cut(strings.TrimPrefix(place, bucketScheme), "/")
		buckets[name] = queuesource.Bucket{Prefix: prefix, Source: source}
	}
	return queuesource.Options{
		Queue: queue, Buckets: buckets, Store: r.store,
		Selection: ingest.Selection{OrganizationID: cfg.Ingest.OrganizationID, Accounts: cfg.Ingest.Accounts, Regions: cfg.Ingest.Regions},
		Follow:    r.req.Follow, Receivers: cfg.Queue.Receivers, Linger: cfg.Queue.Linger, Visibility: cfg.Queue.Visibility,
		OnTurn: r.turn, OnReceive: r.req.OnReceive, OnError: r.req.OnError, OnHeld: r.req.OnHeld, Logger: r.opts.Log,
	}, nil
}

// store ingests one part of a turn.
func (r *queueRun) store(ctx context.Context, source ingest.Source) error {
	give, err := take(ctx, r.storing, false)
	if err != nil {
		return err
	}
	defer give()
	before := source.Requests()
	s, err := ingest.Run(ctx, ingest.Options{
		Source: source, Sink: r.Operator.store, Scattered: true, Concurrency: r.cfg.Ingest.Concurrency, Seen: &r.seen,
		SelfPrincipals: r.cfg.SelfPrincipals, RedactContext: ContextPatterns(r.cfg), Logger: r.opts.Details,
	})
	s.Requests = source.Requests().Minus(before)
	r.result.Summary.Merge(&s)
	if r.req.OnIngested != nil {
		r.req.OnIngested(s)
	}
	return err
}

func (r *queueRun) turn(t queuesource.Turn) {
	sum := &r.result.Messages
	sum.Messages += t.Messages
	sum.Stored += t.Stored
	sum.Skipped += t.Skipped
	sum.Quarantined += t.Quarantined
	sum.Left += t.Left
	sum.Gone += t.Gone
	sum.Undeleted += t.Undeleted
	if len(sum.Problems) < 5 {
		sum.Problems = append(sum.Problems, t.Problems...)
	}
	if r.req.OnTurn != nil {
		r.req.OnTurn(t)
	}
}
