package trino

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

const (
	secondsPerDay  = 24 * 60 * 60
	nanosPerSecond = 1_000_000_000
)

// maxYear keeps years within what microseconds of 64 bits can say.
const maxYear = 290_000

// timestamp reads "2026-01-04 10:00:00.123456", and " UTC" or " +02:00" after it
// when the type has a zone.
func timestamp(b *array.TimestampBuilder) sets {
	t := b.Type().(*arrow.TimestampType)
	return func(text []byte) error {
		seconds, nanos, rest, ok := parseMoment(text)
		if !ok || (t.TimeZone == "" && len(rest) > 0) {
			return unfit(text, t)
		}
		if t.TimeZone != "" {
			east, err := parseZone(rest)
			if err != nil {
				return err
			}
			seconds -= east
		}
		v, ok := scaled(seconds, nanos, t.Unit)
		if !ok {
			return unfit(text, t)
		}
		b.Append(v)
		return nil
	}
}

// scaled returns a moment as a number of units, if that loses nothing.
func scaled(seconds, nanos int64, unit arrow.TimeUnit) (arrow.Timestamp, bool) {
	if unit == arrow.Microsecond {
		return arrow.Timestamp(seconds*1e6 + nanos/1e3), nanos%1e3 == 0
	}
	if seconds >= math.MaxInt64/nanosPerSecond || seconds <= math.MinInt64/nanosPerSecond {
		return 0, false
	}
	return arrow.Timestamp(seconds*nanosPerSecond + nanos), true
}

// parseMoment reads a date and a time of day, and returns what follows.
func parseMoment(text []byte) (seconds, nanos int64, rest []byte, ok bool) {
	days, rest, ok := parseDate(text)
	if !ok || len(rest) < 9 || rest[0] != ' ' || rest[3] != ':' || rest[6] != ':' {
		return 0, 0, nil, false
	}
	h, ok1 := digits(rest[1:3])
	m, ok2 := digits(rest[4:6])
	s, ok3 := digits(rest[7:9])
	if !ok1 || !ok2 || !ok3 || h > 23 || m > 59 || s > 59 {
		return 0, 0, nil, false
	}
	nanos, rest, ok = parseFraction(rest[9:])
	return days*secondsPerDay + h*3600 + m*60 + s, nanos, rest, ok
}

// parseFraction reads up to nine digits after a point, if there is one.
func parseFraction(text []byte) (nanos int64, rest []byte, ok bool) {
	if len(text) == 0 || text[0] != '.' {
		return 0, text, true
	}
	end := 1
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	nanos, ok = digits(text[1:end])
	if !ok || end > 10 {
		return 0, nil, false
	}
	for range 10 - end {
		nanos *= 10
	}
	return nanos, text[end:], true
}

// parseDate reads a date, whose year may have a sign and more than four digits,
// as days since 1970, and returns what follows.
func parseDate(text []byte) (days int64, rest []byte, ok bool) {
	negative := len(text) > 0 && text[0] == '-'
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		text = text[1:]
	}
	end := bytes.IndexByte(text, '-')
	if end < 4 || end > 6 || len(text) < end+6 || text[end+3] != '-' {
		return 0, nil, false
	}
	year, ok1 := digits(text[:end])
	month, ok2 := digits(text[end+1 : end+3])
	day, ok3 := digits(text[end+4 : end+6])
	if !ok1 || !ok2 || !ok3 || year > maxYear {
		return 0, nil, false
	}
	if negative {
		year = -year
	}
	d := time.Date(int(year), time.Month(month), int(day), 0, 0, 0, 0, time.UTC)
	// The 31st of February would be one of March.
	if int64(d.Month()) != month || int64(d.Day()) != day {
		return 0, nil, false
	}
	return d.Unix() / secondsPerDay, text[end+6:], true
}

// parseZone reads how many seconds a zone lies before UTC.
func parseZone(text []byte) (int64, error) {
	zone := string(text)
	if zone == " UTC" || zone == " Z" {
		return 0, nil
	}
	if len(zone) == 7 && zone[0] == ' ' && zone[4] == ':' && (zone[1] == '+' || zone[1] == '-') {
		h, ok1 := digits(text[2:4])
		m, ok2 := digits(text[5:7])
		if ok1 && ok2 && h <= 18 && m <= 59 {
			east := h*3600 + m*60
			if zone[1] == '-' {
				east = -east
			}
			return east, nil
		}
	}
	if zone == "" {
		return 0, errors.New("the server sent a time with zone without one")
	}
	return 0, fmt.Errorf("a time in the zone%s may mean two moments; write at_timezone(x, 'UTC') in the query", bounded(zone, 100))
}

// digits reads a number of at most nine digits.
func digits(text []byte) (n int64, ok bool) {
	if len(text) == 0 || len(text) > 9 {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}
