package sqllint

import (
	"regexp"
	"slices"
	"strings"

	"github.com/kmstrail/kmstrail/internal/sqlfile"
)

// casts are the rules about what is cast to what. They are asked at the word
// cast of a cast with a type.
var casts = []rule{
	{"type", "cast(x as text), varchar(3), decimal, uuid, real", "one engine lacks the type or means another: cast to " + typeNames(), func(l *linter, i int) bool {
		_, to := l.cast(i)
		return !slices.ContainsFunc(types, func(t Function) bool { return t.Name == to })
	}},
	{"cast of a fraction", "cast(a / b as bigint)", "DuckDB rounds halves to even: write cast(round(x) as bigint)", func(l *linter, i int) bool {
		x, to := l.cast(i)
		return (to == "bigint" || to == "integer") && l.fractional(x)
	}},
	{"double as text", "cast(a / b as varchar)", "1.5 in DuckDB, 1.5E0 in Trino: numbers are formatted outside of SQL", func(l *linter, i int) bool {
		x, to := l.cast(i)
		return to == "varchar" && l.fractional(x)
	}},
	{"time to text", "cast(event_time as varchar)", "Trino prints all digits of the second: write substr(cast(t as varchar), 1, 19)", func(l *linter, i int) bool {
		x, to := l.cast(i)
		return to == "varchar" && l.isTime(x) && !(l.is(i-1, "(") && l.is(i-2, "substr"))
	}},
	{"time to time", "cast(event_time as timestamp)", "Trino cuts to milliseconds: it is a time already, or write timestamp '…'", func(l *linter, i int) bool {
		x, to := l.cast(i)
		return to == "timestamp" && (l.isTime(x) || l.isString(x.from) && x.to == x.from+1)
	}},
	{"text to number", "cast('1.5' as bigint)", "DuckDB rounds, Trino refuses: write the number", func(l *linter, i int) bool {
		x, to := l.cast(i)
		return (to == "bigint" || to == "integer" || to == "boolean") && l.isString(x.from) && x.to == x.from+1
	}},
}

func typeNames() string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.Name
	}
	return strings.Join(names, ", ")
}

// cast splits "cast(x as type)" at i.
func (l *linter) cast(i int) (x span, to string) {
	end := l.closing(i + 1)
	for j := end - 1; j > i+1; j-- {
		if l.is(j, "as") && l.tokens[j].Depth == l.tokens[i+1].Depth+1 {
			to = strings.NewReplacer(" ( ", "(", " )", ")", " ,", ",").Replace(l.text(span{j + 1, end}))
			return span{i + 2, j}, to
		}
	}
	return span{i + 2, end}, ""
}

// fractions are words that make a double.
var fractions = strings.Fields("avg stddev_pop sqrt ln exp power to_unixtime double")

// fractional reports whether an expression is a double beyond doubt, and not
// one that round, floor or ceil made whole.
func (l *linter) fractional(x span) bool {
	first := l.tokens[x.from]
	if slices.Contains([]string{"round", "floor", "ceil"}, first.Text) && len(l.arguments(x.from)) == 1 && l.closing(x.from+1) == x.to-1 {
		return false
	}
	if slices.Contains([]string{"case", "extract", "lower", "substr"}, first.Text) {
		return false // what it gives is not what it looks at
	}
	return slices.ContainsFunc(l.tokens[x.from:x.to], func(t sqlfile.Token) bool {
		return t.Kind == sqlfile.Symbol && t.Text == "/" || t.Kind == sqlfile.Word && slices.Contains(fractions, t.Text) ||
			t.Kind == sqlfile.Number && strings.ContainsAny(t.Text, "eE") || t.Kind == sqlfile.Reference && l.params[t.Text].Type == "double"
	})
}

var timeName = regexp.MustCompile(`(^|_)(time|at|hour|minute|second|timestamp|valid_from|valid_to|seen|start|end)$`)

// isTime reports whether an expression is a timestamp, as its name says: the
// columns of the schema that are end in _time, _at and the like.
func (l *linter) isTime(x span) bool {
	last := l.tokens[x.to-1]
	if l.is(x.from, "date_trunc") && l.closing(x.from+1) == x.to-1 || l.is(x.from, "timestamp") && x.to == x.from+2 {
		return true
	}
	name := x.to == x.from+1 || x.to == x.from+3 && l.is(x.from+1, ".")
	return name && (last.Kind == sqlfile.Word && timeName.MatchString(last.Text) ||
		last.Kind == sqlfile.Reference && timeName.MatchString(last.Text))
}
