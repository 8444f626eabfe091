// Package dirsource reads CloudTrail log files from a directory: a copy of a
// bucket, a part of one, or files thrown together. It implements ingest.Source.
//
// Every .json, .jsonl and .ndjson file is read, plain or with .gz, at any depth.
// Files in or named after CloudTrail's other folders (digests, Insights, network
// activity) are left out and counted. Symbolic links are followed as long as
// they stay inside the directory and lead to a file.
package dirsource
