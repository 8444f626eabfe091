package flightsql

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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

// messages are those of an Arrow stream, without what they are about.
type messages []message

type message struct {
	Header []byte `json:"h"`
	Body   []byte `json:"b,omitempty"`
}

// Send keeps a message.
func (m *messages) Send(data *flight.FlightData) error {
	*m = append(*m, message{Header: bytes.Clone(data.GetDataHeader()), Body: bytes.Clone(data.GetDataBody())})
	return nil
}

// Recv gives the next message.
func (m *messages) Recv() (*flight.FlightData, error) {
	if len(*m) == 0 {
		return nil, io.EOF
	}
	next := (*m)[0]
	*m = (*m)[1:]
	if err := inspectHeader(next.Header); err != nil {
		return nil, err
	}
	return &flight.FlightData{DataHeader: next.Header, DataBody: next.Body}, nil
}

// readArgs reads the one row of arguments that a client binds, checks that each
// can be one, and returns it as messages.
func readArgs(in flight.MessageReader, want int) (kept messages, err error) {
	defer refuseBroken(&err)
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
	w := flight.NewRecordWriter(&kept, ipc.WithSchema(row.Schema()))
	if err := errors.Join(w.Write(row), w.Close()); err != nil {
		return nil, fault(codes.InvalidArgument, "read parameters: %v", err)
	}
	size := 0
	for _, m := range kept {
		size += len(m.Header) + len(m.Body)
	}
	if size > maxArgs {
		return nil, fault(codes.InvalidArgument, "the parameters have %d bytes, more than %d", size, maxArgs)
	}
	return kept, nil
}

// refuseBroken makes an error of the panic that a broken message ends in.
func refuseBroken(err *error) {
	if p := recover(); p != nil {
		*err = fault(codes.InvalidArgument, "read parameters: the messages are broken: %v", p)
	}
}

// maxBatches is how many batches without a row a client may send.
const maxBatches = 100

// onlyRow reads the only row; nil when there is none.
func onlyRow(in flight.MessageReader) (row arrow.RecordBatch, err error) {
	defer func() {
		if err != nil && row != nil {
			row.Release()
		}
	}()
	for n := 0; in.Next(); n++ {
		rec := in.RecordBatch()
		switch {
		case rec.NumRows() > 1 || row != nil && rec.NumRows() > 0:
			return row, fault(codes.InvalidArgument, "more than one row of parameters is bound; a query takes one, so run it once for each")
		case n > maxBatches:
			return row, fault(codes.InvalidArgument, "more than %d batches of parameters", maxBatches)
		case rec.NumRows() == 1:
			rec.Retain()
			row = rec
		}
	}
	if err := in.Err(); err != nil {
		return row, fault(codes.InvalidArgument, "read parameters: %v", err)
	}
	return row, nil
}

// decodeArgs reads what readArgs kept. It comes by way of the client.
func decodeArgs(kept messages) (args []any, err error) {
	if len(kept) == 0 {
		return nil, nil
	}
	defer refuseBroken(&err)
	r, err := flight.NewRecordReader(&kept, ipc.WithAllocator(newBudget()))
	if err != nil {
		return nil, fault(codes.InvalidArgument, "read parameters of ticket: %v", err)
	}
	defer r.Release()
	row, err := onlyRow(r)
	if err != nil {
		return nil, err
	}
	if row == nil {
		return nil, fault(codes.InvalidArgument, "this ticket has parameters without a row")
	}
	defer row.Release()
	return argsOf(row)
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
	case *array.Binary:
		return bytes.Clone(a.Value(i)), true
	case *array.LargeBinary:
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
	out := []string{} // the length is what the client says
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
