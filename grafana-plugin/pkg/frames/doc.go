// Package frames makes Grafana's data frames of the Arrow batches that kmstrail
// serve sends.
//
// [Read] converts every type that DuckDB can return ([Conversions] is the list),
// gives the rows the shape that a panel asks for, and dresses the columns with
// units, names, descriptions and links. What it leaves out, cuts or rounds it
// says in a notice. It does not connect to anything and knows no clock.
package frames
