package serve

import (
	"context"
	"errors"
	"net"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/access"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/flightsql"
	"github.com/kmstrail/kmstrail/internal/httpapi"
	"github.com/kmstrail/kmstrail/internal/metrics"
	"github.com/kmstrail/kmstrail/internal/watch"
)

// protocolFlight is how metrics and the audit log name Flight SQL.
const protocolFlight = "flight"

func (s *server) flightOptions(ctx context.Context) (flightsql.Options, error) {
	c := s.Config.Server
	backend := flightBackend{store: s.store, limits: duck.Limits{Rows: int64(c.QueryRows), Bytes: sizeOf(c.QueryBytes), Time: c.QueryTime, Memory: sizeOf(c.QueryMemory)}}
	catalog, err := backend.catalog(ctx)
	return flightsql.Options{
		Backend: backend, Queries: namedQueries{}, Catalog: catalog,
		Authenticate: s.authenticateFlight(ctx),
		Concurrency:  c.Queries, PerPrincipal: c.QueriesPerToken,
		TLS: s.tls, Version: s.Version, Log: s.Log, Now: s.Now, OnQuery: s.queryEnded,
	}, err
}

// authenticateFlight says who is at a network connection, and notes who is not
// let in.
func (s *server) authenticateFlight(ctx context.Context) func(authorization string, peer net.Addr) (access.Principal, error) {
	ctx = context.WithoutCancel(ctx)
	return func(authorization string, peer net.Addr) (access.Principal, error) {
		p, err := s.guard.Authenticate(authorization, peer)
		if err != nil {
			s.metrics.Refused(protocolFlight, refusal(err))
			s.audit.Record(ctx, access.Entry{Peer: peer.String(), Protocol: protocolFlight, Action: "connect", Outcome: "denied", Error: err.Error()})
		}
		return p, err
	}
}

// refusal is the reason of an error of the guard, as metrics name it.
func refusal(err error) string {
	var many *access.TooManyError
	switch {
	case errors.Is(err, access.ErrNoToken):
		return "no_token"
	case errors.Is(err, access.ErrExpired):
		return "expired"
	case errors.As(err, &many):
		return "too_many"
	case errors.Is(err, access.ErrBadToken):
		return "bad_token"
	}
	return "other"
}

// queryEnded counts and writes down a query.
func (s *server) queryEnded(ctx context.Context, q flightsql.Query) {
	s.metrics.Query(metrics.Query{
		Protocol: protocolFlight, Outcome: string(q.Outcome), Duration: q.Duration, FirstBatch: q.FirstBatch, Rows: q.Rows, Bytes: q.Bytes,
	})
	e := access.Entry{
		Principal: q.Principal, Peer: q.Peer, Protocol: protocolFlight, Action: "query", Detail: q.SQL,
		Outcome: string(q.Outcome), Duration: q.Duration, Rows: q.Rows, Bytes: q.Bytes,
	}
	if q.Principal.IsLocal() {
		e.Protocol = access.ProtocolUnix
	}
	if q.Outcome == flightsql.Done {
		e.Outcome = "ok"
	}
	if q.Err != nil {
		e.Error = q.Err.Error()
	}
	s.audit.Record(ctx, e)
}

func (s *server) httpOptions() httpapi.Options {
	c := s.Config.Server
	return httpapi.Options{
		Store: s.store, Operator: asked{s.operator, s.watch.WithSpace}, Guard: s.guard, Tokens: s.tokens, Metrics: s.metrics,
		Audit: s.audit.Record, Server: s.state,
		Queries: func() (list []httpapi.RunningQuery) {
			for _, q := range s.flight.Running() {
				list = append(list, httpapi.RunningQuery(q))
			}
			return list
		},
		CancelQuery: s.flight.Cancel,
		Source:      s.Config.Ingest.Source, Reports: watch.ReportsDir(s.store.Path(), c.Reports),
		FlightAddress: s.info.Flight,
		QueriesAtOnce: max(1, c.Queries/4), QueryRows: int64(c.QueryRows), QueryTime: c.QueryTime,
		Version: s.Version, Now: s.Now, Log: s.Log,
	}
}

func detectorIDs() []string {
	list, err := detectors.Builtin()
	if err != nil {
		return nil // opening the store says so too
	}
	ids := make([]string, len(list))
	for i, d := range list {
		ids[i] = d.ID
	}
	return ids
}
