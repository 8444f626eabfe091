package metrics

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Options say what is known before anything happens.
type Options struct {
	// Version, Revision and GoVersion describe the build.
	Version, Revision, GoVersion string
	// Detectors are the ids that the detector label may have, Routes the values
	// of the route label.
	Detectors, Routes []string
}

// Metrics counts. Its methods are safe for concurrent use.
type Metrics struct {
	registry    *prometheus.Registry
	definitions []Definition
	detectors   []string
	routes      []string

	files, records, events, duplicates, quarantined *prometheus.CounterVec
	storedBytes, jsonBytes                          *prometheus.CounterVec
	polls, s3Requests                               *prometheus.CounterVec
	received, messages, deleted                     *prometheus.CounterVec
	queueSeconds                                    *prometheus.HistogramVec
	pollSeconds                                     *prometheus.HistogramVec
	runs, days, backfilled                          *prometheus.CounterVec
	detectorSeconds, findingSeconds                 *prometheus.HistogramVec
	queries, queryRows, queryBytes                  *prometheus.CounterVec
	querySeconds, firstBatchSeconds                 *prometheus.HistogramVec
	httpRequests, refused, jobs                     *prometheus.CounterVec
	httpSeconds                                     *prometheus.HistogramVec
}

// New returns metrics of which nothing has happened yet.
func New(o Options) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), detectors: o.Detectors, routes: o.Routes}
	m.ingest()
	m.watching()
	m.queueing()
	m.detecting()
	m.answering()
	m.serving()
	m.build(o)
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// Handler answers a scrape.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true, MaxRequestsInFlight: 4})
}

// Gatherer gives all metrics, for tests.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// Definitions lists kmstrail's own metrics, for the page about them.
func (m *Metrics) Definitions() []Definition { return slices.Clone(m.definitions) }

// Definition says what a metric is.
type Definition struct {
	Name, Help string
	// Kind is counter, gauge or histogram.
	Kind   string
	Labels []Label
}

// Label is a label of a metric and the values that it may have.
type Label struct {
	Name string
	// Values are all of them; without, Doc says what they are.
	Values []string
	Doc    string
}

const namespace = "kmstrail_"

func (m *Metrics) define(kind, name, help string, labels []Label) []string {
	m.definitions = append(m.definitions, Definition{Name: namespace + name, Help: help, Kind: kind, Labels: labels})
	names := make([]string, len(labels))
	for i, l := range labels {
		names[i] = l.Name
	}
	return names
}

// counter registers a counter; every combination of fixed values of labels is
// there from the start, so that a rate over the first of them is right.
func (m *Metrics) counter(name, help string, labels ...Label) *prometheus.CounterVec {
	names := m.define("counter", name, help, labels)
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: namespace + name, Help: help}, names)
	m.registry.MustRegister(c)
	for _, values := range combinations(labels) {
		c.WithLabelValues(values...)
	}
	return c
}

func (m *Metrics) histogram(name, help string, buckets []float64, labels ...Label) *prometheus.HistogramVec {
	names := m.define("histogram", name, help, labels)
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: namespace + name, Help: help, Buckets: buckets}, names)
	m.registry.MustRegister(h)
	for _, values := range combinations(labels) {
		h.WithLabelValues(values...)
	}
	return h
}

// combinations lists all values of labels; none when one of them is not fixed.
func combinations(labels []Label) [][]string {
	all := [][]string{nil}
	for _, l := range labels {
		var next [][]string
		for _, before := range all {
			for _, v := range l.Values {
				next = append(next, append(slices.Clone(before), v))
			}
		}
		all = next
	}
	return all
}

// other stands for every value that is not on its list.
const other = "other"

// known returns value when it is on the list.
func known(value string, list []string) string {
	if slices.Contains(list, value) {
		return value
	}
	return other
}

// outcome is ok or failed.
func outcome(err error) string {
	if err != nil {
		return "failed"
	}
	return "ok"
}

func (m *Metrics) build(o Options) {
	const help = "What is running; the value is always 1."
	names := m.define("gauge", "build_info", help, []Label{
		{Name: "version", Doc: "of kmstrail"}, {Name: "revision", Doc: "of its source"}, {Name: "goversion", Doc: "of Go"},
	})
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: namespace + "build_info", Help: help}, names)
	g.WithLabelValues(o.Version, o.Revision, o.GoVersion).Set(1)
	m.registry.MustRegister(g)
}

// seconds returns d as Prometheus wants it, never negative.
func seconds(d time.Duration) float64 { return max(d.Seconds(), 0) }

// code is the status of a response, of the five classes the first digit.
func code(status int) string {
	if status < 100 || status > 599 {
		return other
	}
	return strconv.Itoa(status/100) + "xx"
}
