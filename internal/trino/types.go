package trino

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
)

// TypeKey is the key in an Arrow field's metadata that holds the name of the
// column's Trino type, such as uuid or map(varchar, varchar).
const TypeKey = "trino.type"

// column is a column of a result, as the server describes it.
type column struct {
	Name      string    `json:"name"`
	Type      string    `json:"type"`
	Signature signature `json:"typeSignature"`
}

// signature is a type.
type signature struct {
	Raw       string     `json:"rawType"`
	Arguments []argument `json:"arguments"`
}

// argument is a length, a precision, the type of an array's items, and so on.
type argument struct {
	Kind  string          `json:"kind"`
	Value json.RawMessage `json:"value"`
}

const (
	// maxDepth bounds how deep types nest.
	maxDepth = 32
	// defaultPrecision is that of timestamps of servers that know no other.
	defaultPrecision = 3
)

var errSignature = errors.New("the server describes the type in an unknown way")

// arrowSchema returns the Arrow schema of a result with these columns.
func arrowSchema(columns []column) (*arrow.Schema, error) {
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		t, err := arrowType(c.Signature, 0)
		if err != nil {
			return nil, fmt.Errorf("column %s of type %s cannot be read: %w", bounded(c.Name, 200), bounded(c.Type, 200), err)
		}
		fields[i] = arrow.Field{
			Name: c.Name, Type: t, Nullable: true,
			Metadata: arrow.NewMetadata([]string{TypeKey}, []string{c.Type}),
		}
	}
	return arrow.NewSchema(fields, nil), nil
}

// scalars are the types without arguments that matter.
var scalars = map[string]arrow.DataType{
	"boolean":   arrow.FixedWidthTypes.Boolean,
	"tinyint":   arrow.PrimitiveTypes.Int8,
	"smallint":  arrow.PrimitiveTypes.Int16,
	"integer":   arrow.PrimitiveTypes.Int32,
	"bigint":    arrow.PrimitiveTypes.Int64,
	"real":      arrow.PrimitiveTypes.Float32,
	"double":    arrow.PrimitiveTypes.Float64,
	"varchar":   arrow.BinaryTypes.String,
	"char":      arrow.BinaryTypes.String,
	"uuid":      arrow.BinaryTypes.String,
	"json":      arrow.BinaryTypes.String,
	"ipaddress": arrow.BinaryTypes.String,
	"varbinary": arrow.BinaryTypes.Binary,
	"date":      arrow.FixedWidthTypes.Date32,
	// DuckDB gives a bare NULL the type INTEGER.
	"unknown": arrow.PrimitiveTypes.Int32,
}

func arrowType(s signature, depth int) (arrow.DataType, error) {
	if depth > maxDepth {
		return nil, errors.New("it is nested too deep")
	}
	if t, ok := scalars[s.Raw]; ok {
		return t, nil
	}
	switch s.Raw {
	case "decimal":
		return decimalType(s)
	case "timestamp":
		return timestampType(s, "")
	case "timestamp with time zone":
		return timestampType(s, "UTC")
	case "array":
		return listType(s, depth)
	case "map":
		return mapType(s, depth)
	case "row":
		return structType(s, depth)
	}
	return nil, errors.New("cast it to varchar in the query")
}

func decimalType(s signature) (arrow.DataType, error) {
	precision, err := s.number(0)
	if err != nil {
		return nil, err
	}
	scale, err := s.number(1)
	if err != nil {
		return nil, err
	}
	if precision < 1 || precision > 38 || scale < 0 || scale > precision {
		return nil, errSignature
	}
	return &arrow.Decimal128Type{Precision: int32(precision), Scale: int32(scale)}, nil
}

func timestampType(s signature, zone string) (arrow.DataType, error) {
	precision := int64(defaultPrecision)
	if len(s.Arguments) > 0 {
		var err error
		if precision, err = s.number(0); err != nil {
			return nil, err
		}
	}
	switch {
	case precision <= 6:
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: zone}, nil
	case precision <= 9:
		return &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: zone}, nil
	}
	return nil, errors.New("nothing below a nanosecond can be said in Arrow; cast it to timestamp(6) in the query")
}

func listType(s signature, depth int) (arrow.DataType, error) {
	item, err := s.nested(0, depth)
	if err != nil {
		return nil, err
	}
	return arrow.ListOf(item), nil
}

func mapType(s signature, depth int) (arrow.DataType, error) {
	key, err := s.nested(0, depth)
	if err != nil {
		return nil, err
	}
	if arrow.IsNested(key.ID()) {
		return nil, errors.New("its keys are not scalars")
	}
	item, err := s.nested(1, depth)
	if err != nil {
		return nil, err
	}
	return arrow.MapOf(key, item), nil
}

func structType(s signature, depth int) (arrow.DataType, error) {
	fields := make([]arrow.Field, len(s.Arguments))
	for i := range fields {
		name, inner, err := s.field(i)
		if err != nil {
			return nil, err
		}
		t, err := arrowType(inner, depth+1)
		if err != nil {
			return nil, err
		}
		fields[i] = arrow.Field{Name: name, Type: t, Nullable: true}
	}
	return arrow.StructOf(fields...), nil
}

func (s signature) argument(i int, kind string, value any) error {
	if i >= len(s.Arguments) || s.Arguments[i].Kind != kind {
		return errSignature
	}
	if err := json.Unmarshal(s.Arguments[i].Value, value); err != nil {
		return errSignature
	}
	return nil
}

func (s signature) number(i int) (n int64, err error) {
	err = s.argument(i, "LONG", &n)
	return n, err
}

func (s signature) inner(i int) (t signature, err error) {
	err = s.argument(i, "TYPE", &t)
	return t, err
}

func (s signature) nested(i, depth int) (arrow.DataType, error) {
	t, err := s.inner(i)
	if err != nil {
		return nil, err
	}
	return arrowType(t, depth+1)
}

// field returns the name and type of a row's field. Fields may have no name.
func (s signature) field(i int) (string, signature, error) {
	var named struct {
		Field *struct {
			Name string `json:"name"`
		} `json:"fieldName"`
		Type signature `json:"typeSignature"`
	}
	if err := s.argument(i, "NAMED_TYPE", &named); err != nil {
		return "", signature{}, err
	}
	name := "field" + strconv.Itoa(i)
	if named.Field != nil {
		name = named.Field.Name
	}
	return name, named.Type, nil
}
