package report

import (
	"strings"
	"time"
)

// usagePart is a stretch of the window and the table that counts its calls.
type usagePart struct {
	table string
	Window
}

// usageParts divides the window: whole days are counted by day, the hours
// beside them by hour. Only what is left at the ends, less than an hour each,
// is counted call by call.
func usageParts(w Window) []usagePart {
	hours := inner(w, time.Hour)
	if !hours.Start.Before(hours.End) {
		return []usagePart{{"kms_calls", w}}
	}
	days := inner(hours, 24*time.Hour)
	if !days.Start.Before(days.End) {
		days = Window{hours.End, hours.End}
	}
	var out []usagePart
	for _, p := range []usagePart{
		{"kms_calls", Window{w.Start, hours.Start}},
		{"usage_hourly", Window{hours.Start, days.Start}},
		{"usage_daily", days},
		{"usage_hourly", Window{days.End, hours.End}},
		{"kms_calls", Window{hours.End, w.End}},
	} {
		if p.Start.Before(p.End) {
			out = append(out, p)
		}
	}
	return out
}

// inner is the largest window of whole units inside w; its end is not after
// its start when there is none.
func inner(w Window, unit time.Duration) Window {
	start := w.Start.Truncate(unit)
	if start.Before(w.Start) {
		start = start.Add(unit)
	}
	return Window{start, w.End.Truncate(unit)}
}

// usageColumns says for each table where the columns of a count come from.
var usageColumns = map[string]string{
	"usage_daily": `
			day, key_arn, caller_id, caller_account_id, principal_arn, service, event_name, error_class, is_self,
			call_count, use_count, first_event_time, last_event_time
		from usage_daily
		where day >= cast(cast(? as timestamp) as date) and day < cast(cast(? as timestamp) as date)`,
	"usage_hourly": `
			cast(hour as date) as day, key_arn, caller_id, caller_account_id, principal_arn, service, event_name, error_class, is_self,
			call_count, use_count, first_event_time, last_event_time
		from usage_hourly
		where hour >= cast(? as timestamp) and hour < cast(? as timestamp)`,
	"kms_calls": `
			cast(event_time as date) as day, key_arn, caller_id, caller_account_id, principal_arn, service, event_name, error_class, is_self,
			1 as call_count, 0 as use_count, event_time as first_event_time, event_time as last_event_time
		from kms_calls
		where event_time >= cast(? as timestamp) and event_time < cast(? as timestamp)
		union all
		select
			cast(event_time as date) as day, destination_key_arn, caller_id, caller_account_id, principal_arn, service, event_name, error_class, is_self,
			0 as call_count, 1 as use_count, event_time as first_event_time, event_time as last_event_time
		from kms_calls
		where event_name = 'ReEncrypt' and destination_key_arn <> coalesce(key_arn, '')
		  and event_time >= cast(? as timestamp) and event_time < cast(? as timestamp)`,
}

// usageOf is a query for the counts of the window: rows of usage_daily and of
// what stands in for it at the ends.
func usageOf(w Window) (sql string, args []any) {
	var parts []string
	for _, p := range usageParts(w) {
		text := usageColumns[p.table]
		parts = append(parts, "select"+text)
		for range strings.Count(text, "?") / 2 {
			args = append(args, p.Start, p.End)
		}
	}
	return strings.Join(parts, "\n\t\tunion all\n\t\t"), args
}
