package live

import (
	"testing"

	"github.com/kmstrail/kmstrail/grafana-plugin/dashboards"
)

// A filter that somebody clicks on breaks no panel, be it on a column that most have,
// or few.
func TestAdHocFilters(t *testing.T) {
	for _, d := range dashboards.All() {
		t.Run(d.UID, func(t *testing.T) {
			chosen := choices(t, d)[0]
			for _, p := range panels(d) {
				for _, column := range []string{"region", "account_name", "aliases"} {
					t.Run(p.Title+" by "+column, func(t *testing.T) {
						for _, q := range p.Targets {
							filtered := struct {
								dashboards.Query
								AdHoc []map[string]string `json:"adhoc"`
							}{q, []map[string]string{{"key": column, "operator": "=", "value": "us-east-1"}}}
							ask(t, filtered, week, chosen)
						}
					})
				}
			}
		})
	}
}
