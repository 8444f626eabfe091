// Package schema is the one list of tables and columns of kmstrail.
//
// The Arrow schemas that ingest fills, the DDL that the store creates, the
// views, macros and the data dictionary in docs all come from the [Table]
// values declared here; nothing else in the project spells a column list.
// The package imports nothing of ours, so every other package may import it.
//
// Base tables hold facts (one row per CloudTrail record, per log file, per
// finding). Everything that can be derived is a view in sql/views, written in
// the SQL subset that DuckDB and Trino share.
//
// All timestamps are UTC, in microseconds, without a zone. All windows are
// half-open: [start, end).
package schema
