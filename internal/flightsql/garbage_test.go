package flightsql

import (
	"errors"
	"io"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/flight"
	pb "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// TestGarbage_parameters: messages with parameters in which one byte is wrong are
// refused, or taken for other parameters. None is the server's fault, and none
// ends it.
func TestGarbage_parameters(t *testing.T) {
	s := serve(t, nil)
	c, ctx := s.client(t), as(t, "anna")
	st, err := c.Prepare(ctx, "args 3")
	if err != nil {
		t.Fatal(err)
	}
	var command anypb.Any
	if err := command.MarshalFrom(&pb.CommandPreparedStatementQuery{PreparedStatementHandle: st.Handle()}); err != nil {
		t.Fatal(err)
	}
	packed, err := proto.Marshal(&command)
	if err != nil {
		t.Fatal(err)
	}
	var kept messages
	rec := row(t, `[{"p0": "some text", "p1": ["a", "b"], "p2": 7}]`, arrow.BinaryTypes.String, arrow.ListOf(arrow.BinaryTypes.String), arrow.PrimitiveTypes.Int64)
	w := flight.NewRecordWriter(&kept, ipc.WithSchema(rec.Schema()))
	if err := errors.Join(w.Write(rec), w.Close()); err != nil {
		t.Fatal(err)
	}
	put := func() codes.Code {
		stream, err := c.Client.DoPut(ctx)
		if err != nil {
			t.Fatal(err)
		}
		about := &flight.FlightDescriptor{Type: flight.DescriptorCMD, Cmd: packed}
		for _, m := range kept {
			if stream.Send(&flight.FlightData{FlightDescriptor: about, DataHeader: m.Header, DataBody: m.Body}) != nil {
				break // the server has answered
			}
		}
		_ = stream.CloseSend()
		_, err = stream.Recv()
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return status.Code(err)
	}
	if code := put(); code != codes.OK {
		t.Fatalf("as it was: %s", code)
	}
	tried := map[codes.Code]int{}
	for _, m := range kept {
		for _, part := range [][]byte{m.Header, m.Body} {
			for i := range part {
				for _, wrong := range []byte{0x01, 0x80, 0xff} {
					part[i] ^= wrong
					tried[put()]++
					part[i] ^= wrong
				}
			}
		}
	}
	t.Log(tried)
	if tried[codes.OK] == 0 || tried[codes.InvalidArgument] == 0 || len(tried) != 2 {
		t.Errorf("answers: %v; the log: %s", tried, s.logged())
	}
	if code := put(); code != codes.OK {
		t.Errorf("afterwards: %s", code)
	}
}
