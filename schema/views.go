package schema

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

// View is a derived table, defined once, as a query over the base tables and
// the views before it.
type View struct {
	Name string
	// Doc says what one row is.
	Doc string
	// Columns of the view, in order.
	Columns []Column
	// SQL is the view's definition: a query.
	SQL string
	// own is the same query as DuckDB answers it best, "" where that is SQL.
	own string
	// plain is what it comes to in a store without any inventory, "" where that
	// is no different.
	plain string
	// Kept says how the store keeps its rows; nil when it computes them each
	// time they are asked for.
	Kept *Kept
}

// Kept says how the rows of a derived table are kept up to date. Whatever way,
// they are those that its definition gives.
type Kept struct {
	Kind KeptKind
	// Of is the table that the rows are made of.
	Of string
	// By is the unit of the first time in it: second, minute, hour, day or month
	// for rollups and folds, event_time for rows; what is newest of for newest.
	By string
}

// KeptKind is a way to keep a derived table up to date.
type KeptKind string

const (
	// KeptRows says that every row of the source gives its own rows, by its own
	// content alone, so that new rows are added and nothing else changes.
	KeptRows KeptKind = "rows"
	// KeptRollup says that rows are summed by all columns that have no Merge.
	// What a commit adds is appended; readers sum the hours or days that have
	// such parts, until compaction settles them.
	KeptRollup KeptKind = "rollup"
	// KeptNewest says that there is a row for each value of a column of the
	// source, which is computed again when the source gets rows of that value.
	KeptNewest KeptKind = "newest"
	// KeptFold says that rows are computed from those of a rollup by second,
	// which is kept for some days only.
	KeptFold KeptKind = "fold"
)

// viewOrder is the order of creation: a view uses only those before it.
var viewOrder = []string{
	"kms_calls", "encryption_context", "context_resources",
	"key_inventory",
	"key_change_records", "key_setting_records", "key_changes", "key_timeline_logged", "key_timeline", "grants", "resource_tags",
	"usage_hourly", "usage_daily", "usage_monthly", "key_use", "keys", "key_names",
	"log_file_days", "arrivals", "coverage",
	"quota_calls", "request_seconds", "request_rate",
}

//go:embed sql/views/*.sql sql/kept/*.sql sql/duckdb/*.sql sql/plain/*.sql sql/fresh/*.sql
var viewFiles embed.FS

// Views lists the views in creation order. The files are part of the program;
// one that cannot be read is a mistake in it, found by the first test.
func Views() []View { return slices.Clone(allViews()) }

var allViews = sync.OnceValue(readViews)

func readViews() []View {
	views := make([]View, 0, len(viewOrder))
	for _, name := range viewOrder {
		src, err := viewFiles.ReadFile("sql/views/" + name + ".sql")
		if errors.Is(err, fs.ErrNotExist) {
			src, err = viewFiles.ReadFile("sql/kept/" + name + ".sql")
		}
		if err != nil {
			panic(err)
		}
		v, err := parseView(name, string(src))
		if err != nil {
			panic(err)
		}
		own, err := viewFiles.ReadFile("sql/duckdb/" + name + ".sql")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			panic(err)
		}
		v.own = strings.TrimSpace(string(own))
		plain, err := viewFiles.ReadFile("sql/plain/" + name + ".sql")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			panic(err)
		}
		v.plain = strings.TrimSpace(string(plain))
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
	if what == "kept" {
		kept, err := parseKept(doc)
		v.Kept = kept
		return err
	}
	words := strings.Fields(what)
	merge := MergeNone
	if n := len(words); n == 3 {
		words, merge = words[:2], Merge(words[2])
	}
	name, typeName, _ := strings.Cut(strings.Join(words, " "), " ")
	t, ok := typeBySQL(typeName)
	if !ok && len(strings.Fields(what)) > 2 { // MAP(VARCHAR, VARCHAR) has a space
		_, typeName, _ = strings.Cut(what, " ")
		t, ok = typeBySQL(typeName)
		merge = MergeNone
	}
	if !ok {
		return fmt.Errorf("column %s has the unknown type %q", name, typeName)
	}
	switch merge {
	case MergeNone, MergeSum, MergeMin, MergeMax:
	default:
		return fmt.Errorf("column %s is merged by the unknown function %q", name, merge)
	}
	v.Columns = append(v.Columns, Column{Name: name, Type: t, Merge: merge, Doc: doc})
	return nil
}

// parseKept reads "rollup of kms_events by hour".
func parseKept(text string) (*Kept, error) {
	words := strings.Fields(text)
	if len(words) != 5 || words[1] != "of" || words[3] != "by" {
		return nil, fmt.Errorf("kept %q is not \"KIND of TABLE by UNIT\"", text)
	}
	kept := &Kept{Kind: KeptKind(words[0]), Of: words[2], By: words[4]}
	switch kept.Kind {
	case KeptRows, KeptRollup, KeptFold, KeptNewest:
		return kept, nil
	}
	return nil, fmt.Errorf("kept as the unknown kind %q", kept.Kind)
}

func typeBySQL(name string) (Type, bool) {
	for _, t := range []Type{Varchar, UUID, Timestamp, Date, Bigint, Integer, Double, Boolean, StringMap, StringSet} {
		if t.SQL() == name {
			return t, true
		}
	}
	return Varchar, false
}
