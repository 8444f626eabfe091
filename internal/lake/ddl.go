package lake

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/schema"
)

// Dialect is the engine that DDL is for.
type Dialect string

// The dialects.
const (
	Trino  Dialect = "trino"
	Athena Dialect = "athena"
)

// Dialects lists the dialects by name.
func Dialects() []string { return []string{string(Trino), string(Athena)} }

// DDLOptions say what the statements name.
type DDLOptions struct {
	Dialect Dialect
	// Location is the lake as the engine reaches it: s3://bucket/prefix for
	// Athena and most Trinos.
	Location string
	// Catalog is Trino's; Athena has none in DDL. Schema is the database.
	Catalog, Schema string
	// Regions and FirstDay say which partitions there can be. An engine does not
	// see events of another Region, or of an earlier day.
	Regions  []string
	FirstDay time.Time
	// LastDay ends a lake that is not written any more; zero goes on with time.
	LastDay time.Time
}

// Statement is one statement of DDL.
type Statement struct {
	// Creates is the name of the schema, table or view.
	Creates string
	SQL     string
}

// DDL returns the statements that make schema, tables and views, in order. They
// can be run again: then they bring the views up to date, and the tables' lists
// of Regions.
func DDL(o DDLOptions) ([]Statement, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("write DDL: %w", err)
	}
	statements := []Statement{{o.Schema, o.createSchema()}}
	for _, t := range Tables() {
		name := o.qualified(t.Name)
		drop := "DROP TABLE IF EXISTS " + name
		create := o.trinoTable(&t)
		if o.Dialect == Athena {
			create = o.athenaTable(&t)
		}
		// Dropping a table of files elsewhere forgets it and leaves the files.
		statements = append(statements, Statement{t.Name, drop}, Statement{t.Name, create})
	}
	for _, v := range Views() {
		statements = append(statements, Statement{v.Name, "CREATE OR REPLACE VIEW " + o.qualified(v.Name) + " AS\n" + v.SQL})
	}
	return statements, nil
}

// Script returns the statements as text for Trino's command line or Athena's
// console.
func Script(o DDLOptions) (string, error) {
	statements, err := DDL(o)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for i, st := range statements {
		b.WriteString(st.SQL + ";\n\n")
		if i == 0 && o.Dialect == Trino && o.Catalog != "" {
			// Names in views mean what they mean to who makes the view.
			b.WriteString("USE " + o.Catalog + "." + o.Schema + ";\n\n")
		}
	}
	return b.String(), nil
}

func (o *DDLOptions) validate() error {
	switch {
	case !slices.Contains(Dialects(), string(o.Dialect)):
		return fmt.Errorf("the dialect %q is unknown; there are %s", o.Dialect, strings.Join(Dialects(), " and "))
	case o.Location == "" || strings.ContainsAny(o.Location, "'\n\x00"):
		return fmt.Errorf("the location %q cannot stand in DDL", o.Location)
	case !isIdentifier(o.Schema) || o.Catalog != "" && !isIdentifier(o.Catalog):
		return fmt.Errorf("the names %q and %q must be of small letters, digits and _", o.Catalog, o.Schema)
	case len(o.Regions) == 0 || o.FirstDay.IsZero():
		return fmt.Errorf("no Regions, or no first day: the lake has no events yet; name them")
	}
	for _, r := range o.Regions {
		if PartitionRegion(r) != r {
			return fmt.Errorf("%q is no Region", r)
		}
	}
	return nil
}

func isIdentifier(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == "" && (s[0] < '0' || s[0] > '9')
}

func (o *DDLOptions) qualified(name string) string {
	if o.Dialect == Trino && o.Catalog != "" {
		return o.Catalog + "." + o.Schema + "." + name
	}
	return o.Schema + "." + name
}

func (o *DDLOptions) createSchema() string {
	if o.Dialect == Trino && o.Catalog != "" {
		return "CREATE SCHEMA IF NOT EXISTS " + o.Catalog + "." + o.Schema
	}
	return "CREATE SCHEMA IF NOT EXISTS " + o.Schema
}

func (o *DDLOptions) directory(t *Table) string {
	return strings.TrimSuffix(o.Location, "/") + "/" + t.Name + "/"
}

// trinoTable returns the CREATE TABLE statement of Trino's Hive connector.
func (o *DDLOptions) trinoTable(t *Table) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE %s (\n", o.qualified(t.Name))
	for _, c := range t.Columns() {
		fmt.Fprintf(&b, "    %s %s,\n", c.Name, trinoType(c.Type))
	}
	var by []string
	for _, p := range t.Partitions {
		by = append(by, "'"+p.Name+"'")
		fmt.Fprintf(&b, "    %s VARCHAR WITH (%s),\n", p.Name, o.trinoProjection(p.Name))
	}
	sql := strings.TrimSuffix(b.String(), ",\n") + "\n) WITH (\n    format = 'PARQUET',\n    external_location = '" + o.directory(t) + "'"
	if len(by) > 0 {
		sql += ",\n    partitioned_by = ARRAY[" + strings.Join(by, ", ") + "],\n    partition_projection_enabled = true"
	}
	return sql + "\n)"
}

func (o *DDLOptions) trinoProjection(column string) string {
	if column == regionColumn.Name {
		return "partition_projection_type = 'ENUM', partition_projection_values = ARRAY['" + strings.Join(o.regions(), "', '") + "']"
	}
	return "partition_projection_type = 'DATE', partition_projection_format = 'yyyy-MM-dd', partition_projection_interval = 1, " +
		"partition_projection_interval_unit = 'DAYS', partition_projection_range = ARRAY['" + o.firstDay() + "', '" + o.lastDay() + "']"
}

// lastDay leaves room for clocks that run ahead; see [PartitionDay].
func (o *DDLOptions) lastDay() string {
	switch {
	case o.LastDay.IsZero():
		return "NOW+2DAYS"
	case !o.LastDay.After(o.FirstDay): // Trino wants a later day
		return o.FirstDay.UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	}
	return o.LastDay.UTC().Format(time.DateOnly)
}

func (o *DDLOptions) firstDay() string { return o.FirstDay.UTC().Format(time.DateOnly) }

func (o *DDLOptions) regions() []string {
	list := append(slices.Clone(o.Regions), otherRegion)
	slices.Sort(list)
	return slices.Compact(list)
}

// athenaTable returns the CREATE EXTERNAL TABLE statement of Athena, with
// partition projection as its user guide describes.
func (o *DDLOptions) athenaTable(t *Table) string {
	var columns, by, properties []string
	for _, c := range t.Columns() {
		columns = append(columns, "    `"+c.Name+"` "+hiveType(c.Type))
	}
	for _, p := range t.Partitions {
		by = append(by, "`"+p.Name+"` string")
		properties = append(properties, o.athenaProjection(p.Name)...)
	}
	sql := "CREATE EXTERNAL TABLE " + o.qualified(t.Name) + " (\n" + strings.Join(columns, ",\n") + "\n)"
	if len(by) > 0 {
		sql += "\nPARTITIONED BY (" + strings.Join(by, ", ") + ")"
		properties = append([]string{"'projection.enabled' = 'true'"}, properties...)
	}
	sql += "\nSTORED AS PARQUET\nLOCATION '" + o.directory(t) + "'"
	if len(properties) > 0 {
		sql += "\nTBLPROPERTIES (\n    " + strings.Join(properties, ",\n    ") + "\n)"
	}
	return sql
}

func (o *DDLOptions) athenaProjection(column string) []string {
	key := func(name, value string) string { return "'projection." + column + "." + name + "' = '" + value + "'" }
	if column == regionColumn.Name {
		return []string{key("type", "enum"), key("values", strings.Join(o.regions(), ","))}
	}
	return []string{
		key("type", "date"), key("format", "yyyy-MM-dd"), key("interval", "1"), key("interval.unit", "DAYS"),
		key("range", o.firstDay()+","+o.lastDay()),
	}
}

// trinoType returns the type of a column of the files. Hive's tables have no
// UUID: it is text there.
func trinoType(t schema.Type) string {
	switch t {
	case schema.UUID:
		return "VARCHAR"
	case schema.StringMap:
		return "MAP(VARCHAR, VARCHAR)"
	case schema.StringSet:
		return "ARRAY(VARCHAR)"
	}
	return t.SQL()
}

func hiveType(t schema.Type) string {
	switch t {
	case schema.UUID, schema.Varchar:
		return "string"
	case schema.StringMap:
		return "map<string,string>"
	case schema.StringSet:
		return "array<string>"
	case schema.Integer:
		return "int"
	}
	return strings.ToLower(t.SQL())
}
