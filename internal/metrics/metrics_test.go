package metrics

import (
	"bytes"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/kmstrail/kmstrail/internal/golden"
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// full is a snapshot with everything in it.
func full() Snapshot {
	return Snapshot{
		Now: now, NewestFile: now.Add(-4 * time.Minute), NewestEvent: now.Add(-9 * time.Minute), StoreKnown: true,
		Commits: 42, StoredEvents: 1000, StoreBytes: 5 << 20, DirtyDays: 2,
		Findings: map[string]int64{"critical": 2, "high": 5}, Quarantined: map[string]int64{"bad_gzip": 3},
		DiskFree: 1 << 40, DiskMin: 1 << 30, Watching: true, SourceUp: true, Queueing: true, QueueUp: true, QueueHeld: 3, QueueOldest: now.Add(-2 * time.Second), LastBackup: now.Add(-time.Hour),
		QueriesRunning: 3, QueriesWaiting: 1, JobsRunning: 1,
	}
}

// busy returns metrics after everything has happened once.
func busy(snapshot func() Snapshot) *Metrics {
	m := New(Options{Version: "1.2.3", Revision: "abc", GoVersion: "go1.26", Detectors: []string{"a_detector"}, Routes: []string{"/"}})
	m.Observe(snapshot)
	m.Ingest(Ingested{Files: 10, Failed: 2, Bytes: 1000, JSONBytes: 9000, Records: 500, Inserted: 80, Duplicates: 3, Quarantined: 1})
	m.Poll(2*time.Second, nil)
	m.Poll(time.Second, errors.New("away"))
	m.S3Requests(7, 10)
	m.QueueReceived(5)
	m.QueueTurn(QueueTurn{Stored: 2, Skipped: 1, Left: 1, Deleted: 3, Delays: []time.Duration{time.Second, 4 * time.Second}})
	m.DetectorRun("a_detector", time.Second, 3, false)
	m.DetectorRun("a_detector", time.Second, 1, true)
	m.Finding(11 * time.Minute)
	m.Finding(24 * time.Hour)
	m.Finding(21 * 24 * time.Hour)
	m.Query(Query{Protocol: "flight", Outcome: "done", Duration: time.Second, FirstBatch: 4 * time.Millisecond, Rows: 100, Bytes: 5000})
	m.HTTP("/", 200, 3*time.Millisecond)
	m.Refused("http", "bad_token")
	m.Job("backup", "done")
	return m
}

// text is what Prometheus gets.
func text(t *testing.T, m *Metrics) string {
	t.Helper()
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	if rec.Code != 200 {
		t.Fatalf("got %d %s", rec.Code, rec.Body)
	}
	return rec.Body.String()
}

func TestLint(t *testing.T) {
	problems, err := promlint.New(strings.NewReader(text(t, busy(full)))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestValues(t *testing.T) {
	got := text(t, busy(full))
	for _, want := range []string{
		`kmstrail_ingest_lag_seconds 240`, `kmstrail_event_lag_seconds 540`, `kmstrail_commits_total 42`, `kmstrail_stored_events 1000`,
		`kmstrail_log_files_total{outcome="ingested"} 8`, `kmstrail_log_files_total{outcome="failed"} 2`, `kmstrail_events_total 80`,
		`kmstrail_log_file_bytes_total 1000`, `kmstrail_duplicate_records_total 3`, `kmstrail_quarantined_records_total 1`,
		`kmstrail_findings_open{severity="critical"} 2`, `kmstrail_findings_open{severity="info"} 0`, `kmstrail_quarantine_records{reason="bad_gzip"} 3`,
		`kmstrail_polls_total{outcome="failed"} 1`, `kmstrail_polls_total{outcome="ok"} 1`, `kmstrail_s3_requests_total{kind="list"} 7`,
		`kmstrail_queue_messages_total{outcome="stored"} 2`, `kmstrail_queue_messages_total{outcome="quarantined"} 0`, `kmstrail_queue_messages_received_total 5`,
		`kmstrail_queue_messages_deleted_total 3`, `kmstrail_queue_delay_seconds_bucket{le="1"} 1`, `kmstrail_queue_oldest_message_age_seconds 2`, `kmstrail_queue_up 1`,
		`kmstrail_detector_runs_total{detector="a_detector",outcome="failed"} 1`, `kmstrail_detector_windows_total{detector="a_detector"} 4`,
		`kmstrail_detector_duration_seconds_count{detector="a_detector"} 2`, `kmstrail_finding_delay_seconds_bucket{le="900"} 1`, `kmstrail_finding_delay_seconds_count 2`, `kmstrail_findings_backfilled_total 1`,
		`kmstrail_queries_total{outcome="done",protocol="flight"} 1`, `kmstrail_query_first_batch_seconds_bucket{protocol="flight",le="0.005"} 1`,
		`kmstrail_query_rows_total{protocol="flight"} 100`, `kmstrail_queries_running 3`, `kmstrail_backup_age_seconds 3600`, `kmstrail_source_up 1`,
		`kmstrail_http_requests_total{code="2xx",route="/"} 1`, `kmstrail_access_refused_total{protocol="http",reason="bad_token"} 1`,
		`kmstrail_jobs_total{kind="backup",outcome="done"} 1`, `kmstrail_build_info{goversion="go1.26",revision="abc",version="1.2.3"} 1`,
		`go_goroutines`, `process_resident_memory_bytes`,
	} {
		if !strings.Contains(got, "\n"+want) {
			t.Errorf("lacks %s", want)
		}
	}
}

// TestUnknown: what is not known is left out rather than zero.
func TestUnknown(t *testing.T) {
	got := text(t, busy(func() Snapshot { return Snapshot{Now: now} }))
	for _, name := range []string{"ingest_lag_seconds", "event_lag_seconds", "commits_total", "stored_events", "store_size_bytes", "findings_open", "source_up", "queue_up", "queue_oldest_message_age_seconds", "backup_age_seconds", "disk_free_bytes"} {
		if strings.Contains(got, "\nkmstrail_"+name) {
			t.Errorf("%s is there", name)
		}
	}
}

// TestBounded: nothing that a client or a log says makes a series.
func TestBounded(t *testing.T) {
	quarantined := map[string]int64{}
	for i := range 500 {
		quarantined[fmt.Sprintf("made_up_%d", i)] = 1
	}
	quarantined["<script>"], quarantined["arn:aws:kms:eu-west-1:111122223333:key/x"] = 1, 1
	m := busy(func() Snapshot {
		s := full()
		s.Quarantined, s.Findings = quarantined, map[string]int64{"made up": 4}
		return s
	})
	before := strings.Count(text(t, m), "\n")
	for i := range 500 {
		odd := fmt.Sprintf("select '%d' from arn:aws:kms:eu-west-1:111122223333:key/x", i)
		m.DetectorRun(odd, 0, 0, false)
		m.Query(Query{Protocol: odd, Outcome: odd})
		m.HTTP("/"+odd, i, 0)
		m.Refused(odd, odd)
		m.Job(odd, odd)
	}
	got := text(t, m)
	if n := strings.Count(got, "\n") - before; n > 150 {
		t.Errorf("%d lines more", n)
	}
	for _, bad := range []string{"select", "arn:", "<script", "made up"} {
		if strings.Contains(got, bad) {
			t.Errorf("the metrics have %q", bad)
		}
	}
	if strings.Count(got, "kmstrail_quarantine_records{") != maxReasons+1 {
		t.Errorf("%d reasons", strings.Count(got, "kmstrail_quarantine_records{"))
	}
}

// TestNegative: a counter that is told less than nothing would panic.
func TestNegative(t *testing.T) {
	m := busy(full)
	m.Ingest(Ingested{Files: -1, Bytes: -5})
	m.S3Requests(-1, -1)
	m.Query(Query{Rows: -1, Bytes: -1, Duration: -time.Second})
}

const intro = `# Metrics

` + "`kmstrail serve`" + ` tells Prometheus at ` + "`/metrics`" + ` of its HTTP address. A token with the role read is needed, unless the configuration lets this machine's programs read without one:

` + "```yaml" + `
scrape_configs:
  - job_name: kmstrail
    authorization: {credentials_file: /etc/prometheus/kmstrail.token}
    static_configs: [{targets: ["127.0.0.1:8814"]}]
` + "```" + `

Counters begin at zero when the server starts, except where it says otherwise. What is not known (the age of a backup when there is none) is left out. What is said of the store may be some seconds old. Values of labels come from fixed lists; anything else is counted as ` + "`other`" + `. There are also the usual ` + "`go_…` and `process_…`" + `.

Worth an alert:

| When | Means |
| --- | --- |
| ` + "`kmstrail_ingest_lag_seconds > 3600`" + ` | CloudTrail delivers nothing, or nothing is read |
| ` + "`kmstrail_source_up == 0`" + ` for 15 minutes | the source cannot be read |
| ` + "`kmstrail_queue_oldest_message_age_seconds > 300`, or `kmstrail_queue_up == 0`" + ` | what the queue tells of is not stored |
| ` + "`kmstrail_ingest_paused == 1`" + ` | the disk is nearly full |
| ` + "`kmstrail_findings_open{severity=\"critical\"} > 0`" + ` | somebody should look |
| ` + "`increase(kmstrail_detector_runs_total{outcome=\"failed\"}[1h]) > 0`" + ` | a detector fails |
| ` + "`increase(kmstrail_access_refused_total{reason=\"bad_token\"}[10m]) > 50`" + ` | somebody tries tokens |

## All of them

`

// TestPage holds docs/metrics.md to the registry; -update writes it.
func TestPage(t *testing.T) {
	m := busy(full)
	var b bytes.Buffer
	b.WriteString(intro)
	b.WriteString("| Metric | Kind | Labels | What |\n| --- | --- | --- | --- |\n")
	for _, d := range m.Definitions() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", d.Name, d.Kind, labels(d.Labels), d.Help)
	}
	golden.Equal(t, b.Bytes(), "../../docs/metrics.md")
}

func labels(list []Label) string {
	parts := make([]string, len(list))
	for i, l := range list {
		doc := l.Doc
		if l.Values != nil {
			doc = "`" + strings.Join(l.Values, "`, `") + "`"
		}
		parts[i] = "`" + l.Name + "`: " + doc
	}
	return strings.Join(parts, "; ")
}

// TestDefinitions: what is defined is what is gathered, and the other way round.
func TestDefinitions(t *testing.T) {
	m := busy(full)
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	defined := map[string]Definition{}
	for _, d := range m.Definitions() {
		if _, twice := defined[d.Name]; twice {
			t.Errorf("%s is defined twice", d.Name)
		}
		defined[d.Name] = d
	}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), namespace) {
			continue
		}
		d, ok := defined[f.GetName()]
		if !ok || d.Help != f.GetHelp() || !strings.EqualFold(d.Kind, f.GetType().String()) {
			t.Errorf("%s is defined as %+v, and gathered as %s", f.GetName(), d, f.GetType())
		}
		delete(defined, f.GetName())
	}
	for name := range defined {
		t.Errorf("%s is defined, and not gathered", name)
	}
}
