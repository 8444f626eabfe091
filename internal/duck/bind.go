//go:build duckdb_arrow

package duck

import (
	"fmt"
	"math/big"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	bindings "github.com/duckdb/duckdb-go-bindings"
)

// Decimal is a parameter of type DECIMAL: Unscaled / 10^Scale.
type Decimal struct {
	Unscaled *big.Int
	Scale    int32
}

// bind sets the parameters of a statement: string, []byte, int, int64, uint64,
// float64, bool, time.Time (a TIMESTAMP in UTC), [arrow.Date32], [Decimal],
// []string and nil.
func bind(stmt bindings.PreparedStatement, args []any) error {
	if want := int(bindings.NParams(stmt)); want != len(args) {
		return &Error{Message: fmt.Sprintf("bind parameters: the statement has %d, %d given", want, len(args))}
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
	case uint64:
		state = bindings.BindUInt64(stmt, i, v)
	case Decimal:
		d, err := v.native()
		if err != nil {
			return err
		}
		state = bindings.BindDecimal(stmt, i, d)
	case float64:
		state = bindings.BindDouble(stmt, i, v)
	case bool:
		state = bindings.BindBoolean(stmt, i, v)
	case time.Time:
		ts := bindings.NewTimestamp(v.UnixMicro())
		state = bindings.BindTimestamp(stmt, i, ts)
	case arrow.Date32:
		state = bindings.BindDate(stmt, i, bindings.NewDate(int32(v)))
	case []byte:
		state = bindings.BindBlob(stmt, i, v)
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

// native is d as DuckDB has it, which holds 38 digits.
func (d Decimal) native() (bindings.Decimal, error) {
	const digits = 38
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(digits), nil)
	if d.Scale < 0 || d.Scale > digits || d.Unscaled.CmpAbs(limit) >= 0 {
		return bindings.Decimal{}, &Error{Message: fmt.Sprintf("a DECIMAL has at most %d digits", digits)}
	}
	upper := new(big.Int).Rsh(d.Unscaled, 64) // rounds down, so the rest is positive
	lower := new(big.Int).Sub(d.Unscaled, new(big.Int).Lsh(upper, 64))
	return bindings.NewDecimal(digits, uint8(d.Scale), bindings.NewHugeInt(lower.Uint64(), upper.Int64())), nil
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
