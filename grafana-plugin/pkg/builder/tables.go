package builder

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/macros"
)

// kinds has what the names of the store's tables stand for: by which column
// their rows lie in time, for how long, and what a row counts. What is not here
// has no time that a panel's range could mean: keys is a list of all keys,
// whatever the range.
var kinds = map[string]Table{
	"kms_events":          {TimeColumn: "event_time", rows: "event_count"},
	"related_events":      {TimeColumn: "event_time", rows: "event_count"},
	"log_files":           {TimeColumn: "delivered_at", rows: "log_file_count"},
	"log_file_validation": {TimeColumn: "day", Grain: 24 * time.Hour, sum: "verified_file_count"},
	"log_file_problems":   {TimeColumn: "day", Grain: 24 * time.Hour, rows: "problem_count"},
	"quarantine":          {TimeColumn: "quarantined_at"},
	"changed_cells":       {TimeColumn: "hour", Grain: time.Hour, sum: "event_count"},
	"findings":            {TimeColumn: "first_seen", EndColumn: "last_seen", rows: "finding_count"},
	"finding_windows":     {TimeColumn: "window_start", Grain: 24 * time.Hour, rows: "finding_count"},
	"finding_history":     {TimeColumn: "changed_at", rows: "change_count"},
	"detector_runs":       {TimeColumn: "window_start", Grain: 24 * time.Hour, rows: "run_count"},
	"kms_calls":           {TimeColumn: "event_time", rows: "call_count"},
	"encryption_context":  {TimeColumn: "event_time"},
	"context_resources":   {TimeColumn: "event_time", rows: "call_count"},
	"key_change_records":  {TimeColumn: "event_time", rows: "record_count"},
	"key_setting_records": {TimeColumn: "event_time", rows: "record_count"},
	"key_changes":         {TimeColumn: "event_time", rows: "change_count"},
	"key_timeline":        {TimeColumn: "valid_from", EndColumn: "valid_to"},
	"key_timeline_logged": {TimeColumn: "valid_from", EndColumn: "valid_to"},
	"key_inventory":       {rows: "key_count"},
	"grants":              {TimeColumn: "created_at", EndColumn: "ended_at", rows: "grant_count"},
	"resource_tags":       {TimeColumn: "valid_from", EndColumn: "valid_to"},
	"usage_hourly":        {TimeColumn: "hour", Grain: time.Hour, sum: "call_count"},
	"usage_daily":         {TimeColumn: "day", Grain: 24 * time.Hour, sum: "call_count"},
	"usage_monthly":       {TimeColumn: "month", Grain: Month, sum: "call_count"},
	"key_use":             {TimeColumn: "first_seen", EndColumn: "last_seen", rows: "caller_count"},
	"log_file_days":       {TimeColumn: "day", Grain: 24 * time.Hour, sum: "record_count"},
	"arrivals":            {TimeColumn: "day", Grain: 24 * time.Hour, sum: "kms_event_count"},
	"coverage":            {TimeColumn: "day", Grain: 24 * time.Hour},
	"quota_calls":         {TimeColumn: "event_time", rows: "call_count"},
	"request_seconds":     {TimeColumn: "second", Grain: time.Second, sum: "request_count"},
	"request_rate":        {TimeColumn: "minute", Grain: time.Minute, sum: "request_count"},
	"keys":                {rows: "key_count"},
	"key_names":           {rows: "key_count"},
	"accounts":            {rows: "account_count"},
	"inventory_runs":      {TimeColumn: "started_at", EndColumn: "ended_at", rows: "run_count"},
	"inventory_scopes":    {TimeColumn: "taken_at", rows: "scope_count"},
	"inventory_refusals":  {TimeColumn: "refused_at", sum: "refused_count"},
	"inventory_keys":      {TimeColumn: "taken_at", rows: "key_count"},
	"inventory_rotations": {TimeColumn: "taken_at", rows: "rotation_count"},
	"inventory_grants":    {TimeColumn: "taken_at", rows: "grant_count"},
	"inventory_resources": {TimeColumn: "taken_at", rows: "resource_count"},
	"inventory_roles":     {TimeColumn: "taken_at", rows: "role_count"},
	"inventory_accounts":  {TimeColumn: "taken_at", rows: "account_count"},
	"inventory_quotas":    {TimeColumn: "taken_at", rows: "quota_count"},
	"trust_rules":         {},
	"context_rules":       {},
	"rotation_policy":     {},
	"corrections":         {},
	"quotas":              {},
	"prices":              {},
	"key_standards":       {},
	"expected_keys":       {},
	"environments":        {},
}

// NewTable says what the builder has to know of a table of the store, by its
// name; of one that it has not heard of, the first column that is a time is the
// time column.
func NewTable(name string, columns []Column) Table {
	t, known := kinds[name]
	t.Name, t.Columns = name, columns
	if known {
		return t
	}
	for _, c := range columns {
		if isTime(c.Type) {
			t.TimeColumn = c.Name
			if c.Type == "DATE" {
				t.Grain = 24 * time.Hour
			}
			break
		}
	}
	return t
}

// DefaultMetric is the metric that tells how much happened: a count of rows, or
// the sum of what rows of the table count.
func (t Table) DefaultMetric() Metric {
	if t.sum != "" {
		return Metric{Aggregate: "sum", Column: t.sum}
	}
	return Metric{Aggregate: "count"}
}

func (t Table) column(name string) (Column, bool) {
	for _, c := range t.Columns {
		if strings.EqualFold(c.Name, name) {
			return c, true
		}
	}
	return Column{}, false
}

// operand is a column, or one key of a map, as SQL has it.
type operand struct {
	sql, columnType string
	// name is what it is called in results.
	name string
}

var mapKey = regexp.MustCompile(`(?s)^([^'\[\]]+)\['((?:[^']|'')+)'\]$`)

// operand finds a column: its name, or encryption_context['aws:s3:arn'] for one
// key of a map.
func (t Table) operand(field, reference string) (operand, error) {
	if c, ok := t.column(reference); ok {
		return operand{sql: macros.Identifier(c.Name), columnType: c.Type, name: c.Name}, nil
	}
	if reference == "" {
		return operand{}, wrong(field, "choose a column")
	}
	m := mapKey.FindStringSubmatch(reference)
	if m == nil {
		return operand{}, wrong(field, "%s has no column %q%s", t.Name, reference, t.nearest(reference))
	}
	c, ok := t.column(m[1])
	if !ok {
		return operand{}, wrong(field, "%s has no column %q%s", t.Name, m[1], t.nearest(m[1]))
	}
	inner, isMap := strings.CutPrefix(c.Type, "MAP(VARCHAR, ")
	if !isMap {
		return operand{}, wrong(field, "%s is a %s, and has no keys", c.Name, c.Type)
	}
	key := strings.ReplaceAll(m[2], "''", "'")
	literal, err := macros.Literal(key)
	if err != nil {
		return operand{}, wrong(field, "%s", err)
	}
	return operand{
		sql: fmt.Sprintf("%s[%s]", macros.Identifier(c.Name), literal), columnType: strings.TrimSuffix(inner, ")"), name: key,
	}, nil
}

// nearest says which column may be meant: one that has the name in it, or is in
// it.
func (t Table) nearest(name string) string {
	name = strings.ToLower(name)
	for _, c := range t.Columns {
		if strings.Contains(c.Name, name) || strings.Contains(name, c.Name) {
			return fmt.Sprintf("; there is %s", c.Name)
		}
	}
	return ""
}

func isTime(columnType string) bool {
	return columnType == "DATE" || strings.HasPrefix(columnType, "TIMESTAMP")
}

func isNested(columnType string) bool {
	return strings.HasSuffix(columnType, "]") || strings.HasPrefix(columnType, "MAP(") || strings.HasPrefix(columnType, "STRUCT(")
}

func wrong(field, format string, args ...any) *Error {
	return &Error{Field: field, Message: fmt.Sprintf(format, args...)}
}
