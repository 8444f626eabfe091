package schema

import (
	"regexp"
	"slices"
	"strings"
)

// CommitColumn numbers the commit that appended a row of a rollup; 0 for rows
// that compaction has put together.
var CommitColumn = Column{Name: "commit_id", Type: Bigint, NotNull: true, Doc: "Commit that appended the row; 0 once it is put together."}

// Table returns the table that holds what is kept of a derived table: the rows
// themselves, the parts that a rollup's rows are the sums of, or the rows that
// were folded for good.
func (v *View) Table() Table {
	t := Table{Name: v.Name, Doc: v.Doc}
	for _, c := range v.Columns {
		t.Columns = append(t.Columns, Column{Name: c.Name, Type: c.Type, Doc: c.Doc})
	}
	switch v.Kept.Kind {
	case KeptRollup:
		t.Name += "_parts"
		t.Columns = append(t.Columns, CommitColumn)
	case KeptFold:
		t.Name += "_folded"
	}
	return t
}

// TimeColumn is the column that the rows of a kept table are found by: its
// first column, or the time of the event.
func (v *View) TimeColumn() string {
	if v.Kept.Kind == KeptRows {
		return v.Kept.By
	}
	return v.Columns[0].Name
}

// ReadSQL returns the query that gives the rows of a derived table from what is
// kept of it, "" when the table itself has them.
func (v *View) ReadSQL() string {
	if v.Kept == nil {
		return v.SQL
	}
	t := v.Table()
	switch v.Kept.Kind {
	case KeptRollup:
		return v.MergeSQL(t.Name)
	case KeptFold:
		return "select " + v.list() + " from " + t.Name + "\nunion all\nselect " + v.list() + " from (\n" + v.SQL + "\n) as rest"
	}
	return ""
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
