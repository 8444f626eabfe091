package macros

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"time"
)

// maxValues is how many values a filter may have.
const maxValues = 5000

// Operators are those that [Condition] knows.
var Operators = []string{
	"=", "!=", "in", "not in", "like", "not like", "<", "<=", ">", ">=", "is null", "is not null", "=~", "!~",
}

// Condition writes the comparison of an expression of a DuckDB type ("" when it
// is not known) with values; what it returns needs no brackets within AND.
//
// With several values = and like mean any of them, != and not like none of
// them. =~ and !~ look for a regular expression (RE2) anywhere in the text. The
// negative operators take rows without a value as well: what is not known to be
// s3 is not s3. Of a list at least one element must fit, for the negative
// operators none. A map has no values to compare, but may be missing.
func Condition(expression, columnType, operator string, values []string) (string, error) {
	parts, err := alternatives(expression, columnType, operator, values)
	if len(parts) > 1 {
		return "(" + strings.Join(parts, " OR ") + ")", err
	}
	return strings.Join(parts, ""), err
}

// alternatives writes the comparison as conditions of which one must hold.
func alternatives(expression, columnType, operator string, values []string) ([]string, error) {
	switch operator {
	case "is null":
		return []string{expression + " IS NULL"}, nil
	case "is not null":
		return []string{expression + " IS NOT NULL"}, nil
	}
	values = distinct(values)
	switch {
	case len(values) == 0:
		return nil, errors.New("there is no value to compare with")
	case len(values) > maxValues:
		return nil, fmt.Errorf("there are %d values, more than %d: choose fewer, or All", len(values), maxValues)
	case strings.HasPrefix(columnType, "MAP(") || strings.HasPrefix(columnType, "STRUCT("):
		return nil, fmt.Errorf("a %s has no value to compare with: choose one of its keys", mapOrStruct(columnType))
	case strings.HasSuffix(columnType, "[]"):
		condition, err := listCondition(expression, strings.TrimSuffix(columnType, "[]"), operator, values)
		return []string{condition}, err
	}
	return scalarCondition(expression, columnType, operator, values)
}

func mapOrStruct(columnType string) string {
	name, _, _ := strings.Cut(columnType, "(")
	return strings.ToLower(name)
}

// positive has the operator that a negative one is the opposite of.
var positive = map[string]string{"!=": "=", "not in": "in", "not like": "like", "!~": "=~"}

// listCondition asks for elements: any that fits, or none.
func listCondition(expression, elementType, operator string, values []string) (string, error) {
	asked, negative := positive[operator]
	if !negative {
		asked = operator
	}
	element, err := Condition("element", elementType, asked, values)
	if err != nil {
		return "", err
	}
	fit := fmt.Sprintf("len(list_filter(%s, lambda element: %s))", expression, element)
	if negative {
		return fmt.Sprintf("coalesce(%s, 0) = 0", fit), nil
	}
	return fit + " > 0", nil
}

func scalarCondition(expression, columnType, operator string, values []string) ([]string, error) {
	compared := columnType
	if operator == "like" || operator == "not like" || operator == "=~" || operator == "!~" {
		// Patterns are text whatever they are compared with.
		compared = ""
	}
	literals, err := literalsOf(compared, values)
	if err != nil {
		return nil, err
	}
	list := strings.Join(literals, ", ")
	single := len(literals) == 1
	missing := expression + " IS NULL"
	switch operator {
	case "=", "in":
		if single {
			return []string{expression + " = " + list}, nil
		}
		return []string{expression + " IN (" + list + ")"}, nil
	case "!=", "not in":
		if single {
			return []string{expression + " IS DISTINCT FROM " + list}, nil
		}
		return []string{expression + " NOT IN (" + list + ")", missing}, nil
	case "like":
		return around(literals, castText(expression, columnType)+" LIKE ", ""), nil
	case "not like":
		return []string{"NOT (" + strings.Join(around(literals, castText(expression, columnType)+" LIKE ", ""), " OR ") + ")", missing}, nil
	case "=~", "!~":
		if err := checkExpressions(values); err != nil {
			return nil, err
		}
		matches := around(literals, "regexp_matches("+castText(expression, columnType)+", ", ")")
		if operator == "=~" {
			return matches, nil
		}
		return []string{"NOT (" + strings.Join(matches, " OR ") + ")", missing}, nil
	case "<", "<=", ">", ">=":
		if !single {
			return nil, fmt.Errorf("%s compares with one value, not with %d", operator, len(literals))
		}
		return []string{expression + " " + operator + " " + list}, nil
	}
	return nil, fmt.Errorf("there is no operator %q; there are %s", operator, strings.Join(Operators, ", "))
}

func around(literals []string, before, after string) []string {
	out := make([]string, len(literals))
	for i, l := range literals {
		out[i] = before + l + after
	}
	return out
}

// checkExpressions refuses what is no regular expression. Go's are RE2's, as
// DuckDB's are.
func checkExpressions(values []string) error {
	for _, v := range values {
		if strings.Contains(v, "\x00") {
			return errors.New(`a regular expression holds a NUL; write \x00`)
		}
		_, err := syntax.Parse(v, syntax.Perl)
		var wrong *syntax.Error
		if errors.As(err, &wrong) {
			return fmt.Errorf("%.100q is no regular expression: %s: %.50q", v, wrong.Code, wrong.Expr)
		}
	}
	return nil
}

func castText(expression, columnType string) string {
	if columnType == "VARCHAR" {
		return expression
	}
	return fmt.Sprintf("CAST(%s AS VARCHAR)", expression)
}

func literalsOf(columnType string, values []string) ([]string, error) {
	out := make([]string, len(values))
	for i, v := range values {
		l, err := typed(columnType, v)
		if err != nil {
			return nil, err
		}
		out[i] = l
	}
	return out, nil
}

var (
	numeral = regexp.MustCompile(`^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$`)
	uuid    = regexp.MustCompile(`^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
)

// typed writes a value that is compared with a column of a type. A comparison
// that makes no sense would else end in an error of the database without a place.
func typed(columnType, value string) (string, error) {
	switch {
	case Numeric(columnType):
		if !numeral.MatchString(value) {
			return "", fmt.Errorf("%.50q is not a number", value)
		}
		return value, nil
	case columnType == "BOOLEAN":
		if v := strings.ToUpper(value); v == "TRUE" || v == "FALSE" {
			return v, nil
		}
		return "", fmt.Errorf("%.50q is neither true nor false", value)
	case columnType == "UUID" && !uuid.MatchString(value):
		return "", fmt.Errorf("%.50q is not a UUID", value)
	case columnType == "TIMESTAMP" || columnType == "DATE":
		return moment(columnType, value)
	}
	return Literal(value)
}

// Numeric says that a DuckDB type holds numbers.
func Numeric(columnType string) bool {
	switch name, _, _ := strings.Cut(columnType, "("); name {
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
		"FLOAT", "DOUBLE", "DECIMAL":
		return !strings.HasSuffix(columnType, "]")
	}
	return false
}

// layouts are the ways to write a time. One without a zone is in UTC.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02",
}

// moment writes a time: as people write it, or as panels have it when somebody
// clicks on it, in milliseconds since 1970.
func moment(columnType, value string) (string, error) {
	write := timestamp
	if columnType == "DATE" {
		write = date
	}
	if ms, err := strconv.ParseInt(value, 10, 64); err == nil {
		if t := time.UnixMilli(ms).UTC(); len(value) > 4 && t.Year() >= 1 && t.Year() <= 9999 {
			return write(t), nil
		}
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, value); err == nil && t.UTC().Year() >= 1 && t.UTC().Year() <= 9999 {
			return write(t), nil
		}
	}
	return "", fmt.Errorf("%.50q is not a time: write 2026-01-31 or 2026-01-31 12:00:00, in UTC", value)
}

func distinct(values []string) []string {
	seen := make(map[string]bool, len(values))
	var out []string
	for _, v := range values {
		if !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}

// adHocOperators are those of [AdHoc] as [Condition] calls them.
var adHocOperators = map[string]string{
	"=": "=", "!=": "!=", "=|": "in", "!=|": "not in", "=~": "=~", "!~": "!~", "<": "<", ">": ">",
}

// condition writes an ad hoc filter on a column.
func (f *AdHoc) condition(column, columnType string) (string, error) {
	operator, ok := adHocOperators[f.Operator]
	if !ok {
		return "", fmt.Errorf("there is no operator %q for ad hoc filters", f.Operator)
	}
	values := f.Values
	if f.Operator != "=|" && f.Operator != "!=|" || len(values) == 0 {
		values = []string{f.Value}
	}
	if condition, ok := f.wholeList(column, columnType); ok {
		return condition, nil
	}
	if operator == "=" && values[0] == "" {
		return fmt.Sprintf("coalesce(CAST(%s AS VARCHAR), '') = ''", column), nil
	}
	if operator == "!=" && values[0] == "" {
		return fmt.Sprintf("coalesce(CAST(%s AS VARCHAR), '') <> ''", column), nil
	}
	return Condition(column, columnType, operator, values)
}

// wholeList reads a list as panels show it, ["a","b"], which is what a click on
// it gives.
func (f *AdHoc) wholeList(column, columnType string) (string, bool) {
	comparison := map[string]string{"=": "=", "!=": "IS DISTINCT FROM"}[f.Operator]
	if comparison == "" || !strings.HasSuffix(columnType, "[]") || !strings.HasPrefix(f.Value, "[") {
		return "", false
	}
	var elements []string
	if json.Unmarshal([]byte(f.Value), &elements) != nil {
		return "", false
	}
	literals, err := literalsOf("VARCHAR", elements)
	if err != nil {
		return "", false
	}
	return fmt.Sprintf("%s %s [%s]", column, comparison, strings.Join(literals, ", ")), true
}
