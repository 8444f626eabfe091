// Package operate is everything that changes a store: ingest, detect, rebuild,
// maintain, back up, decide about findings. The command line uses an [Operator]
// where nobody else has the store open, the server's schedule and its HTTP API
// use one too, and a client of that API has the same methods, so that a command
// prints the same whoever does the work.
//
// Requests and results are the bodies of the HTTP API: names in snake_case,
// times in RFC 3339, spans in seconds. An error is put into JSON by [ProblemOf]
// and taken out of it by [Problem.Err], so that the text and the exit code of a
// command stay the same too.
//
// A result may come with an error: what was read before an ingest failed, or
// was interrupted, is stored, and the result says what that is.
//
// One ingest and one detect run at a time; a second waits in line, or gets
// [ErrBusy] when its request says no_wait. Nothing in here prints.
package operate
