package plugin

import (
	"testing"

	"github.com/kmstrail/kmstrail/internal/flightclient"
)

func TestScope(t *testing.T) {
	table := func(name string, columns ...string) flightclient.Table {
		out := flightclient.Table{Name: name}
		for _, c := range columns {
			out.Columns = append(out.Columns, flightclient.Column{Name: c})
		}
		return out
	}
	tables := []flightclient.Table{
		table("usage_daily", "key_arn", "region"), table("keys", "key_arn", "aliases"), table("accounts", "account_id", "account_name"),
	}
	const sql = `
		SELECT * FROM usage_daily AS u
		LEFT JOIN keys k ON k.key_arn = u.key_arn LEFT JOIN Accounts
		AS a ON a.account_id = u.region
		JOIN (SELECT 1 FROM keys AS u, accounts x WHERE true) AS sub ON true
		WHERE $__adhocFilters(u)`
	for name, test := range map[string]struct {
		table, column string
		want          bool
	}{
		"any table":              {"", "account_name", true},
		"no table":               {"", "event_name", false},
		"of the alias":           {"k", "aliases", true},
		"of another":             {"k", "region", false},
		"across a line":          {"A", "account_name", true},
		"by the table's name":    {"keys", "aliases", true},
		"not of the named table": {"keys", "region", false},
		"of both that u is":      {"u", "key_arn", true},
		"of one that u is":       {"u", "region", false},
		"behind a comma":         {"x", "account_id", true},
		"of a sub-query":         {"sub", "region", true},
	} {
		s := scope{all: columnsOf(tables), tables: tablesByName(tables, sql)}
		if got := s.has(test.table, test.column); got != test.want {
			t.Errorf("%s: %s.%s: got %v", name, test.table, test.column, got)
		}
	}
}
