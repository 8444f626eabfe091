package plugin

import (
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestFreshness(t *testing.T) {
	now := at("2026-03-10T12:00:00Z")
	d := newDatasource(Settings{Stale: time.Hour}, nil, func() time.Time { return now })
	full := Status{Events: 1, EventsFrom: at("2026-03-01T00:00:00Z"), EventsTo: at("2026-03-10T10:30:00Z"), Delivered: at("2026-03-10T10:40:00Z")}
	fresh := full
	fresh.EventsTo = at("2026-03-10T11:30:00Z")
	for _, test := range []struct {
		name     string
		status   Status
		from, to string
		want     []string
	}{
		{"fresh", fresh, "2026-03-10T06:00:00Z", "2026-03-10T12:00:00Z", nil},
		{"old", full, "2026-03-10T06:00:00Z", "2026-03-10T12:00:00Z", []string{"Events up to 2026-03-10 10:30 UTC", "2026-03-10 10:40 UTC"}},
		{"old, but not in the range", full, "2026-03-09T06:00:00Z", "2026-03-10T11:00:00Z", nil},
		{"a range that goes on", fresh, "2026-03-10T06:00:00Z", "2026-03-12T00:00:00Z", nil},
		{"before the first event", fresh, "2026-02-10T06:00:00Z", "2026-03-10T12:00:00Z", []string{"before the first event, of 2026-03-01 00:00 UTC"}},
		{"an hour before the first event", fresh, "2026-02-28T23:00:00Z", "2026-03-01T12:00:00Z", nil},
		{"more than an hour before it", fresh, "2026-02-28T22:59:59Z", "2026-03-01T12:00:00Z", []string{"before the first event"}},
		{"a fiftieth of a long range before it", fresh, "2026-02-28T19:12:00Z", "2026-03-10T19:12:00Z", nil},
		{"empty", Status{}, "2026-03-10T06:00:00Z", "2026-03-10T12:00:00Z", []string{"empty"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got string
			for _, n := range d.freshness(test.status, backend.TimeRange{From: at(test.from), To: at(test.to)}) {
				got += n.Text
			}
			for _, want := range test.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q, want %q", got, want)
				}
			}
			if (got == "") != (test.want == nil) {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestGapNotice(t *testing.T) {
	missing := func(account, from, to string) gap {
		return gap{account: account, name: "prod", region: "eu-west-1", from: at(from + "T00:00:00Z"), to: at(to + "T00:00:00Z")}
	}
	all := []gap{
		missing("111122223333", "2026-03-01", "2026-03-04"), missing("222222222222", "2026-03-03", "2026-03-03"),
		missing("333333333333", "2026-03-02", "2026-03-03"), missing("444455556666", "2026-03-03", "2026-03-09"), missing("555555555555", "2026-02-01", "2026-02-03"),
	}
	for _, test := range []struct {
		from, to string
		want     []string
	}{
		{"2026-03-03T00:00:00Z", "2026-03-05T00:00:00Z", []string{
			"prod (111122223333) in eu-west-1, 2026-03-03 to 2026-03-04", "prod (444455556666) in eu-west-1, 2026-03-03 to 2026-03-04", "2222", "1 more",
		}},
		{"2026-03-04T23:00:00Z", "2026-03-05T00:00:00Z", []string{"111122223333) in eu-west-1, 2026-03-04;", "444455556666) in eu-west-1, 2026-03-04."}},
		{"2026-03-20T00:00:00Z", "2026-03-21T00:00:00Z", nil},
		{"2026-02-03T23:59:59Z", "2026-02-10T00:00:00Z", []string{"555555555555) in eu-west-1, 2026-02-03."}},
		{"2026-02-04T00:00:00Z", "2026-02-10T00:00:00Z", nil},
	} {
		var got string
		for _, n := range gapNotice(all, backend.TimeRange{From: at(test.from), To: at(test.to)}) {
			got += n.Text
		}
		for _, want := range test.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q, want %q", test.from, got, want)
			}
		}
		if (got == "") != (test.want == nil) {
			t.Errorf("%s: %q", test.from, got)
		}
	}
}
