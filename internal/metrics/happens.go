package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	outcomes      = []string{"ok", "failed"}
	messageEnds   = []string{"stored", "skipped", "quarantined", "left"}
	fileOutcomes  = []string{"ingested", "failed"}
	requestKinds  = []string{"list", "get"}
	protocols     = []string{"flight", "http"}
	queryOutcomes = []string{"done", "refused", "invalid", "limited", "busy", "cancelled", "failed"}
	jobKinds      = []string{"ingest", "detect", "rebuild", "maintain", "backup", "report", other}
	jobOutcomes   = []string{"done", "failed", "cancelled"}
	refusals      = []string{"no_token", "bad_token", "expired", "too_many", "role", "origin", other}
	statusClasses = []string{"1xx", "2xx", "3xx", "4xx", "5xx", other}
)

var (
	querySeconds = []float64{.001, .0025, .005, .01, .025, .05, .06, .1, .2, .3, .6, 1, 2, 5, 10, 30, 60, 300}
	workSeconds  = []float64{.01, .05, .1, .5, 1, 5, 15, 60, 300, 900, 3600}
	queueSeconds = []float64{.1, .25, .5, 1, 1.5, 2, 3, 4, 5, 7.5, 10, 30, 60, 300, 3600}
	delaySeconds = []float64{60, 300, 600, 900, 1200, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 24 * 3600}
)

func (m *Metrics) ingest() {
	m.files = m.counter("log_files_total", "Log files that were tried since the start: read, or failed (not readable, or not wholly).", Label{Name: "outcome", Values: fileOutcomes})
	m.storedBytes = m.counter("log_file_bytes_total", "Bytes of the log files that were tried, as stored (compressed).")
	m.jsonBytes = m.counter("log_json_bytes_total", "Bytes of JSON that log files became.")
	m.records = m.counter("records_total", "Records of all services in the log files.")
	m.events = m.counter("events_total", "KMS events that were new and are stored.")
	m.duplicates = m.counter("duplicate_records_total", "KMS records that were delivered more than once, and are kept once.")
	m.quarantined = m.counter("quarantined_records_total", "Records that were not taken as they are.")
}

// Ingested is what a run of ingest added since it was last told of.
type Ingested struct {
	Files, Failed, Bytes, JSONBytes            int64
	Records, Inserted, Duplicates, Quarantined int64
}

// Ingest counts what was added to the store.
func (m *Metrics) Ingest(n Ingested) {
	add := func(c *prometheus.CounterVec, n int64, labels ...string) {
		// A counter that is told less than nothing panics.
		c.WithLabelValues(labels...).Add(float64(max(n, 0)))
	}
	add(m.files, n.Files-n.Failed, "ingested")
	add(m.files, n.Failed, "failed")
	add(m.storedBytes, n.Bytes)
	add(m.jsonBytes, n.JSONBytes)
	add(m.records, n.Records)
	add(m.events, n.Inserted)
	add(m.duplicates, n.Duplicates)
	add(m.quarantined, n.Quarantined)
}

func (m *Metrics) watching() {
	m.polls = m.counter("polls_total", "Polls of the source.", Label{Name: "outcome", Values: outcomes})
	m.pollSeconds = m.histogram("poll_duration_seconds", "How long a poll took: listing, reading and storing what is new.", workSeconds)
	m.s3Requests = m.counter("s3_requests_total", "Requests to S3.", Label{Name: "kind", Values: requestKinds})
}

// Poll counts a poll of the source.
func (m *Metrics) Poll(took time.Duration, err error) {
	m.polls.WithLabelValues(outcome(err)).Inc()
	m.pollSeconds.WithLabelValues().Observe(seconds(took))
}

// S3Requests counts requests that were made since it was last told of some.
func (m *Metrics) S3Requests(list, get int64) {
	m.s3Requests.WithLabelValues("list").Add(float64(max(list, 0)))
	m.s3Requests.WithLabelValues("get").Add(float64(max(get, 0)))
}

func (m *Metrics) queueing() {
	m.received = m.counter("queue_messages_received_total", "Messages of the queue that were received, those that came again included.")
	m.messages = m.counter("queue_messages_total", "Messages of the queue that were looked at: stored (what they tell of is), skipped (of no log file that is wanted), quarantined (not readable), or left (they come again, and go to the dead-letter queue in the end).", Label{Name: "outcome", Values: messageEnds})
	m.deleted = m.counter("queue_messages_deleted_total", "Messages that were deleted from the queue.")
	m.queueSeconds = m.histogram("queue_delay_seconds", "Time from when a message was sent to when what it tells of was stored and could be asked for.", queueSeconds)
}

// QueueReceived counts messages that were received.
func (m *Metrics) QueueReceived(messages int) {
	m.received.WithLabelValues().Add(float64(max(messages, 0)))
}

// QueueTurn is what became of messages of a queue.
type QueueTurn struct {
	Stored, Skipped, Quarantined, Left, Deleted int64
	// Delays are from when each stored message was sent to the commit.
	Delays []time.Duration
}

// QueueTurn counts messages.
func (m *Metrics) QueueTurn(t QueueTurn) {
	for outcome, n := range map[string]int64{"stored": t.Stored, "skipped": t.Skipped, "quarantined": t.Quarantined, "left": t.Left} {
		m.messages.WithLabelValues(outcome).Add(float64(max(n, 0)))
	}
	m.deleted.WithLabelValues().Add(float64(max(t.Deleted, 0)))
	for _, d := range t.Delays {
		m.queueSeconds.WithLabelValues().Observe(seconds(d))
	}
}

func (m *Metrics) detecting() {
	detector := Label{Name: "detector", Doc: "id of the detector, `other` for one that is not known"}
	m.detectorSeconds = m.histogram("detector_duration_seconds", "How long a detector took in one run, over all days it looked at.", workSeconds, detector)
	m.runs = m.counter("detector_runs_total", "Runs of detectors.", detector, Label{Name: "outcome", Values: outcomes})
	m.days = m.counter("detector_windows_total", "Days of events that detectors looked at.", detector)
	m.findingSeconds = m.histogram("finding_delay_seconds", "Time from the newest event behind a new finding to when the finding was reported: delivery by CloudTrail (minutes), the poll, and the schedule of detectors. Findings about events older than a day are not in it, see kmstrail_findings_backfilled_total.", delaySeconds)
	m.backfilled = m.counter("findings_backfilled_total", "New findings whose newest event was older than a day when they were reported: of logs that were read late, such as those of before the first poll.")
	for _, id := range m.detectors {
		for _, o := range outcomes {
			m.runs.WithLabelValues(id, o)
		}
	}
}

// DetectorRun counts one detector's part of a run.
func (m *Metrics) DetectorRun(detector string, took time.Duration, days int, failed bool) {
	id, result := known(detector, m.detectors), "ok"
	if failed {
		result = "failed"
	}
	m.runs.WithLabelValues(id, result).Inc()
	m.detectorSeconds.WithLabelValues(id).Observe(seconds(took))
	m.days.WithLabelValues(id).Add(float64(max(days, 0)))
}

// backfill is from what delay on a finding is about the past: nobody waited for
// it, and it says nothing about how fast findings are reported.
const backfill = 24 * time.Hour

// Finding counts a new finding by how long after its newest event it was
// reported.
func (m *Metrics) Finding(delay time.Duration) {
	if delay > backfill {
		m.backfilled.WithLabelValues().Inc()
		return
	}
	m.findingSeconds.WithLabelValues().Observe(seconds(delay))
}

func (m *Metrics) answering() {
	protocol := Label{Name: "protocol", Values: protocols}
	m.queries = m.counter("queries_total", "Queries of users: done, refused (not allowed), invalid (wrong SQL), limited (a limit was used up), busy (no place was free in time), cancelled (by the client, or lost with it), or failed.",
		protocol, Label{Name: "outcome", Values: queryOutcomes})
	m.querySeconds = m.histogram("query_duration_seconds", "From a query's arrival to its last row, the client's reading included.", querySeconds, protocol)
	m.firstBatchSeconds = m.histogram("query_first_batch_seconds", "From a query's arrival to its first rows, waiting for its turn included.", querySeconds, protocol)
	m.queryRows = m.counter("query_rows_total", "Rows that were sent.", protocol)
	m.queryBytes = m.counter("query_bytes_total", "Bytes of rows that were sent.", protocol)
}

// Query is a query that has ended.
type Query struct {
	// Protocol is flight or http.
	Protocol string
	// Outcome is done, refused, invalid, limited, busy, cancelled or failed.
	Outcome  string
	Duration time.Duration
	// FirstBatch is zero when there was none.
	FirstBatch  time.Duration
	Rows, Bytes int64
}

// Query counts a query.
func (m *Metrics) Query(q Query) {
	p := known(q.Protocol, protocols)
	result := q.Outcome
	if known(result, queryOutcomes) == other {
		result = "failed"
	}
	m.queries.WithLabelValues(p, result).Inc()
	m.querySeconds.WithLabelValues(p).Observe(seconds(q.Duration))
	if q.FirstBatch > 0 {
		m.firstBatchSeconds.WithLabelValues(p).Observe(seconds(q.FirstBatch))
	}
	m.queryRows.WithLabelValues(p).Add(float64(max(q.Rows, 0)))
	m.queryBytes.WithLabelValues(p).Add(float64(max(q.Bytes, 0)))
}

func (m *Metrics) serving() {
	m.httpRequests = m.counter("http_requests_total", "Requests over HTTP.",
		Label{Name: "route", Doc: "pattern of the route, `other` for none"}, Label{Name: "code", Values: statusClasses})
	m.httpSeconds = m.histogram("http_request_duration_seconds", "How long a request over HTTP took.", querySeconds,
		Label{Name: "route", Doc: "pattern of the route, `other` for none"})
	m.refused = m.counter("access_refused_total", "Requests without the right to make them.",
		Label{Name: "protocol", Values: protocols}, Label{Name: "reason", Values: refusals})
	m.jobs = m.counter("jobs_total", "Work that was asked for over HTTP.",
		Label{Name: "kind", Values: jobKinds}, Label{Name: "outcome", Values: jobOutcomes})
}

// HTTP counts a request over HTTP. The route is a pattern, never a path.
func (m *Metrics) HTTP(route string, status int, took time.Duration) {
	r := known(route, m.routes)
	m.httpRequests.WithLabelValues(r, code(status)).Inc()
	m.httpSeconds.WithLabelValues(r).Observe(seconds(took))
}

// Refused counts a request that was turned away. The reason is no_token,
// bad_token, expired, too_many, role or origin.
func (m *Metrics) Refused(protocol, reason string) {
	m.refused.WithLabelValues(known(protocol, protocols), known(reason, refusals)).Inc()
}

// Job counts a job that has ended: done, failed or cancelled.
func (m *Metrics) Job(kind, result string) {
	if known(result, jobOutcomes) == other {
		result = "failed"
	}
	m.jobs.WithLabelValues(known(kind, jobKinds), result).Inc()
}
