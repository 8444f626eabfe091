package main

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/dirsource"
	"github.com/kmstrail/kmstrail/internal/dossier"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/report"
	"github.com/kmstrail/kmstrail/internal/rows"
	"github.com/kmstrail/kmstrail/internal/sqlfile"
	"github.com/kmstrail/kmstrail/queries"
)

// asUser answers our own questions as a server does: as those of a stranger. It
// notes those that are refused and asks the store itself, so that the next
// question comes too.
type asUser struct {
	*duck.Store

	mu      sync.Mutex
	refused map[string]error
}

func (s *asUser) Query(ctx context.Context, sql string, args ...any) (array.RecordReader, error) {
	r, err := s.UserQuery(ctx, sql, duck.Limits{}, args...)
	if _, refused := errors.AsType[*duck.RefusedError](err); !refused {
		return r, err
	}
	s.mu.Lock()
	s.refused[sql] = err
	s.mu.Unlock()
	return s.Store.Query(ctx, sql, args...)
}

func (s *asUser) Run(ctx context.Context, st sqlfile.Statement) (array.RecordReader, error) {
	return s.Query(ctx, st.SQL, st.Args...)
}

// TestQueries_server: a server lets users ask whatever our own commands ask
// through it.
func TestQueries_server(t *testing.T) {
	ctx := t.Context()
	store, err := duck.Open(ctx, filepath.Join(t.TempDir(), "k.duckdb"), duck.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	source, err := dirsource.New("../../sampledata/bucket")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	if _, err := ingest.Run(ctx, ingest.Options{Source: source, Sink: store}); err != nil {
		t.Fatal(err)
	}
	s := &asUser{Store: store, refused: map[string]error{}}
	window := queries.Window{Start: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	askNamed(t, s, window)
	askPages(t, s, report.Window{Start: window.Start, End: window.End})
	for sql, err := range s.refused {
		t.Errorf("%v\n%.300s …", err, sql)
	}
}

// askNamed runs the named queries.
func askNamed(t *testing.T, s *asUser, window queries.Window) {
	t.Helper()
	list, err := queries.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range list {
		given := map[string]string{}
		for name, p := range q.Params {
			if p.Required {
				given[name] = map[string]string{"integer": "1", "double": "1", "days": "1", "boolean": "true", "timestamp": "2026-10-01"}[p.Type]
			}
		}
		st, err := q.Bind(given, window)
		if err != nil {
			t.Fatalf("%s: %v", q.ID, err)
		}
		r, err := s.Run(t.Context(), st)
		if err != nil {
			t.Errorf("%s: %v", q.ID, err)
			continue
		}
		if err := rows.Scan(r, func(rows.Row) {}); err != nil {
			t.Errorf("%s: %v", q.ID, err)
		}
	}
}

// askPages makes a report, and a page about one of everything.
func askPages(t *testing.T, s *asUser, window report.Window) {
	t.Helper()
	ctx := t.Context()
	list, err := detectors.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	found, err := detectors.Run(ctx, s.Store, list, detectors.RunOptions{Window: detectors.Window{Start: window.Start, End: window.End}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := detectors.ReadFindings(ctx, s, detectors.FindingFilter{}); err != nil {
		t.Error(err)
	}
	if _, err := detectors.ReadHistory(ctx, s, found.Findings[0].FindingID); err != nil {
		t.Error(err)
	}
	if _, err := report.Build(ctx, s, report.Options{Now: testNow(), Window: window, Detectors: list, Findings: found.Findings, Runs: found.Runs}); err != nil {
		t.Error(err)
	}
	opts := dossier.Options{Now: testNow(), Window: window, Detectors: list, Findings: found.Findings}
	for _, name := range first(t, s, "select key_arn from keys order by call_count desc, key_arn limit 2") {
		arn, err := dossier.FindKey(ctx, s, name)
		if err == nil {
			_, err = dossier.Key(ctx, s, arn, opts)
		}
		if err != nil {
			t.Errorf("key %s: %v", name, err)
		}
	}
	for _, name := range first(t, s, "select distinct principal_arn from kms_calls where principal_arn is not null order by 1 limit 2") {
		who, err := dossier.FindPrincipal(ctx, s, name)
		if err == nil {
			_, err = dossier.Principal(ctx, s, who, opts)
		}
		if err != nil {
			t.Errorf("principal %s: %v", name, err)
		}
	}
	for _, name := range first(t, s, "select distinct context_value from encryption_context where context_value like 'arn:%' order by 1 limit 2") {
		id, err := dossier.FindResource(ctx, s, name, opts)
		if err == nil {
			_, err = dossier.Resource(ctx, s, id, opts)
		}
		if err != nil {
			t.Errorf("resource %s: %v", name, err)
		}
	}
}

// first returns the first column of a result.
func first(t *testing.T, s *asUser, sql string) []string {
	t.Helper()
	var out []string
	if err := eachRow(t.Context(), s, sql, nil, func(r rows.Row) { out = append(out, r.Text(0)) }); err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		t.Fatalf("no row: %s", sql)
	}
	return out
}
