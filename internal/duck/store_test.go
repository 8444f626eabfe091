//go:build duckdb_arrow

package duck

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/schema"
)

func TestOpenRefuses(t *testing.T) {
	ctx := context.Background()
	for _, tt := range []struct {
		name    string
		prepare func(dir string) string
		opts    Options
		is      error
		want    string
	}{
		{name: "directory is missing", prepare: func(dir string) string { return filepath.Join(dir, "no", "a.db") }, want: "does not exist"},
		{name: "a directory", prepare: func(dir string) string { return dir }, want: "not a regular file"},
		{name: "not a database", prepare: func(dir string) string {
			return write(t, dir, "a.db", strings.Repeat("this is a text file\n", 1000))
		}, is: ErrForeign, want: "not a valid DuckDB database file"},
		{name: "read only, missing", prepare: func(dir string) string { return filepath.Join(dir, "a.db") }, opts: Options{ReadOnly: true}, want: "no such file"},
		{name: "of another program", prepare: func(dir string) string {
			return alter(t, dir, "DROP TABLE meta")
		}, is: ErrForeign, want: "tables of another program"},
		{name: "another table meta", prepare: func(dir string) string {
			return alter(t, dir, "DROP TABLE meta", "CREATE TABLE meta (x INTEGER)")
		}, is: ErrForeign, want: "meta is another"},
		{name: "newer", prepare: func(dir string) string {
			return alter(t, dir, "UPDATE meta SET value = '99' WHERE name = 'schema_version'")
		}, is: ErrNewer, want: "layout 99"},
		{name: "older, read only", prepare: func(dir string) string {
			return alter(t, dir, "UPDATE meta SET value = '0' WHERE name = 'schema_version'")
		}, opts: Options{ReadOnly: true}, want: "open it once for writing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := tt.prepare(t.TempDir())
			s, err := Open(ctx, path, tt.opts)
			if err == nil {
				s.Close()
				t.Fatal("was opened")
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%v is not %v", err, tt.is)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q does not say %q", err, tt.want)
			}
		})
	}
}

// alter makes a database and runs statements on it behind the store's back.
func alter(t *testing.T, dir string, statements ...string) string {
	t.Helper()
	path := filepath.Join(dir, "a.db")
	s := mustOpen(t, path)
	drops, err := s.dropSteps(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range append(drops, statements...) {
		if err := s.writer.exec(context.Background(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s := mustOpen(t, path)
	link := path + ".link"
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, link} {
		_, err := Open(context.Background(), name, Options{})
		var locked *LockedError
		if !errors.As(err, &locked) || !errors.Is(err, ErrLocked) || locked.PID != os.Getpid() {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Query(context.Background(), "SELECT 1"); !errors.Is(err, ErrClosed) {
		t.Errorf("query after Close: %v", err)
	}
	mustOpen(t, path)
}

func TestOpenReadOnlyTwice(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "a.db")
	s := mustOpen(t, path)
	if _, err := Open(ctx, path, Options{ReadOnly: true}); !errors.Is(err, ErrLocked) {
		t.Errorf("a reader beside a writer: %v", err)
	}
	s.Close()
	for range 2 {
		r, err := Open(ctx, path, Options{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
		if got := table(t, r, "SELECT count(*) FROM kms_calls"); got[0][0] != "0" {
			t.Errorf("read %v", got)
		}
		if err := r.writer.exec(ctx, "DELETE FROM log_files"); err == nil {
			t.Error("a read-only store was written to")
		}
	}
}

func TestSettings(t *testing.T) {
	s := openTemp(t)
	got := table(t, s, `SELECT name, value FROM duckdb_settings() WHERE name IN
		('TimeZone', 'autoinstall_known_extensions', 'autoload_known_extensions', 'enable_external_access', 'lock_configuration', 'temp_directory') ORDER BY 1`)
	want := [][]string{
		{"TimeZone", "UTC"}, {"autoinstall_known_extensions", "false"}, {"autoload_known_extensions", "false"},
		{"enable_external_access", "false"}, {"lock_configuration", "true"}, {"temp_directory", s.Path() + ".tmp"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// The format that "latest" means: a file in the oldest one is larger.
	if got := table(t, s, "SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = current_database()"); got[0][0] != "v1.5.0+" {
		t.Errorf("storage version %v", got)
	}
	if err := s.writer.exec(context.Background(), "SET memory_limit = '1GB'"); err == nil {
		t.Error("the configuration is not locked")
	}
}

func TestMigrateAddsWhatIsMissing(t *testing.T) {
	ctx := context.Background()
	// A file of version 0: a column and a table are missing, a view and a macro
	// are old.
	path := alter(t, t.TempDir(),
		"ALTER TABLE kms_events DROP COLUMN key_origin",
		"ALTER TABLE kms_events DROP COLUMN mfa",
		"DROP TABLE prices",
		"CREATE VIEW left_over AS SELECT 1 AS x",
		"CREATE MACRO old_macro(x) AS x",
		"UPDATE meta SET value = '0' WHERE name = 'schema_version'",
		"INSERT INTO accounts (account_id, account_name) VALUES ('111122223333', 'example')")
	s := mustOpen(t, path)
	for _, table := range schema.Tables() {
		names := make([]string, len(table.Columns))
		for i, c := range table.Columns {
			names[i] = ident(c.Name)
		}
		if _, err := s.Describe(ctx, "SELECT "+strings.Join(names, ",")+" FROM "+table.Name); err != nil {
			t.Errorf("%s: %v", table.Name, err)
		}
	}
	if n := count(t, s, "SELECT count(*) FROM duckdb_views() WHERE NOT internal"); n != int64(viewsRead()) {
		t.Errorf("%d views, want %d", n, viewsRead())
	}
	if n := count(t, s, "SELECT count(*) FROM duckdb_functions() WHERE function_name = 'old_macro'"); n != 0 {
		t.Error("an old macro stayed")
	}
	if got := table(t, s, "SELECT account_name FROM accounts"); got[0][0] != "example" {
		t.Errorf("data was lost: %v", got)
	}
	// Columns now stand in another order than in the schema.
	events := []event{{n: 1, file: 1}, {n: 2, file: 1, index: 1}}
	mustCommit(t, s, batchOf(events, nil))
	if res := mustCommit(t, s, batchOf(events, nil)); res.Duplicates != 2 {
		t.Errorf("%+v", res)
	}
	if n, err := s.scalar(ctx, "SELECT value::BIGINT FROM meta WHERE name = 'schema_version'"); err != nil || n != schema.Version {
		t.Errorf("version %d, %v", n, err)
	}
}

func TestReplace(t *testing.T) {
	s := mustOpen(t, Memory)
	for _, names := range [][]string{{"old"}, {"a", "b"}} {
		rec := quotas(t, names...)
		if err := s.Replace(context.Background(), &schema.Quotas, rec); err != nil {
			t.Fatal(err)
		}
		rec.Release()
	}
	got := table(t, s, "SELECT quota_name FROM quotas ORDER BY ALL")
	if diff := cmp.Diff([][]string{{"a"}, {"b"}}, got); diff != "" {
		t.Error(diff)
	}
}

// quotas makes rows that differ in their names.
func quotas(t *testing.T, names ...string) arrow.RecordBatch {
	t.Helper()
	var rows [][]any
	for _, name := range names {
		rows = append(rows, []any{name, nil, nil, 1.0, "default"})
	}
	rec, err := schema.Rows(&schema.Quotas, rows)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func TestChange(t *testing.T) {
	ctx := context.Background()
	s := mustOpen(t, Memory)
	rec := quotas(t, "a", "b", "c")
	defer rec.Release()
	more := quotas(t, "d")
	defer more.Release()
	failed := errors.New("second thoughts")
	for _, outcome := range []error{failed, nil} {
		err := s.Change(ctx, func(read ReadFunc, replace ReplaceFunc) error {
			if err := replace(&schema.Quotas, "", nil, rec); err != nil {
				return err
			}
			if err := replace(&schema.Quotas, "quota_name IN (SELECT unnest(?))", []any{[]string{"a", "c"}}, more); err != nil {
				return err
			}
			r, err := read("SELECT quota_name FROM quotas WHERE quota_name <> ?", "b")
			if err != nil {
				return err
			}
			defer r.Release()
			if !r.Next() || r.RecordBatch().NumRows() != 1 || r.RecordBatch().Column(0).ValueStr(0) != "d" {
				t.Error("the transaction does not see what it wrote")
			}
			return outcome
		})
		if !errors.Is(err, outcome) {
			t.Errorf("got error %v, want %v", err, outcome)
		}
		if outcome != nil && count(t, s, "SELECT count(*) FROM quotas") != 0 {
			t.Error("a change that failed was kept")
		}
	}
	if diff := cmp.Diff([][]string{{"b"}, {"d"}}, table(t, s, "SELECT quota_name FROM quotas ORDER BY ALL")); diff != "" {
		t.Error(diff)
	}
	err := s.Change(ctx, func(_ ReadFunc, replace ReplaceFunc) error { return replace(&schema.Quotas, "nothing = 1", nil, nil) })
	if err == nil || !strings.Contains(err.Error(), "delete from quotas") {
		t.Errorf("a bad condition gives %v", err)
	}
}

func TestQueryTypes(t *testing.T) {
	s := mustOpen(t, Memory)
	r, err := s.Query(context.Background(), `SELECT
		'0a0b0c0d-1111-2222-3333-444455556666'::UUID AS u, TIMESTAMP '2026-03-01 12:00:00.000001' AS t, MAP {'k': 'v'} AS m,
		['a', NULL] AS l, 12345::HUGEINT AS h, 12.34::DECIMAL(18,2) AS d, '{"a":1}'::JSON AS j,
		sum(1) AS s, count(*) AS c, DATE '2026-03-01' AS dt, NULL AS n, {'x': 1} AS st, TIMESTAMPTZ '2026-03-01 12:00:00+01' AS tz`)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	var got []string
	for r.Next() {
		for i, f := range r.Schema().Fields() {
			duckType, _ := f.Metadata.GetValue(TypeKey)
			got = append(got, fmt.Sprintf("%s %s %s %s", f.Name, duckType, f.Type, r.RecordBatch().Column(i).ValueStr(0)))
		}
	}
	want := []string{
		"u UUID utf8 0a0b0c0d-1111-2222-3333-444455556666",
		"t TIMESTAMP timestamp[us] 2026-03-01T12:00:00.000001",
		`m MAP(VARCHAR, VARCHAR) map<utf8, utf8, items_nullable> [{"key":"k","value":"v"}]`,
		`l VARCHAR[] list<l: utf8, nullable> ["a",null]`,
		"h HUGEINT decimal(38, 0) 12345",
		"d DECIMAL(18,2) decimal(18, 2) 12.34",
		`j JSON utf8 {"a":1}`,
		"s HUGEINT decimal(38, 0) 1",
		"c BIGINT int64 1",
		"dt DATE date32 2026-03-01",
		"n INTEGER int32 (null)",
		`st STRUCT(x INTEGER) struct<x: int32 nullable> {"x":1}`,
		"tz TIMESTAMP WITH TIME ZONE timestamp[us, tz=UTC] 2026-03-01T11:00:00Z",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestQueryParameters(t *testing.T) {
	s := mustOpen(t, Memory)
	when := time.Date(2026, 3, 1, 1, 2, 3, 4000, time.FixedZone("CET", 3600))
	got := table(t, s, "SELECT $1, $2, $3, $4, typeof($5), $5, $6, list_contains($7, 'b'), len($8)",
		"it's\x00", int64(7), 1.5, true, when, nil, []string{"a", "b"}, []string{})
	want := [][]string{{"it's\x00", "7", "1.5", "true", "TIMESTAMP", "2026-03-01T00:02:03.000004", "(null)", "true", "0"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []struct {
		sql  string
		args []any
	}{{"SELECT ?", nil}, {"SELECT 1", []any{1}}, {"SELECT ?", []any{struct{}{}}}, {"SELECT 1; SELECT 2", nil}, {"SELECT nothing", nil}} {
		if _, err := s.Query(context.Background(), bad.sql, bad.args...); err == nil {
			t.Errorf("%s with %v: no error", bad.sql, bad.args)
		}
	}
}

func TestQueryReportsALateError(t *testing.T) {
	// With more threads the others are interrupted by the error, and DuckDB
	// reports whichever comes first.
	s, err := Open(context.Background(), Memory, Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	r, err := s.Query(context.Background(), "SELECT CASE WHEN i = 3000000 THEN error('late') ELSE i END FROM range(10000000) t(i)")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	rows := int64(0)
	for r.Next() {
		rows += r.RecordBatch().NumRows()
	}
	if r.Err() == nil || !strings.Contains(r.Err().Error(), "late") {
		t.Errorf("after %d rows: %v", rows, r.Err())
	}
	if rows == 0 {
		t.Error("the result did not stream")
	}
}

func TestQueryEndsWithItsContext(t *testing.T) {
	s := mustOpen(t, Memory)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := s.Query(ctx, "SELECT count(*) FROM range(100000000000) t(i) WHERE i % 3 = hash(i) % 7")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

// A reader that nobody released must not make the next Open of the file spin.
func TestCloseEndsReaders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s := mustOpen(t, path)
	r, err := s.Query(context.Background(), "SELECT * FROM range(1000000000)")
	if err != nil || !r.Next() {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if r.Next() || !errors.Is(r.Err(), ErrClosed) {
		t.Errorf("reader of a closed store: %v", r.Err())
	}
	r.Release()
	mustOpen(t, path)
}

func TestSize(t *testing.T) {
	s := openTemp(t)
	events := make([]event, 5000)
	for i := range events {
		events[i] = event{n: i + 1, file: 1, index: i}
	}
	mustCommit(t, s, batchOf(events, nil))
	if err := s.Checkpoint(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Size(context.Background()); err != nil || n < 200_000 {
		t.Errorf("size %d, %v", n, err)
	}
}

func TestMacros(t *testing.T) {
	s := mustOpen(t, Memory)
	got := table(t, s, `SELECT
		element_at(MAP {'a': 'x'}, 'a'), element_at(MAP {'a': 'x'}, 'b'), element_at(['p', 'q'], 2), element_at(['p'], 3),
		regexp_like('kms-key', 'm.-'), to_unixtime(TIMESTAMP '1970-01-01 00:01:00'), day_of_week(DATE '2026-03-01'),
		split_part('a:b', ':', 2), split_part('a:b', ':', 3)`)
	want := [][]string{{"x", "(null)", "q", "(null)", "true", "60", "7", "b", "(null)"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// viewsRead counts the derived tables that are views in the file.
func viewsRead() (n int) {
	for _, v := range schema.Views() {
		if v.ReadSQL() != "" {
			n++
		}
	}
	return n
}
