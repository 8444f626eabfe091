package sqllint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmstrail/kmstrail/internal/sqlfile"
)

// Problem is a construct that must be written in another way.
type Problem struct {
	Line    int
	Rule    string
	Message string
}

// functions are those that both engines have with the same meaning. Macros of
// package schema supply what DuckDB lacks.
var functions = strings.Fields(`
	count sum min max avg min_by max_by array_agg bool_or bool_and count_if stddev_pop approx_percentile
	row_number rank dense_rank lag lead first_value last_value ntile
	coalesce nullif cast try_cast abs ceil floor round mod power sqrt ln exp
	lower upper trim ltrim rtrim length substr replace split_part strpos lpad rpad starts_with reverse regexp_like
	date_trunc extract to_unixtime day_of_week
	element_at map_keys map_values unnest array_distinct`)

// instead names the portable form for functions that are refused.
var instead = map[string]string{
	"greatest":        "NULL means different things: write case when a > b then a else b end",
	"least":           "NULL means different things: write case when a < b then a else b end",
	"date_diff":       "boundaries in DuckDB, whole units in Trino: write to_unixtime(b) - to_unixtime(a)",
	"datediff":        "boundaries in DuckDB, whole units in Trino: write to_unixtime(b) - to_unixtime(a)",
	"date_sub":        "write to_unixtime(b) - to_unixtime(a)",
	"date_part":       "write extract(unit from t)",
	"date_add":        "use a parameter of type days, or t + interval '1' day",
	"dayofweek":       "Sunday is 0 or 7: write day_of_week(t)",
	"concat":          "NULL means different things: write a || b",
	"concat_ws":       "write a || b",
	"list":            "write array_agg(x order by x)",
	"string_agg":      "write array_agg(x order by x)",
	"listagg":         "write array_agg(x order by x)",
	"group_concat":    "write array_agg(x order by x)",
	"arg_max":         "write max_by(x, y)",
	"arg_min":         "write min_by(x, y)",
	"any_value":       "write min(x), which does not depend on the order of rows",
	"arbitrary":       "write min(x), which does not depend on the order of rows",
	"first":           "write min_by(x, y)",
	"last":            "write max_by(x, y)",
	"cardinality":     "DuckDB knows it for maps only: count the rows of unnest",
	"len":             "write length(s)",
	"ifnull":          "write coalesce(a, b)",
	"nvl":             "write coalesce(a, b)",
	"if":              "write case when … then … end",
	"iff":             "write case when … then … end",
	"regexp_matches":  "write regexp_like(s, pattern)",
	"strftime":        "times are formatted outside of SQL",
	"date_format":     "times are formatted outside of SQL",
	"format":          "text is formatted outside of SQL",
	"printf":          "text is formatted outside of SQL",
	"epoch":           "write to_unixtime(t)",
	"approx_quantile": "write approx_percentile(x, fraction)",
	"list_contains":   "write x in (…) or a join with unnest",
	"contains":        "write strpos(s, part) > 0",
	"instr":           "write strpos(s, part)",
	"position":        "write strpos(s, part)",
	"substring":       "write substr(s, start, length)",
	"isodow":          "write day_of_week(t)",
	"generate_series": "join with the rows there are",
	"range":           "join with the rows there are",
	"struct_pack":     "structs are not portable: return columns",
	"row":             "structs are not portable: return columns",
	"grouping":        "write a union all of two queries",
}

// clocks make a result depend on when, or how often, it is asked for.
var clocks = strings.Fields(`
	now today current_date current_time current_timestamp localtime localtimestamp get_current_timestamp
	get_current_time transaction_timestamp clock_timestamp random rand uuid gen_random_uuid setseed shuffle nextval`)

// beforeParenthesis are the words that may stand before a parenthesis without
// being a function.
var beforeParenthesis = strings.Fields(`
	in and or not on when then else case where having select from join by as over filter exists any all some
	values union except intersect between like with distinct using limit is interval array end partition rows
	recursive materialized within group order lateral decimal varchar timestamp bigint integer double boolean`)

// refusedWords are keywords outside of the shared subset.
var refusedWords = map[string]string{
	"qualify":     "put the window function into a CTE and filter it in the next",
	"ilike":       "write lower(a) like lower(b)",
	"glob":        "write like",
	"asof":        "join on the interval: a.t >= b.valid_from and a.t < b.valid_to",
	"semi":        "write where exists (…) or in (…)",
	"anti":        "write where not exists (…)",
	"pivot":       "write max(case when … end)",
	"unpivot":     "write a union all",
	"exclude":     "name the columns",
	"sample":      "a sample gives another result each time",
	"tablesample": "a sample gives another result each time",
	"summarize":   "name the columns",
	"positional":  "join on a key",
	"similar":     "write regexp_like(s, pattern)",
	"pragma":      "a query has no settings",
	"attach":      "a query reads the store only",
	"copy":        "a query reads the store only",
	"dow":         "Sunday is 0 or 7: write day_of_week(t)",
	"isodow":      "write day_of_week(t)",
	"epoch":       "write to_unixtime(t)",
	"json":        "JSON is not portable: use the typed columns",
}

// refusedSymbols are operators outside of the shared subset.
var refusedSymbols = map[string]string{
	"::":  "write cast(x as type)",
	"->":  "lambdas and JSON access are not portable: use unnest or the typed columns",
	"->>": "JSON access is not portable: use the typed columns",
	"//":  "write floor(cast(a as double) / b)",
	"**":  "write power(a, b)",
	"!=":  "write <>",
	"~":   "write regexp_like(s, pattern)",
	"!~":  "write not regexp_like(s, pattern)",
	"~~":  "write like",
	":=":  "name arguments by position",
	"=>":  "name arguments by position",
	"{":   "structs are not portable: return columns",
	"%":   "write mod(a, b)",
	"^":   "write power(a, b)",
	"?":   "name the parameter: $name",
	"@":   "write abs(x)",
}

// Portable reports what is outside of the shared subset.
func Portable(f *sqlfile.File, params sqlfile.Params) []Problem {
	l := linter{file: f, params: params, tokens: f.Tokens()}
	for i := range l.tokens {
		l.token(i)
	}
	return l.problems
}

type linter struct {
	file     *sqlfile.File
	params   sqlfile.Params
	tokens   []sqlfile.Token
	problems []Problem
}

func (l *linter) add(i int, rule, format string, args ...any) {
	l.problems = append(l.problems, Problem{l.file.Line(l.tokens[i]), rule, fmt.Sprintf(format, args...)})
}

// is reports whether token i is the word or symbol text.
func (l *linter) is(i int, text string) bool {
	if i < 0 || i >= len(l.tokens) {
		return false
	}
	t := l.tokens[i]
	return (t.Kind == sqlfile.Word || t.Kind == sqlfile.Symbol) && t.Text == text
}

func (l *linter) token(i int) {
	t := l.tokens[i]
	switch t.Kind {
	case sqlfile.Word:
		l.word(i)
	case sqlfile.Symbol:
		l.symbol(i)
	}
}

func (l *linter) word(i int) {
	word := l.tokens[i].Text
	call := l.is(i+1, "(")
	if l.is(i-1, ".") && !call || l.is(i-1, "as") && !call {
		return // a column or an alias
	}
	switch {
	case slices.Contains(clocks, word):
		l.add(i, "clock", "%s makes the result depend on when it is asked for; use $window_start and $window_end", word)
	case word == "group" && l.is(i+1, "by") && l.is(i+2, "all"), word == "order" && l.is(i+1, "by") && l.is(i+2, "all"):
		l.add(i, "construct", "%s by all is not portable: name the columns", word)
	case word == "distinct" && l.is(i+1, "on"):
		l.add(i, "construct", "distinct on is not portable: filter a row_number()")
	case word == "at" && l.is(i+1, "time") && l.is(i+2, "zone"):
		l.add(i, "construct", "at time zone is not needed: all times are UTC")
	case strings.HasPrefix(word, "json_") || strings.HasPrefix(word, "json") && call:
		l.add(i, "construct", "%s is not portable: use the typed columns", word)
	case refusedWords[word] != "" && !(call && word == "json"):
		l.add(i, "construct", "%s is not portable: %s", word, refusedWords[word])
	case call && !slices.Contains(beforeParenthesis, word) && !slices.Contains(functions, word):
		l.call(i)
	}
}

// call is a word with a parenthesis that is no known function.
func (l *linter) call(i int) {
	word := l.tokens[i].Text
	switch {
	case l.is(i-1, "as"), l.namesRelation(i):
		return // "as t (a, b)"
	case instead[word] != "":
		l.add(i, "function", "%s is not portable: %s", word, instead[word])
	case strings.HasPrefix(word, "list_") || strings.HasPrefix(word, "array_") || strings.HasPrefix(word, "map_"):
		l.add(i, "function", "%s is not on the list of portable functions: use unnest and array_agg", word)
	default:
		text := fmt.Sprintf("%s is not on the list of portable functions", word)
		if near := sqlfile.Nearest(word, functions); near != "" {
			text += fmt.Sprintf("; did you mean %s?", near)
		}
		l.add(i, "function", "%s", text)
	}
}

// namesRelation reports whether the word at i names a CTE with a list of
// columns, "with days (day) as (", or a table alias, ") days (day)".
func (l *linter) namesRelation(i int) bool {
	if !l.is(i-1, "with") && !l.is(i-1, ",") && !l.is(i-1, ")") {
		return false
	}
	depth := l.tokens[i+1].Depth
	for j := i + 2; j < len(l.tokens); j++ {
		if l.is(j, ")") && l.tokens[j].Depth == depth {
			return l.is(i-1, ")") || l.is(j+1, "as") && l.is(j+2, "(")
		}
	}
	return false
}

func (l *linter) symbol(i int) {
	symbol := l.tokens[i].Text
	switch {
	case refusedSymbols[symbol] != "":
		l.add(i, "construct", "%s is not portable: %s", symbol, refusedSymbols[symbol])
	case symbol == "[" && !l.is(i-1, "array"):
		l.add(i, "construct", "[ is not portable: write element_at(x, k), or array_agg with a filter instead of a slice")
	case symbol == "/" && !l.isDouble(i+1, true) && !l.isDouble(i-1, false):
		l.add(i, "construct", "a / b of whole numbers is 3.5 or 3: write cast(a as double) / b")
	}
}

// isDouble reports whether the operand that begins (right) or ends at token i
// is of type double beyond doubt: 1e3, cast(x as double), or a parameter.
func (l *linter) isDouble(i int, right bool) bool {
	if i < 0 || i >= len(l.tokens) {
		return false
	}
	t := l.tokens[i]
	switch {
	case t.Kind == sqlfile.Number:
		return strings.ContainsAny(t.Text, "eE")
	case t.Kind == sqlfile.Reference:
		return l.params[t.Text].Type == "double"
	case right && t.Text == "cast" && l.is(i+1, "("):
		for j := i + 2; j < len(l.tokens); j++ {
			if l.is(j, ")") && l.tokens[j].Depth == l.tokens[i+1].Depth {
				return l.is(j-1, "double")
			}
		}
	case right && t.Text == "to_unixtime", !right && l.is(i, ")") && l.is(i-1, "double"):
		return true
	}
	return false
}

// Outermost reports what is wrong with the shape of the query: a result whose
// columns or order the text does not say, or a window it does not look at.
func Outermost(f *sqlfile.File) []Problem {
	l := linter{file: f, tokens: f.Tokens()}
	last, ordered := -1, false
	for i := range l.tokens {
		if l.tokens[i].Depth > 0 {
			continue
		}
		switch {
		case l.is(i, "select"):
			last, ordered = i, false
		case l.is(i, "order") && l.is(i+1, "by"):
			ordered = true
		}
	}
	if last < 0 {
		l.problems = append(l.problems, Problem{f.Line(sqlfile.Token{}), "select", "the query has no select"})
		return l.problems
	}
	for i := last + 1; i < len(l.tokens) && !(l.tokens[i].Depth == 0 && l.is(i, "from")); i++ {
		before := l.is(i-1, "select") || l.is(i-1, "distinct") || l.is(i-1, ",") || l.is(i-1, ".")
		if l.tokens[i].Depth == 0 && l.is(i, "*") && before {
			l.add(i, "select_star", "the outermost select has a *: name the columns, so that the result stays what it is")
		}
	}
	if !ordered {
		l.add(last, "order", "the outermost select has no order by: the rows would come in any order")
	}
	used := f.Used()
	for _, name := range []string{sqlfile.WindowStart, sqlfile.WindowEnd} {
		if !slices.Contains(used, name) {
			l.add(last, "window", "the query does not use $%s: it would look at everything", name)
		}
	}
	return l.problems
}
