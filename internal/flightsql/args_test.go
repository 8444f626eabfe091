package flightsql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/extensions"
	"github.com/apache/arrow-go/v18/arrow/flight"
	arrowsql "github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kmstrail/kmstrail/internal/access"
)

// describeArg says what a backend is given.
func describeArg(v any) string {
	switch v := v.(type) {
	case time.Time:
		return "time " + v.Format(time.RFC3339Nano)
	case arrow.Date32:
		return "date " + v.FormattedString()
	case Decimal:
		return fmt.Sprintf("decimal %s/10^%d", v.Unscaled, v.Scale)
	}
	return fmt.Sprintf("%T %v", v, v)
}

// row makes a record from JSON: fields of the given types.
func row(t *testing.T, json string, types ...arrow.DataType) arrow.RecordBatch {
	t.Helper()
	fields := make([]arrow.Field, len(types))
	for i, dt := range types {
		fields[i] = arrow.Field{Name: fmt.Sprintf("p%d", i), Type: dt, Nullable: true}
	}
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, arrow.NewSchema(fields, nil), strings.NewReader(json))
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// TestArguments: what each type that a client can send becomes, over the wire.
func TestArguments(t *testing.T) {
	day := &arrow.TimestampType{Unit: arrow.Second}
	zoned := &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "Europe/Berlin"}
	utf8 := arrow.BinaryTypes.String
	s := serve(t, nil)
	c, ctx := s.client(t), as(t, "anna")
	for _, x := range []struct {
		dt          arrow.DataType
		value, want string
	}{
		{arrow.PrimitiveTypes.Int8, `-1`, "int64 -1"},
		{arrow.PrimitiveTypes.Int16, `-300`, "int64 -300"},
		{arrow.PrimitiveTypes.Int32, `70000`, "int64 70000"},
		{arrow.PrimitiveTypes.Int64, `-9223372036854775808`, "int64 -9223372036854775808"},
		{arrow.PrimitiveTypes.Uint8, `255`, "int64 255"},
		{arrow.PrimitiveTypes.Uint16, `65535`, "int64 65535"},
		{arrow.PrimitiveTypes.Uint32, `4294967295`, "int64 4294967295"},
		{arrow.PrimitiveTypes.Uint64, `18446744073709551615`, "uint64 18446744073709551615"},
		{arrow.FixedWidthTypes.Float16, `0.5`, "float64 0.5"},
		{arrow.PrimitiveTypes.Float32, `0.25`, "float64 0.25"},
		{arrow.PrimitiveTypes.Float64, `0.1`, "float64 0.1"},
		{&arrow.Decimal32Type{Precision: 5, Scale: 2}, `"12.34"`, "decimal 1234/10^2"},
		{&arrow.Decimal64Type{Precision: 10, Scale: 2}, `"-0.01"`, "decimal -1/10^2"},
		{&arrow.Decimal128Type{Precision: 38, Scale: 3}, `"-12345678901234567890.123"`, "decimal -12345678901234567890123/10^3"},
		{&arrow.Decimal256Type{Precision: 50, Scale: 0}, `"7"`, "decimal 7/10^0"},
		{arrow.FixedWidthTypes.Boolean, `true`, "bool true"},
		{utf8, `"a'b"`, "string a'b"},
		{arrow.BinaryTypes.LargeString, `"x"`, "string x"},
		{arrow.BinaryTypes.Binary, `"AQI="`, "[]uint8 [1 2]"},
		{arrow.BinaryTypes.LargeBinary, `"AQI="`, "[]uint8 [1 2]"},
		{&arrow.FixedSizeBinaryType{ByteWidth: 2}, `"AQI="`, "[]uint8 [1 2]"},
		{arrow.FixedWidthTypes.Date32, `"2026-01-02"`, "date 2026-01-02"},
		{arrow.FixedWidthTypes.Date64, `"2026-01-02"`, "date 2026-01-02"},
		{day, `"2026-01-02 03:04:05"`, "time 2026-01-02T03:04:05Z"},
		{arrow.FixedWidthTypes.Timestamp_ms, `"2026-01-02 03:04:05.678Z"`, "time 2026-01-02T03:04:05.678Z"},
		{arrow.FixedWidthTypes.Timestamp_us, `"1969-12-31 23:59:59.999999Z"`, "time 1969-12-31T23:59:59.999999Z"},
		{arrow.FixedWidthTypes.Timestamp_ns, `"2026-01-02 03:04:05.678901234Z"`, "time 2026-01-02T03:04:05.678901234Z"},
		{zoned, `"2026-01-02 03:04:05+0100"`, "time 2026-01-02T02:04:05Z"},
		{arrow.ListOf(utf8), `["a", "b"]`, "[]string [a b]"},
		{arrow.LargeListOf(utf8), `[]`, "[]string []"},
		{arrow.FixedSizeListOf(1, utf8), `["a"]`, "[]string [a]"},
		{extensions.NewUUIDType(), `"12345678-1234-1234-1234-123456789012"`, "string 12345678-1234-1234-1234-123456789012"},
		{arrow.Null, `null`, "<nil> <nil>"},
		{arrow.PrimitiveTypes.Int32, `null`, "<nil> <nil>"},
		{arrow.ListOf(utf8), `null`, "<nil> <nil>"},
	} {
		t.Run(x.dt.String()+"_"+x.value, func(t *testing.T) {
			got, err := ask(ctx, c, "args 1", row(t, `[{"p0": `+x.value+`}]`, x.dt))
			if diff := cmp.Diff([]string{x.want}, got); err != nil || diff != "" {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

// ask prepares, binds and runs.
func ask(ctx context.Context, c *arrowsql.Client, sql string, rows ...arrow.RecordBatch) ([]string, error) {
	st, err := c.Prepare(ctx, sql)
	if err != nil {
		return nil, err
	}
	defer st.Close(ctx)
	if len(rows) > 0 {
		r, err := array.NewRecordReader(rows[0].Schema(), rows)
		if err != nil {
			return nil, err
		}
		st.SetRecordReader(r)
	}
	info, err := st.Execute(ctx)
	if err != nil {
		return nil, err
	}
	return fetch(ctx, c, info)
}

// TestArguments_odd: encodings that are made by hand.
func TestArguments_odd(t *testing.T) {
	dictionary := array.NewDictionaryBuilder(memory.DefaultAllocator, &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String})
	if err := dictionary.AppendValueFromString("word"); err != nil {
		t.Fatal(err)
	}
	union := array.NewDenseUnionBuilder(memory.DefaultAllocator, arrow.DenseUnionOf(
		[]arrow.Field{{Name: "i", Type: arrow.PrimitiveTypes.Int64}, {Name: "s", Type: arrow.BinaryTypes.String}}, []arrow.UnionTypeCode{0, 1}))
	union.Append(1)
	union.Child(1).(*array.StringBuilder).Append("one of many")
	sparse := array.NewSparseUnionBuilder(memory.DefaultAllocator, arrow.SparseUnionOf(
		[]arrow.Field{{Name: "i", Type: arrow.PrimitiveTypes.Int64}, {Name: "s", Type: arrow.BinaryTypes.String}}, []arrow.UnionTypeCode{0, 1}))
	sparse.Append(0)
	sparse.Child(0).(*array.Int64Builder).Append(7)
	sparse.Child(1).AppendEmptyValue()
	// Go's database/sql driver sends a time.Time so.
	goTime := array.NewTime64Builder(memory.DefaultAllocator, &arrow.Time64Type{Unit: arrow.Nanosecond})
	goTime.Append(arrow.Time64(time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC).UnixNano()))

	for want, b := range map[string]array.Builder{
		"string word": dictionary, "string one of many": union, "int64 7": sparse, "time 2026-01-02T03:04:05.000006Z": goTime,
	} {
		t.Run(want, func(t *testing.T) {
			v, err := argOf(b.NewArray(), 0)
			if got := describeArg(v); err != nil || got != want {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
}

// TestBinding: what is not one row of what the statement needs is refused, in
// words that help.
func TestBinding(t *testing.T) {
	i64 := arrow.PrimitiveTypes.Int64
	two := row(t, `[{"p0": 1, "p1": 2}]`, i64, i64)
	day := &arrow.TimestampType{Unit: arrow.Second}
	long := strings.Repeat("x", maxArgs)
	for name, c := range map[string]struct {
		rows []arrow.RecordBatch
		code codes.Code
		want string
	}{
		"good":        {[]arrow.RecordBatch{two}, codes.OK, ""},
		"none":        {nil, codes.InvalidArgument, "the statement has 2 parameters, none is bound"},
		"no_row":      {[]arrow.RecordBatch{row(t, `[]`, i64, i64)}, codes.InvalidArgument, "no row of parameters is bound; the statement has 2"},
		"too_few":     {[]arrow.RecordBatch{row(t, `[{"p0": 1}]`, i64)}, codes.InvalidArgument, "1 parameters are bound, the statement has 2"},
		"too_many":    {[]arrow.RecordBatch{row(t, `[{}]`, i64, i64, i64)}, codes.InvalidArgument, "3 parameters are bound, the statement has 2"},
		"two_rows":    {[]arrow.RecordBatch{row(t, `[{}, {}]`, i64, i64)}, codes.InvalidArgument, "more than one row of parameters is bound; a query takes one"},
		"two_batches": {[]arrow.RecordBatch{two, two}, codes.InvalidArgument, "more than one row"},
		"duration":    {[]arrow.RecordBatch{row(t, `[{"p0": 1, "p1": "1s"}]`, i64, arrow.FixedWidthTypes.Duration_s)}, codes.InvalidArgument, "parameter 2: a value of type duration[s] cannot be one; send it as text and cast it"},
		"time":        {[]arrow.RecordBatch{row(t, `[{"p0": "01:02:03", "p1": 1}]`, arrow.FixedWidthTypes.Time64us, i64)}, codes.InvalidArgument, "parameter 1: a time of day cannot be one"},
		"far_away":    {[]arrow.RecordBatch{row(t, `[{"p0": 9000000000000000, "p1": 1}]`, day, i64)}, codes.InvalidArgument, "parameter 1: a time in the year 285200616 cannot be one"},
		"view":        {[]arrow.RecordBatch{row(t, `[{"p0": "x", "p1": 1}]`, arrow.BinaryTypes.StringView, i64)}, codes.InvalidArgument, "a view cannot be a parameter; send plain text"},
		"list_null":   {[]arrow.RecordBatch{row(t, `[{"p0": ["a", null], "p1": 1}]`, arrow.ListOf(arrow.BinaryTypes.String), i64)}, codes.InvalidArgument, "parameter 1: a list must be one of text without NULL"},
		"list_int":    {[]arrow.RecordBatch{row(t, `[{"p0": [1], "p1": 1}]`, arrow.ListOf(i64), i64)}, codes.InvalidArgument, "parameter 1: a list must be one of text without NULL"},
		"too_long":    {[]arrow.RecordBatch{row(t, `[{"p0": "`+long+`", "p1": 1}]`, arrow.BinaryTypes.String, i64)}, codes.InvalidArgument, "more than 262144"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, nil)
			_, err := ask(as(t, "anna"), s.client(t), "args 2", c.rows...)
			if status.Code(err) != c.code || !strings.Contains(fmt.Sprint(err), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if log := s.logged(); log != "" {
				t.Errorf("logged %s", log)
			}
		})
	}
}

// TestBinding_bomb: a message that unpacks to very much is refused before it does.
func TestBinding_bomb(t *testing.T) {
	rec := textBatch(strings.Repeat("x", 2*readBudget))
	var bomb messages
	w := flight.NewRecordWriter(&bomb, ipc.WithSchema(rec.Schema()), ipc.WithZstd())
	if err := errors.Join(w.Write(rec), w.Close()); err != nil {
		t.Fatal(err)
	}
	if n := len(bomb[1].Body); n > 1<<20 {
		t.Fatalf("no bomb: %d bytes", n)
	}
	_, err := decodeArgs(bomb)
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("%v, want an invalid argument", err)
	}
}

// TestPrepared: statements belong to who prepared them, and go when they are
// closed, old or too many.
func TestPrepared(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := serve(t, func(o *Options) { o.Now = func() time.Time { return now } })
	c := s.client(t)
	prepare := func(who string) *arrowsql.PreparedStatement {
		st, err := c.Prepare(as(t, who), "count 7")
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	runs := func(st *arrowsql.PreparedStatement, who string) error {
		info, err := st.Execute(as(t, who))
		if err != nil {
			return err
		}
		_, err = fetch(as(t, who), c, info)
		return err
	}
	gone := func(what string, err error) {
		t.Helper()
		if status.Code(err) != codes.NotFound {
			t.Errorf("%s: %v, want not found", what, err)
		}
	}

	st := prepare("anna")
	if err := runs(st, "anna"); err != nil {
		t.Error(err)
	}
	if update, known := st.IsUpdate(); update || !known || !st.DatasetSchema().Equal(numbers) {
		t.Errorf("prepared: update %v, schema %v", update, st.DatasetSchema())
	}
	if len(st.Handle()) < 32 {
		t.Errorf("the handle %q can be guessed", st.Handle())
	}
	gone("somebody else's", runs(st, "ben"))
	again := prepare("anna")
	now = now.Add(preparedFor + time.Second)
	gone("an old one", runs(again, "anna"))
	last := prepare("anna")
	if err := last.Close(as(t, "anna")); err != nil {
		t.Error(err)
	}
	if n := len(s.prepared.statements); n != 0 {
		t.Errorf("%d statements are kept", n)
	}
}

func TestPrepared_bounds(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p := newPrepared(func() time.Time { return now })
	anna, ben := access.Principal{Name: "anna"}, access.Principal{Name: "ben"}
	add := func(who access.Principal) []byte {
		now = now.Add(time.Second)
		return []byte(p.add(preparedStatement{owner: who}))
	}
	has := func(handle []byte, who access.Principal) bool {
		_, err := p.use(handle, who, nil)
		return err == nil
	}

	first, bens := add(anna), add(ben)
	second := add(anna)
	now = now.Add(time.Second)
	if !has(first, anna) || has(first, ben) || has([]byte("x"), anna) {
		t.Error("statements are not their owner's")
	}
	p.drop(first, ben)
	if !has(first, anna) {
		t.Error("dropped by somebody else")
	}
	for range preparedPerPrincipal - 1 {
		add(anna)
	}
	if has(second, anna) || !has(first, anna) || !has(bens, ben) {
		t.Error("not the one used least recently went")
	}
	for i := range preparedAtAll {
		add(access.Principal{Name: fmt.Sprint(i)})
	}
	if len(p.statements) > preparedAtAll {
		t.Errorf("%d statements", len(p.statements))
	}
	last := add(ben)
	now = now.Add(preparedFor)
	if !has(last, ben) {
		t.Error("gone too early")
	}
	now = now.Add(preparedFor + time.Second)
	if has(last, ben) || len(p.statements) != 0 {
		t.Errorf("%d statements left after an hour", len(p.statements))
	}
	closed := add(ben)
	p.drop(closed, ben)
	if has(closed, ben) {
		t.Error("closed, and there")
	}
}

// TestParameterSchema: who is told about parameters, and what.
func TestParameterSchema(t *testing.T) {
	s := serve(t, nil)
	ctx := as(t, "anna")
	st, err := s.client(t).Prepare(ctx, "args 2")
	if err != nil {
		t.Fatal(err)
	}
	if got := st.ParameterSchema(); got != nil {
		t.Errorf("a Go client is told %v", got)
	}
	st, err = s.client(t, grpc.WithUserAgent("ADBC Flight SQL Driver v1")).Prepare(ctx, "args 2")
	if err != nil {
		t.Fatal(err)
	}
	if got := st.ParameterSchema(); got == nil || got.NumFields() != 2 || got.Field(1).Type.ID() != arrow.STRING {
		t.Errorf("another client is told %v", got)
	}
	for in, want := range map[arrow.DataType]arrow.DataType{
		arrow.PrimitiveTypes.Int32:                    arrow.PrimitiveTypes.Int32,
		arrow.FixedWidthTypes.Timestamp_us:            arrow.FixedWidthTypes.Timestamp_ms,
		&arrow.TimestampType{Unit: arrow.Microsecond}: &arrow.TimestampType{Unit: arrow.Millisecond},
		&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}: arrow.BinaryTypes.String,
	} {
		if got := parameterType(in); !arrow.TypeEqual(got, want) {
			t.Errorf("%s is asked for as %s, want %s", in, got, want)
		}
	}
}
