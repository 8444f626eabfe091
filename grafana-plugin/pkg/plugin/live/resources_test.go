package live

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

type value struct{ Text, Value, Description string }

func TestResources(t *testing.T) {
	_, s := served(t, nil)
	t.Run("schema", func(t *testing.T) {
		var got struct {
			Version string
			Tables  []struct {
				Name, Kind, Description, TimeColumn string
				GrainSeconds                        int64
				Columns                             []struct{ Name, Type, Description string }
			}
			Functions []string
		}
		if status := s.get(t, "schema", &got); status != http.StatusOK || got.Version == "" || len(got.Tables) < 30 || len(got.Functions) < 50 {
			t.Fatalf("status %d: %d tables", status, len(got.Tables))
		}
		for _, table := range got.Tables {
			if table.Description == "" || len(table.Columns) == 0 || table.Kind != "table" && table.Kind != "view" {
				t.Errorf("%+v", table)
			}
			if table.Name == "usage_hourly" && (table.TimeColumn != "hour" || table.GrainSeconds != 3600) {
				t.Errorf("%+v", table)
			}
			for _, c := range table.Columns {
				if c.Type == "" || c.Description == "" {
					t.Errorf("%s: %+v", table.Name, c)
				}
			}
		}
		for _, f := range got.Functions {
			if a := s.one(t, sqlQuery("SELECT "+f+"()")); a.Error == nil || strings.Contains(a.Error.Error(), "no function") || strings.Contains(a.Error.Error(), "refused") {
				if f != "count" && f != "row_number" {
					t.Errorf("%s: %v", f, a.Error)
				}
			}
		}
	})
	t.Run("named", func(t *testing.T) {
		var got []struct {
			ID, Title, Description, Grain string
			Window                        bool
			Params                        []struct{ Name, Type, Doc string }
			Columns                       []struct{ Name, Type, Doc string }
		}
		if status := s.get(t, "named", &got); status != http.StatusOK || len(got) < 20 {
			t.Fatalf("status %d: %d queries", status, len(got))
		}
		for _, q := range got {
			if q.Title == "" || !q.Window || len(q.Columns) == 0 || q.Params == nil {
				t.Errorf("%+v", q)
			}
		}
	})
	t.Run("macros", func(t *testing.T) {
		var got []struct{ Name, Signature, Doc, Example string }
		if status := s.get(t, "macros", &got); status != http.StatusOK || len(got) < 10 {
			t.Errorf("status %d: %v", status, got)
		}
	})
	t.Run("status", func(t *testing.T) {
		var got struct {
			Version, EventsFrom, EventsTo, Delivered string
			Events, Accounts, Regions                int64
			Stale                                    bool
		}
		if status := s.get(t, "status", &got); status != http.StatusOK || !got.Stale || got.Events == 0 || got.Accounts == 0 || got.Regions == 0 ||
			!strings.HasPrefix(got.EventsFrom, "2026-10-02T") || !strings.HasPrefix(got.EventsTo, "2026-10-31T") || !strings.HasSuffix(got.Delivered, "Z") {
			t.Errorf("status %d: %+v", status, got)
		}
	})
	t.Run("nothing", func(t *testing.T) {
		var got struct{ Message string }
		if status := s.get(t, "nothing", &got); status != http.StatusNotFound || got.Message == "" {
			t.Errorf("status %d: %+v", status, got)
		}
	})
}

func TestValues(t *testing.T) {
	_, s := served(t, nil)
	values := func(t *testing.T, query string) []value {
		t.Helper()
		var got []value
		if status := s.get(t, "values?"+query, &got); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
		return got
	}
	october := "&from=1790899200000&to=2026-11-01T00:00:00Z"
	for _, kind := range []string{"account", "region", "key", "principal", "detector", "severity", "status", "service", "operation"} {
		t.Run(kind, func(t *testing.T) {
			all := values(t, "kind="+kind)
			if len(all) < 2 {
				t.Fatalf("%v", all)
			}
			t.Log(len(all), all[0], all[1])
			if n := len(values(t, "kind="+kind+october)); n == 0 || n > len(all) {
				t.Errorf("%d values in October, %d in all", n, len(all))
			}
			if n := len(values(t, "kind="+kind+"&limit=1")); n != 1 && kind != "severity" && kind != "status" {
				t.Errorf("%d values with limit 1", n)
			}
			last := all[len(all)-1]
			found := values(t, "kind="+kind+"&search="+url.QueryEscape(strings.ToUpper(last.Value)))
			if !slices.ContainsFunc(found, func(v value) bool { return v.Value == last.Value }) {
				t.Errorf("%s is not found: %v", last.Value, found)
			}
			if found := values(t, "kind="+kind+"&search="+url.QueryEscape("%' OR 1=1 --")); len(found) != 0 {
				t.Errorf("%v", found)
			}
		})
	}
	for _, query := range []string{
		"table=kms_calls&column=event_name", "table=kms_calls&column=source_ip_address" + october, "table=kms_events&column=encryption_context",
		"table=kms_events&column=is_self", "table=usage_daily&column=region" + october, "table=findings&column=event_ids", "table=key_timeline&column=kind" + october,
		"table=keys&column=state", "table=arrivals&column=delay_minutes" + october,
	} {
		t.Run(query, func(t *testing.T) {
			got := values(t, query)
			if len(got) == 0 || got[0].Value == "" {
				t.Errorf("%v", got)
			}
			t.Log(len(got), got[0])
		})
	}
	for _, query := range []string{
		"", "kind=nothing", "kind=key&table=keys&column=state", "table=keys", "table=nothing&column=x", "table=keys&column=nothing", "table=keys&column=a%22b",
		"kind=key&limit=0", "kind=key&limit=x", "kind=key&from=yesterday", "kind=key&search=" + strings.Repeat("x", 501),
	} {
		t.Run("wrong "+query[:min(len(query), 40)], func(t *testing.T) {
			var got struct{ Message string }
			if status := s.get(t, "values?"+query, &got); status != http.StatusBadRequest || got.Message == "" {
				t.Errorf("status %d: %v", status, got)
			}
		})
	}
}

func TestPreview(t *testing.T) {
	_, s := served(t, nil)
	type answer struct {
		SQL, Expanded string
		Notices       []string
		Columns       []struct{ Name, Type string }
		Error         *struct {
			Message                 string
			Line, Column, EndColumn int
		}
	}
	preview := func(t *testing.T, q object, check bool) answer {
		t.Helper()
		var got answer
		status := s.resource(t, http.MethodPost, "preview", object{
			"query": q, "from": sampleFrom.UnixMilli(), "to": sampleTo.UnixMilli(), "intervalMs": 3600_000, "maxDataPoints": 500, "check": check,
		}, &got)
		if status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
		return got
	}
	got := preview(t, sqlQuery("SELECT key_arn, call_count\nFROM usage_hourly WHERE $__timeFilter(hour)"), true)
	if !strings.Contains(got.SQL, "$__timeFilter") || !strings.Contains(got.Expanded, "TIMESTAMP '2026-10-02") || len(got.Columns) != 2 || got.Columns[1].Type != "BIGINT" || got.Error != nil {
		t.Errorf("%+v", got)
	}
	got = preview(t, sqlQuery("SELECT $__timeFrom(),\n  nothing FROM keys"), true)
	if e := got.Error; e == nil || e.Line != 2 || e.Column != 3 || e.EndColumn != 10 || strings.Contains(e.Message, "LINE") {
		t.Errorf("%+v", got.Error)
	}
	got = preview(t, sqlQuery("SELECT $__timeFilter(a, b)"), false)
	if e := got.Error; e == nil || e.Line != 1 || e.Column == 0 {
		t.Errorf("%+v", got.Error)
	}
	for name, q := range map[string]object{
		"builder":   {"kind": "builder", "builder": object{"table": "kms_calls", "time": object{"bucket": "auto"}}},
		"named":     {"kind": "named", "named": object{"id": "key_users"}},
		"findings":  {"kind": "findings"},
		"lifecycle": {"kind": "lifecycle"},
	} {
		t.Run(name, func(t *testing.T) {
			got := preview(t, q, true)
			if got.Error != nil || got.SQL == "" || strings.Contains(got.Expanded, "$__") || len(got.Columns) == 0 {
				t.Errorf("%+v", got)
			}
		})
	}
	var wrong struct{ Message string }
	if status := s.resource(t, http.MethodPost, "preview", "text", &wrong); status != http.StatusBadRequest || wrong.Message == "" {
		t.Errorf("status %d: %v", status, wrong)
	}
}
