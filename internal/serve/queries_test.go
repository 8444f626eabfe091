package serve

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"google.golang.org/grpc/codes"

	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/flightclient"
	"github.com/kmstrail/kmstrail/queries"
)

// TestNamedQueries: every named query is listed and can be asked for by a client
// without DuckDB; what it gets runs as a stranger's SQL does, and a value is
// never more than a value.
func TestNamedQueries(t *testing.T) {
	server, _ := serveQueries(t, duck.Limits{})
	c, err := flightclient.New(flightclient.Options{Address: server.address, Token: "of a test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	listed, err := c.NamedQueries(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	builtin, err := queries.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, q := range listed {
		ids = append(ids, q.ID)
	}
	if want := queries.IDs(builtin); !slices.Equal(ids, want) {
		t.Errorf("listed %v, want %v", ids, want)
	}
	to := time.Date(2026, 10, 31, 12, 30, 0, 123456000, time.FixedZone("", 5*3600))
	for _, q := range listed {
		for kind, given := range map[string]map[string]string{"defaults": required(q), "hostile": hostileValues(q)} {
			t.Run(q.ID+" "+kind, func(t *testing.T) {
				sql, err := c.BindNamedQuery(t.Context(), q.ID, given, to.AddDate(0, 0, -30), to)
				if err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(sql, "'2026-10-31 07:30:00.123456'") {
					t.Errorf("the window's end, in UTC, is not in\n%s", sql)
				}
				r, err := c.Query(t.Context(), sql)
				if err != nil {
					t.Fatal(err)
				}
				checkColumns(t, q, r)
			})
		}
	}
}

// checkColumns reads a result of no rows.
func checkColumns(t *testing.T, q flightclient.NamedQuery, r array.RecordReader) {
	t.Helper()
	defer r.Release()
	for r.Next() {
		if n := r.RecordBatch().NumRows(); n > 0 {
			t.Errorf("%d rows of an empty store", n)
		}
	}
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	var got, want []string
	for _, f := range r.Schema().Fields() {
		got = append(got, f.Name)
	}
	for _, c := range q.Columns {
		want = append(want, c.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("columns %v, want %v", got, want)
	}
}

// required gives the parameters that have no default.
func required(q flightclient.NamedQuery) map[string]string {
	given := map[string]string{}
	for _, p := range q.Params {
		if p.Required {
			given[p.Name] = "111122223333"
		}
	}
	return given
}

// hostileValues gives every text something that would end its literal.
func hostileValues(q flightclient.NamedQuery) map[string]string {
	given := required(q)
	for _, p := range q.Params {
		if p.Type == "varchar" {
			given[p.Name] = `'); select * from read_csv('/etc/passwd') -- \' $1 ? /*`
		}
	}
	return given
}

func TestNamedQueries_errors(t *testing.T) {
	server, _ := serveQueries(t, duck.Limits{})
	c, err := flightclient.New(flightclient.Options{Address: server.address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	to := time.Date(2026, 10, 31, 0, 0, 0, 0, time.UTC)
	from := to.AddDate(0, 0, -1)
	for name, want := range map[string]struct {
		id       string
		params   map[string]string
		from, to time.Time
		code     codes.Code
		text     string
	}{
		"unknown query":     {"key_user", nil, from, to, codes.NotFound, `there is no query "key_user"; did you mean "key_users"?`},
		"unknown parameter": {"key_users", map[string]string{"key_arm": "x"}, from, to, codes.InvalidArgument, `there is no parameter "key_arm"; did you mean "key_arn"?`},
		"wrong type":        {"event_lookup", map[string]string{"max_rows": "1; drop table x"}, from, to, codes.InvalidArgument, `parameter "max_rows": "1; drop table x" is not a whole number`},
		"empty window":      {"key_users", nil, to, to, codes.InvalidArgument, "the window is empty"},
	} {
		_, err := c.BindNamedQuery(t.Context(), want.id, want.params, want.from, want.to)
		said, ok := errors.AsType[*flightclient.Error](err)
		if !ok || said.Code != want.code || !strings.Contains(said.Message, want.text) {
			t.Errorf("%s: got %v, want %s with %q", name, err, want.code, want.text)
		}
	}
}

// TestFlightClient: what a server says of itself, and of a statement.
func TestFlightClient(t *testing.T) {
	server, _ := serveQueries(t, duck.Limits{})
	c, err := flightclient.New(flightclient.Options{Address: server.address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if info, err := c.Server(t.Context()); err != nil || info.Name != "kmstrail" {
		t.Errorf("got %+v, %v", info, err)
	}
	tables, err := c.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(tables, func(t flightclient.Table) bool { return t.Name == "keys" })
	if i < 0 || tables[i].Kind != "view" || tables[i].Doc == "" || tables[i].Columns[0] != (flightclient.Column{Name: "key_arn", Type: "VARCHAR", Doc: "The key."}) {
		t.Errorf("the table keys is at %d of\n%+v", i, tables)
	}
	schema, err := c.Describe(t.Context(), "select 1 as one, 'b' as two")
	if err != nil {
		t.Fatal(err)
	}
	if got := []string{schema.Field(0).Name, schema.Field(1).Name}; !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("columns %v", got)
	}
	for sql, want := range map[string][2]int{
		"select key_arn,\n  foo from keys":           {2, 3},
		"selec 1":                                    {1, 1},
		"select key_arn\nfrom keys\nwhere (1":        {3, 9},
		"select 1,\n nope(1)":                        {2, 2},
		"select 'é', region\nfrom   nope":            {2, 8},
		"explain\nselect * from keys, nope":          {2, 21},
		"select read_text('x') from keys":            {1, 8},
		"select region from keys where region ===1 ": {1, 38},
	} {
		_, err := c.Describe(t.Context(), sql)
		said, ok := errors.AsType[*flightclient.Error](err)
		if !ok || said.Code != codes.InvalidArgument {
			t.Errorf("%s: got %v", sql, err)
			continue
		}
		if line, column, ok := said.Position(sql); !ok || [2]int{line, column} != want {
			t.Errorf("%s: points at %d:%d %v, want %v: %v", sql, line, column, ok, want, err)
		}
	}
}

func TestDescribe_namesEveryParameter(t *testing.T) {
	builtin, err := queries.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range builtin {
		d := describe(q)
		if len(d.Params) != len(q.Params) {
			t.Errorf("%s: %d parameters, want %d", q.ID, len(d.Params), len(q.Params))
		}
		for _, p := range d.Params {
			if want := q.Params[p.Name]; p.Type != want.Type || p.Doc != want.Doc || (p.Default == nil) != (want.Default == nil) {
				t.Errorf("%s: got %+v, want %+v", q.ID, p, want)
			}
		}
	}
}
