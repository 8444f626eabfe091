package cttest

import "strconv"

// Pair is a member of an ordered JSON object of strings. Lists of pairs, not
// maps, are used so that the order is fixed and a key can occur twice.
type Pair struct{ Key, Value string }

// Pairs makes pairs from keys and values in turn. It panics when one is
// missing. Without arguments it returns an empty, non-nil list.
func Pairs(keysAndValues ...string) []Pair {
	if len(keysAndValues)%2 != 0 {
		panic("cttest: Pairs: odd number of arguments")
	}
	p := make([]Pair, 0, len(keysAndValues)/2)
	for i := 0; i < len(keysAndValues); i += 2 {
		p = append(p, Pair{keysAndValues[i], keysAndValues[i+1]})
	}
	return p
}

// writer appends JSON. Every member and element ends with a comma, which the
// closing bracket takes back.
type writer struct{ b []byte }

func (w *writer) name(name string) {
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
}

func (w *writer) begin() { w.b = append(w.b, '{') }

func (w *writer) open(name string) {
	w.name(name)
	w.b = append(w.b, '{')
}

func (w *writer) openList(name string) {
	w.name(name)
	w.b = append(w.b, '[')
}

// end closes an object or list with the given bracket.
func (w *writer) end(bracket byte) {
	if n := len(w.b); w.b[n-1] == ',' {
		w.b[n-1] = bracket
	} else {
		w.b = append(w.b, bracket)
	}
	w.b = append(w.b, ',')
}

func (w *writer) str(name, value string) {
	w.name(name)
	w.b = appendString(w.b, value)
	w.b = append(w.b, ',')
}

// opt writes the member unless the value is empty.
func (w *writer) opt(name, value string) {
	if value != "" {
		w.str(name, value)
	}
}

func (w *writer) raw(name, json string) {
	w.name(name)
	w.b = append(w.b, json...)
	w.b = append(w.b, ',')
}

func (w *writer) boolean(name string, v bool) {
	w.name(name)
	w.b = strconv.AppendBool(w.b, v)
	w.b = append(w.b, ',')
}

func (w *writer) number(name string, v int) {
	w.name(name)
	w.b = strconv.AppendInt(w.b, int64(v), 10)
	w.b = append(w.b, ',')
}

func (w *writer) element(value string) {
	w.b = appendString(w.b, value)
	w.b = append(w.b, ',')
}

// object writes an object of strings; nothing when pairs is nil.
func (w *writer) object(name string, pairs []Pair) {
	if pairs == nil {
		return
	}
	w.open(name)
	for _, p := range pairs {
		w.b = appendString(w.b, p.Key)
		w.b = append(w.b, ':')
		w.b = appendString(w.b, p.Value)
		w.b = append(w.b, ',')
	}
	w.end('}')
}

// list writes a list of strings; nothing when values is nil.
func (w *writer) list(name string, values []string) {
	if values == nil {
		return
	}
	w.openList(name)
	for _, v := range values {
		w.element(v)
	}
	w.end(']')
}

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. Bytes that are no UTF-8 are kept:
// a test may want them.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
