package flightclient

import (
	"context"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Table is a table or view of the store, as the server describes it.
type Table struct {
	Name string
	// Kind is table or view.
	Kind, Doc string
	// Columns have their type as DuckDB spells it.
	Columns []Column
}

// Tables lists what can be asked about.
func (c *Client) Tables(ctx context.Context) ([]Table, error) {
	info, err := c.flight.GetTables(ctx, &flightsql.GetTablesOpts{IncludeSchema: true})
	var out []Table
	err = c.fetch(ctx, info, err, func(rec arrow.RecordBatch) (err error) {
		out, err = appendTables(out, rec)
		return err
	})
	return out, err
}

// appendTables reads rows of catalog, schema, name, kind and columns.
func appendTables(out []Table, rec arrow.RecordBatch) ([]Table, error) {
	if rec.NumCols() != 5 {
		return nil, errNotFlightSQL
	}
	names, ok1 := rec.Column(2).(*array.String)
	kinds, ok2 := rec.Column(3).(*array.String)
	schemas, ok3 := rec.Column(4).(*array.Binary)
	if !ok1 || !ok2 || !ok3 {
		return nil, errNotFlightSQL
	}
	for i := range int(rec.NumRows()) {
		name := strings.Clone(names.Value(i))
		columns, err := flight.DeserializeSchema(schemas.Value(i), memory.DefaultAllocator)
		if err != nil {
			return nil, fmt.Errorf("read the columns of table %s: %w", name, err)
		}
		t := Table{Name: name, Kind: strings.ToLower(kinds.Value(i)), Doc: remark(columns.Metadata())}
		for _, f := range columns.Fields() {
			t.Columns = append(t.Columns, Column{Name: f.Name, Type: TypeName(f), Doc: remark(f.Metadata)})
		}
		out = append(out, t)
	}
	return out, nil
}

func remark(m arrow.Metadata) string {
	text, _ := m.GetValue(flightsql.RemarksKey)
	return text
}

// TypeName is the type of a column as DuckDB spells it.
func TypeName(f arrow.Field) string {
	if name, ok := f.Metadata.GetValue(flightsql.TypeNameKey); ok {
		return name
	}
	return f.Type.String()
}
