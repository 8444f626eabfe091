package trino

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is an error that Trino reported.
type Error struct {
	// Message is Trino's text, cut and without control characters.
	Message string
	// Name is Trino's name for it, such as TABLE_NOT_FOUND, and Type one of
	// USER_ERROR, INTERNAL_ERROR, INSUFFICIENT_RESOURCES and EXTERNAL.
	Name, Type string
	// QueryID finds the query in Trino's own pages and logs.
	QueryID string
	// Line and Column say where in the caller's SQL, from 1; 0 if nowhere.
	Line, Column int
	// Hint says what to do about it; "" when there is nothing to say.
	Hint string
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		fmt.Fprintf(&b, "line %d, column %d: ", e.Line, e.Column)
	}
	b.WriteString(e.Message)
	b.WriteString(" (" + e.Name + ", query " + e.QueryID + ")")
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// ErrUnreachable is wrapped when nothing answers at the address, or no more.
var ErrUnreachable = errors.New("cannot reach Trino")

// ErrUnauthorized is wrapped when Trino does not let the user in.
var ErrUnauthorized = errors.New("trino does not let the user in")

// maxMessage bounds what is repeated of a server's text, in bytes.
const maxMessage = 2000

// reported is an error as the server sends it.
type reported struct {
	Message  string `json:"message"`
	Name     string `json:"errorName"`
	Type     string `json:"errorType"`
	Location *struct {
		Line   int `json:"lineNumber"`
		Column int `json:"columnNumber"`
	} `json:"errorLocation"`
}

// failure turns what the server reports into an error. before is how many lines
// were sent before the caller's SQL.
func (r *reported) failure(id string, before int) *Error {
	e := &Error{Message: r.Message, Name: bounded(r.Name, 100), Type: bounded(r.Type, 100), QueryID: bounded(id, 100)}
	if at := r.Location; at != nil {
		e.Message = strings.TrimPrefix(e.Message, fmt.Sprintf("line %d:%d: ", at.Line, at.Column))
		e.Line, e.Column = max(at.Line-before, 1), at.Column
	}
	e.Message = bounded(e.Message, maxMessage)
	e.Hint = hint(e)
	return e
}

func hint(e *Error) string {
	switch e.Name {
	case "CATALOG_NOT_FOUND", "MISSING_CATALOG_NAME":
		return "is the catalog in the configuration one that Trino has?"
	case "SCHEMA_NOT_FOUND", "MISSING_SCHEMA_NAME", "TABLE_NOT_FOUND":
		return "are catalog and schema right, and did the statements of kmstrail lake ddl --engine trino run there?"
	case "EXCEEDED_TIME_LIMIT":
		return "ask for a shorter span of time, or allow more time"
	case "QUERY_TEXT_TOO_LARGE":
		return "pass fewer or shorter parameters, or raise query.max-length of the server"
	case "QUERY_QUEUE_FULL":
		return "try again when fewer queries run"
	case "PERMISSION_DENIED":
		return "allow the user to read the lake's tables"
	case "ABANDONED_QUERY":
		return "the result was read too slowly; raise query.client.timeout of the server"
	case "ADMINISTRATIVELY_KILLED", "ADMINISTRATIVELY_PREEMPTED", "USER_CANCELED":
		return "somebody ended the query at the server"
	}
	if e.Type == "INSUFFICIENT_RESOURCES" {
		return "ask for a shorter span of time, or give Trino more memory"
	}
	return ""
}

// bounded returns at most n bytes of s, as one line of printable characters.
func bounded(s string, n int) string {
	// What is cut off anyhow need not be cleaned.
	whole := len(s) <= 4*n
	if !whole {
		s = s[:4*n]
	}
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	if whole && len(s) <= n {
		return s
	}
	s = s[:min(n, len(s))]
	for len(s) > 0 {
		if r, size := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || size != 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s + "…"
}

// ended returns why ctx ended, if it did: that explains whatever failed after.
func ended(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}

// unreachable says that a request failed. It leaves out the request's address:
// who knows that of a page may read the result.
func (e *Engine) unreachable(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("%w at %s: %w; is it running, and is the address right?", ErrUnreachable, e.base, err)
}

// refused turns an answer other than 200 into an error.
func (e *Engine) refused(resp *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4*maxMessage))
	if err != nil {
		text = []byte(err.Error())
	}
	said := strings.TrimSpace(bounded(string(text), maxMessage))
	if location := resp.Header.Get("Location"); location != "" {
		said = "redirect to " + bounded(location, 200)
	}
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w at %s as %q: %s; check user and password", ErrUnauthorized, e.base, e.header.Get("X-Trino-User"), said)
	case http.StatusNotFound, http.StatusGone:
		return fmt.Errorf("server %s does not know the query, or is no Trino (status %d): %s", e.base, resp.StatusCode, said)
	}
	return fmt.Errorf("server %s answered with status %d: %s", e.base, resp.StatusCode, said)
}
