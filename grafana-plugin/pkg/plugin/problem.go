package plugin

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"google.golang.org/grpc/codes"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/builder"
	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/macros"
	"github.com/kmstrail/kmstrail/internal/flightclient"
)

// problem is an error for people: what is wrong, and what to do about it.
type problem struct {
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`

	// Line and Column say where in the text as typed, from 1; 0 when not known.
	// EndColumn is the first column behind it.
	Line      int `json:"line"`
	Column    int `json:"column"`
	EndColumn int `json:"endColumn"`

	status backend.Status
	source backend.ErrorSource
	cause  error
}

func (p *problem) Error() string {
	text := p.Message
	if p.Line > 0 {
		text = fmt.Sprintf("line %d, column %d: %s", p.Line, p.Column, text)
	}
	if p.Hint != "" {
		text += " " + p.Hint
	}
	return text
}

func (p *problem) Unwrap() error { return p.cause }

// statusClosed is what HTTP servers log for a client that went away.
const statusClosed backend.Status = 499

// errPanic wraps what a panic said.
var errPanic = errors.New("the plugin failed")

// guarded turns a panic of f into an error: in a goroutine of our own it would
// end the plugin for all datasources.
func guarded[V any](f func() (V, error)) (v V, err error) {
	defer func() {
		if r := recover(); r != nil {
			backend.Logger.Error("a panic", "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: %v", errPanic, r)
		}
	}()
	return f()
}

// timeoutError is the cause of a context that ended by the datasource's timeout.
type timeoutError struct{ after string }

func (e *timeoutError) Error() string {
	return "the query took longer than " + e.after + ", the timeout of the datasource"
}

// problemOf judges an error. Those of the server, of the way to it and of what
// people typed are downstream; what remains is ours.
func problemOf(err error) *problem {
	var (
		p        *problem
		settings *SettingsError
		macro    *macros.Error
		clicked  *builder.Error
		timeout  *timeoutError
		server   *flightclient.Error
	)
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &settings):
		return &problem{Message: "The datasource is not set up: " + settings.Problem, Hint: settings.Hint, status: backend.StatusBadRequest, source: backend.ErrorSourceDownstream, cause: err}
	case errors.As(err, &macro):
		return &problem{Message: macro.Message, Line: macro.Line, Column: macro.Column, EndColumn: macro.EndColumn, status: backend.StatusBadRequest, source: backend.ErrorSourceDownstream, cause: err}
	case errors.As(err, &clicked):
		return &problem{Message: clicked.Error(), status: backend.StatusBadRequest, source: backend.ErrorSourceDownstream, cause: err}
	case errors.As(err, &timeout):
		return &problem{Message: capital(timeout.Error()) + ".", Hint: "Choose a shorter range or a coarser table (usage_daily instead of usage_hourly or kms_calls), or raise the timeout in the settings of the datasource.",
			status: backend.StatusTimeout, source: backend.ErrorSourceDownstream, cause: err}
	case errors.Is(err, context.Canceled):
		return &problem{Message: "The query was cancelled.", status: statusClosed, source: backend.ErrorSourceDownstream, cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &problem{Message: "The deadline of the request has passed.", Hint: "Grafana sets one of its own: for alert rules evaluation_timeout, for panels the dataproxy's timeout.",
			status: backend.StatusTimeout, source: backend.ErrorSourceDownstream, cause: err}
	case errors.As(err, &server):
		return serverProblem(server)
	}
	return &problem{Message: err.Error(), status: backend.StatusInternal, source: backend.ErrorSourcePlugin, cause: err}
}

// badQuery is what people asked for wrongly.
func badQuery(err error) *problem {
	return &problem{Message: capital(err.Error()) + ".", status: backend.StatusBadRequest, source: backend.ErrorSourceDownstream, cause: err}
}

// serverProblem is what the server, or gRPC in its place, says.
func serverProblem(e *flightclient.Error) *problem {
	p := &problem{Message: said(e.Message), status: backend.StatusBadGateway, source: backend.ErrorSourceDownstream, cause: e}
	switch e.Code {
	case codes.InvalidArgument, codes.FailedPrecondition, codes.OutOfRange:
		p.status = backend.StatusBadRequest
	case codes.Unauthenticated:
		p.status = backend.StatusUnauthorized
		p.Message = "The server refuses the datasource: " + p.Message + "."
		p.Hint = "Make a token with `kmstrail token create grafana --role read` and put it into the settings of the datasource."
	case codes.PermissionDenied:
		p.status = backend.StatusForbidden
	case codes.NotFound:
		p.status = backend.StatusNotFound
	case codes.ResourceExhausted:
		p.status = backend.StatusTooManyRequests
		if strings.Contains(e.Message, "limit of") {
			p.status = backend.StatusBadRequest
			p.Hint = "Choose a shorter range, group more coarsely, or add a LIMIT."
		}
	case codes.Unimplemented:
		p.status = backend.StatusNotImplemented
		p.Message = "The server does not know what was asked: " + p.Message + "."
		p.Hint = "It may be older than this plugin, or no kmstrail serve. Save & test in the settings of the datasource says more."
	case codes.DeadlineExceeded:
		p.status = backend.StatusTimeout
	case codes.Canceled:
		p.status = statusClosed
	case codes.Internal, codes.Unknown, codes.DataLoss, codes.Aborted:
		p.status = backend.StatusBadGateway
	case codes.Unavailable:
		p.Message = "The server cannot be reached: " + p.Message + "."
		p.Hint = "Save & test in the settings of the datasource says where it fails."
	}
	return p
}

// said is what the server said, without the words that only its log needs.
func said(text string) string {
	for _, lead := range []string{"query database: ", "describe query: ", "parse query: "} {
		text = strings.TrimPrefix(text, lead)
	}
	return strings.TrimRight(text, ". \n")
}

// capital begins a sentence.
func capital(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:]
}
