//go:build !duckdb_arrow

package duck

// DuckDB's Arrow interface is compiled in by a build tag; every go command
// needs it. The Makefile sets it. The line below fails with a message that
// says so instead of a list of undefined bindings.
var _ = build_needs_the_tag_duckdb_arrow__use_make_or_export_GOFLAGS_tags_duckdb_arrow
