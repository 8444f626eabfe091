package metrics

import (
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Snapshot is how store and server are at a scrape. What is zero, and would be
// wrong as zero, is left out.
type Snapshot struct {
	// Now is when it was taken, NewestFile when the newest log file was
	// delivered, NewestEvent when the newest event happened.
	Now, NewestFile, NewestEvent time.Time
	// StoreKnown says that the store could be asked; without, its metrics are
	// left out.
	StoreKnown bool
	// Commits to the store, ever.
	Commits int64
	// StoredEvents is how many KMS events the store holds, StoreBytes what it
	// takes on the disk.
	StoredEvents, StoreBytes int64
	// Findings are those that are open, by severity.
	Findings map[string]int64
	// Quarantined counts what is in quarantine, by reason.
	Quarantined map[string]int64
	// DirtyDays are days of which events arrived after detectors last ran.
	DirtyDays int64

	// DiskFree and DiskMin are bytes; Paused is true while nothing is ingested.
	DiskFree, DiskMin uint64
	Paused            bool
	// SourceUp is false after a poll that failed; Watching is false without a
	// source.
	Watching, SourceUp bool
	// QueueUp is false while the queue cannot be read; Queueing is false without
	// one. QueueHeld messages are received and not done with, the oldest of them
	// sent at QueueOldest.
	Queueing, QueueUp bool
	QueueHeld         int
	QueueOldest       time.Time
	LastBackup        time.Time

	QueriesRunning, QueriesWaiting, JobsRunning int
}

var severities = []string{"critical", "high", "medium", "low", "info"}

// snapshotMetric is a part of a Snapshot; value says whether there is one.
type snapshotMetric struct {
	name, help string
	kind       prometheus.ValueType
	value      func(Snapshot) (v float64, ok bool)
}

func since(now, t time.Time) (float64, bool) { return seconds(now.Sub(t)), !t.IsZero() }

func always(v float64) (float64, bool) { return v, true }

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

var snapshotMetrics = []snapshotMetric{
	{"ingest_lag_seconds", "Time since the newest log file that was read was delivered.", prometheus.GaugeValue,
		func(s Snapshot) (float64, bool) { return since(s.Now, s.NewestFile) }},
	{"event_lag_seconds", "Time since the newest event that is stored.", prometheus.GaugeValue,
		func(s Snapshot) (float64, bool) { return since(s.Now, s.NewestEvent) }},
	{"commits_total", "Commits to the store, those before the start included.", prometheus.CounterValue,
		func(s Snapshot) (float64, bool) { return float64(s.Commits), s.StoreKnown }},
	{"stored_events", "KMS events in the store.", prometheus.GaugeValue,
		func(s Snapshot) (float64, bool) { return float64(s.StoredEvents), s.StoreKnown }},
	{"store_size_bytes", "What the store's data takes in its file.", prometheus.GaugeValue,
		func(s Snapshot) (float64, bool) { return float64(s.StoreBytes), s.StoreKnown }},
	{"detector_windows_pending", "Days of which events arrived after detectors last ran.", prometheus.GaugeValue,
		func(s Snapshot) (float64, bool) { return float64(s.DirtyDays), s.StoreKnown }},
	{"disk_free_bytes", "Free space on the store's disk.", prometheus.GaugeValue,
		func(s Snapshot) (float64, bool) { return float64(s.DiskFree), s.DiskFree > 0 }},
	{"disk_min_free_bytes", "Free space below which nothing is ingested.", prometheus.GaugeValue,
		func(s Snapshot) (float64, bool) { return always(float64(s.DiskMin)) }},
	{"ingest_paused", "1 while nothing is ingested because the disk is nearly full.", prometheus.GaugeValue,
		func(s Snapshot) (float64, bool) { return always(flag(s.Paused)) }},
	{"source_up", "1 when the last poll of the source succeeded, 0 when it failed.", prometheus.GaugeValue,
		func(s Snapshot) (float64, bool) { return flag(s.SourceUp), s.Watching }},
	{"queue_up", "1 while the queue can be read, 0 while it cannot.", prometheus.GaugeValue,
		func(s Snapshot) (float64, bool) { return flag(s.QueueUp), s.Queueing }},
	{"queue_messages_held", "Messages that were received and are not done with.", prometheus.GaugeValue,
		func(s Snapshot) (float64, bool) { return float64(s.QueueHeld), s.Queueing }},
	{"queue_oldest_message_age_seconds", "Age of the oldest message that was received and is not done with; 0 when there is none. What waits in the queue only SQS knows.", prometheus.GaugeValue,
		func(s Snapshot) (float64, bool) {
			age, _ := since(s.Now, s.QueueOldest)
			if s.QueueOldest.IsZero() {
				age = 0
			}
			return age, s.Queueing
		}},
	{"backup_age_seconds", "Time since the newest backup.", prometheus.GaugeValue,
		func(s Snapshot) (float64, bool) { return since(s.Now, s.LastBackup) }},
	{"queries_running", "Queries of users at work.", prometheus.GaugeValue,
		func(s Snapshot) (float64, bool) { return always(float64(s.QueriesRunning)) }},
	{"queries_waiting", "Queries of users that wait for their turn.", prometheus.GaugeValue,
		func(s Snapshot) (float64, bool) { return always(float64(s.QueriesWaiting)) }},
	{"jobs_running", "Work that was asked for over HTTP and is being done.", prometheus.GaugeValue,
		func(s Snapshot) (float64, bool) { return always(float64(s.JobsRunning)) }},
}

// collector turns a Snapshot into metrics.
type collector struct {
	ask                   func() Snapshot
	descs                 []*prometheus.Desc
	findings, quarantined *prometheus.Desc
}

// Observe makes every scrape ask for a Snapshot. What answers must be cheap, and
// may give the same for some seconds. It is called once.
func (m *Metrics) Observe(ask func() Snapshot) {
	c := &collector{ask: ask}
	for _, s := range snapshotMetrics {
		kind := "gauge"
		if s.kind == prometheus.CounterValue {
			kind = "counter"
		}
		m.define(kind, s.name, s.help, nil)
		c.descs = append(c.descs, prometheus.NewDesc(namespace+s.name, s.help, nil, nil))
	}
	describe := func(name, help string, label Label) *prometheus.Desc {
		return prometheus.NewDesc(namespace+name, help, m.define("gauge", name, help, []Label{label}), nil)
	}
	c.findings = describe("findings_open", "Findings that somebody should look at: new and in progress.", Label{Name: "severity", Values: severities})
	c.quarantined = describe("quarantine_records", "Records and log files in quarantine.", Label{Name: "reason", Doc: "as in the table `quarantine`"})
	m.registry.MustRegister(c)
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
	ch <- c.findings
	ch <- c.quarantined
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	s := c.ask()
	for i, d := range c.descs {
		if v, ok := snapshotMetrics[i].value(s); ok {
			ch <- prometheus.MustNewConstMetric(d, snapshotMetrics[i].kind, v)
		}
	}
	if !s.StoreKnown {
		return
	}
	for _, severity := range severities {
		ch <- prometheus.MustNewConstMetric(c.findings, prometheus.GaugeValue, float64(s.Findings[severity]), severity)
	}
	for reason, n := range reasons(s.Quarantined) {
		ch <- prometheus.MustNewConstMetric(c.quarantined, prometheus.GaugeValue, float64(n), reason)
	}
}

const maxReasons = 60

// reasonShape is that of the reasons in our own code.
var reasonShape = regexp.MustCompile(`^[a-z][a-z0-9_]{1,39}$`)

// reasons bounds the values of the label: the first maxReasons by name, so that
// every scrape has the same.
func reasons(counts map[string]int64) map[string]int64 {
	out := make(map[string]int64, len(counts))
	kept := 0
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		label := other
		if reasonShape.MatchString(reason) && kept < maxReasons {
			label = reason
			kept++
		}
		out[label] += counts[reason]
	}
	return out
}
