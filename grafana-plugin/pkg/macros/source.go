package macros

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// source is a text with the places of its lines.
type source struct {
	text string
	// lines are the offsets at which lines begin.
	lines []int
}

func newSource(text string) *source {
	s := &source{text: text, lines: []int{0}}
	for i := range len(text) {
		if text[i] == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// place returns the line and column of an offset in bytes.
func (s *source) place(offset int) (line, column int) {
	line = sort.SearchInts(s.lines, offset+1)
	return line, 1 + utf8.RuneCountInString(s.text[s.lines[line-1]:offset])
}

// offset returns the offset of a place; one behind the end of a line or of the
// text is that end.
func (s *source) offset(line, column int) int {
	switch {
	case line < 1:
		return 0
	case line > len(s.lines):
		return len(s.text)
	}
	at := s.lines[line-1]
	for ; column > 1 && at < len(s.text) && s.text[at] != '\n'; column-- {
		_, size := utf8.DecodeRuneInString(s.text[at:])
		at += size
	}
	return at
}

// wrong is an error about the text from start up to end.
func (s *source) wrong(start, end int, message string) *Error {
	if i := strings.IndexByte(s.text[start:end], '\n'); i >= 0 {
		end = start + i
	}
	e := &Error{Message: message}
	e.Line, e.Column = s.place(start)
	e.EndColumn = e.Column + utf8.RuneCountInString(s.text[start:end])
	return e
}

// mark says where a stretch of the expanded text comes from.
type mark struct {
	// out is where the stretch begins; it ends where the next one begins.
	out int
	// in is the place in the typed text: that of the first byte where the
	// stretch is the same in both, of all of it otherwise.
	in   int
	same bool
}

// mark adds m unless the stretch before it goes on.
func (x *expander) mark(m mark) {
	if n := len(x.result.marks); n > 0 {
		before := x.result.marks[n-1]
		if before.same == m.same && (m.same && m.in-before.in == m.out-before.out || !m.same && m.in == before.in) {
			return
		}
		if before.out == m.out {
			x.result.marks[n-1] = m
			return
		}
	}
	x.result.marks = append(x.result.marks, m)
}

// Position returns the place in the text as typed that a place in SQL comes
// from. Lines and columns count from 1, columns in characters (Unicode code
// points). A place within what a macro became is the place of the macro, or of
// its argument where the argument stands there.
func (e *Expanded) Position(line, column int) (typedLine, typedColumn int) {
	at := newSource(e.SQL).offset(line, column)
	i := sort.Search(len(e.marks), func(i int) bool { return e.marks[i].out > at }) - 1
	if i < 0 {
		return 1, 1
	}
	m := e.marks[i]
	if m.same {
		return e.typed.place(m.in + at - m.out)
	}
	return e.typed.place(m.in)
}

// End returns the column behind what stands at a place in the text as typed: a
// word, a number, a text, the name of a macro. It is what an editor marks.
func (e *Expanded) End(typedLine, typedColumn int) int {
	at := e.typed.offset(typedLine, typedColumn)
	for _, t := range tokenize(e.typed.text) {
		if t.end > at {
			return e.typed.wrong(max(t.start, at), t.end, "").EndColumn
		}
	}
	return typedColumn + 1
}
