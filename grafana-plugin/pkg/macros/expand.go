package macros

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	// maxSQL is the longest statement that servers take, in bytes.
	maxSQL = 256 << 10
	// maxNested is how deep macros may stand in arguments of others.
	maxNested = 8
)

// Expand replaces the macros of a statement. What is wrong with one is an
// *[Error] with its place. A statement without macros is returned as it is,
// whatever else may be wrong with it: the server says that better.
func Expand(sql string, env Env) (*Expanded, error) {
	typed := newSource(sql)
	x := &expander{typed: typed, tokens: tokenize(sql), known: list, env: env, result: &Expanded{typed: typed}}
	x.partners = brackets(sql, x.tokens)
	if err := x.run(0, len(x.tokens), false); err != nil {
		return nil, err
	}
	x.result.SQL = string(x.out)
	return x.result, nil
}

// expander writes one statement.
type expander struct {
	typed  *source
	tokens []token
	// partners has for each token that is a bracket the one that it belongs
	// to, for others and for brackets without one -1.
	partners []int
	// known are the macros. They are here because they need what is here.
	known  []*definition
	env    Env
	out    []byte
	result *Expanded
	// calls are the macros around what is being written.
	calls []*call
	// named says that a $__timeGroupAlias has set Bucket.
	named bool
}

// call is a macro with its arguments, in tokens: first is its name, last the
// one behind it.
type call struct {
	definition  *definition
	first, last int
	args        []argument
}

// argument is a range of tokens without blanks and comments around.
type argument struct{ first, last int }

// brackets finds the partner of each bracket.
func brackets(sql string, tokens []token) []int {
	partners := make([]int, len(tokens))
	var open []int
	for i, t := range tokens {
		partners[i] = -1
		if t.kind != sign {
			continue
		}
		switch c := sql[t.start]; c {
		case '(', '[', '{':
			open = append(open, i)
		case ')', ']', '}':
			if n := len(open) - 1; n >= 0 && pairs[sql[tokens[open[n]].start]] == c {
				partners[i], partners[open[n]] = open[n], i
				open = open[:n]
			}
		}
	}
	return partners
}

var pairs = map[byte]byte{'(': ')', '[': ']', '{': '}'}

// run writes tokens from first up to last, macros expanded. Comments in
// arguments become a space: what follows the argument must not end up in one.
func (x *expander) run(first, last int, inArgument bool) error {
	for i := first; i < last; {
		switch t := x.tokens[i]; {
		case t.kind == macroName:
			c, err := x.call(i)
			if err != nil {
				return err
			}
			if err := x.expand(c); err != nil {
				return err
			}
			i = c.last
			continue
		case inArgument && t.kind == comment:
			x.write(" ")
		default:
			x.copy(t.start, t.end)
		}
		if inArgument && len(x.out) > maxSQL {
			return x.tooLong()
		}
		i++
	}
	return nil
}

// expand writes what a macro stands for, apart from its neighbours: a literal
// must not grow together with what is typed next to it.
func (x *expander) expand(c *call) error {
	if len(x.calls) == maxNested {
		return x.wrong(c.first, c.first+1, "more than %d macros stand in each other", maxNested)
	}
	x.calls = append(x.calls, c)
	defer func() { x.calls = x.calls[:len(x.calls)-1] }()
	if n := len(x.out); n > 0 && sticky(x.out[n-1]) {
		x.write(" ")
	}
	if err := c.definition.expand(x, c); err != nil {
		var placed *Error
		if errors.As(err, &placed) {
			return err
		}
		return x.wrong(c.first, c.last, "%s: %s", c.definition.Name, err)
	}
	if len(x.out) > maxSQL {
		return x.tooLong()
	}
	if c.last < len(x.tokens) && sticky(x.out[len(x.out)-1]) && sticky(x.typed.text[x.tokens[c.last].start]) {
		x.write(" ")
	}
	return nil
}

func sticky(c byte) bool {
	return startsWord(c) || digit(c) || c == '\'' || c == '"' || c == '$' || c == '?' || c == '.'
}

func (x *expander) tooLong() error {
	c := x.calls[0]
	return x.wrong(c.first, c.last, "with %s the statement is longer than %d KiB, and servers take no more: choose fewer values, or All",
		c.definition.Name, maxSQL>>10)
}

// call reads the macro at token i with its arguments.
func (x *expander) call(i int) (*call, error) {
	name := x.source(i)
	at := slices.IndexFunc(x.known, func(d *definition) bool { return d.Name == name })
	if at < 0 {
		return nil, x.wrong(i, i+1, "there is no macro %.60s%s", name, x.suggestion(name))
	}
	d := x.known[at]
	c := &call{definition: d, first: i, last: i + 1}
	open := x.skip(i+1, len(x.tokens))
	switch {
	case open == len(x.tokens) || x.source(open) != "(":
		if d.least > 0 {
			return nil, x.wrong(i, i+1, "%s needs arguments: write %s", name, d.Signature)
		}
		return c, nil
	case x.partners[open] < 0:
		return nil, x.wrong(i, open+1, "the bracket of %s is not closed: write %s", name, d.Signature)
	case d.bare && x.skip(open+1, len(x.tokens)) < x.partners[open]:
		// A bracket that has nothing to do with it.
		return c, nil
	}
	c.last = x.partners[open] + 1
	return c, x.arguments(c, open+1, x.partners[open])
}

// arguments cuts what stands between the brackets at its commas.
func (x *expander) arguments(c *call, first, last int) error {
	for begin, i := first, first; i <= last; i++ {
		if i == last || x.source(i) == "," {
			c.args = append(c.args, x.trim(begin, i))
			begin = i + 1
		} else if x.partners[i] > i {
			i = x.partners[i]
		}
	}
	d := c.definition
	if len(c.args) == 1 && c.args[0].first == c.args[0].last {
		c.args = nil
	}
	if n := len(c.args); n < d.least || n > d.most {
		return x.wrong(c.first, c.last, "%s takes %s, not %d: write %s", d.Name, arity(d.least, d.most), n, d.Signature)
	}
	for n, a := range c.args {
		if a.first == a.last {
			return x.wrong(c.first, c.last, "argument %d of %s is empty: write %s", n+1, d.Name, d.Signature)
		}
	}
	for i := first; i < last; i++ {
		switch s := x.source(i); s {
		case ")", "]", "}", ";":
			if x.partners[i] < 0 {
				return x.wrong(i, i+1, "%q does not belong into an argument of %s", s, d.Name)
			}
		}
	}
	return nil
}

// trim leaves out blanks and comments at both ends.
func (x *expander) trim(first, last int) argument {
	first = x.skip(first, last)
	for last > first && x.insignificant(last-1) {
		last--
	}
	return argument{first, last}
}

// skip returns the first token from i up to last that is neither blank nor
// comment, or last.
func (x *expander) skip(i, last int) int {
	for i < last && x.insignificant(i) {
		i++
	}
	return i
}

func (x *expander) insignificant(i int) bool {
	k := x.tokens[i].kind
	return k == blank || k == comment
}

// source returns token i as it was typed.
func (x *expander) source(i int) string {
	return x.typed.text[x.tokens[i].start:x.tokens[i].end]
}

// text returns an argument as it was typed, without comments.
func (x *expander) text(a argument) string {
	var b strings.Builder
	for i := a.first; i < a.last; i++ {
		if x.tokens[i].kind != comment {
			b.WriteString(x.source(i))
		}
	}
	return b.String()
}

// write adds what was not typed but stands for the macro around.
func (x *expander) write(format string, args ...any) {
	c := x.calls[len(x.calls)-1]
	x.mark(mark{out: len(x.out), in: x.tokens[c.first].start})
	x.out = fmt.Appendf(x.out, format, args...)
}

// copy adds what was typed.
func (x *expander) copy(start, end int) {
	x.mark(mark{out: len(x.out), in: start, same: true})
	x.out = append(x.out, x.typed.text[start:end]...)
}

// expression writes an argument, in brackets unless it is a name.
func (x *expander) expression(a argument) error {
	if x.name(a) {
		return x.run(a.first, a.last, true)
	}
	x.write("(")
	if err := x.run(a.first, a.last, true); err != nil {
		return err
	}
	x.write(")")
	return nil
}

// name says that an argument is a column: names and dots.
func (x *expander) name(a argument) bool {
	for i := a.first; i < a.last; i++ {
		if k := x.tokens[i].kind; k != word && k != quoted && x.source(i) != "." {
			return false
		}
	}
	return true
}

// operand stands for an argument in a condition that is still to be written. No
// literal has one.
const operand = "\x00"

// condition writes a condition with an argument for each operand in it.
func (x *expander) condition(condition string, a argument) error {
	before, rest, found := strings.Cut(condition, operand)
	for ; found; before, rest, found = strings.Cut(rest, operand) {
		x.write("%s", before)
		if err := x.expression(a); err != nil {
			return err
		}
	}
	x.write("%s", before)
	return nil
}

// notice adds a notice once.
func (x *expander) notice(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); !slices.Contains(x.result.Notices, s) {
		x.result.Notices = append(x.result.Notices, s)
	}
}

// wrong is an error about tokens from first up to last.
func (x *expander) wrong(first, last int, format string, args ...any) *Error {
	return x.typed.wrong(x.tokens[first].start, x.tokens[last-1].end, fmt.Sprintf(format, args...))
}

func arity(least, most int) string {
	plural := "s"
	if most == 1 {
		plural = ""
	}
	switch {
	case most == 0:
		return "no arguments"
	case least == most:
		return fmt.Sprintf("%d argument%s", most, plural)
	}
	return fmt.Sprintf("%d to %d argument%s", least, most, plural)
}
