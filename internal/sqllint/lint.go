package sqllint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmstrail/kmstrail/internal/sqlfile"
)

// Problem is a construct that must be written in another way.
type Problem struct {
	Line int
	// Rule is the kind of mistake; Key is the word, symbol or rule of the
	// lists that refuses it.
	Rule, Key, Message string
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

func (l *linter) add(i int, rule, key, format string, args ...any) {
	l.problems = append(l.problems, Problem{l.file.Line(l.tokens[i]), rule, key, fmt.Sprintf(format, args...)})
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
	l.check(constructs, "construct", i)
	switch t := l.tokens[i]; t.Kind {
	case sqlfile.Word:
		l.word(i)
	case sqlfile.Symbol:
		if text := refusedSymbols[t.Text]; text != "" {
			l.add(i, "construct", t.Text, "%s is not portable: %s", t.Text, text)
		}
	}
}

// check asks every rule about token i.
func (l *linter) check(rules []rule, name string, i int) {
	for _, r := range rules {
		if r.found(l, i) {
			l.add(i, name, r.key, "%s is not portable: %s", r.what, r.message)
		}
	}
}

func (l *linter) word(i int) {
	word := l.tokens[i].Text
	call := l.is(i+1, "(")
	if l.is(i-1, ".") && !call || l.is(i-1, "as") && !call {
		return // a column or an alias
	}
	_, known := function(word)
	switch {
	case slices.Contains(clocks, word):
		l.add(i, "clock", word, "%s makes the result depend on when it is asked for; use $window_start and $window_end", word)
	case strings.HasPrefix(word, "json_") || strings.HasPrefix(word, "json") && call:
		l.add(i, "construct", "json", "%s is not portable: use the typed columns", word)
	case refusedWords[word] != "" && !(call && word == "json"):
		l.add(i, "construct", word, "%s is not portable: %s", word, refusedWords[word])
	case call && known && !l.namesRelation(i):
		l.known(i)
	case call && !slices.Contains(beforeParenthesis, word) && !known:
		l.unknown(i)
	}
}

// known is a call of an allowed function.
func (l *linter) known(i int) {
	l.check(calls, "function", i)
	if l.is(i, "cast") {
		l.check(casts, "cast", i)
	}
}

// unknown is a word with a parenthesis that is no known function.
func (l *linter) unknown(i int) {
	word := l.tokens[i].Text
	switch {
	case l.is(i-1, "as"), l.namesRelation(i):
		return // "as t (a, b)"
	case instead[word] != "":
		l.add(i, "function", word, "%s is not portable: %s", word, instead[word])
	case strings.HasPrefix(word, "list_") || strings.HasPrefix(word, "array_") || strings.HasPrefix(word, "map_"):
		l.add(i, "function", unlisted, "%s is not on the list of portable functions: use unnest and array_agg", word)
	default:
		text := fmt.Sprintf("%s is not on the list of portable functions", word)
		if near := sqlfile.Nearest(word, functionNames()); near != "" {
			text += fmt.Sprintf("; did you mean %s?", near)
		}
		l.add(i, "function", unlisted, "%s", text)
	}
}

// unlisted is the key of functions that no list has.
const unlisted = "any other function"

func functionNames() []string {
	names := make([]string, len(functions))
	for i, f := range functions {
		names[i] = f.Name
	}
	return names
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
	case right && l.is(i+1, "(") && slices.Contains(fractions, t.Text), !right && l.is(i, ")") && l.is(i-1, "double"):
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
		l.problems = append(l.problems, Problem{f.Line(sqlfile.Token{}), "select", "", "the query has no select"})
		return l.problems
	}
	for i := last + 1; i < len(l.tokens) && !(l.tokens[i].Depth == 0 && l.is(i, "from")); i++ {
		before := l.is(i-1, "select") || l.is(i-1, "distinct") || l.is(i-1, ",") || l.is(i-1, ".")
		if l.tokens[i].Depth == 0 && l.is(i, "*") && before {
			l.add(i, "select_star", "", "the outermost select has a *: name the columns, so that the result stays what it is")
		}
	}
	if !ordered {
		l.add(last, "order", "", "the outermost select has no order by: the rows would come in any order")
	}
	used := f.Used()
	for _, name := range []string{sqlfile.WindowStart, sqlfile.WindowEnd} {
		if !slices.Contains(used, name) {
			l.add(last, "window", "", "the query does not use $%s: it would look at everything", name)
		}
	}
	return l.problems
}
