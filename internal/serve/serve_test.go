package serve

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/internal/access"
	"github.com/kmstrail/kmstrail/internal/client"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/instance"
	"github.com/kmstrail/kmstrail/internal/operate"
)

// patience is how long a test waits for what must happen.
const patience = 5 * time.Minute

var (
	detectOne   = operate.DetectRequest{Detectors: []string{"cross_account_decrypt"}}
	maintainAll = operate.MaintainRequest{All: true}
)

// syncBuffer takes the log of a server that runs beside the test.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// running is a server in this process.
type running struct {
	instance.Info

	db   string
	log  *syncBuffer
	stop func() // tells it to end
	// ended gives what Run returned.
	ended chan error
}

// start starts a server of the sample bucket; edit changes the configuration.
func start(t *testing.T, edit func(*config.Config)) *running {
	t.Helper()
	cfg := config.Defaults()
	cfg.DB = filepath.Join(t.TempDir(), "k.duckdb")
	cfg.Ingest.Source = filepath.Join("..", "..", "sampledata", "bucket")
	cfg.Server.HTTP, cfg.Server.Flight = "127.0.0.1:0", "127.0.0.1:0"
	cfg.Server.MinFree = "1MB"
	cfg.Schedule.Detectors, cfg.Schedule.Report = config.Off, config.Off // they take seconds, and are others' tests
	if edit != nil {
		edit(&cfg)
	}
	ctx, stop := context.WithCancel(t.Context())
	r := &running{db: cfg.DB, log: &syncBuffer{}, stop: stop, ended: make(chan error, 1)}
	ready := make(chan instance.Info, 1)
	go func() {
		r.ended <- Run(ctx, Options{
			Config: cfg, Version: "test", OnReady: func(i instance.Info) { ready <- i },
			Log: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
	}()
	select {
	case r.Info = <-ready:
	case err := <-r.ended:
		t.Fatalf("the server did not start: %v\n%s", err, r.log)
	case <-time.After(patience):
		t.Fatalf("the server is not ready\n%s", r.log)
	}
	t.Cleanup(func() { r.end(t) })
	return r
}

// end stops the server and fails the test if it does not end well. A second call
// does nothing.
func (r *running) end(t *testing.T) {
	t.Helper()
	r.stop()
	select {
	case err, ok := <-r.ended:
		if ok && err != nil {
			t.Errorf("the server ended with %v\n%s", err, r.log)
		}
		if ok {
			close(r.ended)
		}
	case <-time.After(patience):
		t.Fatalf("the server does not end\n%s", r.log)
	}
}

// local is a client without a token.
func (r *running) local(t *testing.T) *client.Client {
	t.Helper()
	info, err := instance.Find(r.db)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Open(t.Context(), client.Target{Instance: &info})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// token makes a token and returns its secret.
func (r *running) token(t *testing.T, role access.Role) string {
	t.Helper()
	secret, err := access.OpenTokens(access.TokensPath(r.db), time.Now).Create("test-"+string(role), role, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// count runs a query that gives one number.
func count(ctx context.Context, c *client.Client, sql string) (int64, error) {
	r, err := c.Query(ctx, sql)
	if err != nil {
		return 0, err
	}
	defer r.Release()
	var n int64
	for r.Next() {
		n = r.RecordBatch().Column(0).(*array.Int64).Value(0)
	}
	return n, r.Err()
}

// eventually waits until f reports true.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		if f() {
			return
		}
	}
	t.Fatalf("%s: not within %s", what, patience)
}

// get asks over HTTP and returns status and body.
func get(t *testing.T, c *http.Client, url, authorization string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// sampleEvents is the number of KMS events in the sample bucket.
func sampleEvents(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile("../../sampledata/truth.json")
	if err != nil {
		t.Fatal(err)
	}
	var truth struct {
		KMSEvents int64 `json:"kms_events"`
	}
	if err := json.Unmarshal(b, &truth); err != nil {
		t.Fatal(err)
	}
	return truth.KMSEvents
}

// TestServe ingests the sample bucket, finds what is in it, and answers by both
// protocols, with a token and without.
func TestServe(t *testing.T) {
	r := start(t, nil)
	c := r.local(t)
	eventually(t, "the bucket is ingested", func() bool {
		n, err := count(t.Context(), c, "select count(*) from kms_events")
		return err == nil && n == sampleEvents(t)
	})
	if _, err := c.Detect(t.Context(), detectOne, nil); err != nil {
		t.Fatal(err)
	}
	if n, err := count(t.Context(), c, "select count(*) from findings"); err != nil || n < 5 {
		t.Errorf("%d findings, %v; want those of the detector in the sample", n, err)
	}
	plain := &http.Client{}
	if code, body := get(t, plain, r.HTTP+"/readyz", ""); code != http.StatusOK || !strings.HasPrefix(body, "ready") {
		t.Errorf("readyz: %d %s", code, body)
	}
	if code, _ := get(t, plain, r.HTTP+"/api/v1/status", ""); code != http.StatusUnauthorized {
		t.Errorf("status without a token: %d, want 401", code)
	}
	remote, err := client.Open(t.Context(), client.Target{URL: r.HTTP, Token: r.token(t, access.Read)})
	if err != nil {
		t.Fatal(err)
	}
	defer remote.Close()
	if n, err := count(t.Context(), remote, "select count(*) from kms_events"); err != nil || n != sampleEvents(t) {
		t.Errorf("over the network: %d events, %v", n, err)
	}
	if _, err := remote.Detect(t.Context(), detectOne, nil); err == nil {
		t.Error("a token of role read may detect")
	}
	_, metrics := get(t, plain, r.HTTP+"/metrics", "Bearer "+r.token(t, access.Operate))
	for _, want := range []string{
		fmt.Sprintf("kmstrail_events_total %d", sampleEvents(t)), fmt.Sprintf("kmstrail_stored_events %d", sampleEvents(t)), `kmstrail_log_files_total{outcome="failed"} 2`,
		`kmstrail_queries_total{outcome="done",protocol="flight"}`, `kmstrail_findings_open{severity="critical"}`,
		`kmstrail_detector_runs_total{detector="cross_account_decrypt",outcome="ok"}`, "kmstrail_polls_total",
		`kmstrail_access_refused_total{protocol="http",reason="no_token"} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	r.end(t)
	if _, err := os.Stat(instance.Dir(r.db)); !os.IsNotExist(err) {
		t.Errorf("the directory with the sockets is still there: %v", err)
	}
}

// TestServe_tls answers over TLS only, with the certificate's name.
func TestServe_tls(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := writeCertificate(t, dir, 1)
	r := start(t, func(c *config.Config) {
		c.Server.TLSCert, c.Server.TLSKey = certFile, keyFile
	})
	url := strings.Replace(r.HTTP, "127.0.0.1", "localhost", 1)
	c, err := client.Open(t.Context(), client.Target{URL: url, Token: r.token(t, access.Read), CAFile: certFile})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := count(t.Context(), c, "select count(*) from kms_events"); err != nil {
		t.Errorf("over TLS: %v", err)
	}
	untrusting := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}}
	res, err := untrusting.Get(url + "/healthz")
	if err == nil {
		t.Errorf("a certificate that nobody vouches for is taken: %v", res.Body.Close())
	}
	if code, _ := get(t, &http.Client{}, strings.Replace(url, "https", "http", 1)+"/healthz", ""); code == http.StatusOK {
		t.Error("it answers without TLS")
	}
}

// TestServe_anonymous lets this machine read, and nothing else.
func TestServe_anonymous(t *testing.T) {
	r := start(t, func(c *config.Config) { c.Server.Anonymous = true })
	c, err := client.Open(t.Context(), client.Target{URL: r.HTTP})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := count(t.Context(), c, "select count(*) from kms_events"); err != nil {
		t.Error(err)
	}
	if _, err := c.Maintain(t.Context(), maintainAll); err == nil {
		t.Error("without a token the store can be changed")
	}
}

// TestServe_tokens tries many wrong tokens, and looks for the right one wherever
// the server writes something.
func TestServe_tokens(t *testing.T) {
	r := start(t, nil)
	secret := r.token(t, access.Admin)
	plain := &http.Client{}
	wrong := secret[:len(secret)-8] + strings.Repeat("a", 8)
	var refused, limited int
	for i := range 200 {
		code, body := get(t, plain, r.HTTP+"/api/v1/status", fmt.Sprintf("Bearer %s%d", wrong, i))
		switch code {
		case http.StatusUnauthorized:
			refused++
		case http.StatusTooManyRequests:
			limited++
		default:
			t.Fatalf("a wrong token: %d %s", code, body)
		}
	}
	if refused > 50 || limited < 100 {
		t.Errorf("%d wrong tokens were looked at and %d turned away; want at most 50 looked at", refused, limited)
	}
	if code, _ := get(t, plain, r.HTTP+"/api/v1/status", "Bearer "+secret); code != http.StatusOK {
		t.Errorf("the right token after many wrong ones: %d", code)
	}
	bad, err := client.Open(t.Context(), client.Target{URL: r.HTTP, Token: wrong})
	if err != nil {
		t.Fatal(err)
	}
	defer bad.Close()
	if _, err := count(t.Context(), bad, "select count(*) from findings"); err == nil || strings.Contains(err.Error(), wrong) {
		t.Errorf("a wrong token over Flight SQL: %v", err)
	}
	// Somebody pastes the token where it does not belong.
	good, err := client.Open(t.Context(), client.Target{URL: r.HTTP, Token: secret})
	if err != nil {
		t.Fatal(err)
	}
	defer good.Close()
	for _, sql := range []string{"select '" + secret + "' from nowhere", "select '" + secret + "'::bigint", "selec " + secret} {
		_, _ = count(t.Context(), good, sql)
	}
	get(t, plain, r.HTTP+"/reports/"+secret, "Bearer "+secret)
	get(t, plain, r.HTTP+"/api/v1/findings?status="+secret, "Bearer "+secret)
	_, metrics := get(t, plain, r.HTTP+"/metrics", "Bearer "+secret)
	_, page := get(t, plain, r.HTTP+"/", "Bearer "+secret)
	cmdline, err := os.ReadFile("/proc/self/cmdline")
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	r.end(t)
	places := map[string]string{"metrics": metrics, "status page": page, "log": r.log.String(), "process list": string(cmdline)}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(r.db), "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if info, err := os.Stat(name); err != nil || info.IsDir() {
			continue
		}
		text, err := os.ReadFile(name) // the store's own file too: the server has ended
		if err != nil {
			t.Fatal(err)
		}
		places[filepath.Base(name)] = string(text)
	}
	if len(files) < 4 {
		t.Errorf("only %v lie beside the store", files)
	}
	for place, text := range places {
		if strings.Contains(text, secret) {
			t.Errorf("the token stands in: %s", place)
		}
	}
}

// TestServe_drain: a query at work when the server is told to end gives all of
// its rows.
func TestServe_drain(t *testing.T) {
	r := start(t, nil)
	c := r.local(t)
	reader, err := c.UserQuery(t.Context(), "select range as n from range(3000000)")
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Release()
	if !reader.Next() {
		t.Fatal(reader.Err())
	}
	rows := reader.RecordBatch().NumRows()
	r.stop()
	for reader.Next() {
		rows += reader.RecordBatch().NumRows()
	}
	if err := reader.Err(); err != nil || rows != 3_000_000 {
		t.Errorf("%d of 3000000 rows, %v", rows, err)
	}
	r.end(t)
}

// TestServe_twice: the second server of a store says who has it.
func TestServe_twice(t *testing.T) {
	r := start(t, nil)
	cfg := config.Defaults()
	cfg.DB, cfg.Server.HTTP, cfg.Server.Flight = r.db, config.Off, config.Off
	err := Run(t.Context(), Options{Config: cfg, Log: slog.New(slog.DiscardHandler)})
	if !errors.Is(err, duck.ErrLocked) {
		t.Errorf("a second server: %v, want ErrLocked", err)
	}
	// It must not have taken the first one's sockets away.
	if _, err := count(t.Context(), r.local(t), "select count(*) from findings"); err != nil {
		t.Error(err)
	}
}
