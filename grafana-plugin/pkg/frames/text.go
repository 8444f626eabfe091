package frames

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxText is how many bytes of one value are kept: what is longer nobody reads
// in a table, and a few such rows make a browser stand still.
const MaxText = 64 << 10

// interned holds the texts that a column has had, since the texts of logs
// repeat: equal values share one string. It stops growing when they do not.
type interned map[string]*string

const maxInterned = 10_000

// text returns what is shown for s, which may lie in memory of Arrow's.
func (c *column) text(s string) *string {
	if t, ok := c.texts[s]; ok {
		return t
	}
	shown := strings.Clone(c.bounded(s))
	c.bytes += int64(len(shown)) + 16
	if len(c.texts) < maxInterned && len(s) <= 1024 {
		if c.texts == nil {
			c.texts = interned{}
		}
		c.texts[strings.Clone(s)] = &shown
	}
	return &shown
}

// bounded returns s cleaned, and cut if it is too long.
func (c *column) bounded(s string) string {
	out, short := cut(s, MaxText)
	out = clean(out)
	if short {
		c.faults.cut++
		out += fmt.Sprintf("… (%s bytes)", grouped(int64(len(s))))
	}
	return out
}

// cut returns at most limit bytes of s, whole characters, and whether that is
// less than all.
func cut(s string, limit int) (string, bool) {
	if len(s) <= limit {
		return s, false
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit], true
}

// clean returns s with a visible sign in place of whatever would break a line
// of a table or make it read as something else: control characters, text that
// turns the direction of reading, invalid UTF-8. Line ends and tabs stay.
func clean(s string) string {
	if isClean(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return r
		case r < 0x20:
			return 0x2400 + r // ␀ and the others after it
		case r == 0x7f:
			return '␡'
		case r >= 0x80 && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return utf8.RuneError
		}
		return r
	}, s)
}

// isClean tells plain ASCII, which most text is.
func isClean(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// oneLine returns s without line ends, at most limit bytes of it.
func oneLine(s string, limit int) string {
	if strings.ContainsAny(s, "\n\r\t") {
		s = strings.NewReplacer("\n", " ", "\r", " ", "\t", " ").Replace(s)
	}
	if short, was := cut(s, limit); was {
		return short + "…"
	}
	return s
}

// grouped writes a number as people read it: 1,234,567.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// textOf writes a value of a field.
func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.RawMessage:
		return string(v)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case float64:
		return floatText(v, 64)
	case float32:
		return floatText(float64(v), 32)
	}
	return fmt.Sprint(v)
}

// floatText writes a number as browsers do: with an exponent only where it is
// very large or small.
func floatText(v float64, bitSize int) string {
	if size := math.Abs(v); size != 0 && (size < 1e-6 || size >= 1e21) {
		return strconv.FormatFloat(v, 'g', -1, bitSize)
	}
	return strconv.FormatFloat(v, 'f', -1, bitSize)
}
