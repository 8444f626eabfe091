package frames

import (
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/palette"
)

// pluginType is what Grafana knows the data source by.
const pluginType = "kmstrail-kms-datasource"

// units are Grafana's units of columns whose names end so; the first that fits
// counts.
var units = []struct{ suffix, unit string }{
	{"usd", "currencyUSD"},
	{"usd_per_10000", "currencyUSD"},
	{"_per_second", "reqps"},
	{"_seconds", "s"},
	{"_minutes", "m"},
	{"_days", "d"},
	{"_ms", "ms"},
	{"_bytes", "bytes"},
	{"share", "percentunit"},
	{"ratio", "percentunit"},
	{"count", "short"},
	{"_requests", "short"},
	{"_per_day", "short"},
}

// names are what columns are called where that is more than their name with
// spaces.
var names = map[string]string{
	"account_id":          "Account",
	"account_name":        "Account name",
	"aliases":             "Aliases",
	"call_count":          "Calls",
	"caller":              "Caller",
	"caller_account_id":   "Caller account",
	"caller_arn":          "Caller",
	"day":                 "Day",
	"denied_count":        "Denied",
	"destination_key_arn": "Destination key",
	"detector_id":         "Detector",
	"error_class":         "Error",
	"error_count":         "Errors",
	"event_count":         "Events",
	"event_name":          "Operation",
	"event_time":          "Time",
	"hour":                "Hour",
	"key_account_id":      "Key account",
	"key_arn":             "Key",
	"minute":              "Minute",
	"month":               "Month",
	"operations":          "Operations",
	"principal_arn":       "Principal",
	"region":              "Region",
	"request_count":       "Requests",
	"role_arn":            "Role",
	"service":             "Service",
	"services":            "Services",
	"severity":            "Severity",
	"share":               "Share",
	"source_ip_address":   "Source address",
	"state":               "State",
	"status":              "Status",
	"summary":             "Summary",
	"throttled_count":     "Throttled",
	"time":                "Time",
	"usd":                 "Cost",
	"use_count":           "Uses",
	"verdict":             "Verdict",
}

// acronyms are written as people do.
var acronyms = map[string]string{
	"arn": "ARN", "id": "ID", "ip": "IP", "kms": "KMS", "mfa": "MFA", "tls": "TLS", "usd": "USD", "vpc": "VPC", "url": "URL",
}

// colors are those of values that a column can have, in the order of legends.
var colors = map[string][]colored{
	"severity": {
		{"critical", palette.DeepRed}, {"high", palette.Red}, {"medium", palette.Orange}, {"low", palette.Yellow}, {"info", palette.Blue},
	},
	"status": {
		{"new", palette.Orange}, {"in_progress", palette.Blue}, {"suppressed", palette.Gray}, {"resolved", palette.Green}, {"withdrawn", palette.Gray},
	},
	"state": {
		{"proven", palette.Green}, {"observed", palette.Green}, {"silent", palette.Yellow}, {"gap", palette.Red}, {"excluded_or_write_only", palette.Orange},
		{"Enabled", palette.Green}, {"Disabled", palette.Orange}, {"PendingImport", palette.Yellow},
		{"PendingDeletion", palette.Red}, {"PendingReplicaDeletion", palette.Red}, {"Deleted", palette.Gray},
	},
	"key_state": {
		{"Enabled", palette.Green}, {"Disabled", palette.Orange}, {"PendingImport", palette.Yellow},
		{"PendingDeletion", palette.Red}, {"PendingReplicaDeletion", palette.Red}, {"Deleted", palette.Gray},
	},
	"verdict": {{"PASS", palette.Green}, {"FAIL", palette.Red}, {"UNKNOWN", palette.Yellow}},
}

type colored struct{ value, color string }

// A dresser says how columns are shown.
type dresser struct {
	describe  func(column string) Description
	uid, name string
}

func newDresser(o Options) dresser {
	d := dresser{describe: o.Describe, uid: o.DatasourceUID, name: o.DatasourceName}
	if d.describe == nil {
		d.describe = func(string) Description { return Description{} }
	}
	return d
}

// plain is what a column is called, its unit and what it means.
func (d dresser) plain(c *column) *data.FieldConfig {
	about := d.describe(c.source)
	config := &data.FieldConfig{Description: about.Text}
	if name := displayName(c.source); name != c.field.Name {
		config.DisplayNameFromDS = name
	}
	if c.field.Type().Numeric() {
		config.Unit = unitOf(c)
		if about.Unit != "" {
			config.Unit = about.Unit
		}
	}
	return config
}

// cell adds what a table can do with a value: filter by it, colour it, follow
// it.
func (d dresser) cell(c *column) *data.FieldConfig {
	config := d.plain(c)
	if c.field.Type() != data.FieldTypeNullableString {
		return config
	}
	config.SetFilterable(true)
	if values := colors[c.source]; values != nil {
		config.Mappings = mappings(values)
		config.Custom = map[string]any{"cellOptions": map[string]any{"type": "pill"}}
	}
	config.Links = d.describe(c.source).Links
	if config.Links == nil {
		config.Links = d.links(c.source)
	}
	return config
}

// displayName returns what a column is called: the name that a table of ours
// has for it, or its words. A name that is no such column's is somebody's own,
// and stays.
func displayName(column string) string {
	if name, ok := names[column]; ok {
		return name
	}
	words := strings.Split(column, "_")
	if len(words) < 2 || strings.Trim(column, "_") == "" || strings.Trim(column, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return column
	}
	for i, w := range words {
		if a, ok := acronyms[w]; ok {
			words[i] = a
		} else if i == 0 && w != "" {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, " ")
}

func unitOf(c *column) string {
	if c.typeName == "INTERVAL" {
		return "s"
	}
	for _, u := range units {
		if name, ok := strings.CutSuffix(c.source, u.suffix); ok && (name == "" || u.suffix[0] == '_' || strings.HasSuffix(name, "_")) {
			return u.unit
		}
	}
	return ""
}

func mappings(values []colored) data.ValueMappings {
	m := data.ValueMapper{}
	for i, v := range values {
		m[v.value] = data.ValueMappingResult{Color: v.color, Index: i}
	}
	return data.ValueMappings{m}
}

// links lead to the queries that say more about a value, in Explore.
func (d dresser) links(column string) []data.DataLink {
	if d.uid == "" {
		return nil
	}
	switch column {
	case "event_id", "end_event_id", "supersedes_event_id":
		return d.link("Raw event", map[string]any{
			"kind": "builder", "format": FormatLogs,
			"builder": map[string]any{
				"table":   "kms_events",
				"filters": []any{map[string]any{"column": "event_id", "operator": "=", "values": []string{cellValue}}},
				"limit":   10,
			},
		})
	case "key_arn", "destination_key_arn":
		return d.link("Who uses this key", namedQuery("key_users", "key_arn"))
	case "principal_arn":
		return d.link("What this principal did", namedQuery("principal_activity", "principal_arn"))
	}
	return nil
}

// cellValue is where Grafana puts the value that was clicked. It is put into a
// text of the query, never into SQL.
const cellValue = "${__value.raw}"

func namedQuery(id, param string) map[string]any {
	return map[string]any{
		"kind": "named", "format": FormatTable,
		"named": map[string]any{"id": id, "params": map[string]string{param: cellValue}},
	}
}

func (d dresser) link(title string, query map[string]any) []data.DataLink {
	query["refId"] = "A"
	query["datasource"] = map[string]string{"type": pluginType, "uid": d.uid}
	return []data.DataLink{{
		Title:    title,
		Internal: &data.InternalDataLink{Query: query, DatasourceUID: d.uid, DatasourceName: d.name},
	}}
}
