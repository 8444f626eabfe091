package flightsql

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow/flight"
	arrowsql "github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"google.golang.org/grpc/codes"
)

// What clients may try that is not here.
var (
	errReadOnly    = fault(codes.Unimplemented, "this server is read-only: nothing can be written with SQL")
	errTransaction = fault(codes.Unimplemented, "there are no transactions: each query sees the store as it is when it begins")
	errSubstrait   = fault(codes.Unimplemented, "Substrait plans are not supported; send SQL")
	errPolling     = fault(codes.Unimplemented, "there is nothing to poll for: ask GetFlightInfo, and the result streams")
)

func noTransaction(id []byte) error {
	if len(id) > 0 {
		return errTransaction
	}
	return nil
}

// Everything that writes.

func (h *handler) DoPutCommandStatementUpdate(context.Context, arrowsql.StatementUpdate) (int64, error) {
	return 0, errReadOnly
}

func (h *handler) DoPutPreparedStatementUpdate(context.Context, arrowsql.PreparedStatementUpdate, flight.MessageReader) (int64, error) {
	return 0, errReadOnly
}

func (h *handler) DoPutCommandStatementIngest(context.Context, arrowsql.StatementIngest, flight.MessageReader) (int64, error) {
	return 0, errReadOnly
}

// Transactions.

func (h *handler) BeginTransaction(context.Context, arrowsql.ActionBeginTransactionRequest) ([]byte, error) {
	return nil, errTransaction
}

func (h *handler) BeginSavepoint(context.Context, arrowsql.ActionBeginSavepointRequest) ([]byte, error) {
	return nil, errTransaction
}

func (h *handler) EndTransaction(context.Context, arrowsql.ActionEndTransactionRequest) error {
	return errTransaction
}

func (h *handler) EndSavepoint(context.Context, arrowsql.ActionEndSavepointRequest) error {
	return errTransaction
}

// Substrait plans.

func (h *handler) GetFlightInfoSubstraitPlan(context.Context, arrowsql.StatementSubstraitPlan, *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return nil, errSubstrait
}

func (h *handler) GetSchemaSubstraitPlan(context.Context, arrowsql.StatementSubstraitPlan, *flight.FlightDescriptor) (*flight.SchemaResult, error) {
	return nil, errSubstrait
}

func (h *handler) DoPutCommandSubstraitPlan(context.Context, arrowsql.StatementSubstraitPlan) (int64, error) {
	return 0, errSubstrait
}

func (h *handler) CreatePreparedSubstraitPlan(context.Context, arrowsql.ActionCreatePreparedSubstraitPlanRequest) (arrowsql.ActionCreatePreparedStatementResult, error) {
	return arrowsql.ActionCreatePreparedStatementResult{}, errSubstrait
}

// Polling and renewing.

func (h *handler) PollFlightInfo(context.Context, *flight.FlightDescriptor) (*flight.PollInfo, error) {
	return nil, errPolling
}

func (h *handler) PollFlightInfoStatement(context.Context, arrowsql.StatementQuery, *flight.FlightDescriptor) (*flight.PollInfo, error) {
	return nil, errPolling
}

func (h *handler) PollFlightInfoSubstraitPlan(context.Context, arrowsql.StatementSubstraitPlan, *flight.FlightDescriptor) (*flight.PollInfo, error) {
	return nil, errSubstrait
}

func (h *handler) PollFlightInfoPreparedStatement(context.Context, arrowsql.PreparedStatementQuery, *flight.FlightDescriptor) (*flight.PollInfo, error) {
	return nil, errPolling
}

// RenewFlightEndpoint gives the ticket back: it does not expire.
func (h *handler) RenewFlightEndpoint(_ context.Context, req *flight.RenewFlightEndpointRequest) (*flight.FlightEndpoint, error) {
	return req.GetEndpoint(), nil
}
