package trino

import (
	"encoding/base64"
	"fmt"
	"math/big"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// reads appends the cursor's next value to a builder.
type reads func(c *cursor) error

// sets appends a scalar, given as text, to a builder.
type sets func(text []byte) error

// appender returns what reads values into b, and into the builders within it.
func appender(b array.Builder) (reads, error) {
	inner, err := valueAppender(b)
	if err != nil {
		return nil, err
	}
	return func(c *cursor) error {
		if c.null() {
			b.AppendNull()
			return nil
		}
		return inner(c)
	}, nil
}

func valueAppender(b array.Builder) (reads, error) {
	switch b := b.(type) {
	case *array.ListBuilder:
		return listAppender(b)
	case *array.MapBuilder:
		return mapAppender(b)
	case *array.StructBuilder:
		return structAppender(b)
	}
	set, err := setter(b)
	if err != nil {
		return nil, err
	}
	wantQuotes := isText(b.Type())
	return func(c *cursor) error {
		text, quoted, err := c.scalar()
		if err != nil {
			return err
		}
		if wantQuotes && !quoted {
			return unfit(text, b.Type())
		}
		return set(text)
	}, nil
}

// isText reports whether JSON has values of t as strings only. Doubles may be
// either: NaN and infinities are strings.
func isText(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.BOOL, arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.FLOAT32, arrow.FLOAT64:
		return false
	}
	return true
}

func unfit(text []byte, t arrow.DataType) error {
	return fmt.Errorf("the server sent %s, which is no %s", strconv.Quote(bounded(string(text), 100)), t)
}

func listAppender(b *array.ListBuilder) (reads, error) {
	item, err := appender(b.ValueBuilder())
	if err != nil {
		return nil, err
	}
	return func(c *cursor) error {
		if err := c.enter('['); err != nil {
			return err
		}
		b.Append(true)
		for c.more(']') {
			if err := item(c); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// mapAppender reads objects. Their keys are text, whatever type they have.
func mapAppender(b *array.MapBuilder) (reads, error) {
	key, err := setter(b.KeyBuilder())
	if err != nil {
		return nil, err
	}
	item, err := appender(b.ItemBuilder())
	if err != nil {
		return nil, err
	}
	return func(c *cursor) error {
		if err := c.enter('{'); err != nil {
			return err
		}
		b.Append(true)
		for c.more('}') {
			name, _, err := c.scalar()
			if err == nil {
				err = key(name)
			}
			if err == nil {
				err = c.enter(':')
			}
			if err == nil {
				err = item(c)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// structAppender reads arrays with a value for each field.
func structAppender(b *array.StructBuilder) (reads, error) {
	fields := make([]reads, b.NumField())
	for i := range fields {
		var err error
		if fields[i], err = appender(b.FieldBuilder(i)); err != nil {
			return nil, err
		}
	}
	return func(c *cursor) error {
		b.Append(true)
		return c.tuple(fields)
	}, nil
}

// tuple reads an array of exactly one value for each of columns.
func (c *cursor) tuple(columns []reads) error {
	if err := c.enter('['); err != nil {
		return err
	}
	n := 0
	for ; c.more(']'); n++ {
		if n == len(columns) {
			return fmt.Errorf("the server sent a row of more than %d values", n)
		}
		if err := columns[n](c); err != nil {
			return err
		}
	}
	if n != len(columns) {
		return fmt.Errorf("the server sent a row of %d values instead of %d", n, len(columns))
	}
	return nil
}

// setter returns what appends a scalar to b.
func setter(b array.Builder) (sets, error) {
	switch b := b.(type) {
	case *array.StringBuilder:
		return func(text []byte) error { b.BinaryBuilder.Append(text); return nil }, nil
	case *array.Int8Builder:
		return integer(b.Type(), 8, func(v int64) { b.Append(int8(v)) }), nil
	case *array.Int16Builder:
		return integer(b.Type(), 16, func(v int64) { b.Append(int16(v)) }), nil
	case *array.Int32Builder:
		return integer(b.Type(), 32, func(v int64) { b.Append(int32(v)) }), nil
	case *array.Int64Builder:
		return integer(b.Type(), 64, b.Append), nil
	case *array.Float32Builder:
		return float(b.Type(), 32, func(v float64) { b.Append(float32(v)) }), nil
	case *array.Float64Builder:
		return float(b.Type(), 64, b.Append), nil
	case *array.BooleanBuilder:
		return boolean(b), nil
	case *array.BinaryBuilder:
		return binary(b), nil
	case *array.Date32Builder:
		return date(b), nil
	case *array.TimestampBuilder:
		return timestamp(b), nil
	case *array.Decimal128Builder:
		return decimal(b), nil
	}
	return nil, fmt.Errorf("a %s cannot be read", b.Type())
}

func integer(t arrow.DataType, bits int, set func(int64)) sets {
	return func(text []byte) error {
		v, err := strconv.ParseInt(string(text), 10, bits)
		if err != nil {
			return unfit(text, t)
		}
		set(v)
		return nil
	}
}

func float(t arrow.DataType, bits int, set func(float64)) sets {
	return func(text []byte) error {
		v, err := strconv.ParseFloat(string(text), bits)
		if err != nil {
			return unfit(text, t)
		}
		set(v)
		return nil
	}
}

func boolean(b *array.BooleanBuilder) sets {
	return func(text []byte) error {
		switch string(text) {
		case "true":
			b.Append(true)
		case "false":
			b.Append(false)
		default:
			return unfit(text, b.Type())
		}
		return nil
	}
}

func binary(b *array.BinaryBuilder) sets {
	return func(text []byte) error {
		v, err := base64.StdEncoding.AppendDecode(nil, text)
		if err != nil {
			return unfit(text, b.Type())
		}
		b.Append(v)
		return nil
	}
}

func date(b *array.Date32Builder) sets {
	return func(text []byte) error {
		days, rest, ok := parseDate(text)
		if !ok || len(rest) > 0 {
			return unfit(text, b.Type())
		}
		b.Append(arrow.Date32(days))
		return nil
	}
}

// decimal reads digits with as many after the point as the type has.
func decimal(b *array.Decimal128Builder) sets {
	t := b.Type().(*arrow.Decimal128Type)
	scale := int(t.Scale)
	return func(text []byte) error {
		digits := string(text)
		if scale > 0 {
			point := len(text) - scale - 1
			if point < 0 || text[point] != '.' {
				return unfit(text, t)
			}
			digits = string(text[:point]) + string(text[point+1:])
		}
		n, ok := new(big.Int).SetString(digits, 10)
		if !ok || n.BitLen() > 127 {
			return unfit(text, t)
		}
		v := decimal128.FromBigInt(n)
		if !v.FitsInPrecision(t.Precision) {
			return unfit(text, t)
		}
		b.Append(v)
		return nil
	}
}
