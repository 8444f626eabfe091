package httpapi

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/internal/sqlfile"
)

// runStore answers named queries with rows.
func runStore(rows string) func(context.Context, sqlfile.Statement) (array.RecordReader, error) {
	return func(context.Context, sqlfile.Statement) (array.RecordReader, error) {
		return recordReader(columns("name text", "n int"), rows)
	}
}

const threeRows = `[{"name":"=cmd()","n":1},{"name":"<b>","n":2},{"name":null,"n":3}]`

func TestRunQuery(t *testing.T) {
	tests := []struct {
		name, body string
		rows       int64
		status     int
		kind, text string
	}{
		{"json", `{}`, 0, 200, "application/json", "[\n{\"name\":\"=cmd()\",\"n\":1},\n{\"name\":\"<b>\",\"n\":2},\n{\"name\":null,\"n\":3}\n]\n"},
		{"jsonl", `{"format":"jsonl","limit":1}`, 0, 200, "application/jsonl", "{\"name\":\"=cmd()\",\"n\":1}\n"},
		{"csv", `{"format":"csv","limit":2}`, 0, 200, "text/csv; charset=utf-8", "name,n\n'=cmd(),1\n<b>,2\n"},
		{"window", `{"from":"2026-11-01T00:00:00Z","to":"2026-11-02T00:00:00Z","params":{"key_arn":"arn:aws:kms:eu-west-1:111122223333:key/x"}}`, 0, 200, "application/json", "<b>"},
		{"last", `{"last_seconds":86400}`, 0, 200, "application/json", "<b>"},
		{"limit of the server", `{}`, 2, 422, "application/problem+json", "more than 2 rows"},
		{"below it by one's own limit", `{"limit":2}`, 3, 200, "application/json", "<b>"},
		{"format", `{"format":"xml"}`, 0, 400, "application/problem+json", "unknown \\\"xml\\\""},
		{"parameter", `{"params":{"key":"x"}}`, 0, 400, "application/problem+json", "there are: key_arn"},
		{"empty window", `{"from":"2026-11-02T00:00:00Z","to":"2026-11-01T00:00:00Z"}`, 0, 400, "application/problem+json", "window"},
		{"two starts", `{"from":"2026-11-02T00:00:00Z","last_seconds":5}`, 0, 400, "application/problem+json", "exclude"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, w := newTestHandler(t, func(w *world) { w.opts.QueryRows = tt.rows })
			w.store.run = runStore(threeRows)
			rec := do(t, h, newRequest(t, "POST", "/api/v1/queries/key_users/run", readToken, tt.body))
			if rec.Code != tt.status || rec.Header().Get("Content-Type") != tt.kind || !strings.Contains(rec.Body.String(), tt.text) {
				t.Errorf("got %d %s %s", rec.Code, rec.Header().Get("Content-Type"), rec.Body)
			}
		})
	}
	h, w := newTestHandler(t)
	w.store.run = runStore(threeRows)
	do(t, h, newRequest(t, "POST", "/api/v1/queries/key_users/run", readToken, `{}`))
	if e := w.entries(); len(e) != 1 || e[0].Rows != 3 || e[0].Bytes == 0 || !strings.HasPrefix(e[0].Detail, "query key_users") {
		t.Errorf("audit has %+v", e)
	}
	if text := scrape(t, h); !strings.Contains(text, `kmstrail_query_rows_total{protocol="http"} 3`) || !strings.Contains(text, `kmstrail_queries_total{outcome="done",protocol="http"} 1`) {
		t.Error("the query is not counted")
	}
	if rec := do(t, h, newRequest(t, "POST", "/api/v1/queries/key_userz/run", readToken, `{}`)); rec.Code != 404 || !strings.Contains(rec.Body.String(), "did you mean") {
		t.Errorf("unknown query: %d %s", rec.Code, rec.Body)
	}
}

func TestQueries(t *testing.T) {
	h, _ := newTestHandler(t)
	var list NamedQueryList
	if err := json.Unmarshal(do(t, h, newRequest(t, "GET", "/api/v1/queries", readToken)).Body.Bytes(), &list); err != nil || len(list.Queries) < 5 {
		t.Fatalf("%d queries, %v", len(list.Queries), err)
	}
	for _, q := range list.Queries {
		if q.SQL != "" || q.ID == "" || q.Title == "" || len(q.Columns) == 0 || q.Params == nil {
			t.Errorf("listed: %+v", q)
		}
	}
	var one NamedQuery
	if err := json.Unmarshal(do(t, h, newRequest(t, "GET", "/api/v1/queries/key_users", readToken)).Body.Bytes(), &one); err != nil || !strings.Contains(one.SQL, "select") {
		t.Errorf("one: %+v, %v", one, err)
	}
}

// TestRunQuery_time: a query that takes too long ends, and so does one that
// waits too long for its turn.
func TestRunQuery_time(t *testing.T) {
	h, w := newTestHandler(t, func(w *world) { w.opts.QueryTime, w.opts.QueriesAtOnce = 50*time.Millisecond, 1 })
	w.store.run = func(ctx context.Context, _ sqlfile.Statement) (array.RecordReader, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if rec := do(t, h, newRequest(t, "POST", "/api/v1/queries/key_users/run", readToken, `{}`)); rec.Code != 422 || !strings.Contains(rec.Body.String(), "longer") {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
	h.queries <- struct{}{}
	if rec := do(t, h, newRequest(t, "POST", "/api/v1/queries/key_users/run", readToken, `{}`)); rec.Code != 503 {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
	<-h.queries
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	do(t, h, newRequest(t, "POST", "/api/v1/queries/key_users/run", readToken, `{}`).WithContext(gone))
	e := w.entries()
	if last := e[len(e)-1]; last.Outcome != "cancelled" {
		t.Errorf("a client that goes away: %+v", last)
	}
	if text := scrape(t, h); !strings.Contains(text, `kmstrail_queries_total{outcome="limited",protocol="http"} 1`) || !strings.Contains(text, `kmstrail_queries_total{outcome="busy",protocol="http"} 1`) {
		t.Error("the outcomes are not counted")
	}
}

// TestRunQuery_broken: a result that fails early is an error; one that fails
// late is cut off, so that nobody takes it for whole.
func TestRunQuery_broken(t *testing.T) {
	h, w := newTestHandler(t)
	server := httptest.NewServer(h)
	defer server.Close()
	for _, tt := range []struct {
		batches int
		status  int
	}{{1, 500}, {2000, 200}} {
		long := strings.Repeat("x", 1000)
		w.store.run = func(context.Context, sqlfile.Statement) (array.RecordReader, error) {
			inner, err := recordReader(columns("name text"), `[{"name":"`+long+`"}]`)
			if err != nil {
				return nil, err
			}
			inner.Next()
			return &brokenReader{RecordReader: inner, rec: inner.RecordBatch(), batches: tt.batches, err: errBroken}, nil
		}
		req := newRequest(t, "POST", "/api/v1/queries/key_users/run", readToken, `{}`)
		out, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+req.URL.Path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		out.Header = req.Header
		res, err := server.Client().Do(out)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != tt.status || (err != nil) != (tt.status == 200) {
			t.Errorf("%d batches: %d, %d bytes, %v", tt.batches, res.StatusCode, len(body), err)
		}
	}
}
