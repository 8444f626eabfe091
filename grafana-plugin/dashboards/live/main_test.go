package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/kmstrail/kmstrail/grafana-plugin/harness/host"
	"github.com/kmstrail/kmstrail/grafana-plugin/harness/server"
	"github.com/kmstrail/kmstrail/sampledata"
)

// What TestMain makes, once for all tests.
var (
	truth    sampledata.Truth
	plugin   *host.Plugin
	settings backend.DataSourceInstanceSettings
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "kmstrail-dashboards")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx := context.Background()
	kmstrail, program, sample := filepath.Join(dir, "kmstrail"), filepath.Join(dir, "gpx_kmstrail"), filepath.Join(dir, "sample")
	var all sync.WaitGroup
	var errs [3]error
	all.Go(func() { errs[0] = build(kmstrail, "./cmd/kmstrail", "1") })
	all.Go(func() { errs[1] = build(program, "./grafana-plugin/pkg", "0") })
	all.Go(func() { truth, errs[2] = sampledata.Generate(ctx, sampledata.Config{Seed: 1, Dir: sample}, nil) })
	all.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return 1, err
	}
	if err := os.Mkdir(filepath.Join(dir, "store"), 0o700); err != nil {
		return 1, err
	}
	s, err := server.Start(ctx, server.Options{Program: kmstrail, Dir: filepath.Join(dir, "store"), Sample: sample})
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if plugin, err = host.Start(host.Options{Program: program}); err != nil {
		return 1, err
	}
	defer plugin.Close()
	settings = backend.DataSourceInstanceSettings{
		ID: 1, UID: "kms", Name: "KMS", Type: "kmstrail-kms-datasource", URL: s.Address,
		JSONData: []byte("{}"), DecryptedSecureJSONData: map[string]string{"token": s.Token}, Updated: time.Now(),
	}
	return m.Run(), nil
}

// build builds a package of this module, with or without cgo.
func build(to, pkg, cgo string) error {
	cmd := exec.Command("go", "build", "-tags", "duckdb_arrow", "-o", to, pkg)
	cmd.Dir = filepath.Join("..", "..", "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return nil
}

// span is a range of time, and the width of a point that Grafana makes of it for
// the panels' number of points.
type span struct {
	from, to time.Time
	interval time.Duration
}

func october(day int) time.Time { return time.Date(2026, 10, day, 0, 0, 0, 0, time.UTC) }

var (
	month  = span{october(2), october(32), 24 * time.Hour}
	week   = span{october(8), october(15), 6 * time.Hour}
	oneDay = span{october(9), october(10), time.Hour}
)

// selection has the values of variables by name.
type selection map[string][]string

func pluginContext() backend.PluginContext {
	return backend.PluginContext{PluginID: settings.Type, DataSourceInstanceSettings: &settings}
}

// ask runs a query as Grafana does: with the values of the dashboard's variables.
func ask(t *testing.T, query any, over span, chosen selection) *data.Frame {
	t.Helper()
	raw, err := json.Marshal(query)
	if err != nil {
		t.Fatal(err)
	}
	saved := map[string]any{}
	if err := json.Unmarshal(raw, &saved); err != nil {
		t.Fatal(err)
	}
	saved["variables"] = chosen
	if raw, err = json.Marshal(saved); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	answer, err := plugin.QueryData(ctx, &backend.QueryDataRequest{PluginContext: pluginContext(), Queries: []backend.DataQuery{{
		RefID: "A", JSON: raw, TimeRange: backend.TimeRange{From: over.from, To: over.to}, Interval: over.interval, MaxDataPoints: 25,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	r := answer.Responses["A"]
	if r.Error != nil {
		sql := ""
		if len(r.Frames) > 0 && r.Frames[0].Meta != nil {
			sql = r.Frames[0].Meta.ExecutedQueryString
		}
		t.Fatalf("%v\n%s", r.Error, sql)
	}
	if len(r.Frames) != 1 {
		t.Fatalf("%d frames, want one", len(r.Frames))
	}
	return r.Frames[0]
}

// values lists what a variable of the plugin offers.
func values(t *testing.T, kind string, over span) []string {
	t.Helper()
	var body []byte
	err := plugin.CallResource(context.Background(), &backend.CallResourceRequest{
		PluginContext: pluginContext(), Path: "values", Method: "GET",
		URL: fmt.Sprintf("values?kind=%s&from=%d&to=%d&limit=5000", kind, over.from.UnixMilli(), over.to.UnixMilli()),
	}, backend.CallResourceResponseSenderFunc(func(r *backend.CallResourceResponse) error {
		if r.Status != 200 {
			return fmt.Errorf("status %d: %s", r.Status, r.Body)
		}
		body = append(body, r.Body...)
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	var list []struct{ Text, Value string }
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, v := range list {
		if strings.TrimSpace(v.Text) == "" {
			t.Errorf("the value %q of the variable %s has no text", v.Value, kind)
		}
		out = append(out, v.Value)
	}
	return out
}
