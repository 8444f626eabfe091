//go:build duckdb_arrow

package duck

import (
	"maps"
	"strings"
)

// A short text can be a huge query: DuckDB copies an expression to wherever its
// alias stands (SELECT 1 AS a, a+a AS b, b+b AS c, …), a macro's argument to
// wherever the macro has it, and the columns of a table to each * and to each
// struct made of it. It does so while it binds, where nothing bounds its memory
// and nothing can interrupt it. So the size is estimated first. The estimate
// may be too high, never too low.
const (
	// maxParts bounds the parts of the query with all copies made.
	maxParts = 20_000
	// maxWork bounds the sum over all expressions of parts × depth²: binding
	// goes through an expression again for each level.
	maxWork = 4_000_000
	// maxTables bounds tables, sub-queries and functions in FROM, of all queries together.
	maxTables = 64
	// maxSets bounds UNION, INTERSECT and EXCEPT.
	maxSets = 200
	// maxGroupings bounds the grouping sets that ROLLUP and CUBE stand for.
	maxGroupings = 64
	// subquery is what a query in an expression takes beside its parts.
	subquery = 100
	// maxColumns bounds the columns of any query, fields of structs included.
	maxColumns = 2_500
)

// estimate refuses a query that is larger than DuckDB should have to bind.
func estimate(tree any) error {
	var z sizer
	z.query(tree, env{})
	switch {
	case z.parts > maxParts:
		return refuse("it has more than %d parts once names and macros stand for what they mean", maxParts)
	case z.work > maxWork:
		return refuse("its expressions are nested too deeply")
	case z.tables > maxTables:
		return refuse("it reads more than %d tables and queries at once", maxTables)
	case z.sets > maxSets:
		return refuse("it has more than %d UNION, INTERSECT or EXCEPT", maxSets)
	case z.groupings > maxGroupings:
		return refuse("it has more than %d grouping sets", maxGroupings)
	case z.columns > maxColumns:
		return refuse("a query in it has more than %d columns and fields", maxColumns)
	}
	return nil
}

// sizer sums up a statement.
type sizer struct {
	parts, work, tables, sets, groupings, columns float64
}

// env is what the names in a query stand for.
type env struct {
	// aliases are the expressions of the SELECT list so far.
	aliases map[string]extent
	// ctes are the results of WITH queries, rows those of what stands in FROM,
	// by its name; "" is all of FROM.
	ctes, rows map[string]row
}

// extent is how large an expression is.
type extent struct{ parts, depth float64 }

// row is how large the rows of a table are: its columns, the fields in all of
// them, and the fields in the largest.
type row struct {
	columns, fields, largest float64
	// parts and tables are those of a query that is copied to wherever its name stands.
	parts, tables float64
}

func (r row) with(o row) row {
	return row{columns: r.columns + o.columns, fields: r.fields + o.fields, largest: max(r.largest, o.largest)}
}

func (r row) or(o row) row {
	return row{columns: max(r.columns, o.columns), fields: max(r.fields, o.fields), largest: max(r.largest, o.largest)}
}

// query sums up a query, or what holds one, and returns the size of its rows.
func (z *sizer) query(node any, in env) row {
	n, _ := node.(map[string]any)
	in = env{maps.Clone(in.aliases), maps.Clone(in.ctes), maps.Clone(in.rows)}
	if in.aliases == nil {
		in = env{map[string]extent{}, map[string]row{}, map[string]row{}}
	}
	for _, e := range cteEntries(n) {
		before := *z
		r := z.query(e.query, in)
		if e.copied {
			r.parts, r.tables = z.parts-before.parts, z.tables-before.tables
		}
		in.ctes[e.name] = r
	}
	var out row
	switch n["type"] {
	case "SELECT_NODE":
		out = z.selection(n, in)
	case "SET_OPERATION_NODE":
		out = z.set(n, in)
	case "RECURSIVE_CTE_NODE":
		z.sets++
		out = z.query(n["left"], in)
		in.ctes[text(n["cte_name"])] = out
		z.query(n["right"], in)
		z.rest(n, in, "left", "right")
	default:
		// A statement, or the entry of a WITH query.
		for _, key := range []string{"node", "query"} {
			if inner, ok := n[key]; ok {
				out = z.query(inner, in)
			}
		}
		z.rest(n, in, "node", "query")
	}
	z.columns = max(z.columns, out.fields, out.columns)
	return out
}

func (z *sizer) set(n map[string]any, in env) row {
	out := row{}
	children, _ := n["children"].([]any)
	for _, c := range append([]any{n["left"], n["right"]}, children...) {
		if c == nil {
			continue
		}
		z.sets++
		if r := z.query(c, in); text(n["setop_type"]) == "union_by_name" {
			out = out.with(r)
		} else {
			out = out.or(r)
		}
	}
	z.sets--
	z.rest(n, in, "left", "right", "children")
	return out
}

func (z *sizer) selection(n map[string]any, in env) row {
	from := z.from(n["from_table"], in)
	// An inner query sees the tables of the outer one too.
	in.rows[""] = from.or(in.rows[""])
	var out row
	list, _ := n["select_list"].([]any)
	for _, e := range list {
		x := z.expression(e, in)
		z.add(x)
		out = out.with(fields(e, in, from))
		item, _ := e.(map[string]any)
		if alias := text(item["alias"]); alias != "" {
			in.aliases[alias] = extent{max(x.parts, in.aliases[alias].parts), max(x.depth, in.aliases[alias].depth)}
		}
	}
	sets, _ := n["group_sets"].([]any)
	z.groupings = max(z.groupings, float64(len(sets)))
	z.rest(n, in, "from_table", "select_list", "group_sets")
	return out
}

// rest adds all other expressions of a query.
func (z *sizer) rest(n map[string]any, in env, done ...string) {
	m := maps.Clone(n)
	delete(m, "cte_map")
	for _, key := range done {
		delete(m, key)
	}
	for _, v := range m {
		z.each(v, in)
	}
}

// each adds the expressions in something that is none.
func (z *sizer) each(node any, in env) {
	switch n := node.(type) {
	case []any:
		for _, x := range n {
			z.each(x, in)
		}
	case map[string]any:
		if _, ok := n["class"]; ok {
			z.add(z.expression(n, in))
			return
		}
		z.parts++
		for _, x := range n {
			z.each(x, in)
		}
	}
}

func (z *sizer) add(x extent) {
	z.parts += x.parts
	z.work += x.parts * x.depth * x.depth
}

// expression returns the size of an expression with all copies made.
func (z *sizer) expression(node any, in env) extent {
	out := extent{}
	switch n := node.(type) {
	case []any:
		for _, x := range n {
			inner := z.expression(x, in)
			out = extent{out.parts + inner.parts, max(out.depth, inner.depth)}
		}
	case map[string]any:
		if _, ok := n["cte_map"]; ok {
			// It is added where the expression is, as often as that.
			before := z.parts
			z.query(n, in)
			out.parts, z.parts = z.parts-before+subquery, before
			return out
		}
		for _, x := range n {
			inner := z.expression(x, in)
			out = extent{out.parts + inner.parts, max(out.depth, inner.depth)}
		}
		if n["class"] == nil {
			return out
		}
		if copies[text(n["function_name"])] {
			out.parts *= 3
		}
		for _, name := range names(n) {
			alias := in.aliases[name]
			out = extent{out.parts + alias.parts, max(out.depth, alias.depth)}
		}
		if n["class"] == "STAR" {
			out.parts += in.rows[""].columns
		}
		out.parts++
		out.depth++
	}
	return out
}

// names are those of a column: of a table, the column, fields of it. Each of
// them is a part.
func names(n map[string]any) []string {
	if n["class"] != "COLUMN_REF" {
		return nil
	}
	list, _ := n["column_names"].([]any)
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = text(x)
	}
	return out
}

// from returns the size of the rows of what stands in FROM.
func (z *sizer) from(node any, in env) row {
	n, _ := node.(map[string]any)
	var out row
	switch n["type"] {
	case "JOIN":
		out = z.from(n["left"], in).with(z.from(n["right"], in))
		z.rest(n, in, "left", "right")
		return out
	case "BASE_TABLE":
		out = tableRow
		if r, ok := in.ctes[text(n["table_name"])]; ok {
			out = out.or(r)
			z.parts, z.tables = z.parts+r.parts, z.tables+r.tables
		}
	case "SUBQUERY", "SHOW_REF":
		for _, key := range []string{"subquery", "query"} {
			if inner, ok := n[key]; ok && inner != nil {
				out = z.query(inner, in)
			}
		}
	case "PIVOT":
		out = z.pivot(n, in)
	case "EMPTY":
		return out
	default:
		// A function gives a few columns of what it gets; VALUES is a list of rows.
		x := extent{}
		for key, v := range n {
			if key != "alias" {
				y := z.expression(v, in)
				x = extent{x.parts + y.parts, max(x.depth, y.depth)}
			}
		}
		z.add(x)
		out = row{columns: 10, fields: 10, largest: 1}
		if values, _ := n["values"].([]any); len(values) > 0 {
			list, _ := values[0].([]any)
			out = row{columns: float64(len(list))}
			for _, e := range list {
				f := fields(e, in, row{})
				out = out.with(row{fields: f.fields, largest: f.largest})
			}
		}
		f := fields(n["function"], in, row{})
		out = out.with(row{fields: f.fields, largest: f.largest})
	}
	z.tables++
	for _, name := range []string{text(n["alias"]), text(n["table_name"])} {
		if name != "" {
			in.rows[name] = out.or(in.rows[name])
		}
	}
	return out
}

// tableRow is more than any table of ours has.
var tableRow = row{columns: 120, fields: 150, largest: 10}

// pivot multiplies the values of all its columns.
func (z *sizer) pivot(n map[string]any, in env) row {
	out := z.from(n["source"], in)
	made := 1.0
	pivots, _ := n["pivots"].([]any)
	for _, p := range pivots {
		m, _ := p.(map[string]any)
		entries, _ := m["entries"].([]any)
		made *= float64(max(len(entries), 1))
	}
	aggregates, _ := n["aggregates"].([]any)
	made *= float64(max(len(aggregates), 1))
	z.rest(n, in, "source")
	return out.with(row{columns: made, fields: made * max(out.largest, 1)})
}

// fields returns the columns that an item of a SELECT list makes, and the
// fields in their types.
func fields(node any, in env, from row) row {
	n, _ := node.(map[string]any)
	if n["class"] == "STAR" {
		return from
	}
	size := fieldsOf(n, in)
	out := row{columns: 1, fields: size, largest: size}
	if name := text(n["function_name"]); name == "unnest" || n["class"] == "COLUMN_REF" {
		// A struct may be spread out into columns.
		out.columns = size
	}
	return out
}

// fieldsOf returns how many fields are in the type of an expression.
func fieldsOf(node any, in env) float64 {
	switch n := node.(type) {
	case []any:
		sum := 0.0
		for _, x := range n {
			sum += fieldsOf(x, in)
		}
		return sum
	case map[string]any:
		switch {
		case n["class"] == "COLUMN_REF":
			size := max(in.rows[""].largest, 1)
			// A whole row has the table's name at the end: t, or main.t.
			if list := names(n); len(list) > 0 {
				size = max(size, in.rows[list[len(list)-1]].fields)
			}
			return size
		case n["class"] == "STAR":
			return max(in.rows[""].fields, 1)
		case n["class"] == "LAMBDA":
			return fieldsOf(n["expr"], in)
		case n["class"] == "SUBQUERY":
			return max(in.rows[""].fields, 1) * 4
		case n["class"] == "FUNCTION" && nests(text(n["function_name"])):
			return 1 + fieldsOfCall(n, in)
		}
		most := 1.0
		for _, x := range n {
			switch x := x.(type) {
			case []any:
				for _, y := range x {
					most = max(most, fieldsOf(y, in))
				}
			case map[string]any:
				most = max(most, fieldsOf(x, in))
			}
		}
		return most
	}
	return 1
}

// fieldsOfCall adds up the arguments; a lambda may repeat its own.
func fieldsOfCall(n map[string]any, in env) float64 {
	sum, factor := 0.0, 1.0
	children, _ := n["children"].([]any)
	for _, c := range children {
		if m, _ := c.(map[string]any); m["class"] == "LAMBDA" {
			factor = max(factor, fieldsOf(m, in))
		} else {
			sum += fieldsOf(c, in)
		}
	}
	return sum * factor
}

// nests says that the type of a function's result holds those of all arguments.
func nests(function string) bool {
	for _, word := range []string{"struct", "row", "map", "zip", "union", "transform", "apply", "entries", "histogram"} {
		if strings.Contains(function, word) {
			return true
		}
	}
	return false
}
