package ingest

import (
	"encoding/binary"
	"math/bits"
)

// The scanner walks JSON text without building anything. It trusts nothing:
// every index is checked, nesting is counted and not recursed into, and what
// it reports as a value is only as valid as its brackets and quotes. Whoever
// passes a raw span on must validate it.

// kind is the kind of a JSON value, by its first byte.
type kind uint8

const (
	kindNone kind = iota
	kindString
	kindObject
	kindArray
	kindTrue
	kindFalse
	kindNull
	kindNumber
)

// value is a span of the scanned text. For a string it excludes the quotes.
// Text is far smaller than 2 GiB, and small values are cheap to pass on.
type value struct {
	start, end int32
	kind       kind
	escaped    bool // string with a backslash
	nonASCII   bool // string with a byte above 0x7f
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// scanString finds the end of the string whose first byte is b[i], the one
// after the opening quote. It returns the index of the closing quote, or -1.
func scanString(b []byte, i int) (end int, escaped, nonASCII bool) {
	var seen uint64
	for i+8 <= len(b) {
		x := binary.LittleEndian.Uint64(b[i:])
		q := x ^ (ones * '"')
		s := x ^ (ones * '\\')
		hit := ((q - ones) &^ q & highs) | ((s - ones) &^ s & highs)
		if hit == 0 {
			seen |= x
			i += 8
			continue
		}
		n := bits.TrailingZeros64(hit) >> 3
		seen |= x & (1<<(uint(n)*8) - 1)
		i += n
		if b[i] == '"' {
			return i, escaped, seen&highs != 0
		}
		escaped = true
		i += 2
	}
	for i < len(b) {
		switch c := b[i]; {
		case c == '"':
			return i, escaped, seen&highs != 0
		case c == '\\':
			escaped = true
			i += 2
		default:
			seen |= uint64(c)
			i++
		}
	}
	return -1, escaped, false
}

// structural marks the bytes that skipNested must look at.
var structural = func() (t [256]bool) {
	for _, c := range `"{}[]` {
		t[c] = true
	}
	return t
}()

// skipString is scanString for those who want only the end: it looks for quotes
// and, at each, whether backslashes escape it.
func skipString(b []byte, i int) int {
	start := i
	for ; i+8 <= len(b); i++ {
		q := binary.LittleEndian.Uint64(b[i:]) ^ (ones * '"')
		hit := (q - ones) &^ q & highs
		if hit == 0 {
			i += 7
			continue
		}
		i += bits.TrailingZeros64(hit) >> 3
		if i == start || b[i-1] != '\\' || !escaped(b[start:i]) {
			return i
		}
	}
	if escaped(b[start:min(i, len(b))]) {
		i++
	}
	end, _, _ := scanString(b, i)
	return end
}

// escaped reports whether a character after s is escaped: whether s ends in an
// odd number of backslashes.
func escaped(s []byte) bool {
	n := len(s)
	for n > 0 && s[n-1] == '\\' {
		n--
	}
	return (len(s)-n)%2 == 1
}

// skipNested finds the end of the object or array that was opened before
// b[i], at the given depth below it (1: one bracket is open). It returns the
// index after the closing bracket, or -1, and the deepest nesting seen.
// Brackets are counted and not matched by kind.
func skipNested(b []byte, i, depth int) (end, deepest int) {
	deepest = depth
	for i < len(b) {
		c := b[i]
		i++
		if !structural[c] {
			continue
		}
		switch c {
		case '"':
			if i = skipStrings(b, i); i < 0 {
				return -1, deepest
			}
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		default:
			depth--
			if depth == 0 {
				return i, deepest
			}
		}
	}
	return -1, deepest
}

// skipStrings skips the string whose first byte is b[i], and those that
// follow it directly, as "name":"value","name":"value" do. It returns the
// index after the last closing quote, or -1.
func skipStrings(b []byte, i int) int {
	for {
		end := skipString(b, i)
		if end < 0 {
			return -1
		}
		if end+2 >= len(b) || b[end+2] != '"' || (b[end+1] != ':' && b[end+1] != ',') {
			return end + 1
		}
		i = end + 3
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

// scanValue reads the value that starts at b[i] (no leading space). It
// returns the index after it, or -1, and how deep the value nests.
func scanValue(b []byte, i int) (v value, next, deepest int) {
	if i >= len(b) {
		return v, -1, 0
	}
	switch c := b[i]; c {
	case '"':
		end, esc, non := scanString(b, i+1)
		if end < 0 {
			return v, -1, 0
		}
		return value{int32(i + 1), int32(end), kindString, esc, non}, end + 1, 0
	case '{', '[':
		end, deep := skipNested(b, i+1, 1)
		if end < 0 {
			return v, -1, deep
		}
		k := kindObject
		if c == '[' {
			k = kindArray
		}
		return value{start: int32(i), end: int32(end), kind: k}, end, deep
	default:
		return scanScalar(b, i)
	}
}

// scanScalar reads true, false, null or a number.
func scanScalar(b []byte, i int) (v value, next, deepest int) {
	j := i
	for j < len(b) && b[j] != ',' && b[j] != '}' && b[j] != ']' && !isSpace(b[j]) {
		j++
	}
	v = value{start: int32(i), end: int32(j)}
	switch text := b[i:j]; string(text) {
	case "true":
		v.kind = kindTrue
	case "false":
		v.kind = kindFalse
	case "null":
		v.kind = kindNull
	default:
		if !isNumber(text) {
			return v, -1, 0
		}
		v.kind = kindNumber
	}
	return v, j, 0
}

// isNumber reports whether s follows JSON's grammar of numbers.
func isNumber(s []byte) bool {
	digits := func(s []byte) int {
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		return n
	}
	if len(s) > 0 && s[0] == '-' {
		s = s[1:]
	}
	n := digits(s)
	if n == 0 || (n > 1 && s[0] == '0') {
		return false
	}
	s = s[n:]
	if len(s) > 0 && s[0] == '.' {
		if n = digits(s[1:]); n == 0 {
			return false
		}
		s = s[1+n:]
	}
	if len(s) > 0 && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if len(s) > 0 && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		if n = digits(s); n == 0 {
			return false
		}
		s = s[n:]
	}
	return len(s) == 0
}

// objectScanner walks the members of an object.
type objectScanner struct {
	b       []byte
	i       int // index of the next byte to look at; -1 after a syntax error
	first   bool
	deepest int // deepest nesting of any value seen, relative to the object

	// The member that next found.
	name, value value
}

// scanObject starts at b[i], the byte after the opening brace.
func scanObject(b []byte, i int) objectScanner {
	return objectScanner{b: b, i: i, first: true}
}

// objectIn walks the members of the object v.
func objectIn(b []byte, v value) objectScanner { return scanObject(b, int(v.start)+1) }

// next reads the next member. It is false at the end of the object, where o.i
// is the index after the closing brace, and after a syntax error, where o.i
// is -1.
func (o *objectScanner) next() bool {
	if !o.nextName() {
		return false
	}
	b, i := o.b, o.i
	if i < len(b) && b[i] == '"' { // most values
		end, esc, non := scanString(b, i+1)
		if end < 0 {
			o.i = -1
			return false
		}
		o.value = value{int32(i + 1), int32(end), kindString, esc, non}
		o.i = end + 1
		return true
	}
	var deep int
	o.value, o.i, deep = scanValue(b, i)
	o.deepest = max(o.deepest, deep)
	return o.i >= 0
}

// nextName reads up to the first byte of the next member's value.
func (o *objectScanner) nextName() bool {
	b, i := o.b, o.i
	switch {
	case i+2 < len(b) && b[i] == ',' && b[i+1] == '"' && !o.first: // as CloudTrail writes
		i += 2
	default:
		if i = o.beforeName(); i < 0 {
			return false
		}
	}
	o.first = false
	end, esc, non := scanString(b, i)
	if end < 0 {
		o.i = -1
		return false
	}
	o.name = value{int32(i), int32(end), kindString, esc, non}
	if end+2 < len(b) && b[end+1] == ':' && !isSpace(b[end+2]) {
		o.i = end + 2
		return true
	}
	i = skipSpace(b, end+1)
	if i >= len(b) || b[i] != ':' {
		o.i = -1
		return false
	}
	o.i = skipSpace(b, i+1)
	return true
}

// beforeName moves to the first byte of the next name, through any space. It
// returns -1 at the end of the object and after a syntax error.
func (o *objectScanner) beforeName() int {
	b, i := o.b, skipSpace(o.b, o.i)
	o.i = -1
	if i < len(b) && b[i] == '}' {
		o.i = i + 1
		return -1
	}
	if !o.first {
		if i >= len(b) || b[i] != ',' {
			return -1
		}
		i = skipSpace(b, i+1)
	}
	if i >= len(b) || b[i] != '"' {
		return -1
	}
	return i + 1
}

// skipRest moves behind the object without looking at its members.
func (o *objectScanner) skipRest() bool {
	var deep int
	o.i, deep = skipNested(o.b, o.i, 1)
	o.deepest = max(o.deepest, deep)
	return o.i >= 0
}

// arrayScanner walks the elements of an array.
type arrayScanner struct {
	b       []byte
	i       int // as in objectScanner
	first   bool
	deepest int
	value   value // the element that next found
}

// scanArray starts at b[i], the byte after the opening bracket.
func scanArray(b []byte, i int) arrayScanner {
	return arrayScanner{b: b, i: i, first: true}
}

// arrayIn walks the elements of the array v.
func arrayIn(b []byte, v value) arrayScanner { return scanArray(b, int(v.start)+1) }

// more moves to the first byte of the next element. It returns false at the
// end of the array, where a.i is the index after the closing bracket, and
// after a syntax error, where a.i is -1.
func (a *arrayScanner) more() bool {
	b, i := a.b, skipSpace(a.b, a.i)
	if i >= len(b) {
		a.i = -1
		return false
	}
	if b[i] == ']' {
		a.i = i + 1
		return false
	}
	if !a.first {
		if b[i] != ',' {
			a.i = -1
			return false
		}
		i = skipSpace(b, i+1)
	}
	a.first = false
	a.i = i
	return true
}

// next reads the next element; the result as in objectScanner.next.
func (a *arrayScanner) next() bool {
	if !a.more() {
		return false
	}
	var deep int
	a.value, a.i, deep = scanValue(a.b, a.i)
	a.deepest = max(a.deepest, deep)
	return a.i >= 0
}
