package queries

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/kmstrail/kmstrail/internal/sqlfile"
)

// Query is a parsed query file.
type Query struct {
	// ID is the file's name without .sql, snake_case.
	ID    string `yaml:"id" json:"id"`
	Title string `yaml:"title" json:"title"`
	// Description says what the result is good for.
	Description string `yaml:"description" json:"description"`
	// Grain says what one row is.
	Grain  string         `yaml:"grain" json:"grain"`
	Params sqlfile.Params `yaml:"params" json:"params"`
	// Columns of the result, in order.
	Columns []Column `yaml:"columns" json:"columns"`

	// Path is the file it was read from.
	Path string `yaml:"-" json:"-"`

	file sqlfile.File
}

// Column is a column of the result.
type Column struct {
	Name string `yaml:"name" json:"name"`
	// Type as DuckDB spells it.
	Type string `yaml:"type" json:"type"`
	Doc  string `yaml:"doc" json:"doc"`
}

// Window is the half-open time range [Start, End) of events, UTC.
type Window = sqlfile.Window

// SQL returns the query as written, without its header.
func (q *Query) SQL() string { return q.file.SQL }

// Bind returns the query ready to run. given are parameters as text; the others
// have their defaults.
func (q *Query) Bind(given map[string]string, w Window) (sqlfile.Statement, error) {
	if err := w.Validate(); err != nil {
		return sqlfile.Statement{}, fmt.Errorf("bind query %s: %w", q.ID, err)
	}
	st, err := q.file.Bind(q.Params, given, w)
	if err != nil {
		return sqlfile.Statement{}, fmt.Errorf("bind query %s: %w", q.ID, err)
	}
	return st, nil
}

// Text is Bind with the values written into the SQL, for an engine of others or
// to be read.
func (q *Query) Text(given map[string]string, w Window) (string, error) {
	if err := w.Validate(); err != nil {
		return "", fmt.Errorf("bind query %s: %w", q.ID, err)
	}
	sql, err := q.file.Text(q.Params, given, w)
	if err != nil {
		return "", fmt.Errorf("bind query %s: %w", q.ID, err)
	}
	return sql, nil
}

//go:embed sql
var builtin embed.FS

// BuiltinFS returns the files of the built-in queries.
func BuiltinFS() fs.FS {
	sub, err := fs.Sub(builtin, "sql")
	if err != nil {
		panic(err) // the name is a constant
	}
	return sub
}

// Builtin returns the queries that are part of the program, ordered by id. They are
// read once, and nobody changes them.
func Builtin() ([]*Query, error) {
	list, err := loadBuiltin()
	return slices.Clone(list), err
}

var loadBuiltin = sync.OnceValues(func() ([]*Query, error) { return Load(BuiltinFS()) })

// IDs returns the ids of queries.
func IDs(list []*Query) []string {
	ids := make([]string, len(list))
	for i, q := range list {
		ids[i] = q.ID
	}
	return ids
}

// Get returns the built-in query with an id. The error names the nearest one.
func Get(id string) (*Query, error) {
	list, err := Builtin()
	if err != nil {
		return nil, err
	}
	for _, q := range list {
		if q.ID == id {
			return q, nil
		}
	}
	text := fmt.Sprintf("there is no query %q", id)
	if near := sqlfile.Nearest(id, IDs(list)); near != "" {
		text += fmt.Sprintf("; did you mean %q?", near)
	}
	return nil, errors.New(text)
}

// Load reads every .sql file in the top directory of fsys, ordered by id. The
// error joins those of all files.
func Load(fsys fs.FS) ([]*Query, error) {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("list queries: %w", err)
	}
	var out []*Query
	var errs []error
	for _, name := range names {
		src, err := fs.ReadFile(fsys, name)
		if err != nil {
			errs = append(errs, fmt.Errorf("read query %s: %w", name, err))
			continue
		}
		q, err := Parse(name, src)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, q)
	}
	slices.SortFunc(out, func(a, b *Query) int { return strings.Compare(a.ID, b.ID) })
	return out, errors.Join(errs...)
}

// Parse reads one query file.
func Parse(name string, src []byte) (*Query, error) {
	file, err := sqlfile.Parse(name, src)
	if err != nil {
		return nil, err
	}
	q := &Query{Path: name, file: file}
	if err := file.Header(q); err != nil {
		return nil, err
	}
	if text := q.problem(); text != "" {
		return nil, &sqlfile.Error{File: name, Line: 1, Text: text}
	}
	if _, _, err := file.Prepare(q.Params); err != nil {
		return nil, err
	}
	return q, nil
}

// problem returns the first mistake in the header, "" when there is none.
func (q *Query) problem() string {
	want := strings.TrimSuffix(path.Base(q.Path), ".sql")
	switch {
	case q.ID != want:
		return fmt.Sprintf("the id is %q but the file is named %q", q.ID, want)
	case q.Title == "" || q.Description == "" || q.Grain == "":
		return "the header needs a title, a description and a grain"
	case len(q.Columns) == 0:
		return "the header lists no columns"
	}
	for _, c := range q.Columns {
		if c.Name == "" || c.Type == "" || c.Doc == "" {
			return fmt.Sprintf("column %q needs a name, a type and a doc", c.Name)
		}
	}
	if err := q.Params.Validate(); err != nil {
		return err.Error()
	}
	return ""
}
