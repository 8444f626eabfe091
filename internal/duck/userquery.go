//go:build duckdb_arrow

package duck

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	bindings "github.com/duckdb/duckdb-go-bindings"

	"github.com/kmstrail/kmstrail/schema"
)

// Limits bound what a user's query may take. Zero means no limit.
type Limits struct {
	// Rows and Bytes bound the result, as Arrow batches.
	Rows, Bytes int64
	// Time bounds the whole query, reading its result included. A single call
	// of a function cannot be interrupted and may take longer.
	Time time.Duration
}

// LimitError says that a result was cut off. The batches before it are right.
type LimitError struct {
	// What was used up: rows, bytes or time.
	What string
	// Limit is how much was allowed.
	Limit string
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the query's limit of %s %s is used up; ask for less, or raise the limit", e.Limit, e.What)
}

// RefusedError says that a statement is not one that a user may run.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return "query refused: " + e.Reason }

func refuse(format string, args ...any) error {
	return &RefusedError{Reason: fmt.Sprintf(format, args...)}
}

// maxQueryText is the longest statement a user may send, in bytes.
const maxQueryText = 256 << 10

// UserQuery runs a statement that nobody has vouched for. It must be exactly
// one query (SELECT, WITH, FROM, VALUES, DESCRIBE, SHOW, SUMMARIZE, or EXPLAIN
// of one) over the tables and views of the schema. It runs on a connection of
// its own, in a read-only transaction that is rolled back in any case: a
// session could else leave a forged table to the next one. A statement that is
// refused gives a *RefusedError, a result that is cut off ends in a *LimitError.
func (s *Store) UserQuery(ctx context.Context, sql string, lim Limits) (array.RecordReader, error) {
	c, err := s.connect()
	if err != nil {
		return nil, err
	}
	cancel := context.CancelFunc(func() {})
	if lim.Time > 0 {
		ctx, cancel = context.WithTimeoutCause(ctx, lim.Time, &LimitError{What: "time", Limit: lim.Time.String()})
	}
	r, err := s.startUserQuery(ctx, c, sql)
	if err != nil {
		cancel()
		c.close()
		return nil, fmt.Errorf("query database: %w", err)
	}
	r.onClose = func() {
		cancel()
		// Disconnecting would do; this says what is meant.
		_ = c.exec(context.WithoutCancel(ctx), "ROLLBACK")
	}
	tracked, err := s.track(r)
	if err != nil {
		return nil, err
	}
	return &limited{RecordReader: tracked, limits: lim}, nil
}

func (s *Store) startUserQuery(ctx context.Context, c *conn, sql string) (*reader, error) {
	// What is in the statement is judged before DuckDB binds it: binding a
	// table function can already do what the function does.
	if err := c.inspect(ctx, sql); err != nil {
		return nil, err
	}
	if err := c.exec(ctx, "BEGIN TRANSACTION READ ONLY"); err != nil {
		return nil, err
	}
	stmt, err := c.prepare(ctx, sql)
	if err != nil {
		return nil, err
	}
	kind := bindings.PreparedStatementType(stmt)
	bindings.DestroyPrepare(&stmt)
	if kind != bindings.StatementTypeSelect && kind != bindings.StatementTypeExplain {
		return nil, refuse("only queries are allowed")
	}
	return c.stream(ctx, sql, nil)
}

// explainHead is EXPLAIN as it may stand before a query.
var explainHead = regexp.MustCompile(`(?i)^\s*EXPLAIN(\s+ANALYZE)?(\s*\(\s*FORMAT\s+[a-z]+\s*\))?\s`)

// inspect parses sql, without binding it, and refuses whatever is not a
// query over our tables.
func (c *conn) inspect(ctx context.Context, sql string) error {
	switch {
	case len(sql) > maxQueryText:
		return refuse("the text is longer than %d bytes", maxQueryText)
	case strings.ContainsRune(sql, 0), !utf8.ValidString(sql):
		return refuse("the text holds a NUL or is not UTF-8")
	}
	sql = strings.TrimPrefix(sql, explainHead.FindString(sql))
	tree, err := c.text(ctx, "SELECT json_serialize_sql($1::VARCHAR)::VARCHAR", sql)
	if err != nil {
		return err
	}
	var parsed struct {
		Error      bool   `json:"error"`
		Type       string `json:"error_type"`
		Message    string `json:"error_message"`
		Statements []any  `json:"statements"`
	}
	if err := json.Unmarshal([]byte(tree), &parsed); err != nil {
		return fmt.Errorf("read parsed query: %w", err)
	}
	switch {
	case parsed.Error && parsed.Type == "not implemented":
		return refuse("only one SELECT, WITH, FROM, VALUES, DESCRIBE, SHOW or SUMMARIZE is allowed, or EXPLAIN before it")
	case parsed.Error:
		return &Error{Message: "parse query: " + parsed.Message}
	case len(parsed.Statements) != 1:
		return refuse("it has %d statements, want one", len(parsed.Statements))
	}
	j := inspector{ctes: map[string]bool{}}
	j.collect(parsed.Statements[0])
	return j.walk(parsed.Statements[0])
}

// inspector looks through a parsed query.
type inspector struct {
	// ctes are the names of all WITH queries, wherever they stand.
	ctes map[string]bool
}

func (j *inspector) collect(node any) {
	switch n := node.(type) {
	case []any:
		for _, x := range n {
			j.collect(x)
		}
	case map[string]any:
		if ctes, ok := n["cte_map"].(map[string]any); ok {
			entries, _ := ctes["map"].([]any)
			for _, e := range entries {
				entry, _ := e.(map[string]any)
				j.ctes[text(entry["key"])] = true
			}
		}
		for _, x := range n {
			j.collect(x)
		}
	}
}

func (j *inspector) walk(node any) error {
	switch n := node.(type) {
	case []any:
		for _, x := range n {
			if err := j.walk(x); err != nil {
				return err
			}
		}
	case map[string]any:
		if err := j.check(n); err != nil {
			return err
		}
		for _, x := range n {
			if err := j.walk(x); err != nil {
				return err
			}
		}
	}
	return nil
}

func (j *inspector) check(n map[string]any) error {
	switch {
	case n["type"] == "BASE_TABLE":
		return j.checkTable(n)
	case n["type"] == "TABLE_FUNCTION":
		f, _ := n["function"].(map[string]any)
		if name := text(f["function_name"]); !slices.Contains(tableFunctions(), name) {
			return refuse("the table function %s is not allowed; allowed are %s", name, strings.Join(tableFunctions(), ", "))
		}
	case n["class"] == "FUNCTION":
		if name := text(n["function_name"]); slices.Contains(forbiddenFunctions(), name) {
			return refuse("the function %s is not allowed", name)
		}
	case n["class"] == "PARAMETER":
		return refuse("it has parameters; write the values into the text")
	}
	return nil
}

// tableFunctions are those that read nothing but their arguments.
func tableFunctions() []string {
	return []string{"generate_series", "json_each", "json_tree", "range", "repeat", "unnest"}
}

// forbiddenFunctions write something or tell about the machine.
func forbiddenFunctions() []string {
	return []string{"current_setting", "currval", "getenv", "getvariable", "nextval", "set_config", "write_log"}
}

// checkTable allows our tables and views, what the query names itself, and the
// part of information_schema that tools ask for. DuckDB's own views tell where
// the file lies, so a WITH query may not borrow their names either: outside its
// reach the name would mean the view.
func (j *inspector) checkTable(n map[string]any) error {
	name, schemaName := text(n["table_name"]), text(n["schema_name"])
	switch {
	case schemaName == "information_schema" && slices.Contains([]string{"tables", "columns", "schemata"}, name):
		return nil
	case (schemaName == "" || schemaName == "main") && isOurs(name):
		return nil
	case schemaName == "" && j.ctes[name] && !systemName.MatchString(name):
		return nil
	}
	return refuse("there is no table %s for queries; SHOW TABLES lists them", name)
}

var systemName = regexp.MustCompile(`^(duckdb|pragma|pg|sqlite)_|^(__|show_)`)

func isOurs(name string) bool {
	for _, t := range schema.Tables() {
		if t.Name == name {
			return true
		}
	}
	return slices.ContainsFunc(schema.Views(), func(v schema.View) bool { return v.Name == name })
}

func text(v any) string {
	s, _ := v.(string)
	return strings.ToLower(s)
}

// Cut returns a reader of r that ends in a *LimitError where lim.Rows or
// lim.Bytes are used up. Releasing it releases r.
func Cut(r array.RecordReader, lim Limits) array.RecordReader {
	return &limited{RecordReader: r, limits: lim}
}

// limited cuts a result off at its limits.
type limited struct {
	array.RecordReader
	limits      Limits
	rows, bytes int64
	current     arrow.RecordBatch
	err         error
}

func (l *limited) Next() bool {
	l.drop()
	if l.err != nil || !l.RecordReader.Next() {
		return false
	}
	rec := l.RecordReader.RecordBatch()
	if left := l.limits.Rows - l.rows; l.limits.Rows > 0 && rec.NumRows() > left {
		l.err = &LimitError{What: "rows", Limit: fmt.Sprint(l.limits.Rows)}
		if left == 0 {
			return false
		}
		l.current = rec.NewSlice(0, left)
		return true
	}
	l.rows += rec.NumRows()
	for _, c := range rec.Columns() {
		l.bytes += int64(c.Data().SizeInBytes())
	}
	if l.limits.Bytes > 0 && l.bytes > l.limits.Bytes {
		l.err = &LimitError{What: "bytes", Limit: fmt.Sprint(l.limits.Bytes)}
		return false
	}
	rec.Retain()
	l.current = rec
	return true
}

func (l *limited) drop() {
	if l.current != nil {
		l.current.Release()
		l.current = nil
	}
}

func (l *limited) RecordBatch() arrow.RecordBatch { return l.current }
func (l *limited) Record() arrow.RecordBatch      { return l.current }

func (l *limited) Err() error {
	if l.err != nil {
		return l.err
	}
	return l.RecordReader.Err()
}

// Release drops the current batch too: the garbage collector has the rest.
func (l *limited) Release() { l.RecordReader.Release() }
