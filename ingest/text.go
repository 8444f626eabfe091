package ingest

import (
	"unicode/utf16"
	"unicode/utf8"
)

// arena holds the few bytes of a record that are not slices of the log file:
// unescaped strings, derived ARNs, the remainder. It is reset per record.
type arena struct{ buf []byte }

func (a *arena) reset() { a.buf = a.buf[:0] }

// concat returns the concatenation of parts. Earlier results stay valid: when
// the buffer grows they keep the old one alive.
func (a *arena) concat(parts ...[]byte) []byte {
	start := len(a.buf)
	for _, p := range parts {
		a.buf = append(a.buf, p...)
	}
	return a.buf[start:len(a.buf):len(a.buf)]
}

// text returns the content of string v as valid UTF-8: escapes undone,
// invalid bytes and lone surrogates replaced by U+FFFD. clean is false when
// something had to be replaced.
func (a *arena) text(b []byte, v value) (s []byte, clean bool) {
	s = b[v.start:v.end]
	if !v.escaped && (!v.nonASCII || utf8.Valid(s)) {
		return s, true
	}
	start := len(a.buf)
	clean = true
	for i := 0; i < len(s); {
		if s[i] == '\\' {
			var ok bool
			i, ok = a.unescape(s, i)
			clean = clean && ok
			continue
		}
		r, n := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError && n == 1 {
			clean = false
		}
		a.buf = utf8.AppendRune(a.buf, r)
		i += n
	}
	return a.buf[start:len(a.buf):len(a.buf)], clean
}

// label returns the name of a member, with its escapes undone.
func (a *arena) label(b []byte, name value) []byte {
	if !name.escaped {
		return b[name.start:name.end]
	}
	text, _ := a.text(b, name)
	return text
}

// unescape appends the character of the escape sequence at s[i] and returns
// the index after it; ok is false when the sequence was not valid.
func (a *arena) unescape(s []byte, i int) (next int, ok bool) {
	if i+1 >= len(s) {
		a.buf = utf8.AppendRune(a.buf, utf8.RuneError)
		return len(s), false
	}
	switch c := s[i+1]; c {
	case '"', '\\', '/':
		a.buf = append(a.buf, c)
	case 'b':
		a.buf = append(a.buf, '\b')
	case 'f':
		a.buf = append(a.buf, '\f')
	case 'n':
		a.buf = append(a.buf, '\n')
	case 'r':
		a.buf = append(a.buf, '\r')
	case 't':
		a.buf = append(a.buf, '\t')
	case 'u':
		return a.unescapeUnicode(s, i)
	default:
		a.buf = utf8.AppendRune(a.buf, utf8.RuneError)
		return i + 2, false
	}
	return i + 2, true
}

func (a *arena) unescapeUnicode(s []byte, i int) (next int, ok bool) {
	r, ok := hex4(s, i)
	next = i + 6
	if !ok {
		a.buf = utf8.AppendRune(a.buf, utf8.RuneError)
		return min(i+2, len(s)), false
	}
	if utf16.IsSurrogate(r) {
		low, valid := hex4(s, next)
		if r = utf16.DecodeRune(r, low); valid && r != utf8.RuneError {
			next += 6
		} else {
			r, ok = utf8.RuneError, false
		}
	}
	a.buf = utf8.AppendRune(a.buf, r)
	return next, ok
}

// hex4 reads the code unit of the sequence \uXXXX at s[i].
func hex4(s []byte, i int) (rune, bool) {
	if i+6 > len(s) || s[i] != '\\' || s[i+1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range s[i+2 : i+6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// appendQuoted appends s, valid UTF-8, as a JSON string.
func appendQuoted(dst, s []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
