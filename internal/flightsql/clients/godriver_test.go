//go:build clients

package clients

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"fmt"
	"hash/crc32"
	"os"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/flight/flightsql/driver"
)

// TestGoDriver: the driver for database/sql of Arrow for Go. It knows neither
// maps nor lists, reads decimals as floating point, has no names for metadata,
// binds no NULL, and may lose the error that ends a result. That a query ended
// is asked of the server.
func TestGoDriver(t *testing.T) {
	both(t, func(t *testing.T, s *server) {
		want := wanted(s)
		for _, step := range []string{"map", "list", "param_null", "tables", "columns", "cancelled"} {
			delete(want, step)
		}
		want["hugeint"] = "1.7014118346046923e+38"
		want["param_time"] = "2026-01-02 03:04:05.123456"
		db := openGo(t, s, s.Token)
		got := steps{}
		goResults(t, db, got)
		goParameters(t, db, got)
		goErrors(t, db, got)
		got["bad_token"] = failing(t.Context(), openGo(t, s, "kmst_wrong"), "select 1 as a")
		check(t, want, got)
		s.cancelled(t, sqlEndless)
		s.cancelled(t, sqlBusy)
	})
}

func openGo(t *testing.T, s *server, token string) *sql.DB {
	t.Helper()
	c := driver.DriverConfig{Address: s.Address, Token: token, Timeout: patience}
	if s.CA != "" {
		pem, err := os.ReadFile(s.CA)
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		c.TLSEnabled, c.TLSConfig = true, &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	db, err := sql.Open("flightsql", c.DSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// one returns the one value of a query as text.
func one(t *testing.T, db *sql.DB, query string, args ...any) string {
	t.Helper()
	var v any
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&v); err != nil {
		t.Errorf("%s: %v", query, err)
	}
	switch v := v.(type) {
	case nil:
		return "NULL"
	case time.Time:
		if v.Equal(v.Truncate(24 * time.Hour)) {
			return v.Format(time.DateOnly)
		}
		return v.Format("2006-01-02 15:04:05.000000")
	}
	return fmt.Sprint(v)
}

func goResults(t *testing.T, db *sql.DB, got steps) {
	t.Helper()
	for step, expression := range map[string]string{
		"events":    "(select count(*) from kms_events)",
		"integer":   "(-9223372036854775808)::bigint",
		"text":      "'é''' || chr(10)",
		"timestamp": "timestamp '2026-01-02 03:04:05.123456'",
		"date":      "date '2026-01-02'",
		"uuid":      "uuid '12345678-1234-1234-1234-123456789012'",
		"decimal":   "(-12.34)::decimal(10, 2)",
		"hugeint":   "170141183460469231731687303715884105727::hugeint",
		"double":    "0.5::double",
		"boolean":   "true",
		"null":      "null::varchar",
		"enum":      "'b'::enum('a', 'b')",
	} {
		got[step] = one(t, db, "select "+expression+" as x")
	}
	rows, err := db.QueryContext(t.Context(), sqlMillion)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var n, sum int64
	crc := crc32.NewIEEE()
	for rows.Next() {
		var i int64
		var s string
		if err := rows.Scan(&i, &s); err != nil {
			t.Fatal(err)
		}
		n++
		sum += i
		fmt.Fprintf(crc, "%s\n", s)
	}
	if err := rows.Err(); err != nil {
		t.Error(err)
	}
	got["million"] = fmt.Sprint(n, sum, crc.Sum32())
}

func goParameters(t *testing.T, db *sql.DB, got steps) {
	t.Helper()
	at := time.Date(2026, 1, 2, 3, 4, 5, 123456000, time.UTC)
	got["param_int"] = one(t, db, "select cast(? as bigint) as x", 42)
	got["param_text"] = one(t, db, "select ? as x", "it's")
	got["param_real"] = one(t, db, "select ? as x", 0.25)
	got["param_bool"] = one(t, db, "select ? as x", true)
	got["param_time"] = one(t, db, "select ? as x", at)
	got["param_where"] = one(t, db, "select count(*) as n from kms_events where event_time < ? and event_name <> ?", time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), "none")
}

func goErrors(t *testing.T, db *sql.DB, got steps) {
	t.Helper()
	got["error"] = failing(t.Context(), db, "selec 1")
	got["refused"] = failing(t.Context(), db, "delete from kms_events")
	got["too_wide"] = failing(t.Context(), db, "select string_agg('0123456789', '') as s from range(300000)")
	for _, query := range []string{sqlEndless, sqlBusy} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		// When it waits for rows, the driver takes an error for their end.
		_ = failing(ctx, db, query)
		cancel()
	}
}

// failing returns the error of a query.
func failing(ctx context.Context, db *sql.DB, query string) string {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err.Error()
	}
	defer rows.Close()
	for rows.Next() {
	}
	return fmt.Sprint(rows.Err())
}
