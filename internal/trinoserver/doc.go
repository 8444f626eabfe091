// Package trinoserver gets, starts and ends a real Trino server, for tests and
// measurements. Nothing of it is in the binary.
//
// The server is an archive of the Java package registry, fetched once with the
// Maven client into a cache outside the repository, and started with a Java
// that is already there. It listens on loopback only and ends with whoever
// started it.
package trinoserver
