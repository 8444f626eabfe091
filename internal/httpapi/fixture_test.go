package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/kmstrail/kmstrail/ingest/digest"
	"github.com/kmstrail/kmstrail/internal/access"
	"github.com/kmstrail/kmstrail/internal/inventory"
	"github.com/kmstrail/kmstrail/internal/metrics"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/sqlfile"
	"github.com/kmstrail/kmstrail/internal/status"
)

// The tokens that the fake guard knows.
const (
	readToken    = "kmst_read_0000000000000000"
	operateToken = "kmst_oper_0000000000000000"
	adminToken   = "kmst_admi_0000000000000000"
)

// fakeStore answers SQL with made-up rows: those of the first answer whose text
// is in the statement, none otherwise.
type fakeStore struct {
	mu      sync.Mutex
	answers []answer
	err     error
	asked   []string
	// run answers named queries; nil for an empty result.
	run func(ctx context.Context, st sqlfile.Statement) (array.RecordReader, error)
}

type answer struct {
	in     string
	schema *arrow.Schema
	rows   string // JSON array of objects
}

func (s *fakeStore) Path() string                              { return "/var/lib/kmstrail/kmstrail.duckdb" }
func (s *fakeStore) Size(context.Context) (int64, error)       { return 12345, s.err }
func (s *fakeStore) LastCommit(context.Context) (int64, error) { return 42, s.err }

func (s *fakeStore) Query(_ context.Context, sql string, _ ...any) (array.RecordReader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, sql)
	if s.err != nil {
		return nil, s.err
	}
	for _, a := range s.answers {
		if strings.Contains(sql, a.in) {
			return recordReader(a.schema, a.rows)
		}
	}
	return recordReader(arrow.NewSchema(nil, nil), "[]")
}

func (s *fakeStore) Run(ctx context.Context, st sqlfile.Statement) (array.RecordReader, error) {
	if s.run != nil {
		return s.run(ctx, st)
	}
	return recordReader(arrow.NewSchema(nil, nil), "[]")
}

func recordReader(schema *arrow.Schema, text string) (array.RecordReader, error) {
	var list []map[string]any
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, err
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for _, row := range list {
		for i, f := range schema.Fields() {
			if err := appendValue(b.Field(i), row[f.Name]); err != nil {
				return nil, fmt.Errorf("%s: %w", f.Name, err)
			}
		}
	}
	return array.NewRecordReader(schema, []arrow.RecordBatch{b.NewRecordBatch()})
}

func appendValue(b array.Builder, v any) error {
	if v == nil {
		b.AppendNull()
		return nil
	}
	switch b := b.(type) {
	case *array.StringBuilder:
		b.Append(v.(string))
	case *array.Int64Builder:
		b.Append(int64(v.(float64)))
	default:
		return b.AppendValueFromString(v.(string))
	}
	return nil
}

// columns makes a schema of "name type" pairs.
func columns(list ...string) *arrow.Schema {
	types := map[string]arrow.DataType{
		"text": arrow.BinaryTypes.String, "int": arrow.PrimitiveTypes.Int64,
		"time": &arrow.TimestampType{Unit: arrow.Microsecond}, "day": arrow.FixedWidthTypes.Date32,
	}
	var fields []arrow.Field
	for _, c := range list {
		name, kind, _ := strings.Cut(c, " ")
		fields = append(fields, arrow.Field{Name: name, Type: types[kind], Nullable: true})
	}
	return arrow.NewSchema(fields, nil)
}

// fakeOperator does nothing unless told what.
type fakeOperator struct {
	ingest  func(context.Context, operate.IngestRequest, func(operate.IngestProgress)) (operate.IngestResult, error)
	detect  func(context.Context, operate.DetectRequest, func(done, all int64)) (operate.DetectResult, error)
	decide  func(operate.DecideRequest) ([]operate.Decided, error)
	rebuild func(context.Context) error
}

func (o *fakeOperator) Check(req operate.DetectRequest) error {
	for _, id := range req.Detectors {
		if err := operate.OneOf("--detector", id, []string{"a_detector"}); err != nil {
			return err
		}
	}
	return nil
}

func (o *fakeOperator) Ingest(ctx context.Context, req operate.IngestRequest, p func(operate.IngestProgress)) (operate.IngestResult, error) {
	if o.ingest == nil {
		return operate.IngestResult{}, nil
	}
	return o.ingest(ctx, req, p)
}

func (o *fakeOperator) Verify(context.Context, operate.VerifyRequest, func(digest.Progress)) (operate.VerifyResult, error) {
	return operate.VerifyResult{}, nil
}

func (o *fakeOperator) Detect(ctx context.Context, req operate.DetectRequest, p func(done, all int64)) (operate.DetectResult, error) {
	if o.detect == nil {
		return operate.DetectResult{}, nil
	}
	return o.detect(ctx, req, p)
}

func (o *fakeOperator) Rebuild(ctx context.Context, _ operate.RebuildRequest, _ func(operate.RebuildProgress)) (operate.RebuildResult, error) {
	if o.rebuild != nil {
		return operate.RebuildResult{Tables: []string{"usage_hourly"}}, o.rebuild(ctx)
	}
	return operate.RebuildResult{Tables: []string{"usage_hourly"}}, nil
}

func (o *fakeOperator) Maintain(context.Context, operate.MaintainRequest) (operate.MaintainResult, error) {
	return operate.MaintainResult{Merged: 3}, nil
}

func (o *fakeOperator) Backup(context.Context, operate.BackupRequest) (operate.BackupResult, error) {
	return operate.BackupResult{Path: "/backups/a.duckdb"}, nil
}

func (o *fakeOperator) StoreInventory(_ context.Context, b inventory.Batch) (operate.InventoryResult, error) {
	if _, err := b.Rows(); err != nil {
		return operate.InventoryResult{}, operate.Usagef("", "%v", err)
	}
	return operate.InventoryResult{RunID: b.Run.ID}, nil
}

func (o *fakeOperator) Decide(_ context.Context, req operate.DecideRequest) ([]operate.Decided, error) {
	if o.decide == nil {
		return nil, nil
	}
	return o.decide(req)
}

// fakeGuard knows three tokens.
type fakeGuard struct{ anonymous bool }

func (g fakeGuard) Authenticate(authorization string, _ net.Addr) (access.Principal, error) {
	switch strings.TrimPrefix(authorization, "Bearer ") {
	case "":
		if g.anonymous {
			return access.Principal{Name: access.AnonymousName, Role: access.Read}, nil
		}
		return access.Principal{}, access.ErrNoToken
	case readToken:
		return access.Principal{Name: "reader", Role: access.Read}, nil
	case operateToken:
		return access.Principal{Name: "operator", Role: access.Operate}, nil
	case adminToken:
		return access.Principal{Name: "boss", Role: access.Admin}, nil
	case "wait":
		return access.Principal{}, &access.TooManyError{RetryAfter: 1500 * time.Millisecond}
	case "revoked":
		return access.Principal{}, access.ErrBadToken
	case "expired":
		return access.Principal{}, access.ErrExpired
	}
	return access.Principal{}, access.ErrMistyped
}

type fakeTokens struct{ list []access.Token }

func (f *fakeTokens) Create(name string, role access.Role, expires time.Time) (string, error) {
	for _, t := range f.list {
		if t.Name == name {
			return "", access.ErrNameTaken
		}
	}
	made := access.Token{ID: "x", Name: name, Role: role}
	if !expires.IsZero() {
		made.ExpiresAt = &expires
	}
	f.list = append(f.list, made)
	return "kmst_new_secretsecretsecret", nil
}

func (f *fakeTokens) List() ([]access.Token, error) { return f.list, nil }

func (f *fakeTokens) Revoke(name string) error {
	for i, t := range f.list {
		if t.Name == name {
			f.list = append(f.list[:i], f.list[i+1:]...)
			return nil
		}
	}
	return access.ErrUnknownToken
}

// world is what a handler under test works with.
type world struct {
	store    *fakeStore
	operator *fakeOperator
	guard    *fakeGuard
	tokens   *fakeTokens
	server   status.Server
	metrics  *metrics.Metrics
	log      *bytes.Buffer
	opts     Options

	mu    sync.Mutex
	clock time.Time
	audit []access.Entry
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

func (w *world) entries() []access.Entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]access.Entry(nil), w.audit...)
}

// safeBuffer is a buffer that a logger of several goroutines may write to.
type safeBuffer struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (s safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

// newTestHandler returns a handler over fakes; change, if given, changes its
// options first.
func newTestHandler(t *testing.T, change ...func(*world)) (*Handler, *world) {
	t.Helper()
	w := &world{
		store: &fakeStore{}, operator: &fakeOperator{}, guard: &fakeGuard{}, tokens: &fakeTokens{}, log: &bytes.Buffer{},
		metrics: metrics.New(metrics.Options{Version: "test", Routes: Routes()}),
		clock:   time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC),
		server:  status.Server{StartedAt: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)},
	}
	w.opts = Options{
		Store: w.store, Operator: w.operator, Tokens: w.tokens, Metrics: w.metrics,
		Audit: func(_ context.Context, e access.Entry) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.audit = append(w.audit, e)
		},
		Source: "s3://trail", Reports: filepath.Join(t.TempDir(), "reports"), Version: "test", Now: w.now,
		Log: slog.New(slog.NewTextHandler(safeBuffer{&w.mu, w.log}, nil)),
	}
	for _, c := range change {
		c(w)
	}
	w.opts.Guard = w.guard
	w.opts.Server = func() status.Server { return w.server }
	h, err := New(t.Context(), w.opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := h.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return h, w
}

// newRequest makes a request as a program sends it.
func newRequest(t *testing.T, method, path, token string, body ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:8814"+path, strings.NewReader(strings.Join(body, "")))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// do asks and returns the answer.
func do(t *testing.T, h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

// brokenReader gives rows and then an error.
type brokenReader struct {
	array.RecordReader

	batches int
	err     error
	rec     arrow.RecordBatch
}

func (b *brokenReader) Next() bool {
	b.batches--
	return b.batches >= 0
}
func (b *brokenReader) RecordBatch() arrow.RecordBatch { return b.rec }
func (b *brokenReader) Err() error                     { return b.err }
func (b *brokenReader) Release()                       {}

var errBroken = errors.New("the disk is gone")

var _ io.Writer = safeBuffer{}
