// Package clients holds tests of the query server with clients that others
// wrote: Go's database/sql driver, ADBC for Python and the JDBC driver. They run
// against the built program, over a real connection, with a token and with TLS.
//
//	make test-clients
//
// downloads what it needs once, into a cache outside the repository.
package clients
