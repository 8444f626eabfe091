package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/ingest/s3source"
	"github.com/kmstrail/kmstrail/internal/httpapi"
	"github.com/kmstrail/kmstrail/internal/instance"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/status"
)

// fakeServer plays one job, and answers other requests as it is told.
type fakeServer struct {
	mu      sync.Mutex
	states  []string // the job's, one per question
	deleted bool
	// afterDelete is the job's last state once it was cancelled.
	afterDelete string
	asked       []string
	other       http.HandlerFunc
}

func (s *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Authorization"))
	w.Header().Set("Content-Type", "application/json")
	switch {
	case s.other != nil:
		s.other(w, r)
	case r.Method == http.MethodPost:
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"id":"j1","state":"queued","version":1}`)
	case r.Method == http.MethodDelete:
		s.deleted = true
		fmt.Fprint(w, `{"id":"j1","state":"running","version":8}`)
	case s.deleted:
		fmt.Fprint(w, s.afterDelete)
	default:
		fmt.Fprint(w, s.states[0])
		s.states = s.states[min(1, len(s.states)-1):]
	}
}

func open(t *testing.T, s http.Handler, token string) *Client {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	c, err := Open(t.Context(), Target{URL: server.URL, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestIngest(t *testing.T) {
	s := &fakeServer{states: []string{
		`{"id":"j1","state":"running","version":2,"progress":null,"result":null}`,
		`{"id":"j1","state":"running","version":3,"progress":{"read":{"objects_done":5}}}`,
		`{"id":"j1","state":"done","version":4,"progress":{"read":{"objects_done":9}},"result":{"summary":{"inserted":70},"duration_seconds":1.5}}`,
	}}
	c := open(t, s, "kmst_token")
	var done []int64
	got, err := c.Ingest(t.Context(), operate.IngestRequest{Reconcile: true}, func(p operate.IngestProgress) { done = append(done, p.Read.ObjectsDone) })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{5, 9}, done); diff != "" {
		t.Error(diff)
	}
	if got.Summary == nil || got.Summary.Inserted != 70 || time.Duration(got.Took) != 1500*time.Millisecond {
		t.Errorf("got %+v", got)
	}
	want := []string{
		"POST /api/v1/ingest Bearer kmst_token", "GET /api/v1/jobs/j1?wait=20s&version=1 Bearer kmst_token",
		"GET /api/v1/jobs/j1?wait=20s&version=2 Bearer kmst_token", "GET /api/v1/jobs/j1?wait=20s&version=3 Bearer kmst_token",
	}
	if diff := cmp.Diff(want, s.asked); diff != "" {
		t.Error(diff)
	}
}

// TestJob_failed: the error is what package operate would have given, beside
// what was done before.
func TestJob_failed(t *testing.T) {
	s := &fakeServer{states: []string{`{"id":"j1","state":"failed","version":4,"result":{"summary":{"objects_done":5}},"problem":{"kind":"usage","detail":"no such source","advice":["write s3://"]}}`}}
	got, err := open(t, s, "").Ingest(t.Context(), operate.IngestRequest{}, nil)
	usage, ok := errors.AsType[*operate.UsageError](err)
	if !ok || usage.Text != "no such source" || usage.Hint != "write s3://" {
		t.Errorf("error is %#v", err)
	}
	if got.Summary == nil || got.Summary.ObjectsDone != 5 {
		t.Errorf("got %+v", got)
	}
	s.states = []string{`{"id":"j1","state":"failed","version":4,"result":null,"problem":{"kind":"busy","detail":"busy"}}`}
	if _, err := open(t, s, "").Detect(t.Context(), operate.DetectRequest{NoWait: true}, nil); !errors.Is(err, operate.ErrBusy) {
		t.Errorf("error is %v", err)
	}
	s.states = []string{`{"id":"j1","state":"cancelled","version":4,"result":null,"problem":{"kind":"interrupted","detail":"it was cancelled"}}`}
	if _, err := open(t, s, "").Rebuild(t.Context(), operate.RebuildRequest{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

// TestJob_cancelled: who stops asking stops the work, and hears what was done.
func TestJob_cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &fakeServer{
		states:      []string{`{"id":"j1","state":"running","version":2,"progress":{"read":{"objects_done":1}}}`},
		afterDelete: `{"id":"j1","state":"cancelled","version":9,"result":{"summary":{"objects_done":8}},"problem":{"kind":"interrupted","detail":"cancelled"}}`,
	}
	got, err := open(t, s, "").Ingest(ctx, operate.IngestRequest{}, func(operate.IngestProgress) { cancel() })
	if !errors.Is(err, context.Canceled) || !s.deleted {
		t.Errorf("error is %v, the job was cancelled: %v", err, s.deleted)
	}
	if got.Summary == nil || got.Summary.ObjectsDone != 8 {
		t.Errorf("got %+v", got)
	}
}

func TestProblems(t *testing.T) {
	problem := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(status)
			fmt.Fprint(w, text)
		}
	}
	tests := []struct {
		name   string
		answer http.HandlerFunc
		check  func(error) bool
		text   string
	}{
		{"usage", problem(400, `{"code":"usage","detail":"status: unknown \"x\"","advice":["did you mean y?"]}`), func(err error) bool {
			u, ok := errors.AsType[*operate.UsageError](err)
			return ok && u.Hint == "did you mean y?"
		}, `status: unknown "x"`},
		{"not found", problem(404, `{"code":"not_found","detail":"no such finding"}`), func(err error) bool { return errors.Is(err, detectors.ErrNoFinding) }, "no such finding"},
		{"no token", problem(401, `{"code":"no_token","detail":"a token is needed"}`), func(err error) bool {
			return strings.Contains(strings.Join(operate.ProblemOf(err).Advice, ""), "KMSTRAIL_CLIENT_TOKEN")
		}, "a token is needed"},
		{"role", problem(403, `{"code":"denied","detail":"ann has role read; this needs role operate"}`), nil, "needs role operate"},
		{"another server", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, "<h1>nginx</h1>")
		}, nil, "is it kmstrail?"},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://example.com/", http.StatusFound)
		}, nil, "302"},
		{"nonsense", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, nil, "not what is expected"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := open(t, &fakeServer{other: tt.answer}, "kmst_token").Status(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.text) || tt.check != nil && !tt.check(err) {
				t.Errorf("error is %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "kmst_token") {
				t.Error("the error has the token")
			}
		})
	}
}

func TestAway(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c, err := Open(t.Context(), Target{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Status(t.Context()); err == nil || err.Error() != "no server answers at "+server.URL+": connection refused" {
		t.Errorf("error is %v", err)
	}
}

// TestAway_explained: that a server does not answer is not said of AWS, and does
// not show a password in its address.
func TestAway_explained(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c, err := Open(t.Context(), Target{URL: "http://ann:hunter2@" + l.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Status(t.Context())
	text := s3source.Explain(err).Error()
	if text != "no server answers at http://ann:xxxxx@"+l.Addr().String()+": connection refused" {
		t.Error(text)
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "empty.pem"), []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		target Target
		want   string
	}{
		{Target{URL: "http://127.0.0.1:8814", Token: "x"}, ""},
		{Target{URL: "http://localhost:8814", Token: "x"}, ""},
		{Target{URL: "http://kmstrail.example.com:8814"}, ""},
		{Target{URL: "https://kmstrail.example.com:8814", Token: "x"}, ""},
		{Target{URL: "http://kmstrail.example.com:8814", Token: "x"}, "could read the token"},
		{Target{URL: "http://localhost.example.com", Token: "x"}, "could read the token"},
		{Target{URL: "kmstrail.example.com:8814"}, "not the address"},
		{Target{URL: "ftp://kmstrail.example.com"}, "not the address"},
		{Target{URL: "https://a", CAFile: filepath.Join(dir, "none.pem")}, "client.ca_file"},
		{Target{URL: "https://a", CAFile: filepath.Join(dir, "empty.pem")}, "no certificate"},
	}
	for _, tt := range tests {
		_, err := Open(t.Context(), tt.target)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v", tt.target, err)
		}
	}
}

func TestReachable(t *testing.T) {
	for _, tt := range []struct{ address, host, want string }{
		{"grpc://127.0.0.1:8815", "127.0.0.1", "grpc://127.0.0.1:8815"},
		{"grpc+tls://0.0.0.0:8815", "kmstrail.example.com", "grpc+tls://kmstrail.example.com:8815"},
		{"grpc+tls://[::]:8815", "203.0.113.7", "grpc+tls://203.0.113.7:8815"},
		{"grpc+tls://127.0.0.1:8815", "kmstrail.example.com", "grpc+tls://kmstrail.example.com:8815"},
		{"grpc+tls://10.0.0.5:8815", "kmstrail.example.com", "grpc+tls://10.0.0.5:8815"},
		{"grpc+tls://db.example.com:1", "kmstrail.example.com", "grpc+tls://db.example.com:1"},
		{"nonsense", "a", ""},
	} {
		got, err := reachable(tt.address, tt.host)
		if got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("reachable(%q, %q) = %q, %v, want %q", tt.address, tt.host, got, err, tt.want)
		}
	}
}

// TestFlightAddress: a token does not go over the network in the clear.
func TestFlightAddress(t *testing.T) {
	for flight, want := range map[string]string{
		"grpc://10.0.0.5:8815": "could read the token", "grpc+tls://10.0.0.5:8815": "", "grpc://127.0.0.1:8815": "", "": "",
	} {
		c := open(t, &fakeServer{other: func(w http.ResponseWriter, _ *http.Request) {
			_ = json.NewEncoder(w).Encode(httpapi.ServerInfo{Flight: flight})
		}}, "kmst_token")
		got, err := c.find(t.Context())
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v", flight, got, err)
		}
		if err == nil && got != flight {
			t.Errorf("%s: got %q", flight, got)
		}
	}
}

// TestSocket asks a server of this machine, without a token.
func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "http.sock")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &fakeServer{other: func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(status.Status{KMSEvents: 7})
	}}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: s, ReadHeaderTimeout: time.Second}}
	server.Start()
	defer server.Close()
	c, err := Open(t.Context(), Target{Instance: &instance.Info{HTTPSocket: path}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Status(t.Context())
	if err != nil || got.KMSEvents != 7 {
		t.Errorf("got %+v, %v", got, err)
	}
	if diff := cmp.Diff([]string{"GET /api/v1/status "}, s.asked); diff != "" {
		t.Error(diff)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
