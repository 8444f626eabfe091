package flightsql

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	arrowsql "github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql/schema_ref"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/kmstrail/kmstrail/schema"
)

const (
	// schemaName is the one schema of the one catalog.
	schemaName = "main"
	typeTable  = "TABLE"
	typeView   = "VIEW"
)

// table is a table or view as clients see it.
type table struct {
	name, kind, doc string
	columns         []schema.Column
}

// tables lists them by name.
var tables = sync.OnceValue(func() []table {
	var out []table
	for _, t := range schema.Tables() {
		out = append(out, table{t.Name, typeTable, t.Doc, t.Columns})
	}
	for _, v := range schema.Views() {
		out = append(out, table{v.Name, typeView, v.Doc, v.Columns})
	}
	slices.SortFunc(out, func(a, b table) int { return cmp.Compare(a.name, b.name) })
	return out
})

// arrow is the schema of the table, as a query for all of its columns gives it,
// with what tools show beside it.
func (t table) arrow(catalog string) *arrow.Schema {
	fields := make([]arrow.Field, len(t.columns))
	for i, c := range t.columns {
		b := arrowsql.NewColumnMetadataBuilder().
			CatalogName(catalog).SchemaName(schemaName).TableName(t.name).
			TypeName(c.Type.SQL()).Remarks(c.Doc).
			IsReadOnly(true).IsAutoIncrement(false).IsCaseSensitive(true).IsSearchable(true)
		if p := precision(c.Type); p > 0 {
			b.Precision(p).Scale(0)
		}
		fields[i] = arrow.Field{Name: c.Name, Type: sent(c.Type), Nullable: !c.NotNull, Metadata: b.Metadata()}
	}
	about := arrow.NewMetadata([]string{arrowsql.RemarksKey}, []string{t.doc})
	return arrow.NewSchema(fields, &about)
}

// sent is the type that a column has in a result: that of [schema.Type], but
// for UUIDs, which come as text.
func sent(t schema.Type) arrow.DataType {
	if t == schema.UUID {
		return arrow.BinaryTypes.String
	}
	return t.Arrow()
}

func precision(t schema.Type) int32 {
	switch t {
	case schema.Bigint:
		return 19
	case schema.Integer:
		return 10
	case schema.Double:
		return 15
	}
	return 0
}

// like returns what a pattern of the protocol matches: % stands for any text, _
// for one character, a backslash before one for itself. Names have no case.
func like(pattern *string) func(string) bool {
	if pattern == nil {
		return func(string) bool { return true }
	}
	var b strings.Builder
	b.WriteString(`(?is)^`)
	escaped := false
	for _, r := range *pattern {
		switch {
		case escaped:
			b.WriteString(regexp.QuoteMeta(string(r)))
			escaped = false
		case r == '\\':
			escaped = true
		case r == '%':
			b.WriteString(".*")
		case r == '_':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	b.WriteString("$")
	return regexp.MustCompile(b.String()).MatchString
}

// inCatalog reports whether a filter, which is no pattern, lets our catalog in.
func (h *handler) inCatalog(filter *string) bool { return filter == nil || *filter == h.catalog }

// metadataInfo is what GetFlightInfo answers where the command itself is the
// ticket.
func metadataInfo(desc *flight.FlightDescriptor, schema *arrow.Schema) *flight.FlightInfo {
	return &flight.FlightInfo{
		Schema:           serialized(schema),
		FlightDescriptor: desc,
		// No location: where this came from.
		Endpoint:     []*flight.FlightEndpoint{{Ticket: &flight.Ticket{Ticket: desc.GetCmd()}}},
		TotalRecords: -1,
		TotalBytes:   -1,
	}
}

// answer is a stream of what fill puts into one batch.
func answer(schema *arrow.Schema, fill func(*array.RecordBuilder)) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	fill(b)
	out := make(chan flight.StreamChunk, 1)
	out <- flight.StreamChunk{Data: b.NewRecordBatch()}
	close(out)
	return schema, out, nil
}

// addText appends to the first columns, which are text.
func addText(b *array.RecordBuilder, values ...string) {
	for i, v := range values {
		b.Field(i).(*array.StringBuilder).Append(v)
	}
}

func (h *handler) GetFlightInfoCatalogs(_ context.Context, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return metadataInfo(desc, schema_ref.Catalogs), nil
}

func (h *handler) DoGetCatalogs(context.Context) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	return answer(schema_ref.Catalogs, func(b *array.RecordBuilder) { addText(b, h.catalog) })
}

func (h *handler) GetFlightInfoSchemas(_ context.Context, _ arrowsql.GetDBSchemas, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return metadataInfo(desc, schema_ref.DBSchemas), nil
}

func (h *handler) DoGetDBSchemas(_ context.Context, cmd arrowsql.GetDBSchemas) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	return answer(schema_ref.DBSchemas, func(b *array.RecordBuilder) {
		if h.inCatalog(cmd.GetCatalog()) && like(cmd.GetDBSchemaFilterPattern())(schemaName) {
			addText(b, h.catalog, schemaName)
		}
	})
}

func tablesSchema(cmd arrowsql.GetTables) *arrow.Schema {
	if cmd.GetIncludeSchema() {
		return schema_ref.TablesWithIncludedSchema
	}
	return schema_ref.Tables
}

func (h *handler) GetFlightInfoTables(_ context.Context, cmd arrowsql.GetTables, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return metadataInfo(desc, tablesSchema(cmd)), nil
}

func (h *handler) DoGetTables(_ context.Context, cmd arrowsql.GetTables) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	named := like(cmd.GetTableNameFilterPattern())
	types := cmd.GetTableTypes()
	return answer(tablesSchema(cmd), func(b *array.RecordBuilder) {
		if !h.inCatalog(cmd.GetCatalog()) || !like(cmd.GetDBSchemaFilterPattern())(schemaName) {
			return
		}
		for _, t := range tables() {
			if !named(t.name) || len(types) > 0 && !slices.Contains(types, t.kind) {
				continue
			}
			addText(b, h.catalog, schemaName, t.name, t.kind)
			if cmd.GetIncludeSchema() {
				b.Field(4).(*array.BinaryBuilder).Append(serialized(t.arrow(h.catalog)))
			}
		}
	})
}

func (h *handler) GetFlightInfoTableTypes(_ context.Context, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return metadataInfo(desc, schema_ref.TableTypes), nil
}

func (h *handler) DoGetTableTypes(context.Context) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	return answer(schema_ref.TableTypes, func(b *array.RecordBuilder) {
		addText(b, typeTable)
		addText(b, typeView)
	})
}

// No table has a key that the store enforces.

func none(*array.RecordBuilder) {}

func (h *handler) GetFlightInfoPrimaryKeys(_ context.Context, _ arrowsql.TableRef, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return metadataInfo(desc, schema_ref.PrimaryKeys), nil
}

func (h *handler) DoGetPrimaryKeys(context.Context, arrowsql.TableRef) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	return answer(schema_ref.PrimaryKeys, none)
}

func (h *handler) GetFlightInfoExportedKeys(_ context.Context, _ arrowsql.TableRef, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return metadataInfo(desc, schema_ref.ExportedKeys), nil
}

func (h *handler) DoGetExportedKeys(context.Context, arrowsql.TableRef) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	return answer(schema_ref.ExportedKeys, none)
}

func (h *handler) GetFlightInfoImportedKeys(_ context.Context, _ arrowsql.TableRef, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return metadataInfo(desc, schema_ref.ImportedKeys), nil
}

func (h *handler) DoGetImportedKeys(context.Context, arrowsql.TableRef) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	return answer(schema_ref.ImportedKeys, none)
}

func (h *handler) GetFlightInfoCrossReference(_ context.Context, _ arrowsql.CrossTableRef, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return metadataInfo(desc, schema_ref.CrossReference), nil
}

func (h *handler) DoGetCrossReference(context.Context, arrowsql.CrossTableRef) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	return answer(schema_ref.CrossReference, none)
}
