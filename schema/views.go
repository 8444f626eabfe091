package schema

import (
	"embed"
	"fmt"
	"strings"
)

// View is a derived table, defined once, as a query over the base tables and
// the views before it.
type View struct {
	Name string
	// Doc says what one row is.
	Doc string
	// Columns of the view, in order.
	Columns []Column
	// SQL is the view's query: a CREATE VIEW statement without its head.
	SQL string
}

// viewOrder is the order of creation: a view uses only those before it.
var viewOrder = []string{
	"kms_calls", "encryption_context", "context_resources", "key_changes", "key_timeline",
	"resource_tags", "keys", "coverage", "quota_calls", "request_rate", "usage_daily",
}

//go:embed sql/views/*.sql
var viewFiles embed.FS

// Views lists the views in creation order. The files are part of the program;
// one that cannot be read is a mistake in it, found by the first test.
func Views() []View {
	views := make([]View, 0, len(viewOrder))
	for _, name := range viewOrder {
		src, err := viewFiles.ReadFile("sql/views/" + name + ".sql")
		if err != nil {
			panic(err)
		}
		v, err := parseView(name, string(src))
		if err != nil {
			panic(err)
		}
		views = append(views, v)
	}
	return views
}

// parseView takes a view's file apart: a comment with "name: doc", a line per
// column "name TYPE: doc", an empty line, and the query.
func parseView(name, src string) (View, error) {
	head, query, ok := strings.Cut(src, "\n\n")
	if !ok {
		return View{}, fmt.Errorf("parse view %s: no empty line between header and query", name)
	}
	v := View{Name: name, SQL: strings.TrimSpace(query)}
	for line := range strings.Lines(head) {
		line, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "--")
		if !ok {
			return View{}, fmt.Errorf("parse view %s: header line %q is no comment", name, line)
		}
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if err := v.addHeader(line); err != nil {
			return View{}, fmt.Errorf("parse view %s: %w", name, err)
		}
	}
	if len(v.Columns) == 0 || v.SQL == "" {
		return View{}, fmt.Errorf("parse view %s: no columns or no query", name)
	}
	return v, nil
}

func (v *View) addHeader(line string) error {
	what, doc, ok := strings.Cut(line, ": ")
	if !ok {
		return fmt.Errorf("header line %q is not \"name: text\"", line)
	}
	if v.Doc == "" {
		if what != v.Name {
			return fmt.Errorf("header names %q", what)
		}
		v.Doc = doc
		return nil
	}
	name, typeName, _ := strings.Cut(what, " ")
	t, ok := typeBySQL(typeName)
	if !ok {
		return fmt.Errorf("column %s has the unknown type %q", name, typeName)
	}
	v.Columns = append(v.Columns, Column{Name: name, Type: t, Doc: doc})
	return nil
}

func typeBySQL(name string) (Type, bool) {
	for _, t := range []Type{Varchar, UUID, Timestamp, Date, Bigint, Integer, Double, Boolean, StringMap, StringSet} {
		if t.SQL() == name {
			return t, true
		}
	}
	return Varchar, false
}
