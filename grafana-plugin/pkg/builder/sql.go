package builder

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/macros"
)

const (
	// DefaultGroups is how many groups a time series has at most where the
	// builder does not say: those with the most of the first metric. A panel
	// with 2,000 lines shows nothing.
	DefaultGroups = 20
	// DefaultRows is how many rows there are at most where the builder does not
	// say.
	DefaultRows = 1000
)

// SQL writes the statement, with macros. What is wrong with the builder is an
// *[Error] that names the field.
//
// With metrics, groups or time it groups; else it gives plain rows, the newest
// first. Without a metric it takes the table's [Table.DefaultMetric]. A time
// series is ordered by time, and has the groups with the most of the first
// metric over the whole range (see [Builder.Groups]). The range of the panel
// filters by the table's time column, or by overlap where rows last; ad hoc
// filters apply by themselves.
func (b Builder) SQL(t Table) (string, error) {
	switch {
	case b.Table == "":
		return "", wrong("table", "choose a table")
	case !strings.EqualFold(b.Table, t.Name):
		return "", wrong("table", "%s is not %s", b.Table, t.Name)
	case b.Limit < 0:
		return "", wrong("limit", "a limit cannot be negative")
	}
	c := composer{Builder: b, table: t, names: map[string]bool{}}
	switch {
	case b.Time != nil:
		return c.series()
	case len(b.Metrics) > 0 || len(b.GroupBy) > 0:
		return c.totals()
	}
	return c.rows()
}

// Groups is how many groups the time series has at most, 0 where nothing is left
// out. Where so many come back there can be more.
func (b Builder) Groups() int64 {
	switch {
	case b.Time == nil || len(b.GroupBy) == 0:
		return 0
	case b.Limit > 0:
		return b.Limit
	}
	return DefaultGroups
}

// Unasked is how many groups of a time series, or else rows, the statement is
// limited to without the builder saying so; 0 where nothing is left out.
func (b Builder) Unasked() (groups, rows int64) {
	switch {
	case b.Limit > 0:
		return 0, 0
	case b.Time != nil:
		return b.Groups(), 0
	case len(b.Metrics) > 0 && len(b.GroupBy) == 0:
		return 0, 0
	}
	return 0, DefaultRows
}

// composer writes the statement of one builder.
type composer struct {
	Builder
	table Table
	// names are the columns of the result, in lower case.
	names map[string]bool
}

// item is a column of the result.
type item struct {
	sql, name string
}

func (i item) String() string {
	if i.sql == macros.Identifier(i.name) {
		return i.sql
	}
	return i.sql + " AS " + macros.Identifier(i.name)
}

// statement is a query in parts.
type statement struct {
	items, where []string
	from         string
	// tail are the clauses behind WHERE.
	tail []string
}

func (s statement) String() string { return s.indented("") }

// indented writes the statement with so much before each line of its own. The
// lines of texts in it are none: they would become other texts.
func (s statement) indented(by string) string {
	line := "\n" + by
	var b strings.Builder
	if b.WriteString("SELECT"); len(s.items) == 1 {
		b.WriteString(" " + s.items[0])
	} else {
		b.WriteString(line + "  " + strings.Join(s.items, ","+line+"  "))
	}
	b.WriteString(line + "FROM " + s.from)
	if len(s.where) > 0 {
		b.WriteString(line + "WHERE " + strings.Join(s.where, line+"  AND "))
	}
	for _, clause := range s.tail {
		b.WriteString(line + clause)
	}
	return b.String()
}

// series groups by time.
func (c *composer) series() (string, error) {
	c.names["time"] = true
	when, where, err := c.time()
	if err != nil {
		return "", err
	}
	groups, err := c.groups(true)
	if err != nil {
		return "", err
	}
	metrics, err := c.metrics(true)
	if err != nil {
		return "", err
	}
	order, err := c.order(append(slices.Clone(groups), metrics...))
	if err != nil {
		return "", err
	}
	conditions, err := c.conditions()
	if err != nil {
		return "", err
	}
	points := statement{
		items: slices.Concat([]string{when}, texts(groups), texts(metrics)), from: macros.Identifier(c.table.Name),
		where: append(where, conditions...), tail: []string{"GROUP BY ALL"},
	}
	byTime := "ORDER BY " + strings.Join(distinct(slices.Concat([]string{`"time"`}, order, names(groups))), ", ")
	if len(groups) == 0 {
		points.tail = append(points.tail, byTime)
		return points.String(), nil
	}
	return c.largest(points, groups, metrics[0], byTime), nil
}

// largest keeps the groups with the most of a metric.
func (c *composer) largest(points statement, groups []item, by item, order string) string {
	rank := "max"
	if m := c.metric(0); m.Aggregate == "sum" || m.Aggregate == "count" {
		rank = "sum"
	}
	columns := strings.Join(names(groups), ", ")
	matches := make([]string, len(groups))
	for i, g := range names(groups) {
		matches[i] = fmt.Sprintf("points.%s IS NOT DISTINCT FROM largest.%[1]s", g)
	}
	return fmt.Sprintf(`WITH points AS (
  %s
),
largest AS (
  SELECT %s
  FROM points
  GROUP BY ALL
  ORDER BY %s(%s) DESC, %[2]s
  LIMIT %[5]d
)
SELECT points.*
FROM points
SEMI JOIN largest
  ON %s
%s`,
		points.indented("  "), columns, rank, macros.Identifier(by.name), c.Groups(),
		strings.Join(matches, "\n  AND "), order)
}

// totals groups over the whole range.
func (c *composer) totals() (string, error) {
	where, err := c.inRange()
	if err != nil {
		return "", err
	}
	groups, err := c.groups(false)
	if err != nil {
		return "", err
	}
	metrics, err := c.metrics(false)
	if err != nil {
		return "", err
	}
	order, err := c.order(append(slices.Clone(groups), metrics...))
	if err != nil {
		return "", err
	}
	if len(order) == 0 {
		order = []string{macros.Identifier(metrics[0].name) + " DESC"}
	}
	conditions, err := c.conditions()
	if err != nil {
		return "", err
	}
	s := statement{
		items: append(texts(groups), texts(metrics)...), from: macros.Identifier(c.table.Name), where: append(where, conditions...),
	}
	if len(groups) > 0 {
		s.tail = []string{"GROUP BY ALL", "ORDER BY " + strings.Join(distinct(append(order, names(groups)...)), ", "), c.limit()}
	}
	return s.String(), nil
}

// rows gives plain rows.
func (c *composer) rows() (string, error) {
	where, err := c.inRange()
	if err != nil {
		return "", err
	}
	items := []string{"*"}
	if len(c.Columns) > 0 {
		columns, err := c.items("columns", c.Columns, false)
		if err != nil {
			return "", err
		}
		items = texts(columns)
	}
	conditions, err := c.conditions()
	if err != nil {
		return "", err
	}
	s := statement{items: items, from: macros.Identifier(c.table.Name), where: append(where, conditions...)}
	order, err := c.order(nil)
	if err != nil {
		return "", err
	}
	if when, ok := c.table.column(c.table.TimeColumn); ok && len(order) == 0 {
		order = []string{macros.Identifier(when.Name) + " DESC"}
	}
	if len(order) > 0 {
		s.tail = append(s.tail, "ORDER BY "+strings.Join(order, ", "))
	}
	s.tail = append(s.tail, c.limit())
	return s.String(), nil
}

func (c *composer) limit() string {
	if c.Limit > 0 {
		return fmt.Sprintf("LIMIT %d", c.Limit)
	}
	return fmt.Sprintf("LIMIT %d", DefaultRows)
}

// time writes the time group and the filter by it.
func (c *composer) time() (when string, where []string, err error) {
	name := c.Time.Column
	if name == "" {
		name = c.table.TimeColumn
	}
	if name == "" {
		return "", nil, wrong("time.column", "choose a column: %s has none that its rows lie in time by", c.table.Name)
	}
	column, ok := c.table.column(name)
	if !ok {
		return "", nil, wrong("time.column", "%s has no column %q%s", c.table.Name, name, c.table.nearest(name))
	}
	if !isTime(column.Type) {
		return "", nil, wrong("time.column", "%s is a %s, not a time", column.Name, column.Type)
	}
	grain := c.grain(column)
	width, err := c.width(grain)
	if err != nil {
		return "", nil, err
	}
	sql := macros.Identifier(column.Name)
	where = []string{inRange(column, grain)}
	if column.Type == "DATE" {
		sql = "CAST(" + sql + " AS TIMESTAMP)"
	}
	if grain == Month {
		return sql + ` AS "time"`, where, nil
	}
	return fmt.Sprintf("$__timeGroupAlias(%s, %s)", sql, width), where, nil
}

// grain is how much time a row stands for by one of its times.
func (c *composer) grain(column Column) time.Duration {
	switch {
	case strings.EqualFold(column.Name, c.table.TimeColumn):
		return c.table.Grain
	case column.Type == "DATE":
		return 24 * time.Hour
	}
	return 0
}

// width is the width of time groups as the macro takes it.
func (c *composer) width(grain time.Duration) (string, error) {
	bucket := c.Time.Bucket
	if bucket == "" || bucket == "auto" {
		if grain == 0 {
			return "auto", nil
		}
		return "auto(" + unit(grain) + ")", nil
	}
	width, err := macros.ParseInterval(bucket)
	switch {
	case err != nil:
		return "", wrong("time.bucket", "%s", err)
	case grain == Month:
		return "", wrong("time.bucket", "a row of %s stands for a month: leave it at auto", c.table.Name)
	case grain > 0 && width%grain != 0:
		return "", wrong("time.bucket", "a row of %s stands for %s: choose a multiple of that, not %s", c.table.Name, unit(grain), bucket)
	}
	return bucket, nil
}

func unit(d time.Duration) string {
	for _, u := range []struct {
		d    time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d%u.d == 0 {
			return fmt.Sprintf("%d%s", d/u.d, u.name)
		}
	}
	return fmt.Sprintf("%dms", d.Milliseconds())
}

// inRange filters by the range of the panel, where the table has a time.
func (c *composer) inRange() ([]string, error) {
	if c.table.TimeColumn == "" {
		return nil, nil
	}
	column, ok := c.table.column(c.table.TimeColumn)
	if !ok {
		return nil, wrong("table", "%s has no column %s: is the server older than the plugin?", c.table.Name, c.table.TimeColumn)
	}
	if c.table.EndColumn == "" {
		return []string{inRange(column, c.table.Grain)}, nil
	}
	// What has no beginning began before the logs, what has no end goes on.
	return []string{
		fmt.Sprintf("coalesce(%s < $__timeTo(), TRUE)", macros.Identifier(column.Name)),
		fmt.Sprintf("coalesce(%s >= $__timeFrom(), TRUE)", macros.Identifier(c.table.EndColumn)),
	}, nil
}

func inRange(column Column, grain time.Duration) string {
	name := macros.Identifier(column.Name)
	switch {
	case column.Type == "DATE" && grain == Month:
		return "$__dateFilter(" + name + ", month)"
	case column.Type == "DATE":
		return "$__dateFilter(" + name + ")"
	case grain > 0:
		return "$__timeFilter(" + name + ", " + unit(grain) + ")"
	}
	return "$__timeFilter(" + name + ")"
}

func (c *composer) groups(series bool) ([]item, error) {
	return c.items("groupBy", c.GroupBy, series)
}

// items writes columns. As labels of a series they are text, since numbers and
// times would be values.
func (c *composer) items(field string, references []string, labels bool) ([]item, error) {
	var out []item
	for i, reference := range references {
		field := fmt.Sprintf("%s[%d]", field, i)
		o, err := c.table.operand(field, reference)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(o.columnType, "MAP(") && !strings.HasPrefix(field, "columns") {
			return nil, wrong(field, "%s is a map: group by one of its keys, such as %s['aws:s3:arn']", o.name, o.sql)
		}
		if err := c.name(field, o.name); err != nil {
			return nil, err
		}
		if labels && o.columnType != "VARCHAR" {
			o.sql = "CAST(" + o.sql + " AS VARCHAR)"
		}
		out = append(out, item{o.sql, o.name})
	}
	return out, nil
}

// name takes a name for a column of the result.
func (c *composer) name(field, name string) error {
	if name == "" || strings.ContainsRune(name, 0) {
		return wrong(field, "%q cannot be the name of a column", name)
	}
	if c.names[strings.ToLower(name)] {
		return wrong(field, "there is a column %q already: choose another name", name)
	}
	c.names[strings.ToLower(name)] = true
	return nil
}

// order writes what the builder orders by: columns of the result, or for plain
// rows, without items, columns of the table.
func (c *composer) order(items []item) ([]string, error) {
	var out []string
	for i, o := range c.OrderBy {
		field := fmt.Sprintf("orderBy[%d].column", i)
		sql, err := c.orderColumn(field, o.Column, items)
		if err != nil {
			return nil, err
		}
		if sql == `"time"` {
			continue
		}
		if o.Descending {
			sql += " DESC"
		}
		out = append(out, sql)
	}
	return out, nil
}

func (c *composer) orderColumn(field, name string, items []item) (string, error) {
	for i, item := range items {
		if strings.EqualFold(item.name, name) || i < len(c.GroupBy) && c.GroupBy[i] == name {
			return macros.Identifier(item.name), nil
		}
	}
	if c.Time != nil && strings.EqualFold(name, "time") {
		return `"time"`, nil
	}
	if items != nil {
		return "", wrong(field, "the result has no column %q: order by a group or a metric", name)
	}
	o, err := c.table.operand(field, name)
	return o.sql, err
}

func texts(items []item) []string {
	var out []string
	for _, i := range items {
		out = append(out, i.String())
	}
	return out
}

func names(items []item) []string {
	var out []string
	for _, i := range items {
		out = append(out, macros.Identifier(i.name))
	}
	return out
}

// distinct leaves out columns that are ordered by already.
func distinct(order []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, o := range order {
		if column := strings.TrimSuffix(o, " DESC"); !seen[column] {
			seen[column] = true
			out = append(out, o)
		}
	}
	return out
}
