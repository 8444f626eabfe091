// Package lake keeps the rows of the store as Parquet files that Trino, Athena
// and others read: "the lake". It says which tables lie where, writes them, and
// prints the DDL by which an engine finds them.
//
// The lake is a directory or an S3 prefix. What a table holds lies below its
// name, partitioned as Hive does:
//
//	kms_events_parquet/region=eu-central-1/day=2026-01-04/NAME.parquet
//	log_files_parquet/delivery_day=2026-01-04/NAME.parquet
//	accounts/current.parquet
//	_plans/…                       who writes what, see [Write]
//
// Tables of events hold what was delivered, repeated deliveries included. The
// engine's views (kms_events and the like) show each record once.
package lake
