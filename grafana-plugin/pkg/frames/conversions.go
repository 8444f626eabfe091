package frames

import (
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// Conversion says what becomes of a type.
type Conversion struct {
	// SQL is the type's name in DuckDB, Arrow the type on the wire, Field the
	// type of Grafana's field.
	SQL, Arrow, Field string
	// Note says what is not self-evident.
	Note string
}

// documented are the types as kmstrail serve sends them. The tests compare
// them with a result of a server that has them all.
var documented = []struct {
	sql  string
	wire arrow.DataType
	note string
}{
	{"BOOLEAN", arrow.FixedWidthTypes.Boolean, ""},
	{"TINYINT", arrow.PrimitiveTypes.Int8, ""},
	{"SMALLINT", arrow.PrimitiveTypes.Int16, ""},
	{"INTEGER", arrow.PrimitiveTypes.Int32, ""},
	{"BIGINT", arrow.PrimitiveTypes.Int64, noteDigits},
	{"UTINYINT", arrow.PrimitiveTypes.Uint8, ""},
	{"USMALLINT", arrow.PrimitiveTypes.Uint16, ""},
	{"UINTEGER", arrow.PrimitiveTypes.Uint32, ""},
	{"UBIGINT", arrow.PrimitiveTypes.Uint64, noteDigits},
	{"HUGEINT", decimalType(38, 0), "Sums of BIGINT are such. " + noteDigits},
	{"UHUGEINT", decimalType(38, 0), noteDigits},
	{"DECIMAL(4,1)", decimalType(4, 1), "Like DECIMAL of any other size. With more than 15 digits the nearest number, and a notice."},
	{"FLOAT", arrow.PrimitiveTypes.Float32, "NaN and infinity included."},
	{"DOUBLE", arrow.PrimitiveTypes.Float64, "NaN and infinity included."},
	{"VARCHAR", arrow.BinaryTypes.String, "Control characters and those that turn the direction of reading become visible signs. After 64 KiB a value is cut, with a notice."},
	{"ENUM", arrow.BinaryTypes.String, ""},
	{"UUID", arrow.BinaryTypes.String, ""},
	{"BLOB", arrow.BinaryTypes.Binary, "Hexadecimal digits."},
	{"BIT", arrow.BinaryTypes.Binary, "Zeros and ones."},
	{"DATE", arrow.FixedWidthTypes.Date32, "Midnight, UTC. " + noteTimes},
	{"TIME", arrow.FixedWidthTypes.Time64us, "Text, 12:34:56.789: Grafana has no time of day."},
	{"TIME WITH TIME ZONE", arrow.FixedWidthTypes.Time64us, "Text; the server does not send the offset."},
	{"TIMESTAMP_S", &arrow.TimestampType{Unit: arrow.Second}, "UTC. " + noteTimes},
	{"TIMESTAMP_MS", &arrow.TimestampType{Unit: arrow.Millisecond}, "UTC. " + noteTimes},
	{"TIMESTAMP", &arrow.TimestampType{Unit: arrow.Microsecond}, "UTC. " + noteTimes},
	{"TIMESTAMP_NS", &arrow.TimestampType{Unit: arrow.Nanosecond}, "UTC."},
	{"TIMESTAMP WITH TIME ZONE", arrow.FixedWidthTypes.Timestamp_us, "The same moment. " + noteTimes},
	{"INTERVAL", arrow.FixedWidthTypes.MonthDayNanoInterval, "Seconds, unit s. A month counts as 30 days, with a notice, a day as 24 hours."},
	{"JSON", arrow.BinaryTypes.String, "What is no valid JSON, such as NaN, is a text in it."},
	{"LIST", arrow.ListOf(arrow.PrimitiveTypes.Int64), noteNested},
	{"ARRAY", arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Float64), "Like LIST."},
	{"STRUCT", arrow.StructOf(
		arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
		arrow.Field{Name: "b", Type: arrow.StructOf(
			arrow.Field{Name: "c", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
			arrow.Field{Name: "d", Type: &arrow.TimestampType{Unit: arrow.Microsecond}, Nullable: true},
		), Nullable: true},
	), "An object; without names, as from row(…), a list. The rest like LIST."},
	{"MAP", arrow.MapOf(arrow.BinaryTypes.String, arrow.BinaryTypes.String), "An object in the map's order; keys that are no text become it. The rest like LIST."},
	{"UNION", arrow.SparseUnionOf([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int32, Nullable: true}}, []arrow.UnionTypeCode{0}), "The value, without its tag."},
	{"NULL", arrow.PrimitiveTypes.Int32, "A column of NULLs has type INTEGER."},
}

const (
	noteDigits = "Beyond 2^53 browsers round: there is a notice then, and a cast to VARCHAR shows all digits."
	noteTimes  = "Before 1678, after 2261 and infinity: empty, with a notice."
	noteNested = "A list. Numbers beyond 2^53 or of more than 15 digits, NaN and infinity are texts in it, a BLOB or BIT its hexadecimal digits."
)

func decimalType(precision, scale int32) arrow.DataType {
	return &arrow.Decimal128Type{Precision: precision, Scale: scale}
}

// Conversions lists what becomes of each type of DuckDB.
func Conversions() []Conversion {
	out := make([]Conversion, len(documented))
	for i, d := range documented {
		f := arrow.Field{Type: d.wire, Metadata: arrow.MetadataFrom(map[string]string{typeNameKey: d.sql})}
		conv, _ := converterFor(f) // the tests convert each of them
		out[i] = Conversion{SQL: d.sql, Arrow: wireName(d.wire), Field: fieldName(conv.field), Note: d.note}
	}
	return out
}

// wireName is Arrow's name of a type, of a nested one without what is in it.
func wireName(t arrow.DataType) string {
	if _, nested := t.(arrow.NestedType); nested {
		return t.Name()
	}
	return t.String()
}

// fieldName is what Grafana calls a type of field, whose values may all be NULL.
func fieldName(t data.FieldType) string {
	switch name := strings.TrimPrefix(t.ItemTypeString(), "*"); name {
	case "time.Time":
		return "time"
	case "json.RawMessage":
		return "json"
	default:
		return name
	}
}
