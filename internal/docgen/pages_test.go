package docgen_test

import (
	"os"
	"strings"
	"testing"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/docgen"
	"github.com/kmstrail/kmstrail/internal/golden"
	"github.com/kmstrail/kmstrail/internal/inventory"
	"github.com/kmstrail/kmstrail/queries"
	"github.com/kmstrail/kmstrail/schema"
)

// TestPages holds the pages of docs/ to the code; -update writes them.
func TestPages(t *testing.T) {
	tests := []struct {
		page string
		make func() (string, error)
	}{
		{page: "data-dictionary.md", make: func() (string, error) { return schema.DataDictionary(), nil }},
		{page: "configuration.md", make: func() (string, error) { return docgen.Configuration(), nil }},
		{page: "inventory-format.md", make: func() (string, error) { return inventory.FormatPage(), nil }},
		{page: "detectors.md", make: func() (string, error) {
			list, err := detectors.Builtin()
			return docgen.Detectors(list), err
		}},
		{page: "queries.md", make: func() (string, error) {
			list, err := queries.Builtin()
			return docgen.Queries(list), err
		}},
		{page: "grafana-reference.md", make: func() (string, error) { return docgen.Grafana(), nil }},
		{page: "portable-sql.md", make: func() (string, error) {
			rules, err := sectionsOf("../sqllint/testdata/unseen.txt")
			return docgen.PortableSQL(rules), err
		}},
	}
	for _, tt := range tests {
		t.Run(tt.page, func(t *testing.T) {
			got, err := tt.make()
			if err != nil {
				t.Fatal(err)
			}
			golden.EqualString(t, got, "../../docs/"+tt.page)
		})
	}
}

// sectionsOf reads the headings of a file of cases.
func sectionsOf(path string) ([]string, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var list []string
	for line := range strings.Lines(string(src)) {
		if title, ok := strings.CutPrefix(strings.TrimSpace(line), "## "); ok {
			list = append(list, title)
		}
	}
	return list, nil
}
