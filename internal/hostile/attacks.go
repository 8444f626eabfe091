package hostile

import (
	"fmt"
	"strings"
)

// nested puts a text into n calls of before … after.
func nested(n int, before, inner, after string) string {
	return strings.Repeat(before, n) + inner + strings.Repeat(after, n)
}

func growing() []Attack {
	const parts = "once names and macros stand for what they mean"
	aliases := "SELECT 1 AS a0"
	copied := "WITH t0 AS NOT MATERIALIZED (SELECT 1 AS a)"
	for i := range 30 {
		aliases += fmt.Sprintf(", a%d + a%d AS a%d", i, i, i+1)
		copied += fmt.Sprintf(", t%d AS NOT MATERIALIZED (SELECT * FROM t%d UNION ALL SELECT * FROM t%d)", i+1, i, i)
	}
	queries := "SELECT (SELECT count(*) FROM kms_events)" + strings.TrimPrefix(aliases, "SELECT 1")
	return []Attack{
		{Name: "aliases that double", SQL: aliases, Want: Refused, By: parts, Would: "binds for hours"},
		{Name: "aliases of a query that double", SQL: queries, Want: Refused, By: parts},
		{Name: "macros that double", SQL: "SELECT " + nested(40, "array_pop_back(", "[1]", ")"), Want: Refused, By: parts},
		{Name: "WITH queries that double", SQL: copied + " SELECT count(*) FROM t30", Want: Refused, By: parts},
		{Name: "columns that double", SQL: nested(20, "SELECT *, * FROM (", "SELECT * FROM kms_events", ")"), Want: Refused, By: "more than"},
		{Name: "structs that double", SQL: nested(30, "SELECT {'a': s, 'b': s} AS s FROM (", "SELECT 1 AS s", ")"), Want: Refused, By: "columns and fields"},
		{Name: "rows as structs that double", SQL: nested(30, "SELECT t AS a, t AS b FROM (", "SELECT 1 AS s", ") AS t"), Want: Refused, By: "columns and fields"},
		{Name: "structs that a lambda doubles", SQL: "SELECT " + nested(30, "list_transform(", "[1]", ", lambda x: {'a': x, 'b': x})"), Want: Refused, By: "columns and fields"},
		{Name: "40 lambdas in each other", SQL: "SELECT " + nested(40, "list_transform([1], lambda x: ", "x", ")"), Want: Refused, By: "lambdas"},
		{Name: "990 functions in each other", SQL: "SELECT " + nested(990, "abs(", "1", ")"), Want: Refused, By: "nested too deeply"},
		{Name: "800 lists in each other", SQL: "SELECT " + nested(800, "[", "1", "]"), Want: Refused, By: "nested too deeply"},
		{Name: "200 joins", SQL: "SELECT 1 FROM kms_calls" + strings.Repeat(", kms_calls", 200), Want: Refused, By: "64 tables"},
		{Name: "400 EXCEPT", SQL: "SELECT 1" + strings.Repeat(" EXCEPT SELECT 1", 400), Want: Refused, By: "200 UNION"},
		{Name: "4,096 grouping sets", SQL: "SELECT count(*) FROM range(2) t(i) GROUP BY CUBE (i" + strings.Repeat(", i + 1", 11) + ")", Want: Refused, By: "grouping sets"},
		{Name: "60,000 columns", SQL: "SELECT 1" + strings.Repeat(",1", 60_000), Want: Refused, By: many},
		{Name: "900 times all columns", SQL: "SELECT " + strings.Repeat("COLUMNS(*), ", 900) + "1 FROM kms_events", Want: Refused, By: "more than"},
		{Name: "100,000 values of IN", SQL: "SELECT 1 WHERE 1 IN (1" + strings.Repeat(",1", 100_000) + ")", Want: Refused, By: many},
		{Name: "20,000 conditions", SQL: "SELECT 1 WHERE true" + strings.Repeat(" AND 1=1", 20_000), Want: Refused, By: many},
		{Name: "a million columns by PIVOT", SQL: "FROM (SELECT i AS a, i AS b, i AS c FROM range(2) t(i)) PIVOT (count(*) FOR a IN (" + list(100) + ") b IN (" + list(100) + ") c IN (" + list(100) + "))", Want: Refused, By: "more than"},
	}
}

// list is 1, 2, … n.
func list(n int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(i + 1)
	}
	return strings.Join(out, ", ")
}

func values() []Attack {
	const size = "must be a number up to"
	return []Attack{
		{Name: "a text of 2 GB", SQL: "SELECT length(repeat('x', 2000000000))", Want: Refused, By: size, Would: "3.9 GB, 20 s"},
		{Name: "a text of 2 GB, by parameter", SQL: "SELECT length(repeat('x', ?))", Args: []any{int64(2_000_000_000)}, Want: Refused, By: size},
		{Name: "a text of 2 GB, by a column", SQL: "SELECT length(repeat('x', i)) FROM range(2000000000, 2000000001) t(i)", Want: Refused, By: size},
		{Name: "a text of 2 GB, in steps", SQL: "SELECT length(repeat(repeat(repeat('x', 2000), 1000), 1000))", Want: Refused, By: "nested functions"},
		{Name: "a long text, often", SQL: "SELECT length(repeat('" + strings.Repeat("x", 20_000) + "', 9000))", Want: Refused, By: "too long here"},
		{Name: "padding", SQL: "SELECT length(lpad('a', 1000000000, 'b'))", Want: Refused, By: size},
		{Name: "a width of printf", SQL: "SELECT length(printf('%100000000d', 1))", Want: Refused, By: "pads to at most"},
		{Name: "a width of format", SQL: "SELECT length(format('{:100000000d}', 1))", Want: Refused, By: "pads to at most"},
		{Name: "a width of printf by argument", SQL: "SELECT printf('%*d', 100000000, 1)", Want: Refused, By: "pads to at most"},
		{Name: "a format that is computed", SQL: "SELECT printf('%1' || '00000000d', 1)", Want: Refused, By: "written out"},
		{Name: "a bit string", SQL: "SELECT length(bitstring('1', 1000000000))", Want: Refused, By: size},
		{Name: "a list of numbers", SQL: "SELECT len(range(100000000))", Want: Refused, By: "call it in FROM"},
		{Name: "a list of numbers by column", SQL: "SELECT len(range(i)) FROM range(100000000, 100000001) t(i)", Want: Refused, By: "call it in FROM"},
		{Name: "a list of times", SQL: "SELECT len(generate_series(TIMESTAMP '2000-01-01', TIMESTAMP '2026-01-01', INTERVAL 1 SECOND))", Want: Refused, By: "call it in FROM"},
		{Name: "a longer list", SQL: "SELECT len(list_resize([1], 200000000))", Want: Refused, By: size},
		{Name: "bins", SQL: "SELECT equi_width_bins(0, i, 1000000, false) FROM range(2000) t(i)", Want: Refused, By: size},
		{Name: "the millions that are largest", SQL: "SELECT max(i, 999999) FROM range(10) t(i) GROUP BY i", Want: Refused, By: size},
		{Name: "a sample of a billion rows", SQL: "SELECT count(*) FROM range(1000000000) TABLESAMPLE reservoir(1000000000 ROWS)", Want: Refused, By: "a sample has up to", Would: "2 GB"},
		{Name: "a distance of two long texts", SQL: "SELECT damerau_levenshtein(repeat('a', 10000), repeat('b', 10000))", Want: Refused, By: "cannot be interrupted", Would: "0.8 GB a value"},
		{Name: "sleep", SQL: "SELECT sleep_ms(100000000)", Want: Refused, By: "waits"},
		{Name: "a bar for a chart", SQL: "SELECT repeat('#', least(i, 20)) FROM range(3, 4) t(i)", Want: Harmless, By: "###"},
	}
}

func endless() []Attack {
	const cross = "FROM range(100000) a(i), range(100000) b(j), range(1000) WHERE hash(i) % 7 = hash(j) % 5"
	return []Attack{
		{Name: "recursion without end", SQL: "WITH RECURSIVE t AS (SELECT 1 AS s UNION ALL SELECT s FROM t) SELECT count(*) FROM t", Want: Bounded, By: ByTime},
		{Name: "recursion that doubles", SQL: "WITH RECURSIVE t AS (SELECT 1 AS s UNION ALL SELECT s + 1 FROM t, range(2)) SELECT count(*) FROM t", Want: Bounded, By: ByTime},
		{Name: "10¹³ pairs", SQL: "SELECT count(*) " + cross, Want: Bounded, By: ByTime},
		{Name: "10¹³ pairs under EXPLAIN ANALYZE", SQL: "EXPLAIN ANALYZE SELECT count(*) " + cross, Want: Bounded, By: ByTime},
		{Name: "60 tables of two rows", SQL: "SELECT count(*) FROM range(2)" + strings.Repeat(", range(2)", 59), Want: Bounded, By: ByTime},
		{Name: "a sort of a billion rows", SQL: "SELECT i FROM range(1000000000) t(i) ORDER BY hash(i)", Want: Bounded, By: ByTime},
		{Name: "a hash table of a billion rows", SQL: "SELECT count(*) FROM (SELECT DISTINCT hash(i) FROM range(1000000000) t(i))", Want: Bounded, By: ByTime},
		{Name: "a window over 100 million rows", SQL: "SELECT i, sum(i) OVER (ORDER BY hash(i)) FROM range(100000000) t(i)", Want: Bounded, By: ByTime},
		{Name: "a regular expression on much text", SQL: "SELECT count(*) FROM range(100000000) t(i) WHERE regexp_matches(repeat('a', 200) || i, '(a|a)*b')", Want: Bounded, By: ByTime},
		{Name: "a regular expression as long as the text", SQL: "SELECT regexp_extract(s, s) FROM (SELECT s || s || s || s || s || s || s || s AS s FROM (SELECT repeat('{\"a\":', 9999) AS s))", Want: Refused, By: "a pattern that is written out", Would: "minutes in one call"},
		{Name: "JSON on much text", SQL: "SELECT count(*) FROM range(100000000) t(i) WHERE json_valid('[' || repeat('1,', 200) || i || ']')", Want: Bounded, By: ByTime},
		{Name: "a sub-query for each row", SQL: "SELECT sum((SELECT count(*) FROM range(100000) u(j) WHERE u.j > t.i)) FROM range(100000) t(i)", Want: Bounded, By: ByTime},
		{Name: "a summary of a billion rows", SQL: "SUMMARIZE SELECT i, hash(i) FROM range(1000000000) t(i)", Want: Bounded, By: ByTime},
	}
}

func memory() []Attack {
	return []Attack{
		{Name: "a text that doubles in recursion", SQL: "WITH RECURSIVE t AS (SELECT 'x' AS s UNION ALL SELECT s || s FROM t) SELECT max(length(s)) FROM t", Want: Bounded, By: ByDuckDB + " or " + ByMemory},
		{Name: "one text of all rows", SQL: "SELECT length(string_agg(repeat('x', 10000), '')) FROM range(1000000)", Want: Bounded, By: ByDuckDB + " or " + ByMemory},
		{Name: "one list of all rows", SQL: "SELECT len(list(i)) FROM range(1000000000) t(i)", Want: Bounded, By: ByDuckDB + ", " + ByMemory + " or " + ByTime},
		{Name: "a list for each row of a window", SQL: "SELECT list(j) OVER (ORDER BY j) FROM range(100000) t(j)", Want: Bounded, By: ByDuckDB + ", " + ByMemory + " or " + ByTime},
		{Name: "a histogram of a billion values", SQL: "SELECT cardinality(histogram(i)) FROM range(1000000000) t(i)", Want: Bounded, By: ByDuckDB + ", " + ByMemory + " or " + ByTime},
		{Name: "texts that grow from query to query", SQL: "SELECT max(length(s)) FROM (SELECT s||s||s||s||s||s||s||s||s||s AS s FROM (SELECT s||s||s||s||s||s||s||s||s||s AS s FROM (SELECT repeat('x', 2000) || i AS s FROM range(20000) t(i))))", Want: Bounded, By: ByMemory + " or " + ByTime, Would: "grows until the machine's memory is used up; DuckDB does not count it"},
		{Name: "exact quantiles of a billion values", SQL: "SELECT quantile_cont(i, 0.5) FROM range(1000000000) t(i)", Want: Bounded, By: ByMemory + " or " + ByTime},
	}
}

func results() []Attack {
	return []Attack{
		{Name: "100 million rows", SQL: "SELECT * FROM range(100000000)", Want: Bounded, By: ByRows},
		{Name: "rows without end", SQL: "WITH RECURSIVE t AS (SELECT 1 AS s UNION ALL SELECT s + 1 FROM t) SELECT * FROM t", Want: Bounded, By: ByTime},
		{Name: "wide rows", SQL: "SELECT repeat('x', 5000) FROM range(100000000)", Want: Bounded, By: ByBytes},
		{Name: "lists for rows", SQL: "SELECT range(1000) FROM range(100000000)", Want: Bounded, By: ByBytes},
		{Name: "a repeated value", SQL: "SELECT * FROM repeat('x', 1000000000)", Want: Bounded, By: ByRows},
	}
}

func odd() []Attack {
	return []Attack{
		{Name: "a text of 300 KB", SQL: "SELECT 1 --" + strings.Repeat("x", 300_000), Want: Refused, By: "longer than"},
		{Name: "a literal of 200 KB", SQL: "SELECT '" + strings.Repeat("x", 200_000) + "'", Want: Refused, By: "too long here"},
		{Name: "a parameter of 200 KB", SQL: "SELECT length(?)", Args: []any{strings.Repeat("x", 200_000)}, Want: Refused, By: "a parameter is longer"},
		{Name: "SQL in a parameter", SQL: "SELECT count(*) FROM kms_events WHERE event_name = ?", Args: []any{"' OR 1=1; DROP TABLE kms_events; --"}, Want: Harmless, By: "0"},
		{Name: "a parameter without a value", SQL: "SELECT ?", Want: Refused, By: "bind parameters"},
		{Name: "values without a parameter", SQL: "SELECT 1", Args: []any{"x"}, Want: Refused, By: "bind parameters"},
		{Name: "not UTF-8", SQL: "SELECT '\xff'", Want: Refused, By: "not UTF-8"},
		{Name: "nothing", SQL: " ;; ", Want: Refused, By: "0 statements"},
		{Name: "20,000 % of LIKE", SQL: "SELECT repeat('a', 5000) LIKE '" + strings.Repeat("%a", 10_000) + "b'", Want: Harmless, By: "false"},
		{Name: "a type of others", SQL: "SELECT 1::mine.main.t", Want: Refused, By: "type"},
		{Name: "the state of an aggregate", SQL: "SELECT sum(i) EXPORT_STATE FROM range(3) t(i)", Want: Refused, By: "EXPORT_STATE"},
	}
}
