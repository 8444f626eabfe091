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
// Trino and Athena compute a view anew wherever a query names it, so repeats are
// taken out of the files and not by the views: see [Write].
package lake
