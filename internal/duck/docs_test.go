//go:build duckdb_arrow

package duck_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/kmstrail/kmstrail/internal/duck"
)

// TestDocs runs every example of docs/sql.md as a user would.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/sql.md")
	if err != nil {
		t.Fatal(err)
	}
	store, err := duck.Open(t.Context(), duck.Memory, duck.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	examples := regexp.MustCompile("(?s)\n## ([^\n]*)\n[^#]*?\n```sql\n(.*?)\n```\n").FindAllSubmatch(page, -1)
	if len(examples) < 8 {
		t.Fatalf("docs/sql.md has only %d examples", len(examples))
	}
	for _, e := range examples {
		t.Run(string(e[1]), func(t *testing.T) {
			rows, err := store.UserQuery(t.Context(), string(e[2]), duck.Limits{})
			if err != nil {
				t.Fatalf("%v\n%s", err, e[2])
			}
			defer rows.Release()
			for rows.Next() {
			}
			if err := rows.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}
