// Command load says what a server does under load, and whether that is good
// enough:
//
//	go run -tags duckdb_arrow ./bench/load -events 50000000 -duration 10m
//
// It fills a store with events over 90 days, once; the store stays in bench/data/load
// and is used again, with what later runs have brought. Then a server, the real
// one in a process of its own, serves the store for the duration, while
//
//   - log files come into a bucket (an S3 server in a process of its own), with
//     -rate KMS events a second and as many records of other services, and the
//     server polls that bucket;
//   - viewers look at dashboards: each has ten panels open, which are asked anew
//     every 30 seconds, over Arrow Flight SQL; their turns are spread evenly, or
//     with -together the ten of a viewer come at the same moment. The load is
//     open: a query's latency counts from when it was due, however busy the
//     server is.
//
// Thirty of fifty viewers look at the organisation, twenty at one key each. The
// clock of the server goes on where the events of the store end.
//
// Besides, each panel of the Grafana plugin's dashboards is asked, one a second, through
// the plugin's backend, over the last 90 days with all accounts, Regions and keys
// that its variables let choose.
//
// When the server has all events and is quiet, each panel is asked by itself.
// It passes when no query failed; 95 of 100 queries took at most 300 ms from
// rollups, 2 s over the events of a day, and 60 ms when asked alone; no panel
// of the dashboards took over 300 ms in 95 of 100 queries; the server stayed within its memory; and the store has all events that were put, each
// once. The last line has the figures and PASS or FAIL, the exit status is 1 for
// FAIL.
package main
