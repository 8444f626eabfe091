package schema

import (
	"regexp"
	"slices"
	"strings"
)

// CommitColumn numbers the commit that appended a part of a rollup.
var CommitColumn = Column{Name: "commit_id", Type: Bigint, NotNull: true, Doc: "Commit that appended the row."}

// Table returns the table that holds what is settled of a derived table: the
// rows themselves, the sums of a rollup, or the rows of a fold. Readers take
// them as they are.
func (v *View) Table() Table {
	t := Table{Name: v.Name, Doc: v.Doc}
	for _, c := range v.Columns {
		t.Columns = append(t.Columns, Column{Name: c.Name, Type: c.Type, Doc: c.Doc})
	}
	switch v.Kept.Kind {
	case KeptRollup:
		t.Name += "_sums"
	case KeptFold:
		t.Name += "_folded"
	}
	return t
}

// Parts returns the table that commits append to what they add to a rollup.
// Hours or days (the unit that Kept names) that have parts are summed by
// readers, until compaction does.
func (v *View) Parts() Table {
	t := v.Table()
	t.Name = v.Name + "_parts"
	t.Columns = append(t.Columns, CommitColumn)
	return t
}

// KeptTables returns all tables that hold what is kept of a derived table.
func (v *View) KeptTables() []Table {
	if v.Kept.Kind == KeptRollup {
		return []Table{v.Table(), v.Parts()}
	}
	return []Table{v.Table()}
}

// TimeColumn is the column that the rows of a kept table are found by: its
// first column, or the time of the event.
func (v *View) TimeColumn() string {
	if v.Kept.Kind == KeptRows {
		return v.Kept.By
	}
	return v.Columns[0].Name
}

// IsTable reports whether the store keeps the rows themselves, so that nothing
// has to be put together.
func (v *View) IsTable() bool {
	return v.Kept != nil && (v.Kept.Kind == KeptRows || v.Kept.Kind == KeptNewest)
}

// bySecond says of rollups that are too fine to be settled by their own unit:
// the rows of a second are appended to the sums as they come, and stay apart.
func (v *View) bySecond() bool { return v.Kept.By == "second" }

// ReadSQL returns the query that gives the rows of a derived table from what is
// kept of it, "" when the table itself has them. It is the store's own: other
// engines have the definition.
func (v *View) ReadSQL() string {
	switch {
	case v.Kept == nil && v.own != "":
		return v.own
	case v.Kept == nil:
		return withoutNullFilters(v.SQL)
	case v.IsTable():
		return ""
	case v.Kept.Kind == KeptRollup && v.bySecond():
		return v.MergeSQL("(" + v.selectFrom(v.Table().Name) + "\nunion all\n" + v.selectFrom(v.Parts().Name) + ") as parts")
	}
	return v.selectFrom(v.Table().Name+" anti join "+v.freshBuckets("")+" using ("+v.TimeColumn()+")") +
		"\nunion all\n" + v.selectFrom("(\n"+v.FreshSQL("")+"\n) as fresh")
}

var nullFilter = regexp.MustCompile(`(m(?:in|ax)_by)\((\w+), (\w+)\) filter \(where (\w+) is not null\)`)

// withoutNullFilters is sql without the filters by which other engines have
// min_by(x, y) pass over a NULL x: DuckDB does so by itself, and a filter costs
// it as much again as the aggregate.
func withoutNullFilters(sql string) string {
	return nullFilter.ReplaceAllStringFunc(sql, func(call string) string {
		part := nullFilter.FindStringSubmatch(call)
		if part[2] != part[4] {
			return call
		}
		return part[1] + "(" + part[2] + ", " + part[3] + ")"
	})
}

// PlainSQL returns the query to answer with in a store without any inventory; ""
// when that is no other.
func (v *View) PlainSQL() string { return v.plain }

// freshBuckets is a relation of the units that have parts. parts is a relation
// to take instead of the table of parts, or "".
func (v *View) freshBuckets(parts string) string {
	column := v.TimeColumn()
	if v.Kept.Kind == KeptFold {
		of := v.foldOf()
		parts, column = orName(parts, of.Parts().Name), "date_trunc('"+v.Kept.By+"', "+of.TimeColumn()+") as "+column
	} else {
		parts = orName(parts, v.Parts().Name)
	}
	return "(select distinct " + column + " from " + parts + ") as units"
}

// BucketsSQL returns the query for the units that have parts.
func (v *View) BucketsSQL(parts string) string {
	return "select " + v.TimeColumn() + " from " + v.freshBuckets(parts)
}

// FreshSQL returns the query for the rows of those units that have parts, put
// together with what of them is settled. parts is a relation to take instead of
// the table of parts: some of it, all of a unit or nothing.
func (v *View) FreshSQL(parts string) string {
	settled := v.selectFrom(v.Table().Name + " semi join " + v.freshBuckets(parts) + " using (" + v.TimeColumn() + ")")
	if v.Kept.Kind == KeptFold {
		sources := map[string]string{"settled_rows": "(" + settled + ")"}
		if parts != "" {
			sources[v.foldOf().Parts().Name] = parts
		}
		return Substitute(nil, freshFold(v.Name), sources)
	}
	return v.MergeSQL("(" + settled + "\nunion all\n" + v.selectFrom(orName(parts, v.Parts().Name)) + ") as parts")
}

func (v *View) foldOf() *View { return viewNamed(allViews(), v.Kept.Of) }

func orName(relation, name string) string {
	if relation != "" {
		return relation
	}
	return name
}

// freshFold reads the query that puts new parts and what is folded together.
// How that is done does not follow from a fold's definition.
func freshFold(name string) string {
	src, err := viewFiles.ReadFile("sql/fresh/" + name + ".sql")
	if err != nil {
		panic(err) // found by the first test
	}
	return strings.TrimSpace(string(src))
}

// MergeSQL returns the query that puts the parts of a rollup together; from is
// what a FROM clause may hold.
func (v *View) MergeSQL(from string) string {
	var columns, keys, left []string
	for _, c := range v.Columns {
		switch c.Merge {
		case MergeNone:
			columns, keys = append(columns, c.Name), append(keys, c.Name)
		case MergeSum:
			columns = append(columns, "cast(sum("+c.Name+") as "+strings.ToLower(c.Type.SQL())+") as "+c.Name)
			left = append(left, "sum("+c.Name+") <> 0")
		default:
			columns = append(columns, string(c.Merge)+"("+c.Name+") as "+c.Name)
		}
	}
	sql := "select " + strings.Join(columns, ", ") + " from " + from + " group by " + strings.Join(keys, ", ")
	if v.Kept.Of == LogFiles.Name {
		// Entries of the ledger are replaced: what is taken away leaves zeros.
		sql += " having " + strings.Join(left, " or ")
	}
	return sql
}

func (v *View) selectFrom(from string) string { return "select " + v.list() + " from " + from }

// list names the columns, in order.
func (v *View) list() string {
	names := make([]string, len(v.Columns))
	for i, c := range v.Columns {
		names[i] = c.Name
	}
	return strings.Join(names, ", ")
}

// Definition returns the query that defines v with other sources: sources names
// a relation (what a FROM clause may hold) for tables and views. A view that is
// not among them, but is made of one that is, is spelt out.
func (v *View) Definition(sources map[string]string) string {
	return Substitute(allViews(), v.SQL, sources)
}

// fromTable finds the relations of a query; ours have no FROM in strings, and
// extract(… from …) is followed by a column, which no table is named like.
var fromTable = regexp.MustCompile(`\b(from|join)\s+([a-z_]+)\b(\s+as\b)?`)

// Substitute returns the query with other sources, as [View.Definition] does.
func Substitute(views []View, sql string, sources map[string]string) string {
	return fromTable.ReplaceAllStringFunc(sql, func(match string) string {
		words := fromTable.FindStringSubmatch(match)
		name, alias := words[2], words[3]
		if alias == "" {
			alias = " as " + name
		}
		if relation, ok := sources[name]; ok {
			return words[1] + " " + relation + alias
		}
		if v := viewNamed(views, name); v != nil && v.uses(views, sources) {
			return words[1] + " (\n" + Substitute(views, v.SQL, sources) + "\n)" + alias
		}
		return match
	})
}

// uses reports whether v is made of one of the sources.
func (v *View) uses(views []View, sources map[string]string) bool {
	for _, m := range fromTable.FindAllStringSubmatch(v.SQL, -1) {
		if _, ok := sources[m[2]]; ok {
			return true
		}
		if w := viewNamed(views, m[2]); w != nil && w.Name != v.Name && w.uses(views, sources) {
			return true
		}
	}
	return false
}

func viewNamed(views []View, name string) *View {
	for i := range views {
		if views[i].Name == name {
			return &views[i]
		}
	}
	return nil
}

var word = regexp.MustCompile(`[a-z_0-9]+`)

// SourceColumns lists the columns of t that the definition of v may read when
// it is made of t.
func (v *View) SourceColumns(t *Table) []string {
	sql := v.Definition(map[string]string{t.Name: t.Name})
	words := word.FindAllString(sql, -1)
	var out []string
	for _, c := range t.Columns {
		if slices.Contains(words, c.Name) {
			out = append(out, c.Name)
		}
	}
	return out
}

// KeptViews lists the derived tables that the store keeps, each after what it
// is made of.
func KeptViews() []View {
	return slices.DeleteFunc(Views(), func(v View) bool { return v.Kept == nil })
}
