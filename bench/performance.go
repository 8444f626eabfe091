package main

import (
	"fmt"
	"strings"
)

// The tables of docs/performance.md: goals, and what was measured.

// setName is what the page calls a set.
func setName(set string) string {
	switch set {
	case "kms100":
		return "KMS only"
	case "kms10":
		return "10 % KMS"
	case "kms0":
		return "no KMS"
	case "small":
		return "small files"
	}
	return set
}

// goal is a figure that has a limit, at least or at most.
type goal struct {
	what     string
	atMost   bool
	limit    float64
	measured float64
	digits   int
	unit     string
}

func (g *goal) met() bool {
	if g.atMost {
		return g.measured <= g.limit
	}
	return g.measured >= g.limit
}

// number writes a figure as the page shows it.
func (g *goal) number(x float64) string {
	s := fmt.Sprintf("%.*f", g.digits, x)
	if g.digits == 0 {
		s = count(int(x))
	}
	return s + g.unit
}

func (r *report) goals() []goal {
	s := r.Small
	_, memory := r.peak()
	return []goal{
		{"10 % KMS: CPU time of `read_json` over that of `ingest`", false, 2, r.Ratios["kms10_read_json_cpu"], 2, ""},
		{"10 % KMS: CPU time of `ingest` over that of decompression", true, 1.9, r.Ratios["kms10_decompress_cpu"], 2, ""},
		{"no KMS: CPU time of `ingest` over that of decompression", true, 1.4, r.Ratios["kms0_decompress_cpu"], 2, ""},
		{"KMS only: CPU time of `read_json` over that of `ingest`", false, 1.5, r.Ratios["kms100_read_json_cpu"], 2, ""},
		{"KMS only: committed events a CPU second", false, 90_000, r.EventsPerCPUSecond, 0, ""},
		{"KMS only: bytes an event, all tables", true, 150, r.BytesPerEvent, 0, ""},
		{"small files a second, from a directory", false, 3000, s.Directory.FilesPerSecond, 0, ""},
		{"small files a second, from S3 on loopback", false, 1000, s.S3.FilesPerSecond, 0, ""},
		{"small files: all cores as fast as one, times", false, 1.6, s.Cores, 2, ""},
		{"most memory resident, any set", true, mostMB, memory, 0, " MB"},
	}
}

// goalTable says which goals are met.
func (r *report) goalTable() string {
	var b strings.Builder
	b.WriteString("| Goal | | Measured | |\n| --- | ---: | ---: | --- |\n")
	for _, g := range r.goals() {
		bound, verdict := "at least ", "met"
		if g.atMost {
			bound = "at most "
		}
		if !g.met() {
			verdict = "**missed**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", g.what, bound+g.number(g.limit), g.number(g.measured), verdict)
	}
	return b.String()
}

// ingestTable is what each process took.
func (r *report) ingestTable() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured on %s; runs: %d, medians of them, and of memory the most.\n\n", &r.machine, r.Results[0].Runs)
	b.WriteString("| Set | | CPU s | s | cores | times decompression, CPU | MB of JSON a CPU second | events a CPU second | bytes an event | MB resident |\n")
	b.WriteString("| --- | --- |" + strings.Repeat(" ---: |", 8) + "\n")
	floor := map[string]float64{}
	json := map[string]int64{}
	for _, res := range r.Results {
		f := res.Median
		if res.Measurement == "decompress" {
			floor[res.Set], json[res.Set] = f.CPU, f.JSONBytes
		}
		perSecond, perEvent := "", ""
		if f.Events > 0 {
			perSecond, perEvent = count(int(float64(f.Events)/f.CPU)), fmt.Sprintf("%.0f", float64(f.StoreBytes)/float64(f.Events))
		}
		fmt.Fprintf(&b, "| %s | %s | %.2f | %.2f | %.1f | %.1f | %.0f | %s | %s | %.0f |\n", setName(res.Set), measurementName(res.Measurement),
			f.CPU, f.Wall, f.CPU/f.Wall, f.CPU/floor[res.Set], float64(json[res.Set])/1e6/f.CPU, perSecond, perEvent, f.PeakMB)
	}
	return b.String()
}

func measurementName(m string) string {
	if m == "decompress" {
		return "decompression alone"
	}
	return "`" + m + "`"
}

// smallTable is what small files took.
func (r *report) smallTable() string {
	s, b := r.Small, strings.Builder{}
	fmt.Fprintf(&b, "%s log files of %.1f KB with %s records, %s of them of KMS. Measured on %s; runs: %d, medians of them, and of memory the most.\n\n",
		count(s.Logs.Files), float64(s.Logs.Bytes)/float64(s.Logs.Files)/1e3, count(s.Logs.Records), count(s.Logs.KMS), &s.machine, s.Runs)
	b.WriteString("| From | files a second | files a CPU second | CPU s | s | MB resident | LIST | GET, HEAD |\n| --- |" + strings.Repeat(" ---: |", 7) + "\n")
	for _, row := range []struct {
		name string
		smallFigures
	}{{"directory", s.Directory}, {"directory, on one core", s.OneCore}, {"S3 on loopback", s.S3}} {
		fmt.Fprintf(&b, "| %s | %s | %s | %.2f | %.2f | %.0f | %s | %s |\n", row.name, count(int(row.FilesPerSecond)), count(int(row.FilesPerCPUSecond)),
			row.CPU, row.Wall, row.PeakMB, count(int(row.Requests.List)), count(int(row.Requests.Get)))
	}
	return b.String()
}
