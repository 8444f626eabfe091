package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/internal/output"
	"github.com/kmstrail/kmstrail/internal/sqlfile"
	"github.com/kmstrail/kmstrail/queries"
)

type queryFlags struct {
	result resultFlags
	times  timeFlags
	params []string
	limit  int64
}

const queryWindowHelp = `
Without --from, --to and --last the question is about the whole store, from its
first KMS event to its last; where only one end is given, the other is that of
the store.` + timeHelp

func queryCommand(a *app) *cobra.Command {
	var f queryFlags
	cmd := &cobra.Command{
		Use:   "query NAME",
		Short: "Ask one of the ready-made questions",
		Long: `Runs a named query over the store. kmstrail query list lists them, kmstrail
query show NAME tells what one answers, its parameters and columns.
` + queryWindowHelp,
		Example: `  kmstrail query list
  kmstrail query key_users --param key_arn=arn:aws:kms:eu-west-1:111122223333:key/ID
  kmstrail query key_users --last 7d --format csv`,
		Args:              one("the query's name (kmstrail query list)"),
		ValidArgsFunction: completeQueries,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.query(cmd, args[0], &f) },
	}
	f.result.register(cmd)
	f.times.register(cmd)
	registerEngine(cmd)
	cmd.Flags().StringArrayVar(&f.params, "param", nil, "set a parameter: `NAME=VALUE` (repeatable)")
	cmd.Flags().Int64Var(&f.limit, "limit", 0, "print at most `N` rows")
	cmd.AddCommand(queryListCommand(a), queryShowCommand(a))
	return cmd
}

func queryIDs() []string {
	list, err := queries.Builtin()
	if err != nil {
		return nil
	}
	ids := make([]string, len(list))
	for i, q := range list {
		ids[i] = q.ID
	}
	return ids
}

func completeQueries(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return queryIDs(), cobra.ShellCompDirectiveNoFileComp
}

func findQuery(name string) (*queries.Query, error) {
	list, err := queries.Builtin()
	if err != nil {
		return nil, err
	}
	for _, q := range list {
		if q.ID == name {
			return q, nil
		}
	}
	return nil, usagef(suggestion(name, queryIDs()), "unknown query %q", name)
}

func (a *app) query(cmd *cobra.Command, name string, f *queryFlags) error {
	ctx := cmd.Context()
	if err := f.result.check(); err != nil {
		return err
	}
	q, err := findQuery(name)
	if err != nil {
		return err
	}
	params, err := parseParams(f.params)
	if err != nil {
		return err
	}
	cfg, err := a.load(cmd)
	if err != nil {
		return err
	}
	if _, _, err := f.times.window(a.now()); err != nil {
		return err
	}
	e, err := a.openEngine(ctx, cfg)
	if err != nil {
		return err
	}
	defer e.Close()
	window, err := a.window(ctx, e, &f.times)
	if err != nil {
		return err
	}
	st, err := q.Bind(params, window)
	if err != nil {
		return usagef("see kmstrail query show "+name, "%v", err)
	}
	return a.runQuery(cmd, e, st, f, window)
}

func (a *app) runQuery(cmd *cobra.Command, e engine, st sqlfile.Statement, f *queryFlags, w queries.Window) error {
	r, err := e.Run(cmd.Context(), st)
	if err != nil {
		return err
	}
	defer r.Release()
	if f.limit > 0 {
		r = output.Limit(r, f.limit)
	}
	a.say("from %s to %s", output.Time(w.Start), output.Time(w.End))
	return a.printResult(r, f.result)
}

// parseParams reads NAME=VALUE arguments.
func parseParams(list []string) (map[string]string, error) {
	params := map[string]string{}
	for _, p := range list {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return nil, usagef("write --param NAME=VALUE", "--param %q is not NAME=VALUE", p)
		}
		params[name] = value
	}
	return params, nil
}

func queryListCommand(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the named queries",
		Long:    "Lists the named queries; --format jsonl prints everything their headers say, one JSON object a line.",
		Example: "  kmstrail query list",
		Args:    noArguments(),
		RunE: func(*cobra.Command, []string) error {
			if err := oneOf("--format", format, []string{"table", "jsonl"}); err != nil {
				return err
			}
			list, err := queries.Builtin()
			if err != nil {
				return err
			}
			t := output.Table{Head: []string{"name", "what it answers"}}
			t.Width, _ = terminal(a.stdout)
			e := json.NewEncoder(a.stdout)
			e.SetEscapeHTML(false)
			for _, q := range list {
				if format == "jsonl" {
					if err := e.Encode(q); err != nil {
						return fmt.Errorf("print query %s: %w", q.ID, err)
					}
				}
				t.Rows = append(t.Rows, []string{q.ID, q.Title})
			}
			if format == "jsonl" {
				return nil
			}
			return t.Write(a.stdout)
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "`FORMAT`: table or jsonl")
	completeValues(cmd, "format", func() []string { return []string{"table", "jsonl"} })
	return cmd
}

func queryShowCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "show NAME",
		Short:             "Show what a query answers, its parameters, columns and SQL",
		Long:              "Shows what a named query answers, what one row is, its parameters and columns, and its SQL to build on.",
		Example:           "  kmstrail query show key_users",
		Args:              one("the query's name"),
		ValidArgsFunction: completeQueries,
		RunE: func(_ *cobra.Command, args []string) error {
			q, err := findQuery(args[0])
			if err != nil {
				return err
			}
			_, err = io.WriteString(a.safeStdout(), describeQuery(q))
			return err
		},
	}
}

func describeQuery(q *queries.Query) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n\n", q.Title, q.ID)
	for _, line := range wrap(q.Description, 86) {
		b.WriteString("    " + line + "\n")
	}
	fmt.Fprintf(&b, "    (%s)\n", q.Grain)
	if len(q.Params) > 0 {
		b.WriteString("\nParameters (--param NAME=VALUE)\n" + describeParams(q.Params))
	}
	width := 0
	for _, c := range q.Columns {
		width = max(width, len(c.Name))
	}
	b.WriteString("\nColumns\n")
	for _, c := range q.Columns {
		fmt.Fprintf(&b, "    %-*s  %s\n", width, c.Name, c.Doc)
	}
	b.WriteString("\n" + strings.TrimSpace(q.SQL()) + "\n")
	return b.String()
}

// describeParams prints a line per parameter.
func describeParams(params sqlfile.Params) string {
	var b strings.Builder
	for _, name := range params.Names() {
		p := params[name]
		what := p.Type
		switch {
		case p.Required:
			what += ", required"
		case p.Default != nil:
			what += fmt.Sprintf(", default %v", p.Default)
		}
		fmt.Fprintf(&b, "    %s (%s): %s\n", name, what, p.Doc)
	}
	return b.String()
}
