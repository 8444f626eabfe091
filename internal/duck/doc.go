// Package duck is all of DuckDB: it opens, migrates, fills and queries the
// database file. No other package imports a DuckDB binding.
//
// It speaks to DuckDB through the C API's bindings and not through
// database/sql, because three things are only to be had there: results that
// stream instead of being collected first, Arrow batches that go in without a
// scan of a registered view (which returns wrong columns for anything but a
// bare SELECT *), and a connection whose transaction nobody else can join.
//
// One process owns a database file. A Store holds <file>.lock for as long as
// it is open, and no code ever opens the database file itself: closing any
// descriptor of it would drop DuckDB's own lock.
//
// Types come out as DuckDB's Arrow interface gives them: UUID and JSON as
// utf8, HUGEINT (and the sum of BIGINTs) as decimal128(38,0), TIMESTAMP as
// timestamp[us] without zone. Each field's metadata names the DuckDB type under
// [TypeKey].
package duck
