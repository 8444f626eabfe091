package plugin

import (
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/builder"
)

// TestWholeRows: a total of rows that stand for days is one of whole days, which
// is said where that is much more than the range.
func TestWholeRows(t *testing.T) {
	now := at("2026-03-10T12:00:00Z")
	totals := builder.Builder{GroupBy: []string{"region"}}
	for _, test := range []struct {
		name, table string
		in          builder.Builder
		from, to    string
		want        string
	}{
		{"a day of days", "usage_daily", totals, "2026-03-08T12:00:00Z", "2026-03-09T12:00:00Z", "Rows of usage_daily stand for a day each, so these numbers are of the time from 2026-03-08 00:00 UTC to 2026-03-10 00:00 UTC."},
		{"whole days", "usage_daily", totals, "2026-03-08T00:00:00Z", "2026-03-09T00:00:00Z", ""},
		{"a month of days", "usage_daily", totals, "2026-02-08T12:00:00Z", "2026-03-09T12:00:00Z", ""},
		{"until now", "usage_hourly", totals, "2026-03-10T11:30:00Z", "2026-03-10T12:00:00Z", "Rows of usage_hourly stand for an hour each, so these numbers are of the time from 2026-03-10 11:00 UTC to 2026-03-10 12:00 UTC."},
		{"what is to come does not count", "usage_hourly", totals, "2026-03-10T10:00:00Z", "2026-03-10T12:30:00Z", ""},
		{"a week of months", "usage_monthly", totals, "2026-02-25T00:00:00Z", "2026-03-04T00:00:00Z", "Rows of usage_monthly stand for a month each, so these numbers are of the time from 2026-02-01 00:00 UTC to 2026-03-10 12:00 UTC."},
		{"over time", "usage_daily", builder.Builder{Time: &builder.Time{}, GroupBy: []string{"region"}}, "2026-03-08T12:00:00Z", "2026-03-09T12:00:00Z", ""},
		{"rows", "usage_daily", builder.Builder{}, "2026-03-08T12:00:00Z", "2026-03-09T12:00:00Z", ""},
		{"moments", "kms_calls", totals, "2026-03-08T12:00:00Z", "2026-03-08T12:01:00Z", ""},
		{"what lasts", "findings", totals, "2026-03-08T12:00:00Z", "2026-03-08T12:01:00Z", ""},
		{"a range to come", "usage_daily", totals, "2026-03-12T12:00:00Z", "2026-03-13T12:00:00Z", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			span := backend.TimeRange{From: at(test.from).In(time.FixedZone("", 5*60*60+30*60)), To: at(test.to)}
			if got := wholeRows(builder.NewTable(test.table, nil), test.in, span, now); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
