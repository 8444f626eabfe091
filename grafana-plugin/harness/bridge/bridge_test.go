package bridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/kmstrail/kmstrail/grafana-plugin/harness/bridge"
)

// fake is a plugin that tells what it was asked.
type fake struct {
	requests []*backend.QueryDataRequest
	settings []*backend.DataSourceInstanceSettings
	health   backend.HealthStatus
	fail     error
}

func (f *fake) QueryData(_ context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	f.requests = append(f.requests, req)
	out := backend.NewQueryDataResponse()
	for _, q := range req.Queries {
		if q.QueryType == "fail" {
			out.Responses[q.RefID] = backend.ErrDataResponse(backend.StatusBadRequest, "not like this")
			continue
		}
		out.Responses[q.RefID] = backend.DataResponse{Frames: data.Frames{data.NewFrame("", data.NewField("n", nil, []int64{1}))}}
	}
	return out, f.fail
}

func (f *fake) CheckHealth(_ context.Context, req *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	f.settings = append(f.settings, req.PluginContext.DataSourceInstanceSettings)
	return &backend.CheckHealthResult{Status: f.health, Message: "hello", JSONDetails: []byte(`{"events":1}`)}, f.fail
}

func (f *fake) CallResource(_ context.Context, req *backend.CallResourceRequest, sender backend.CallResourceResponseSender) error {
	if f.fail != nil {
		return f.fail
	}
	parts := []*backend.CallResourceResponse{
		{Status: http.StatusTeapot, Headers: map[string][]string{"content-type": {"text/x"}}, Body: []byte(req.Method + " " + req.Path + " ")},
		{Body: fmt.Appendf(nil, "%s %s", req.URL, req.Body)},
	}
	return errors.Join(sender.Send(parts[0]), sender.Send(parts[1]))
}

func serve(t *testing.T, f *fake) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(bridge.New(f,
		bridge.Datasource{UID: "a", Name: "first", Type: "test-datasource", URL: "grpc://one", JSONData: json.RawMessage(`{"x":1}`), Secure: map[string]string{"token": "secret", "ca": "pem"}},
		bridge.Datasource{UID: "b", Name: "second", Type: "test-datasource"},
	))
	t.Cleanup(s.Close)
	return s
}

func do(t *testing.T, s *httptest.Server, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(raw)
}

const twoQueries = `{"from":"1790000000000","to":"1790000060000","queries":[
	{"refId":"A","datasource":{"uid":"a"},"intervalMs":60000,"maxDataPoints":500,"kind":"sql"},
	{"refId":"B","datasource":{"uid":"b"}},
	{"refId":"C","datasource":{"uid":"a"}}]}`

func TestQuery(t *testing.T) {
	f := &fake{}
	status, body := do(t, serve(t, f), "POST", "/api/ds/query?ds_type=x", twoQueries)
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
	if len(f.requests) != 2 || len(f.requests[0].Queries) != 2 || f.requests[1].Queries[0].RefID != "B" {
		t.Fatalf("the plugin was asked %+v", f.requests)
	}
	q := f.requests[0].Queries[0]
	if q.RefID != "A" || q.Interval != time.Minute || q.MaxDataPoints != 500 || !strings.Contains(string(q.JSON), `"kind":"sql"`) ||
		!q.TimeRange.From.Equal(time.UnixMilli(1790000000000)) || q.TimeRange.Duration() != time.Minute {
		t.Errorf("query %+v", q)
	}
	settings := f.requests[0].PluginContext.DataSourceInstanceSettings
	if settings.DecryptedSecureJSONData["token"] != "secret" || string(settings.JSONData) != `{"x":1}` || settings.Updated.IsZero() {
		t.Errorf("settings %+v", settings)
	}
	var out struct {
		Results map[string]struct {
			Frames []struct {
				Schema struct{ RefID string }
				Data   struct{ Values [][]int }
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &out); err != nil || len(out.Results) != 3 || out.Results["B"].Frames[0].Data.Values[0][0] != 1 {
		t.Errorf("answer %s, %v", body, err)
	}
}

func TestQuery_failing(t *testing.T) {
	body := strings.Replace(twoQueries, `"refId":"B"`, `"refId":"B","queryType":"fail"`, 1)
	status, got := do(t, serve(t, &fake{}), "POST", "/api/ds/query", body)
	// One error makes the answer one, and the others keep their frames.
	if status != http.StatusBadRequest || !strings.Contains(got, `"error":"not like this"`) || strings.Count(got, `"frames"`) < 2 {
		t.Errorf("status %d: %s", status, got)
	}
	for name, body := range map[string]string{
		"no JSON":       `{`,
		"no queries":    `{"from":"1","to":"2","queries":[]}`,
		"no datasource": `{"from":"1","to":"2","queries":[{"refId":"A","datasource":{"uid":"__expr__"}}]}`,
		"no time":       `{"from":"now-1h","to":"now","queries":[{"refId":"A","datasource":{"uid":"a"}}]}`,
	} {
		if status, got := do(t, serve(t, &fake{}), "POST", "/api/ds/query", body); status != http.StatusBadRequest || !strings.Contains(got, `"message"`) {
			t.Errorf("%s: status %d: %s", name, status, got)
		}
	}
	if status, got := do(t, serve(t, &fake{fail: errors.New("gone")}), "POST", "/api/ds/query", twoQueries); status != http.StatusInternalServerError || !strings.Contains(got, "gone") {
		t.Errorf("a plugin that fails: status %d: %s", status, got)
	}
}

func TestHealth(t *testing.T) {
	for _, c := range []struct {
		health backend.HealthStatus
		fail   error
		status int
		body   string
	}{
		{backend.HealthStatusOk, nil, http.StatusOK, `{"details":{"events":1},"message":"hello","status":"OK"}`},
		{backend.HealthStatusError, nil, http.StatusBadRequest, `{"details":{"events":1},"message":"hello","status":"ERROR"}`},
		{backend.HealthStatusOk, errors.New("gone"), http.StatusInternalServerError, `{"message":"Plugin health check failed: gone"}`},
	} {
		status, body := do(t, serve(t, &fake{health: c.health, fail: c.fail}), "GET", "/api/datasources/uid/a/health", "")
		if status != c.status || body != c.body {
			t.Errorf("got %d %s, want %d %s", status, body, c.status, c.body)
		}
	}
	if status, body := do(t, serve(t, &fake{}), "GET", "/api/datasources/uid/none/health", ""); status != http.StatusNotFound {
		t.Errorf("no datasource: %d %s", status, body)
	}
}

func TestResource(t *testing.T) {
	s := serve(t, &fake{})
	status, body := do(t, s, "POST", "/api/datasources/uid/a/resources/values/x?kind=key&search=a%20b", "{}")
	if status != http.StatusTeapot || body != "POST values/x values/x?kind=key&search=a%20b {}" {
		t.Errorf("got %d %q", status, body)
	}
	if status, body := do(t, serve(t, &fake{fail: errors.New("gone")}), "GET", "/api/datasources/uid/a/resources/schema", ""); status != http.StatusInternalServerError || !strings.Contains(body, "gone") {
		t.Errorf("a plugin that fails: %d %s", status, body)
	}
}

func TestCreate(t *testing.T) {
	s := serve(t, &fake{health: backend.HealthStatusOk})
	for body, want := range map[string]int{
		`{"uid":"c","name":"third","type":"test-datasource"}`: http.StatusOK,
		`{"uid":"a","name":"again","type":"test-datasource"}`: http.StatusConflict,
		`{"name":"nameless"}`: http.StatusBadRequest,
	} {
		if status, got := do(t, s, "POST", "/api/datasources", body); status != want {
			t.Errorf("%s: %d %s", body, status, got)
		}
	}
	if status, _ := do(t, s, "GET", "/api/datasources/uid/c/health", ""); status != http.StatusOK {
		t.Errorf("the new one: %d", status)
	}
}

// TestSettings: what is saved reaches the plugin with a new time, secrets stay
// until they are changed, and none of them comes back.
func TestSettings(t *testing.T) {
	f := &fake{health: backend.HealthStatusOk}
	s := serve(t, f)
	do(t, s, "GET", "/api/datasources/uid/a/health", "")
	status, body := do(t, s, "PUT", "/api/datasources/uid/a", `{"uid":"evil","type":"evil","name":"new","url":"grpc://two","jsonData":{"y":2},"secureJsonData":{"ca":""}}`)
	if status != http.StatusOK || strings.Contains(body, "secret") || !strings.Contains(body, `"secureJsonFields":{"token":true}`) {
		t.Errorf("saved: %d %s", status, body)
	}
	do(t, s, "GET", "/api/datasources/uid/a/health", "")
	old, now := f.settings[0], f.settings[1]
	if now.URL != "grpc://two" || now.UID != "a" || now.Type != "test-datasource" || now.DecryptedSecureJSONData["token"] != "secret" || len(now.DecryptedSecureJSONData) != 1 {
		t.Errorf("the plugin has %+v", now)
	}
	if !now.Updated.After(old.Updated) {
		t.Error("an instance would not be made anew")
	}
	_, body = do(t, s, "GET", "/api/datasources/uid/a", "")
	var shown struct {
		URL              string          `json:"url"`
		SecureJSONFields map[string]bool `json:"secureJsonFields"`
	}
	if err := json.Unmarshal([]byte(body), &shown); err != nil || shown.URL != "grpc://two" || !shown.SecureJSONFields["token"] || strings.Contains(body, "secret") {
		t.Errorf("shown: %s, %v", body, err)
	}
	// Of one that was never set up editors read options, as in Grafana.
	if _, body := do(t, s, "GET", "/api/datasources/uid/b", ""); !strings.Contains(body, `"jsonData":{}`) {
		t.Errorf("shown of a new one: %s", body)
	}
}
