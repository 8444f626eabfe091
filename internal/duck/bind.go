//go:build duckdb_arrow

package duck

import (
	"fmt"
	"time"

	bindings "github.com/duckdb/duckdb-go-bindings"
)

// bind sets the parameters of a statement: string, int, int64, float64, bool,
// time.Time (a TIMESTAMP in UTC), []string and nil.
func bind(stmt bindings.PreparedStatement, args []any) error {
	if want := int(bindings.NParams(stmt)); want != len(args) {
		return fmt.Errorf("bind parameters: the statement has %d, %d given", want, len(args))
	}
	for i, arg := range args {
		if err := bindOne(stmt, bindings.IdxT(i+1), arg); err != nil {
			return fmt.Errorf("bind parameter %d: %w", i+1, err)
		}
	}
	return nil
}

func bindOne(stmt bindings.PreparedStatement, i bindings.IdxT, arg any) error {
	var state bindings.State
	switch v := arg.(type) {
	case nil:
		state = bindings.BindNull(stmt, i)
	case string:
		state = bindings.BindVarcharLength(stmt, i, v, bindings.IdxT(len(v)))
	case int:
		state = bindings.BindInt64(stmt, i, int64(v))
	case int64:
		state = bindings.BindInt64(stmt, i, v)
	case float64:
		state = bindings.BindDouble(stmt, i, v)
	case bool:
		state = bindings.BindBoolean(stmt, i, v)
	case time.Time:
		ts := bindings.NewTimestamp(v.UnixMicro())
		state = bindings.BindTimestamp(stmt, i, ts)
	case []string:
		state = bindStrings(stmt, i, v)
	default:
		return fmt.Errorf("a %T cannot be a parameter", arg)
	}
	if state == bindings.StateError {
		return &Error{Message: bindings.PrepareError(stmt)}
	}
	return nil
}

func bindStrings(stmt bindings.PreparedStatement, i bindings.IdxT, list []string) bindings.State {
	text := bindings.CreateLogicalType(bindings.TypeVarchar)
	defer bindings.DestroyLogicalType(&text)
	values := make([]bindings.Value, len(list))
	for j, s := range list {
		values[j] = bindings.CreateVarcharLength(s, bindings.IdxT(len(s)))
	}
	all := bindings.CreateListValue(text, values)
	defer bindings.DestroyValue(&all)
	for j := range values {
		bindings.DestroyValue(&values[j])
	}
	return bindings.BindValue(stmt, i, all)
}
