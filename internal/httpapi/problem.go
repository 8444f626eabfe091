package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/kmstrail/kmstrail/internal/access"
	"github.com/kmstrail/kmstrail/internal/operate"
)

// Problem is an error as RFC 9457 has it (application/problem+json).
type Problem struct {
	// Title is the text of the status, Status the status of the response.
	Title  string `json:"title"`
	Status int    `json:"status"`
	// Code says for programs what is wrong.
	Code string `json:"code"`
	// Detail says it for people.
	Detail string `json:"detail"`
	// Advice says what to do about it, a line each.
	Advice []string `json:"advice,omitempty"`
}

// Codes of problems beside the kinds of package operate.
const (
	codeNoToken     = "no_token"
	codeBadToken    = "bad_token"
	codeExpired     = "expired"     // the token has
	codeTooMany     = "too_many"    // failed attempts
	codeDenied      = "denied"      // the role does not suffice
	codeOrigin      = "origin"      // a browser asks for a page of somebody else's
	codeUnavailable = "unavailable" // not now
	codeLimit       = "limit"       // a limit is used up
)

// codes lists all codes and what they mean.
var codes = []struct {
	code   string
	status int
	doc    string
}{
	{operate.KindUsage, http.StatusBadRequest, "What was asked for is wrong. Other statuses of it: 405, 413, 415."},
	{codeNoToken, http.StatusUnauthorized, "A token is needed."},
	{codeBadToken, http.StatusUnauthorized, "The token is not valid."},
	{codeExpired, http.StatusUnauthorized, "The token has expired."},
	{codeDenied, http.StatusForbidden, "The token's role does not suffice."},
	{codeOrigin, http.StatusForbidden, "A browser sends it for a page of another site, or under a name that is not this server's."},
	{operate.KindNotFound, http.StatusNotFound, "There is no such thing."},
	{operate.KindBusy, http.StatusConflict, "The same is being done already, and the request says no_wait."},
	{codeLimit, http.StatusUnprocessableEntity, "A query's limit of rows or time is used up."},
	{codeTooMany, http.StatusTooManyRequests, "Too many attempts with wrong tokens; Retry-After says how long to wait."},
	{operate.KindInterrupted, http.StatusServiceUnavailable, "It was cancelled, or the server is ending."},
	{codeUnavailable, http.StatusServiceUnavailable, "The server cannot do it now."},
	{operate.KindFailed, http.StatusInternalServerError, "Anything else."},
}

func statusOf(code string) int {
	for _, c := range codes {
		if c.code == code {
			return c.status
		}
	}
	return http.StatusInternalServerError
}

// httpError is an error of the exchange itself.
type httpError struct {
	status int // 0 for that of code
	code   string
	text   string
	advice string
	retry  time.Duration
}

func (e *httpError) Error() string { return e.text }

func usage(advice, text string) error {
	return &httpError{code: operate.KindUsage, text: text, advice: advice}
}

func notFound(text string) error { return &httpError{code: operate.KindNotFound, text: text} }

// errLimit is the cause of a context that ends because a query took too long.
var errLimit = errors.New("the query took longer than it may")

// problemOf says what an error is to a client.
func problemOf(err error) (Problem, time.Duration) {
	var p Problem
	var retry time.Duration
	if e, ok := errors.AsType[*httpError](err); ok {
		p = Problem{Status: e.status, Code: e.code, Detail: e.text}
		if e.advice != "" {
			p.Advice = []string{e.advice}
		}
		retry = e.retry
	} else if code, ok := refusal(err); ok {
		p = Problem{Code: code, Detail: err.Error()}
		if many, ok := errors.AsType[*access.TooManyError](err); ok {
			retry = many.RetryAfter
		}
		p.Advice = tokenAdvice(err, code)
	} else if errors.Is(err, errLimit) {
		p = Problem{Code: codeLimit, Detail: err.Error()}
	} else {
		known := operate.ProblemOf(err)
		p = Problem{Code: known.Kind, Detail: known.Detail, Advice: known.Advice}
	}
	if p.Status == 0 {
		p.Status = statusOf(p.Code)
	}
	p.Title = http.StatusText(p.Status)
	return p, retry
}

// tokenAdvice says how to come by a token that will do.
func tokenAdvice(err error, code string) []string {
	switch {
	case code == codeNoToken:
		return []string{"send it as Authorization: Bearer TOKEN, or as password of any user; kmstrail token create makes one"}
	case errors.Is(err, access.ErrMistyped):
		return []string{"send it whole: it begins with kmst_"}
	case code == codeBadToken, code == codeExpired: // one that was revoked is bad too
		return []string{"ask for a new one: kmstrail token create"}
	}
	return nil
}

// refusal is the code of an error about who asks.
func refusal(err error) (code string, ok bool) {
	if _, ok := errors.AsType[*access.TooManyError](err); ok {
		return codeTooMany, true
	}
	if _, ok := errors.AsType[*access.DeniedError](err); ok {
		return codeDenied, true
	}
	switch {
	case errors.Is(err, access.ErrNoToken):
		return codeNoToken, true
	case errors.Is(err, access.ErrExpired):
		return codeExpired, true
	case errors.Is(err, access.ErrBadToken):
		return codeBadToken, true
	case errors.Is(err, access.ErrUnavailable):
		return codeUnavailable, true
	}
	return "", false
}

// writeProblem answers with an error.
func writeProblem(w http.ResponseWriter, p Problem, retry time.Duration) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	if p.Status == http.StatusUnauthorized {
		// A browser asks for a password then; a token is one.
		h.Add("WWW-Authenticate", `Bearer realm="kmstrail"`)
		h.Add("WWW-Authenticate", `Basic realm="kmstrail: any name, and a token as password", charset="UTF-8"`)
	}
	if retry > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((retry+time.Second-1)/time.Second), 10))
	}
	w.WriteHeader(p.Status)
	_ = encode(w, p) // the client has gone
}

// encode writes one indented JSON document.
func encode(w interface{ Write([]byte) (int, error) }, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// auditOutcome is how the audit log calls the end of a request.
func auditOutcome(ctx context.Context, status int, code string) string {
	switch {
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled):
		return "cancelled"
	case status < http.StatusBadRequest:
		return "ok"
	case code == codeLimit:
		return "limited"
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusTooManyRequests:
		return "denied"
	case status < http.StatusInternalServerError:
		return "refused"
	}
	return "failed"
}
