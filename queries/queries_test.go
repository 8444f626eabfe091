package queries_test

import (
	"context"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/kmstrail/kmstrail/internal/casestore"
	"github.com/kmstrail/kmstrail/internal/golden"
	"github.com/kmstrail/kmstrail/internal/rows"
	"github.com/kmstrail/kmstrail/internal/sqlcase"
	"github.com/kmstrail/kmstrail/queries"
)

func openStore(t *testing.T) *casestore.Store {
	t.Helper()
	s, err := casestore.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestBuiltinsAreClean(t *testing.T) {
	list, err := queries.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	s := openStore(t)
	for _, q := range list {
		for _, problem := range q.Lint(describe(t, s, q)) {
			t.Error(problem)
		}
	}
}

func describe(t *testing.T, s *casestore.Store, q *queries.Query) []queries.Column {
	t.Helper()
	required := map[string]string{}
	for name, p := range q.Params {
		if p.Required {
			required[name] = "1"
		}
	}
	st, err := q.Bind(required, queries.Window{Start: someTime(0), End: someTime(1)})
	if err != nil {
		t.Fatal(err)
	}
	columns, err := s.Describe(t.Context(), st.SQL)
	if err != nil {
		t.Fatalf("describe %s: %v", q.ID, err)
	}
	out := make([]queries.Column, len(columns))
	for i, c := range columns {
		out[i] = queries.Column{Name: c.Name, Type: c.Type}
	}
	return out
}

// TestCases runs the cases beside every query. With -update it writes the rows
// that came into want.csv.
func TestCases(t *testing.T) {
	list, err := queries.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range list {
		t.Run(q.ID, func(t *testing.T) {
			name := strings.TrimSuffix(q.Path, ".sql") + ".txtar"
			src, err := fs.ReadFile(queries.BuiltinFS(), name)
			if err != nil {
				t.Fatalf("a query needs a case that returns rows: %v", err)
			}
			cases, err := sqlcase.Parse(name, src)
			if err != nil {
				t.Fatal(err)
			}
			got, fires := map[string][][]string{}, false
			for i := range cases {
				fires = fires || cases[i].Fires()
				t.Run(cases[i].Name, func(t *testing.T) { got[cases[i].Name] = run(t, q, &cases[i]) })
			}
			if !fires {
				t.Error("no case returns rows: at least one must be named fires_…")
			}
			if golden.Updating() {
				rewrite(t, "sql/"+name, src, got)
			}
		})
	}
}

func run(t *testing.T, q *queries.Query, c *sqlcase.Case) [][]string {
	t.Helper()
	s := openStore(t)
	if err := c.Load(t.Context(), s, false); err != nil {
		t.Fatal(err)
	}
	st, err := q.Bind(c.Params, c.Window)
	if err != nil {
		t.Fatal(err)
	}
	result, err := s.Run(context.WithoutCancel(t.Context()), st)
	if err != nil {
		t.Fatal(err)
	}
	columns := rows.Names(result)
	var came []map[string]any
	err = rows.Each(result, func(row map[string]any) error {
		came = append(came, row)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got, diff := c.Compare(columns, came)
	if diff != "" && !golden.Updating() {
		t.Error(diff)
	}
	return got
}

func rewrite(t *testing.T, file string, src []byte, got map[string][][]string) {
	t.Helper()
	out, err := sqlcase.Rewrite(src, got)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, out, 0o644); err != nil {
		t.Fatal(err)
	}
}
