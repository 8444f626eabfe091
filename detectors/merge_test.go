package detectors

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// day1 is the first day of the windows in these tests.
var day1 = time.Date(2026, 1, 4, 0, 0, 0, 0, time.UTC)

// windowOf is what a detector found on the nth day, its details as JSON.
func windowOf(t *testing.T, n int, details string) Finding {
	t.Helper()
	at := day1.AddDate(0, 0, n)
	f, err := stored(map[string]any{
		"finding_id": "11111111-1111-4111-8111-111111111111", "detector_id": "d", "severity": "low",
		"first_seen": at.Add(time.Hour), "last_seen": at.Add(2 * time.Hour), "event_count": int64(2),
		"event_ids": []any{}, "log_files": []any{}, "details": details,
		"window_start": at, "window_end": at.AddDate(0, 0, 1),
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestMerge_rules(t *testing.T) {
	for _, c := range []struct {
		rule    string
		windows []string // values of column x, and of n beside it
		want    string
	}{
		{"", []string{`{"x": "a"}`, `{"x": "b"}`}, `"b"`},
		{"", []string{`{"x": "a"}`, `{"x": null}`}, `"a"`},
		{"last", []string{`{"x": null}`, `{"x": null}`}, `null`},
		{"last", []string{`{"x": ["a"]}`, `{"x": ["b"]}`}, `["b"]`},
		{"sum", []string{`{"x": 1}`, `{"x": null}`, `{"x": 9007199254740993}`}, `9007199254740994`},
		{"sum", []string{`{"x": 1.5}`, `{"x": 2}`}, `3.5`},
		{"sum", []string{`{"x": null}`, `{"x": null}`}, `null`},
		{"min", []string{`{"x": 10}`, `{"x": 9}`, `{"x": null}`}, `9`},
		{"max", []string{`{"x": 10}`, `{"x": 9.5}`}, `10`},
		{"max", []string{`{"x": "b"}`, `{"x": "a"}`}, `"b"`},
		{"max", []string{`{"x": "2026-01-04T00:00:00.5Z"}`, `{"x": "2026-01-04T00:00:00Z"}`}, `"2026-01-04T00:00:00.5Z"`},
		{"min", []string{`{"x": "2026-01-04"}`, `{"x": "2026-01-03"}`}, `"2026-01-03"`},
		{"union", []string{`{"x": ["b", "a"]}`, `{"x": null}`, `{"x": ["c", "a"]}`}, `["b","a","c"]`},
		{"union 2", []string{`{"x": ["b"]}`, `{"x": ["c", "a"]}`}, `["b","c"]`},
		{"union", []string{`{"x": null}`, `{"x": null}`}, `null`},
		{"with n", []string{`{"x": "a", "n": 9}`, `{"x": "b", "n": 10}`, `{"x": "c", "n": 10}`}, `"b"`},
		{"with n", []string{`{"x": "a", "n": null}`, `{"x": null, "n": 1}`}, `null`},
	} {
		t.Run(c.rule+" "+strings.Join(c.windows, " "), func(t *testing.T) {
			d := &Detector{ID: "d", Summary: "{{.x}}", Merge: map[string]string{"x": c.rule}}
			if c.rule == "" {
				d.Merge = nil
			}
			var windows []Finding
			for i, details := range c.windows {
				windows = append(windows, windowOf(t, i, details))
			}
			f, err := d.merge(windows)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(f.Details["x"])
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestMerge_columnsOfTheContract(t *testing.T) {
	first, second, third := windowOf(t, 0, `{"n": 5}`), windowOf(t, 1, `{"n": 7}`), windowOf(t, 3, `{"n": 1}`)
	first.Severity, second.Severity = "high", "critical"
	first.PrincipalARN, second.PrincipalARN = "first", "second"
	first.KeyARN = "key"
	for range 15 {
		first.EventIDs = append(first.EventIDs, "a"+string(rune('a'+len(first.EventIDs))))
		third.EventIDs = append(third.EventIDs, "c"+string(rune('a'+len(third.EventIDs))))
	}
	second.EventIDs, second.LogFiles = []string{"b", "aa"}, []string{"file of b", "again"}
	first.LogFiles = []string{"file of aa"}
	windows := []Finding{first, second, third}

	d := &Detector{ID: "d", Version: 3, Title: "Title", Summary: `{{count .event_count "call"}}{{if .n}}, n is {{.n}}{{end}}`, Merge: map[string]string{"n": "sum"}}
	f, err := d.merge(windows)
	if err != nil {
		t.Fatal(err)
	}
	got := []any{
		f.Severity, f.PrincipalARN, f.KeyARN, f.EventCount, f.FirstSeen, f.LastSeen, f.WindowStart, f.WindowEnd,
		len(f.EventIDs), strings.Join(f.EventIDs[14:18], " "), f.LogFiles[0], f.LogFiles[15], len(f.LogFiles), f.Summary, f.DetectorVersion,
	}
	want := []any{
		"critical", "second", "key", int64(6), day1.Add(time.Hour), day1.AddDate(0, 0, 3).Add(2 * time.Hour), day1, day1.AddDate(0, 0, 4),
		20, "ao b ca cb", "file of aa", "file of b", 20, "6 calls, n is 13", 3,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	d.Merge = map[string]string{"n": "max", "key_arn": "with n", "principal_arn": "with n", "event_ids": "with n"}
	if f, err = d.merge(windows); err != nil {
		t.Fatal(err)
	}
	if f.KeyARN != "" || f.PrincipalARN != "second" || strings.Join(f.EventIDs, " ") != "b aa" || strings.Join(f.LogFiles, " ") != "file of b again" {
		t.Errorf("what follows n is key %q, principal %q, evidence %q in %q", f.KeyARN, f.PrincipalARN, f.EventIDs, f.LogFiles)
	}
}

// Numbers out of JSON are numbers to a template: zero is false.
func TestMerge_zeroIsFalse(t *testing.T) {
	d := &Detector{ID: "d", Summary: "{{if .n}}some{{else}}none{{end}}"}
	f, err := d.merge([]Finding{windowOf(t, 0, `{"n": 0}`)})
	if err != nil || f.Summary != "none" {
		t.Errorf("got %q, %v", f.Summary, err)
	}
}
