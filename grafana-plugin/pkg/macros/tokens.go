package macros

import (
	"strings"
	"unicode/utf8"
)

// kind is what a token is.
type kind int

const (
	blank      kind = iota // spaces and line ends
	comment                // -- to the end of the line, /* */ nested
	text                   // '…', E'…', $$…$$, $tag$…$tag$
	quoted                 // "…"
	word                   // identifiers and keywords
	number                 // 12, 1e5, 0.5
	parameter              // $1, $name, ?
	macroName              // $__name
	sign                   // any other character
	unfinished             // a text, quoted name or comment that does not end
)

// token is a stretch of the statement, from start up to end, in bytes.
type token struct {
	kind       kind
	start, end int
}

// tokenize cuts a statement as DuckDB does. The tokens cover it without a gap.
func tokenize(sql string) []token {
	var tokens []token
	for at := 0; at < len(sql); {
		k, end := next(sql, at)
		tokens = append(tokens, token{k, at, end})
		at = end
	}
	return tokens
}

// next returns the kind and the end of the token at a place before the end.
func next(sql string, at int) (kind, int) {
	rest := sql[at:]
	c := rest[0]
	switch {
	case space(rest) > 0:
		return blank, skipSpace(sql, at)
	case strings.HasPrefix(rest, "--"):
		return comment, lineEnd(sql, at)
	case strings.HasPrefix(rest, "/*"):
		return blockComment(sql, at)
	case c == '\'':
		return closing(sql, at+1, '\'', text)
	case (c == 'e' || c == 'E') && strings.HasPrefix(rest[1:], "'"):
		return escapedText(sql, at+2)
	case c == '"':
		return closing(sql, at+1, '"', quoted)
	case c == '$':
		return dollar(sql, at)
	case c == '?':
		return parameter, at + 1
	case digit(c), c == '.' && len(rest) > 1 && digit(rest[1]):
		return number, numberEnd(sql, at)
	case startsWord(c):
		return word, wordEnd(sql, at)
	}
	_, size := utf8.DecodeRuneInString(rest)
	return sign, at + size
}

// space returns the length of the blank character that text begins with, 0 when
// it begins with another. DuckDB takes the blanks that text pasted from pages
// has, such as a no-break space, for spaces.
func space(text string) int {
	r, size := utf8.DecodeRuneInString(text)
	switch r {
	case ' ', '\t', '\n', '\r', '\f',
		'\u00a0', '\u202f', '\u205f', '\u2060', '\u3000', '\ufeff':
		return size
	}
	if r >= '\u2000' && r <= '\u200b' {
		return size
	}
	return 0
}

func skipSpace(sql string, at int) int {
	for at < len(sql) {
		size := space(sql[at:])
		if size == 0 {
			break
		}
		at += size
	}
	return at
}

// lineEnd returns the place of the next line end, which is no part of a
// comment.
func lineEnd(sql string, at int) int {
	if i := strings.IndexAny(sql[at:], "\r\n"); i >= 0 {
		return at + i
	}
	return len(sql)
}

func blockComment(sql string, at int) (kind, int) {
	depth := 0
	for i := at; i+1 < len(sql); {
		switch sql[i : i+2] {
		case "/*":
			depth++
			i += 2
		case "*/":
			depth--
			i += 2
		default:
			i++
		}
		if depth == 0 {
			return comment, i
		}
	}
	return unfinished, len(sql)
}

// closing looks for the quote that ends what began before at. Two of them in a
// row are one that is part of it.
func closing(sql string, at int, quote byte, k kind) (kind, int) {
	for ; at < len(sql); at++ {
		if sql[at] != quote {
			continue
		}
		if at+1 < len(sql) && sql[at+1] == quote {
			at++
			continue
		}
		return k, at + 1
	}
	return unfinished, len(sql)
}

// escapedText reads on behind E'. Such a text goes on where another follows it
// in a later line, and that has backslashes as well.
func escapedText(sql string, at int) (kind, int) {
	for ; at < len(sql); at++ {
		switch {
		case sql[at] == '\\':
			at++
		case sql[at] != '\'':
		case strings.HasPrefix(sql[at+1:], "'"):
			at++
		default:
			more := continued(sql, at+1)
			if more < 0 {
				return text, at + 1
			}
			at = more
		}
	}
	return unfinished, len(sql)
}

// continued returns the place of the quote with which a text that ended before
// at goes on: behind a line end at least, and comments up to a line end. It is
// -1 when the text does not go on.
func continued(sql string, at int) int {
	newline := false
	for at < len(sql) {
		switch size := space(sql[at:]); {
		case size > 0:
			newline = newline || sql[at] == '\n' || sql[at] == '\r'
			at += size
		case strings.HasPrefix(sql[at:], "--"):
			at = lineEnd(sql, at)
		case sql[at] == '\'' && newline:
			return at
		default:
			return -1
		}
	}
	return -1
}

// dollar reads what begins with a dollar sign: a text, a parameter or a macro.
func dollar(sql string, at int) (kind, int) {
	end := at + 1
	if digits := digitsEnd(sql, end); digits > end {
		return parameter, digits
	}
	if end+1 < len(sql) && sql[end]|0x20 == 'e' && sql[end+1] == '\'' {
		return sign, end
	}
	for end < len(sql) && (startsWord(sql[end]) || digit(sql[end])) && space(sql[end:]) == 0 {
		end++
	}
	name := sql[at:end]
	switch {
	case end < len(sql) && sql[end] == '$':
		tag := sql[at : end+1]
		i := strings.Index(sql[end+1:], tag)
		if i < 0 {
			return unfinished, len(sql)
		}
		return text, end + 1 + i + len(tag)
	case name == "$":
		return sign, end
	case strings.HasPrefix(name, "$__"):
		return macroName, end
	}
	return parameter, end
}

// numberEnd returns the end of 12, 1_000, 1.5, .5 or 1e-5. What cannot be part
// of a number begins a word: 1.5e is 1.5 with the alias e.
func numberEnd(sql string, at int) int {
	at = digitsEnd(sql, at)
	if at < len(sql) && sql[at] == '.' && !strings.HasPrefix(sql[at:], "..") {
		at = digitsEnd(sql, at+1)
	}
	if at < len(sql) && sql[at]|0x20 == 'e' {
		exponent := at + 1
		if exponent < len(sql) && (sql[exponent] == '+' || sql[exponent] == '-') {
			exponent++
		}
		if end := digitsEnd(sql, exponent); end > exponent {
			return end
		}
	}
	return at
}

func digitsEnd(sql string, at int) int {
	for begin := at; at < len(sql); at++ {
		underscore := sql[at] == '_' && at > begin && at+1 < len(sql) && digit(sql[at+1])
		if !digit(sql[at]) && !underscore {
			break
		}
	}
	return at
}

func wordEnd(sql string, at int) int {
	for at < len(sql) && (startsWord(sql[at]) || digit(sql[at]) || sql[at] == '$') && space(sql[at:]) == 0 {
		at++
	}
	return at
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// startsWord says that a word can begin with c. Beyond ASCII each byte of a
// character can.
func startsWord(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
