// Package hostile is the list of attacks by SQL that the store withstands. It
// knows no database: the store's tests run the attacks on it directly, others
// through a server, and docs/hostile-sql.md is made of it.
package hostile

import (
	"fmt"
	"strings"
)

// Outcome is how an attack ends.
type Outcome string

// The outcomes. Nothing else may happen: not that it works, not that the
// process ends, not that others notice.
const (
	// Refused before anything of it ran.
	Refused Outcome = "refused"
	// Bounded: it runs, and a limit ends it.
	Bounded Outcome = "bounded"
	// Harmless: it runs and does what everybody may do.
	Harmless Outcome = "harmless"
)

// What bounds a query.
const (
	ByTime   = "time"   // the time limit of a query
	ByRows   = "rows"   // the limit of rows of a result
	ByBytes  = "bytes"  // the limit of bytes of a result
	ByMemory = "memory" // the limit of the process's memory, while it runs
	ByDuckDB = "duckdb" // DuckDB's own memory_limit, which ingest shares
)

// Attack is a statement that somebody sends to do harm.
type Attack struct {
	Name string
	// Category groups attacks on the page.
	Category string
	SQL      string
	// Args are its bound parameters: strings and int64.
	Args []any
	Want Outcome
	// By is a part of the reason why it is refused, or what bounds it, or its
	// result: values with a comma, rows with a semicolon between them.
	By string
	// Would says what it did when nothing stopped it, where that is not plain.
	Would string
}

// Text is the statement as it can be shown: cut where it is long.
func (a Attack) Text() string {
	s := strings.Join(strings.Fields(strings.ReplaceAll(a.SQL, "\x00", "␀")), " ")
	if r := []rune(s); len(r) > shown {
		return fmt.Sprintf("%s … (%d bytes)", string(r[:shown]), len(a.SQL))
	}
	return s
}

// shown is how many characters of a statement the page has.
const shown = 150

// Attacks returns the list, category by category.
func Attacks() []Attack {
	var all []Attack
	for _, g := range groups() {
		for _, a := range g.attacks {
			a.Category = g.category
			all = append(all, a)
		}
	}
	return all
}

// group is a category with its attacks.
type group struct {
	category string
	attacks  []Attack
}

func groups() []group {
	return []group{
		{"Files and network", files()},
		{"Writing", writing()},
		{"More than one statement", stacked()},
		{"Leaving something for the next user", leaving()},
		{"Names that mean something else", naming()},
		{"Looking around", looking()},
		{"Ending the process", ending()},
		{"Short texts that grow while they are bound", growing()},
		{"Huge values", values()},
		{"Endless work", endless()},
		{"Memory", memory()},
		{"Huge results", results()},
		{"Odd texts and parameters", odd()},
	}
}

const (
	onlyQueries = "only one SELECT"
	many        = "too many parts"
)

func files() []Attack {
	return []Attack{
		{Name: "read a text file", SQL: "SELECT * FROM read_text('/etc/passwd')", Want: Refused, By: "reads files or the network"},
		{Name: "read a file as CSV", SQL: "SELECT * FROM read_csv('/etc/passwd', sep=':')", Want: Refused, By: "reads files or the network"},
		{Name: "read a file as a table", SQL: "SELECT * FROM '/etc/passwd'", Want: Refused, By: "there is no table"},
		{Name: "read a Parquet file as a table", SQL: "FROM 'lake.parquet'", Want: Refused, By: "there is no table"},
		{Name: "read another database as a table", SQL: "SELECT * FROM 'backup.duckdb'", Want: Refused, By: "there is no table"},
		{Name: "a WITH query with the name of a file, used out of its reach", SQL: `SELECT * FROM (WITH "/etc/hosts.csv" AS (SELECT 1) SELECT 1) AS a, "/etc/hosts.csv"`, Want: Refused, By: "there is no table"},
		{Name: "a WITH query that reads the file of its own name", SQL: `WITH "/etc/hosts.csv" AS (SELECT * FROM "/etc/hosts.csv") SELECT * FROM "/etc/hosts.csv"`, Want: Refused, By: "there is no table"},
		{Name: "list files", SQL: "SELECT * FROM glob('/*')", Want: Refused, By: "reads files or the network"},
		{Name: "guess the format of a file", SQL: "SELECT * FROM sniff_csv('/etc/passwd')", Want: Refused, By: "reads files or the network"},
		{Name: "describe a file", SQL: "DESCRIBE SELECT * FROM read_parquet('/tmp/*.parquet')", Want: Refused, By: "reads files or the network"},
		{Name: "fetch an address", SQL: "SELECT * FROM read_json('https://example.com/x.json')", Want: Refused, By: "reads files or the network"},
		{Name: "read a file in a sub-query", SQL: "SELECT (SELECT content FROM read_text('/etc/passwd'))", Want: Refused, By: "reads files or the network"},
		{Name: "read a file by parameter", SQL: "SELECT * FROM read_text(?)", Args: []any{"/etc/passwd"}, Want: Refused, By: "reads files or the network"},
		{Name: "write a file", SQL: "COPY kms_events TO '/tmp/stolen.csv'", Want: Refused, By: onlyQueries},
		{Name: "export everything", SQL: "EXPORT DATABASE '/tmp/stolen'", Want: Refused, By: onlyQueries},
		{Name: "attach a file", SQL: "ATTACH '/tmp/x.duckdb' AS x", Want: Refused, By: onlyQueries},
		{Name: "attach memory", SQL: "ATTACH ':memory:' AS x", Want: Refused, By: onlyQueries},
		{Name: "install an extension", SQL: "INSTALL httpfs", Want: Refused, By: onlyQueries},
		{Name: "load an extension", SQL: "LOAD '/tmp/evil.duckdb_extension'", Want: Refused, By: onlyQueries},
	}
}

func writing() []Attack {
	return []Attack{
		{Name: "delete", SQL: "DELETE FROM kms_events", Want: Refused, By: onlyQueries},
		{Name: "delete in a WITH query", SQL: "WITH x AS (DELETE FROM kms_events RETURNING *) SELECT * FROM x", Want: Refused, By: "A CTE needs a SELECT"},
		{Name: "delete by EXPLAIN ANALYZE, which runs it", SQL: "EXPLAIN ANALYZE DELETE FROM kms_events", Want: Refused, By: onlyQueries},
		{Name: "insert", SQL: "INSERT INTO kms_events SELECT * FROM kms_events", Want: Refused, By: onlyQueries},
		{Name: "update", SQL: "UPDATE kms_events SET event_name = 'Decrypt'", Want: Refused, By: onlyQueries},
		{Name: "truncate", SQL: "TRUNCATE kms_events", Want: Refused, By: onlyQueries},
		{Name: "drop", SQL: "DROP TABLE kms_events", Want: Refused, By: onlyQueries},
		{Name: "create", SQL: "CREATE TABLE mine AS SELECT * FROM kms_events", Want: Refused, By: onlyQueries},
		{Name: "select into", SQL: "SELECT * INTO mine FROM kms_events", Want: Refused, By: "SELECT INTO"},
		{Name: "import", SQL: "IMPORT DATABASE '/tmp/x'", Want: Refused, By: onlyQueries},
		{Name: "checkpoint", SQL: "CHECKPOINT", Want: Refused, By: onlyQueries},
		{Name: "checkpoint by function", SQL: "SELECT * FROM force_checkpoint()", Want: Refused, By: "changes the process"},
		{Name: "vacuum", SQL: "VACUUM ANALYZE", Want: Refused, By: onlyQueries},
	}
}

func stacked() []Attack {
	return []Attack{
		{Name: "two queries", SQL: "SELECT 1; SELECT 2", Want: Refused, By: "2 statements"},
		{Name: "end the transaction, then delete", SQL: "COMMIT; DELETE FROM kms_events", Want: Refused, By: onlyQueries},
		{Name: "a query, then delete", SQL: "SELECT 1; DELETE FROM kms_events", Want: Refused, By: onlyQueries},
		{Name: "hidden behind EXPLAIN", SQL: "EXPLAIN SELECT 1; DELETE FROM kms_events", Want: Refused, By: onlyQueries},
		{Name: "hidden behind a comment", SQL: "SELECT 1 -- ; nothing\n; DELETE FROM kms_events", Want: Refused, By: onlyQueries},
		{Name: "hidden behind a NUL", SQL: "SELECT 1\x00; DELETE FROM kms_events", Want: Refused, By: "NUL"},
		{Name: "a comment that looks like one", SQL: "SELECT 7 /* ; DELETE FROM kms_events */ AS x", Want: Harmless, By: "7"},
		{Name: "a dynamic PIVOT, which is two statements", SQL: "PIVOT kms_events ON event_name USING count(*)", Want: Refused, By: onlyQueries},
		{Name: "SQL in a function", SQL: "SELECT * FROM query('DELETE FROM kms_events')", Want: Refused, By: "runs SQL given as text"},
		{Name: "a table's name in a function", SQL: "SELECT * FROM query_table('meta')", Want: Refused, By: "runs SQL given as text"},
		{Name: "SQL as JSON", SQL: "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))", Want: Refused, By: "runs SQL given as text"},
	}
}

func leaving() []Attack {
	return []Attack{
		{Name: "a forged table", SQL: "CREATE TEMP TABLE kms_events AS SELECT 1 AS x", Want: Refused, By: onlyQueries},
		{Name: "a forged view", SQL: "CREATE TEMP VIEW kms_events AS SELECT 1 AS x", Want: Refused, By: onlyQueries},
		{Name: "a forged macro", SQL: "CREATE TEMP MACRO element_at(a, b) AS 'forged'", Want: Refused, By: onlyQueries},
		{Name: "a forged table, hidden behind EXPLAIN ANALYZE", SQL: "EXPLAIN ANALYZE CREATE TEMP TABLE kms_events AS SELECT 1 AS x", Want: Refused, By: onlyQueries},
		{Name: "a variable", SQL: "SET VARIABLE left_behind = 1", Want: Refused, By: onlyQueries},
		{Name: "another's variable", SQL: "SELECT getvariable('left_behind')", Want: Refused, By: "state of a session"},
		{Name: "the search path", SQL: "SET search_path = 'temp'", Want: Refused, By: onlyQueries},
		{Name: "another schema", SQL: "USE system.information_schema", Want: Refused, By: onlyQueries},
		{Name: "a setting", SQL: "SET memory_limit = '1TB'", Want: Refused, By: onlyQueries},
		{Name: "a setting undone", SQL: "RESET lock_configuration", Want: Refused, By: onlyQueries},
		{Name: "a prepared statement", SQL: "PREPARE mine AS SELECT 1", Want: Refused, By: onlyQueries},
		{Name: "a prepared statement run", SQL: "EXECUTE mine", Want: Refused, By: onlyQueries},
		{Name: "an open transaction", SQL: "BEGIN", Want: Refused, By: onlyQueries},
		{Name: "a sequence used up", SQL: "SELECT nextval('s')", Want: Refused, By: "state of a session"},
		{Name: "the seed of random numbers", SQL: "SELECT setseed(0.5)", Want: Refused, By: "state of a session"},
		{Name: "profiling", SQL: "PRAGMA enable_profiling", Want: Refused, By: onlyQueries},
		{Name: "a pragma that is a call", SQL: "CALL enable_logging()", Want: Refused, By: onlyQueries},
		{Name: "logging switched on", SQL: "SELECT * FROM enable_logging()", Want: Refused, By: "changes the process or writes to a log"},
		{Name: "logging in a WITH query that nobody reads", SQL: "WITH x AS (FROM enable_logging()) SELECT 1", Want: Refused, By: "changes the process or writes to a log"},
		{Name: "a line in a log", SQL: "SELECT write_log('forged')", Want: Refused, By: "writes to a log"},
		{Name: "an error that aborts the transaction", SQL: "SELECT error('boom') FROM range(3)", Want: Bounded, By: "boom"},
	}
}

func naming() []Attack {
	return []Attack{
		{Name: "a WITH query with the name of our table", SQL: "WITH kms_events AS (SELECT 1 AS x) SELECT * FROM kms_events", Want: Harmless, By: "1"},
		{Name: "a WITH query borrows the name of a catalog view", SQL: "SELECT * FROM (WITH duckdb_databases AS (SELECT 1) SELECT 1) AS a, duckdb_databases", Want: Refused, By: "there is no table"},
		{Name: "a WITH query that reads a later one's name", SQL: "WITH a AS (SELECT * FROM sqlite_master), sqlite_master AS (SELECT 1) SELECT * FROM a", Want: Refused, By: "there is no table"},
		{Name: "a WITH query borrows the name of an inner table", SQL: "SELECT * FROM (WITH meta AS (SELECT 1) SELECT 1) AS a, meta", Want: Refused, By: "there is no table"},
		{Name: "a function by catalog and schema", SQL: "SELECT system.main.write_log('x')", Want: Refused, By: "by its name alone"},
		{Name: "a table function by catalog and schema", SQL: "SELECT * FROM system.main.read_text('/etc/passwd')", Want: Refused, By: "by its name alone"},
		{Name: "a function in capitals and quotes", SQL: `SELECT "WRITE_LOG"('x')`, Want: Refused, By: "writes to a log"},
		{Name: "a function as a window", SQL: "SELECT write_log('x') OVER ()", Want: Refused, By: "writes to a log"},
		{Name: "a function as a method", SQL: "SELECT ('x').write_log()", Want: Refused, By: "writes to a log"},
		{Name: "a function in a lambda", SQL: "SELECT list_transform(['x'], lambda s: write_log(s))", Want: Refused, By: "writes to a log"},
		{Name: "a function in a list comprehension", SQL: "SELECT [write_log(s) for s in ['x']]", Want: Refused, By: "writes to a log"},
		{Name: "a function in COLUMNS", SQL: "SELECT COLUMNS(lambda c: write_log(c) IS NULL) FROM kms_events", Want: Refused, By: "writes to a log"},
		{Name: "a function in ORDER BY", SQL: "SELECT 1 ORDER BY write_log('x')", Want: Refused, By: "writes to a log"},
		{Name: "a function in LIMIT", SQL: "SELECT 1 LIMIT (SELECT write_log('1')::INT)", Want: Refused, By: "writes to a log"},
		{Name: "a function in VALUES", SQL: "VALUES (write_log('x'))", Want: Refused, By: "writes to a log"},
		{Name: "a function in a table function", SQL: "SELECT * FROM range(length(write_log('x')))", Want: Refused, By: "writes to a log"},
		{Name: "a function in a PIVOT", SQL: "FROM kms_events PIVOT (count(write_log(event_name)) FOR region IN ('a'))", Want: Refused, By: "writes to a log"},
		{Name: "a function by the name of an aggregate", SQL: "SELECT list_aggregate(['x'], 'bitstring_agg')", Want: Refused, By: "no limit of DuckDB counts"},
		{Name: "a function's name that is computed", SQL: "SELECT list_aggregate([1], 'su' || 'm')", Want: Refused, By: "written out"},
		{Name: "a letter that folds to another", SQL: "SELECT write_\u212aog('x')", Want: Refused, By: "there is no function"},
		{Name: "an older version of a table", SQL: "SELECT * FROM kms_events AT (VERSION => 1)", Want: Refused, By: "older versions"},
	}
}

func looking() []Attack {
	const tells = "tells about the machine"
	return []Attack{
		{Name: "settings", SQL: "SELECT * FROM duckdb_settings()", Want: Refused, By: tells},
		{Name: "one setting", SQL: "SELECT current_setting('temp_directory')", Want: Refused, By: tells},
		{Name: "secrets", SQL: "SELECT * FROM duckdb_secrets()", Want: Refused, By: tells},
		{Name: "where the file lies", SQL: "SELECT path FROM duckdb_databases()", Want: Refused, By: tells},
		{Name: "where the file lies, by view", SQL: "SELECT * FROM pragma_database_list", Want: Refused, By: "there is no table"},
		{Name: "databases", SQL: "SHOW DATABASES", Want: Refused, By: "SHOW databases"},
		{Name: "the log", SQL: "SELECT * FROM duckdb_logs", Want: Refused, By: "there is no table"},
		{Name: "inner tables", SQL: "SELECT * FROM meta", Want: Refused, By: "there is no table"},
		{Name: "statistics of a column", SQL: "SELECT * FROM pragma_storage_info('kms_events')", Want: Refused, By: tells},
		{Name: "PostgreSQL's catalog", SQL: "SELECT * FROM pg_catalog.pg_class", Want: Refused, By: "there is no table"},
		{Name: "SQLite's catalog", SQL: "SELECT * FROM sqlite_master", Want: Refused, By: "there is no table"},
		{Name: "another part of information_schema", SQL: "SELECT * FROM information_schema.views", Want: Refused, By: "there is no table"},
		{Name: "another database", SQL: "SELECT * FROM backup.main.kms_events", Want: Refused, By: "there is no database"},
		{Name: "the temporary catalog", SQL: "SELECT * FROM temp.main.kms_events", Want: Refused, By: "there is no database"},
		{Name: "the environment", SQL: "SELECT getenv('HOME')", Want: Refused, By: "there is no function"},
		{Name: "an address in memory", SQL: "SELECT * FROM arrow_scan(1, 2, 3)", Want: Refused, By: "an address in memory"},
		{Name: "a view's SQL", SQL: "SELECT pg_get_viewdef(1)", Want: Refused, By: "reads the catalog"},
		{Name: "the plan as data", SQL: "SELECT json_serialize_plan('SELECT 1')", Want: Refused, By: "makes SQL into data"},
		{Name: "what everybody may know", SQL: "SELECT count(*) > 10 FROM information_schema.tables", Want: Harmless, By: "true"},
	}
}

func ending() []Attack {
	deep := strings.Repeat("[", 15_000) + strings.Repeat("]", 15_000)
	return []Attack{
		{Name: "a column with 60,000 names", SQL: "SELECT x" + strings.Repeat(".a", 60_000) + " FROM (SELECT 1 AS x)", Want: Refused, By: "more than 30 names", Would: "ends the process"},
		{Name: "a deep text cast to a list", SQL: "SELECT (repeat('[', 9999) || '1')::INT[]", Want: Refused, By: "only a text or list that is written out"},
		{Name: "a deep text, written out, cast to a list", SQL: "SELECT '" + strings.Repeat("[", 30_000) + "'::INT[]", Want: Refused, By: "written out"},
		{Name: "a deep text cast by the function it is for", SQL: "SELECT list_contains('" + strings.Repeat("[", 100_000) + "', 1)", Want: Refused, By: "too long", Would: "ends the process"},
		{Name: "the structure of deep JSON", SQL: "SELECT json_structure('" + deep + "')", Want: Refused, By: "deeply nested"},
		{Name: "a deep type as JSON", SQL: "SELECT json_transform('[]', '" + strings.Repeat("[", 10_000) + `"INT"` + strings.Repeat("]", 10_000) + "')", Want: Refused, By: "deeply nested"},
		{Name: "deep JSON in deep JSON", SQL: "SELECT json_contains(x, x) FROM (SELECT '" + deep + "' AS x)", Want: Refused, By: "deeply nested"},
		{Name: "deep JSON merged", SQL: "SELECT json_merge_patch(x, x) FROM (SELECT '" + deep + "' AS x)", Want: Refused, By: "deeply nested"},
		{Name: "deep JSON as a variant", SQL: "SELECT '" + deep + "'::JSON::VARIANT", Want: Refused, By: "VARIANT"},
		{Name: "deep JSON that is only checked", SQL: "SELECT json_valid('" + deep + "')", Want: Harmless, By: "true"},
		{Name: "120,000 brackets", SQL: "SELECT " + strings.Repeat("(", 120_000) + "1" + strings.Repeat(")", 120_000), Want: Refused, By: "memory exhausted"},
		{Name: "120,000 additions", SQL: "SELECT 1" + strings.Repeat("+1", 120_000), Want: Refused, By: "expression depth"},
		{Name: "5,000 queries in each other", SQL: "SELECT * FROM " + strings.Repeat("(SELECT * FROM ", 5_000) + "(SELECT 1)" + strings.Repeat(")", 5_000), Want: Refused, By: "memory exhausted"},
		{Name: "15,000 dimensions", SQL: "SELECT NULL::INT" + strings.Repeat("[]", 15_000), Want: Refused, By: "expression depth"},
		{Name: "a regular expression of 30,000 brackets", SQL: "SELECT regexp_matches('a', '" + strings.Repeat("(", 15_000) + "a" + strings.Repeat(")", 15_000) + "')", Want: Refused, By: "needs a pattern"},
	}
}
