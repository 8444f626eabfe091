package client

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/grpc/codes"

	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/flightclient"
)

// failure returns the error that a store in this process would have given, so
// that commands say the same. What ended ctx explains everything after it.
func failure(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if wrong, ok := errors.AsType[*flightclient.ArgumentError](err); ok {
		return fmt.Errorf(asked+"%w", wrong)
	}
	said, ok := errors.AsType[*flightclient.Error](err)
	if !ok {
		return fmt.Errorf("query server: %w", err)
	}
	text := said.Message
	switch said.Code {
	case codes.InvalidArgument, codes.ResourceExhausted:
		return sameError(text)
	case codes.Unauthenticated, codes.PermissionDenied:
		return fmt.Errorf("query server: %s", text)
	case codes.Unavailable:
		return unavailable(text)
	}
	return fmt.Errorf("query server: %s", text)
}

// unavailable says whether a server was there at all. gRPC has no other word for
// the difference than its text.
func unavailable(text string) error {
	if strings.Contains(text, "connection error: ") {
		return fmt.Errorf("query server: %w: %s", errNoAnswer, text)
	}
	if strings.Contains(text, "shutting down") || strings.Contains(text, "error reading from server") || strings.Contains(text, "transport is closing") {
		return errEnded
	}
	return fmt.Errorf("query server: %s", text)
}

// notStarted is failure of a query that has not given a row yet.
func (q *flightQueries) notStarted(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf(asked+"%w", cause)
	}
	err = failure(ctx, err)
	if errors.Is(err, errNoAnswer) && q.worked.Load() {
		return errEnded
	}
	return err
}

const (
	asked     = "query database: "
	described = "describe query: " // a server describes a query before it runs it
	refused   = "query refused: "
)

var limitPattern = regexp.MustCompile(`^the query's limit of (\S+) (rows|bytes|time) is used up;`)

// sameError makes the error of package duck that has this text.
func sameError(text string) error {
	rest, wrapped := strings.CutPrefix(text, asked)
	if !wrapped {
		rest, wrapped = strings.CutPrefix(text, described)
	}
	var err error
	if reason, ok := strings.CutPrefix(rest, refused); ok {
		err = &duck.RefusedError{Reason: reason}
	} else if m := limitPattern.FindStringSubmatch(rest); m != nil {
		err = &duck.LimitError{What: m[2], Limit: m[1]}
	} else {
		err = &duck.Error{Message: rest}
	}
	if wrapped {
		return fmt.Errorf(asked+"%w", err)
	}
	return err
}
