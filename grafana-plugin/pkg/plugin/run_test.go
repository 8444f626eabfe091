package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"google.golang.org/grpc/codes"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/macros"
	"github.com/kmstrail/kmstrail/internal/flightclient"
)

// fake is a server whose store is full of nothing.
type fake struct {
	// query answers users' queries, which have an answer 42 without it; own those
	// of the plugin itself about arrivals and coverage.
	query, own func(ctx context.Context, sql string) (array.RecordReader, error)
	describe   func(ctx context.Context) (*arrow.Schema, error)
	tables     []flightclient.Table

	mu      sync.Mutex
	running int
	most    int // queries at once
	asked   int // users' queries
}

func (f *fake) Query(ctx context.Context, sql string, _ ...any) (array.RecordReader, error) {
	if strings.Contains(sql, "FROM arrivals") || strings.Contains(sql, "FROM coverage") {
		if f.own != nil {
			return f.own(ctx, sql)
		}
		return answers(), nil
	}
	f.mu.Lock()
	f.asked++
	f.running++
	f.most = max(f.most, f.running)
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.running--
	}()
	if f.query != nil {
		return f.query(ctx, sql)
	}
	return answers(42), nil
}

func (f *fake) Describe(ctx context.Context, _ string) (*arrow.Schema, error) {
	if f.describe != nil {
		return f.describe(ctx)
	}
	return answerSchema, nil
}
func (*fake) Server(context.Context) (flightclient.ServerInfo, error) {
	return flightclient.ServerInfo{Name: "kmstrail", Version: "1"}, nil
}
func (f *fake) Tables(context.Context) ([]flightclient.Table, error) { return f.tables, nil }
func (*fake) NamedQueries(context.Context) ([]flightclient.NamedQuery, error) {
	return nil, nil
}

func (*fake) BindNamedQuery(context.Context, string, map[string]string, time.Time, time.Time) (string, error) {
	return "SELECT 1", nil
}
func (*fake) Close() error { return nil }

var answerSchema = arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)

// answers is a result of numbers.
func answers(values ...int64) array.RecordReader {
	b := array.NewRecordBuilder(memory.DefaultAllocator, answerSchema)
	defer b.Release()
	b.Field(0).(*array.Int64Builder).AppendValues(values, nil)
	r, err := array.NewRecordReader(answerSchema, []arrow.RecordBatch{b.NewRecordBatch()})
	if err != nil {
		panic(err)
	}
	return r
}

// dying is a result whose stream breaks after the rows it had.
type dying struct {
	array.RecordReader

	err error
}

func (d dying) Err() error { return d.err }

func query(sql string) backend.DataQuery {
	text, err := json.Marshal(Query{Kind: KindSQL, SQL: sql})
	if err != nil {
		panic(err)
	}
	return backend.DataQuery{RefID: sql, JSON: text, TimeRange: backend.TimeRange{From: at("2026-03-01T00:00:00Z"), To: at("2026-03-02T00:00:00Z")}}
}

func testSource(s Settings, f *fake) *Datasource {
	s.MaxRows = 100
	if s.Timeout == 0 {
		s.Timeout = time.Minute
	}
	return newDatasource(s, func() (server, error) { return f, nil }, time.Now)
}

func (d *Datasource) one(t *testing.T, sql string) backend.DataResponse {
	t.Helper()
	r, err := d.QueryData(t.Context(), &backend.QueryDataRequest{Queries: []backend.DataQuery{query(sql)}})
	if err != nil {
		t.Fatal(err)
	}
	return r.Responses[sql]
}

func TestQueryData_again(t *testing.T) {
	away := &flightclient.Error{Code: codes.Unavailable, Message: "connection refused"}
	for _, test := range []struct {
		name   string
		query  func(try int) (array.RecordReader, error)
		asked  int
		status backend.Status
	}{
		{"restarted", func(try int) (array.RecordReader, error) {
			if try == 1 {
				return nil, away
			}
			return answers(1), nil
		}, 2, backend.StatusOK},
		{"away", func(int) (array.RecordReader, error) { return nil, away }, 2, backend.StatusBadGateway},
		{"dies midway", func(int) (array.RecordReader, error) { return dying{answers(1, 2), away}, nil }, 1, backend.StatusBadGateway},
		{"garbage midway", func(int) (array.RecordReader, error) { return dying{answers(1, 2), errors.New("not Arrow")}, nil }, 1, backend.StatusBadGateway},
		{"wrong", func(int) (array.RecordReader, error) {
			return nil, &flightclient.Error{Code: codes.InvalidArgument, Message: "wrong"}
		}, 1, backend.StatusBadRequest},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &fake{}
			f.query = func(context.Context, string) (array.RecordReader, error) { return test.query(f.asked) }
			r := testSource(Settings{MaxConcurrent: 1}, f).one(t, "SELECT 1")
			if f.asked != test.asked || r.Status != test.status || (r.Error == nil) != (test.status == backend.StatusOK) {
				t.Errorf("asked %d times, status %d: %v", f.asked, r.Status, r.Error)
			}
			if r.Error != nil && (len(r.Frames) != 1 || r.Frames[0].Rows() != 0 || r.Frames[0].Meta.ExecutedQueryString != "SELECT 1" || r.ErrorSource != backend.ErrorSourceDownstream) {
				t.Errorf("%+v of %s", r.Frames, r.ErrorSource)
			}
		})
	}
}

// TestQueryData_panic: a fault of ours is an error of one query.
func TestQueryData_panic(t *testing.T) {
	f := &fake{query: func(_ context.Context, sql string) (array.RecordReader, error) {
		if sql == "SELECT bad" {
			panic("ouch")
		}
		return answers(1), nil
	}}
	d := testSource(Settings{MaxConcurrent: 2}, f)
	r, err := d.QueryData(t.Context(), &backend.QueryDataRequest{Queries: []backend.DataQuery{query("SELECT bad"), query("SELECT good")}})
	if err != nil {
		t.Fatal(err)
	}
	if bad := r.Responses["SELECT bad"]; bad.Error == nil || bad.ErrorSource != backend.ErrorSourcePlugin || bad.Status != backend.StatusInternal {
		t.Errorf("%+v", bad)
	}
	if good := r.Responses["SELECT good"]; good.Error != nil || good.Frames[0].Rows() != 1 {
		t.Errorf("%+v", good)
	}
	if r := d.one(t, "SELECT good"); r.Error != nil {
		t.Errorf("its place is lost: %v", r.Error)
	}
}

// TestQueryData_places: as many queries run at once as there are places, and in
// the order in which they came.
func TestQueryData_places(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{query: func(context.Context, string) (array.RecordReader, error) {
			<-time.After(time.Second)
			return answers(1), nil
		}}
		d := testSource(Settings{MaxConcurrent: 3}, f)
		var queries []backend.DataQuery
		for _, name := range strings.Fields("a b c d e f g h i j") {
			queries = append(queries, query("SELECT "+name))
		}
		start := time.Now()
		r, err := d.QueryData(t.Context(), &backend.QueryDataRequest{Queries: queries})
		if err != nil || len(r.Responses) != 10 || f.most != 3 || time.Since(start) != 4*time.Second {
			t.Errorf("%d answers, %d at once, %s: %v", len(r.Responses), f.most, time.Since(start), err)
		}
	})
}

func TestQueryData_timeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{query: func(ctx context.Context, _ string) (array.RecordReader, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}}
		d := testSource(Settings{MaxConcurrent: 1, Timeout: 3 * time.Second}, f)
		r, err := d.QueryData(t.Context(), &backend.QueryDataRequest{Queries: []backend.DataQuery{query("SELECT 1"), query("SELECT 2")}})
		if err != nil {
			t.Fatal(err)
		}
		for id, a := range r.Responses { // one of them waited for its place all the time
			if a.Status != backend.StatusTimeout || !strings.Contains(a.Error.Error(), "longer than 3s") || a.Frames[0].Meta.ExecutedQueryString != id {
				t.Errorf("%s: %+v", id, a)
			}
		}
	})
}

// TestQueryData_late: the server, which knows the deadline, may end a query
// just before it has passed here.
func TestQueryData_late(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{query: func(context.Context, string) (array.RecordReader, error) {
			<-time.After(3*time.Second - time.Millisecond)
			return nil, &flightclient.Error{Code: codes.Canceled, Message: "stream terminated"}
		}}
		r := testSource(Settings{MaxConcurrent: 1, Timeout: 3 * time.Second}, f).one(t, "SELECT 1")
		if r.Status != backend.StatusTimeout {
			t.Errorf("%+v", r)
		}
	})
}

// TestQueryData_slowNotices: rows do not wait long for what is told beside
// them, nor does anybody for their place.
func TestQueryData_slowNotices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{own: func(ctx context.Context, _ string) (array.RecordReader, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}}
		d := testSource(Settings{MaxConcurrent: 1}, f)
		start := time.Now()
		r, err := d.QueryData(t.Context(), &backend.QueryDataRequest{Queries: []backend.DataQuery{query("SELECT 1"), query("SELECT 2")}})
		if took := time.Since(start); err != nil || took > noticeTime {
			t.Errorf("%s: %v", took, err)
		}
		for _, a := range r.Responses {
			if a.Error != nil || a.Frames[0].Rows() != 1 || len(a.Frames[0].Meta.Notices) != 1 || !strings.Contains(a.Frames[0].Meta.Notices[0].Text, "not known") {
				t.Errorf("%+v", a)
			}
		}
		time.Sleep(asideTime) //nolint:forbidigo // the bubble's clock: until the questions have ended
	})
}

// TestQueryData_slowCatalog: nor for what describes them, unless there are filters,
// which need it.
func TestQueryData_slowCatalog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := testSource(Settings{MaxConcurrent: 1}, nil)
		d.links.open = func() (server, error) { return slowTables{&fake{}}, nil }
		start := time.Now()
		if r := d.one(t, "SELECT 1"); r.Error != nil || time.Since(start) != noticeTime {
			t.Errorf("after %s: %v", time.Since(start), r.Error)
		}
		q := Query{Kind: KindSQL, SQL: "SELECT 1 WHERE $__adhocFilters()", AdHoc: []macros.AdHoc{{Key: "region", Operator: "=", Value: "x"}}}
		if r := d.answerTo(t, q, false); r.Error == nil || time.Since(start) != asideTime {
			t.Errorf("filtered after %s: %v", time.Since(start), r.Error)
		}
	})
}

type slowTables struct{ *fake }

func (slowTables) Tables(ctx context.Context) ([]flightclient.Table, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

// TestQueryData_lookups: however many lists of values are asked for, queries do
// not wait for them.
func TestQueryData_lookups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{own: func(ctx context.Context, sql string) (array.RecordReader, error) {
			if strings.Contains(sql, "AS found") {
				<-ctx.Done()
				return nil, context.Cause(ctx)
			}
			return answers(), nil
		}}
		d := testSource(Settings{MaxConcurrent: 1}, f)
		for _, search := range strings.Fields("a b c d e f g h") {
			go d.find(t.Context(), lookup{kind: "region", search: search, limit: 1}) //nolint:errcheck // it never comes
		}
		synctest.Wait()
		start := time.Now()
		if r := d.one(t, "SELECT 1"); r.Error != nil || time.Since(start) > 0 {
			t.Errorf("after %s: %v", time.Since(start), r.Error)
		}
		time.Sleep(2 * asideTime) //nolint:forbidigo // the bubble's clock
	})
}

// TestPreview_timeout: a preview ends when a query would.
func TestPreview_timeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{describe: func(ctx context.Context) (*arrow.Schema, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}}
		d := testSource(Settings{MaxConcurrent: 1, Timeout: 3 * time.Second}, f)
		start := time.Now()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/preview", strings.NewReader(`{"query":{"kind":"sql","sql":"SELECT 1"},"to":1,"check":true}`))
		w := httptest.NewRecorder()
		d.routes().ServeHTTP(w, r)
		if w.Code != http.StatusGatewayTimeout || time.Since(start) != 3*time.Second || !strings.Contains(w.Body.String(), "longer than 3s") {
			t.Errorf("%d after %s: %s", w.Code, time.Since(start), w.Body)
		}
	})
}

// TestQueryData_unset: a datasource that is not set up says so at each query.
func TestQueryData_unset(t *testing.T) {
	made, err := New(t.Context(), backend.DataSourceInstanceSettings{})
	if err != nil {
		t.Fatal(err)
	}
	d := made.(*Datasource)
	defer d.Dispose()
	if r := d.one(t, "SELECT 1"); r.Status != backend.StatusBadRequest || !strings.Contains(r.Error.Error(), "no URL") {
		t.Errorf("%+v", r)
	}
}

func TestServerProblem(t *testing.T) {
	for _, test := range []struct {
		code   codes.Code
		text   string
		status backend.Status
	}{
		{codes.InvalidArgument, "query database: Parser Error: x", 400},
		{codes.Unauthenticated, "the token has expired", 401},
		{codes.PermissionDenied, "needs role", 403},
		{codes.NotFound, "no such query", 404},
		{codes.ResourceExhausted, "the server is busy", 429},
		{codes.ResourceExhausted, "the query's limit of 5m time is used up; …", 400},
		{codes.Unimplemented, "unknown", 501},
		{codes.Unavailable, "connection error", 502},
		{codes.Internal, "the query failed", 502},
		{codes.DeadlineExceeded, "too late", 504},
		{codes.Canceled, "cancelled", 499},
	} {
		p := problemOf(&flightclient.Error{Code: test.code, Message: test.text})
		if p.status != test.status || p.source != backend.ErrorSourceDownstream || strings.HasPrefix(p.Message, "query database") {
			t.Errorf("%s: %+v", test.code, p)
		}
	}
}

// TestFillEnd: what comes after the newest event is not filled, whoever asks.
func TestFillEnd(t *testing.T) {
	for name, test := range map[string]struct {
		status   Status
		err      error
		to, want string
	}{
		"range before the newest event": {Status{Events: 1, EventsTo: at("2026-03-02T00:00:00Z")}, nil, "2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"},
		"range beyond it":               {Status{Events: 1, EventsTo: at("2026-03-01T10:59:59Z")}, nil, "2026-03-01T12:00:00Z", "2026-03-01T10:59:59.000001Z"},
		"empty store":                   {Status{}, nil, "2999-03-01T12:00:00Z", "2026-04-01T00:00:00Z"},
		"not known":                     {Status{}, errors.New("away"), "2999-03-01T12:00:00Z", "2026-04-01T00:00:00Z"},
	} {
		d := testSource(Settings{}, &fake{})
		d.now = func() time.Time { return at("2026-04-01T00:00:00Z") }
		d.statuses.answers = map[string]*answer[Status]{"": {ready: make(chan struct{}), value: test.status, err: test.err}}
		close(d.statuses.answers[""].ready)
		if got := d.fillEnd(t.Context(), at(test.to)); !got.Equal(at(test.want)) {
			t.Errorf("%s: fills to %s, want %s", name, got, test.want)
		}
	}
}
