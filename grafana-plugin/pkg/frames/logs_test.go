package frames

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

func TestRead_logs(t *testing.T) {
	got := read(t, recorded(t, "kms_events"), Options{Format: FormatLogs, RefID: "A"})
	frame := got.Frames[0]
	if frame.Meta.Type != data.FrameTypeLogLines || frame.Meta.PreferredVisualization != data.VisTypeLogs {
		t.Errorf("meta %+v", frame.Meta)
	}
	var b strings.Builder
	for i := range frame.Rows() {
		b.WriteString(frame.Fields[2].At(i).(string) + ": " + frame.Fields[1].At(i).(string) + "\n")
	}
	b.Write(frame.Fields[4].At(0).(json.RawMessage))
	golden(t, b.String()+"\n", "kms_events.golden")
}

// Every column that has a value is among the labels, all of them texts.
func TestRead_logLabels(t *testing.T) {
	asLogs := read(t, recorded(t, "kms_events"), Options{Format: FormatLogs}).Frames[0]
	asTable := read(t, recorded(t, "kms_events"), Options{Format: FormatTable}).Frames[0]
	for i := range asLogs.Rows() {
		var labels map[string]string
		if err := json.Unmarshal(asLogs.Fields[4].At(i).(json.RawMessage), &labels); err != nil {
			t.Fatal(err)
		}
		for _, f := range asTable.Fields {
			v, ok := f.ConcreteAt(i)
			label, has := labels[f.Name]
			if has != ok || ok && label != textOf(v) {
				t.Errorf("row %d: label %s is %q, the column is %v", i, f.Name, label, v)
			}
		}
	}
}

func TestRead_logLines(t *testing.T) {
	columns := func(names ...string) []arrow.Field {
		out := []arrow.Field{col("time", stamp)}
		for _, n := range names {
			out = append(out, col(n, text))
		}
		return out
	}
	const when = `"time":"2026-01-01T00:00:00"`
	for _, c := range []struct {
		name    string
		columns []arrow.Field
		row     string
		level   string
		line    string
	}{
		{"a call", columns("event_name", "principal_arn", "key_arn", "source_ip_address", "error_class"),
			`"event_name":"Decrypt","principal_arn":"arn:aws:iam::111122223333:role/team/app","key_arn":"arn:aws:kms:eu-west-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab","source_ip_address":"203.0.113.5","error_class":"denied"`,
			"error", "Decrypt denied by role app of 111122223333 on key 1234abcd-12ab-34cd-56ef-1234567890ab of 444455556666 from 203.0.113.5"},
		{"of a service", columns("event_name", "service", "invoked_by", "key_reference", "source_ip_address"),
			`"event_name":"Decrypt","service":"s3","invoked_by":"s3.amazonaws.com","key_reference":"arn:aws:kms:eu-west-1:111122223333:alias/orders","source_ip_address":"s3.amazonaws.com"`,
			"info", "Decrypt by s3.amazonaws.com on key alias/orders through s3"},
		{"by a session, a user, root", columns("event_name", "caller_arn"),
			`"event_name":"ListKeys","caller_arn":"arn:aws:sts::111122223333:assumed-role/app/session"`, "info", "ListKeys by role app of 111122223333"},
		{"a user", columns("event_name", "caller_arn"), `"event_name":"ListKeys","caller_arn":"arn:aws:iam::111122223333:user/ops/ann"`, "info", "ListKeys by user ann of 111122223333"},
		{"root", columns("event_name", "caller_arn"), `"event_name":"ListKeys","caller_arn":"arn:aws:iam::111122223333:root"`, "info", "ListKeys by root of 111122223333"},
		{"an id", columns("event_name", "principal_id", "error_class"), `"event_name":"Encrypt","principal_id":"AROAEXAMPLE","error_class":"dry_run"`, "info", "Encrypt (dry run) by AROAEXAMPLE"},
		{"nobody", columns("event_name", "error_class"), `"event_name":"Decrypt","error_class":"pending_deletion"`, "critical", "Decrypt failed (pending deletion)"},
		{"an account", columns("event_name", "caller_account_id", "error_class", "error_code"), `"event_name":"Decrypt","caller_account_id":"111122223333","error_class":"other","error_code":"KMSInternalException"`,
			"warning", "Decrypt failed (KMSInternalException) by account 111122223333"},
		{"an odd ARN", columns("event_name", "principal_arn", "key_arn", "error_code"), `"event_name":"Decrypt","principal_arn":"arn:oops","key_arn":"not an arn","error_code":"ThrottlingException"`,
			"warning", "Decrypt failed (ThrottlingException) by arn:oops on key not an arn"},
		{"a second line in a name", columns("event_name", "principal_arn"), `"event_name":"Decrypt\nDecrypt by role admin","principal_arn":"x\r\u202ey"`,
			"info", "Decrypt Decrypt by role admin by x \ufffdy"},
		{"a finding", columns("summary", "severity"), `"summary":"app used a key","severity":"high"`, "error", "app used a key"},
		{"a text of its own", columns("body", "level", "event_name"), `"body":"hello","level":"DEBUG","event_name":"x"`, "debug", "hello"},
		{"anything else", columns("a", "b", "c"), `"a":"x y","b":"1"`, "info", `time=2026-01-01T00:00:00Z a="x y" b=1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := read(t, result(t, c.columns, "[{"+when+","+c.row+"}]"), Options{Format: FormatLogs, RefID: "A"}).Frames[0]
			if line := got.Fields[1].At(0).(string); line != c.line {
				t.Errorf("got  %s\nwant %s", line, c.line)
			}
			if level := got.Fields[2].At(0).(string); level != c.level {
				t.Errorf("level %s, want %s", level, c.level)
			}
		})
	}
}

func TestRead_logRows(t *testing.T) {
	columns := []arrow.Field{col("event_time", stamp), col("event_id", text), col("n", integer)}
	rows := `[{"event_time":"2026-01-01T00:00:01","event_id":"a","n":1},{"event_time":"2026-01-01T00:00:00","event_id":"a","n":2},{"event_time":null,"event_id":"b","n":3},{"event_time":"2026-01-01T00:00:00","n":4}]`
	got := read(t, result(t, columns, rows), Options{Format: FormatLogs, RefID: "A"})
	if diff := cmp.Diff([]string{"a", "a (2)", "A-3"}, values(got.Frames[0].Fields[3])); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
	if got.Notices[0].Text != "1 row without event_time left out." {
		t.Errorf("notices %v", got.Notices)
	}
	got = read(t, result(t, columns, rows), Options{Format: FormatLogs, RefID: "A", MaxBytes: 100})
	if !got.Truncated || got.Frames[0].Rows() != 2 || !strings.HasPrefix(got.Notices[0].Text, "Only the first 2 lines are shown") {
		t.Errorf("labels are not bounded: %s", shown(got))
	}
}

func TestRead_annotations(t *testing.T) {
	var b strings.Builder
	for _, name := range []string{"findings", "key_changes"} {
		b.WriteString(shown(read(t, recorded(t, name), Options{Format: FormatAnnotations})))
	}
	golden(t, b.String(), "annotations.golden")
}

// Grafana shows titles and texts of annotations as HTML, and splits tags at
// commas.
func TestRead_hostileAnnotations(t *testing.T) {
	columns := []arrow.Field{col("event_time", stamp), col("event_name", text), col("principal_arn", text), col("alias_name", text), col("region", text), col("key_state", text)}
	got := read(t, result(t, columns, `[{"key_state":"<u>","event_time":"2026-01-01T00:00:00","event_name":"<img src=x onerror=alert(1)>","principal_arn":"\"><script>","alias_name":"alias/<a href='x'>","region":"a,b"}]`), Options{Format: FormatAnnotations})
	same(t, got, `
table 
time time: 2026-01-01T00:00:00Z
timeEnd time: ·
title string: &lt;img src=x onerror=alert(1)&gt;
text string: &lt;img src=x onerror=alert(1)&gt; by &#34;&gt;&lt;script&gt; on key alias/&lt;a href=&#39;x&#39;&gt;<br>Key state: &lt;u&gt;
tags string: <img src=x onerror=alert(1)>,a b
id string: `)
	columns = []arrow.Field{col("time", stamp), col("timeEnd", stamp), col("title", text), col("text", text), col("tags", text), col("id", text)}
	got = read(t, result(t, columns, `[{"time":"2026-01-01T00:00:00","timeEnd":"2026-01-01T01:00:00","title":"<b>","text":"<i>","tags":"a, b","id":"7"},{"time":null},{"time":"2026-01-01T00:00:00","timeEnd":"2025-01-01T00:00:00","text":"x"}]`), Options{Format: FormatAnnotations})
	same(t, got, `
table 
time time: 2026-01-01T00:00:00Z | 2026-01-01T00:00:00Z
timeEnd time: 2026-01-01T01:00:00Z | ·
title string: &lt;b&gt; | 
text string: &lt;i&gt; | x
tags string: a, b | 
id string: 7 | 
warning: 1 row without time left out.`)
}
