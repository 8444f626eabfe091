package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	arrowsql "github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/kmstrail/kmstrail/internal/access"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/flightsql"
	"github.com/kmstrail/kmstrail/internal/hostile"
	"github.com/kmstrail/kmstrail/internal/rows"
)

// queryServer is the query server on a real store, without the rest.
type queryServer struct {
	*flightsql.Server
	store *duck.Store
	// address is where it listens.
	address string
	// ended gets what is told of each query.
	ended chan flightsql.Query
}

// serveQueries starts one, and a client of it.
func serveQueries(t *testing.T, limits duck.Limits) (*queryServer, *arrowsql.Client) {
	t.Helper()
	store, err := duck.Open(t.Context(), duck.Memory, duck.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &queryServer{store: store, ended: make(chan flightsql.Query, 1000)}
	s.Server, err = flightsql.New(flightsql.Options{
		Backend: flightBackend{store: store, limits: limits}, Queries: namedQueries{}, Log: slog.New(slog.DiscardHandler),
		Authenticate: func(string, net.Addr) (access.Principal, error) {
			return access.Principal{Name: "test", Role: access.Read}, nil
		},
		OnQuery: func(_ context.Context, q flightsql.Query) { s.ended <- q },
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = "grpc://" + l.Addr().String()
	go func() { _ = s.Serve(l) }()
	c, err := arrowsql.NewClient(l.Addr().String(), nil, nil, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		now, cancel := context.WithCancel(context.Background())
		cancel()
		s.Shutdown(now)
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, c
}

// open runs a statement and returns its result as it comes.
func open(ctx context.Context, c *arrowsql.Client, sql string) (*flight.Reader, error) {
	info, err := c.Execute(ctx, sql)
	if err != nil {
		return nil, err
	}
	return c.DoGet(ctx, info.GetEndpoint()[0].GetTicket())
}

// drain reads a result to its end.
func drain(r *flight.Reader) (n int64, err error) {
	defer r.Release()
	for r.Next() {
		n += r.RecordBatch().NumRows()
	}
	if err := r.Err(); !errors.Is(err, io.EOF) {
		return n, err
	}
	return n, nil
}

func ask(ctx context.Context, c *arrowsql.Client, sql string) (int64, error) {
	r, err := open(ctx, c, sql)
	if err != nil {
		return 0, err
	}
	return drain(r)
}

// TestFlight_large: 20 million rows begin at once, are all there, and are never
// here together.
func TestFlight_large(t *testing.T) {
	const all = 20_000_000
	s, c := serveQueries(t, duck.Limits{})
	sql := fmt.Sprintf("select range as n from range(%d)", all)
	r, err := open(t.Context(), c, sql)
	if err != nil || !r.Next() {
		t.Fatal(err)
	}
	// Something else is done in the meantime; this query waits for its client.
	if n, err := ask(t.Context(), c, "select range as n from range(2000000)"); err != nil || n != 2_000_000 {
		t.Fatalf("%d rows, %v", n, err)
	}
	const window = 32 << 20 // what gRPC may take on its way to who does not read
	if running := s.Running(); len(running) != 1 || running[0].Bytes > window {
		t.Errorf("a query whose client does not read sent %+v of %d bytes", running, 8*all)
	}
	var got, sum int64
	for ok := true; ok; ok = r.Next() {
		for _, v := range r.RecordBatch().Column(0).(*array.Int64).Int64Values() {
			sum += v
		}
		got += r.RecordBatch().NumRows()
	}
	r.Release()
	if got != all || sum != int64(all)*(all-1)/2 {
		t.Errorf("%d rows, sum %d, %v", got, sum, r.Err())
	}
	<-s.ended
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	q := <-s.ended
	t.Logf("first batch after %s, all after %s; Go has %d MB of the system", q.FirstBatch, q.Duration, m.Sys>>20)
	if q.Rows != all || q.Outcome != flightsql.Done {
		t.Errorf("told %+v", q)
	}
}

// TestFlight_limits: a result that is cut says so, and by what.
func TestFlight_limits(t *testing.T) {
	const big = "select range as n from range(1000000000000)"
	for name, x := range map[string]struct {
		limits duck.Limits
		sql    string
		want   string
	}{
		"rows":  {duck.Limits{Rows: 5000}, big, "the query's limit of 5000 rows is used up"},
		"bytes": {duck.Limits{Bytes: 1 << 20}, big, "the query's limit of 1048576 bytes is used up"},
		"time":  {duck.Limits{Time: time.Second}, "select sum(a.range * b.range) from range(10000000) a, range(10000000) b", "the query's limit of 1s time is used up"},
	} {
		t.Run(name, func(t *testing.T) {
			s, c := serveQueries(t, x.limits)
			n, err := ask(t.Context(), c, x.sql)
			if status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), x.want) {
				t.Errorf("%d rows, %v; want %q", n, err, x.want)
			}
			if name == "rows" && n != 5000 {
				t.Errorf("%d rows came before", n)
			}
			if q := <-s.ended; q.Outcome != flightsql.Limited {
				t.Errorf("told %+v", q)
			}
		})
	}
}

// TestFlight_lostClient: what nobody waits for is not computed.
func TestFlight_lostClient(t *testing.T) {
	for _, sql := range []string{
		"select sum(a.range * b.range) from range(10000000) a, range(10000000) b",
		"select range as n from range(1000000000000)",
	} {
		s, c := serveQueries(t, duck.Limits{})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, _ = ask(ctx, c, sql) }()
		eventually(t, "it runs", func() bool { return len(s.Running()) == 1 && !s.Running()[0].Waiting })
		cancel()
		left := time.Now()
		q := <-s.ended
		if q.Outcome != flightsql.Cancelled || len(s.Running()) != 0 {
			t.Errorf("told %+v, running %v", q, s.Running())
		}
		t.Logf("ended %s after its client", time.Since(left))
	}
}

// TestFlight_errors: whose fault it is.
func TestFlight_errors(t *testing.T) {
	_, c := serveQueries(t, duck.Limits{})
	for sql, want := range map[string]string{
		"selec 1":                                           "syntax error",
		"select nope from kms_events":                       `Referenced column "nope" not found`,
		"select * from read_text('/x')":                     "read_text is not allowed",
		"delete from kms_events":                            "query refused",
		"select cast('x' as integer)":                       "Could not convert string 'x' to INT32",
		"select error('by request') as e":                   "by request",
		"select 1; select 2":                                "it has 2 statements, want one",
		"select * from main.duckdb_tables":                  "there is no table",
		"select getenv('HOME')":                             "getenv",
		"select cast(range as utinyint) from range(100000)": "Conversion Error",
	} {
		if n, err := ask(t.Context(), c, sql); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %d rows, %v; want %q", sql, n, err, want)
		}
	}
}

// TestFlight_types: every type that a result can have comes over the wire, named.
func TestFlight_types(t *testing.T) {
	_, c := serveQueries(t, duck.Limits{})
	for expression, want := range map[string][3]string{
		"true":                                   {"bool", "BOOLEAN", "true"},
		"1::tinyint":                             {"int8", "TINYINT", "1"},
		"255::utinyint":                          {"uint8", "UTINYINT", "255"},
		"1":                                      {"int32", "INTEGER", "1"},
		"1::bigint":                              {"int64", "BIGINT", "1"},
		"18446744073709551615":                   {"decimal(38, 0)", "HUGEINT", "18446744073709551615"},
		"18446744073709551615::ubigint":          {"uint64", "UBIGINT", "18446744073709551615"},
		"1.5::float":                             {"float32", "FLOAT", "1.5"},
		"1.5::double":                            {"float64", "DOUBLE", "1.5"},
		"-12.34::decimal(10,2)":                  {"decimal(10, 2)", "DECIMAL(10,2)", "-12.34"},
		"'é'":                                    {"utf8", "VARCHAR", "é"},
		`'\xAA'::blob`:                           {"binary", "BLOB", "qg=="},
		"null":                                   {"int32", "INTEGER", "(null)"},
		"date '2026-01-02'":                      {"date32", "DATE", "2026-01-02"},
		"time '01:02:03.5'":                      {"time64[us]", "TIME", "01:02:03.500000"},
		"timestamp '2026-01-02 03:04:05.123456'": {"timestamp[us]", "TIMESTAMP", "2026-01-02T03:04:05.123456"},
		"timestamptz '2026-01-02 03:04:05.123456+02'": {"timestamp[us, tz=UTC]", "TIMESTAMP WITH TIME ZONE", "2026-01-02T01:04:05.123456Z"},
		"uuid '12345678-1234-1234-1234-123456789012'": {"utf8", "UUID", "12345678-1234-1234-1234-123456789012"},
		`'{"a":1}'::json`:     {"utf8", "JSON", `{"a":1}`},
		"['x', null]":         {"list<l: utf8, nullable>", "VARCHAR[]", `["x",null]`},
		"map {'k': 'v'}":      {"map<utf8, utf8, items_nullable>", "MAP(VARCHAR, VARCHAR)", `[{"key":"k","value":"v"}]`},
		"{'a': 1}":            {"struct<a: int32 nullable>", "STRUCT(a INTEGER)", `{"a":1}`},
		"'b'::enum('a', 'b')": {"utf8", "ENUM", "b"},
	} {
		t.Run(expression, func(t *testing.T) {
			r, err := open(t.Context(), c, "select "+expression+" as x")
			if err != nil || !r.Next() {
				t.Fatal(err)
			}
			defer r.Release()
			f := r.Schema().Field(0)
			name, _ := f.Metadata.GetValue(arrowsql.TypeNameKey)
			got := [3]string{f.Type.String(), name, r.RecordBatch().Column(0).ValueStr(0)}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestFlight_parameters: what a client binds is what DuckDB gets.
func TestFlight_parameters(t *testing.T) {
	_, c := serveQueries(t, duck.Limits{})
	text := arrow.BinaryTypes.String
	for _, x := range []struct {
		dt          arrow.DataType
		value, want string
	}{
		{arrow.PrimitiveTypes.Int64, `-5`, "BIGINT -5"},
		{arrow.PrimitiveTypes.Uint64, `18446744073709551615`, "UBIGINT 18446744073709551615"},
		{arrow.PrimitiveTypes.Float64, `0.5`, "DOUBLE 0.5"},
		{arrow.FixedWidthTypes.Boolean, `true`, "BOOLEAN true"},
		{text, `"it's"`, "VARCHAR it's"},
		{arrow.BinaryTypes.Binary, `"AQI="`, `BLOB \x01\x02`},
		{&arrow.Decimal128Type{Precision: 38, Scale: 2}, `"-99999999999999999999.01"`, "DECIMAL(38,2) -99999999999999999999.01"},
		{&arrow.Decimal128Type{Precision: 38, Scale: 0}, `"99999999999999999999999999999999999999"`, "DECIMAL(38,0) 99999999999999999999999999999999999999"},
		{arrow.FixedWidthTypes.Date32, `"2026-01-02"`, "DATE 2026-01-02"},
		{arrow.FixedWidthTypes.Timestamp_us, `"2026-01-02 03:04:05.000006Z"`, "TIMESTAMP 2026-01-02 03:04:05.000006"},
		{arrow.ListOf(text), `["a", "b"]`, "VARCHAR[] [a, b]"},
		{arrow.Null, `null`, `"NULL" NULL`},
	} {
		schema := arrow.NewSchema([]arrow.Field{{Name: "p", Type: x.dt, Nullable: true}, {Name: "q", Type: x.dt, Nullable: true}}, nil)
		row, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(fmt.Sprintf(`[{"p": %s, "q": %s}]`, x.value, x.value)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := bound(t.Context(), c, "select typeof(?) || ' ' || coalesce(cast(? as varchar), 'NULL')", row)
		if err != nil || got != x.want {
			t.Errorf("%s %s is %q, %v; want %q", x.dt, x.value, got, err, x.want)
		}
	}
}

// bound runs a prepared statement and returns its one value as text.
func bound(ctx context.Context, c *arrowsql.Client, sql string, row arrow.RecordBatch) (string, error) {
	st, err := c.Prepare(ctx, sql)
	if err != nil {
		return "", err
	}
	defer st.Close(ctx)
	st.SetParameters(row)
	info, err := st.Execute(ctx)
	if err != nil {
		return "", err
	}
	r, err := c.DoGet(ctx, info.GetEndpoint()[0].GetTicket())
	if err != nil {
		return "", err
	}
	defer r.Release()
	if !r.Next() {
		return "", r.Err()
	}
	return strings.Clone(r.RecordBatch().Column(0).ValueStr(0)), nil
}

// TestFlight_tables: each table is there, with the columns that are listed, of
// the types that are listed, and has comments for people.
func TestFlight_tables(t *testing.T) {
	_, c := serveQueries(t, duck.Limits{})
	info, err := c.GetTables(t.Context(), &arrowsql.GetTablesOpts{IncludeSchema: true})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.DoGet(t.Context(), info.GetEndpoint()[0].GetTicket())
	if err != nil || !r.Next() {
		t.Fatal(err)
	}
	defer r.Release()
	names, schemas := r.RecordBatch().Column(2).(*array.String), r.RecordBatch().Column(4).(*array.Binary)
	if names.Len() < 30 {
		t.Errorf("%d tables", names.Len())
	}
	type column struct{ Name, Arrow, Type string }
	columns := func(s *arrow.Schema) (list []column) {
		for _, f := range s.Fields() {
			name, _ := f.Metadata.GetValue(arrowsql.TypeNameKey)
			list = append(list, column{f.Name, f.Type.Name(), name})
		}
		return list
	}
	for i := range names.Len() {
		listed, err := flight.DeserializeSchema(schemas.Value(i), memory.DefaultAllocator)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.GetExecuteSchema(t.Context(), `select * from main."`+names.Value(i)+`"`)
		if err != nil {
			t.Errorf("%s: %v", names.Value(i), err)
			continue
		}
		schema, err := flight.DeserializeSchema(got.GetSchema(), memory.DefaultAllocator)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(columns(listed), columns(schema)); diff != "" {
			t.Errorf("%s: listed and got differ: %s", names.Value(i), diff)
		}
	}
}

// TestFlight_functions: those that clients are told of are there.
func TestFlight_functions(t *testing.T) {
	s, c := serveQueries(t, duck.Limits{})
	r, err := s.store.Query(t.Context(), "select distinct function_name from duckdb_functions()")
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	if err := rows.Scan(r, func(row rows.Row) { known = append(known, row.Text(0)) }); err != nil {
		t.Fatal(err)
	}
	syntax := []string{"coalesce", "extract", "if", "ifnull", "nullif", "position", "substr"} // words of the grammar, some of them
	asked := []arrowsql.SqlInfo{
		arrowsql.SqlInfoNumericFunctions, arrowsql.SqlInfoStringFunctions,
		arrowsql.SqlInfoSystemFunctions, arrowsql.SqlInfoDateTimeFunctions,
	}
	info, err := c.GetSqlInfo(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := c.DoGet(t.Context(), info.GetEndpoint()[0].GetTicket())
	if err != nil || !stream.Next() {
		t.Fatal(err)
	}
	defer stream.Release()
	told := 0
	lists := stream.RecordBatch().Column(1).(*array.DenseUnion).Field(4).(*array.List)
	for i := range lists.ListValues().Len() {
		name := lists.ListValues().ValueStr(i)
		told++
		if !slices.Contains(known, name) && !slices.Contains(syntax, name) {
			t.Errorf("there is no function %s", name)
		}
	}
	if lists.Len() != len(asked) || told < 80 {
		t.Errorf("%d lists, %d functions", lists.Len(), told)
	}
}

// TestFlight_attacks: what the store withstands, the server does: each attack is
// refused or bounded in words, and the next client is answered.
func TestFlight_attacks(t *testing.T) {
	limits := duck.Limits{Rows: 10_000, Bytes: 16 << 20, Time: time.Minute, Memory: 3 << 30}
	_, patient := serveQueries(t, limits)
	limits.Time = 100 * time.Millisecond
	_, hurried := serveQueries(t, limits)
	codeOf := map[hostile.Outcome]codes.Code{
		hostile.Refused: codes.InvalidArgument, hostile.Bounded: codes.ResourceExhausted, hostile.Harmless: codes.OK,
	}
	for _, a := range hostile.Attacks() {
		t.Run(strings.ReplaceAll(a.Category+"/"+a.Name, " ", "_"), func(t *testing.T) {
			if !utf8.ValidString(a.SQL) {
				t.Skip("no message holds it")
			}
			c := patient
			if a.Want == hostile.Bounded && strings.Contains(a.By, hostile.ByTime) {
				c = hurried
			}
			want, err := codeOf[a.Want], send(t.Context(), c, a.SQL, a.Args)
			said := strings.Contains(fmt.Sprint(err), a.By)
			if a.Want == hostile.Bounded && a.By == "boom" { // it fails by itself
				want = codes.InvalidArgument
			}
			// The server counts parameters itself.
			if status.Code(err) != want || a.Want == hostile.Refused && !said && a.By != "bind parameters" {
				t.Errorf("%s\n  it gave %v\n  want %s: %s", a.Text(), err, a.Want, a.By)
			}
			if n, err := ask(t.Context(), patient, "select count(*) from kms_events"); n != 1 || err != nil {
				t.Errorf("after it: %d rows, %v", n, err)
			}
		})
	}
}

// send runs a statement with its arguments and returns how it ended.
func send(ctx context.Context, c *arrowsql.Client, sql string, args []any) error {
	if len(args) == 0 {
		_, err := ask(ctx, c, sql)
		return err
	}
	st, err := c.Prepare(ctx, sql)
	if err != nil {
		return err
	}
	defer st.Close(ctx)
	var fields []arrow.Field
	var columns []arrow.Array
	for _, arg := range args {
		switch v := arg.(type) {
		case string:
			b := array.NewStringBuilder(memory.DefaultAllocator)
			b.Append(v)
			columns = append(columns, b.NewArray())
		case int64:
			b := array.NewInt64Builder(memory.DefaultAllocator)
			b.Append(v)
			columns = append(columns, b.NewArray())
		default:
			return fmt.Errorf("an attack with a %T", arg)
		}
		fields = append(fields, arrow.Field{Name: "p", Type: columns[len(columns)-1].DataType()})
	}
	st.SetParameters(array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, 1))
	info, err := st.Execute(ctx)
	if err != nil {
		return err
	}
	r, err := c.DoGet(ctx, info.GetEndpoint()[0].GetTicket())
	if err != nil {
		return err
	}
	_, err = drain(r)
	return err
}
