package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/macros"
	"github.com/kmstrail/kmstrail/internal/flightclient"
)

// routes are the resources of the datasource. Answers are JSON; errors have
// message and hint.
func (d *Datasource) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /schema", d.serve(d.getSchema))
	mux.HandleFunc("GET /values", d.serve(d.getValues))
	mux.HandleFunc("GET /named", d.serve(d.getNamed))
	mux.HandleFunc("GET /macros", d.serve(getMacros))
	mux.HandleFunc("GET /status", d.serve(d.getStatus))
	mux.HandleFunc("POST /preview", d.serve(d.postPreview))
	mux.HandleFunc("/", d.serve(func(*http.Request) (any, error) {
		return nil, &problem{Message: "The datasource has no such resource.", status: backend.StatusNotFound}
	}))
	return mux
}

// serve writes what f returns.
func (d *Datasource) serve(f func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		body, err := guarded(func() (any, error) { return f(r) })
		if err != nil {
			p := problemOf(err)
			body, status = p, int(p.status)
		}
		w.Header().Set("Content-Type", "application/json")
		text, err := json.Marshal(body)
		if err != nil { // of our own types it cannot be
			text, status = []byte(`{"message":"The answer cannot be written."}`), http.StatusInternalServerError
		}
		w.WriteHeader(status)
		_, _ = w.Write(text) // who asked may be gone
	}
}

// functions of DuckDB that people ask for; the server allows more.
var functions = []string{
	"abs", "age", "any_value", "approx_count_distinct", "approx_quantile", "arg_max", "arg_min", "array_agg", "avg", "bool_and", "bool_or",
	"cardinality", "ceil", "coalesce", "concat", "contains", "corr", "count", "count_if", "date_diff", "date_part", "date_trunc", "day", "dayname",
	"dense_rank", "element_at", "ends_with", "epoch", "epoch_ms", "extract", "first", "first_value", "floor", "format", "generate_series", "greatest",
	"histogram", "hour", "if", "ifnull", "isodow", "json_extract", "json_extract_string", "json_keys", "lag", "last", "last_day", "last_value",
	"lead", "least", "left", "length", "len", "list", "list_contains", "list_distinct", "list_filter", "list_sort", "list_transform", "ln", "log",
	"lower", "ltrim", "map_keys", "map_values", "max", "md5", "median", "min", "minute", "mode", "month", "monthname", "ntile", "nullif",
	"percent_rank", "quantile_cont", "quantile_disc", "quarter", "range", "rank", "regexp_extract", "regexp_matches", "regexp_replace",
	"replace", "reverse", "right", "round", "row_number", "rtrim", "second", "sign", "split_part", "sqrt", "starts_with", "stddev", "strftime",
	"string_agg", "string_split", "strpos", "strptime", "substr", "sum", "time_bucket", "to_days", "to_hours", "to_minutes", "to_timestamp", "trim",
	"trunc", "try_cast", "typeof", "unnest", "upper", "var_pop", "week", "year",
}

type schemaAnswer struct {
	Version   string        `json:"version"`
	Tables    []schemaTable `json:"tables"`
	Functions []string      `json:"functions"`
}

type schemaTable struct {
	Name         string         `json:"name"`
	Kind         string         `json:"kind"`
	Description  string         `json:"description"`
	TimeColumn   string         `json:"timeColumn"`
	GrainSeconds int64          `json:"grainSeconds"`
	Columns      []schemaColumn `json:"columns"`
}

type schemaColumn struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Description string `json:"description"`
}

func (d *Datasource) getSchema(r *http.Request) (any, error) {
	c, err := d.catalog(r.Context())
	if err != nil {
		return nil, err
	}
	out := schemaAnswer{Version: c.version, Tables: []schemaTable{}, Functions: functions}
	for _, t := range c.tables {
		about := builderTable(t)
		st := schemaTable{
			Name: t.Name, Kind: t.Kind, Description: t.Doc, TimeColumn: about.TimeColumn,
			GrainSeconds: int64(about.Grain / time.Second), Columns: make([]schemaColumn, len(t.Columns)),
		}
		for i, c := range t.Columns {
			st.Columns[i] = schemaColumn{Name: c.Name, Type: c.Type, Description: c.Doc}
		}
		out.Tables = append(out.Tables, st)
	}
	return out, nil
}

func (d *Datasource) getValues(r *http.Request) (any, error) {
	l, err := parseLookup(r.URL.Query())
	if err != nil {
		return nil, badQuery(err)
	}
	values, err := d.find(r.Context(), l)
	if values == nil {
		values = []Value{}
	}
	return values, err
}

// namedQuery is a named query; all of them are about the panel's range.
type namedQuery struct {
	flightclient.NamedQuery

	Window bool `json:"window"`
}

func (d *Datasource) getNamed(r *http.Request) (any, error) {
	queries, err := d.namedQueries(r.Context())
	if err != nil {
		return nil, err
	}
	out := make([]namedQuery, len(queries))
	for i, q := range queries {
		q.Params, q.Columns = slices.Clip(orEmpty(q.Params)), orEmpty(q.Columns)
		out[i] = namedQuery{NamedQuery: q, Window: true}
	}
	return out, nil
}

// orEmpty has JSON say [] instead of null.
func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func getMacros(*http.Request) (any, error) { return orEmpty(macros.List()), nil }

// statusAnswer has times as in RFC 3339, "" where there is none.
type statusAnswer struct {
	Version    string `json:"version"`
	EventsFrom string `json:"eventsFrom"`
	EventsTo   string `json:"eventsTo"`
	Delivered  string `json:"delivered"`
	Events     int64  `json:"events"`
	Stale      bool   `json:"stale"`
	Accounts   int64  `json:"accounts"`
	Regions    int64  `json:"regions"`
}

func (d *Datasource) getStatus(r *http.Request) (any, error) {
	s, err := d.status(r.Context())
	if err != nil {
		return nil, err
	}
	return statusAnswer{
		Version: s.Version, EventsFrom: timestamp(s.EventsFrom), EventsTo: timestamp(s.EventsTo), Delivered: timestamp(s.Delivered),
		Events: s.Events, Stale: d.stale(s), Accounts: s.Accounts, Regions: s.Regions,
	}, nil
}

// mostBody bounds the body of a request; a statement may have 256 KiB.
const mostBody = 1 << 20

// previewRequest asks what a query becomes. Times are milliseconds since 1970.
type previewRequest struct {
	Query         json.RawMessage `json:"query"`
	From          int64           `json:"from"`
	To            int64           `json:"to"`
	IntervalMS    int64           `json:"intervalMs"`
	MaxDataPoints int64           `json:"maxDataPoints"`
	// Check has the server plan the statement.
	Check bool `json:"check"`
}

type previewAnswer struct {
	// SQL has macros; Expanded is what the server would get.
	SQL      string          `json:"sql"`
	Expanded string          `json:"expanded"`
	Notices  []string        `json:"notices"`
	Columns  []previewColumn `json:"columns,omitempty"`
	Error    *problem        `json:"error,omitempty"`
}

type previewColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

func (d *Datasource) postPreview(r *http.Request) (any, error) {
	var in previewRequest
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, mostBody)).Decode(&in); err != nil {
		return nil, badQuery(errors.New("the request for a preview cannot be read: " + err.Error()))
	}
	p, columns, err := d.preview(r, in)
	out := previewAnswer{SQL: p.typed, Expanded: p.sql, Notices: orEmpty(p.notices), Columns: columns}
	if out.SQL == "" {
		out.SQL = p.sql
	}
	if err == nil {
		return out, nil
	}
	out.Error = problemOf(err)
	if out.Error.status != backend.StatusBadRequest {
		return nil, err // not about the query
	}
	return out, nil
}

func (d *Datasource) preview(r *http.Request, in previewRequest) (plan, []previewColumn, error) {
	ctx, cancel := d.bounded(r.Context())
	defer cancel()
	q, err := ParseQuery(in.Query)
	if err != nil {
		return plan{typed: q.SQL}, nil, badQuery(err)
	}
	p, err := d.plan(ctx, request{
		Query: q, span: backend.TimeRange{From: time.UnixMilli(in.From).UTC(), To: time.UnixMilli(in.To).UTC()},
		interval: time.Duration(in.IntervalMS) * time.Millisecond, maxDataPoints: in.MaxDataPoints,
	})
	if err != nil || !in.Check {
		return p, nil, err
	}
	columns, err := attempt(ctx, d, func(s server) ([]previewColumn, error) { return describe(ctx, s, p.sql) })
	return p, columns, p.locate(err)
}

func describe(ctx context.Context, s server, sql string) ([]previewColumn, error) {
	schema, err := s.Describe(ctx, sql)
	if err != nil {
		return nil, err
	}
	out := make([]previewColumn, schema.NumFields())
	for i, f := range schema.Fields() {
		out[i] = previewColumn{Name: f.Name, Type: flightclient.TypeName(f)}
	}
	return out, nil
}
