//go:build duckdb_arrow

package duck

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/go-cmp/cmp"
)

// drain reads a result to its end.
func drain(r array.RecordReader, err error) (rows int64, _ error) {
	if err != nil {
		return 0, err
	}
	defer r.Release()
	for r.Next() {
		rows += r.RecordBatch().NumRows()
	}
	return rows, r.Err()
}

func TestUserQueryRuns(t *testing.T) {
	s := openTemp(t)
	mustCommit(t, s, batchOf([]event{{n: 1, file: 1}, {n: 2, file: 1, index: 1}}, nil))
	for _, sql := range []string{
		"SELECT * FROM kms_events",
		"select count(*) from main.KMS_EVENTS;",
		"FROM kms_calls SELECT count(*)",
		"WITH a AS (SELECT * FROM kms_events), b AS (SELECT * FROM a) SELECT * FROM b",
		"WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT * FROM n",
		"VALUES (1), (2)",
		"SHOW TABLES",
		"DESCRIBE kms_events",
		"SUMMARIZE log_files",
		"EXPLAIN SELECT * FROM kms_events",
		"explain analyze select * from kms_events",
		"EXPLAIN (FORMAT json) SELECT 1",
		"SELECT * FROM range(3), generate_series(1, 2), unnest([1, 2])",
		"SELECT table_name FROM information_schema.tables",
		"-- a comment with ; and EXPLAIN\nSELECT 1",
		"SELECT event_id FROM kms_events e WHERE EXISTS (SELECT 1 FROM log_files l WHERE l.log_file_id = e.log_file_id)",
		"SELECT element_at(encryption_context, 'x') FROM kms_events",
		// What the sandbox must not take for an attack.
		"SELECT event_name, count(*) AS calls, calls * 2 AS twice FROM test.main.kms_events GROUP BY 1 ORDER BY calls DESC LIMIT 10",
		"SELECT lpad('1', 3, '0'), repeat('#', least(count(*), 20)::INT) FROM kms_events",
		"WITH a AS (SELECT * FROM kms_events), b AS (SELECT a.*, row_number() OVER (ORDER BY event_time) AS n FROM a) SELECT * FROM b JOIN a USING (event_id) LEFT JOIN kms_calls k USING (event_id)",
		"WITH a AS NOT MATERIALIZED (SELECT 1 AS x) SELECT * FROM a, a AS b",
		"SELECT list_transform([1, 2], lambda x: x + 1), list_filter([1, 2], lambda x: x > 1), [x * 2 for x in [1, 2]]",
		"SELECT '[1, 2]'::INT[], [1, 2]::BIGINT[], NULL::VARCHAR[], MAP {'a': 1}, {'a': 1}::STRUCT(a BIGINT), '{\"a\": 1}'::JSON->>'a'",
		"FROM (SELECT region, event_name FROM kms_events) PIVOT (count(*) FOR region IN ('eu-west-1', 'us-east-1'))",
		"SELECT count(*) FROM kms_events WHERE event_id::VARCHAR IN ('00000000-0000-0000-0000-000000000000'" + strings.Repeat(", '00000000-0000-0000-0000-000000000001'", 5000) + ")",
		"SELECT CASE " + strings.Repeat("WHEN region = 'x' THEN 'y' ", 60) + "ELSE 'z' END FROM kms_events",
		"SELECT count(*) FROM kms_events WHERE " + strings.Repeat("region = 'a' OR ", 500) + "region = 'b'",
		"SELECT 'a'" + strings.Repeat(" || region", 40) + " FROM kms_events",
		"SELECT 1" + strings.Repeat(" UNION ALL SELECT 1", 50),
		"SELECT extract(hour FROM event_time), event_time AT TIME ZONE 'UTC', event_time::TIMESTAMP WITH TIME ZONE, DATE '2026-01-01' + INTERVAL 3 DAY FROM kms_events",
		"SELECT * FROM kms_events USING SAMPLE 100 ROWS",
		"SELECT t.i, count(*) FROM range(TIMESTAMP '2026-01-01', TIMESTAMP '2026-01-02', INTERVAL 1 HOUR) t(i) LEFT JOIN kms_events e ON date_trunc('hour', e.event_time) = t.i GROUP BY ALL",
		"SELECT quantile_cont(record_index, [0.5, 0.95]), mode(region), max(region, 3), arg_max(region, event_time) FROM kms_events",
		"SELECT printf('%05.2f', 3.14), format('{:>10} {}', 'a', 1), to_json({'a': 1})",
		"SELECT sum(x) OVER w, lag(x) OVER w FROM range(5) t(x) WINDOW w AS (ORDER BY x ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)",
		"SELECT region, event_name, count(*) FROM kms_events GROUP BY ROLLUP (region, event_name)",
		"SELECT COLUMNS('event_.*') FROM kms_events",
		"SELECT * EXCLUDE (remainder) REPLACE (upper(region) AS region) FROM kms_events",
		"SELECT k.*, c.*, t.* FROM kms_events k, (SELECT count(*) FROM keys) c, (SELECT * FROM kms_events UNION ALL SELECT * FROM kms_events) t",
	} {
		rows, err := drain(s.UserQuery(context.Background(), sql, Limits{Rows: 1000, Time: time.Minute}))
		if err != nil || rows == 0 {
			t.Errorf("%s: %d rows, %v", sql, rows, err)
		}
	}
}

func TestUserQueryRefuses(t *testing.T) {
	s := openTemp(t)
	mustCommit(t, s, batchOf([]event{{n: 1, file: 1}}, nil))
	before := table(t, s, "SELECT count(*) FROM duckdb_tables()")
	for _, sql := range []string{
		"",
		"DELETE FROM kms_events",
		"COMMIT; DELETE FROM kms_events",
		"SELECT 1; DELETE FROM kms_events",
		"SELECT 1; SELECT 2",
		"SELECT 1\x00; DELETE FROM kms_events",
		"EXPLAIN ANALYZE DELETE FROM kms_events",
		"EXPLAIN SELECT 1; DELETE FROM kms_events",
		"EXPLAIN ANALYZE CREATE TEMP TABLE x AS SELECT 1",
		"WITH x AS (DELETE FROM kms_events RETURNING *) SELECT * FROM x",
		"SET memory_limit = '10GB'",
		"SET VARIABLE x = 1",
		"SET search_path = 'temp'",
		"RESET memory_limit",
		"USE memory",
		"PRAGMA database_size",
		"PRAGMA enable_profiling",
		"CALL pragma_version()",
		"ATTACH ':memory:' AS other",
		"DETACH test",
		"COPY kms_events TO '/tmp/x.csv'",
		"EXPORT DATABASE '/tmp/x'",
		"IMPORT DATABASE '/tmp/x'",
		"CREATE TEMP VIEW kms_events AS SELECT 1",
		"CREATE TEMP TABLE kms_events (x INTEGER)",
		"CREATE TEMP MACRO element_at(a, b) AS 1",
		"BEGIN",
		"ROLLBACK",
		"CHECKPOINT",
		"LOAD json",
		"INSTALL httpfs",
		"PREPARE x AS SELECT 1",
		"VACUUM",
		"SELECT * FROM read_csv('/etc/passwd')",
		"SELECT * FROM read_text('/etc/passwd')",
		"SELECT * FROM '/etc/passwd'",
		"SELECT * FROM 'test.csv'",
		"SELECT * FROM glob('/*')",
		"SELECT * FROM enable_logging()",
		"SELECT (SELECT count(*) FROM enable_logging())",
		"WITH x AS (SELECT * FROM system.main.enable_logging()) SELECT 1",
		"SELECT write_log('x')",
		"SELECT main.write_log('x') FROM kms_events",
		"SELECT * FROM query('SELECT 1')",
		"SELECT * FROM query_table('kms_events')",
		"SELECT * FROM json_execute_serialized_sql('{}')",
		"SELECT * FROM duckdb_settings()",
		"SELECT * FROM duckdb_secrets()",
		"SELECT * FROM duckdb_databases",
		"SELECT * FROM (WITH duckdb_databases AS (SELECT 1) SELECT 1), duckdb_databases",
		"SELECT * FROM pragma_database_list",
		"SELECT * FROM pg_catalog.pg_class",
		"SELECT * FROM sqlite_master",
		"SELECT * FROM other.main.kms_events",
		"SELECT current_setting('temp_directory')",
		"SELECT '" + strings.Repeat("x", maxQueryText) + "'",
		"SELECT * FROM meta",
	} {
		rows, err := drain(s.UserQuery(context.Background(), sql, Limits{Rows: 1000, Time: time.Minute}))
		if err == nil {
			t.Errorf("%s: ran and gave %d rows", sql, rows)
		}
	}
	if diff := cmp.Diff(before, table(t, s, "SELECT count(*) FROM duckdb_tables()")); diff != "" {
		t.Errorf("a refused statement left something: %s", diff)
	}
	if n := count(t, s, "SELECT count(*) FROM kms_events"); n != 1 {
		t.Errorf("%d events left", n)
	}
}

func TestUserQueryLimits(t *testing.T) {
	s := openTemp(t)
	for _, tt := range []struct {
		name string
		sql  string
		lim  Limits
		what string
		rows int64
	}{
		{"rows", "SELECT * FROM range(100000000)", Limits{Rows: 5000}, "rows", 5000},
		{"just enough rows", "SELECT * FROM range(5000)", Limits{Rows: 5000}, "", 5000},
		{"one vector of rows", "SELECT * FROM range(4096)", Limits{Rows: 2048}, "rows", 2048},
		{"bytes", "SELECT repeat('x', 1000) FROM range(100000000)", Limits{Bytes: 10_000_000}, "bytes", 8192},
		{"memory", "SELECT count(*) FROM range(100000000000) t(i) WHERE i % 3 = hash(i) % 7", Limits{Memory: 1}, "memory", 0},
		{"time", "SELECT count(*) FROM range(100000000000) t(i) WHERE i % 3 = hash(i) % 7", Limits{Time: 50 * time.Millisecond}, "time", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rows, err := drain(s.UserQuery(context.Background(), tt.sql, tt.lim))
			var limit *LimitError
			if tt.what == "" && err != nil || tt.what != "" && (!errors.As(err, &limit) || limit.What != tt.what) {
				t.Errorf("error %v, want one about %q", err, tt.what)
			}
			if rows != tt.rows {
				t.Errorf("%d rows, want %d", rows, tt.rows)
			}
		})
	}
}

func TestUserQueryLeavesNothingOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s := mustOpen(t, path)
	for range 50 {
		if _, err := s.UserQuery(context.Background(), "SELECT error('x') FROM range(3)", Limits{}); err == nil {
			// The error may come with the first batch; the reader is then left
			// to Close on purpose.
			continue
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, path)
}

func TestUserQueryBindsParameters(t *testing.T) {
	s := openTemp(t)
	mustCommit(t, s, batchOf([]event{{n: 1, file: 1}, {n: 2, file: 1, index: 1}}, nil))
	for _, tt := range []struct {
		sql  string
		args []any
		want string
	}{
		{"SELECT ? + 1 AS a, ? AS b", []any{int64(41), "x"}, "42|x"},
		{"SELECT $2 AS a, $1 AS b", []any{"first", "second"}, "second|first"},
		{"SELECT $a AS a", []any{"named"}, "named"},
		{"SELECT count(*) FROM kms_events WHERE record_index = ? AND event_time < ?", []any{int64(1), at(1000)}, "1"},
		{"SELECT sum(i) FROM range(?) t(i)", []any{int64(5)}, "10"},
		{"SELECT ? IS NULL", []any{nil}, "true"},
		{"SELECT list_contains(?, 'b')", []any{[]string{"a", "b"}}, "true"},
	} {
		r, err := s.UserQuery(context.Background(), tt.sql, Limits{}, tt.args...)
		if err != nil {
			t.Errorf("%s: %v", tt.sql, err)
			continue
		}
		if got := strings.Join(rowsOf(r), "\n"); got != tt.want || r.Err() != nil {
			t.Errorf("%s: %q %v, want %q", tt.sql, got, r.Err(), tt.want)
		}
		r.Release()
	}
	if _, err := drain(s.UserQuery(context.Background(), "SELECT repeat('x', $1), repeat('y', $2)", Limits{}, int64(maxSize), int64(maxSize+1))); err == nil {
		t.Error("a parameter made too large a value")
	}
	if _, err := s.UserQuery(context.Background(), "SELECT ?", Limits{}); err == nil {
		t.Error("a parameter without a value ran")
	}
}

// rowsOf reads a result as text.
func rowsOf(r array.RecordReader) []string {
	var out []string
	for r.Next() {
		rec := r.RecordBatch()
		for i := range int(rec.NumRows()) {
			row := make([]string, rec.NumCols())
			for j := range row {
				row[j] = rec.Column(j).ValueStr(i)
			}
			out = append(out, strings.Join(row, "|"))
		}
	}
	return out
}

func TestDescribeUserQuery(t *testing.T) {
	s := openTemp(t)
	for _, tt := range []struct{ sql, columns, params string }{
		{"SELECT event_id, event_time FROM kms_events WHERE event_id = ? AND event_time >= ?", "event_id UUID utf8, event_time TIMESTAMP timestamp[us]", "1 UUID utf8, 2 TIMESTAMP timestamp[us]"},
		{"SELECT 1::HUGEINT AS h, $name::VARCHAR AS n", "h HUGEINT decimal(38, 0), n VARCHAR utf8", "name VARCHAR utf8"},
		{"SELECT ?", "unknown", "1  null"},
		{"SELECT [?] AS l", "unknown", "1  null"},
		{"SELECT {'a': [?]} AS l, $2 + 1", "unknown", "1  null, 2  null"},
		{"SHOW TABLES", "name VARCHAR utf8", ""},
		{"SELECT error('ran')", `"error"('ran') INTEGER int32`, ""},
		{"EXPLAIN SELECT 1", "explain_key VARCHAR utf8, explain_value VARCHAR utf8", ""},
	} {
		got, err := s.DescribeUserQuery(context.Background(), tt.sql)
		if err != nil {
			t.Errorf("%s: %v", tt.sql, err)
			continue
		}
		columns := "unknown"
		if got.Schema != nil {
			var list []string
			for _, f := range got.Schema.Fields() {
				name, _ := f.Metadata.GetValue(TypeKey)
				list = append(list, f.Name+" "+name+" "+f.Type.String())
			}
			columns = strings.Join(list, ", ")
		}
		var params []string
		for _, p := range got.Params {
			params = append(params, p.Name+" "+p.Type+" "+p.Arrow.String())
		}
		if diff := cmp.Diff([]string{tt.columns, tt.params}, []string{columns, strings.Join(params, ", ")}); diff != "" {
			t.Errorf("%s: %s", tt.sql, diff)
		}
	}
	var refused *RefusedError
	if _, err := s.DescribeUserQuery(context.Background(), "DELETE FROM kms_events"); !errors.As(err, &refused) {
		t.Errorf("a DELETE was described: %v", err)
	}
}
