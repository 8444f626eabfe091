package flightsql

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/apache/arrow-go/v18/arrow/flight"
	"google.golang.org/grpc/codes"

	"github.com/kmstrail/kmstrail/internal/flightsql/action"
)

// Queries are the named queries of a server.
type Queries interface {
	// List returns them by id.
	List() ([]action.NamedQuery, error)
	// Bind returns the SQL of one; the error is [action.ErrUnknown] when there
	// is none of that id, and else what is wrong with the parameters.
	Bind(action.Bind) (sql string, err error)
}

// DoAction does our own actions, and leaves those of Flight SQL to Arrow.
func (s *service) DoAction(in *flight.Action, stream flight.FlightService_DoActionServer) error {
	queries := s.handler.queries
	if queries == nil {
		return s.FlightServer.DoAction(in, stream)
	}
	switch in.GetType() {
	case action.NamedQueries:
		list, err := queries.List()
		if err != nil {
			return err
		}
		return sendJSON(stream, action.List{Queries: list})
	case action.BindNamedQuery:
		bound, err := bind(queries, in.GetBody())
		if err != nil {
			return err
		}
		return sendJSON(stream, bound)
	}
	return s.FlightServer.DoAction(in, stream)
}

func bind(queries Queries, body []byte) (action.Bound, error) {
	var b action.Bind
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil {
		return action.Bound{}, fault(codes.InvalidArgument, "read the body of %s: %v", action.BindNamedQuery, err)
	}
	sql, err := queries.Bind(b)
	switch {
	case errors.Is(err, action.ErrUnknown):
		return action.Bound{}, fault(codes.NotFound, "%v", err)
	case err != nil:
		return action.Bound{}, fault(codes.InvalidArgument, "%v", err)
	}
	return action.Bound{SQL: sql}, nil
}

// sendJSON answers an action with one result.
func sendJSON(stream flight.FlightService_DoActionServer, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return stream.Send(&flight.Result{Body: body})
}
