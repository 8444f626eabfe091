// Package equivalence holds the proof that the SQL of views, detectors and
// queries gives the same rows on DuckDB and on Trino. It has tests only, which
// need a running Trino: make test-trino.
package equivalence
