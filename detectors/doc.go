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
// [Run] runs detectors over a window, writes findings and the record of the
// run, and returns the findings sorted. The fingerprint of a finding has the
// identity columns and never the window, so that a later run updates it. What
// people decided about a finding stays. A detector that fails does not stop
// the others.
//
// [Lint] checks detectors, ours and users', and [Test] runs their cases.
package detectors
