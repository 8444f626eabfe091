package flightsql

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/extensions"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"google.golang.org/grpc/codes"
)

// maxArgs is how many bytes the arguments of a statement may have, as messages.
const maxArgs = 256 << 10

// Decimal is an argument of type DECIMAL: Unscaled / 10^Scale.
type Decimal struct {
	Unscaled *big.Int
	Scale    int32
}

// readArgs reads the one row of arguments that a client binds, checks that each
// can be one, and returns it as messages.
func readArgs(in flight.MessageReader, want int) ([]byte, error) {
	row, err := onlyRow(in)
	if err != nil {
		return nil, err
	}
	if row == nil {
		return nil, fault(codes.InvalidArgument, "no row of parameters is bound; the statement has %d", want)
	}
	defer row.Release()
	if n := int(row.NumCols()); n != want {
		return nil, fault(codes.InvalidArgument, "%d parameters are bound, the statement has %d", n, want)
	}
	if _, err := argsOf(row); err != nil {
		return nil, err
	}
	return encodeArgs(row)
}

// onlyRow reads the only row; nil when there is none.
func onlyRow(in flight.MessageReader) (row arrow.RecordBatch, err error) {
	defer func() {
		if err != nil && row != nil {
			row.Release()
		}
	}()
	for in.Next() {
		rec := in.RecordBatch()
		switch {
		case rec.NumRows() == 0:
			continue
		case rec.NumRows() > 1 || row != nil:
			return row, fault(codes.InvalidArgument, "more than one row of parameters is bound; a query takes one, so run it once for each")
		}
		rec.Retain()
		row = rec
	}
	if err := in.Err(); err != nil {
		return row, fault(codes.InvalidArgument, "read parameters: %v", err)
	}
	return row, nil
}

func encodeArgs(row arrow.RecordBatch) ([]byte, error) {
	var b bytes.Buffer
	w := ipc.NewWriter(&b, ipc.WithSchema(row.Schema()))
	if err := w.Write(row); err != nil {
		return nil, fmt.Errorf("keep parameters: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("keep parameters: %w", err)
	}
	if b.Len() > maxArgs {
		return nil, fault(codes.InvalidArgument, "the parameters have %d bytes, more than %d", b.Len(), maxArgs)
	}
	return b.Bytes(), nil
}

// decodeArgs reads what encodeArgs wrote. It comes by way of the client.
func decodeArgs(messages []byte) ([]any, error) {
	if len(messages) == 0 {
		return nil, nil
	}
	r, err := ipc.NewReader(bytes.NewReader(messages), ipc.WithAllocator(newBudget()))
	if err != nil {
		return nil, fault(codes.InvalidArgument, "read parameters of ticket: %v", err)
	}
	defer r.Release()
	if !r.Next() || r.RecordBatch().NumRows() != 1 {
		return nil, fault(codes.InvalidArgument, "the parameters of this ticket are not one row")
	}
	return argsOf(r.RecordBatch())
}

// argsOf returns the values of the first row.
func argsOf(row arrow.RecordBatch) ([]any, error) {
	args := make([]any, row.NumCols())
	for i, column := range row.Columns() {
		v, err := argOf(column, 0)
		if err != nil {
			return nil, fault(codes.InvalidArgument, "parameter %d: %v", i+1, err)
		}
		args[i] = v
	}
	return args, nil
}

// argOf returns one value, which shares no memory with the array.
func argOf(a arrow.Array, i int) (any, error) {
	if a.IsNull(i) || a.DataType().ID() == arrow.NULL {
		return nil, nil
	}
	if v, ok := numberOf(a, i); ok {
		return v, nil
	}
	if v, ok := bytesOf(a, i); ok {
		return v, nil
	}
	switch a := a.(type) {
	case *array.Boolean:
		return a.Value(i), nil
	case *array.Date32:
		return a.Value(i), nil
	case *array.Date64:
		return arrow.Date32FromTime(a.Value(i).ToTime()), nil
	case *array.Timestamp:
		return timestampOf(a.Value(i).ToTime(a.DataType().(*arrow.TimestampType).Unit))
	case *array.Time64:
		return instantOf(a, i)
	case array.ListLike:
		return textsOf(a, i)
	case *array.Dictionary:
		return argOf(a.Dictionary(), a.GetValueIndex(i))
	case *extensions.UUIDArray:
		return a.Value(i).String(), nil
	case array.ExtensionArray:
		return argOf(a.Storage(), i)
	case *array.DenseUnion:
		return argOf(a.Field(a.ChildID(i)), int(a.ValueOffset(i)))
	case *array.SparseUnion:
		return argOf(a.Field(a.ChildID(i)), i)
	}
	return nil, fmt.Errorf("a value of type %s cannot be one; send it as text and cast it", a.DataType())
}

func numberOf(a arrow.Array, i int) (any, bool) {
	switch a := a.(type) {
	case *array.Int8:
		return int64(a.Value(i)), true
	case *array.Int16:
		return int64(a.Value(i)), true
	case *array.Int32:
		return int64(a.Value(i)), true
	case *array.Int64:
		return a.Value(i), true
	case *array.Uint8:
		return int64(a.Value(i)), true
	case *array.Uint16:
		return int64(a.Value(i)), true
	case *array.Uint32:
		return int64(a.Value(i)), true
	case *array.Uint64:
		return a.Value(i), true
	case *array.Float16:
		return float64(a.Value(i).Float32()), true
	case *array.Float32:
		return float64(a.Value(i)), true
	case *array.Float64:
		return a.Value(i), true
	}
	return decimalOf(a, i)
}

func decimalOf(a arrow.Array, i int) (any, bool) {
	var v *big.Int
	switch a := a.(type) {
	case *array.Decimal32:
		v = big.NewInt(int64(a.Value(i)))
	case *array.Decimal64:
		v = big.NewInt(int64(a.Value(i)))
	case *array.Decimal128:
		v = a.Value(i).BigInt()
	case *array.Decimal256:
		v = a.Value(i).BigInt()
	default:
		return nil, false
	}
	return Decimal{Unscaled: v, Scale: a.DataType().(arrow.DecimalType).GetScale()}, true
}

// bytesOf returns text as string and binary values as bytes.
func bytesOf(a arrow.Array, i int) (any, bool) {
	switch a := a.(type) {
	case *array.String:
		return strings.Clone(a.Value(i)), true
	case *array.LargeString:
		return strings.Clone(a.Value(i)), true
	case *array.StringView:
		return strings.Clone(a.Value(i)), true
	case *array.Binary:
		return bytes.Clone(a.Value(i)), true
	case *array.LargeBinary:
		return bytes.Clone(a.Value(i)), true
	case *array.BinaryView:
		return bytes.Clone(a.Value(i)), true
	case *array.FixedSizeBinary:
		return bytes.Clone(a.Value(i)), true
	}
	return nil, false
}

// timestampOf refuses what microseconds cannot say.
func timestampOf(t time.Time) (any, error) {
	if y := t.Year(); y < 1 || y > 9999 {
		return nil, fmt.Errorf("a time in the year %d cannot be one", y)
	}
	return t, nil
}

// instantOf reads a time of day, of which our tables have none. Go's
// database/sql driver means a point in time by it: it sends a time.Time as
// nanoseconds of the day, counted from 1970.
func instantOf(a *array.Time64, i int) (any, error) {
	unit := a.DataType().(*arrow.Time64Type).Unit
	if v := int64(a.Value(i)); unit == arrow.Nanosecond && (v < 0 || v >= int64(24*time.Hour)) {
		return time.Unix(0, v).UTC(), nil
	}
	return nil, errors.New("a time of day cannot be one; send a timestamp, or text and cast it")
}

// textsOf reads a list, of text as only it can be bound.
func textsOf(a array.ListLike, i int) (any, error) {
	start, end := a.ValueOffsets(i)
	out := make([]string, 0, end-start)
	for j := start; j < end; j++ {
		v, err := argOf(a.ListValues(), int(j))
		if err != nil {
			return nil, err
		}
		s, ok := v.(string)
		if !ok {
			return nil, errors.New("a list must be one of text without NULL")
		}
		out = append(out, s)
	}
	return out, nil
}
