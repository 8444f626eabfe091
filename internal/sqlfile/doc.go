// Package sqlfile reads the project's SQL files: one query with a YAML header
// in its first comment.
//
//	/*---
//	id: calls_by_hour
//	title: Calls per hour
//	---*/
//	select …
//
// The whole file is a valid query for a SQL editor; positions in error
// messages are positions in the file. The header is strict: an unknown or
// repeated key is an error that names the nearest known one.
//
// Parameters are written $name, never spliced into the text: [File.Bind]
// replaces each by a typed placeholder and returns the arguments in order.
// $window_start (inclusive) and $window_end (exclusive) exist everywhere. A
// parameter of type days that is called x_days also gives $x_start, the time
// that many days before window_start, so that SQL needs no date arithmetic.
//
// The package knows tokens, not grammar: strings, comments and quoted names
// are left alone, and [File.Tokens] gives linters the rest.
package sqlfile
