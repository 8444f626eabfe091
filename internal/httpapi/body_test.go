package httpapi

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/internal/operate"
)

func TestBodies(t *testing.T) {
	tests := []struct {
		name, body string
		want       int
		text       string
	}{
		{"object", `{"all":true}`, 202, ""},
		{"empty", ``, 202, ""},
		{"unknown member", `{"al":true}`, 400, "unknown field"},
		{"wrong type", `{"all":"yes"}`, 400, "string"},
		{"two values", `{}{}`, 400, "behind"},
		{"not JSON", `all=true`, 400, ""},
		{"cut off", `{"all":`, 400, ""},
		{"too large", `{"all":true,"x":"` + strings.Repeat("x", maxBody) + `"}`, 413, "larger"},
		{"deep", strings.Repeat("[", 100_000), 400, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, _ := newTestHandler(t)
			rec := do(t, h, newRequest(t, "POST", "/api/v1/maintain", operateToken, tt.body))
			if rec.Code != tt.want || !strings.Contains(rec.Body.String(), tt.text) {
				t.Errorf("got %d %s", rec.Code, rec.Body)
			}
			if tt.want >= 400 && !strings.Contains(rec.Body.String(), `"code": "usage"`) {
				t.Errorf("no usage error: %s", rec.Body)
			}
		})
	}
}

// TestInventory: its body may be larger than others, and who only reads may not.
func TestInventory(t *testing.T) {
	body := func(kind, description string) string {
		return `{"run":{"run_id":"6ba7b810-9dad-11d1-80b4-00c04fd430c8","origin":"import","status":"complete","started_at":"2026-11-01T06:00:00Z","ended_at":"2026-11-01T06:00:00Z",` +
			`"accounts":[],"regions":[],"parts":[],"files":[],"calls":{}},"records":{"` + kind + `":[` + strings.Repeat(`{"key_arn":"arn:aws:kms:eu-west-1:111122223333:key/1","taken_at":"2026-11-01T06:00:00Z","description":"`+description+`"},`, 300) +
			`{"key_arn":"arn:aws:kms:eu-west-1:111122223333:key/1","taken_at":"2026-11-01T06:00:00Z"}]}}`
	}
	for _, tt := range []struct {
		token, body string
		want        int
		text        string
	}{
		{operateToken, body("keys", strings.Repeat("x", 8000)), 200, "6ba7b810"},
		{operateToken, body("keyz", ""), 400, "did you mean keys?"},
		{operateToken, body("keys", strings.Repeat("x", 9000)), 400, "description: is 9000 bytes long"},
		{operateToken, `{}`, 400, "run_id"},
		{readToken, body("keys", ""), 403, ""},
	} {
		h, _ := newTestHandler(t)
		rec := do(t, h, newRequest(t, "POST", "/api/v1/inventory", tt.token, tt.body))
		if rec.Code != tt.want || !strings.Contains(rec.Body.String(), tt.text) {
			t.Errorf("got %d %.300s, want %d %s", rec.Code, rec.Body, tt.want, tt.text)
		}
	}
}

func TestNowhere(t *testing.T) {
	h, _ := newTestHandler(t)
	tests := []struct {
		method, path string
		want         int
		allow        string
	}{
		{"GET", "/nothing", 404, ""},
		{"GET", "/api/v1/", 404, ""},
		{"POST", "/api/v1/status", 405, "GET"},
		{"PUT", "/api/v1/tokens", 405, "GET, POST"},
		{"PATCH", "/api/v1/jobs/x", 405, "GET, DELETE"},
		{"POST", "/", 405, "GET"},
		{"HEAD", "/healthz", 200, ""},
		{"OPTIONS", "/api/v1/status", 405, "GET"},
	}
	for _, tt := range tests {
		rec := do(t, h, newRequest(t, tt.method, tt.path, adminToken))
		if rec.Code != tt.want || rec.Header().Get("Allow") != tt.allow {
			t.Errorf("%s %s: %d, Allow %q", tt.method, tt.path, rec.Code, rec.Header().Get("Allow"))
		}
	}
}

func TestCrash(t *testing.T) {
	h, w := newTestHandler(t)
	w.operator.decide = func(operate.DecideRequest) ([]operate.Decided, error) { panic("a bug") }
	rec := do(t, h, newRequest(t, "POST", "/api/v1/findings/decide", operateToken, `{"findings":["abcd"],"status":"new"}`))
	if rec.Code != http.StatusInternalServerError || strings.Contains(rec.Body.String(), "a bug") {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
	if !strings.Contains(w.log.String(), "a bug") || !strings.Contains(w.log.String(), "body_test.go") {
		t.Errorf("log has %s", w.log)
	}
	if e := w.entries(); len(e) != 1 || e[0].Outcome != "failed" {
		t.Errorf("audit has %+v", e)
	}
}

// TestDecide: the history names who decides, and over the network never another
// one alone.
func TestDecide(t *testing.T) {
	h, w := newTestHandler(t)
	var by []string
	w.operator.decide = func(req operate.DecideRequest) ([]operate.Decided, error) {
		by = append(by, req.By)
		if req.Findings[0] == "half" {
			return []operate.Decided{{FindingID: "a", Was: "new", Is: "resolved"}}, errBroken
		}
		return nil, operate.Usagef("give more of it", "2 findings have an id that begins with ab")
	}
	rec := do(t, h, newRequest(t, "POST", "/api/v1/findings/decide", operateToken, `{"findings":["half"],"status":"resolved","by":"ann"}`))
	var out Decisions
	if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil || rec.Code != 200 || len(out.Decided) != 1 || out.Problem == nil {
		t.Errorf("got %d %s, %v", rec.Code, rec.Body, err)
	}
	rec = do(t, h, newRequest(t, "POST", "/api/v1/findings/decide", operateToken, `{"findings":["ab"],"status":"resolved"}`))
	if rec.Code != 400 || !strings.Contains(rec.Body.String(), "give more of it") {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
	if strings.Join(by, "; ") != "ann (token operator); operator" {
		t.Errorf("decided by %q", by)
	}
}

func TestTokens(t *testing.T) {
	h, _ := newTestHandler(t)
	tests := []struct {
		method, path, body string
		want               int
		text               string
	}{
		{"POST", "/api/v1/tokens", `{"name":"grafana","role":"read"}`, 201, "kmst_new_secretsecretsecret"},
		{"POST", "/api/v1/tokens", `{"name":"grafana","role":"read"}`, 400, "revoke it first"},
		{"POST", "/api/v1/tokens", `{"name":"A B","role":"read"}`, 400, "not a name"},
		{"POST", "/api/v1/tokens", `{"name":"x","role":"root"}`, 400, "not a role"},
		{"POST", "/api/v1/tokens", `{"name":"x","role":"read","expires_at":"2026-11-01T00:00:00Z"}`, 400, "future"},
		{"GET", "/api/v1/tokens", ``, 200, `"grafana"`},
		{"DELETE", "/api/v1/tokens/grafana", ``, 204, ""},
		{"DELETE", "/api/v1/tokens/grafana", ``, 404, "no token"},
	}
	for _, tt := range tests {
		rec := do(t, h, newRequest(t, tt.method, tt.path, adminToken, tt.body))
		if rec.Code != tt.want || !strings.Contains(rec.Body.String(), tt.text) {
			t.Errorf("%s %s %s: %d %s", tt.method, tt.path, tt.body, rec.Code, rec.Body)
		}
	}
}

func TestHealth(t *testing.T) {
	tests := []struct {
		name   string
		change func(*world)
		want   int
		text   string
	}{
		{"no source", func(*world) {}, 200, "ready\n"},
		{"before the first poll", func(w *world) { w.server.Watching = &watching }, 200, "ready\ndegraded: the first poll of the source has not ended\n"},
		{"before the first poll of a server that starts anew", func(w *world) {
			w.server.Watching = polled("", "")
			w.server.Watching.Polls = 0
		}, 200, "ready\ndegraded: the first poll of the source has not ended\n"},
		{"after it", func(w *world) { w.server.Watching = polled("", "") }, 200, "ready\n"},
		{"source away", func(w *world) { w.server.Watching = polled("AccessDenied: secret-bucket", "") }, 200, "ready\ndegraded: the last poll of the source failed\n"},
		{"paused", func(w *world) {
			w.server.Watching = polled("", "the disk of secret-host is full")
			w.server.Disk.FreeBytes, w.server.Disk.MinFreeBytes = 5, 10
		}, 200, "ready\ndegraded: nothing is ingested for now\ndegraded: the disk is nearly full\n"},
		{"store away", func(w *world) { w.store.err = errBroken }, 503, "not ready: the store does not answer\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, _ := newTestHandler(t, tt.change)
			rec := do(t, h, newRequest(t, "GET", "/readyz", ""))
			if rec.Code != tt.want || rec.Body.String() != tt.text {
				t.Errorf("got %d %q", rec.Code, rec.Body)
			}
			if rec := do(t, h, newRequest(t, "GET", "/healthz", "")); rec.Code != 200 || rec.Body.String() != "ok\n" {
				t.Errorf("healthz: %d %q", rec.Code, rec.Body)
			}
		})
	}
	h, _ := newTestHandler(t)
	if err := h.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rec := do(t, h, newRequest(t, "GET", "/readyz", "")); rec.Code != 503 {
		t.Errorf("while ending: %d", rec.Code)
	}
	if rec := do(t, h, newRequest(t, "POST", "/api/v1/maintain", operateToken)); rec.Code != 503 {
		t.Errorf("work while ending: %d", rec.Code)
	}
}

// TestTokens_expiry: a token that nobody says more of ends, as one of the
// command line does.
func TestTokens_expiry(t *testing.T) {
	for _, tt := range []struct {
		body string
		want int
		ends string // "" for never
	}{
		{`{"name":"x","role":"read"}`, 201, "2027-02-20T09:00:00Z"},
		{`{"name":"x","role":"read","expires_at":"2026-12-01T00:00:00Z"}`, 201, "2026-12-01T00:00:00Z"},
		{`{"name":"x","role":"read","never_expires":true}`, 201, ""},
		{`{"name":"x","role":"read","never_expires":true,"expires_at":"2026-12-01T00:00:00Z"}`, 400, ""},
	} {
		h, w := newTestHandler(t)
		rec := do(t, h, newRequest(t, "POST", "/api/v1/tokens", adminToken, tt.body))
		var got NewToken
		if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || rec.Code != tt.want {
			t.Errorf("%s: %d %s, %v", tt.body, rec.Code, rec.Body, err)
		}
		if tt.want != 201 {
			continue
		}
		for what, at := range map[string]*time.Time{"told": got.ExpiresAt, "kept": w.tokens.list[0].ExpiresAt} {
			ends := ""
			if at != nil {
				ends = at.Format(time.RFC3339)
			}
			if ends != tt.ends {
				t.Errorf("%s: %s to end at %q, want %q", tt.body, what, ends, tt.ends)
			}
		}
	}
}

// TestMistakes: what can be known to be wrong is said at once, with what was
// meant.
func TestMistakes(t *testing.T) {
	h, _ := newTestHandler(t)
	for _, tt := range []struct{ method, path, body, text string }{
		{"GET", "/api/v1/findings?severty=high", "", "did you mean severity?"},
		{"GET", "/api/v1/findings?limit=1&limit=2", "", "more than once"},
		{"GET", "/api/v1/findings?limit=%zz", "", "cannot be read"},
		{"GET", "/api/v1/status?format=json", "", "has no parameters"},
		{"GET", "/api/v1/jobs/x?wiat=10s", "", "did you mean wait?"},
		{"POST", "/api/v1/detect?last=7d", "", "has no parameters"},
		{"GET", "/reports/now.html?lst=7d", "", "did you mean last?"},
		{"POST", "/api/v1/rebuild", `{"tables":["usage_hourli"]}`, "did you mean usage_hourly?"},
		{"POST", "/api/v1/backup", `{"name":"../../etc/passwd"}`, "not the name of a backup"},
		{"POST", "/api/v1/backup", `{"name":"a.wal"}`, "not the name of a backup"},
		{"POST", "/api/v1/detect", `{"detectors":["a_detectr"]}`, "did you mean a_detector?"},
		{"POST", "/api/v1/ingest", `{"source":"ftp://logs"}`, "cannot read from"},
		{"POST", "/api/v1/ingest", `{"source":"s3://"}`, "does not name a bucket"},
		{"POST", "/api/v1/ingest", `{"accounts":["12"]}`, "twelve digits"},
	} {
		rec := do(t, h, newRequest(t, tt.method, tt.path, adminToken, tt.body))
		if rec.Code != 400 || !strings.Contains(rec.Body.String(), tt.text) || !strings.Contains(rec.Body.String(), `"usage"`) {
			t.Errorf("%s %s %s: %d %s", tt.method, tt.path, tt.body, rec.Code, rec.Body)
		}
	}
	for _, path := range []string{"/?v=1", "/healthz?t=1", "/api/v1/findings?severity=high&severity=low"} {
		if rec := do(t, h, newRequest(t, "GET", path, adminToken)); rec.Code != 200 {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
	}
	// Nothing of it became a job.
	if rec := do(t, h, newRequest(t, "GET", "/api/v1/jobs", adminToken)); strings.Contains(rec.Body.String(), `"id"`) {
		t.Errorf("jobs are %s", rec.Body)
	}
}

// TestRouteLabels: the metrics call a route as people do.
func TestRouteLabels(t *testing.T) {
	h, _ := newTestHandler(t)
	do(t, h, newRequest(t, "GET", "/", readToken))
	text := scrape(t, h)
	if strings.Contains(text, "{$}") || !strings.Contains(text, `kmstrail_http_requests_total{code="2xx",route="/"} 1`) {
		t.Error("the page is not counted as /")
	}
}
