package docgen

import (
	"fmt"
	"strings"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/frames"
	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/macros"
)

// Grafana describes the macros of the Grafana plugin, and what becomes of each
// type of DuckDB in a panel.
func Grafana() string {
	var b strings.Builder
	b.WriteString("# Macros and types in Grafana\n\n" +
		"How to set the data source up and what it can do is in [Grafana](grafana.md).\n\n" +
		"## Macros\n\n" + macros.Markdown() + "\n## Types\n\n" +
		"What a column of a result becomes in a panel.\n\n" +
		"| DuckDB | Arrow | Field in Grafana | |\n| --- | --- | --- | --- |\n")
	for _, c := range frames.Conversions() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.SQL, cell(c.Arrow), cell(c.Field), cell(c.Note))
	}
	return b.String()
}
