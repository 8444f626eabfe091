package plugin

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/kmstrail/kmstrail/internal/flightclient"
)

// table is a table or view of the store, as the server describes it.
type table struct {
	Name string
	// Kind is table or view.
	Kind, Doc string
	Columns   []column
}

// column of a table. Type is as DuckDB spells it.
type column struct {
	Name, Type, Doc string
}

// remote is a server, with the question for its tables that flightclient lacks.
type remote struct {
	*flightclient.Client

	settings Settings
}

// Tables asks for the tables over a connection of its own. A catalog is kept for
// minutes, so this is rare.
func (r *remote) Tables(ctx context.Context) ([]table, error) {
	tables, err := listTables(ctx, r.settings)
	var s interface{ GRPCStatus() *status.Status }
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return nil, cause
	}
	if errors.As(err, &s) {
		st := s.GRPCStatus()
		return nil, &flightclient.Error{Code: st.Code(), Message: st.Message()}
	}
	return tables, err
}

func listTables(ctx context.Context, s Settings) ([]table, error) {
	target, security := "dns:///"+s.Host+":"+s.Port, insecure.NewCredentials()
	if path, ok := strings.CutPrefix(s.Address, "unix:"); ok {
		target = "unix:" + path
	}
	if s.TLS != nil {
		security = credentials.NewTLS(s.TLS)
	}
	c, err := flightsql.NewClient(target, nil, nil, grpc.WithTransportCredentials(security), grpc.WithNoProxy())
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", s.Address, err)
	}
	defer c.Close() //nolint:errcheck // it has answered
	if s.token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+s.token)
	}
	info, err := c.GetTables(ctx, &flightsql.GetTablesOpts{IncludeSchema: true})
	if err != nil {
		return nil, err
	}
	if len(info.GetEndpoint()) != 1 {
		return nil, errNoTables
	}
	r, err := c.DoGet(ctx, info.GetEndpoint()[0].GetTicket())
	if err != nil {
		return nil, err
	}
	defer r.Release()
	var out []table
	for r.Next() {
		if out, err = appendTables(out, r.RecordBatch()); err != nil {
			return nil, err
		}
	}
	return out, r.Err()
}

var errNoTables = errors.New("the server lists its tables in a way that is not known")

// appendTables reads rows of catalog, schema, name, kind and columns.
func appendTables(out []table, rec arrow.RecordBatch) ([]table, error) {
	if rec.NumCols() != 5 {
		return nil, errNoTables
	}
	names, ok1 := rec.Column(2).(*array.String)
	kinds, ok2 := rec.Column(3).(*array.String)
	schemas, ok3 := rec.Column(4).(*array.Binary)
	if !ok1 || !ok2 || !ok3 {
		return nil, errNoTables
	}
	for i := range int(rec.NumRows()) {
		schema, err := flight.DeserializeSchema(schemas.Value(i), memory.DefaultAllocator)
		if err != nil {
			return nil, fmt.Errorf("read the columns of table %s: %w", names.Value(i), err)
		}
		about := schema.Metadata()
		t := table{Name: strings.Clone(names.Value(i)), Kind: strings.ToLower(kinds.Value(i)), Doc: remark(about)}
		for _, f := range schema.Fields() {
			t.Columns = append(t.Columns, column{Name: f.Name, Type: typeName(f), Doc: remark(f.Metadata)})
		}
		out = append(out, t)
	}
	return out, nil
}

func remark(m arrow.Metadata) string {
	text, _ := m.GetValue(flightsql.RemarksKey)
	return text
}

// typeName is the type of a column as DuckDB spells it.
func typeName(f arrow.Field) string {
	if name, ok := f.Metadata.GetValue(flightsql.TypeNameKey); ok {
		return name
	}
	return f.Type.String()
}
