// Package bridge answers over HTTP what the frontend of a datasource plugin asks
// Grafana's server for: queries, health, resources and settings. Secrets go in
// and never out, as in Grafana.
package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// Plugin is what answers: a host.Plugin, or a stand-in of a test.
type Plugin interface {
	backend.CallResourceHandler
	QueryData(context.Context, *backend.QueryDataRequest) (*backend.QueryDataResponse, error)
	CheckHealth(context.Context, *backend.CheckHealthRequest) (*backend.CheckHealthResult, error)
}

// Datasource is what is set up of one.
type Datasource struct {
	UID  string `json:"uid"`
	Name string `json:"name"`
	// Type is the plugin's id.
	Type     string          `json:"type"`
	URL      string          `json:"url"`
	JSONData json.RawMessage `json:"jsonData,omitempty"`
	// Secure holds secrets by name. It is read, never written.
	Secure map[string]string `json:"secureJsonData,omitempty"`

	updated time.Time
	version int
}

// Bridge is an http.Handler for the paths of Grafana's API below /api/.
type Bridge struct {
	plugin Plugin
	mux    *http.ServeMux

	mu          sync.Mutex
	datasources map[string]Datasource
}

// largest is how much of a request is read. Grafana's plugins get no more
// either, by gRPC's default for the SDK.
const largest = 16 << 20

// New returns a bridge to a plugin, with datasources that can be changed later
// through it.
func New(p Plugin, datasources ...Datasource) *Bridge {
	b := &Bridge{plugin: p, mux: http.NewServeMux(), datasources: make(map[string]Datasource)}
	for _, d := range datasources {
		b.put(d)
	}
	b.mux.HandleFunc("POST /api/ds/query", b.query)
	b.mux.HandleFunc("POST /api/datasources", b.create)
	b.mux.HandleFunc("GET /api/datasources/uid/{uid}", b.show)
	b.mux.HandleFunc("PUT /api/datasources/uid/{uid}", b.save)
	b.mux.HandleFunc("GET /api/datasources/uid/{uid}/health", b.health)
	b.mux.HandleFunc("/api/datasources/uid/{uid}/resources/{path...}", b.resource)
	return b
}

// ServeHTTP implements http.Handler.
func (b *Bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, largest)
	b.mux.ServeHTTP(w, r)
}

// put keeps a datasource. Secrets that are not named stay as they were, and
// empty ones are removed.
func (b *Bridge) put(d Datasource) Datasource {
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.datasources[d.UID]
	secure := make(map[string]string)
	for _, from := range []map[string]string{old.Secure, d.Secure} {
		for name, value := range from {
			secure[name] = value
			if value == "" {
				delete(secure, name)
			}
		}
	}
	d.Secure, d.updated, d.version = secure, time.Now(), old.version+1
	if len(d.JSONData) == 0 {
		d.JSONData = json.RawMessage("{}")
	}
	// Instances are told apart by this time, which clocks may not advance.
	if !d.updated.After(old.updated) {
		d.updated = old.updated.Add(time.Nanosecond)
	}
	b.datasources[d.UID] = d
	return d
}

func (b *Bridge) find(uid string) (Datasource, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	d, ok := b.datasources[uid]
	return d, ok
}

// asked is the datasource that a request names. When there is none it has been
// answered.
func (b *Bridge) asked(w http.ResponseWriter, r *http.Request) (Datasource, bool) {
	d, ok := b.find(r.PathValue("uid"))
	if !ok {
		refuse(w, http.StatusNotFound, "Data source not found")
	}
	return d, ok
}

func (d Datasource) context() backend.PluginContext {
	return backend.PluginContext{
		OrgID:    1, //nolint:staticcheck // Grafana 12.4 sends it, and the SDK tells instances apart by it
		PluginID: d.Type,
		User:     &backend.User{Login: "harness", Name: "harness", Role: "Admin"},
		DataSourceInstanceSettings: &backend.DataSourceInstanceSettings{
			ID: 1, UID: d.UID, Type: d.Type, Name: d.Name, URL: d.URL,
			JSONData: d.JSONData, DecryptedSecureJSONData: d.Secure, Updated: d.updated,
		},
	}
}

// settings are what a browser may see of a datasource.
func (d Datasource) settings() map[string]any {
	set := make(map[string]bool)
	for name := range d.Secure {
		set[name] = true
	}
	return map[string]any{
		"id": 1, "uid": d.UID, "orgId": 1, "name": d.Name, "type": d.Type, "url": d.URL, "access": "proxy",
		"user": "", "database": "", "basicAuth": false, "basicAuthUser": "", "withCredentials": false, "isDefault": true,
		"jsonData": d.JSONData, "secureJsonFields": set, "version": d.version, "readOnly": false,
	}
}

func (b *Bridge) show(w http.ResponseWriter, r *http.Request) {
	if d, ok := b.asked(w, r); ok {
		answer(w, http.StatusOK, d.settings())
	}
}

// create adds a datasource, which Grafana does before its settings are edited.
func (b *Bridge) create(w http.ResponseWriter, r *http.Request) {
	var d Datasource
	if err := json.NewDecoder(r.Body).Decode(&d); err != nil || d.UID == "" || d.Type == "" {
		refuse(w, http.StatusBadRequest, "bad request data: uid and type are needed")
		return
	}
	if _, taken := b.find(d.UID); taken {
		refuse(w, http.StatusConflict, "data source with the same uid already exists")
		return
	}
	answer(w, http.StatusOK, map[string]any{"message": "Datasource added", "datasource": b.put(d).settings()})
}

func (b *Bridge) save(w http.ResponseWriter, r *http.Request) {
	old, ok := b.asked(w, r)
	if !ok {
		return
	}
	var d Datasource
	if err := json.NewDecoder(r.Body).Decode(&d); err != nil {
		refuse(w, http.StatusBadRequest, "bad request data: "+err.Error())
		return
	}
	d.UID, d.Type = old.UID, old.Type
	answer(w, http.StatusOK, map[string]any{"message": "Datasource updated", "name": d.Name, "datasource": b.put(d).settings()})
}

func (b *Bridge) health(w http.ResponseWriter, r *http.Request) {
	d, ok := b.asked(w, r)
	if !ok {
		return
	}
	result, err := b.plugin.CheckHealth(r.Context(), &backend.CheckHealthRequest{PluginContext: d.context()})
	if err != nil {
		refuse(w, http.StatusInternalServerError, "Plugin health check failed: "+err.Error())
		return
	}
	body := map[string]any{"status": result.Status.String(), "message": result.Message}
	if len(result.JSONDetails) > 0 {
		body["details"] = json.RawMessage(result.JSONDetails)
	}
	status := http.StatusOK
	if result.Status != backend.HealthStatusOk {
		status = http.StatusBadRequest
	}
	answer(w, status, body)
}

func (b *Bridge) resource(w http.ResponseWriter, r *http.Request) {
	d, ok := b.asked(w, r)
	if !ok {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	path := r.PathValue("path")
	started := false
	err = b.plugin.CallResource(r.Context(), &backend.CallResourceRequest{
		PluginContext: d.context(), Path: path, Method: r.Method, Headers: r.Header, Body: body,
		URL: (&url.URL{Path: path, RawQuery: r.URL.RawQuery}).String(),
	}, backend.CallResourceResponseSenderFunc(func(part *backend.CallResourceResponse) error {
		if !started {
			started = true
			for name, values := range part.Headers {
				w.Header()[http.CanonicalHeaderKey(name)] = values
			}
			w.WriteHeader(part.Status)
		}
		_, err := w.Write(part.Body)
		return err
	}))
	if err != nil && !started {
		refuse(w, http.StatusInternalServerError, "Failed to call resource: "+err.Error())
	}
}

// queries is the body of a query, of which each datasource gets its own.
type queries struct {
	From    string            `json:"from"`
	To      string            `json:"to"`
	Queries []json.RawMessage `json:"queries"`
}

// question is what Grafana's server looks at of a query.
type question struct {
	RefID         string  `json:"refId"`
	QueryType     string  `json:"queryType"`
	IntervalMS    float64 `json:"intervalMs"`
	MaxDataPoints int64   `json:"maxDataPoints"`
	Datasource    struct {
		UID string `json:"uid"`
	} `json:"datasource"`
}

func (b *Bridge) query(w http.ResponseWriter, r *http.Request) {
	requests, err := b.requests(r.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	all, status := backend.NewQueryDataResponse(), http.StatusOK
	for _, req := range requests {
		got, err := b.plugin.QueryData(r.Context(), req)
		if err != nil {
			refuse(w, http.StatusInternalServerError, "Query data error: "+err.Error())
			return
		}
		for refID, response := range got.Responses {
			all.Responses[refID] = response
			if response.Error != nil {
				status = http.StatusBadRequest
			}
		}
	}
	answer(w, status, all)
}

// requests reads the body of a query into one request for each datasource, in
// the order in which they are named.
func (b *Bridge) requests(body io.Reader) ([]*backend.QueryDataRequest, error) {
	var in queries
	if err := json.NewDecoder(body).Decode(&in); err != nil {
		return nil, fmt.Errorf("bad request data: %w", err)
	}
	from, err := milliseconds(in.From)
	if err != nil {
		return nil, fmt.Errorf("from: %w", err)
	}
	to, err := milliseconds(in.To)
	if err != nil {
		return nil, fmt.Errorf("to: %w", err)
	}
	if len(in.Queries) == 0 {
		return nil, errors.New("no queries found")
	}
	var list []*backend.QueryDataRequest
	of := make(map[string]*backend.QueryDataRequest)
	for _, raw := range in.Queries {
		q := question{RefID: "A", IntervalMS: 1000, MaxDataPoints: 100}
		if err := json.Unmarshal(raw, &q); err != nil {
			return nil, fmt.Errorf("query: %w", err)
		}
		d, ok := b.find(q.Datasource.UID)
		if !ok {
			return nil, fmt.Errorf("query %s: there is no datasource %q", q.RefID, q.Datasource.UID)
		}
		req := of[d.UID]
		if req == nil {
			req = &backend.QueryDataRequest{PluginContext: d.context(), Headers: map[string]string{}}
			of[d.UID], list = req, append(list, req)
		}
		req.Queries = append(req.Queries, backend.DataQuery{
			RefID: q.RefID, QueryType: q.QueryType, MaxDataPoints: q.MaxDataPoints,
			Interval:  time.Duration(q.IntervalMS * float64(time.Millisecond)),
			TimeRange: backend.TimeRange{From: from, To: to}, JSON: raw,
		})
	}
	return list, nil
}

// milliseconds reads a time as the frontend sends it: since 1970, in UTC.
func milliseconds(s string) (time.Time, error) {
	ms, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a time in milliseconds", s)
	}
	return time.UnixMilli(ms).UTC(), nil
}

func answer(w http.ResponseWriter, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(raw)
}

func refuse(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]string{"message": message})
}
