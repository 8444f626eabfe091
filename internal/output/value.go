package output

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// appendText appends the value at i as text: what a table or CSV cell shows.
// The value is not NULL.
func appendText(dst []byte, a arrow.Array, i int) []byte {
	switch a := a.(type) {
	case *array.String:
		return append(dst, a.Value(i)...)
	case *array.LargeString:
		return append(dst, a.Value(i)...)
	case *array.Float64:
		return appendFloat(dst, a.Value(i), 64)
	case *array.Float32:
		return appendFloat(dst, float64(a.Value(i)), 32)
	}
	if s, ok := bareText(a, i); ok {
		return append(dst, s...)
	}
	return appendJSON(dst, a, i)
}

func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.AppendFloat(dst, f, 'f', -1, bits)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, bits)
}

// appendJSON appends the value at i as JSON.
func appendJSON(dst []byte, a arrow.Array, i int) []byte {
	if a.IsNull(i) {
		return append(dst, "null"...)
	}
	if s, ok := bareText(a, i); ok {
		return appendString(dst, s)
	}
	switch a := a.(type) {
	case *array.String:
		return appendString(dst, a.Value(i))
	case *array.LargeString:
		return appendString(dst, a.Value(i))
	case *array.Boolean:
		return strconv.AppendBool(dst, a.Value(i))
	case *array.Float64:
		return appendJSONFloat(dst, a.Value(i), 64)
	case *array.Float32:
		return appendJSONFloat(dst, float64(a.Value(i)), 32)
	case *array.Map:
		return appendMap(dst, a, i)
	case array.ListLike:
		return appendList(dst, a, i)
	case *array.Struct:
		return appendStruct(dst, a, i)
	case *array.Dictionary:
		return appendJSON(dst, a.Dictionary(), a.GetValueIndex(i))
	case *array.Decimal128:
		return append(dst, a.Value(i).ToString(a.DataType().(arrow.DecimalType).GetScale())...)
	case *array.Decimal256:
		return append(dst, a.Value(i).ToString(a.DataType().(arrow.DecimalType).GetScale())...)
	}
	if n, ok := appendInteger(dst, a, i); ok {
		return n
	}
	return appendString(dst, a.ValueStr(i))
}

func appendJSONFloat(dst []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	return appendFloat(dst, f, bits)
}

func appendInteger(dst []byte, a arrow.Array, i int) ([]byte, bool) {
	switch a := a.(type) {
	case *array.Int64:
		return strconv.AppendInt(dst, a.Value(i), 10), true
	case *array.Int32:
		return strconv.AppendInt(dst, int64(a.Value(i)), 10), true
	case *array.Int16:
		return strconv.AppendInt(dst, int64(a.Value(i)), 10), true
	case *array.Int8:
		return strconv.AppendInt(dst, int64(a.Value(i)), 10), true
	case *array.Uint64:
		return strconv.AppendUint(dst, a.Value(i), 10), true
	case *array.Uint32:
		return strconv.AppendUint(dst, uint64(a.Value(i)), 10), true
	case *array.Uint16:
		return strconv.AppendUint(dst, uint64(a.Value(i)), 10), true
	case *array.Uint8:
		return strconv.AppendUint(dst, uint64(a.Value(i)), 10), true
	}
	return dst, false
}

// bareText gives values whose text has no quotes in a cell but is a string in
// JSON: times, spans of time and binary.
func bareText(a arrow.Array, i int) (string, bool) {
	switch a := a.(type) {
	case *array.Timestamp:
		return formatTimestamp(a, i), true
	case *array.Date32:
		return a.Value(i).ToTime().Format(time.DateOnly), true
	case *array.Date64:
		return a.Value(i).ToTime().Format(time.DateOnly), true
	case *array.Time64:
		return a.Value(i).ToTime(a.DataType().(*arrow.Time64Type).Unit).Format("15:04:05.999999999"), true
	case *array.Time32:
		return a.Value(i).ToTime(a.DataType().(*arrow.Time32Type).Unit).Format("15:04:05.999"), true
	case *array.MonthDayNanoInterval:
		return formatInterval(a.Value(i)), true
	case *array.Binary:
		return base64.StdEncoding.EncodeToString(a.Value(i)), true
	case *array.LargeBinary:
		return base64.StdEncoding.EncodeToString(a.Value(i)), true
	case *array.FixedSizeBinary:
		return base64.StdEncoding.EncodeToString(a.Value(i)), true
	case *array.Dictionary:
		if s, ok := a.Dictionary().(*array.String); ok {
			return s.Value(a.GetValueIndex(i)), true
		}
	}
	return "", false
}

// formatTimestamp writes RFC 3339 in UTC. DuckDB's infinities have no date.
func formatTimestamp(a *array.Timestamp, i int) string {
	v := a.Value(i)
	switch int64(v) {
	case math.MaxInt64:
		return "infinity"
	case -math.MaxInt64:
		return "-infinity"
	}
	unit := a.DataType().(*arrow.TimestampType).Unit
	return v.ToTime(unit).UTC().Format("2006-01-02T15:04:05.999999999Z07:00")
}

// formatInterval writes an ISO 8601 duration such as P1M2DT3.5S.
func formatInterval(v arrow.MonthDayNanoInterval) string {
	var b strings.Builder
	b.WriteByte('P')
	if v.Months != 0 {
		fmt.Fprintf(&b, "%dM", v.Months)
	}
	if v.Days != 0 {
		fmt.Fprintf(&b, "%dD", v.Days)
	}
	if v.Nanoseconds != 0 || b.Len() == 1 {
		b.WriteString("T" + strconv.FormatFloat(float64(v.Nanoseconds)/1e9, 'f', -1, 64) + "S")
	}
	return b.String()
}

func appendMap(dst []byte, a *array.Map, i int) []byte {
	from, to := a.ValueOffsets(i)
	dst = append(dst, '{')
	for j := from; j < to; j++ {
		if j > from {
			dst = append(dst, ',')
		}
		dst = appendString(dst, string(appendText(nil, a.Keys(), int(j))))
		dst = append(dst, ':')
		dst = appendJSON(dst, a.Items(), int(j))
	}
	return append(dst, '}')
}

func appendList(dst []byte, a array.ListLike, i int) []byte {
	from, to := a.ValueOffsets(i)
	dst = append(dst, '[')
	for j := from; j < to; j++ {
		if j > from {
			dst = append(dst, ',')
		}
		dst = appendJSON(dst, a.ListValues(), int(j))
	}
	return append(dst, ']')
}

func appendStruct(dst []byte, a *array.Struct, i int) []byte {
	dst = append(dst, '{')
	for j := range a.NumField() {
		if j > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, a.DataType().(*arrow.StructType).Field(j).Name)
		dst = append(dst, ':')
		dst = appendJSON(dst, a.Field(j), i)
	}
	return append(dst, '}')
}

// appendString appends s as a JSON string. Beyond what JSON asks for,
// everything that steers a terminal is escaped, which loses nothing.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			dst = append(dst, `\ufffd`...)
		case r > 0xffff && steers(r):
			quoted, _ := json.Marshal(string(r))
			dst = append(dst, quoted[1:len(quoted)-1]...)
		case steers(r):
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

// isNumber reports whether a column of type t is aligned to the right.
func isNumber(t arrow.DataType) bool {
	return arrow.IsInteger(t.ID()) || arrow.IsFloating(t.ID()) || arrow.IsDecimal(t.ID())
}

// isText reports whether cells of type t hold text that somebody chose.
func isText(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.STRING, arrow.LARGE_STRING, arrow.DICTIONARY:
		return true
	}
	return false
}

func isTime(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.TIMESTAMP, arrow.DATE32, arrow.DATE64, arrow.TIME32, arrow.TIME64:
		return true
	}
	return false
}
