// Package detectors finds what is wrong in the logs. A detector is a file
// sql/<id>.sql, one query with a YAML header, and beside it sql/<id>.txtar with
// the cases that prove it; README.md says how to add one.
//
// # Contract of a detector's query
//
// It reads the tables and views of package schema and nothing else, in the
// SQL that DuckDB and Trino share, and looks at [$window_start, $window_end).
// It never reads a clock: the same data and window give the same findings.
// One row is one finding. Its columns are, in this order,
//
//	account_id     VARCHAR    account concerned
//	region         VARCHAR    Region concerned
//	key_arn        VARCHAR    key concerned, or NULL
//	principal_arn  VARCHAR    caller concerned, or NULL
//	first_seen     TIMESTAMP  earliest event that supports it
//	last_seen      TIMESTAMP  latest
//	event_count    BIGINT     calls that support it, each counted once
//	event_ids      VARCHAR[]  evidence, at most 20
//	severity       VARCHAR    optional: overrides the header's severity
//
// then columns of its own, which become the finding's details. The header
// names the columns that make two findings the same (identity), and has the
// templates of the summary and of the remedy, rendered from the columns.
//
// # Running
//
// [Run] runs detectors over whole UTC days, each day by itself, and puts what a
// run finds on a day in the place of what was found there before. A finding is
// the days on which it was found, put together by the rules of the header's
// merge; so it follows from the events alone, whatever arrived when and however
// often detectors ran. Its fingerprint has the identity columns and never the
// window.
//
// A scheduled run looks at the days where a detector could find something else
// than before: those where records arrived since, and all later ones when they
// change keys, grants or tags and the query reads those; all days when the
// detector, its parameters or the configuration that it reads have changed.
//
// A finding that has no day any more is withdrawn, and says why. What people
// decide about findings ([Decide]) stays, except that one which was resolved is
// new when it is seen again. Every change of a status is kept ([ReadHistory]).
//
// [Detector.Find] runs a detector over any one window and keeps nothing. A
// detector that fails does not stop the others.
//
// [Lint] checks detectors, ours and users', and [Test] runs their cases.
package detectors
