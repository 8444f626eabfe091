package sqlfile

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind is the kind of a token.
type Kind int

// The kinds of tokens.
const (
	Word      Kind = iota // keyword or name, unquoted
	Quoted                // "quoted name"
	String                // 'text'
	Number                // 1, 2.5, 1e3
	Reference             // $name; Text has no $
	Symbol                // an operator or punctuation mark
	Comment               // -- … or /* … */
)

// Token is a piece of SQL. White space is no token.
type Token struct {
	Kind Kind
	// Text as written; for a Word in lower case, for a Reference the name.
	Text string
	// Start and End are the byte range in the file.
	Start, End int
	// Depth counts the open parentheses around the token; a parenthesis is as
	// deep as what surrounds it.
	Depth int
}

// symbols of more than one character, longest first.
var symbols = []string{"->>", "::", "->", "=>", "<>", "<=", ">=", "!=", "||", "//", "**", "~~", "!~", ":="}

// tokenize splits sql, whose first byte is at offset base in the file.
func tokenize(sql string, base int) ([]Token, error) {
	var out []Token
	depth := 0
	for i := 0; i < len(sql); {
		r, size := utf8.DecodeRuneInString(sql[i:])
		if unicode.IsSpace(r) {
			i += size
			continue
		}
		kind, end, err := scanToken(sql, i)
		if err != nil {
			return nil, err
		}
		t := Token{Kind: kind, Text: sql[i:end], Start: base + i, End: base + end, Depth: depth}
		switch {
		case kind == Word:
			t.Text = strings.ToLower(t.Text)
		case kind == Reference:
			t.Text = t.Text[1:]
		case kind == Symbol && (t.Text == "(" || t.Text == "["):
			depth++
		case kind == Symbol && (t.Text == ")" || t.Text == "]"):
			depth--
			t.Depth = depth
		}
		if depth < 0 {
			return nil, &posError{i, "closing bracket without an opening one"}
		}
		out = append(out, t)
		i = end
	}
	if depth != 0 {
		return nil, &posError{len(sql), "a bracket is not closed"}
	}
	return out, nil
}

// posError is an error at a byte offset of the SQL text.
type posError struct {
	offset int
	text   string
}

func (e *posError) Error() string { return e.text }

// scanToken finds the kind and end of the token at i.
func scanToken(s string, i int) (Kind, int, error) {
	rest := s[i:]
	switch c := s[i]; {
	case strings.HasPrefix(rest, "--"):
		if n := strings.IndexByte(rest, '\n'); n >= 0 {
			return Comment, i + n, nil
		}
		return Comment, len(s), nil
	case strings.HasPrefix(rest, "/*"):
		n := strings.Index(rest[2:], "*/")
		if n < 0 {
			return 0, 0, &posError{i, "a comment is not closed"}
		}
		return Comment, i + 2 + n + 2, nil
	case c == '\'' || c == '"':
		return scanQuoted(s, i)
	case c == '$':
		return scanParam(s, i)
	case c >= '0' && c <= '9', c == '.' && i+1 < len(s) && isDigit(s[i+1]):
		return Number, scanNumber(s, i), nil
	case isNameStart(c):
		end := i + 1
		for end < len(s) && isNamePart(s[end]) {
			end++
		}
		return Word, end, nil
	}
	for _, sym := range symbols {
		if strings.HasPrefix(rest, sym) {
			return Symbol, i + len(sym), nil
		}
	}
	_, size := utf8.DecodeRuneInString(rest)
	return Symbol, i + size, nil
}

func scanQuoted(s string, i int) (Kind, int, error) {
	quote, kind, what := s[i], String, "a string"
	if quote == '"' {
		kind, what = Quoted, "a quoted name"
	}
	for j := i + 1; j < len(s); j++ {
		if s[j] != quote {
			continue
		}
		if j+1 < len(s) && s[j+1] == quote {
			j++
			continue
		}
		return kind, j + 1, nil
	}
	return 0, 0, &posError{i, what + " is not closed"}
}

func scanParam(s string, i int) (Kind, int, error) {
	end := i + 1
	for end < len(s) && isNamePart(s[end]) {
		end++
	}
	switch {
	case end == i+1:
		return 0, 0, &posError{i, "$ is not followed by a parameter name"}
	case isDigit(s[i+1]):
		return 0, 0, &posError{i, fmt.Sprintf("parameter %s has no name; write $name", s[i:end])}
	}
	return Reference, end, nil
}

func scanNumber(s string, i int) int {
	for i < len(s) && (isDigit(s[i]) || s[i] == '.' || s[i] == '_') {
		i++
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		j := i + 1
		if j < len(s) && (s[j] == '+' || s[j] == '-') {
			j++
		}
		if j < len(s) && isDigit(s[j]) {
			for i = j; i < len(s) && isDigit(s[i]); i++ {
			}
		}
	}
	return i
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isNameStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf
}

func isNamePart(c byte) bool { return isNameStart(c) || isDigit(c) }

// WithoutComments returns SQL with a blank in place of each comment.
func WithoutComments(sql string) (string, error) {
	tokens, err := tokenize(sql, 0)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	at := 0
	for _, t := range tokens {
		if t.Kind == Comment {
			b.WriteString(sql[at:t.Start] + " ")
			at = t.End
		}
	}
	return b.String() + sql[at:], nil
}
