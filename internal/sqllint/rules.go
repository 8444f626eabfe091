package sqllint

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kmstrail/kmstrail/internal/sqlfile"
)

// rule is a construct that no single word or symbol shows.
type rule struct {
	// key names it; what is the construct as the documentation shows it.
	key, what string
	// message names the portable form.
	message string
	// found reports whether the construct begins at token i.
	found func(l *linter, i int) bool
}

// constructs are the rules about how a query is put together.
var constructs = []rule{
	{"by all", "group by all, order by all", "name the columns", func(l *linter, i int) bool {
		return (l.is(i, "group") || l.is(i, "order")) && l.is(i+1, "by") && l.is(i+2, "all")
	}},
	{"distinct on", "distinct on (…)", "filter a row_number()", func(l *linter, i int) bool {
		return l.is(i, "distinct") && l.is(i+1, "on")
	}},
	{"time zone", "at time zone, timestamp with time zone", "all times are UTC", func(l *linter, i int) bool {
		return l.is(i, "time") && l.is(i+1, "zone")
	}},
	{"from first", "from … select …", "begin with select", func(l *linter, i int) bool {
		return l.is(i, "from") && (i == 0 || l.is(i-1, "(") && !l.isWord(i-2))
	}},
	{"trailing comma", "a comma before from or )", "end the list without a comma", func(l *linter, i int) bool {
		return l.is(i, ",") && (l.is(i+1, "from") || l.is(i+1, ")"))
	}},
	{"values without parentheses", "values 1, 2", "write values (1), (2)", func(l *linter, i int) bool {
		return l.is(i, "values") && !l.is(i-1, ".") && !l.is(i-1, "as") && i+1 < len(l.tokens) &&
			(l.tokens[i+1].Kind == sqlfile.Number || l.tokens[i+1].Kind == sqlfile.String)
	}},
	{"union by name", "union by name", "name the columns in one order", func(l *linter, i int) bool {
		return l.is(i, "by") && l.is(i+1, "name") && l.is(i+2, "select")
	}},
	{"limit before offset", "limit n offset m", "write offset m limit n", func(l *linter, i int) bool {
		return l.is(i, "offset") && l.is(i-2, "limit")
	}},
	{"star replace", "* replace (…)", "name the columns", func(l *linter, i int) bool {
		return l.is(i, "replace") && l.is(i-1, "*")
	}},
	{"ignore nulls", "ignore nulls, respect nulls", "take max_by(x, y) filter (where x is not null)", func(l *linter, i int) bool {
		return (l.is(i, "ignore") || l.is(i, "respect")) && l.is(i+1, "nulls")
	}},
	{"filter over", "f(x) filter (…) over (…)", "write f(case when … then x end) over (…)", func(l *linter, i int) bool {
		return l.is(i, "filter") && l.is(i+1, "(") && l.is(l.closing(i+1)+1, "over")
	}},
	{"is true", "x is true, x is not false", "write x, or coalesce(x, false)", func(l *linter, i int) bool {
		if l.is(i, "not") {
			i++
		} else if l.is(i-1, "not") {
			return false
		}
		before := i - 1
		if l.is(before, "not") {
			before--
		}
		return l.is(before, "is") && (l.is(i, "true") || l.is(i, "false") || l.is(i, "unknown"))
	}},
	{"any array", "x = any (array)", "write x in (…), or in (select …)", func(l *linter, i int) bool {
		return (l.is(i, "any") || l.is(i, "some") || l.is(i, "all")) && l.is(i+1, "(") && l.isComparison(i-1) && !l.is(i+2, "select")
	}},
	{"tuple", "(a, b) = (c, d), (a, b) in (…)", "NULL means different things: write a = c and b = d", func(l *linter, i int) bool {
		return l.isTuple(i) && (l.isComparison(l.closing(i)+1) || l.is(l.closing(i)+1, "in") || l.is(l.closing(i)+1, "not"))
	}},
	{"double equals", "a == b", "write a = b", func(l *linter, i int) bool {
		return l.is(i, "=") && l.is(i+1, "=")
	}},
	{"division", "a / b of whole numbers", "3.5 in DuckDB, 3 in Trino: write cast(a as double) / b", func(l *linter, i int) bool {
		return l.is(i, "/") && !l.isDouble(i+1, true) && !l.isDouble(i-1, false)
	}},
	{"subscript", "x[1], [1, 2]", "write element_at(x, k), or array_agg with a filter instead of a slice", func(l *linter, i int) bool {
		return l.is(i, "[") && !l.is(i-1, "array")
	}},
	{"order by alias", "select -x as x … order by x + 0", "the alias in Trino, the column in DuckDB: order by a name alone", func(l *linter, i int) bool {
		return l.ordersByAlias(i)
	}},
	{"reserved name", "x as end", "it is a keyword in one of the engines: take another name", func(l *linter, i int) bool {
		return i > 0 && l.tokens[i].Kind == sqlfile.Word && slices.Contains(reserved, l.tokens[i].Text) &&
			(l.is(i-1, "as") && !l.is(i+1, "(") && l.tokens[i].Depth == l.tokens[i-1].Depth && !l.inCast(i) || l.is(i-1, "with") && l.is(i+1, "as"))
	}},
	{"text || number", "'a' || 1", "write 'a' || cast(x as varchar)", func(l *linter, i int) bool {
		return l.is(i, "||") && (l.isNotText(i-1) || l.isNotText(i+1))
	}},
	{"decimal", "1.5", "decimals round in different ways: write 1.5e0", func(l *linter, i int) bool {
		return l.tokens[i].Kind == sqlfile.Number && strings.Contains(l.tokens[i].Text, ".") && !strings.ContainsAny(l.tokens[i].Text, "eE")
	}},
	{"number", "1_000, 0x10, 9223372036854775808", "write decimal digits, up to the largest bigint", func(l *linter, i int) bool {
		return l.tokens[i].Kind == sqlfile.Number && !l.plainNumber(i)
	}},
	{"string prefix", "e'a\\n'", "write the character itself", func(l *linter, i int) bool {
		return l.tokens[i].Kind == sqlfile.String && i > 0 && l.tokens[i-1].End == l.tokens[i].Start && l.tokens[i-1].Kind == sqlfile.Word
	}},
	{"time literal", "timestamp '2024-02-29T01:02:03Z'", "write timestamp '2024-02-29 01:02:03', with up to six digits after the second", func(l *linter, i int) bool {
		return (l.is(i, "timestamp") || l.is(i, "date")) && l.isString(i+1) && !timeLiteral[l.tokens[i].Text].MatchString(l.tokens[i+1].Text)
	}},
	{"time as text", "t > '2024-02-29'", "write timestamp '2024-02-29 00:00:00' or date '2024-02-29'", func(l *linter, i int) bool {
		return l.isString(i) && looksLikeTime.MatchString(l.tokens[i].Text) && !l.is(i-1, "timestamp") && !l.is(i-1, "date")
	}},
	{"date arithmetic", "day + interval '1' day", "a timestamp in DuckDB, a date in Trino: write cast(day + interval '1' day as date), or cast(day as timestamp) + …", func(l *linter, i int) bool {
		return (l.is(i, "+") || l.is(i, "-")) && l.isDate(i-1) && !l.castsToDate(i)
	}},
	{"interval", "interval 1 day, interval '1 day'", "write interval '1' day, with second, minute, hour, day, month or year", func(l *linter, i int) bool {
		return l.is(i, "interval") && !l.is(i-1, ".") && !l.isInterval(i)
	}},
}

// calls are the rules about how a function is called. They are asked at the
// function's name.
var calls = []rule{
	{"arguments", "nullif(x), strpos(s, part, 2)", "one engine has it only with other arguments: give those of the list", func(l *linter, i int) bool {
		f, ok := function(l.tokens[i].Text)
		n := len(l.arguments(i))
		return ok && (n < f.Min || n > f.Max) && !strings.HasSuffix(f.Name, "trim")
	}},
	{"trim", "trim(s), trim(both ' ' from s)", "DuckDB takes off spaces, Trino any white space: write trim(s, ' ')", func(l *linter, i int) bool {
		return (l.is(i, "trim") || l.is(i, "ltrim") || l.is(i, "rtrim")) && len(l.arguments(i)) != 2
	}},
	{"min_by", "min_by(x, y)", "DuckDB passes over a NULL x, Trino gives it: write min_by(x, y) filter (where x is not null)", func(l *linter, i int) bool {
		return (l.is(i, "min_by") || l.is(i, "max_by")) && !l.filtersNull(i)
	}},
	{"array_agg", "array_agg(x)", "the order would be any: write array_agg(x order by x)", func(l *linter, i int) bool {
		return l.is(i, "array_agg") && !l.within(i+1, "order")
	}},
	{"over", "row_number() over ()", "the order would be any: write over (… order by …)", func(l *linter, i int) bool {
		over := l.closing(i+1) + 1
		return slices.Contains(ranked, l.tokens[i].Text) && l.is(over, "over") && l.is(over+1, "(") && !l.within(over+1, "order")
	}},
	{"unnest", "select unnest(x)", "write cross join unnest(x) as t (y)", func(l *linter, i int) bool {
		return l.is(i, "unnest") && !l.is(i-1, "join") && !l.is(i-1, "from")
	}},
	{"zero divisor", "mod(a, b)", "by 0 it is NULL in DuckDB and an error in Trino: write mod(a, nullif(b, 0))", func(l *linter, i int) bool {
		return l.is(i, "mod") && l.argument(i, 2) && !l.guarded(i, 2, "nullif")
	}},
	{"domain", "sqrt(x), ln(x)", "of what has none it is an error in DuckDB: write sqrt(abs(x)) or ln(case when x > 0 then x end)", func(l *linter, i int) bool {
		return (l.is(i, "sqrt") || l.is(i, "ln")) && l.argument(i, 1) && !l.guarded(i, 1, "case", "abs")
	}},
	{"positions", "substr(s, 0), split_part(s, ':', -1), lpad(s, -1, 'x')", "positions begin at 1", func(l *linter, i int) bool {
		at := positions[l.tokens[i].Text]
		if at == 0 || !l.argument(i, at) {
			return false
		}
		from := l.arguments(i)[at-1].from
		return l.tokens[from].Text == "0" && !l.is(i, "lpad") && !l.is(i, "rpad") ||
			l.is(from, "-") && !l.is(i, "substr") && !l.is(i, "element_at")
	}},
	{"empty text", "replace(s, '', x)", "DuckDB changes nothing, Trino everything", func(l *linter, i int) bool {
		return l.is(i, "replace") && l.argument(i, 2) && l.tokens[l.arguments(i)[1].from].Text == "''"
	}},
	{"separator", "split_part(s, '', 1), split_part(s, x, 1)", "DuckDB splits by an empty or missing separator in another way: write it as a literal", func(l *linter, i int) bool {
		if !l.is(i, "split_part") || !l.argument(i, 2) {
			return false
		}
		by := l.arguments(i)[1]
		return by.to != by.from+1 || !l.isString(by.from) || l.tokens[by.from].Text == "''"
	}},
	{"pattern", "regexp_like(s, '(?=a)$')", "the pattern is a literal without what only one engine has: look-around, \\1, [[:alpha:]], ++, &&, \\Z; write \\z for $", func(l *linter, i int) bool {
		return l.is(i, "regexp_like") && l.argument(i, 2) && !l.portablePattern(l.arguments(i)[1])
	}},
	{"date_trunc", "date_trunc('hours', t)", "write 'second', 'minute', 'hour', 'day', 'week', 'month', 'quarter' or 'year'", func(l *linter, i int) bool {
		return l.is(i, "date_trunc") && l.argument(i, 1) && !slices.Contains(truncations, l.tokens[l.arguments(i)[0].from].Text)
	}},
	{"date_trunc of a date", "date_trunc('month', day)", "a timestamp in DuckDB, a date in Trino: write date_trunc('month', cast(day as timestamp))", func(l *linter, i int) bool {
		return l.is(i, "date_trunc") && l.argument(i, 2) && l.isDate(l.arguments(i)[1].to-1)
	}},
	{"extract", "extract(millisecond from t)", "write year, quarter, month, week, day, doy, hour, minute or second", func(l *linter, i int) bool {
		return l.is(i, "extract") && !slices.Contains(fields, l.tokens[i+2].Text) && refusedWords[l.tokens[i+2].Text] == ""
	}},
}

var (
	ranked      = strings.Fields("row_number rank dense_rank lag lead first_value last_value ntile")
	truncations = strings.Fields("'second' 'minute' 'hour' 'day' 'week' 'month' 'quarter' 'year'")
	fields      = strings.Fields("year quarter month week day doy hour minute second")
	units       = strings.Fields("second minute hour day month year")
	positions   = map[string]int{"substr": 2, "split_part": 3, "element_at": 2, "lpad": 2, "rpad": 2}

	timeLiteral = map[string]*regexp.Regexp{
		"timestamp": regexp.MustCompile(`^'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?'$`),
		"date":      regexp.MustCompile(`^'\d{4}-\d\d-\d\d'$`),
	}
	looksLikeTime = regexp.MustCompile(`^'\d{4}-\d\d-\d\d([ T][0-9:.]+Z?)?'$`)
	wholeNumber   = regexp.MustCompile(`^'-?\d+'$`)
	digits        = regexp.MustCompile(`^[0-9]*\.?[0-9]*([eE][+-]?[0-9]+)?$`)
	onlyOnePart   = regexp.MustCompile(`\(\?([^:i]|i[^)])|\\[1-9ZhHuXRGK]|\[\[?:|[+*?}]\+|&&|\$`)
)

// function finds an allowed function by name.
func function(name string) (Function, bool) {
	i := slices.IndexFunc(functions, func(f Function) bool { return f.Name == name })
	if i < 0 {
		return Function{}, false
	}
	return functions[i], true
}

// span is a run of tokens, to excluded.
type span struct{ from, to int }

// closing finds the parenthesis that closes the one at i.
func (l *linter) closing(i int) int {
	for j := i + 1; j < len(l.tokens); j++ {
		if (l.is(j, ")") || l.is(j, "]")) && l.tokens[j].Depth == l.tokens[i].Depth {
			return j
		}
	}
	return len(l.tokens)
}

// arguments splits what the call at i has between its parentheses, up to the
// order by of an aggregate.
func (l *linter) arguments(i int) []span {
	end := l.closing(i + 1)
	if end == i+2 {
		return nil
	}
	list := []span{{i + 2, end}}
	for j := i + 2; j < end; j++ {
		if l.tokens[j].Depth != l.tokens[i+1].Depth+1 {
			continue
		}
		last := &list[len(list)-1]
		if l.is(j, "order") && l.is(j+1, "by") {
			last.to = j
			break
		}
		if l.is(j, ",") {
			last.to = j
			list = append(list, span{j + 1, end})
		}
	}
	return list
}

// argument reports whether the call at i has an n-th argument.
func (l *linter) argument(i, n int) bool { return len(l.arguments(i)) >= n }

// guarded reports whether the n-th argument of the call at i is a positive
// number or begins with one of the words.
func (l *linter) guarded(i, n int, words ...string) bool {
	a := l.arguments(i)[n-1]
	t := l.tokens[a.from]
	if t.Kind == sqlfile.Number {
		v, err := strconv.ParseFloat(t.Text, 64)
		return err == nil && v > 0 && a.to == a.from+1
	}
	return slices.Contains(words, t.Text)
}

// within reports whether a word stands directly inside of the parenthesis at i.
func (l *linter) within(i int, word string) bool {
	for j := i + 1; j < l.closing(i); j++ {
		if l.is(j, word) && l.tokens[j].Depth == l.tokens[i].Depth+1 {
			return true
		}
	}
	return false
}

// text is a span as one string.
func (l *linter) text(s span) string {
	words := make([]string, 0, s.to-s.from)
	for _, t := range l.tokens[s.from:s.to] {
		words = append(words, t.Text)
	}
	return strings.Join(words, " ")
}

// filtersNull reports whether the call at i has a filter that keeps the rows
// whose first argument is not NULL.
func (l *linter) filtersNull(i int) bool {
	filter := l.closing(i+1) + 1
	if !l.argument(i, 1) || !l.is(filter, "filter") {
		return false
	}
	condition := l.text(span{filter + 2, l.closing(filter + 1)})
	return strings.Contains(" "+condition+" ", " "+l.text(l.arguments(i)[0])+" is not null ")
}

func (l *linter) isWord(i int) bool {
	return i >= 0 && i < len(l.tokens) && l.tokens[i].Kind == sqlfile.Word
}

func (l *linter) isString(i int) bool {
	return i >= 0 && i < len(l.tokens) && l.tokens[i].Kind == sqlfile.String
}

func (l *linter) isComparison(i int) bool {
	return slices.ContainsFunc([]string{"=", "<>", "<", ">", "<=", ">="}, func(s string) bool { return l.is(i, s) })
}

// beforeTuple are words after which a parenthesis with commas is a tuple.
var beforeTuple = strings.Fields("and or not where on when then else case having select")

// isTuple reports whether the parenthesis at i holds a list and belongs to no
// function, in or values.
func (l *linter) isTuple(i int) bool {
	if !l.is(i, "(") || l.isWord(i-1) && !slices.Contains(beforeTuple, l.tokens[i-1].Text) {
		return false
	}
	return l.within(i, ",") && !l.within(i, "select")
}

// isNotText reports whether the operand at i is a literal of another type.
func (l *linter) isNotText(i int) bool {
	if i < 0 || i >= len(l.tokens) {
		return false
	}
	return l.tokens[i].Kind == sqlfile.Number && !l.is(i-1, ",") || l.is(i, "true") || l.is(i, "false") ||
		(l.is(i, "date") || l.is(i, "timestamp")) && l.isString(i+1)
}

// plainNumber reports whether both engines read the number at i alike.
func (l *linter) plainNumber(i int) bool {
	text := l.tokens[i].Text
	if !digits.MatchString(text) || i+1 < len(l.tokens) && l.tokens[i+1].Start == l.tokens[i].End && l.isWord(i+1) {
		return false
	}
	_, err := strconv.ParseInt(text, 10, 64)
	return err == nil || strings.ContainsAny(text, ".eE")
}

func (l *linter) isInterval(i int) bool {
	return l.isString(i+1) && wholeNumber.MatchString(l.tokens[i+1].Text) &&
		l.isWord(i+2) && slices.Contains(units, l.tokens[i+2].Text) && !l.is(i+3, "to")
}

// isDate reports whether an operand that ends at i is a date: a literal, a cast
// or a column called day.
func (l *linter) isDate(i int) bool {
	if i < 1 || i >= len(l.tokens) {
		return false
	}
	return l.isString(i) && l.is(i-1, "date") || l.is(i, ")") && l.is(i-1, "date") && l.is(i-2, "as") ||
		l.isWord(i) && (l.tokens[i].Text == "day" || strings.HasSuffix(l.tokens[i].Text, "_day")) && !l.isString(i-1)
}

// castsToDate reports whether the operator at i is directly in a cast to date.
func (l *linter) castsToDate(i int) bool {
	for j := i - 1; j > 0; j-- {
		if l.is(j, "(") && l.tokens[j].Depth == l.tokens[i].Depth-1 {
			return l.is(j-1, "cast") && l.is(l.closing(j)-1, "date")
		}
	}
	return false
}

// portablePattern reports whether a pattern is a literal of the common dialect.
func (l *linter) portablePattern(s span) bool {
	return s.to == s.from+1 && l.isString(s.from) && !onlyOnePart.MatchString(l.tokens[s.from].Text)
}

// inCast reports whether the word at i ends "cast(x as word".
func (l *linter) inCast(i int) bool {
	for j := i - 1; j > 0; j-- {
		if l.is(j, "(") && l.tokens[j].Depth == l.tokens[i].Depth-1 {
			return l.is(j-1, "cast") || l.is(j-1, "try_cast")
		}
	}
	return false
}

// ordersByAlias reports whether the order by at i, of a select, has an
// expression that uses the name of a column that the select makes.
func (l *linter) ordersByAlias(i int) bool {
	if !l.is(i, "order") || !l.is(i+1, "by") {
		return false
	}
	depth := l.tokens[i].Depth
	first := i
	for first > 0 && l.tokens[first].Depth >= depth && !(l.is(first, "select") && l.tokens[first].Depth == depth) {
		first--
	}
	if !l.is(first, "select") {
		return false // of an aggregate or a window
	}
	made := map[string]bool{}
	for j := first; j < i && !(l.is(j, "from") && l.tokens[j].Depth == depth); j++ {
		if l.is(j, "as") && l.tokens[j].Depth == depth && l.isWord(j+1) && !l.repeats(j) {
			made[l.tokens[j+1].Text] = true
		}
	}
	from := i + 2
	for j := from; j <= len(l.tokens); j++ {
		if j < len(l.tokens) && l.tokens[j].Depth >= depth && !(l.is(j, ",") && l.tokens[j].Depth == depth) {
			continue
		}
		if l.usesName(span{from, j}, made) {
			return true
		}
		if j < len(l.tokens) && l.tokens[j].Depth < depth {
			break
		}
		from = j + 1
	}
	return false
}

// repeats reports whether the alias after the as at j is the column's own
// name: "t.x as x".
func (l *linter) repeats(j int) bool {
	if !l.isWord(j-1) || l.tokens[j-1].Text != l.tokens[j+1].Text {
		return false
	}
	return l.is(j-2, ".") || l.is(j-2, ",") || l.is(j-2, "select")
}

// usesName reports whether an expression of more than a name has one of names.
func (l *linter) usesName(s span, names map[string]bool) bool {
	if s.to <= s.from+1 || slices.ContainsFunc([]string{"asc", "desc", "nulls", "limit", "offset"}, func(w string) bool { return l.is(s.from+1, w) }) {
		return false
	}
	for j := s.from; j < s.to; j++ {
		if l.isWord(j) && names[l.tokens[j].Text] && !l.is(j-1, ".") {
			return true
		}
	}
	return false
}
