//go:build duckdb_arrow

package duck

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
)

//go:embed userquery_functions.txt
var functionsText string

// verdicts tell of a kind of functions why each is refused; "" means allowed.
type verdicts map[string]string

// judged returns what userquery_functions.txt says, by kind: functions, tables
// and pragmas.
var judged = sync.OnceValue(func() map[string]verdicts {
	out := map[string]verdicts{"functions": {}, "tables": {}, "pragmas": {}}
	var section verdicts
	var reason string
	for line := range strings.Lines(functionsText) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "", strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "  "):
			for name := range strings.FieldsSeq(line) {
				section[lower(name)] = reason
			}
		default:
			head, text, _ := strings.Cut(line, ": ")
			verb, kind, _ := strings.Cut(head, " ")
			if section, reason = out[kind], text; verb == "allow" {
				reason = ""
			}
		}
	}
	return out
})

// checkFunction judges a function that is called in an expression ("functions")
// or in FROM ("tables").
func checkFunction(kind string, n map[string]any) error {
	name, schemaName := text(n["function_name"]), text(n["schema"])
	what := "function"
	if kind == "tables" {
		what = "table function"
	}
	if text(n["catalog"]) != "" || schemaName != "" && schemaName != "main" {
		return refuse("the %s %s is called by catalog and schema; call it by its name alone", what, name)
	}
	switch reason, ok := judged()[kind][name]; {
	case !ok:
		return refuse("there is no %s %s for queries", what, name)
	case reason != "":
		return refuse("the %s %s is not allowed: it %s", what, name, reason)
	}
	return nil
}

// copies are the macros that DuckDB replaces by a text in which an argument
// stands more than once: nested, they grow exponentially.
var copies = map[string]bool{
	"array_pop_back": true, "array_to_string": true, "fmod": true, "json_group_array": true, "json_group_object": true,
	"map_contains_entry": true, "nullif": true, "round_even": true, "roundbankers": true, "split_part": true, "wavg": true, "weighted_avg": true,
}

// sizes say which argument of a function decides how large its result gets.
var sizes = map[string]int{
	"repeat": 1, "lpad": 1, "rpad": 1, "list_resize": 1, "array_resize": 1, "bitstring": 1,
	"approx_top_k": 1, "max": 1, "min": 1, "arg_max": 2, "arg_min": 2, "argmax": 2, "argmin": 2, "max_by": 2, "min_by": 2,
	"arg_max_nulls_last": 2, "arg_min_nulls_last": 2, "equi_width_bins": 2,
}

// maxSize is the greatest such argument, and the greatest product of them where
// they are nested.
const maxSize = 10_000

// checkSize returns by how much a call of a function multiplies its arguments.
func (j *inspector) checkSize(name string, args []any) (int64, error) {
	switch name {
	case "range", "generate_series":
		return j.series(name, args)
	case "printf", "format":
		return 1, checkFormat(name, args)
	case "regexp_extract", "regexp_extract_all", "regexp_full_match", "regexp_like", "regexp_matches", "regexp_replace",
		"regexp_split_to_array", "regexp_split_to_table", "str_split_regex", "string_split_regex":
		return 1, j.checkPattern(name, args)
	case "list_aggr", "list_aggregate", "array_aggr", "array_aggregate", "aggregate":
		return 1, checkAggregate(name, args)
	}
	i, ok := sizes[name]
	if !ok || i >= len(args) {
		return 1, nil
	}
	n, ok := j.number(args[i])
	if !ok || n > maxSize {
		return 0, refuse("argument %d of %s must be a number up to %d, or least(…, %d)", i+1, name, maxSize, maxSize)
	}
	return max(n, 1), nil
}

// series bounds a list of numbers; of times it cannot be told how many.
func (j *inspector) series(name string, args []any) (int64, error) {
	from, to, step := int64(0), int64(0), int64(1)
	for i, at := range map[int][]*int64{1: {&to}, 2: {&from, &to}, 3: {&from, &to, &step}}[len(args)] {
		n, ok := j.number(args[i])
		if !ok {
			return 0, refuse("%s makes a list only of numbers that are written out; call it in FROM", name)
		}
		*at = n
	}
	if step == 0 || (to-from)/step > maxSize || (to-from)/step < -maxSize {
		return 0, refuse("%s makes a list of up to %d; call it in FROM", name, maxSize)
	}
	return max((to-from)/step, 1), nil
}

// number returns the value of an expression, or a bound of it, if it says so by itself.
func (j *inspector) number(node any) (int64, bool) {
	n, _ := node.(map[string]any)
	children, _ := n["children"].([]any)
	switch n["class"] {
	case "CONSTANT":
		value, _ := n["value"].(map[string]any)
		if isNull, _ := value["is_null"].(bool); isNull {
			return 0, true
		}
		f, ok := value["value"].(float64)
		return int64(f), ok && f < 1e15 && f > -1e15
	case "PARAMETER":
		v, ok := j.argument(text(n["identifier"]))
		switch v := v.(type) {
		case int64:
			return v, ok
		case int:
			return int64(v), ok
		}
		return 0, ok && v == nil
	case "CAST":
		return j.number(n["child"])
	case "FUNCTION":
		switch text(n["function_name"]) {
		case "-":
			if len(children) != 1 {
				return 0, false
			}
			v, ok := j.number(children[0])
			return -v, ok
		case "least":
			for _, c := range children {
				if v, ok := j.number(c); ok {
					return v, true
				}
			}
		}
	}
	return 0, false
}

// argument returns what is bound to a parameter. A statement that is only
// described has nothing yet.
func (j *inspector) argument(name string) (any, bool) {
	if j.describing {
		return nil, true
	}
	i, err := strconv.Atoi(name)
	if err != nil || i < 1 || i > len(j.args) {
		return nil, false
	}
	return j.args[i-1], true
}

// checkFormat refuses widths that make a text of any length.
func checkFormat(name string, args []any) error {
	if len(args) == 0 {
		return nil
	}
	format, ok := constant(args[0])
	if !ok {
		return refuse("the first argument of %s must be a text that is written out", name)
	}
	digits, open := 0, 0
	for _, c := range format {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == '{':
			digits, open = 0, open+1
		case c == '}':
			digits, open = 0, max(open-1, 0)
		default:
			digits = 0
		}
		if digits > 3 || name == "printf" && c == '*' || name == "format" && open > 1 {
			return refuse("%s pads to at most 999 characters, which must be written out", name)
		}
	}
	return nil
}

// maxPattern is the longest regular expression. Matching takes time with the
// product of its length and the text's, in one call.
const maxPattern = 1000

func (j *inspector) checkPattern(name string, args []any) error {
	if len(args) < 2 {
		return nil
	}
	pattern, ok := j.written(args[1])
	if !ok || len(pattern) > maxPattern {
		return refuse("%s needs a pattern that is written out, or a parameter, of up to %d bytes", name, maxPattern)
	}
	return nil
}

// written returns a text that is written out or bound.
func (j *inspector) written(node any) (string, bool) {
	n, _ := node.(map[string]any)
	if n["class"] == "CAST" {
		return j.written(n["child"])
	}
	if value, _ := n["value"].(map[string]any); n["class"] == "CONSTANT" && value["value"] == nil {
		return "", true
	}
	if n["class"] != "PARAMETER" {
		return constant(node)
	}
	v, ok := j.argument(text(n["identifier"]))
	s, isText := v.(string)
	return s, ok && (isText || v == nil)
}

// checkAggregate judges the aggregate that a list function calls by name.
func checkAggregate(name string, args []any) error {
	if len(args) < 2 {
		return nil
	}
	aggregate, ok := constant(args[1])
	if !ok {
		return refuse("the second argument of %s must be the name of a function that is written out", name)
	}
	return checkFunction("functions", map[string]any{"function_name": aggregate})
}

// constant returns a text that is written out.
func constant(node any) (string, bool) {
	n, _ := node.(map[string]any)
	value, _ := n["value"].(map[string]any)
	s, ok := value["value"].(string)
	return s, ok && n["class"] == "CONSTANT"
}
