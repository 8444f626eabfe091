// Package docgen makes those pages of docs/ that describe code: detectors,
// queries, configuration and command line. (The data dictionary comes from
// schema.DataDictionary.)
//
// The pages are golden files. A test compares each with a fresh one, and
// "make generate", which is that test with -update, writes them. The page of
// the command line is compared in cmd/kmstrail, where the commands are.
//
// Nothing but tests imports this package.
package docgen
