package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// manyRows is a result of about 24 MB, much more than is on its way at a time.
func manyRows(n int) object {
	return sqlQuery(fmt.Sprintf("SELECT i, i * 2 AS j, i %% 7 AS k FROM range(%d) AS t(i)", n))
}

// longQuery runs until somebody ends it.
var longQuery = sqlQuery("SELECT count(*) AS n FROM range(1000000) AS a, range(1000000) AS b WHERE (a.range * b.range) % 7 = 8")

// failed checks that an answer is an error, without any row, and says what was run.
func failed(t *testing.T, r backend.DataResponse, statuses ...backend.Status) {
	t.Helper()
	if r.Error == nil {
		rows := 0
		for _, f := range r.Frames {
			rows += f.Rows()
		}
		t.Fatalf("no error, but %d rows", rows)
	}
	executed := ""
	for _, f := range r.Frames {
		executed += f.Meta.ExecutedQueryString
		if f.Rows() > 0 {
			t.Errorf("%d rows beside the error %v", f.Rows(), r.Error)
		}
	}
	if executed == "" {
		t.Errorf("what was run is not told with: %v", r.Error)
	}
	if r.ErrorSource != backend.ErrorSourceDownstream {
		t.Errorf("source %s: %v", r.ErrorSource, r.Error)
	}
	for _, s := range statuses {
		if r.Status == s {
			return
		}
	}
	if len(statuses) > 0 {
		t.Errorf("status %d, want one of %v: %v", r.Status, statuses, r.Error)
	}
}

// TestStreamBreaks: whatever happens to a stream, the answer is an error and never
// some of the rows.
func TestStreamBreaks(t *testing.T) {
	ca := newAuthority(t)
	store := newStore(t)
	token := store.token(t, "grafana")
	plain := store.serve(t)
	secured := newStore(t)
	secureToken := secured.token(t, "grafana")
	secure := secured.serve(t, ca.sign(t, "localhost", year)...)
	g := startPlugin(t)
	const rows = 1_000_000
	for _, test := range []struct {
		name     string
		tls      bool
		fault    fault
		after    int64
		statuses []backend.Status
	}{
		{"cut", false, cut, 1 << 20, []backend.Status{backend.StatusBadGateway}},
		{"cut near the end", false, cut, 22 << 20, []backend.Status{backend.StatusBadGateway}},
		{"cut within TLS", true, cut, 1 << 20, []backend.Status{backend.StatusBadGateway}},
		{"a byte lost", false, drop, 1 << 20, []backend.Status{backend.StatusBadGateway}},
		{"a byte changed within TLS", true, corrupt, 1 << 20, []backend.Status{backend.StatusBadGateway}},
		{"a byte lost within TLS", true, drop, 1 << 20, []backend.Status{backend.StatusBadGateway}},
		{"stalled", false, stall, 1 << 20, []backend.Status{backend.StatusTimeout}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, tok, scheme, o := plain, token, "grpc", options{"maxRows": 5_000_000, "timeoutSeconds": 60}
			if test.tls {
				server, tok, scheme, o["tlsAuthWithCACert"] = secure, secureToken, "grpc+tls", true
			}
			if test.fault == stall {
				o["timeoutSeconds"] = 2
			}
			p := newProxy(t, server.url)
			s := g.add(t, p.url(scheme), tok, o, ca.pem)
			if f := s.frame(t, manyRows(10)); f.Rows() != 10 { // all is connected, and what is asked for beside is there
				t.Fatalf("%d rows", f.Rows())
			}
			p.set(test.fault, test.after)
			r := s.one(t, manyRows(rows))
			failed(t, r, test.statuses...)
			t.Log(r.Error)
			p.set(none, 0)
			// What was stalled has lost bytes for good: this needs another connection.
			if f := s.frame(t, manyRows(1000)); f.Rows() != 1000 {
				t.Errorf("afterwards %d rows", f.Rows())
			}
		})
	}
}

func TestSlowServer(t *testing.T) {
	r, _ := served(t, nil)
	p := newProxy(t, r.url)
	token := r.store.token(t, "slow")
	s := startPlugin(t).add(t, p.url("grpc"), token, options{"timeoutSeconds": 60})
	p.set(slow, 0)
	if f := s.frame(t, manyRows(20_000)); f.Rows() != 20_000 {
		t.Errorf("%d rows", f.Rows())
	}
}

func TestTimeout(t *testing.T) {
	r, s := served(t, options{"timeoutSeconds": 1})
	answer := s.one(t, longQuery)
	failed(t, answer, backend.StatusTimeout)
	if !strings.Contains(answer.Error.Error(), "longer than 1s") {
		t.Error(answer.Error)
	}
	r.idle(t)
}

// queries lists what runs on the server.
func (r *running) queries(t *testing.T) []string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", r.socket)
	}}}
	defer client.CloseIdleConnections()
	answer, err := client.Get("http://localhost/api/v1/running")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() // it is read
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var body struct {
		Queries []struct {
			SQL string `json:"sql"`
		} `json:"queries"`
	}
	if err := json.Unmarshal(text, &body); err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, q := range body.Queries {
		out = append(out, q.SQL)
	}
	return out
}

// idle waits until nothing runs on the server.
func (r *running) idle(t *testing.T) { r.until(t, 0) }

// until waits until so many queries run.
func (r *running) until(t *testing.T, n int) {
	t.Helper()
	var now []string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		if now = r.queries(t); len(now) == n {
			return
		}
	}
	t.Fatalf("%d queries run, want %d: %q", len(now), n, now)
}

// TestCancel: a panel that is closed ends its query on the server.
func TestCancel(t *testing.T) {
	r, s := served(t, nil)
	s.frame(t, manyRows(1)) // what is asked for beside is there
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := s.ask(ctx, nil, panelQuery(t, "A", longQuery))
		ended <- err
	}()
	r.until(t, 1)
	cancel()
	if err := <-ended; status.Code(unwrapped(err)) != codes.Canceled {
		t.Errorf("%v", err)
	}
	r.idle(t)
}

func unwrapped(err error) error {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return err
}

// TestWaiting: who waits for a place can go, and others get it in turn.
func TestWaiting(t *testing.T) {
	r, s := served(t, options{"maxConcurrent": 1})
	s.frame(t, manyRows(1))
	long, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 3)
	go func() { _, err := s.ask(long, nil, panelQuery(t, "A", longQuery)); ended <- err }()
	r.until(t, 1)
	waiting, leave := context.WithCancel(t.Context())
	go func() { _, err := s.ask(waiting, nil, panelQuery(t, "B", longQuery)); ended <- err }()
	leave()
	if err := <-ended; err == nil {
		t.Error("who left has an answer")
	}
	if got := r.queries(t); len(got) != 1 {
		t.Errorf("%d queries run", len(got))
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("a cancelled query has an answer")
	}
	if f := s.frame(t, manyRows(10)); f.Rows() != 10 {
		t.Errorf("%d rows", f.Rows())
	}
}

// TestRestart: a server that was restarted is found again, by the same datasource.
func TestRestart(t *testing.T) {
	r, s := served(t, nil)
	if f := s.frame(t, manyRows(10)); f.Rows() != 10 {
		t.Fatalf("%d rows", f.Rows())
	}
	r.stop(t)
	for range 3 { // gRPC waits longer with each
		answer := s.one(t, manyRows(10))
		failed(t, answer, backend.StatusBadGateway)
		t.Log(answer.Error)
	}
	r.store.serve(t)
	if f := s.frame(t, manyRows(10)); f.Rows() != 10 {
		t.Errorf("after the restart %d rows", f.Rows())
	}
}

// TestTokenEnds: a token that is revoked while it is used.
func TestTokenEnds(t *testing.T) {
	r, s := served(t, nil)
	s.frame(t, manyRows(10))
	if out, err := r.store.command("token", "revoke", "grafana").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	answer := s.one(t, manyRows(11))
	failed(t, answer, backend.StatusUnauthorized)
	if text := answer.Error.Error(); !strings.Contains(text, "kmstrail token create") || strings.Contains(text, s.settings.DecryptedSecureJSONData["token"]) {
		t.Error(text)
	}
	s.set(t, r.url, r.store.token(t, "grafana2"), nil)
	if f := s.frame(t, manyRows(10)); f.Rows() != 10 {
		t.Errorf("with a new token %d rows", f.Rows())
	}
}

// TestSettingsChange: queries that run when the settings change end as they
// began, and the connections of before are closed.
func TestSettingsChange(t *testing.T) {
	r, _ := served(t, nil)
	token := r.store.token(t, "load")
	g := startPlugin(t)
	first, second := newProxy(t, r.url), newProxy(t, r.url)
	s := g.add(t, first.url("grpc"), token, options{"maxRows": 1_000_000})
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 10 {
				n := 1000 + 10*worker + i
				answer, err := s.ask(t.Context(), nil, panelQuery(t, "A", manyRows(n)))
				if err != nil {
					t.Error(err)
					return
				}
				if a := answer["A"]; a.Error != nil || a.Frames[0].Rows() != n {
					t.Errorf("worker %d: %v", worker, a.Error)
				}
			}
		})
	}
	// The change finds this one at work; it ends after the SDK disposed of its
	// datasource.
	all.Go(func() {
		first.set(slow, 0)
		answer, err := s.ask(t.Context(), nil, panelQuery(t, "A", manyRows(300_000)))
		if a := answer["A"]; err != nil || a.Error != nil || a.Frames[0].Rows() != 300_000 {
			t.Errorf("the long one: %v %v", err, a.Error)
		}
	})
	for i := range 10 {
		if i%2 == 0 {
			s.set(t, second.url("grpc"), token, options{"maxRows": 1_000_000 + i})
		} else {
			s.set(t, first.url("grpc"), token, options{"maxRows": 1_000_000 + i})
		}
		if f := s.frame(t, manyRows(100)); f.Rows() != 100 {
			t.Errorf("%d rows", f.Rows())
		}
	}
	all.Wait()
	first.set(none, 0)
	// The last datasource keeps its connection.
	for deadline := time.Now().Add(patience); first.open()+second.open() > 2; <-time.After(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d and %d connections are open", first.open(), second.open())
		}
	}
}

// TestPanels: fifty panels at once, over one connection.
func TestPanels(t *testing.T) {
	r, _ := served(t, nil)
	p := newProxy(t, r.url)
	s := startPlugin(t).add(t, p.url("grpc"), r.store.token(t, "panels"), nil)
	var all sync.WaitGroup
	for panel := range 50 {
		all.Go(func() {
			answers, err := s.ask(t.Context(), nil,
				panelQuery(t, "A", sqlQuery(fmt.Sprintf("SELECT %d AS panel, event_name, sum(call_count) AS calls FROM usage_hourly WHERE $__timeFilter(hour) GROUP BY event_name", panel))),
				panelQuery(t, "B", object{"kind": "named", "format": "table", "named": object{"id": "top_callers"}}))
			if err != nil {
				t.Error(err)
				return
			}
			for _, id := range []string{"A", "B"} {
				if a := answers[id]; a.Error != nil || len(a.Frames) != 1 || a.Frames[0].Rows() == 0 {
					t.Errorf("panel %d, %s: %v", panel, id, a.Error)
				}
			}
		})
	}
	all.Wait()
	// One for all queries, one for the list of tables.
	if n := p.opened.Load(); n > 2 {
		t.Errorf("%d connections were opened", n)
	}
}
