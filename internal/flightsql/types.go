package flightsql

import (
	"cmp"
	"context"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	arrowsql "github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql/schema_ref"
	pb "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
)

// sqlType is a type of SQL as JDBC and ODBC describe it.
type sqlType struct {
	name string
	xdbc pb.XdbcDataType
	// size is how many digits, characters or bytes it has at most; 0 for no limit.
	size int32
	// quote stands around a literal.
	quote  string
	params []string
	// radix is that of a number's digits; 0 for what is no number.
	radix    int32
	unsigned bool
	maxScale int32
	subcode  int32
}

// sqlTypes lists the types that results may have, by type and name.
var sqlTypes = slices.SortedFunc(slices.Values([]sqlType{
	{name: "BOOLEAN", xdbc: pb.XdbcDataType_XDBC_BIT, size: 1},
	{name: "TINYINT", xdbc: pb.XdbcDataType_XDBC_TINYINT, size: 3, radix: 10},
	{name: "UTINYINT", xdbc: pb.XdbcDataType_XDBC_TINYINT, size: 3, radix: 10, unsigned: true},
	{name: "SMALLINT", xdbc: pb.XdbcDataType_XDBC_SMALLINT, size: 5, radix: 10},
	{name: "USMALLINT", xdbc: pb.XdbcDataType_XDBC_SMALLINT, size: 5, radix: 10, unsigned: true},
	{name: "INTEGER", xdbc: pb.XdbcDataType_XDBC_INTEGER, size: 10, radix: 10},
	{name: "UINTEGER", xdbc: pb.XdbcDataType_XDBC_INTEGER, size: 10, radix: 10, unsigned: true},
	{name: "BIGINT", xdbc: pb.XdbcDataType_XDBC_BIGINT, size: 19, radix: 10},
	{name: "UBIGINT", xdbc: pb.XdbcDataType_XDBC_BIGINT, size: 20, radix: 10, unsigned: true},
	{name: "HUGEINT", xdbc: pb.XdbcDataType_XDBC_NUMERIC, size: 39, radix: 10},
	{name: "DECIMAL", xdbc: pb.XdbcDataType_XDBC_DECIMAL, size: 38, radix: 10, params: []string{"precision", "scale"}, maxScale: 38},
	{name: "FLOAT", xdbc: pb.XdbcDataType_XDBC_REAL, size: 24, radix: 2},
	{name: "DOUBLE", xdbc: pb.XdbcDataType_XDBC_DOUBLE, size: 53, radix: 2},
	{name: "VARCHAR", xdbc: pb.XdbcDataType_XDBC_VARCHAR, quote: "'"},
	{name: "JSON", xdbc: pb.XdbcDataType_XDBC_VARCHAR, quote: "'"},
	{name: "UUID", xdbc: pb.XdbcDataType_XDBC_VARCHAR, size: 36, quote: "'"},
	{name: "MAP(VARCHAR, VARCHAR)", xdbc: pb.XdbcDataType_XDBC_UNKNOWN_TYPE},
	{name: "VARCHAR[]", xdbc: pb.XdbcDataType_XDBC_UNKNOWN_TYPE},
	{name: "BLOB", xdbc: pb.XdbcDataType_XDBC_VARBINARY, quote: "'"},
	{name: "DATE", xdbc: pb.XdbcDataType_XDBC_DATE, size: 10, quote: "'", subcode: 1},
	{name: "TIME", xdbc: pb.XdbcDataType_XDBC_TIME, size: 15, quote: "'", subcode: 2, maxScale: 6},
	{name: "TIMESTAMP", xdbc: pb.XdbcDataType_XDBC_TIMESTAMP, size: 26, quote: "'", subcode: 3, maxScale: 6},
	{name: "TIMESTAMP WITH TIME ZONE", xdbc: pb.XdbcDataType_XDBC_TIMESTAMP, size: 32, quote: "'", subcode: 3, maxScale: 6},
	{name: "INTERVAL", xdbc: pb.XdbcDataType_XDBC_INTERVAL, quote: "'"},
}), func(a, b sqlType) int {
	return cmp.Or(cmp.Compare(a.xdbc, b.xdbc), cmp.Compare(a.name, b.name))
})

// add appends the type as a row of schema_ref.XdbcTypeInfo.
func (t sqlType) add(b *array.RecordBuilder) {
	text := func(i int, s string) {
		if f := b.Field(i).(*array.StringBuilder); s == "" {
			f.AppendNull()
		} else {
			f.Append(s)
		}
	}
	number := func(i int, n int32, known bool) {
		if f := b.Field(i).(*array.Int32Builder); known {
			f.Append(n)
		} else {
			f.AppendNull()
		}
	}
	yes := func(i int, v bool) { b.Field(i).(*array.BooleanBuilder).Append(v) }

	text(0, t.name)
	number(1, int32(t.xdbc), true)
	number(2, t.size, t.size > 0)
	text(3, t.quote)
	text(4, t.quote)
	params := b.Field(5).(*array.ListBuilder)
	params.Append(len(t.params) > 0)
	params.ValueBuilder().(*array.StringBuilder).AppendValues(t.params, nil)
	number(6, int32(pb.Nullable_NULLABILITY_NULLABLE), true)
	yes(7, t.quote != "" && t.subcode == 0)
	number(8, int32(pb.Searchable_SEARCHABLE_FULL), true)
	if unsigned := b.Field(9).(*array.BooleanBuilder); t.radix > 0 {
		unsigned.Append(t.unsigned)
	} else {
		unsigned.AppendNull()
	}
	yes(10, false)
	yes(11, false)
	text(12, t.name)
	scaled := t.radix == 10 || t.maxScale > 0
	number(13, 0, scaled)
	number(14, t.maxScale, scaled)
	number(15, int32(t.xdbc), true)
	number(16, t.subcode, t.subcode > 0)
	number(17, t.radix, t.radix > 0)
	number(18, 0, false)
}

func (h *handler) GetFlightInfoXdbcTypeInfo(_ context.Context, _ arrowsql.GetXdbcTypeInfo, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return metadataInfo(desc, schema_ref.XdbcTypeInfo), nil
}

func (h *handler) DoGetXdbcTypeInfo(_ context.Context, cmd arrowsql.GetXdbcTypeInfo) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	return answer(schema_ref.XdbcTypeInfo, func(b *array.RecordBuilder) {
		for _, t := range sqlTypes {
			if only := cmd.GetDataType(); only == nil || *only == int32(t.xdbc) {
				t.add(b)
			}
		}
	})
}
