package frames

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// checkNested refuses types that appendJSON does not know, before any row is
// read.
func checkNested(t arrow.DataType) error {
	nested, ok := t.(arrow.NestedType)
	if !ok {
		return nil
	}
	for _, f := range nested.Fields() {
		if _, ok := converters[f.Type.ID()]; !ok || f.Type.ID() == arrow.DICTIONARY && !isText(f.Type.(*arrow.DictionaryType).ValueType) {
			return fmt.Errorf("it holds %s, a type that is not known to the plugin: cast it to VARCHAR", f.Type)
		}
		if err := checkNested(f.Type); err != nil {
			return err
		}
	}
	return nil
}

func appendNested(c *column, a arrow.Array, n int) {
	var buffer []byte
	add(c, a, n, 24, func(i int) (json.RawMessage, bool) {
		buffer = appendJSON(buffer[:0], a, i)
		switch {
		case len(buffer) > MaxText:
			// Half a document is none: its beginning is shown as text.
			return c.keep(appendQuoted(nil, c.bounded(string(buffer)))), true
		case string(buffer) == "null": // of a UNION, which has no NULL of its own
			return nil, false
		}
		return c.keep(buffer), true
	})
}

// appendJSONText takes DuckDB's JSON, which is nearly always valid: NaN is not.
func appendJSONText(c *column, a arrow.Array, n int) {
	texts := a.(array.StringLike)
	add(c, a, n, 24, func(i int) (json.RawMessage, bool) {
		s := texts.Value(i)
		if len(s) > MaxText || !json.Valid([]byte(s)) {
			return c.keep(appendQuoted(nil, c.bounded(s))), true
		}
		return c.keep([]byte(clean(s))), true
	})
}

func (c *column) keep(document []byte) json.RawMessage {
	c.bytes += int64(len(document))
	return bytes.Clone(document)
}

// appendJSON writes value i as JSON. What JSON has no number for is text:
// NaN and infinity, and numbers with more digits than floating point has. The
// members of a MAP and a STRUCT are in the order they have there.
func appendJSON(dst []byte, a arrow.Array, i int) []byte {
	if a.IsNull(i) {
		return append(dst, "null"...)
	}
	switch a := a.(type) {
	case *array.Null: // says that nothing in it is NULL
		return append(dst, "null"...)
	case *array.Map:
		return appendMap(dst, a, i)
	case array.ListLike:
		start, end := a.ValueOffsets(i)
		dst = append(dst, '[')
		for j := start; j < end; j++ {
			if j > start {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, a.ListValues(), int(j))
		}
		return append(dst, ']')
	case *array.Struct:
		return appendStruct(dst, a, i)
	case *array.SparseUnion:
		return appendJSON(dst, a.Field(a.ChildID(i)), i)
	case *array.DenseUnion:
		return appendJSON(dst, a.Field(a.ChildID(i)), int(a.ValueOffset(i)))
	case *array.Dictionary:
		return appendJSON(dst, a.Dictionary(), a.GetValueIndex(i))
	}
	text, isNumber := scalar(a, i)
	if isNumber {
		return append(dst, text...)
	}
	return appendQuoted(dst, text)
}

func appendMap(dst []byte, a *array.Map, i int) []byte {
	start, end := a.ValueOffsets(i)
	dst = append(dst, '{')
	for j := start; j < end; j++ {
		if j > start {
			dst = append(dst, ',')
		}
		dst = appendKey(dst, a.Keys(), int(j))
		dst = append(dst, ':')
		dst = appendJSON(dst, a.Items(), int(j))
	}
	return append(dst, '}')
}

// appendKey writes a key of a MAP, which may have any type, as JSON has it:
// text.
func appendKey(dst []byte, keys arrow.Array, i int) []byte {
	if _, nested := keys.DataType().(arrow.NestedType); nested || keys.IsNull(i) || keys.DataType().ID() == arrow.DICTIONARY {
		document := appendJSON(nil, keys, i)
		if len(document) > 0 && document[0] == '"' {
			return append(dst, document...)
		}
		return appendQuoted(dst, string(document))
	}
	text, _ := scalar(keys, i)
	return appendQuoted(dst, text)
}

// appendStruct writes an object; a list where members have no names of their
// own, as those of row(…).
func appendStruct(dst []byte, a *array.Struct, i int) []byte {
	fields := a.DataType().(*arrow.StructType).Fields()
	names := map[string]bool{}
	for _, f := range fields {
		names[f.Name] = true
	}
	named := len(names) == len(fields) && !names[""]
	opening, closing := byte('['), byte(']')
	if named {
		opening, closing = '{', '}'
	}
	dst = append(dst, opening)
	for j, f := range fields {
		if j > 0 {
			dst = append(dst, ',')
		}
		if named {
			dst = append(appendQuoted(dst, f.Name), ':')
		}
		dst = appendJSON(dst, a.Field(j), i)
	}
	return append(dst, closing)
}

// scalar returns a value as text, and whether that is a number of JSON's.
func scalar(a arrow.Array, i int) (text string, isNumber bool) {
	switch a := a.(type) {
	case *array.Boolean:
		return strconv.FormatBool(a.Value(i)), true
	case *array.Int8:
		return whole(int64(a.Value(i)))
	case *array.Int16:
		return whole(int64(a.Value(i)))
	case *array.Int32:
		return whole(int64(a.Value(i)))
	case *array.Int64:
		return whole(a.Value(i))
	case *array.Uint8:
		return whole(int64(a.Value(i)))
	case *array.Uint16:
		return whole(int64(a.Value(i)))
	case *array.Uint32:
		return whole(int64(a.Value(i)))
	case *array.Uint64:
		return strconv.FormatUint(a.Value(i), 10), a.Value(i) <= maxExact
	case *array.Float32:
		return fraction(float64(a.Value(i)), 32)
	case *array.Float64:
		return fraction(a.Value(i), 64)
	case *array.Decimal32, *array.Decimal64, *array.Decimal128:
		_, exact := decimalOf(a, i, false)
		return decimalText(a, i), exact
	case *array.MonthDayNanoInterval:
		return fraction(seconds(a.Value(i)), 64)
	case array.StringLike:
		return a.Value(i), false
	case *array.Date32:
		return dateText(int64(a.Value(i)))
	case *array.Timestamp:
		return timestampText(int64(a.Value(i)), a.DataType().(*arrow.TimestampType).Unit.Multiplier())
	case *array.Time32, *array.Time64:
		return clock(a, i), false
	}
	return hex.EncodeToString(bytesOf(a, i)), false
}

func whole(v int64) (string, bool) {
	return strconv.FormatInt(v, 10), v <= maxExact && v >= -maxExact
}

func fraction(v float64, bitSize int) (string, bool) {
	return floatText(v, bitSize), !math.IsNaN(v) && !math.IsInf(v, 0)
}

func dateText(days int64) (string, bool) {
	if text, ok := infinity(days, math.MaxInt32); ok {
		return text, false
	}
	return time.Unix(days*24*60*60, 0).UTC().Format(time.DateOnly), false
}

func timestampText(v int64, unit time.Duration) (string, bool) {
	if text, ok := infinity(v, math.MaxInt64); ok {
		return text, false
	}
	perSecond := int64(time.Second / unit)
	t := time.Unix(v/perSecond, v%perSecond*int64(unit)).UTC()
	return t.Format(time.RFC3339Nano), false
}

// infinity returns what DuckDB means by the largest number and its negative.
func infinity(v, largest int64) (string, bool) {
	switch v {
	case largest:
		return "infinity", true
	case -largest:
		return "-infinity", true
	}
	return "", false
}

// appendQuoted writes s as a string of JSON.
func appendQuoted(dst []byte, s string) []byte {
	s = clean(s)
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x80 {
			// A string is never refused.
			quoted, _ := json.Marshal(s)
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}
