package flightsql

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	arrowsql "github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kmstrail/kmstrail/schema"
)

func ptr[T any](v T) *T { return &v }

// listed returns the rows of a call for metadata.
func listed(t *testing.T, c *arrowsql.Client, info *flight.FlightInfo, err error) []string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := fetch(as(t, "anna"), c, info)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestMetadata(t *testing.T) {
	s := serve(t, nil)
	c, ctx := s.client(t), as(t, "anna")
	expect := func(what string, info *flight.FlightInfo, err error, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, listed(t, c, info, err)); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	info, err := c.GetCatalogs(ctx)
	expect("catalogs", info, err, "kmstrail")
	for pattern, want := range map[string][]string{"": nil, "%": {"kmstrail main"}, "m__n": {"kmstrail main"}, "MAIN": {"kmstrail main"}, "x%": nil} {
		info, err = c.GetDBSchemas(ctx, &arrowsql.GetDBSchemasOpts{DbSchemaFilterPattern: &pattern})
		expect("schemas like "+pattern, info, err, want...)
	}
	info, err = c.GetDBSchemas(ctx, &arrowsql.GetDBSchemasOpts{Catalog: ptr("other")})
	expect("schemas of another catalog", info, err)
	info, err = c.GetTableTypes(ctx)
	expect("table types", info, err, "TABLE", "VIEW")

	const events, calls = "kmstrail main kms_events TABLE", "kmstrail main kms_calls VIEW"
	for name, x := range map[string]struct {
		opts *arrowsql.GetTablesOpts
		want []string
	}{
		"pattern":        {&arrowsql.GetTablesOpts{TableNameFilterPattern: ptr("kms%")}, []string{calls, events}},
		"underscore":     {&arrowsql.GetTablesOpts{TableNameFilterPattern: ptr("kms_e_ents")}, []string{events}},
		"escaped":        {&arrowsql.GetTablesOpts{TableNameFilterPattern: ptr(`kms\_events`)}, []string{events}},
		"escaped_wrong":  {&arrowsql.GetTablesOpts{TableNameFilterPattern: ptr(`kms\%`)}, nil},
		"no_regexp":      {&arrowsql.GetTablesOpts{TableNameFilterPattern: ptr("kms.*")}, nil},
		"upper_case":     {&arrowsql.GetTablesOpts{TableNameFilterPattern: ptr("KMS_EVENTS")}, []string{events}},
		"tables":         {&arrowsql.GetTablesOpts{TableNameFilterPattern: ptr("kms%"), TableTypes: []string{"TABLE"}}, []string{events}},
		"views":          {&arrowsql.GetTablesOpts{TableNameFilterPattern: ptr("kms%"), TableTypes: []string{"VIEW", "OTHER"}}, []string{calls}},
		"other_type":     {&arrowsql.GetTablesOpts{TableTypes: []string{"SYSTEM TABLE"}}, nil},
		"catalog":        {&arrowsql.GetTablesOpts{TableNameFilterPattern: ptr("kms_events"), Catalog: ptr("kmstrail"), DbSchemaFilterPattern: ptr("main")}, []string{events}},
		"no_catalog":     {&arrowsql.GetTablesOpts{Catalog: ptr("")}, nil},
		"other_schema":   {&arrowsql.GetTablesOpts{DbSchemaFilterPattern: ptr("public")}, nil},
		"empty_pattern":  {&arrowsql.GetTablesOpts{TableNameFilterPattern: ptr("")}, nil},
		"trailing_slash": {&arrowsql.GetTablesOpts{TableNameFilterPattern: ptr(`kms\`)}, nil},
	} {
		info, err := c.GetTables(ctx, x.opts)
		expect(name, info, err, x.want...)
	}
	info, err = c.GetTables(ctx, &arrowsql.GetTablesOpts{})
	if n, want := len(listed(t, c, info, err)), len(schema.Tables())+len(schema.Views()); n != want {
		t.Errorf("%d tables and views, want %d", n, want)
	}

	table := arrowsql.TableRef{Table: "kms_events"}
	info, err = c.GetPrimaryKeys(ctx, table)
	expect("primary keys", info, err)
	info, err = c.GetImportedKeys(ctx, table)
	expect("imported keys", info, err)
	info, err = c.GetExportedKeys(ctx, table)
	expect("exported keys", info, err)
	info, err = c.GetCrossReference(ctx, table, table)
	expect("cross reference", info, err)
}

// TestTableSchema: what tools show of columns.
func TestTableSchema(t *testing.T) {
	s := serve(t, func(o *Options) { o.Catalog = "store" })
	c, ctx := s.client(t), as(t, "anna")
	info, err := c.GetTables(ctx, &arrowsql.GetTablesOpts{IncludeSchema: true, TableNameFilterPattern: ptr("kms_events")})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.DoGet(ctx, info.GetEndpoint()[0].GetTicket())
	if err != nil || !r.Next() {
		t.Fatal(err)
	}
	defer r.Release()
	got, err := flight.DeserializeSchema(r.RecordBatch().Column(4).(*array.Binary).Value(0), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.NumFields() != len(schema.KMSEvents.Columns) {
		t.Errorf("%d columns", got.NumFields())
	}
	f, _ := got.FieldsByName("event_id")
	about := arrowsql.ColumnMetadata{Data: &f[0].Metadata}
	catalog, _ := about.CatalogName()
	table, _ := about.TableName()
	typeName, _ := about.TypeName()
	remarks, _ := about.Remarks()
	readOnly, _ := about.IsReadOnly()
	want := []any{arrow.BinaryTypes.String.String(), false, "store", "kms_events", "UUID", "Identity of the record; records are de-duplicated by it.", true}
	if diff := cmp.Diff(want, []any{f[0].Type.String(), f[0].Nullable, catalog, table, typeName, remarks, readOnly}); diff != "" {
		t.Error(diff)
	}
}

func TestSqlInfo(t *testing.T) {
	s := serve(t, nil)
	c, ctx := s.client(t), as(t, "anna")
	info, err := c.GetSqlInfo(ctx, nil)
	all := listed(t, c, info, err)
	if len(all) < 85 || !strings.HasPrefix(all[0], "0 ") || !strings.Contains(all[0], "kmstrail") || !slices.ContainsFunc(all, func(s string) bool { return strings.HasPrefix(s, "576 ") }) {
		t.Errorf("%d infos, the first is %s", len(all), all[0])
	}
	readOnly, unknown := arrowsql.SqlInfoFlightSqlServerReadOnly, arrowsql.SqlInfo(60000)
	for want, asked := range map[int][]arrowsql.SqlInfo{1: {readOnly, unknown}, 0: {unknown}} {
		info, err := c.GetSqlInfo(ctx, asked)
		if rows := listed(t, c, info, err); len(rows) != want {
			t.Errorf("%v gives %v", asked, rows)
		} else if want == 1 && !strings.Contains(rows[0], "true") {
			t.Errorf("read-only: %s", rows[0])
		}
	}
}

func TestTypeInfo(t *testing.T) {
	s := serve(t, nil)
	c, ctx := s.client(t), as(t, "anna")
	info, err := c.GetXdbcTypeInfo(ctx, nil)
	all := listed(t, c, info, err)
	if len(all) != len(sqlTypes) {
		t.Errorf("%d types", len(all))
	}
	info, err = c.GetXdbcTypeInfo(ctx, ptr(int32(93)))
	want := []string{
		"TIMESTAMP 93 26 ' ' (null) 1 false 3 (null) false false TIMESTAMP 0 6 93 3 (null) (null)",
		"TIMESTAMP WITH TIME ZONE 93 32 ' ' (null) 1 false 3 (null) false false TIMESTAMP WITH TIME ZONE 0 6 93 3 (null) (null)",
	}
	if diff := cmp.Diff(want, listed(t, c, info, err)); diff != "" {
		t.Error(diff)
	}
	// Every type that a column of ours has.
	for _, table := range tables() {
		for _, column := range table.columns {
			if !slices.ContainsFunc(sqlTypes, func(x sqlType) bool { return x.name == column.Type.SQL() }) {
				t.Errorf("%s.%s has type %s, of which nothing is told", table.name, column.Name, column.Type.SQL())
			}
		}
	}
}

// TestRefused: everything that is not here says so in words.
func TestRefused(t *testing.T) {
	s := serve(t, nil)
	c, ctx := s.client(t), as(t, "anna")
	const readOnly = "this server is read-only"
	for name, x := range map[string]struct {
		call func() error
		want string
	}{
		"update": {func() error { _, err := c.ExecuteUpdate(ctx, "delete"); return err }, readOnly},
		"prepared_update": {func() error {
			st, err := c.Prepare(ctx, "count 1")
			if err != nil {
				return err
			}
			_, err = st.ExecuteUpdate(ctx)
			return err
		}, readOnly},
		"ingest": {func() error {
			rows, err := array.NewRecordReader(texts, []arrow.RecordBatch{textBatch("x")})
			if err != nil {
				return err
			}
			_, err = c.ExecuteIngest(ctx, rows, &arrowsql.ExecuteIngestOpts{Table: "t", TableDefinitionOptions: &arrowsql.TableDefinitionOptions{}})
			return err
		}, readOnly},
		"transaction": {func() error { _, err := c.BeginTransaction(ctx); return err }, "there are no transactions"},
		"substrait":   {func() error { _, err := c.ExecuteSubstrait(ctx, arrowsql.SubstraitPlan{}); return err }, "Substrait plans are not supported"},
		"poll":        {func() error { _, err := c.ExecutePoll(ctx, "count 1", nil); return err }, "there is nothing to poll for"},
	} {
		if err := x.call(); status.Code(err) != codes.Unimplemented || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSession: options say what is so anyway.
func TestSession(t *testing.T) {
	s := serve(t, nil)
	c, ctx := s.client(t), as(t, "anna")
	options, err := flight.NewSessionOptionValues(map[string]any{"catalog": "kmstrail", "schema": "other", "color": "blue"})
	if err != nil {
		t.Fatal(err)
	}
	set, err := c.SetSessionOptions(ctx, &flight.SetSessionOptionsRequest{SessionOptions: options})
	if err != nil || len(set.GetErrors()) != 2 || set.GetErrors()["schema"].GetValue() != flight.SetSessionOptionsResultErrorInvalidValue {
		t.Errorf("%v, %v", set, err)
	}
	got, err := c.GetSessionOptions(ctx, &flight.GetSessionOptionsRequest{})
	if err != nil || got.GetSessionOptions()["schema"].GetStringValue() != "main" {
		t.Errorf("%v, %v", got, err)
	}
	closed, err := c.CloseSession(ctx, &flight.CloseSessionRequest{})
	if err != nil || closed.GetStatus() != flight.CloseSessionResultClosed {
		t.Errorf("%v, %v", closed, err)
	}
}

// TestListActions: everything listed is there.
func TestListActions(t *testing.T) {
	s := serve(t, nil)
	c, ctx := s.client(t), as(t, "anna")
	stream, err := c.Client.ListActions(ctx, &flight.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	listed := 0
	for {
		a, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		listed++
		if a.GetDescription() == "" {
			t.Errorf("%s says nothing", a.GetType())
		}
		if code := actionCode(ctx, t, c, a.GetType()); code == codes.Unimplemented || code == codes.Internal {
			t.Errorf("%s: %s", a.GetType(), code)
		}
	}
	if listed != len(actions) {
		t.Errorf("%d actions", listed)
	}
}

func actionCode(ctx context.Context, t *testing.T, c *arrowsql.Client, name string) codes.Code {
	t.Helper()
	stream, err := c.Client.DoAction(ctx, &flight.Action{Type: name})
	if err == nil {
		_, err = stream.Recv()
	}
	return status.Code(err)
}
