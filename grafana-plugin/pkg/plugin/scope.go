package plugin

import (
	"regexp"
	"strings"

	"github.com/kmstrail/kmstrail/internal/flightclient"
)

// scope is what ad hoc filters of a statement can be about.
type scope struct {
	// all are the columns of all tables that the statement names.
	all map[string]flightclient.Column
	// tables are the tables that a name stands for: its own, or as an alias.
	// Different parts of a statement can have the same alias.
	tables map[string][]flightclient.Table
}

// has reports whether a table has a column. What a name stands for that is none of
// a table, such as that of a sub-query, is not known: then any table's will do.
func (s scope) has(table, column string) bool {
	named := s.tables[strings.ToLower(table)]
	if table == "" || len(named) == 0 {
		_, ok := s.all[column]
		return ok
	}
	for _, t := range named {
		if _, ok := columnsOf([]flightclient.Table{t})[column]; !ok {
			return false
		}
	}
	return true
}

// aliased finds a table and what stands behind it, which is an alias or a keyword.
var aliased = regexp.MustCompile(`(?i)(?:\bFROM|\bJOIN|,)\s+(\w+)(?:\s+AS)?\s+(\w+)`)

// tablesByName returns the tables that names in a statement stand for. A keyword
// behind a table is taken for an alias as well, which no macro has as argument.
func tablesByName(tables []flightclient.Table, sql string) map[string][]flightclient.Table {
	out := map[string][]flightclient.Table{}
	for _, t := range tables {
		name := strings.ToLower(t.Name)
		out[name] = append(out[name], t)
	}
	for _, m := range aliased.FindAllStringSubmatch(sql, -1) {
		alias := strings.ToLower(m[2])
		if named := out[strings.ToLower(m[1])]; len(named) == 1 && named[0].Name != alias {
			out[alias] = append(out[alias], named[0])
		}
	}
	return out
}
