//go:build duckdb_arrow

package duck

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	bindings "github.com/duckdb/duckdb-go-bindings"
)

// TypeKey is the key in an Arrow field's metadata that holds the name of the
// column's DuckDB type, such as UUID, JSON or MAP(VARCHAR, VARCHAR). Arrow's own
// type does not tell a UUID or JSON from text. It is the key of Flight SQL, so
// that its clients show the type too.
const TypeKey = "ARROW:FLIGHT:SQL:TYPE_NAME"

// ColumnInfo describes a column of a query's result.
type ColumnInfo struct {
	Name string
	// Type is the DuckDB type, as SQL spells it.
	Type string
	// Arrow is the type of the column in record batches.
	Arrow arrow.DataType
}

// arrowSchema returns the Arrow schema of a result with these columns, each
// field annotated with its DuckDB type.
func arrowSchema(options bindings.ArrowOptions, names []string, types []bindings.LogicalType) (*arrow.Schema, error) {
	plain, data := bindings.NewArrowSchema(options, types, names)
	if err := dataError(data); err != nil {
		return nil, fmt.Errorf("convert result schema to Arrow: %w", err)
	}
	fields := plain.Fields()
	for i := range fields {
		fields[i].Metadata = withType(fields[i].Metadata, typeName(types[i]))
	}
	return arrow.NewSchema(fields, nil), nil
}

func withType(m arrow.Metadata, name string) arrow.Metadata {
	keys := append([]string{TypeKey}, m.Keys()...)
	values := append([]string{name}, m.Values()...)
	return arrow.NewMetadata(keys, values)
}

func destroyTypes(types []bindings.LogicalType) {
	for i := range types {
		bindings.DestroyLogicalType(&types[i])
	}
}

// typeName spells a type as SQL does.
func typeName(t bindings.LogicalType) string {
	if alias := bindings.LogicalTypeGetAlias(t); alias != "" {
		return alias
	}
	id := bindings.GetTypeId(t)
	switch id {
	case bindings.TypeDecimal:
		return fmt.Sprintf("DECIMAL(%d,%d)", bindings.DecimalWidth(t), bindings.DecimalScale(t))
	case bindings.TypeList:
		return childName(bindings.ListTypeChildType(t)) + "[]"
	case bindings.TypeArray:
		return fmt.Sprintf("%s[%d]", childName(bindings.ArrayTypeChildType(t)), uint64(bindings.ArrayTypeArraySize(t)))
	case bindings.TypeMap:
		return "MAP(" + childName(bindings.MapTypeKeyType(t)) + ", " + childName(bindings.MapTypeValueType(t)) + ")"
	case bindings.TypeStruct:
		return structName(t)
	}
	return scalarName(id)
}

func childName(t bindings.LogicalType) string {
	defer bindings.DestroyLogicalType(&t)
	return typeName(t)
}

func structName(t bindings.LogicalType) string {
	var b strings.Builder
	b.WriteString("STRUCT(")
	for i := range bindings.StructTypeChildCount(t) {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(bindings.StructTypeChildName(t, i) + " " + childName(bindings.StructTypeChildType(t, i)))
	}
	return b.String() + ")"
}

func scalarName(id bindings.Type) string {
	switch id {
	case bindings.TypeBoolean:
		return "BOOLEAN"
	case bindings.TypeTinyInt:
		return "TINYINT"
	case bindings.TypeSmallInt:
		return "SMALLINT"
	case bindings.TypeInteger, bindings.TypeSQLNull:
		return "INTEGER"
	case bindings.TypeBigInt:
		return "BIGINT"
	case bindings.TypeUTinyInt:
		return "UTINYINT"
	case bindings.TypeUSmallInt:
		return "USMALLINT"
	case bindings.TypeUInteger:
		return "UINTEGER"
	case bindings.TypeUBigInt:
		return "UBIGINT"
	case bindings.TypeHugeInt:
		return "HUGEINT"
	case bindings.TypeUHugeInt:
		return "UHUGEINT"
	case bindings.TypeFloat:
		return "FLOAT"
	case bindings.TypeDouble:
		return "DOUBLE"
	}
	return otherName(id)
}

func otherName(id bindings.Type) string {
	switch id {
	case bindings.TypeTimestamp:
		return "TIMESTAMP"
	case bindings.TypeTimestampS:
		return "TIMESTAMP_S"
	case bindings.TypeTimestampMS:
		return "TIMESTAMP_MS"
	case bindings.TypeTimestampNS:
		return "TIMESTAMP_NS"
	case bindings.TypeTimestampTZ:
		return "TIMESTAMP WITH TIME ZONE"
	case bindings.TypeDate:
		return "DATE"
	case bindings.TypeTime:
		return "TIME"
	case bindings.TypeTimeTZ:
		return "TIME WITH TIME ZONE"
	case bindings.TypeInterval:
		return "INTERVAL"
	case bindings.TypeVarchar:
		return "VARCHAR"
	case bindings.TypeBlob:
		return "BLOB"
	case bindings.TypeUUID:
		return "UUID"
	case bindings.TypeEnum:
		return "ENUM"
	case bindings.TypeUnion:
		return "UNION"
	case bindings.TypeBit:
		return "BIT"
	}
	return "OTHER"
}
