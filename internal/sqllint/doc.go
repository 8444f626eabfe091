// Package sqllint keeps SQL inside the subset that DuckDB and Trino share and
// that gives the same answer on both, and keeps clocks and surprises out of it.
// It looks at tokens, not at grammar: every rule is a list or a few lines, and
// every message names the form to write instead.
package sqllint
