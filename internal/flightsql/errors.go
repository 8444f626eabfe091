package flightsql

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kmstrail/kmstrail/internal/access"
)

// errCancelled ends a query whose client, or an administrator, cancelled it.
var errCancelled = errors.New("the query was cancelled")

// fault is an error of the client: it gets the text and the code.
func fault(code codes.Code, format string, args ...any) error {
	return status.Errorf(code, format, args...)
}

// outcome says what kind an error of a query is. A query that was interrupted
// has an error of its own; why it was stands in the context.
func (s *Server) outcome(ctx context.Context, err error) (Outcome, error) {
	if err == nil {
		return Done, nil
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	var busy *busyError
	switch {
	case errors.As(err, &busy):
		return Busy, err
	case errors.Is(err, errClosing), errors.Is(err, errCancelled),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Cancelled, err
	}
	switch st, ok := status.FromError(err); {
	case !ok:
		return s.backend.Outcome(err), err
	case st.Code() == codes.ResourceExhausted:
		return Limited, err
	case st.Code() == codes.InvalidArgument:
		return Invalid, err
	case st.Code() == codes.Canceled, st.Code() == codes.Unavailable:
		return Cancelled, err
	}
	return Failed, err
}

// answer makes of a query's error what its client gets. What is the server's
// fault is logged, and the client told so: the text could name files.
func (s *Server) answer(ctx context.Context, out Outcome, err error) error {
	if err == nil {
		return nil
	}
	if st, ok := status.FromError(err); ok {
		return st.Err()
	}
	switch {
	case errors.Is(err, errClosing):
		return status.Error(codes.Unavailable, err.Error())
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, "the deadline that the client set has passed")
	}
	switch out {
	case Refused, Invalid:
		return status.Error(codes.InvalidArgument, err.Error())
	case Limited, Busy:
		return status.Error(codes.ResourceExhausted, err.Error())
	case Cancelled:
		return status.Error(codes.Canceled, errCancelled.Error())
	}
	s.log.ErrorContext(ctx, "a query failed", "error", err)
	return status.Error(codes.Internal, "the query failed; the server's log says why")
}

// denied makes of an error of access what the client gets.
func denied(err error) error {
	var tooMany *access.TooManyError
	var role *access.DeniedError
	switch {
	case errors.As(err, &tooMany):
		return status.Error(codes.ResourceExhausted, err.Error())
	case errors.As(err, &role):
		return status.Error(codes.PermissionDenied, err.Error())
	case errors.Is(err, access.ErrNoToken):
		return status.Error(codes.Unauthenticated, fmt.Sprintf("%v: send it as bearer token, or as password with any user name", err))
	case errors.Is(err, access.ErrUnavailable):
		return status.Error(codes.Unavailable, err.Error())
	}
	return status.Error(codes.Unauthenticated, err.Error())
}
