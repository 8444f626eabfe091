package live

import (
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// served is a server with the sample, and a datasource for it.
func served(t *testing.T, o options) (*running, *source) {
	t.Helper()
	s := newStore(t)
	token := s.token(t, "grafana")
	r := s.serve(t)
	return r, startPlugin(t).add(t, r.url, token, o)
}

func names(f *data.Frame) string {
	out := make([]string, len(f.Fields))
	for i, field := range f.Fields {
		out[i] = field.Name
	}
	return strings.Join(out, " ")
}

func TestKinds(t *testing.T) {
	_, s := served(t, nil)
	for _, test := range []struct {
		name  string
		query object
		typ   data.FrameType
		// executed is in what was run.
		executed []string
	}{
		{"builder", object{"kind": "builder", "builder": object{
			"table": "usage_hourly", "time": object{"bucket": "1d"}, "metrics": []object{{"aggregate": "sum", "column": "call_count"}}, "groupBy": []string{"region"},
		}}, data.FrameTypeTimeSeriesWide, []string{"time_bucket", "TIMESTAMP '2026-10-02"}},
		{"sql", object{"kind": "sql", "sql": "SELECT $__timeGroupAlias(hour, 1d), sum(call_count) AS calls\nFROM usage_hourly\nWHERE $__timeFilter(hour)\nGROUP BY 1 ORDER BY 1"},
			data.FrameTypeTimeSeriesWide, []string{"time_bucket", "TIMESTAMP '2026-10-02"}},
		{"table", sqlQuery("SELECT key_arn, call_count FROM keys ORDER BY call_count DESC LIMIT 5"), "", []string{"FROM keys"}},
		{"named", object{"kind": "named", "format": "table", "named": object{"id": "key_users", "params": object{"key_arn": ""}}}, data.FrameTypeTable, []string{"2026-10-02"}},
		{"findings", object{"kind": "findings", "format": "table", "findings": object{}}, data.FrameTypeTable, []string{"findings"}},
		{"lifecycle", object{"kind": "lifecycle", "format": "table", "lifecycle": object{}}, data.FrameTypeTable, []string{"key_changes"}},
		{"logs", object{"kind": "builder", "format": "logs", "builder": object{"table": "kms_events", "limit": 20}}, data.FrameTypeLogLines, []string{"kms_events"}},
		{"annotations of findings", object{"kind": "findings", "format": "annotations", "findings": object{"severities": []string{"critical", "high"}}}, "", []string{"critical"}},
		{"annotations of changes", object{"kind": "lifecycle", "format": "annotations", "lifecycle": object{"kinds": []string{"ScheduleKeyDeletion"}}}, "", []string{"ScheduleKeyDeletion"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := s.frame(t, test.query)
			if test.typ != "" && f.Meta.Type != test.typ {
				t.Errorf("type %q, want %q", f.Meta.Type, test.typ)
			}
			if f.Rows() == 0 {
				t.Error("no rows")
			}
			for _, want := range test.executed {
				if !strings.Contains(f.Meta.ExecutedQueryString, want) {
					t.Errorf("executed:\n%s\nwant %s in it", f.Meta.ExecutedQueryString, want)
				}
			}
			if strings.Contains(f.Meta.ExecutedQueryString, "$__") {
				t.Errorf("executed:\n%s", f.Meta.ExecutedQueryString)
			}
			t.Log(f.Rows(), names(f))
		})
	}
}
