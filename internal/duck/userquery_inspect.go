//go:build duckdb_arrow

package duck

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kmstrail/kmstrail/schema"
)

// RefusedError says that a statement is not one that a user may run.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return "query refused: " + e.Reason }

func refuse(format string, args ...any) error {
	return &RefusedError{Reason: fmt.Sprintf(format, args...)}
}

// maxQueryText is the longest statement a user may send, in bytes.
const maxQueryText = 256 << 10

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
