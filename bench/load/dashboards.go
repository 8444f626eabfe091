package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/kmstrail/kmstrail/grafana-plugin/dashboards"
	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/plugin"
)

const (
	// dashboardDays is the range of the dashboards, dashboardPoints the points that
	// Grafana proposes for a panel which does not say how many.
	dashboardDays   = 90
	dashboardPoints = 1000
	// dashboardEvery is how often a panel of them is asked under load: what they
	// take must not be most of the load.
	dashboardEvery = time.Second
	// dashboardRounds is how often each is asked without load.
	dashboardRounds = 5
)

// dashboardQuery is a query of the plugin's dashboards: of a panel, or of a variable.
type dashboardQuery struct {
	name string // dashboard: panel
	// query has a query of the plugin as JSON members.
	query  map[string]any
	points int64
	// all are the variables that are All, single those of which one value is chosen.
	all, single []string
	// peak lists the values of the variable of that name, where there is one.
	peak *dashboards.VariableQuery
}

// dashboardQueries lists the queries of all dashboards that ask the server.
func dashboardQueries() ([]dashboardQuery, error) {
	var out []dashboardQuery
	for _, d := range dashboards.All() {
		var all, single []string
		var peak *dashboards.VariableQuery
		for _, v := range d.Templating.List {
			switch q, ok := v.Query.(dashboards.VariableQuery); {
			case !ok:
			case v.IncludeAll:
				all = append(all, v.Name)
			default:
				single = append(single, v.Name)
				if v.Name == "peak" {
					peak = &q
				}
			}
			if q, ok := v.Query.(dashboards.VariableQuery); ok && q.Variable == "sql" {
				out = append(out, dashboardQuery{d.Title + ": variable " + v.Name, map[string]any{"kind": "sql", "format": "table", "sql": q.SQL}, dashboardPoints, all, single, peak})
			}
		}
		for _, p := range d.Panels {
			for _, p := range append([]dashboards.Panel{p}, p.Panels...) {
				for _, target := range p.Targets {
					q, err := members(target)
					if err != nil {
						return nil, err
					}
					out = append(out, dashboardQuery{d.Title + ": " + p.Title, q, cmp.Or(p.MaxDataPoints, dashboardPoints), all, single, peak})
				}
			}
		}
	}
	return out, nil
}

func members(v any) (map[string]any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	err = json.Unmarshal(text, &out)
	return out, err
}

// grafana asks as Grafana's plugin does, in this process.
type grafana struct {
	source  *plugin.Datasource
	queries []dashboardQuery
	now     func() time.Time
	peak    string
}

// openGrafana makes the plugin's backend for a server; the caller disposes of its source.
func openGrafana(ctx context.Context, url string, now func() time.Time) (*grafana, error) {
	queries, err := dashboardQueries()
	if err != nil {
		return nil, err
	}
	source, err := plugin.New(ctx, backend.DataSourceInstanceSettings{UID: "kms", Name: "KMS", URL: url, JSONData: []byte("{}")})
	if err != nil {
		return nil, err
	}
	g := &grafana{source: source.(*plugin.Datasource), queries: queries, now: now}
	for _, q := range queries {
		if q.peak == nil {
			continue
		}
		if g.peak, err = g.first(ctx, q, q.peak.SQL); err != nil {
			return nil, errors.Join(err, ctx.Err())
		}
		break
	}
	return g, nil
}

// first is the first value that a variable offers.
func (g *grafana) first(ctx context.Context, q dashboardQuery, sql string) (string, error) {
	q.query = map[string]any{"kind": "sql", "format": "table", "sql": sql}
	r, err := g.ask(ctx, &q, choice{})
	if err != nil {
		return "", err
	}
	for _, f := range r.Frames {
		if field, _ := f.FieldByName("__value"); field != nil && field.Len() > 0 {
			if value, ok := field.ConcreteAt(0); ok {
				return fmt.Sprint(value), nil
			}
		}
	}
	return "", nil
}

// ask runs a query over the last 90 days.
func (g *grafana) ask(ctx context.Context, q *dashboardQuery, c choice) (backend.DataResponse, error) {
	values := map[string][]string{}
	for _, name := range q.all {
		values[name] = []string{"$__all"}
	}
	for _, name := range q.single {
		if value := map[string]string{"key": c.key, "principal": c.principal, "peak": g.peak}[name]; value != "" {
			values[name] = []string{value}
		}
	}
	query := maps.Clone(q.query)
	query["variables"] = values
	text, err := json.Marshal(query)
	if err != nil {
		return backend.DataResponse{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, queryPatience)
	defer cancel()
	now := g.now()
	answer, err := g.source.QueryData(ctx, &backend.QueryDataRequest{Queries: []backend.DataQuery{{
		RefID: "A", JSON: text, TimeRange: backend.TimeRange{From: now.AddDate(0, 0, -dashboardDays), To: now},
		Interval: dashboardDays * 24 * time.Hour / time.Duration(q.points), MaxDataPoints: q.points,
	}}})
	if err != nil {
		return backend.DataResponse{}, err
	}
	return answer.Responses["A"], answer.Responses["A"].Error
}

// round asks every query once, not sooner than every after one another.
func (g *grafana) round(ctx context.Context, c choice, every time.Duration, r *results) error {
	for i := range g.queries {
		q, begin := &g.queries[i], time.Now()
		_, err := g.ask(ctx, q, c)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.add(q.name, time.Since(begin), err)
		if err := wait(ctx, begin.Add(every)); err != nil {
			return err
		}
	}
	return nil
}

// slowest lists what was asked by its 95th percentile, the slowest first.
func (r *results) slowest() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Keys(r.times), func(a, b string) int {
		return int(percentile(sorted(r.times[b]), 0.95) - percentile(sorted(r.times[a]), 0.95))
	})
}
