// Command bench measures, and prints ratios of figures taken in one run. Each
// measurement is a process of its own, so that CPU time and peak memory are
// those the operating system counts. Those that are compared take turns, and
// medians are compared; a single absolute time says little on a shared machine.
// It prints tables and writes results.json beside itself; what is not measured
// stays there as it was.
//
// # Ingest
//
// Whole ingests, from log files to a checkpointed store:
//
//	(a) decompression alone, with the same library
//	(b) DuckDB's read_json filling the same tables with SQL (read_json.sql)
//	(c) kmstrail ingest
//
//	go run -tags duckdb_arrow ./bench -only ingest -mb 500 -runs 5
//
// A last run of (c) with a CPU profile says where the time goes. What (c) has
// resident is the most of all runs; 1,000 MB or more is an error once the results
// are written. The tables of docs/performance.md come from these results and from
// those of small files: make update.
//
// # Small files
//
// Most log files of a trail are small. 50,000 of 1 to 3 KB are ingested from a
// directory, with all processors and with one, and from an S3 server on loopback,
// which uses the same processors:
//
//	go run -tags duckdb_arrow ./bench -only small -runs 5
//
// The key small_files has log files per second and per CPU second, and requests to
// S3.
//
// # Growth
//
// What one more hour of logs costs in a store that is large, against the same
// hour in an empty one:
//
//	go run -tags duckdb_arrow ./bench -only growth -events 50000000 -keep DIR
//
// It fills a store through the Sink with Arrow batches as the ingester makes
// them, and puts the rollups together. The events are those of an organisation
// of 40 accounts in 4 Regions, with about 2,000 keys and 600 principals, over 90
// days: few accounts and callers make most calls, more by day than by night;
// log files hold 5 to 500 records, two in a thousand of them late by up to six
// hours. In a thousand records 5 change keys, aliases or (mostly) grants, 30
// read about keys, 20 are the two copies of calls on another account's key, and
// about 10 are of calls that failed. Every id is new.
//
// Then an hour with 400,000 events is stored in 200 commits, in the large store
// and in an empty one in turn; each turn has the hour after the last. Both get
// the same events, log files and order. Before each commit the ledger is asked
// for a day's files of one account and Region, as for a page of a listing. The
// key growth_cpu has
//
//	ratio          user and system time of the process in the large store over
//	               that in the empty one, less what making the events took:
//	               opening, ledger, commits, and closing with its checkpoint
//	ratio_commits  the same of ledger and commits alone
//	large, empty   medians, CPU by parts; the first commit stands apart because
//	               it reads what commits need to know of the store
//	fill           the same figures of filling; store_bytes is before rollups
//	               were put together
//	maintain       putting them together after the fill, and how long writers
//	               waited for it at most
//	size           rows kept of each table, once they are put together again
//	questions      queries of dashboards over the 90 days, medians of five, with
//	               all processors; one that takes over two minutes is given up
//
// With -keep DIR the large store stays and is used again; it grows by an hour
// with each turn, and -events 1000000 is enough to see that all works. A store
// of an earlier layout is brought to today's first, which is not measured; to
// measure filling anew delete it.
//
// # Lake
//
// What it takes to write a lake and to ask it, against a store with the same
// events:
//
//	make build trino
//	go run -tags duckdb_arrow ./bench -only lake -lake-events 5000000
//
// It makes logs as small as trails deliver them (half of the records of KMS,
// several accounts, 4 Regions, 5 days; they stay in bench/data and are used
// again), and has kmstrail itself write a lake from them, with one process, with
// three at once, and a store. Requests to S3 are counted with a loopback server
// and 200,000 events. Then a Trino with a coordinator and two workers answers
// detectors and queries, one by one and as kmstrail detect runs them; rows and
// findings must be those of the store, and so must be counts and sums by Region,
// day and operation. The key lake has
//
//	logs           what was read
//	ingest, write  kmstrail ingest and lake write of all of it, one process each
//	three_writers  lake write three times at once
//	requests       to S3: of the first run, and of one with nothing to do
//	agreement      what was compared of store and lake
//	questions      detectors over a day and over all, queries over a week; what
//	               Trino used is what Trino says of the query
//	detect         kmstrail detect over a day and over all
//
// It needs bin/kmstrail, Linux, Java and Maven for Trino, and 10 GB of disk. When
// it fails while asking, the next run asks again without writing again. The
// tables of docs/scale.md come from it: make update.
package main
