//go:build duckdb_arrow

package duck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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

const (
	// maxQueryText is the longest statement a user may send with its parameters, in bytes.
	maxQueryText = 256 << 10
	// maxTerms bounds AND and OR: parsing takes time with the square of their number.
	maxTerms = 10_000
	// maxTree bounds the parsed statement as DuckDB writes it, before it is read.
	maxTree = 4 << 20
	// maxLiteral is the longest text in a statement. Deeper nesting than such a
	// text can have ends the process in DuckDB's casts.
	maxLiteral = 32 << 10
)

// explainHead is EXPLAIN as it may stand before a query.
var explainHead = regexp.MustCompile(`(?i)^\s*EXPLAIN(\s+ANALYZE)?(\s*\(\s*FORMAT\s+[a-z]+\s*\))?\s`)

// inspect parses sql, without binding it, and refuses whatever is not a
// query over our tables, and what DuckDB would blow up while it binds it:
// neither memory nor time of that is bounded, and it cannot be interrupted.
func (c *conn) inspect(ctx context.Context, sql string, args []any, describing bool) error {
	if err := checkText(sql, args); err != nil {
		return err
	}
	head := explainHead.FindString(sql)
	tree, err := c.text(ctx, "SELECT json_serialize_sql($1::VARCHAR)::VARCHAR", strings.TrimPrefix(sql, head))
	if err != nil {
		return err
	}
	if len(tree) > maxTree {
		return refuse("it has too many parts; ask for less at once")
	}
	var parsed struct {
		Error      bool   `json:"error"`
		Type       string `json:"error_type"`
		Message    string `json:"error_message"`
		Position   int    `json:"position,string"` // in characters
		Statements []any  `json:"statements"`
	}
	if err := json.Unmarshal([]byte(tree), &parsed); err != nil {
		return fmt.Errorf("read parsed query: %w", err)
	}
	switch {
	case parsed.Error && parsed.Type == "not implemented":
		return refuse("only one SELECT, WITH, FROM, VALUES, DESCRIBE, SHOW or SUMMARIZE is allowed, or EXPLAIN before it")
	case parsed.Error:
		return &Error{Message: "parse query: " + parsed.Message + pointAt(sql, byteOffset(sql, utf8.RuneCountInString(head)+parsed.Position))}
	case len(parsed.Statements) != 1:
		return refuse("it has %d statements, want one", len(parsed.Statements))
	}
	j := inspector{args: args, describing: describing}
	j.point = func(at int) string { return pointAt(sql, len(head)+at) }
	j.catalog = func() (string, error) { return c.text(ctx, "SELECT current_database()") }
	if err := j.walk(parsed.Statements[0], place{amplified: 1}); err != nil {
		return err
	}
	return estimate(parsed.Statements[0])
}

func checkText(sql string, args []any) error {
	size := len(sql)
	for _, a := range args {
		for _, s := range texts(a) {
			if size += len(s); len(s) > maxLiteral {
				return refuse("a parameter is longer than %d bytes", maxLiteral)
			}
		}
	}
	switch {
	case size > maxQueryText:
		return refuse("the text and its parameters are longer than %d bytes", maxQueryText)
	case strings.ContainsRune(sql, 0), !utf8.ValidString(sql):
		return refuse("the text holds a NUL or is not UTF-8")
	case len(terms.FindAllStringIndex(sql, maxTerms+1)) > maxTerms:
		return refuse("it has too many parts; ask for less at once")
	}
	return nil
}

var terms = regexp.MustCompile(`(?i)\b(and|or)\b`)

func texts(arg any) []string {
	switch v := arg.(type) {
	case string:
		return []string{v}
	case []string:
		return v
	}
	return nil
}

// inspector looks through a parsed query and refuses what is not allowed. What
// it does not know it refuses.
type inspector struct {
	args       []any
	describing bool
	// catalog returns the name that DuckDB gives to the database file.
	catalog func() (string, error)
	// point shows a place of the parsed text, in bytes from 0.
	point func(at int) string
}

// place is where in the query the inspector is.
type place struct {
	// ctes are the names of the WITH queries that can be seen from here.
	ctes []string
	// amplified is by how much the functions around multiply a value.
	amplified int64
	// lambdas counts the lambdas around; DuckDB binds each level twice.
	lambdas int
}

func (j *inspector) walk(node any, at place) error {
	switch n := node.(type) {
	case []any:
		for _, x := range n {
			if err := j.walk(x, at); err != nil {
				return err
			}
		}
	case map[string]any:
		at, err := j.check(n, at)
		if err != nil {
			return j.pointed(err, n)
		}
		for _, key := range slices.Sorted(maps.Keys(n)) {
			if key == "cte_map" {
				continue
			}
			if err := j.walk(n[key], at); err != nil {
				return err
			}
		}
	}
	return nil
}

// pointed adds to a refusal where in the text the refused node begins.
func (j *inspector) pointed(err error, n map[string]any) error {
	refused, ok := errors.AsType[*RefusedError](err)
	where, known := n["query_location"].(float64)
	if ok && known && where < maxQueryText { // else it has none
		refused.Reason += j.point(int(where))
	}
	return err
}

// check judges one node and returns the place of what is in it.
func (j *inspector) check(n map[string]any, at place) (place, error) {
	if _, ok := n["cte_map"]; ok {
		return j.checkQuery(n, at)
	}
	if class, ok := n["class"].(string); ok {
		return j.checkExpression(class, n, at)
	}
	sample, ok := n["sample"]
	if !ok {
		return at, nil
	}
	if err := j.checkSample(sample); err != nil {
		return at, err
	}
	switch kind, _ := n["type"].(string); kind {
	case "BASE_TABLE":
		return at, j.checkTable(n, at.ctes)
	case "SHOW_REF":
		return at, checkShow(n)
	case "TABLE_FUNCTION":
		// It streams, so its size does not matter; the function is judged here
		// and not as an expression.
		f, _ := n["function"].(map[string]any)
		n["function"] = f["children"]
		return at, checkFunction("tables", f)
	case "SUBQUERY", "JOIN", "EMPTY", "EXPRESSION_LIST", "PIVOT":
		return at, nil
	default:
		return at, refuse("%s cannot stand in FROM", kind)
	}
}

// checkQuery walks the WITH queries of a query, in order: each sees those before
// it, and itself if it is recursive. A name out of its reach would mean a table
// or a file.
func (j *inspector) checkQuery(n map[string]any, at place) (place, error) {
	if kind, _ := n["type"].(string); !slices.Contains([]string{"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE"}, kind) {
		return at, refuse("%s is not a query", kind)
	}
	if err := j.checkSample(n["sample"]); err != nil {
		return at, err
	}
	at.ctes = slices.Clone(at.ctes)
	if n["type"] == "RECURSIVE_CTE_NODE" {
		at.ctes = append(at.ctes, text(n["cte_name"]))
	}
	for _, e := range cteEntries(n) {
		if err := j.walk(e.query, at); err != nil {
			return at, err
		}
		at.ctes = append(at.ctes, e.name)
	}
	return at, nil
}

// checkSample bounds a sample of so many rows, which DuckDB keeps in memory
// that no limit counts.
func (j *inspector) checkSample(node any) error {
	n, _ := node.(map[string]any)
	if percent, _ := n["is_percentage"].(bool); n == nil || percent {
		return nil
	}
	if rows, ok := j.number(map[string]any{"class": "CONSTANT", "value": n["sample_size"]}); !ok || rows > maxSize {
		return refuse("a sample has up to %d rows, or so many percent", maxSize)
	}
	return nil
}

// cte is a WITH query.
type cte struct {
	name  string
	query any
	// copied says that DuckDB puts it wherever its name stands.
	copied bool
}

func cteEntries(n map[string]any) []cte {
	m, _ := n["cte_map"].(map[string]any)
	entries, _ := m["map"].([]any)
	var out []cte
	for _, e := range entries {
		entry, _ := e.(map[string]any)
		value, _ := entry["value"].(map[string]any)
		out = append(out, cte{name: text(entry["key"]), query: value, copied: value["materialized"] == "CTE_MATERIALIZE_NEVER"})
	}
	return out
}

func (j *inspector) checkExpression(class string, n map[string]any, at place) (place, error) {
	switch class {
	case "FUNCTION", "WINDOW":
		if err := checkFunction("functions", n); err != nil {
			return at, err
		}
		if exported, _ := n["export_state"].(bool); exported {
			return at, refuse("EXPORT_STATE is not allowed")
		}
		args, _ := n["children"].([]any)
		factor, err := j.checkSize(text(n["function_name"]), args)
		if err != nil {
			return at, err
		}
		if at.amplified *= factor; at.amplified > maxSize {
			return at, refuse("nested functions would make a value %d times as large; allowed is %d", at.amplified, maxSize)
		}
	case "LAMBDA":
		if at.lambdas++; at.lambdas > maxLambdas {
			return at, refuse("more than %d lambdas stand in each other", maxLambdas)
		}
	case "CONSTANT":
		if s, ok := constant(n); ok && (len(s) > maxLiteral || int64(len(s))*at.amplified > maxAmplified) {
			return at, refuse("a text of %d bytes is too long here", len(s))
		}
	case "CAST":
		return at, j.checkCast(n)
	case "TYPE":
		return at, checkType(n)
	case "COLUMN_REF":
		if len(names(n)) > maxNames {
			return at, refuse("a column has more than %d names", maxNames)
		}
	case "BETWEEN", "CASE", "COLLATE", "COMPARISON", "CONJUNCTION", "OPERATOR", "PARAMETER",
		"POSITIONAL_REFERENCE", "STAR", "SUBQUERY":
	default:
		return at, refuse("%s is not allowed in an expression", class)
	}
	return at, nil
}

const (
	maxLambdas = 4
	// maxNames bounds a.b.c…: DuckDB recurses over them, until its stack ends.
	maxNames = 30
	// maxAmplified is the longest text that a literal may be multiplied to.
	maxAmplified = 1_000_000
	// maxShort is the longest text that a list, struct or map may be read out of.
	maxShort = 1000
)

// checkCast refuses to read a list, struct or map out of a text that is not
// written out: a deeply nested one ends the process.
func (j *inspector) checkCast(n map[string]any) error {
	to, _ := n["cast_type"].(map[string]any)
	info, _ := to["type_info"].(map[string]any)
	if expr, ok := info["expr"].(map[string]any); ok {
		to = map[string]any{"id": expr["type_name"]}
	}
	if id := text(to["id"]); !slices.Contains(scalarTypes, id) && !literal(n["child"]) && !j.bound(n["child"]) {
		return refuse("only a text or list that is written out can be cast to %s; cast the elements with list_transform", strings.ToUpper(id))
	}
	return nil
}

// scalarTypes can be read from any text without harm.
var scalarTypes = append(strings.Fields(`bigint binary bit bitstring blob bool boolean bpchar bytea char date datetime dec
	decimal double enum float float4 float8 guid hugeint int int1 int128 int16 int2 int32 int4 int64 int8 integer
	integral interval json logical long numeric nvarchar oid real short signed smallint string text time time_ns
	timestamp timestamp_ms timestamp_ns timestamp_s timestamp_us timestamptz timetz tinyint
	ubigint uhugeint uint128 uint16 uint32 uint64 uint8 uinteger usmallint utinyint uuid varbinary varchar`), "time with time zone", "timestamp with time zone")

// checkType refuses types that are not built in, and those that end the process
// when a deeply nested text is cast to them.
func checkType(n map[string]any) error {
	name := text(n["type_name"])
	nested := slices.Contains([]string{"array", "list", "map", "struct", "row", "union"}, name)
	if text(n["catalog"])+text(n["schema"]) != "" || !nested && !slices.Contains(scalarTypes, name) {
		return refuse("the type %s is not allowed", name)
	}
	return nil
}

// literal says that an expression is made of constants alone.
func literal(node any) bool {
	n, _ := node.(map[string]any)
	if n["class"] == "CONSTANT" {
		s, _ := constant(n)
		return len(s) <= maxShort
	}
	name := text(n["function_name"])
	if n["class"] != "FUNCTION" && n["type"] != "ARRAY_CONSTRUCTOR" || n["class"] == "FUNCTION" && name != "list_value" && name != "struct_pack" && name != "row" && name != "map" {
		return false
	}
	children, _ := n["children"].([]any)
	return !slices.ContainsFunc(children, func(c any) bool { return !literal(c) })
}

// bound reports whether an expression is a parameter whose texts are as short as
// those of a literal. A statement that is only described has no values yet.
func (j *inspector) bound(node any) bool {
	n, _ := node.(map[string]any)
	if n["class"] != "PARAMETER" || j.describing {
		return n["class"] == "PARAMETER"
	}
	i := 0
	if _, err := fmt.Sscanf(text(n["identifier"]), "%d", &i); err != nil || i < 1 || i > len(j.args) {
		return false
	}
	switch v := j.args[i-1].(type) {
	case string:
		return len(v) <= maxShort
	case []byte:
		return len(v) <= maxShort
	case []string:
		return !slices.ContainsFunc(v, func(s string) bool { return len(s) > maxShort })
	}
	return true
}

// checkTable allows our tables and views, what the query names itself, and the
// part of information_schema that tools ask for. DuckDB's own views tell where
// the file lies.
func (j *inspector) checkTable(n map[string]any, ctes []string) error {
	name, schemaName := text(n["table_name"]), text(n["schema_name"])
	if catalog := text(n["catalog_name"]); catalog != "" {
		own, err := j.catalog()
		if err != nil {
			return err
		}
		if lower(own) != catalog {
			return refuse("there is no database %s for queries", catalog)
		}
	}
	switch {
	case n["at_clause"] != nil:
		return refuse("tables have no older versions; leave AT out")
	case schemaName == "information_schema" && slices.Contains([]string{"tables", "columns", "schemata"}, name):
		return nil
	case (schemaName == "" || schemaName == "main") && isOurs(name):
		return nil
	case schemaName == "" && slices.Contains(ctes, name):
		return nil
	}
	return refuse("there is no table %s for queries; SHOW TABLES lists them", name)
}

// checkShow allows SHOW TABLES and the description of our tables and of queries.
func checkShow(n map[string]any) error {
	name := strings.Trim(text(n["table_name"]), `"`)
	if text(n["catalog_name"]) == "" && text(n["schema_name"]) == "" && (name == "" || name == "tables" || isOurs(name)) {
		return nil
	}
	return refuse("SHOW %s is not allowed; SHOW TABLES and DESCRIBE of a table are", name)
}

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
	return lower(s)
}

// lower folds names as DuckDB does, which leaves all but ASCII alone.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
