package schema

import (
	"fmt"
	"strings"
)

// Version counts the storage layouts. It rises with every change of a table;
// a file with a higher version is refused, one with a lower is migrated.
//
//	1  first layout
//	2  rollups have their sums apart from the parts that commits append
//	3  changes that are no grants are kept apart too, as key_setting_records
//	4  inventories: the tables inventory_…; accounts know their organisational unit;
//	   columns for what detectors need of trails, storage and secrets in contexts
//	5  what digests prove: log_file_validation, log_file_problems
const Version = 5

// CreateSQL returns the table's CREATE TABLE statement for DuckDB.
func (t *Table) CreateSQL() string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE %s (\n", t.Name)
	for i, c := range t.Columns {
		if i > 0 {
			b.WriteString(",\n")
		}
		fmt.Fprintf(&b, "    %s %s", c.Name, c.Type.SQL())
		if c.NotNull {
			b.WriteString(" NOT NULL")
		}
	}
	b.WriteString("\n)")
	return b.String()
}
