package plugin

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/builder"
	"github.com/kmstrail/kmstrail/internal/flightclient"
)

// catalog is what the server says of its tables.
type catalog struct {
	version string
	tables  []flightclient.Table
	byName  map[string]flightclient.Table
	// docs has what columns mean, where all tables agree.
	docs map[string]string
}

func newCatalog(version string, tables []flightclient.Table) *catalog {
	c := &catalog{version: version, tables: tables, byName: map[string]flightclient.Table{}, docs: map[string]string{}}
	for _, t := range tables {
		c.byName[t.Name] = t
		for _, col := range t.Columns {
			if doc, seen := c.docs[col.Name]; seen && doc != col.Doc {
				c.docs[col.Name] = ""
			} else {
				c.docs[col.Name] = col.Doc
			}
		}
	}
	return c
}

func readCatalog(ctx context.Context, s server) (*catalog, error) {
	info, err := s.Server(ctx)
	if err != nil {
		return nil, err
	}
	tables, err := s.Tables(ctx)
	if err != nil {
		return nil, err
	}
	return newCatalog(info.Version, tables), nil
}

func (d *Datasource) catalog(ctx context.Context) (*catalog, error) {
	return d.catalogs.get(ctx, "", func() (*catalog, error) { return aside(ctx, d, readCatalog) })
}

// table returns a table as the builder knows tables; an error names what there is.
func (c *catalog) table(name string) (builder.Table, error) {
	t, ok := c.byName[name]
	if !ok {
		return builder.Table{}, &builder.Error{Field: "table", Message: "there is no table " + name + " on the server"}
	}
	return builderTable(t), nil
}

func builderTable(t flightclient.Table) builder.Table {
	columns := make([]builder.Column, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = builder.Column{Name: c.Name, Type: c.Type}
	}
	return builder.NewTable(t.Name, columns)
}

var word = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)

// mentioned returns the tables whose names are in a statement. There can be too
// many: a name may be one of something else.
func (c *catalog) mentioned(sql string) []flightclient.Table {
	var out []flightclient.Table
	for _, w := range word.FindAllString(sql, -1) {
		t, ok := c.byName[strings.ToLower(w)]
		if ok && !slices.ContainsFunc(out, func(o flightclient.Table) bool { return o.Name == t.Name }) {
			out = append(out, t)
		}
	}
	return out
}

// columnsOf returns what is known of a column, by the first table that has it.
func columnsOf(tables []flightclient.Table) map[string]flightclient.Column {
	out := map[string]flightclient.Column{}
	for _, t := range tables {
		for _, c := range t.Columns {
			if _, seen := out[c.Name]; !seen {
				out[c.Name] = c
			}
		}
	}
	return out
}
