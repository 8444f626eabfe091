// Package sqlcase reads and checks the cases that lie beside detectors and
// queries: what was logged, and what the SQL must then return. A case goes the
// whole way: event lines become CloudTrail JSON, which is ingested into a real
// database and queried.
//
// A file is a txtar archive. What stands before the first section is for
// people. A section is NAME/PART; a PART alone is the default of every case in
// the file, and default events come before those of the case.
//
//	-- window --
//	2026-01-04T00:00:00Z 2026-01-05T00:00:00Z
//	-- fires_once/events --
//	2026-01-04T06:00:00Z Decrypt key/alpha@foreign role/app
//	-- fires_once/want.csv --
//	key_arn,event_count
//	{key/alpha@foreign},1
//
// The parts are
//
//	events        event lines, see package cttest
//	events.jsonl  exact CloudTrail records, one a line
//	window        start (inclusive) and end (exclusive)
//	params        YAML: parameters by name
//	config        YAML: rows of accounts, trust_rules, context_rules,
//	              rotation_policy, quotas (which go before the defaults),
//	              key_standards, expected_keys and environments, and
//	              self_principals
//	state         YAML: rows of detector_runs, findings, finding_windows,
//	              changed_cells, inventory_scopes, inventory_keys,
//	              inventory_rotations and inventory_roles, which take the place of what the ingest
//	              wrote; ids are names
//	want.csv      the columns to compare, and the rows in order; {key/alpha},
//	              {role/app} and the like stand for ARNs. Without it, or with
//	              nothing below the header, no row may come
//
// Cases are named fires_… when rows are wanted and quiet_… when not.
package sqlcase
