// Package flightsql serves users' SQL over Arrow Flight SQL, read-only, to any
// client of that protocol: Grafana, JDBC, ADBC, Go's database/sql.
//
// A query's life:
//
//	GetFlightInfo  the statement is judged and described, not run; the ticket
//	               that comes back holds the statement itself
//	DoGet          the query waits in line for a free place, then runs; batches
//	               go out as they are computed
//
// Tickets need no memory here, cannot be stolen to any use (whoever holds one
// could as well send the statement) and outlive a restart. Prepared statements
// have a handle, which only the principal that made it can use.
//
// Nothing is collected: a query is computed at most about a megabyte ahead of
// what its client has taken, and ends with its client.
//
// The package knows nothing of DuckDB: it serves a [Backend].
package flightsql
