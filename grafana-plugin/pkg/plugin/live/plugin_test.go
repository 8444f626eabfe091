package live

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/kmstrail/kmstrail/grafana-plugin/harness/host"
)

// grafana is what Grafana does with the plugin's program.
type grafana struct {
	*host.Plugin

	log *logBuffer
}

// startPlugin starts the plugin's program.
func startPlugin(t *testing.T) *grafana {
	t.Helper()
	log := &logBuffer{}
	p, err := host.Start(host.Options{Program: program, Log: log})
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	t.Cleanup(func() {
		if p.Exited() {
			t.Errorf("the plugin ended:\n%s", log)
		}
		p.Close()
	})
	return &grafana{p, log}
}

// source is a configured datasource.
type source struct {
	grafana *grafana

	mu       sync.Mutex
	settings backend.DataSourceInstanceSettings
}

// options are jsonData.
type options map[string]any

var ids struct {
	sync.Mutex
	last int64
}

// add configures a datasource.
func (g *grafana) add(t *testing.T, url, token string, o options, ca ...string) *source {
	t.Helper()
	ids.Lock()
	defer ids.Unlock()
	ids.last++
	s := &source{grafana: g, settings: backend.DataSourceInstanceSettings{ID: ids.last, UID: fmt.Sprintf("kms%d", ids.last), Name: "KMS", Type: "kmstrail-kms-datasource"}}
	s.set(t, url, token, o, ca...)
	return s
}

// set changes the settings.
func (s *source) set(t *testing.T, url, token string, o options, ca ...string) {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	secret := map[string]string{}
	if token != "" {
		secret["token"] = token
	}
	if len(ca) > 0 {
		secret["tlsCACert"] = ca[0]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings.URL, s.settings.JSONData, s.settings.DecryptedSecureJSONData = url, text, secret
	s.settings.Updated = s.settings.Updated.Add(time.Second)
}

func (s *source) context() backend.PluginContext {
	s.mu.Lock()
	defer s.mu.Unlock()
	settings := s.settings
	return backend.PluginContext{
		PluginID: settings.Type, User: &backend.User{Login: "ann"}, DataSourceInstanceSettings: &settings, Namespace: "default",
	}
}

// The sample has events of this range.
var (
	sampleFrom = time.Date(2026, 10, 2, 0, 0, 0, 0, time.UTC)
	sampleTo   = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
)

// object is JSON.
type object = map[string]any

// panelQuery is a query as a panel of the sample's month asks it.
func panelQuery(t *testing.T, refID string, q object) backend.DataQuery {
	t.Helper()
	text, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	return backend.DataQuery{
		RefID: refID, JSON: text, MaxDataPoints: 500, Interval: time.Hour,
		TimeRange: backend.TimeRange{From: sampleFrom, To: sampleTo},
	}
}

// ask runs queries.
func (s *source) ask(ctx context.Context, headers map[string]string, queries ...backend.DataQuery) (backend.Responses, error) {
	r, err := s.grafana.QueryData(ctx, &backend.QueryDataRequest{PluginContext: s.context(), Headers: headers, Queries: queries})
	if err != nil {
		return nil, err
	}
	return r.Responses, nil
}

// one runs one query.
func (s *source) one(t *testing.T, q object) backend.DataResponse {
	t.Helper()
	r, err := s.ask(t.Context(), nil, panelQuery(t, "A", q))
	if err != nil {
		t.Fatal(err)
	}
	return r["A"]
}

// frame runs one query and returns its one frame.
func (s *source) frame(t *testing.T, q object) *data.Frame {
	t.Helper()
	r := s.one(t, q)
	if r.Error != nil {
		t.Fatalf("%v: %v", q, r.Error)
	}
	if len(r.Frames) != 1 {
		t.Fatalf("%v: %d frames", q, len(r.Frames))
	}
	return r.Frames[0]
}

func sqlQuery(sql string) object { return object{"kind": "sql", "format": "table", "sql": sql} }

// resource calls a resource and reads its JSON.
func (s *source) resource(t *testing.T, method, path string, body, out any) int {
	t.Helper()
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	var answer []byte
	status := 0
	err := s.grafana.CallResource(t.Context(), &backend.CallResourceRequest{
		PluginContext: s.context(), Method: method, Path: pathOf(path), URL: path, Body: text, Headers: map[string][]string{"Content-Type": {"application/json"}},
	}, backend.CallResourceResponseSenderFunc(func(r *backend.CallResourceResponse) error {
		if r.Status != 0 {
			status = r.Status
		}
		answer = append(answer, r.Body...)
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		t.Fatalf("%s: %v in %s", path, err, answer)
	}
	return status
}

func pathOf(url string) string {
	for i := range url {
		if url[i] == '?' {
			return url[:i]
		}
	}
	return url
}

func (s *source) get(t *testing.T, path string, out any) int {
	t.Helper()
	return s.resource(t, http.MethodGet, path, nil, out)
}

// health is the answer of "Save & test".
func (s *source) health(t *testing.T) (*backend.CheckHealthResult, object) {
	t.Helper()
	r, err := s.grafana.CheckHealth(t.Context(), &backend.CheckHealthRequest{PluginContext: s.context()})
	if err != nil {
		t.Fatal(err)
	}
	var details object
	if err := json.Unmarshal(r.JSONDetails, &details); err != nil {
		t.Fatal(err)
	}
	return r, details
}
