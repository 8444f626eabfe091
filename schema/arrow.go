package schema

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/extensions"
)

// Arrow returns the table's Arrow schema, its fields in column order.
func (t *Table) Arrow() *arrow.Schema {
	fields := make([]arrow.Field, len(t.Columns))
	for i, c := range t.Columns {
		fields[i] = arrow.Field{Name: c.Name, Type: c.Type.Arrow(), Nullable: !c.NotNull}
	}
	return arrow.NewSchema(fields, nil)
}

// Arrow returns the Arrow type that DuckDB and Parquet map to t.
func (t Type) Arrow() arrow.DataType {
	switch t {
	case UUID:
		return extensions.NewUUIDType()
	case Timestamp:
		return &arrow.TimestampType{Unit: arrow.Microsecond}
	case Date:
		return arrow.FixedWidthTypes.Date32
	case Bigint:
		return arrow.PrimitiveTypes.Int64
	case Integer:
		return arrow.PrimitiveTypes.Int32
	case Double:
		return arrow.PrimitiveTypes.Float64
	case Boolean:
		return arrow.FixedWidthTypes.Boolean
	case StringMap:
		return arrow.MapOf(arrow.BinaryTypes.String, arrow.BinaryTypes.String)
	case StringSet:
		return arrow.ListOf(arrow.BinaryTypes.String)
	default:
		return arrow.BinaryTypes.String
	}
}

// SQL returns the type's name in DuckDB.
func (t Type) SQL() string {
	switch t {
	case UUID:
		return "UUID"
	case Timestamp:
		return "TIMESTAMP"
	case Date:
		return "DATE"
	case Bigint:
		return "BIGINT"
	case Integer:
		return "INTEGER"
	case Double:
		return "DOUBLE"
	case Boolean:
		return "BOOLEAN"
	case StringMap:
		return "MAP(VARCHAR, VARCHAR)"
	case StringSet:
		return "VARCHAR[]"
	default:
		return "VARCHAR"
	}
}
