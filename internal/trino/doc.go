// Package trino runs queries on a Trino server and gives their results as
// Arrow, so that what reads a result does not notice whether DuckDB or Trino
// computed it.
//
// It speaks Trino's client protocol itself: a POST with the statement, then GETs
// of nextUri until there is none, with the rows as JSON. The database/sql driver
// (github.com/trinodb/trino-go-client, Apache 2.0, kept well) was weighed and
// left, because:
//
//   - Its releases from 1.2.0 need a newer Go than this module, and it brings
//     seven modules for Kerberos.
//   - database/sql gives what is in arrays and maps as untyped JSON values, so
//     that a timestamp within one is text, and its type as text only. Both had to
//     be parsed here anyway, after every cell had become an interface value:
//     a million rows of five columns took twice the CPU time of this package.
//   - It answers a local time that can mean two moments with one of them.
//   - It takes a result that ends without the state FINISHED for complete, sends
//     the password to any host that nextUri names, and asks for another page of
//     a query before it cancels it.
//   - It shifts the columns of syntax errors by 19, see the function statement.
//
// # Parameters
//
// Parameters are values of EXECUTE IMMEDIATE … USING, which Trino has since 418:
// the statement's own text holds only the question marks, is parsed by itself
// and never sees a value. Both go in the body, so neither is bound by the length
// of a header, but by query.max-length of the server, a million characters if
// nobody raised it. A string that Trino could not take over exactly (one that is
// not UTF-8) is refused.
//
// # Types
//
//	boolean                       bool
//	tinyint … bigint              int8 … int64
//	real, double                  float32, float64, with NaN and infinities
//	decimal(p,s)                  decimal128(p,s)
//	varchar, char, uuid, json,
//	ipaddress                     utf8
//	varbinary                     binary
//	date                          date32
//	timestamp(0 … 6)              timestamp[us] without zone
//	timestamp(7 … 9)              timestamp[ns] without zone
//	timestamp(0 … 9) with time zone   the same with zone UTC
//	array, map, row               list, map, struct
//	unknown (a bare NULL)         int32, as DuckDB gives it
//
// Other types, timestamp(10 … 12) and maps whose keys are not scalars are
// refused: they would lose something. So is a moment in a named zone other than
// UTC, which Trino sends as a local time that can mean two moments; sessions
// are in UTC, so that only at_timezone makes one. Each field's metadata names the
// Trino type under [TypeKey].
package trino
