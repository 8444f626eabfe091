package frames

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

func TestUnitAndName(t *testing.T) {
	for _, c := range []struct{ column, unit, name string }{
		{"call_count", "short", "Calls"},
		{"key_count", "short", "Key count"},
		{"count", "short", "count"},
		{"account", "", "account"},
		{"near_seconds", "s", "Near seconds"},
		{"duration_ms", "ms", "Duration ms"},
		{"delay_minutes", "m", "Delay minutes"},
		{"stale_days", "d", "Stale days"},
		{"size_bytes", "bytes", "Size bytes"},
		{"usd", "currencyUSD", "Cost"},
		{"monthly_usd", "currencyUSD", "Monthly USD"},
		{"usd_per_10000", "currencyUSD", "USD per 10000"},
		{"requests_per_second", "reqps", "Requests per second"},
		{"share", "percentunit", "Share"},
		{"cumulative_share", "percentunit", "Cumulative share"},
		{"peak_ratio", "percentunit", "Peak ratio"},
		{"market", "", "market"},
		{"vpc_endpoint_id", "", "VPC endpoint ID"},
		{"My calls", "", "My calls"},
		{"Größe_x", "", "Größe_x"},
		{"_", "", "_"},
	} {
		column, err := newColumns(arrow.NewSchema([]arrow.Field{col(c.column, integer)}, nil))
		if err != nil {
			t.Fatal(err)
		}
		config := newDresser(Options{}).cell(column[0])
		name := config.DisplayNameFromDS
		if name == "" {
			name = column[0].field.Name
		}
		if config.Unit != c.unit || name != c.name {
			t.Errorf("%s: unit %q, name %q; want %q, %q", c.column, config.Unit, name, c.unit, c.name)
		}
	}
}

// A text has no unit, whatever it is called.
func TestCell_text(t *testing.T) {
	got := read(t, result(t, []arrow.Field{col("call_count", text)}, `[{}]`), Options{}).Frames[0].Fields[0].Config
	if got.Unit != "" || got.Filterable == nil || !*got.Filterable {
		t.Errorf("got %+v", got)
	}
}

func TestCell_colors(t *testing.T) {
	got := read(t, result(t, []arrow.Field{col("severity", text)}, `[{"severity":"high"}]`), Options{}).Frames[0].Fields[0].Config
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"displayNameFromDS":"Severity","filterable":true,"mappings":[{"type":"value","options":{"critical":{"color":"#9C0A1F"},"high":{"color":"#D62C3F","index":1},"info":{"color":"#1F60C4","index":4},"low":{"color":"#FADE2A","index":3},"medium":{"color":"#FFB357","index":2}}}],"custom":{"cellOptions":{"type":"pill"}}}`
	if diff := cmp.Diff(want, string(b)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDescribe(t *testing.T) {
	link := []data.DataLink{{Title: "mine", URL: "https://example.com/"}}
	columns := []arrow.Field{col("key_arn", text), col("call_count", integer), col("event_time", stamp)}
	got := read(t, result(t, columns, `[{"call_count":1}]`), Options{DatasourceUID: "u", Describe: func(column string) Description {
		switch column {
		case "key_arn":
			return Description{Text: "The key.", Unit: "s", Links: link}
		case "call_count":
			return Description{Unit: "none"}
		}
		return Description{}
	}}).Frames[0]
	key, calls := got.Fields[0].Config, got.Fields[1].Config
	if key.Description != "The key." || key.Unit != "" || key.Links[0].Title != "mine" || calls.Unit != "none" {
		t.Errorf("key %+v, calls %+v", key, calls)
	}
}

func TestLinks(t *testing.T) {
	columns := []arrow.Field{col("event_id", text), col("key_arn", text), col("principal_arn", text), col("region", text)}
	frame := read(t, result(t, columns, `[{}]`), Options{DatasourceUID: "u", DatasourceName: "KMS"}).Frames[0]
	var links []data.DataLink
	for _, f := range frame.Fields {
		links = append(links, f.Config.Links...)
	}
	b, err := json.MarshalIndent(links, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, string(b)+"\n", "links.golden")

	for _, f := range read(t, result(t, columns, `[{}]`), Options{}).Frames[0].Fields {
		if f.Config.Links != nil {
			t.Errorf("%s links nowhere: %v", f.Name, f.Config.Links)
		}
	}
}

// What columns are known by must be columns that there are, and links must lead
// to queries that there are.
func TestDressing_isOfRealColumns(t *testing.T) {
	var docs strings.Builder
	for _, path := range []string{"../../../docs/data-dictionary.md", "../../../docs/queries.md"} {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		docs.Write(content)
	}
	has := func(column string) bool { return strings.Contains(docs.String(), "| `"+column+"` |") }
	var columns []string
	for name := range names {
		columns = append(columns, name)
	}
	for name := range colors {
		columns = append(columns, name)
	}
	columns = append(columns, details...)
	columns = append(columns, tagColumns...)
	for _, name := range columns {
		// What the query builder calls a bucket of time.
		if name != "time" && !has(name) {
			t.Errorf("no table or query has a column %s", name)
		}
	}
	for query, param := range map[string]string{"key_users": "key_arn", "principal_activity": "principal_arn"} {
		if !regexp.MustCompile(`(?s)\n## ` + query + `\n.*?\| Parameter \|.*?\| ` + "`" + param + "`" + ` \| varchar \|`).MatchString(docs.String()) {
			t.Errorf("no query %s with parameter %s", query, param)
		}
	}
}
