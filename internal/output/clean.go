package output

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean returns s with everything that could steer a terminal or reorder its
// text written as a visible escape: control characters, escape sequences,
// line and paragraph separators, bidirectional overrides and invalid UTF-8.
func Clean(s string) string {
	if isClean(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case steers(r) && r <= 0xff:
			fmt.Fprintf(&b, `\x%02x`, r)
		case steers(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isClean(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return utf8.ValidString(s) && !strings.ContainsFunc(s, steers)
		}
	}
	return true
}

// steers reports whether a terminal does something else with r than draw it.
func steers(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r <= 0x9f, r == 0x2028, r == 0x2029, r == 0xfeff:
		return true
	case r < 0x200b:
		return r == 0xad || r == 0x61c || r == 0x180e
	case r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f:
		return true
	}
	return r >= 0xe0000 && r <= 0xe007f || unicode.Is(unicode.Co, r)
}

// ForTerminal returns a writer that passes line ends and tabs and writes
// whatever else would steer a terminal as \u00XX, which in JSON text means the
// same. A character may be split between two writes.
func ForTerminal(w io.Writer) io.Writer { return &terminalWriter{w: w} }

type terminalWriter struct {
	w    io.Writer
	tail []byte // beginning of a character
}

func (t *terminalWriter) Write(p []byte) (int, error) {
	src := slices.Concat(t.tail, p)
	out := make([]byte, 0, len(src))
	for len(src) > 0 {
		if !utf8.FullRune(src) {
			break
		}
		r, n := utf8.DecodeRune(src)
		switch {
		case r == '\n' || r == '\t':
			out = append(out, byte(r))
		case r == utf8.RuneError && n == 1:
			out = append(out, "\uFFFD"...)
		case r > 0xffff && steers(r):
			out = append(out, "\uFFFD"...)
		case steers(r):
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = append(out, src[:n]...)
		}
		src = src[n:]
	}
	t.tail = append([]byte(nil), src...)
	if _, err := t.w.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Indent cleans text line by line and puts prefix before each.
func Indent(text, prefix string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = prefix + Clean(line)
	}
	return strings.Join(lines, "\n")
}
