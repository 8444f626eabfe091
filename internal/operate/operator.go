package operate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/schema"
)

// Options are what an Operator needs besides store and configuration.
type Options struct {
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log takes what sources and the like say; nil means nobody.
	Log *slog.Logger
	// Details takes what an ingest says of single files, which the result says
	// again in short; nil means nobody.
	Details *slog.Logger
	// Version is the program's.
	Version string

	// OpenSource opens the ingest.source of cfg, which has what the request asks
	// for; nil means the function OpenSource. Who sets it may keep sources open:
	// the operator closes only those that it has opened itself.
	OpenSource func(ctx context.Context, cfg config.Config) (ingest.Source, error)
	// Shared says that a queue is read as well: an ingest that lists holds the store
	// for some log files at a time, so that those of the queue need not wait.
	Shared bool
	// Detectors are all there are; nil means those that are part of the program.
	Detectors []*detectors.Detector
	// Events runs the queries of detectors where the events are when that is not
	// the store; nil means the store.
	Events Engine
}

// Engine answers questions about events.
type Engine interface {
	Asker
	detectors.Engine
}

// Operator changes a store. Its methods may be called by several goroutines.
type Operator struct {
	store *duck.Store
	cfg   config.Config
	opts  Options
	seen  ingest.Seen
	// ingesting, storing and detecting hold a token while nobody does it: an ingest
	// that lists has the first, whoever writes log files to the store the second.
	ingesting, storing, detecting chan struct{}
}

// New returns the operator of a store that is open for writing.
func New(store *duck.Store, cfg config.Config, opts Options) *Operator {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	o := &Operator{store: store, cfg: cfg, opts: opts, ingesting: make(chan struct{}, 1), storing: make(chan struct{}, 1), detecting: make(chan struct{}, 1)}
	o.ingesting <- struct{}{}
	o.storing <- struct{}{}
	o.detecting <- struct{}{}
	return o
}

func (o *Operator) now() time.Time { return o.opts.Now() }

// ErrBusy says that the same work is being done already.
var ErrBusy = errors.New("busy: the same is being done already")

// take waits for its turn. The caller gives the turn back.
func take(ctx context.Context, turn chan struct{}, noWait bool) (give func(), err error) {
	give = func() { turn <- struct{}{} }
	select {
	case <-turn:
		return give, nil
	default:
	}
	if noWait {
		return nil, ErrBusy
	}
	select {
	case <-turn:
		return give, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Configure brings the tables that come from the configuration up to date, with
// what the newest inventory says of accounts and quotas beside it. Whoever opens
// a store to operate on it calls it once.
func Configure(ctx context.Context, store *duck.Store, cfg config.Config) error {
	for _, t := range cfg.Tables() {
		var err error
		switch t.Table {
		case &schema.Accounts:
			t.Rows, err = withInventoryAccounts(ctx, store, t.Rows)
		case &schema.Quotas:
			t.Rows, err = withInventoryQuotas(ctx, store, cfg, t.Rows)
		}
		if err == nil {
			err = replaceTable(ctx, store, t)
		}
		if err != nil {
			return fmt.Errorf("write configuration to database: %w", err)
		}
	}
	return nil
}

func replaceTable(ctx context.Context, store *duck.Store, t config.TableRows) error {
	rec, err := schema.Rows(t.Table, t.Rows)
	if err != nil {
		return err
	}
	defer rec.Release()
	return store.Replace(ctx, t.Table, rec)
}
