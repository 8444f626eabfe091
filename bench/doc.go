// Command bench measures whole ingests, from log files to a checkpointed
// store, and prints ratios of figures taken in one run:
//
//	(a) decompression alone, with the same library
//	(b) DuckDB's read_json filling the same tables with SQL (read_json.sql)
//	(c) kmstrail ingest
//
// Each measurement is a process of its own, so that CPU time and peak memory
// are those the operating system counts. The three take turns, and medians
// are compared; a single absolute time says little on a shared machine.
//
//	go run -tags duckdb_arrow ./bench -mb 500 -runs 5
//
// It prints a table and writes results.json beside itself.
package main
