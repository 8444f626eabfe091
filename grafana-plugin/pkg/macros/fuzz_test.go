package macros

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

var seeds = []string{
	"", "select 1", "select '$__timeFrom()' || $__timeFrom()", "select E'a\\'' $__timeTo()", `"$__x" $__interval`, "-- $__x\n$__interval_ms",
	"/* /* */ $__x */ $__timeFilter(t)", "$$ $__x $$ $a$ $__x $a$", "$1 $name ? $__filter(a, b)", "$__timeGroup(t, '5m', NULL)", "$__timeGroup(t, auto(1h))",
	"$__adhocFilters(a)", "$__keyFilter(f($__timeFrom(), ',', [1]))", "$__timeFilter($__timeFilter($__timeFilter(t)))", "$__", "$__timeFilter((", "a$__b\u00a0$__interval",
	"1e'a'", "E'\\", "'a'\n'b'", "e'a'\n--\n'b\\''", "$__filter(a, evil)'x'", "\xff$__interval\xfe", "$__accountFilter(a, '1','2')", "\r\n\t$__timeFrom\r\n",
}

// FuzzExpand: whatever the text, there is no panic; what is no macro comes out
// as it is, in order; places lie in the typed text.
func FuzzExpand(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		tokens := tokenize(sql)
		at, has := 0, false
		for _, token := range tokens {
			if token.start != at || token.end <= at {
				t.Fatalf("tokens have a gap at %d: %+v", at, tokens)
			}
			at = token.end
			has = has || token.kind == macroName
		}
		if at != len(sql) {
			t.Fatalf("tokens end at %d of %d", at, len(sql))
		}
		got, err := Expand(sql, env())
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Line < 1 || e.Column < 1 || e.EndColumn < e.Column || e.Message == "" || !has {
				t.Fatalf("%#v", err)
			}
			return
		}
		if !has && got.SQL != sql {
			t.Fatalf("%q became %q", sql, got.SQL)
		}
		untouched(t, sql, tokens, got)
	})
}

// untouched holds the typed text outside of macros, comments in arguments left
// out, against what became of it.
func untouched(t *testing.T, sql string, tokens []token, got *Expanded) {
	t.Helper()
	rest := got.SQL
	x := &expander{typed: newSource(sql), tokens: tokens, known: list, partners: brackets(sql, tokens)}
	for i := 0; i < len(tokens); {
		if tokens[i].kind == macroName {
			c, err := x.call(i)
			if err != nil {
				t.Fatal(err)
			}
			i = c.last
			continue
		}
		begin := i
		for i < len(tokens) && tokens[i].kind != macroName {
			i++
		}
		plain := sql[tokens[begin].start:tokens[i-1].end]
		j := strings.Index(rest, plain)
		if j < 0 || begin == 0 && j > 0 || i == len(tokens) && !strings.HasSuffix(rest, plain) {
			t.Fatalf("%q is not in %q, from %q", plain, got.SQL, sql)
		}
		rest = rest[j+len(plain):]
	}
	lines := 1 + strings.Count(got.SQL, "\n")
	for _, place := range [][2]int{{1, 1}, {lines, 1}, {lines, 1 << 20}, {lines / 2, 7}} {
		line, column := got.Position(place[0], place[1])
		if line < 1 || column < 1 || line > 1+strings.Count(sql, "\n") || column > 1+utf8.RuneCountInString(sql) {
			t.Fatalf("%v in %q comes from %d:%d of %q", place, got.SQL, line, column, sql)
		}
	}
}

// FuzzValue: whatever a value of a variable or an ad hoc filter is, it stays in
// its literal: the tokens around do not depend on it.
func FuzzValue(f *testing.F) {
	for _, s := range []string{"a", "'", "''", `\`, `\'`, "' OR 1=1 --", "$$", "$__timeFrom()", "\n'", "/*", "--", "\x00", "\x00'", "'\x00", "é", "\u00a0", "\xff", All, "", "["} {
		f.Add(s, s)
	}
	const sql = "select 1 from t where $__filter(a, v) and $__filter(b, v, 'not in') and $__filter(c, v, 'like') and $__filter(d, v, 'has')" +
		" and $__keyFilter(k, v) and $__adhocFilters(t) and 'end' = 'end'"
	shape := func(t *testing.T, value, key string) ([]string, bool) {
		t.Helper()
		got, err := Expand(sql, Env{
			Variables: map[string][]string{"v": {value, "other"}},
			AdHoc:     []AdHoc{{Key: key, Operator: "=|", Values: []string{value, "other"}}, {Key: "Other", Operator: "<", Value: value}},
		})
		if err != nil {
			return nil, false
		}
		var out []string
		for _, token := range tokenize(got.SQL) {
			switch s := got.SQL[token.start:token.end]; token.kind {
			case text:
				out = append(out, "text")
			case quoted, word:
				if token.kind == quoted {
					s = "name"
				}
				out = append(out, s)
			case blank:
			case comment, unfinished, macroName, parameter:
				t.Fatalf("%q and %q make a %d of %q in %s", value, key, token.kind, s, got.SQL)
			default:
				out = append(out, s)
			}
		}
		// A NUL makes a sum of texts; it is one text again here.
		joined := strings.Join(out, " ")
		for strings.Contains(joined, "text | | chr ( 0 ) | | text") {
			joined = strings.ReplaceAll(joined, "text | | chr ( 0 ) | | text", "text")
		}
		joined = strings.ReplaceAll(joined, "( text )", "text")
		return strings.Fields(joined), true
	}
	f.Fuzz(func(t *testing.T, value, key string) {
		if value == All || value == "other" || keyID.MatchString(value) || len(key) == 0 {
			return
		}
		want, ok := shape(t, "plain", "Plain")
		if !ok {
			t.Fatal("plain values are refused")
		}
		got, ok := shape(t, value, key)
		if !ok {
			return
		}
		g, w := strings.Join(got, " "), strings.Join(want, " ")
		g = strings.ReplaceAll(g, "t . "+key+" ", "t . name ")
		if g != w {
			t.Fatalf("%q, %q:\n%s\n%s", value, key, g, w)
		}
	})
}
