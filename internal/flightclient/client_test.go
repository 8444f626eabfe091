package flightclient

import (
	"net"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/flight"
	flightpb "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// deaf is a server that prepares statements, runs none and does not answer when
// one is to be forgotten.
type deaf struct{ flight.BaseFlightServer }

func (*deaf) DoAction(a *flight.Action, stream flight.FlightService_DoActionServer) error {
	if a.GetType() != "CreatePreparedStatement" {
		<-stream.Context().Done()
		return stream.Context().Err()
	}
	made, err := anypb.New(&flightpb.ActionCreatePreparedStatementResult{PreparedStatementHandle: []byte("1")})
	if err != nil {
		return err
	}
	body, err := proto.Marshal(made)
	if err != nil {
		return err
	}
	return stream.Send(&flight.Result{Body: body})
}

// TestClient_forget: that a server does not forget a statement holds nobody up.
func TestClient_forget(t *testing.T) {
	defer func(d time.Duration) { forgetTime = d }(forgetTime)
	forgetTime = 50 * time.Millisecond
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	flight.RegisterFlightServiceServer(server, &deaf{})
	go server.Serve(listener) //nolint:errcheck // it is stopped
	defer server.Stop()
	c, err := New(Options{Address: "grpc://" + listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := c.Query(t.Context(), "SELECT ?", 1)
		ended <- err
	}()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("a result of nothing")
		}
	case <-time.After(20 * time.Second):
		t.Error("it waits")
	}
}
