package plugin

import (
	"context"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
	"github.com/grafana/grafana-plugin-sdk-go/backend/resource/httpadapter"
	"golang.org/x/sync/semaphore"

	"github.com/kmstrail/kmstrail/internal/flightclient"
)

// What Grafana calls.
var (
	_ backend.QueryDataHandler      = (*Datasource)(nil)
	_ backend.CheckHealthHandler    = (*Datasource)(nil)
	_ backend.CallResourceHandler   = (*Datasource)(nil)
	_ instancemgmt.InstanceDisposer = (*Datasource)(nil)
)

// ID of the plugin, as in plugin.json.
const ID = "kmstrail-kms-datasource"

// Datasource is one configured datasource. A change of its settings makes a new
// one.
type Datasource struct {
	settings Settings
	// broken says why the settings cannot be used. Health checks and queries
	// tell it; Grafana would show an error of New to nobody.
	broken error
	now    func() time.Time

	links links
	// places bounds the queries of panels and rules, in the order in which they
	// came; asides bounds the questions of ours beside them, which queries wait
	// for and so must not wait for them; lookups bounds those for values, which
	// can be many and slow.
	places, asides, lookups *semaphore.Weighted

	catalogs cache[*catalog]
	statuses cache[Status]
	gaps     cache[[]gap]
	named    cache[[]flightclient.NamedQuery]
	values   cache[[]Value]

	resources backend.CallResourceHandler
}

// How long answers are kept. New logs come every minute or so; tables and named
// queries change with the server.
const (
	keepCatalog = 5 * time.Minute
	keepStatus  = 30 * time.Second
	keepGaps    = 5 * time.Minute
	keepValues  = time.Minute
	// keptValues is how many lists of values are kept: one of 10,000 keys takes
	// 2 MB.
	keptValues = 100
	// asideTime bounds a question of our own.
	asideTime = 30 * time.Second
	// asidesAtOnce is how many of them there are at the same time, and of those
	// for values.
	asidesAtOnce = 4
)

// errSlow ends a question of our own.
var errSlow = &problem{
	Message: "The server did not answer within " + asideTime.String() + ".", Hint: "Its status page says what it is doing.",
	status: backend.StatusTimeout, source: backend.ErrorSourceDownstream,
}

// New makes a datasource of its settings. It does not connect.
func New(_ context.Context, in backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
	settings, err := ParseSettings(in)
	d := newDatasource(settings, func() (server, error) { return dial(settings) }, time.Now)
	d.broken = err
	return d, nil
}

func newDatasource(s Settings, open func() (server, error), now func() time.Time) *Datasource {
	d := &Datasource{
		settings: s,
		now:      now,
		links:    links{open: open},
		places:   semaphore.NewWeighted(int64(max(s.MaxConcurrent, 1))),
		asides:   semaphore.NewWeighted(asidesAtOnce),
		lookups:  semaphore.NewWeighted(asidesAtOnce),
		catalogs: cache[*catalog]{keep: keepCatalog, most: 1, now: now},
		statuses: cache[Status]{keep: keepStatus, most: 1, now: now},
		gaps:     cache[[]gap]{keep: keepGaps, most: 1, now: now},
		named:    cache[[]flightclient.NamedQuery]{keep: keepCatalog, most: 1, now: now},
		values:   cache[[]Value]{keep: keepValues, most: keptValues, now: now},
	}
	d.resources = httpadapter.New(d.routes())
	return d
}

// Dispose ends the datasource. Queries that run go on; the connection is closed
// when they have ended.
func (d *Datasource) Dispose() { d.links.dispose() }

// CallResource answers what editors ask.
func (d *Datasource) CallResource(ctx context.Context, req *backend.CallResourceRequest, sender backend.CallResourceResponseSender) error {
	return d.resources.CallResource(ctx, req, sender)
}

// take returns the connection; the caller gives it back.
func (d *Datasource) take() (*link, error) {
	if d.broken != nil {
		return nil, d.broken
	}
	return d.links.take()
}

// attempt asks the server by f, a second time over a new connection if it could
// not be reached: it may have been restarted.
func attempt[V any](ctx context.Context, d *Datasource, f func(server) (V, error)) (V, error) {
	v, err := once(d, f)
	if unreachable(err) && ctx.Err() == nil {
		v, err = once(d, f)
	}
	return v, err
}

func once[V any](d *Datasource, f func(server) (V, error)) (V, error) {
	c, err := d.take()
	if err != nil {
		var none V
		return none, err
	}
	defer d.links.put(c)
	v, err := f(c)
	if unreachable(err) || timedOut(err) {
		d.links.renew(c)
	}
	return v, err
}

// aside is attempt for a question of our own. Several may wait for its answer, so
// it ends with none of them.
func aside[V any](ctx context.Context, d *Datasource, f func(context.Context, server) (V, error)) (V, error) {
	return within(ctx, d, d.asides, f)
}

// within is aside with as many at once as there are places.
func within[V any](ctx context.Context, d *Datasource, places *semaphore.Weighted, f func(context.Context, server) (V, error)) (V, error) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), asideTime, errSlow)
	defer cancel()
	var none V
	if err := places.Acquire(ctx, 1); err != nil {
		return none, context.Cause(ctx)
	}
	defer places.Release(1)
	return attempt(ctx, d, func(s server) (V, error) { return f(ctx, s) })
}
