package builder

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/macros"
)

// Literal returns a text as SQL has it, [macros.Literal].
func Literal(s string) (string, error) { return macros.Literal(s) }

// Identifier returns a name as SQL has it, in quotes where it needs them,
// [macros.Identifier].
func Identifier(name string) string { return macros.Identifier(name) }

// conditions writes the filters, and a place for ad hoc filters.
func (c *composer) conditions() ([]string, error) {
	out, err := filters(c.table, c.Filters)
	if err != nil {
		return nil, err
	}
	return append(out, "$__adhocFilters()"), nil
}

// filters writes filters as conditions of which all must hold.
func filters(t Table, list []Filter) ([]string, error) {
	var out []string
	for i, f := range list {
		field := fmt.Sprintf("filters[%d]", i)
		o, err := t.operand(field+".column", f.Column)
		if err != nil {
			return nil, err
		}
		conditions, wrong := f.conditions(field, o)
		if wrong != nil {
			return nil, wrong
		}
		out = append(out, conditions...)
	}
	return out, nil
}

// conditions writes one filter as conditions of which all must hold. Values that
// are typed and variables are compared apart: rows fit when they fit one of them,
// for negative operators all.
func (f Filter) conditions(field string, o operand) ([]string, *Error) {
	if !slices.Contains(macros.Operators, f.Operator) {
		return nil, wrong(field+".operator", "there is no operator %q; there are %s", f.Operator, strings.Join(macros.Operators, ", "))
	}
	var parts, typed []string
	for _, v := range f.Values {
		name, ok := Variable(v)
		if !ok {
			typed = append(typed, v)
			continue
		}
		part, err := byVariable(field, o, f.Operator, name)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	missing := f.Operator == "is null" || f.Operator == "is not null"
	if len(typed) > 0 || len(parts) == 0 || missing {
		part, err := macros.Condition(o.sql, o.columnType, f.Operator, typed)
		if err != nil {
			return nil, wrong(field+".values", "%s", err)
		}
		parts = append([]string{part}, parts...)
	}
	switch {
	case missing:
		return parts[:1], nil
	case len(parts) == 1 || negative(f.Operator):
		return parts, nil
	}
	return []string{"(" + strings.Join(parts, " OR ") + ")"}, nil
}

func negative(operator string) bool {
	return operator == "!=" || operator == "!~" || strings.HasPrefix(operator, "not ")
}

var variable = regexp.MustCompile(`^\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::\w+)?\})$`)

// Variable returns the name of the dashboard variable that a value of a filter
// stands for: $name or ${name}.
func Variable(value string) (name string, ok bool) {
	m := variable.FindStringSubmatch(strings.TrimSpace(value))
	if m == nil {
		return "", false
	}
	return m[1] + m[2], true
}

// byVariable writes the comparison with the values of a variable.
func byVariable(field string, o operand, operator, name string) (string, *Error) {
	if strings.HasPrefix(o.columnType, "MAP(") || strings.HasPrefix(o.columnType, "STRUCT(") {
		return "", wrong(field+".values", "%s is a %s, which has no value to compare with: choose one of its keys", o.name, o.columnType)
	}
	if strings.HasSuffix(o.columnType, "[]") {
		switch operator {
		case "=", "in":
			operator = "has"
		case "!=", "not in":
			operator = "has not"
		default:
			return "", wrong(field+".operator", "%s is a list, which takes a variable with in and not in only", o.name)
		}
	}
	switch {
	case (operator == "=" || operator == "in") && strings.HasSuffix(o.name, "key_arn"):
		return fmt.Sprintf("$__keyFilter(%s, %s)", o.sql, name), nil
	case operator == "=" || operator == "in":
		return fmt.Sprintf("$__filter(%s, %s)", o.sql, name), nil
	}
	return fmt.Sprintf("$__filter(%s, %s, '%s')", o.sql, name, operator), nil
}
