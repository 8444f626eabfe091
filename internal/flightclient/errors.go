package flightclient

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Error is what a server says, or what gRPC says when none answers.
type Error struct {
	Code    codes.Code
	Message string
}

func (e *Error) Error() string { return e.Message }

// GRPCStatus is the error as gRPC has it.
func (e *Error) GRPCStatus() *status.Status { return status.New(e.Code, e.Message) }

// errorOf returns why ctx ended, which explains everything after it, or else the
// server's word.
func errorOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	// status.FromError would put the words of everybody on the way around it.
	var s interface{ GRPCStatus() *status.Status }
	if !errors.As(err, &s) {
		return err
	}
	st := s.GRPCStatus()
	return &Error{Code: st.Code(), Message: st.Message()}
}

// pointed finds where in a statement DuckDB points: a line, of which it shows a
// part if it is long, and below it where in that part.
var pointed = regexp.MustCompile(`(?m)^LINE ([0-9]+): (.*)\n( *)\^`)

const (
	lead = "LINE : " // before a shown line, with the digits of its number
	cut  = "..."     // where a shown line is cut
)

// Position returns the line and the column, from 1, in characters, at which sql
// is wrong, where the error tells.
func (e *Error) Position(sql string) (line, column int, ok bool) {
	m := pointed.FindStringSubmatch(e.Message)
	if m == nil {
		return 0, 0, false
	}
	line, err := strconv.Atoi(m[1])
	lines := strings.Split(sql, "\n")
	if err != nil || line < 1 || line > len(lines) {
		return 0, 0, false
	}
	shown, at := m[2], len(m[3])-len(lead)-len(m[1])
	text := lines[line-1]
	if shown == text {
		return line, at + 1, at >= 0
	}
	return inPart(line, text, shown, at)
}

// inPart finds the shown part of a line in it. A part that is there twice points
// at neither.
func inPart(line int, text, shown string, at int) (int, int, bool) {
	part := strings.TrimSuffix(shown, cut)
	if rest, ok := strings.CutPrefix(part, cut); ok {
		part, at = rest, at-len(cut)
	}
	before, after, found := strings.Cut(text, part)
	if !found || at < 0 || strings.Contains(after, part) {
		return 0, 0, false
	}
	return line, utf8.RuneCountInString(before) + at + 1, true
}
