package trino

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// server speaks Trino's protocol: it answers a statement with pages, in order.
// In a page, NEXT stands for the address of the following one.
type server struct {
	*httptest.Server
	pages []string

	mu        sync.Mutex
	statement string
	header    http.Header
	asked     []string
	ended     int
	// deleted gets a value when a query is ended.
	deleted chan struct{}
	// intercept may answer a request instead.
	intercept func(w http.ResponseWriter, r *http.Request, asked int) bool
}

func newServer(t *testing.T, pages ...string) *server {
	t.Helper()
	s := &server{pages: pages, deleted: make(chan struct{}, 1)}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v1/info" {
		fmt.Fprint(w, `{"nodeVersion":{"version":"476"},"starting":false}`)
		return
	}
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.asked = append(s.asked, r.Method+" "+r.URL.Path)
	asked, intercept := len(s.asked), s.intercept
	number, _ := strings.CutPrefix(r.URL.Path, "/page/")
	n, _ := strconv.Atoi(number)
	switch r.Method {
	case http.MethodPost:
		s.statement, s.header = string(body), r.Header
	case http.MethodDelete:
		s.ended++
		select {
		case s.deleted <- struct{}{}:
		default:
		}
		w.WriteHeader(http.StatusNoContent)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	if intercept != nil && intercept(w, r, asked) {
		return
	}
	fmt.Fprint(w, strings.ReplaceAll(s.pages[n], "NEXT", fmt.Sprintf("%s/page/%d", s.URL, n+1)))
}

func (s *server) deletes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

func (s *server) open(t *testing.T, opts Options) *Engine {
	t.Helper()
	opts.URL = s.URL
	e, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	e.patience = 300 * time.Millisecond
	t.Cleanup(func() { e.Close() })
	return e
}

const (
	queued  = `{"id":"q1","nextUri":"NEXT","stats":{"state":"QUEUED"}}`
	bigints = `"columns":[{"name":"x","type":"bigint","typeSignature":{"rawType":"bigint","arguments":[]}}]`
	first   = `{"id":"q1","nextUri":"NEXT",` + bigints + `,"data":[[1],[2]],"stats":{"state":"RUNNING"}}`
	last    = `{"id":"q1",` + bigints + `,"data":[[3]],"stats":{"state":"FINISHED"}}`
)

// read returns the cells of a result, and how it ended.
func read(ctx context.Context, e *Engine, sql string, args ...any) ([][]string, error) {
	r, err := e.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	var rows [][]string
	for r.Next() {
		rows = append(rows, cells(r.RecordBatch())...)
	}
	return rows, r.Err()
}

func TestQuery_pages(t *testing.T) {
	s := newServer(t, queued, queued, first, `{"id":"q1","nextUri":"NEXT",`+bigints+`,"stats":{"state":"RUNNING"}}`, last)
	e := s.open(t, Options{Catalog: "lake", Schema: "logs", Session: map[string]string{"lake.x": "a b,=c"}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	rows, err := read(ctx, e, "select ?", "it's")
	if err != nil {
		t.Fatal(err)
	}
	if want := [][]string{{"1"}, {"2"}, {"3"}}; !cmp.Equal(rows, want) {
		t.Errorf("rows %v, want %v", rows, want)
	}
	if want := "EXECUTE IMMEDIATE\n'select ?'\nUSING 'it''s'"; s.statement != want {
		t.Errorf("sent %q, want %q", s.statement, want)
	}
	want := map[string]string{
		"X-Trino-User": "kmstrail", "X-Trino-Source": "kmstrail", "X-Trino-Catalog": "lake", "X-Trino-Schema": "logs",
		"X-Trino-Time-Zone": "UTC", "X-Trino-Client-Capabilities": "PARAMETRIC_DATETIME", "Authorization": "",
	}
	for name, value := range want {
		if got := s.header.Get(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	session := s.header.Values("X-Trino-Session")
	if want := []string{"lake.x=a+b%2C%3Dc", "query_max_run_time=64s"}; !cmp.Equal(session, want) {
		t.Errorf("session properties %q, want %q", session, want)
	}
	if s.deletes() != 0 {
		t.Error("a query that was over was ended")
	}
	if len(e.queries) != 0 {
		t.Error("the engine remembers a query that is over")
	}
}

func TestQuery_noColumns(t *testing.T) {
	s := newServer(t, queued, `{"id":"q1","stats":{"state":"FINISHED"},"updateType":"CREATE VIEW"}`)
	e := s.open(t, Options{})
	if rows, err := read(t.Context(), e, "create view v as select 1"); err != nil || rows != nil {
		t.Errorf("rows %v, error %v", rows, err)
	}
	if err := e.Exec(t.Context(), "create view v as select 1"); err != nil {
		t.Error(err)
	}
}

// TestQuery_brokenOff: whatever ends a result early gives an error, and the good
// batches before it.
func TestQuery_brokenOff(t *testing.T) {
	huge := strings.Repeat("no\u001b[31m", 100_000)
	for name, tc := range map[string]struct{ page, want string }{
		"failed":      {`{"id":"q1","error":{"message":"line 2:3: broken","errorName":"GENERIC_INTERNAL_ERROR","errorType":"INTERNAL_ERROR","errorLocation":{"lineNumber":2,"columnNumber":3}},"stats":{"state":"FAILED"}}`, "line 2, column 3: broken (GENERIC_INTERNAL_ERROR, query q1)"},
		"memory":      {`{"id":"q1","error":{"message":"too much","errorName":"EXCEEDED_LOCAL_MEMORY_LIMIT","errorType":"INSUFFICIENT_RESOURCES"},"stats":{"state":"FAILED"}}`, "more memory"},
		"time":        {`{"id":"q1","error":{"message":"too long","errorName":"EXCEEDED_TIME_LIMIT","errorType":"INSUFFICIENT_RESOURCES"},"stats":{"state":"FAILED"}}`, "shorter span of time"},
		"no_end":      {`{"id":"q1","stats":{"state":"RUNNING"}}`, `in the state "RUNNING"`},
		"nothing":     {`{}`, "instead of q1"},
		"empty":       {``, "unexpected end of JSON"},
		"cut":         {last[:len(last)-20], "unexpected end of JSON"},
		"other_query": {strings.ReplaceAll(last, "q1", "q2"), "query q2 instead of q1"},
		"elsewhere":   {`{"id":"q1","nextUri":"http://192.0.2.1/page/3?secret","stats":{"state":"RUNNING"}}`, "elsewhere, at http://192.0.2.1;"},
		"short_row":   {strings.ReplaceAll(last, "[[3]]", "[[3],[]]"), "row of 0 values instead of 1"},
		"long_row":    {strings.ReplaceAll(last, "[[3]]", "[[3,4]]"), "more than 1 values"},
		"no_row":      {strings.ReplaceAll(last, "[[3]]", "[3]"), `sent '3' where '[' belongs`},
		"object":      {strings.ReplaceAll(last, "[[3]]", `{"segments":[]}`), `sent '{' where '[' belongs`},
		"too_large":   {strings.ReplaceAll(last, "[[3]]", "[[9223372036854775808]]"), "is no int64"},
		"fraction":    {strings.ReplaceAll(last, "[[3]]", "[[3.5]]"), "is no int64"},
		"nested":      {strings.ReplaceAll(last, "[[3]]", "[[[3]]]"), "where a single value belongs"},
		"huge_error":  {`{"id":"q1","error":{"message":` + quoted(huge) + `,"errorName":` + quoted(huge) + `},"stats":{"state":"FAILED"}}`, "…"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newServer(t, queued, first, tc.page).open(t, Options{})
			rows, err := read(t.Context(), e, "select x")
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
			if err != nil && (len(err.Error()) > 3000 || strings.ContainsAny(err.Error(), "\x1b\n")) {
				t.Errorf("an error of %d bytes, perhaps with control characters", len(err.Error()))
			}
			if want := [][]string{{"1"}, {"2"}}; !cmp.Equal(rows, want) {
				t.Errorf("rows before the error %v, want %v", rows, want)
			}
		})
	}
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// TestQuery_passingFailures: a page that did not arrive is asked for again, a
// statement only if the server did not take it.
func TestQuery_passingFailures(t *testing.T) {
	for name, tc := range map[string]struct {
		method string
		fail   func(w http.ResponseWriter)
		want   string
	}{
		"page_503":      {http.MethodGet, status(503), ""},
		"page_502":      {http.MethodGet, status(502), ""},
		"page_500":      {http.MethodGet, status(500), "status 500"},
		"page_404":      {http.MethodGet, status(404), "does not know the query"},
		"page_cut":      {http.MethodGet, cut, ""},
		"statement_503": {http.MethodPost, status(503), ""},
		"statement_502": {http.MethodPost, status(502), "status 502"},
		"statement_cut": {http.MethodPost, cut, "cannot reach Trino"},
		"statement_401": {http.MethodPost, status(401), "check user and password"},
		"redirect": {http.MethodPost, func(w http.ResponseWriter) {
			w.Header().Set("Location", "https://192.0.2.1/login")
			w.WriteHeader(http.StatusFound)
		}, "redirect to https://192.0.2.1/login"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, queued, first, last)
			failed := false
			s.intercept = func(w http.ResponseWriter, r *http.Request, _ int) bool {
				if failed || r.Method != tc.method || r.URL.Path == "/page/1" {
					return false
				}
				failed = true
				tc.fail(w)
				return true
			}
			rows, err := read(t.Context(), s.open(t, Options{}), "select x")
			switch {
			case tc.want == "" && (err != nil || len(rows) != 3):
				t.Errorf("rows %v, error %v", rows, err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

func status(code int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { http.Error(w, "out of order", code) }
}

// cut ends the connection in the middle of a page.
func cut(w http.ResponseWriter) {
	w.Header().Set("Content-Length", "1000")
	fmt.Fprint(w, first[:40])
}

func TestQuery_serverGoes(t *testing.T) {
	s := newServer(t, queued, first, first)
	e := s.open(t, Options{})
	r, err := e.Query(t.Context(), "select x")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	s.Close()
	n := 0
	for r.Next() {
		n++
	}
	if !errors.Is(r.Err(), ErrUnreachable) || !strings.Contains(r.Err().Error(), s.URL) || strings.Contains(r.Err().Error(), "/page/") {
		t.Errorf("error %v after %d batches, want one that names only the server", r.Err(), n)
	}
}

// hang holds a page back until the client gives up.
func hang(path string) func(http.ResponseWriter, *http.Request, int) bool {
	return func(_ http.ResponseWriter, r *http.Request, _ int) bool {
		if r.URL.Path == path {
			<-r.Context().Done()
			return true
		}
		return false
	}
}

func TestQuery_cancel(t *testing.T) {
	for name, path := range map[string]string{"before_columns": "/page/1", "midway": "/page/2"} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, queued, first, last)
			s.intercept = hang(path)
			e := s.open(t, Options{})
			why := errors.New("enough")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(100*time.Millisecond, func() { cancel(why) })
			if _, err := read(ctx, e, "select x"); !errors.Is(err, why) {
				t.Errorf("error %v, want the cause", err)
			}
			if s.deletes() != 1 {
				t.Errorf("the query was ended %d times, want once, before the caller has the error", s.deletes())
			}
		})
	}
}

// TestQuery_cancelUnread: the server is told although nobody reads.
func TestQuery_cancelUnread(t *testing.T) {
	s := newServer(t, queued, first, last)
	e := s.open(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	r, err := e.Query(ctx, "select x")
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case <-s.deleted:
	case <-time.After(5 * time.Second):
		t.Fatal("the query was not ended")
	}
	if r.Next() || !errors.Is(r.Err(), context.Canceled) {
		t.Errorf("error %v", r.Err())
	}
	r.Release()
	if s.deletes() != 1 {
		t.Errorf("the query was ended %d times", s.deletes())
	}
}

func TestQuery_release(t *testing.T) {
	s := newServer(t, queued, first, last)
	e := s.open(t, Options{})
	r, err := e.Query(t.Context(), "select x")
	if err != nil {
		t.Fatal(err)
	}
	r.Next()
	rec := r.RecordBatch()
	rec.Retain()
	r.Release()
	if s.deletes() != 1 {
		t.Errorf("the query was ended %d times, want once", s.deletes())
	}
	if got := cells(rec); !cmp.Equal(got, [][]string{{"1"}, {"2"}}) {
		t.Errorf("a batch kept has the rows %v", got)
	}
}

func TestEngine_Close(t *testing.T) {
	s := newServer(t, queued, first, last)
	s.intercept = hang("/page/2")
	e := s.open(t, Options{})
	r, err := e.Query(t.Context(), "select x")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	r.Next()
	time.AfterFunc(100*time.Millisecond, func() { e.Close() })
	if r.Next() || !errors.Is(r.Err(), ErrClosed) {
		t.Errorf("error %v, want ErrClosed", r.Err())
	}
	if s.deletes() != 1 {
		t.Errorf("the query was ended %d times, want once", s.deletes())
	}
	if _, err := e.Query(t.Context(), "select x"); !errors.Is(err, ErrClosed) {
		t.Errorf("error %v of a query after Close", err)
	}
}

func TestOpen_refused(t *testing.T) {
	for name, tc := range map[string]struct {
		opts Options
		want string
	}{
		"no_url":            {Options{URL: "trino"}, "no http or https URL"},
		"broken":            {Options{URL: "http://a b"}, "no URL"},
		"user_in_url":       {Options{URL: "https://u:hunter2@trino.example.com"}, "set them on their own"},
		"path":              {Options{URL: "https://trino.example.com/ui/"}, "more than scheme, host and port"},
		"password_in_clear": {Options{URL: "http://trino.example.com:8080", Password: "hunter2"}, "use https"},
		"no_ca":             {Options{URL: "https://127.0.0.1:1", CAFile: "/nonexistent"}, "read certificates"},
		"nobody":            {Options{URL: "http://127.0.0.1:1", Password: "hunter2"}, "cannot reach Trino at http://127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), tc.opts)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error %v holds the password", err)
			}
		})
	}
}

func TestOpen_starting(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"nodeVersion":{"version":"476"},"starting":true}`)
	}))
	defer s.Close()
	if _, err := Open(t.Context(), Options{URL: s.URL}); err == nil || !strings.Contains(err.Error(), "still starting") {
		t.Errorf("error %v", err)
	}
}

// TestPassword: it goes to the server, encrypted, and nowhere else.
func TestPassword(t *testing.T) {
	s := &server{pages: []string{queued, `{"id":"q1","error":{"message":"no","errorName":"X","errorType":"Y"},"stats":{"state":"FAILED"}}`}}
	s.Server = httptest.NewUnstartedServer(s)
	// It would report that a client did not trust it, which is the test.
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	defer s.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	opts := Options{User: "someone", Password: "hunter2", CAFile: ca}
	e := s.open(t, opts)
	_, err := read(t.Context(), e, "select x")
	if err == nil {
		t.Fatal("no error")
	}
	user, password, _ := (&http.Request{Header: s.header}).BasicAuth()
	if user != "someone" || password != "hunter2" {
		t.Errorf("the server got %q, %q", user, password)
	}
	asJSON, _ := json.Marshal(opts)
	for _, text := range []string{err.Error(), string(asJSON), fmt.Sprint(opts), fmt.Sprintf("%#v %+v", opts, opts), fmt.Sprintf("%+v", e), opts.LogValue().String()} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "c29tZW9uZTpodW50ZXIy") {
			t.Errorf("%s holds the password", text)
		}
	}
	if _, err := Open(t.Context(), Options{URL: s.URL}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("error %v with the system's roots, want one about the certificate", err)
	}
}
