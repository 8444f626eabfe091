package main

import (
	"fmt"
	"strings"

	"github.com/kmstrail/kmstrail/internal/lake"
)

// The tables of docs/scale.md: what is measured per million events, and what
// follows from it for an organisation. What is assumed stands here and on the
// page; what is measured comes from results.json.

// installation is an organisation of some size.
type installation struct {
	name string
	// events are of KMS, a day; cells are accounts times Regions; perFile is
	// records by log file.
	events, cells, regions, perFile float64
	workers                         float64
}

var installations = []installation{
	{"10 M", 10e6, 100, 4, 70, 1},
	{"500 M", 500e6, 2_000, 10, 200, 2},
	{"10 B", 10e9, 20_000, 17, 500, 12},
}

// Prices in dollars, of us-east-1.
const (
	priceWrite   = 0.005 / 1000  // PUT and LIST
	priceGet     = 0.0004 / 1000 // GET
	priceStored  = 0.023         // GB and month
	priceScanned = 5.0           // TB, Athena
	priceCPU     = 0.04          // vCPU and hour
)

// What is assumed of the schedule.
const (
	runsADay   = 24
	daysListed = 2 // days of logs that a run lists: --last 24h
	looksADay  = 2 // how often detectors look at a day: on it, and on the next
	month      = 30
	year       = 365
	listPage   = 1000
	secondsDay = 86400
)

// rates are what is measured, per million KMS events or per plan.
type rates struct {
	million float64 // millions of events measured
	// Records and stored bytes of log files, CPU of lake write, bytes of the lake.
	records, logBytes, writeCPU, lakeBytes float64
	putsOfPlan, getsOfPlan                 float64
	// Of the four detectors together.
	scanned, trinoCPU, duckCPU float64
}

func (l *lakeReport) rates() rates {
	m := float64(l.Logs.KMS) / 1e6
	plans := float64(l.Requests.Plans)
	r := rates{
		million: m, records: float64(l.Logs.Records) / m, logBytes: float64(l.Logs.Bytes) / m,
		writeCPU: l.Write.CPU / m, lakeBytes: l.Write.BytesPerEvent * 1e6,
		putsOfPlan: float64(l.Requests.Lake.Write-l.Requests.LakeAgain.Write) / plans,
		getsOfPlan: float64(l.Requests.Lake.Get-l.Requests.LakeAgain.Get) / plans,
	}
	for _, d := range l.Detect {
		if d.Server != nil { // days have about as many events
			of := m * float64(d.Days) / float64(l.Logs.Days)
			r.scanned, r.trinoCPU, r.duckCPU = float64(d.Server.ReadBytes)/of, d.Server.CPU/of, d.DuckDB.CPU/of
		}
	}
	return r
}

// plans is how many plans a day makes: full ones, and one that is not for each
// Region and run.
func (in *installation) plans(r rates) float64 {
	return in.events/1e6*r.logBytes/lake.DefaultPlanBytes + in.regions*runsADay
}

// logFiles are those of a day.
func (in *installation) logFiles(r rates) float64 { return in.events / 1e6 * r.records / in.perFile }

// listings are requests a day that list logs: a page for each account, Region and
// day, and one for each thousand files, by each worker.
func (in *installation) listings(r rates) float64 {
	return runsADay * in.workers * daysListed * (in.cells + in.logFiles(r)/listPage)
}

// overlapping is how many plans of a Region have events of the same time.
func (in *installation) overlapping(r rates) float64 { return in.plans(r) / in.regions / runsADay }

// gets are the requests a day that read from the lake: by plan, and half of the
// files of the same hour, of events by Region and of changes over all Regions.
func (in *installation) gets(r rates) float64 {
	p, k := in.plans(r), in.overlapping(r)
	return p*(r.getsOfPlan+k/2+k*in.regions/2) + runsADay*in.workers*daysListed*p
}

// lakeListings are the requests a day that list the lake after a time: each run
// lists all plans (two objects each) and the ledger, and each plan the files of
// changes and those of its Region and day.
func (in *installation) lakeListings(r rates, days float64) float64 {
	p := in.plans(r)
	return runsADay*in.workers*3*p*days/listPage + p*(1+p*days/listPage) + p*(1+p/in.regions/listPage)
}

// scaleRow is a row of the table, by installation.
type scaleRow struct {
	what string
	of   func(*installation) string
}

func scaleRows(r rates) []scaleRow {
	million := func(in *installation) float64 { return in.events / 1e6 }
	cores := func(in *installation) float64 { return million(in) * r.writeCPU / secondsDay }
	scanned := func(in *installation) float64 { return million(in) * r.scanned * looksADay }
	trinoHours := func(in *installation) float64 { return million(in) * r.trinoCPU * looksADay / 3600 }
	stored := func(in *installation, days float64) float64 { return million(in) * r.lakeBytes * days }
	return []scaleRow{
		{"KMS events a second", func(in *installation) string { return short(in.events / secondsDay) }},
		{"Log files a day", func(in *installation) string { return short(in.logFiles(r)) }},
		{"Log files a second", func(in *installation) string { return short(in.logFiles(r) / secondsDay) }},
		{"Logs a day, compressed", func(in *installation) string { return bytesText(million(in) * r.logBytes) }},
		{"**Write**: CPU s a day", func(in *installation) string { return short(million(in) * r.writeCPU) }},
		{"… busy cores, mean of the day", func(in *installation) string { return short(cores(in)) }},
		{"… $ a month for CPU", func(in *installation) string { return dollars(cores(in) * 24 * month * priceCPU) }},
		{"**Requests** GET logs, a day", func(in *installation) string { return short(in.logFiles(r)) }},
		{"… $ a month", func(in *installation) string { return dollars(in.logFiles(r) * priceGet * month) }},
		{"LIST logs, a day", func(in *installation) string { return short(in.listings(r)) }},
		{"… $ a month", func(in *installation) string { return dollars(in.listings(r) * priceWrite * month) }},
		{"Plans a day", func(in *installation) string { return short(in.plans(r)) }},
		{"PUT lake, a day", func(in *installation) string { return short(in.plans(r) * r.putsOfPlan) }},
		{"… $ a month", func(in *installation) string { return dollars(in.plans(r) * r.putsOfPlan * priceWrite * month) }},
		{"GET lake, a day", func(in *installation) string { return short(in.gets(r)) }},
		{"… $ a month", func(in *installation) string { return dollars(in.gets(r) * priceGet * month) }},
		{"LIST lake, a day, after a month", func(in *installation) string { return short(in.lakeListings(r, month)) }},
		{"… $ a month", func(in *installation) string { return dollars(in.lakeListings(r, month) * priceWrite * month) }},
		{"LIST lake, a day, after a year", func(in *installation) string { return short(in.lakeListings(r, year)) }},
		{"… $ a month", func(in *installation) string { return dollars(in.lakeListings(r, year) * priceWrite * month) }},
		{"**Lake** grows a month", func(in *installation) string { return bytesText(stored(in, month)) }},
		{"… $ a month for storage, after a year", func(in *installation) string { return dollars(stored(in, year) / 1e9 * priceStored) }},
		{"**Detect** reads a day", func(in *installation) string { return bytesText(scanned(in)) }},
		{"… $ a month on Athena", func(in *installation) string { return dollars(scanned(in) / 1e12 * priceScanned * month) }},
		{"Trino CPU hours a day", func(in *installation) string { return short(trinoHours(in)) }},
		{"… vCPUs to look at a day within an hour", func(in *installation) string { return short(max(1, trinoHours(in)/looksADay)) }},
		{"… $ a month for CPU hours", func(in *installation) string { return dollars(trinoHours(in) * priceCPU * month) }},
		{"DuckDB instead: CPU hours a day", func(in *installation) string { return short(million(in) * r.duckCPU * looksADay / 3600) }},
	}
}

// scaleTable is what follows for each installation.
func (l *lakeReport) scaleTable() string {
	var b strings.Builder
	b.WriteString("| KMS events a day |")
	for _, in := range installations {
		b.WriteString(" " + in.name + " |")
	}
	b.WriteString("\n| --- |" + strings.Repeat(" ---: |", len(installations)) + "\n")
	for _, row := range scaleRows(l.rates()) {
		b.WriteString("| " + row.what + " |")
		for i := range installations {
			b.WriteString(" " + row.of(&installations[i]) + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// measuredTable is what writing took.
func (l *lakeReport) measuredTable() string {
	m, q, w := float64(l.Logs.KMS)/1e6, l.Requests, l.Write
	thousands := float64(q.LogFiles) / 1000
	var b strings.Builder
	row := func(what, format string, args ...any) {
		fmt.Fprintf(&b, "| %s | %s |\n", what, fmt.Sprintf(format, args...))
	}
	b.WriteString("| | |\n| --- | ---: |\n")
	row("Measured on", "%s, Trino %s", &l.machine, l.Trino)
	row("KMS events of all records", "%s of %s", count(l.Logs.KMS), count(l.Logs.Records))
	row("Log files, compressed", "%s, %s", count(l.Logs.Files), bytesText(float64(l.Logs.Bytes)))
	row("Records by log file: median, 90 %, most", "%d, %d, %d", l.Logs.Median, l.Logs.P90, l.Logs.Most)
	row("`ingest`: CPU s, wall s, peak", "%.0f, %.0f, %.0f MB", l.Ingest.CPU, l.Ingest.Wall, l.Ingest.PeakMB)
	row("… events a CPU second; bytes an event", "%s; %.0f", count(int(l.Ingest.EventsPerCPUSecond)), l.Ingest.BytesPerEvent)
	row("`lake write`, one: CPU s, wall s, peak", "%.0f, %.0f, %.0f MB", w.CPU, w.Wall, w.PeakMB)
	row("… events a CPU second", "%s", count(int(w.EventsPerCPUSecond)))
	row("… bytes an event, events alone", "%.0f, %.0f", w.BytesPerEvent, w.EventBytes)
	row("… plans; files of events", "%d; %d", w.Plans, w.Files[lake.Events])
	row("… once more, nothing new: CPU s, wall s", "%.1f, %.1f", w.Again.CPU, w.Again.Wall)
	row("`lake write`, three at once: CPU s, wall s", "%.0f, %.0f", l.Three.CPU, l.Three.Wall)
	row("… log files read twice", "%.1f %%", 100*l.Three.Twice)
	row("CPU s per million events, `lake write`", "%.0f", w.CPU/m)
	row("Requests per 1,000 log files: LIST and GET of logs", "%.1f, %.0f", float64(q.Source.List)/thousands, float64(q.Source.Get)/thousands)
	row("… LIST, GET and PUT of the lake", "%.1f, %.1f, %.1f", float64(q.Lake.List)/thousands, float64(q.Lake.Get)/thousands, float64(q.Lake.Write)/thousands)
	p := float64(q.Plans)
	row("… by plan: LIST, GET, PUT", "%.1f, %.1f, %.1f", float64(q.Lake.List-q.LakeAgain.List)/p, float64(q.Lake.Get-q.LakeAgain.Get)/p, float64(q.Lake.Write-q.LakeAgain.Write)/p)
	row("… a run with nothing to do: LIST, GET, PUT of the lake", "%d, %d, %d", q.LakeAgain.List, q.LakeAgain.Get, q.LakeAgain.Write)
	row("Lake and store agree: events, event ids, groups", "%s, %s, %s", count(int(l.Agree.Events)), count(int(l.Agree.Distinct)), count(l.Agree.Groups))
	return b.String()
}

// questionTable is what asking took.
func (l *lakeReport) questionTable() string {
	var b strings.Builder
	b.WriteString("| Question | Days | Rows | DuckDB CPU s | DuckDB s | Trino CPU s | Trino s | planning s | MB read | MB per million events of the lake |\n")
	b.WriteString("| --- |" + strings.Repeat(" ---: |", 9) + "\n")
	m := float64(l.Logs.KMS) / 1e6
	for _, q := range l.Questions {
		mb := float64(q.Trino.ReadBytes) / 1e6
		fmt.Fprintf(&b, "| `%s` | %d | %s | %.2f | %.2f | %.2f | %.2f | %.2f | %.1f | %.1f |\n", q.Name, q.Days, count(int(q.Rows)),
			q.DuckCPU, q.DuckWall, q.Trino.CPU, q.TrinoWall, q.Trino.Planning, mb, mb/m)
	}
	for _, d := range l.Detect {
		if d.Server != nil {
			mb := float64(d.Server.ReadBytes) / 1e6
			fmt.Fprintf(&b, "| `kmstrail detect`, all | %d | %s | %.2f | %.2f | %.2f | %.2f | %.2f | %.1f | %.1f |\n", d.Days, count(d.Findings),
				d.DuckDB.CPU, d.DuckDB.Wall, d.Server.CPU, d.Trino.Wall, d.Server.Planning, mb, mb/m)
			continue
		}
		fmt.Fprintf(&b, "| `kmstrail detect`, all | %d | %s | %.2f | %.2f | | %.2f | | | |\n", d.Days, count(d.Findings), d.DuckDB.CPU, d.DuckDB.Wall, d.Trino.Wall)
	}
	return b.String()
}

// count writes 5107642 as 5,107,642.
func count(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// short writes a number with two digits that count.
func short(x float64) string { return unit(x, 1000, []string{"", " k", " M", " B", " T"}) }

func bytesText(x float64) string {
	return unit(x, 1000, []string{" B", " kB", " MB", " GB", " TB", " PB"})
}

func dollars(x float64) string {
	if x < 0.01 {
		return "< 0.01"
	}
	return short(x)
}

func unit(x, step float64, names []string) string {
	i := 0
	for x >= step && i < len(names)-1 {
		x /= step
		i++
	}
	switch {
	case x >= 10:
		return fmt.Sprintf("%.0f%s", x, names[i])
	case x >= 1:
		return fmt.Sprintf("%.1f%s", x, names[i])
	}
	return fmt.Sprintf("%.2g%s", x, names[i])
}
