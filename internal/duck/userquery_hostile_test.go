//go:build duckdb_arrow

package duck

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/internal/golden"
	"github.com/kmstrail/kmstrail/internal/hostile"
)

// hostileLimits are small, so that the suite takes seconds. Time is short only
// for what is to end by it.
func hostileLimits(a hostile.Attack) Limits {
	l := Limits{Rows: 10_000, Bytes: 16 << 20, Time: time.Minute, Memory: resident() + 512<<20}
	if a.Want == hostile.Bounded && strings.Contains(a.By, hostile.ByTime) {
		l.Time = 100 * time.Millisecond
	}
	return l
}

// TestHostileSQL runs every attack while a batch is committed, and looks
// afterwards whether anybody could notice it.
func TestHostileSQL(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s := mustOpen(t, path)
	mustCommit(t, s, batchOf([]event{{n: 1, file: 1}}, nil))
	before, next := traces(t, s), nextUser(t, s)
	stored, category := int64(1), ""
	for i, a := range hostile.Attacks() {
		t.Run(strings.ReplaceAll(a.Category+"/"+a.Name, " ", "_"), func(t *testing.T) {
			// A commit takes longer than it takes to refuse an attack.
			committed := make(chan error, 1)
			if a.Want == hostile.Refused && i%10 > 0 {
				committed <- nil
			} else {
				stored++
				go func() { committed <- commitOne(s, stored) }()
			}
			how := attack(s, a)
			if !expected(a, how) {
				t.Errorf("%s\n  it was %s\n  want %s: %s", a.Text(), how, a.Want, a.By)
			}
			if err := <-committed; err != nil {
				t.Errorf("ingest failed meanwhile: %v", err)
			}
			if n := count(t, s, "SELECT count(*) FROM kms_events"); n != stored {
				t.Errorf("%d events are stored, want %d", n, stored)
			}
			if after := nextUser(t, s); after != next {
				t.Errorf("the next user sees it: before\n%s\nafter\n%s", next, after)
			}
		})
		// This takes longer than most attacks.
		if category != a.Category {
			category = a.Category
			if after := traces(t, s); after != before {
				t.Errorf("something before %s left a trace: before\n%s\nafter\n%s", a.Category, before, after)
			}
		}
	}
	if after := traces(t, s); after != before {
		t.Errorf("something left a trace: before\n%s\nafter\n%s", before, after)
	}
	if left, _ := filepath.Glob(path + ".tmp/*"); len(left) > 0 {
		t.Errorf("files are left: %v", left)
	}
}

// commitOne ingests one event. It may fail for want of memory, which ends the
// queries of users, and then is tried again, as ingest does.
func commitOne(s *Store, n int64) (err error) {
	b := batchOf([]event{{n: int(n), file: n}}, nil)
	defer release(b)
	for range 3 {
		if _, err = addAndCommit(context.Background(), s, b); !outOfMemory(err) {
			break
		}
	}
	return err
}

// attack returns what became of an attack: the outcome, a colon, and more.
func attack(s *Store, a hostile.Attack) string {
	r, err := s.UserQuery(context.Background(), a.SQL, hostileLimits(a), a.Args...)
	if err == nil {
		rows := rowsOf(r)
		err = r.Err()
		r.Release()
		if err == nil {
			return fmt.Sprintf("%s: %s", hostile.Harmless, strings.Join(rows[:min(len(rows), 3)], "; "))
		}
	}
	var limit *LimitError
	var refused *RefusedError
	switch {
	case errors.As(err, &limit):
		return fmt.Sprintf("%s: %s", hostile.Bounded, limit.What)
	case errors.As(err, &refused):
		return fmt.Sprintf("%s: %s", hostile.Refused, refused.Reason)
	case strings.Contains(err.Error(), "Out of Memory"):
		return fmt.Sprintf("%s: %s", hostile.Bounded, hostile.ByDuckDB)
	}
	return "failed: " + err.Error()
}

func expected(a hostile.Attack, how string) bool {
	outcome, why, _ := strings.Cut(how, ": ")
	if outcome == "failed" {
		// DuckDB or Go has refused it, or it has failed by itself.
		return a.Want != hostile.Harmless && strings.Contains(why, a.By)
	}
	if outcome != string(a.Want) {
		return false
	}
	switch a.Want {
	case hostile.Harmless:
		return why == a.By
	case hostile.Bounded:
		return strings.Contains(a.By, why)
	default:
		return strings.Contains(why, a.By)
	}
}

// nextUser is what the next user sees, and what of a session could be left.
func nextUser(t *testing.T, s *Store) string {
	t.Helper()
	r, err := s.UserQuery(context.Background(), `SELECT element_at(MAP {'a': 'b'}, 'a'), split_part('a-b', '-', 3) IS NULL, current_schema(),
		(SELECT count(*) FROM kms_events WHERE event_name = 'forged'), (SELECT count(*) FROM information_schema.tables)`, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	return fmt.Sprint(rowsOf(r), table(t, s, `SELECT getvariable('left_behind'), (SELECT count(*) FROM duckdb_variables()),
		(SELECT count(*) FROM duckdb_databases()), (SELECT count(*) FROM duckdb_prepared_statements()), (SELECT count(*) FROM duckdb_logs)`))
}

// traces are what an attack could have changed.
func traces(t *testing.T, s *Store) string {
	t.Helper()
	var out []string
	for _, sql := range []string{
		"SELECT count(*), md5(string_agg(table_name || sql, '' ORDER BY table_name)) FROM duckdb_tables()",
		"SELECT count(*), md5(string_agg(view_name || sql, '' ORDER BY database_name, view_name)) FROM duckdb_views()",
		"SELECT count(*) FROM duckdb_functions()",
		"SELECT database_name FROM duckdb_databases() ORDER BY 1",
		"SELECT count(*) FROM duckdb_sequences()",
		"SELECT md5(string_agg(name || coalesce(value, ''), '' ORDER BY name)) FROM duckdb_settings()",
	} {
		out = append(out, fmt.Sprint(table(t, s, sql)))
	}
	return strings.Join(out, "\n")
}

// TestPages keeps docs/hostile-sql.md as the attacks are.
func TestPages(t *testing.T) {
	golden.EqualString(t, hostilePage(), "../../docs/hostile-sql.md")
}

func hostilePage() string {
	allowed, refused := 0, 0
	for _, names := range judged() {
		for _, reason := range names {
			if reason == "" {
				allowed++
			} else {
				refused++
			}
		}
	}
	attacks := hostile.Attacks()
	var b strings.Builder
	fmt.Fprintf(&b, hostileHead, len(attacks), allowed, refused, maxParts, maxSize, maxTempSize)
	category := ""
	for _, a := range attacks {
		if a.Category != category {
			category = a.Category
			fmt.Fprintf(&b, "\n## %s\n\n| attack | statement | outcome |\n| --- | --- | --- |\n", category)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", a.Name, code(a.Text()), outcome(a))
	}
	return b.String()
}

func code(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	return "`" + strings.ReplaceAll(strings.ReplaceAll(s, "`", "'"), "|", `\|`) + "`"
}

func outcome(a hostile.Attack) string {
	out := string(a.Want)
	switch a.Want {
	case hostile.Refused:
		out += ": “" + a.By + "”"
	case hostile.Bounded:
		out += " by " + strings.ReplaceAll(a.By, hostile.ByDuckDB, "DuckDB's memory limit")
	case hostile.Harmless:
		out += ", gives `" + strings.ReplaceAll(a.By, "|", ", ") + "`"
	}
	if a.Would != "" {
		out += ". Else: " + a.Would
	}
	return out
}

const hostileHead = `# Hostile SQL

Generated from the tests by ` + "`make generate`" + `. %d attacks run one after the other. A batch is stored while one runs that is not refused at once; after each the next user sees nothing of it, and all stored rows are there.

Users send any SQL. These things stand between it and the data:

- **One query.** One SELECT, WITH, FROM, VALUES, SHOW TABLES, DESCRIBE or SUMMARIZE, or EXPLAIN of one. It is parsed before anything of it is bound or run, and what is not known to be harmless is refused.
- **Our tables.** Those of the [data dictionary](data-dictionary.md), and names that the query gives itself. No file, no other database, no catalog of DuckDB.
- **Judged functions.** Each function of DuckDB is allowed (%d) or refused with a reason (%d) in internal/duck/userquery_functions.txt; a new one is refused until somebody judged it.
- **Measured before it is bound.** DuckDB copies aliases, macros and columns while it binds a query, nested calls take it time with the cube of their depth, and nothing can interrupt that. So the size with all copies made is estimated: at most %d parts. What sets the size of a value (repeat, lpad, range and others) is written out or a parameter, and at most %d.
- **A connection of its own**, in a read-only transaction that is always rolled back, with settings locked and external access off. Nothing is left for the next user.
- **Limits** of rows and bytes, which cut the result off, and of time and the process's memory, which interrupt the query.
- **DuckDB's memory limit**, and %s for what all queries together spill to disk. Ingest shares the memory limit: a batch may fail for want of it, which ends all queries of users, and is stored when it is tried again.

What only the operating system can bound: a single call of a function works on up to 2,048 rows at once and cannot be interrupted. Values that grow within one expression (a text joined to itself, replaced or split by many) can take seconds longer than the time limit, and more memory than DuckDB counts, before the next check ends the query. So set ` + "`MemoryMax`" + ` in the unit file or the container to what the machine can spare, about three times the memory limit; then the service is restarted and nothing is lost. And somebody who may read can ask for work all the time: limit queries at once for each token.
`
