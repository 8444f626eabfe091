// Package queries holds the named queries of kmstrail: what people, dashboards
// and the command line ask for by name. A query is a file sql/<id>.sql, SQL
// with a YAML header, and beside it sql/<id>.txtar with its cases; README.md
// says how to add one.
//
// The header's grain says what one row is, and columns lists the result in
// order with types: the contract that dashboards rely on, held by a lint. The
// SQL looks at [$window_start, $window_end) and is written in the subset that
// DuckDB and Trino share.
package queries
