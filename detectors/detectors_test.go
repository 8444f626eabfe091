package detectors_test

import (
	"context"
	"io/fs"
	"os"
	"slices"
	"testing"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/casestore"
	"github.com/kmstrail/kmstrail/internal/golden"
	"github.com/kmstrail/kmstrail/internal/sqlcase"
)

func openStore(ctx context.Context) (detectors.CaseStore, error) { return casestore.Open(ctx) }

// describe returns a function for the linter that asks an empty store.
func describe(t *testing.T) func(context.Context, string) ([]detectors.Column, error) {
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
	return func(ctx context.Context, sql string) ([]detectors.Column, error) {
		columns, err := s.Describe(ctx, sql)
		out := make([]detectors.Column, len(columns))
		for i, c := range columns {
			out[i] = detectors.Column{Name: c.Name, Type: c.Type}
		}
		return out, err
	}
}

// TestCases runs the cases beside every detector. With -update it writes the
// rows that came into want.csv.
func TestCases(t *testing.T) {
	list, err := detectors.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		t.Run(d.ID, func(t *testing.T) {
			got := map[string][][]string{}
			opts := detectors.TestOptions{Open: openStore, Only: []string{d.ID}}
			_, err := detectors.Test(t.Context(), detectors.BuiltinFS(), opts, func(r detectors.CaseResult) {
				got[r.Case] = r.Got
				t.Run(r.Case, func(t *testing.T) {
					if r.Failure != "" && !golden.Updating() {
						t.Error(r.Failure)
					}
				})
			})
			if err != nil {
				t.Fatal(err)
			}
			if golden.Updating() {
				rewrite(t, "sql/"+d.ID+".txtar", got)
			}
		})
	}
}

func rewrite(t *testing.T, file string, got map[string][][]string) {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	out, err := sqlcase.Rewrite(src, got)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(src, out) {
		if err := os.WriteFile(file, out, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBuiltinsAreClean(t *testing.T) {
	opts := detectors.LintOptions{Describe: describe(t), Queries: queryIDs(t)}
	for _, p := range detectors.Lint(t.Context(), detectors.BuiltinFS(), opts) {
		t.Error(p)
	}
}

func queryIDs(t *testing.T) []string {
	t.Helper()
	names, err := fs.Glob(os.DirFS("../queries/sql"), "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range names {
		names[i] = n[:len(n)-len(".sql")]
	}
	return names
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
