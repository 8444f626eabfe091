package sqlfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

const (
	headerOpen  = "/*---"
	headerClose = "---*/"
)

// File is a parsed SQL file.
type File struct {
	// Name is the file's name as given, for messages.
	Name string
	// SQL is the query after the header, without a closing semicolon.
	SQL string

	src        string
	header     string
	headerLine int // line of the header's first YAML line
	sqlStart   int // offset of SQL in src
	tokens     []Token
}

// Error is a mistake in a file.
type Error struct {
	File string
	Line int // 1-based; 0 when unknown
	Text string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Text
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text)
}

// Parse splits a file into header and query. It does not look into the header:
// see [File.Header]. Errors are of type *Error.
func Parse(name string, src []byte) (File, error) {
	text := string(bytes.TrimPrefix(src, []byte("\xef\xbb\xbf")))
	f := File{Name: name, src: text}
	lead := len(text) - len(strings.TrimLeft(text, " \t\r\n"))
	rest := text[lead:]
	if !strings.HasPrefix(rest, headerOpen) {
		return File{}, &Error{name, 1, "the file does not begin with a header: /*--- … ---*/"}
	}
	start := lead + len(headerOpen)
	end := strings.Index(text[start:], headerClose)
	if end < 0 {
		return File{}, &Error{name, f.line(lead), "the header is not closed with ---*/"}
	}
	end += start
	f.header = text[start:end]
	f.headerLine = f.line(start)
	if i := strings.Index(f.header, "*/"); i >= 0 {
		return File{}, &Error{name, f.line(start + i), "the header contains */, which ends the comment"}
	}
	f.sqlStart = end + len(headerClose)
	if err := f.parseSQL(); err != nil {
		return File{}, err
	}
	return f, nil
}

func (f *File) parseSQL() error {
	body := strings.TrimRight(f.src[f.sqlStart:], " \t\r\n")
	tokens, err := tokenize(body, f.sqlStart)
	var pos *posError
	if errors.As(err, &pos) {
		return &Error{f.Name, f.line(f.sqlStart + pos.offset), pos.text}
	}
	if err != nil {
		return err
	}
	for i, t := range tokens {
		if t.Kind != Symbol || t.Text != ";" {
			continue
		}
		for _, after := range tokens[i+1:] {
			if after.Kind != Comment {
				return &Error{f.Name, f.line(t.Start), "the file holds more than one statement"}
			}
		}
		body = f.src[f.sqlStart:t.Start]
		tokens = tokens[:i]
		break
	}
	lead := len(body) - len(strings.TrimLeft(body, " \t\r\n"))
	f.sqlStart += lead
	f.SQL = strings.TrimRight(body[lead:], " \t\r\n")
	f.tokens = tokens
	if f.SQL == "" {
		return &Error{f.Name, f.line(f.sqlStart), "there is no query after the header"}
	}
	return nil
}

// line returns the 1-based line of a byte offset in the file.
func (f *File) line(offset int) int {
	return 1 + strings.Count(f.src[:min(offset, len(f.src))], "\n")
}

// StartLine returns the 1-based line of the file on which the query begins.
func (f *File) StartLine() int { return f.line(f.sqlStart) }

// Line returns the 1-based line of a token.
func (f *File) Line(t Token) int { return f.line(t.Start) }

// Tokens returns the tokens of the query without comments. The caller does not
// change them.
func (f *File) Tokens() []Token {
	out := make([]Token, 0, len(f.tokens))
	for _, t := range f.tokens {
		if t.Kind != Comment {
			out = append(out, t)
		}
	}
	return out
}

// Fragment tokenizes SQL that has no header, such as a view's.
func Fragment(name, sql string) (File, error) {
	f := File{Name: name, src: sql}
	err := f.parseSQL()
	return f, err
}
