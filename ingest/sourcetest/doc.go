// Package sourcetest holds the acceptance tests that every ingest.Source of log
// files passes.
package sourcetest
