package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/internal/access"
)

// pathOf puts something into a route's path.
func pathOf(r *route) string {
	return strings.NewReplacer("{$}", "", "{id}", "key_users", "{name}", "x.html").Replace(r.Path)
}

// TestRoles asks for every route with every role. What is allowed gets past the
// guard, whatever its own answer is.
func TestRoles(t *testing.T) {
	askers := []struct {
		name, token string
		role        access.Role
	}{
		{"nobody", "", ""}, {"read", readToken, access.Read}, {"operate", operateToken, access.Operate}, {"admin", adminToken, access.Admin},
	}
	h, _ := newTestHandler(t)
	for _, r := range routes() {
		for _, asker := range askers {
			t.Run(r.Method+" "+r.Path+" by "+asker.name, func(t *testing.T) {
				got := do(t, h, newRequest(t, r.Method, pathOf(&r), asker.token)).Code
				want := 0
				switch {
				case r.Role == "":
				case asker.role == "":
					want = http.StatusUnauthorized
				case !asker.role.Allows(r.Role):
					want = http.StatusForbidden
				}
				if want != 0 && got != want {
					t.Errorf("got %d, want %d", got, want)
				}
				if want == 0 && (got == http.StatusUnauthorized || got == http.StatusForbidden || got >= 500) {
					t.Errorf("got %d", got)
				}
			})
		}
	}
}

// TestRoles_table writes down who may what, so that a change is seen.
func TestRoles_table(t *testing.T) {
	got := map[access.Role][]string{}
	for _, r := range routes() {
		got[r.Role] = append(got[r.Role], r.Action)
	}
	want := map[access.Role][]string{
		"":             {"healthz", "readyz"},
		access.Read:    {"metrics", "page", "reports.list", "reports.now", "reports.now_markdown", "reports.now_json", "reports.get", "openapi", "server.get", "status.get", "findings.list", "findings.get", "queries.list", "queries.get", "queries.run", "jobs.list", "jobs.get"},
		access.Operate: {"findings.decide", "ingest", "verify", "detect", "rebuild", "maintain", "backup", "inventory", "jobs.cancel", "running.list", "running.cancel"},
		access.Admin:   {"tokens.list", "tokens.create", "tokens.revoke"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestIngest_otherSource(t *testing.T) {
	for _, tt := range []struct {
		token, body string
		want        int
	}{
		{operateToken, `{}`, 202},
		{operateToken, `{"source":"s3://trail"}`, 202},
		{operateToken, `{"source":"/etc"}`, 403},
		{operateToken, `{"source":"s3://other"}`, 403},
		{adminToken, `{"source":"/var/logs"}`, 202},
	} {
		h, _ := newTestHandler(t)
		if got := do(t, h, newRequest(t, "POST", "/api/v1/ingest", tt.token, tt.body)).Code; got != tt.want {
			t.Errorf("%s by %s: %d, want %d", tt.body, tt.token, got, tt.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		authorization string
		status        int
		code, header  string
		advice        string
	}{
		{"", 401, "no_token", "", "Authorization: Bearer"},
		{"Bearer kmst_x_wrongwrongwrong", 401, "bad_token", "", "send it whole"},
		{"Bearer revoked", 401, "bad_token", "", "ask for a new one: kmstrail token create"},
		{"Bearer expired", 401, "expired", "", "ask for a new one: kmstrail token create"},
		{"Bearer wait", 429, "too_many", "2", ""},
	}
	for _, tt := range tests {
		t.Run(tt.code, func(t *testing.T) {
			h, w := newTestHandler(t)
			r := newRequest(t, "GET", "/api/v1/status", "")
			r.Header.Set("Authorization", tt.authorization)
			if tt.authorization == "" {
				r.Header.Del("Authorization")
			}
			rec := do(t, h, r)
			var p Problem
			if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil {
				t.Fatal(err)
			}
			if rec.Code != tt.status || p.Status != tt.status || p.Code != tt.code || p.Detail == "" || p.Title == "" {
				t.Errorf("got %d %+v", rec.Code, p)
			}
			if got := strings.Join(p.Advice, "; "); !strings.Contains(got, tt.advice) || (tt.advice == "") != (got == "") {
				t.Errorf("advice is %q", got)
			}
			if got := rec.Header().Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("content type is %s", got)
			}
			if got := rec.Header().Get("Retry-After"); got != tt.header {
				t.Errorf("Retry-After is %q, want %q", got, tt.header)
			}
			asks := rec.Header().Values("WWW-Authenticate")
			if tt.status == 401 && (len(asks) != 2 || !strings.HasPrefix(asks[0], "Bearer ") || !strings.HasPrefix(asks[1], "Basic ")) {
				t.Errorf("WWW-Authenticate is %q", asks)
			}
			if e := w.entries(); len(e) != 1 || e[0].Outcome != "denied" || e[0].Action != "status.get" {
				t.Errorf("audit has %+v", e)
			}
			if text := scrape(t, h); !strings.Contains(text, `kmstrail_access_refused_total{protocol="http",reason="`+tt.code+`"} 1`) {
				t.Error("the refusal is not counted")
			}
		})
	}
}

// TestForeignPages sends what a browser sends for a page of somebody else.
func TestForeignPages(t *testing.T) {
	tests := []struct {
		name, method, path, host string
		headers                  map[string]string
		anonymous                bool
		want                     int // 0: anything but 403
	}{
		{name: "program", method: "POST", path: "/api/v1/maintain"},
		{name: "own page", method: "POST", path: "/api/v1/maintain", headers: map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8814"}},
		{name: "foreign page", method: "POST", path: "/api/v1/maintain", headers: map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://example.com"}, want: 403},
		{name: "other port of this machine", method: "POST", path: "/api/v1/maintain", headers: map[string]string{"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:3000"}, want: 403},
		{name: "old browser", method: "POST", path: "/api/v1/maintain", headers: map[string]string{"Origin": "https://example.com"}, want: 403},
		{name: "sandboxed page", method: "POST", path: "/api/v1/maintain", headers: map[string]string{"Origin": "null"}, want: 403},
		{name: "foreign delete", method: "DELETE", path: "/api/v1/tokens/ann", headers: map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://example.com"}, want: 403},
		{name: "form of a foreign page", method: "POST", path: "/api/v1/maintain", headers: map[string]string{"Content-Type": "text/plain"}, want: 415},
		{name: "form fields", method: "POST", path: "/api/v1/maintain", headers: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, want: 415},
		{name: "foreign script tag", method: "GET", path: "/api/v1/status", headers: map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}, want: 403},
		{name: "foreign image", method: "GET", path: "/reports/now.html", headers: map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, want: 403},
		{name: "foreign frame", method: "GET", path: "/", headers: map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, want: 403},
		{name: "link to the page", method: "GET", path: "/", headers: map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}},
		{name: "link to the API", method: "GET", path: "/api/v1/findings", headers: map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, want: 403},
		{name: "rebound name", method: "GET", path: "/api/v1/status", host: "evil.example.com:8814", anonymous: true, want: 403},
		{name: "rebound name of digits", method: "GET", path: "/api/v1/status", host: "203.0.113.7:8814", anonymous: true, want: 403},
		{name: "name with a token", method: "GET", path: "/api/v1/status", host: "kmstrail.example.com"},
		{name: "localhost", method: "GET", path: "/api/v1/status", host: "LocalHost:8814", anonymous: true},
		{name: "loopback", method: "GET", path: "/api/v1/status", host: "[::1]:8814", anonymous: true},
		{name: "configured name", method: "GET", path: "/api/v1/status", host: "dash.example.com:80", anonymous: true},
		{name: "name like localhost", method: "GET", path: "/api/v1/status", host: "localhost.example.com", anonymous: true, want: 403},
		{name: "behind a proxy", method: "GET", path: "/api/v1/status", host: "localhost:8814", anonymous: true, headers: map[string]string{"X-Forwarded-For": "203.0.113.9"}, want: 401},
		{name: "behind a proxy with a token", method: "GET", path: "/api/v1/status", headers: map[string]string{"X-Forwarded-For": "203.0.113.9"}},
		{name: "no name", method: "GET", path: "/api/v1/status", host: "", anonymous: false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, w := newTestHandler(t, func(w *world) { w.opts.Hosts = []string{"dash.example.com"} })
			w.guard.anonymous = tt.anonymous
			token := adminToken
			if tt.anonymous {
				token = ""
			}
			r := newRequest(t, tt.method, tt.path, token, "{}")
			if tt.host != "" {
				r.Host = tt.host
			}
			for name, value := range tt.headers {
				r.Header.Set(name, value)
			}
			got := do(t, h, r).Code
			if tt.want != 0 && got != tt.want || tt.want == 0 && got == 403 {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

// TestHeaders: every answer, also of an error, has them.
func TestHeaders(t *testing.T) {
	h, _ := newTestHandler(t)
	for _, path := range []string{"/", "/healthz", "/metrics", "/api/v1/status", "/nothing", "/reports/", "/reports/none.html"} {
		for _, token := range []string{"", readToken} {
			got := do(t, h, newRequest(t, "GET", path, token)).Header()
			for name, want := range map[string]string{
				"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
				"Cross-Origin-Resource-Policy": "same-origin", "Access-Control-Allow-Origin": "",
			} {
				if got.Get(name) != want {
					t.Errorf("%s: %s is %q, want %q", path, name, got.Get(name), want)
				}
			}
			policy := got.Get("Content-Security-Policy")
			if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "script-src") {
				t.Errorf("%s: policy is %q", path, policy)
			}
		}
	}
}

// TestSocket: who is at a unix socket needs no token, and is not taken for
// somebody of the network.
func TestSocket(t *testing.T) {
	h, w := newTestHandler(t)
	path := filepath.Join(t.TempDir(), "http.sock")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(h, w.opts.Log)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	c := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/api/v1/server", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var info ServerInfo
	if err := json.NewDecoder(res.Body).Decode(&info); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(info.Principal, "local:") || info.Role != access.Admin {
		t.Errorf("asks as %+v", info)
	}
	if e := w.entries(); len(e) != 1 || e[0].Protocol != "unix" || e[0].Action != "server.get" || e[0].Outcome != "ok" {
		t.Errorf("audit has %+v", e)
	}
	c.CloseIdleConnections()
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-done; err != http.ErrServerClosed { //nolint:errorlint // it is that one
		t.Error(err)
	}
}

// TestLeak: a token is in no answer, no log, no metric and no audit entry.
func TestLeak(t *testing.T) {
	h, w := newTestHandler(t)
	const wrong = "kmst_abcd_WrongSecretWrongSecret00"
	for _, token := range []string{adminToken, wrong} {
		for _, r := range routes() {
			rec := do(t, h, newRequest(t, r.Method, pathOf(&r), token, `{"name":"ann","role":"read"}`))
			if strings.Contains(rec.Body.String(), token) {
				t.Errorf("%s %s: the answer has the token", r.Method, r.Path)
			}
		}
	}
	seen := w.log.String() + scrape(t, h) + fmt.Sprintf("%+v", w.entries())
	for _, secret := range []string{adminToken, wrong, "secretsecretsecret"} {
		if strings.Contains(seen, secret) {
			t.Errorf("%s is in the log, the metrics or the audit log", secret)
		}
	}
}

// scrape returns the metrics as text.
func scrape(t *testing.T, h http.Handler) string {
	t.Helper()
	return do(t, h, newRequest(t, "GET", "/metrics", adminToken)).Body.String()
}

func TestAuditOutcome(t *testing.T) {
	h, w := newTestHandler(t)
	do(t, h, newRequest(t, "GET", "/healthz", ""))
	do(t, h, newRequest(t, "GET", "/metrics", readToken))
	do(t, h, newRequest(t, "GET", "/api/v1/findings?status=all", readToken))
	do(t, h, newRequest(t, "GET", "/api/v1/findings?status=sometimes", readToken))
	do(t, h, newRequest(t, "DELETE", "/api/v1/tokens/ann", adminToken))
	do(t, h, newRequest(t, "POST", "/api/v1/tokens", adminToken, `{"name":"ann","role":"read"}`))
	w.later(time.Minute)
	w.store.err = errBroken
	do(t, h, newRequest(t, "GET", "/api/v1/findings", readToken))
	type line struct{ Who, Action, Detail, Outcome, Error string }
	var got []line
	for _, e := range w.entries() {
		got = append(got, line{e.Principal.Name, e.Action, e.Detail, e.Outcome, e.Error})
	}
	want := []line{
		{"reader", "findings.list", "GET /api/v1/findings?status=all", "ok", ""},
		{"reader", "findings.list", "GET /api/v1/findings?status=sometimes", "refused", `status: unknown "sometimes"`},
		{"boss", "tokens.revoke", "token ann", "refused", "there is no token of that name"},
		{"boss", "tokens.create", "token ann role read", "ok", ""},
		{"reader", "findings.list", "GET /api/v1/findings", "failed", "read findings: the disk is gone"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
