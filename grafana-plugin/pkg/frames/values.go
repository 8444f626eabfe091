package frames

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// maxExact is the largest whole number up to which floating point, which is
// what browsers compute with, has them all.
const maxExact = 1 << 53

func appendInt64(c *column, a arrow.Array, n int) {
	values := a.(*array.Int64)
	add(c, a, n, 8, func(i int) (int64, bool) {
		v := values.Value(i)
		if v > maxExact || v < -maxExact {
			c.faults.inexact++
		}
		return v, true
	})
}

func appendUint64(c *column, a arrow.Array, n int) {
	values := a.(*array.Uint64)
	add(c, a, n, 8, func(i int) (uint64, bool) {
		v := values.Value(i)
		if v > maxExact {
			c.faults.inexact++
		}
		return v, true
	})
}

func appendDecimal(c *column, a arrow.Array, n int) {
	unsigned := c.typeName == "UHUGEINT"
	add(c, a, n, 8, func(i int) (float64, bool) {
		v, exact := decimalOf(a, i, unsigned)
		if !exact {
			c.faults.inexact++
		}
		return v, true
	})
}

// decimalOf returns the nearest number, and whether all digits are in it.
// A UHUGEINT comes as the bits of a signed one.
func decimalOf(a arrow.Array, i int, unsigned bool) (v float64, exact bool) {
	if d, ok := a.(*array.Decimal128); ok {
		num, scale := d.Value(i), d.DataType().(*arrow.Decimal128Type).Scale
		if unsigned && num.Sign() < 0 {
			return float64(uint64(num.HighBits()))*(1<<64) + float64(num.LowBits()), false
		}
		if small, ok := fits(num); ok && scale >= 0 && int(scale) < len(powers) {
			return float64(small) / powers[scale], scale == 0 || small < 1e15 && small > -1e15
		}
	}
	text := decimalText(a, i)
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil && significant(text) <= 15
}

// significant counts the digits of a number from the first to the last that is
// not 0. Floating point keeps 15 of them.
func significant(number string) int {
	digits := strings.Replace(strings.TrimPrefix(number, "-"), ".", "", 1)
	return len(strings.Trim(digits, "0"))
}

// fits returns a number that floating point has exactly.
func fits(n decimal128.Num) (int64, bool) {
	v := int64(n.LowBits())
	return v, n == decimal128.FromI64(v) && v <= maxExact && v >= -maxExact
}

// powers are those of ten that floating point has exactly, so that one
// division rounds once.
var powers = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// decimalText returns all digits.
func decimalText(a arrow.Array, i int) string {
	switch a := a.(type) {
	case *array.Decimal32:
		return a.Value(i).ToString(a.DataType().(arrow.DecimalType).GetScale())
	case *array.Decimal64:
		return a.Value(i).ToString(a.DataType().(arrow.DecimalType).GetScale())
	case *array.Decimal128:
		return a.Value(i).ToString(a.DataType().(arrow.DecimalType).GetScale())
	}
	return ""
}

func appendDate(c *column, a arrow.Array, n int) {
	values := a.(*array.Date32)
	add(c, a, n, 24, func(i int) (time.Time, bool) {
		return c.inRange(int64(values.Value(i)), 24*time.Hour)
	})
}

func appendTimestamp(c *column, a arrow.Array, n int) {
	values := a.(*array.Timestamp)
	unit := a.DataType().(*arrow.TimestampType).Unit.Multiplier()
	add(c, a, n, 24, func(i int) (time.Time, bool) {
		return c.inRange(int64(values.Value(i)), unit)
	})
}

// inRange returns the time that lies v units after 1970. Grafana has times as
// nanoseconds in 64 bits: others, DuckDB's infinity among them, would turn
// into wrong ones.
func (c *column) inRange(v int64, unit time.Duration) (time.Time, bool) {
	if limit := math.MaxInt64 / int64(unit); v > limit || v < -limit {
		c.faults.outside++
		return time.Time{}, false
	}
	return time.Unix(0, v*int64(unit)).UTC(), true
}

func appendClock(c *column, a arrow.Array, n int) {
	add(c, a, n, 32, func(i int) (string, bool) { return clock(a, i), true })
}

// clock returns a time of day as 15:04:05, with as many digits after it as it
// has.
func clock(a arrow.Array, i int) string {
	var ns int64
	switch a := a.(type) {
	case *array.Time32:
		ns = int64(a.Value(i)) * int64(a.DataType().(*arrow.Time32Type).Unit.Multiplier())
	case *array.Time64:
		ns = int64(a.Value(i)) * int64(a.DataType().(*arrow.Time64Type).Unit.Multiplier())
	}
	// DuckDB has 24:00:00 too, which package time does not.
	out := time.Unix(0, ns%int64(time.Hour)).UTC().Format(":04:05.999999999")
	hours := strconv.FormatInt(ns/int64(time.Hour), 10)
	if len(hours) < 2 {
		hours = "0" + hours
	}
	return hours + out
}

func appendInterval(c *column, a arrow.Array, n int) {
	values := a.(*array.MonthDayNanoInterval)
	add(c, a, n, 8, func(i int) (float64, bool) {
		v := values.Value(i)
		if v.Months != 0 {
			c.faults.months++
		}
		return seconds(v), true
	})
}

// seconds is how long an interval is, as DuckDB compares them: a month has 30
// days, a day 24 hours.
func seconds(v arrow.MonthDayNanoInterval) float64 {
	days := int64(v.Months)*30 + int64(v.Days)
	return float64(days*24*60*60) + float64(v.Nanoseconds)/1e9
}

func appendText(c *column, a arrow.Array, n int) {
	c.addTexts(a, n, a.(array.StringLike).Value)
}

func appendDictionary(c *column, a arrow.Array, n int) {
	values := a.(*array.Dictionary)
	texts := values.Dictionary().(array.StringLike)
	at := c.grow(n, 0)
	for i := range n {
		if entry := values.GetValueIndex(i); !values.IsNull(i) && !texts.IsNull(entry) {
			c.field.Set(at+i, c.text(texts.Value(entry)))
		}
	}
}

func appendBinary(c *column, a arrow.Array, n int) {
	text := func(i int) string { return hex.EncodeToString(bytesOf(a, i)) }
	switch {
	case c.typeName == "BIT":
		text = func(i int) string { return bits(bytesOf(a, i)) }
	case a.DataType().ID() == arrow.FIXED_SIZE_BINARY && c.typeName == "UUID":
		text = func(i int) string { return uuidText(bytesOf(a, i)) }
	}
	c.addTexts(a, n, text)
}

func bytesOf(a arrow.Array, i int) []byte {
	if a, ok := a.(interface{ Value(i int) []byte }); ok {
		return a.Value(i)
	}
	return nil
}

// bits returns DuckDB's BIT as zeros and ones: the first byte says how many
// bits of the second are padding.
func bits(b []byte) string {
	if len(b) < 2 || b[0] > 7 {
		return hex.EncodeToString(b)
	}
	var out strings.Builder
	for i := int(b[0]); i < (len(b)-1)*8; i++ {
		out.WriteByte('0' + b[1+i/8]>>(7-i%8)&1)
	}
	return out.String()
}

func uuidText(b []byte) string {
	s := hex.EncodeToString(b)
	if len(s) != 32 {
		return s
	}
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

func (c *column) addTexts(a arrow.Array, n int, value func(i int) string) {
	at := c.grow(n, 0)
	for i := range n {
		if !a.IsNull(i) {
			c.field.Set(at+i, c.text(value(i)))
		}
	}
}
