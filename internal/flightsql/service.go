package flightsql

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow/flight"
	arrowsql "github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	pb "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"google.golang.org/grpc/codes"

	"github.com/kmstrail/kmstrail/internal/flightsql/action"
)

// service is what gRPC calls. Arrow's own routing finds the handler's method for
// a call, except where that would not do.
type service struct {
	flight.FlightServer
	handler *handler
}

// handler has the methods of Flight SQL.
type handler struct {
	arrowsql.BaseServer
	*Server
	// infos are the numbers of what GetSqlInfo tells, in order.
	infos []uint32
}

func newService(s *Server, version string) (*service, error) {
	h := &handler{Server: s}
	if err := h.registerInfo(version); err != nil {
		return nil, err
	}
	return &service{FlightServer: arrowsql.NewFlightServer(h), handler: h}, nil
}

// DoGet runs statements itself: Arrow's routing would read a whole result to its
// end when it cannot be sent.
func (s *service) DoGet(in *flight.Ticket, stream flight.FlightService_DoGetServer) error {
	var statement pb.TicketStatementQuery
	var prepared pb.CommandPreparedStatementQuery
	switch {
	case isCommand(in.GetTicket(), &statement):
		t, err := decodeTicket(statement.GetStatementHandle())
		if err != nil {
			return err
		}
		return s.handler.run(stream.Context(), t, stream)
	case isCommand(in.GetTicket(), &prepared):
		t, _, err := s.handler.ready(stream.Context(), &prepared)
		if err != nil {
			return err
		}
		return s.handler.run(stream.Context(), t, stream)
	}
	return s.FlightServer.DoGet(in, stream)
}

// DoPut reads what a client sends with a budget of its own.
func (s *service) DoPut(stream flight.FlightService_DoPutServer) error {
	return arrowsql.NewFlightServerWithAllocator(s.handler, newBudget()).DoPut(&inspectedStream{FlightService_DoPutServer: stream})
}

// inspectedStream refuses messages that Arrow's reader cannot be given, and a
// stream that does not begin with what it is for, which Arrow's routing takes
// for granted.
type inspectedStream struct {
	flight.FlightService_DoPutServer
	begun bool
}

func (s *inspectedStream) Recv() (*flight.FlightData, error) {
	data, err := s.FlightService_DoPutServer.Recv()
	if err != nil {
		return nil, err
	}
	if !s.begun && data.GetFlightDescriptor() == nil {
		return nil, fault(codes.InvalidArgument, "the first message has no descriptor")
	}
	s.begun = true
	if err := inspectHeader(data.GetDataHeader()); err != nil {
		return nil, fault(codes.InvalidArgument, "read parameters: %v", err)
	}
	return data, nil
}

// actions are what DoAction does, and how it is explained.
var actions = [][2]string{
	{arrowsql.CreatePreparedStatementActionType, "Prepare a query, whose parameters are then bound with DoPut."},
	{arrowsql.ClosePreparedStatementActionType, "Forget a prepared query."},
	{flight.CancelFlightInfoActionType, "Cancel a query at work."},
	{arrowsql.CancelQueryActionType, "Cancel a query at work, in the way of older clients."},
	{flight.RenewFlightEndpointActionType, "Gives the endpoint back: it does not expire."},
	{flight.SetSessionOptionsActionType, "Accepts catalog and schema, of which there is one each."},
	{flight.GetSessionOptionsActionType, "Says which catalog and schema there are."},
	{flight.CloseSessionActionType, "Does nothing: there is no session to close."},
	{action.NamedQueries, "Lists the ready-made questions. JSON."},
	{action.BindNamedQuery, "Gives the SQL of one, with the window and the parameters that are sent. JSON."},
}

// ListActions names what DoAction does.
func (s *service) ListActions(_ *flight.Empty, stream flight.FlightService_ListActionsServer) error {
	for _, a := range actions {
		if err := stream.Send(&flight.ActionType{Type: a[0], Description: a[1]}); err != nil {
			return err
		}
	}
	return nil
}

// ListFlights lists nothing: a flight here is made of a statement.
func (s *service) ListFlights(*flight.Criteria, flight.FlightService_ListFlightsServer) error {
	return nil
}

// SetSessionOptions accepts what is so anyway.
func (h *handler) SetSessionOptions(_ context.Context, req *flight.SetSessionOptionsRequest) (*flight.SetSessionOptionsResult, error) {
	is := map[string]string{"catalog": h.catalog, "schema": schemaName}
	out := &flight.SetSessionOptionsResult{Errors: map[string]*flight.SetSessionOptionsResultError{}}
	for name, value := range req.GetSessionOptions() {
		switch want, known := is[name]; {
		case !known:
			out.Errors[name] = &flight.SetSessionOptionsResultError{Value: flight.SetSessionOptionsResultErrorInvalidName}
		case value.GetStringValue() != want:
			out.Errors[name] = &flight.SetSessionOptionsResultError{Value: flight.SetSessionOptionsResultErrorInvalidValue}
		}
	}
	return out, nil
}

// GetSessionOptions says what cannot be set to anything else.
func (h *handler) GetSessionOptions(context.Context, *flight.GetSessionOptionsRequest) (*flight.GetSessionOptionsResult, error) {
	options, err := flight.NewSessionOptionValues(map[string]any{"catalog": h.catalog, "schema": schemaName})
	if err != nil {
		return nil, err
	}
	return &flight.GetSessionOptionsResult{SessionOptions: options}, nil
}

// CloseSession says yes: each call stands for itself.
func (h *handler) CloseSession(context.Context, *flight.CloseSessionRequest) (*flight.CloseSessionResult, error) {
	return &flight.CloseSessionResult{Status: flight.CloseSessionResultClosed}, nil
}
