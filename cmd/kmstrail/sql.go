package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/internal/output"
)

func sqlCommand(a *app) *cobra.Command {
	var flags resultFlags
	var limit int64
	cmd := &cobra.Command{
		Use:   "sql QUERY",
		Short: "Ask the store in SQL",
		Long: `Runs one query over the store and prints the result. QUERY is the text, a file
that ends in .sql, or - for standard input. The tables and views are described
in docs/data-dictionary.md; "show tables" lists them, "describe kms_calls" shows
one.

Queries only read: one SELECT, EXPLAIN, DESCRIBE or SHOW, no files, no network,
bounded by limits.query_time and limits.query_rows of the configuration. On
Trino, whose access rules hold, only these bounds apply.

Timestamps come out in RFC 3339 (UTC), MAPs as JSON objects, numbers of any size
as numbers; what JSON has no word for (NaN) is null there. Logs hold text that
strangers chose: tables show control characters as escapes, and CSV has ' before
text that a spreadsheet would take for a formula (--raw-csv leaves that out).`,
		Example: `  kmstrail sql "select event_name, count(*) as calls from kms_calls group by 1 order by 2 desc"
  kmstrail sql "select * from keys where call_count > 0" --format parquet --output keys.parquet
  kmstrail sql - --format jsonl < question.sql`,
		Args: one("QUERY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.check(); err != nil {
				return err
			}
			text, err := a.queryText(args[0])
			if err != nil {
				return err
			}
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			r, done, err := a.userQuery(cmd.Context(), cfg, text)
			if err != nil {
				return err
			}
			defer done()
			if limit > 0 {
				r = output.Limit(r, limit)
			}
			return a.printResult(r, flags)
		},
	}
	flags.register(cmd)
	registerEngine(cmd)
	cmd.Flags().Int64Var(&limit, "limit", 0, "print at most `N` rows")
	return cmd
}

// queryText returns the SQL that arg is or names.
func (a *app) queryText(arg string) (string, error) {
	var src []byte
	var err error
	switch {
	case arg == "-":
		if src, err = io.ReadAll(a.stdin); err != nil {
			return "", fmt.Errorf("read standard input: %w", err)
		}
	case strings.HasSuffix(arg, ".sql") && !strings.ContainsAny(arg, " \n\t"):
		if src, err = os.ReadFile(arg); err != nil {
			return "", fmt.Errorf("read query: %w", err)
		}
	default:
		src = []byte(arg)
	}
	if strings.TrimSpace(string(src)) == "" {
		return "", usagef(`try: kmstrail sql "show tables"`, "the query is empty")
	}
	return string(src), nil
}
