package builder

import "errors"

// SQL writes the statement, with macros. What is wrong with the builder is an
// *[Error] that names the field.
func (b Builder) SQL(t Table) (string, error) {
	return "", errors.New("builder: not written yet")
}

// NewTable says what the builder has to know of a table of the store, by its
// name; of one that it has not heard of, the first column that is a time is the
// time column.
func NewTable(name string, columns []Column) Table {
	return Table{Name: name, Columns: columns}
}

// DefaultMetric is the metric that tells how much happened: a count of rows, or
// the sum that rows of the table hold.
func (t Table) DefaultMetric() Metric { return Metric{Aggregate: "count"} }

// FindingsSQL writes the statement for findings seen in the panel's range, with
// macros. Times: time (first seen), timeEnd (last seen).
func FindingsSQL(f Findings) (string, error) {
	return "", errors.New("builder: not written yet")
}

// LifecycleSQL writes the statement for changes of keys in the panel's range,
// with macros.
func LifecycleSQL(l Lifecycle) (string, error) {
	return "", errors.New("builder: not written yet")
}

// Literal returns a text as SQL has it.
func Literal(s string) (string, error) { return "", errors.New("builder: not written yet") }

// Identifier returns a name as SQL has it, in quotes where it needs them.
func Identifier(name string) string { return name }
