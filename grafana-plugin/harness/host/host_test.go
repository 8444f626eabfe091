package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/kmstrail/kmstrail/grafana-plugin/harness/host"
)

// asPlugin makes this test's program a plugin when it is set.
const asPlugin = "HOST_TEST_PLUGIN"

func TestMain(m *testing.M) {
	if os.Getenv(asPlugin) == "" {
		os.Exit(m.Run())
	}
	err := datasource.Serve(datasource.ServeOpts{ //nolint:staticcheck // Manage wants a plugin.json beside the program.
		QueryDataHandler:    backend.QueryDataHandlerFunc(queryData),
		CheckHealthHandler:  backend.CheckHealthHandlerFunc(checkHealth),
		CallResourceHandler: backend.CallResourceHandlerFunc(callResource),
	})
	if err != nil {
		os.Exit(1)
	}
}

func queryData(_ context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	out := backend.NewQueryDataResponse()
	for _, q := range req.Queries {
		if q.QueryType == "fail" {
			out.Responses[q.RefID] = backend.ErrDataResponse(backend.StatusBadRequest, "not like this")
			continue
		}
		out.Responses[q.RefID] = backend.DataResponse{Frames: data.Frames{data.NewFrame("",
			data.NewField("from", nil, []time.Time{q.TimeRange.From}),
			data.NewField("token", nil, []string{req.PluginContext.DataSourceInstanceSettings.DecryptedSecureJSONData["token"]}),
		)}}
	}
	return out, nil
}

func checkHealth(_ context.Context, req *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	return &backend.CheckHealthResult{
		Status: backend.HealthStatusOk, Message: "asked " + req.PluginContext.DataSourceInstanceSettings.URL, JSONDetails: []byte(`{"events":1}`),
	}, nil
}

func callResource(_ context.Context, req *backend.CallResourceRequest, sender backend.CallResourceResponseSender) error {
	if req.Path == "environment" {
		body, err := json.Marshal(os.Environ())
		return errors.Join(err, sender.Send(&backend.CallResourceResponse{Status: http.StatusOK, Body: body}))
	}
	for _, part := range []string{req.Method, " ", req.URL} {
		if err := sender.Send(&backend.CallResourceResponse{Status: http.StatusTeapot, Body: []byte(part)}); err != nil {
			return err
		}
	}
	return nil
}

func start(t *testing.T) *host.Plugin {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := host.Start(host.Options{Program: program, Env: []string{asPlugin + "=1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

var plugin = backend.PluginContext{PluginID: "test", DataSourceInstanceSettings: &backend.DataSourceInstanceSettings{
	UID: "a", URL: "grpc://127.0.0.1:1", DecryptedSecureJSONData: map[string]string{"token": "secret"},
}}

func TestPlugin_QueryData(t *testing.T) {
	from := time.Date(2026, 10, 5, 12, 0, 0, 0, time.UTC)
	got, err := start(t).QueryData(t.Context(), &backend.QueryDataRequest{PluginContext: plugin, Queries: []backend.DataQuery{
		{RefID: "A", TimeRange: backend.TimeRange{From: from, To: from}}, {RefID: "B", QueryType: "fail"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	frames := got.Responses["A"].Frames
	if len(frames) != 1 || !frames[0].At(0, 0).(time.Time).Equal(from) || frames[0].At(1, 0) != "secret" {
		t.Errorf("A got %v", got.Responses["A"])
	}
	if b := got.Responses["B"]; b.Error == nil || b.Error.Error() != "not like this" || b.Status != backend.StatusBadRequest {
		t.Errorf("B got %v", b)
	}
}

func TestPlugin_CheckHealth(t *testing.T) {
	got, err := start(t).CheckHealth(t.Context(), &backend.CheckHealthRequest{PluginContext: plugin})
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != backend.HealthStatusOk || got.Message != "asked grpc://127.0.0.1:1" || string(got.JSONDetails) != `{"events":1}` {
		t.Errorf("got %v", got)
	}
}

// call returns the parts of a resource's answer together.
func call(t *testing.T, p *host.Plugin, method, url string) (status int, body string) {
	t.Helper()
	path, _, _ := strings.Cut(url, "?")
	err := p.CallResource(t.Context(), &backend.CallResourceRequest{PluginContext: plugin, Method: method, Path: path, URL: url},
		backend.CallResourceResponseSenderFunc(func(r *backend.CallResourceResponse) error {
			status, body = r.Status, body+string(r.Body)
			return nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	return status, body
}

func TestPlugin_CallResource(t *testing.T) {
	p := start(t)
	if status, body := call(t, p, "GET", "values?kind=key&search=a%20b"); status != http.StatusTeapot || body != "GET values?kind=key&search=a%20b" {
		t.Errorf("got %d, %q", status, body)
	}
}

// TestPlugin_environment: it has none of ours, as in Grafana.
func TestPlugin_environment(t *testing.T) {
	t.Setenv("HOST_TEST_SECRET", "ours")
	if _, body := call(t, start(t), "GET", "environment"); strings.Contains(body, "HOST_TEST_SECRET") || !strings.Contains(body, asPlugin) {
		t.Errorf("got %s", body)
	}
}

func TestPlugin_Close(t *testing.T) {
	p := start(t)
	p.Close()
	if !p.Exited() {
		t.Error("the program still runs")
	}
	if _, err := p.CheckHealth(t.Context(), &backend.CheckHealthRequest{PluginContext: plugin}); err == nil {
		t.Error("a program that has ended answers")
	}
}

func TestStart_noPlugin(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken")
	if err := os.WriteFile(broken, []byte("#!/bin/sh\necho hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(broken, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{filepath.Join(dir, "missing"), broken} {
		if _, err := host.Start(host.Options{Program: program}); err == nil || !strings.Contains(err.Error(), program) {
			t.Errorf("%s: error %v", program, err)
		}
	}
}
