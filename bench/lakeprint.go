package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

func (l *lakeReport) print(out io.Writer) {
	logs := l.Logs
	fmt.Fprintf(out, "\n%d KMS events of %d records in %d log files (%.1f GB, median %d records, 90 %% at most %d, most %d)\n\n",
		logs.KMS, logs.Records, logs.Files, float64(logs.Bytes)/1e9, logs.Median, logs.P90, logs.Most)
	l.printWriting(out)
	fmt.Fprintf(out, "\nlake and store agree: %d events, %d event ids, %d groups\n\n", l.Agree.Events, l.Agree.Distinct, l.Agree.Groups)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "kmstrail detect\tfindings\tDuckDB CPU s\twall s\tTrino CPU s\twall s\tqueries\tMB read\t")
	for _, d := range l.Detect {
		used := statSums{}
		if d.Server != nil {
			used = *d.Server
		}
		fmt.Fprintf(w, "%d days\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%d\t%.1f\t\n", d.Days, d.Findings, d.DuckDB.CPU, d.DuckDB.Wall,
			used.CPU, d.Trino.Wall, used.Queries, float64(used.ReadBytes)/1e6)
	}
	w.Flush()
	fmt.Fprintln(out)
	w = tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "question\tdays\trows\tDuckDB CPU s\twall s\tTrino CPU s\twall s\tplanning s\tMB read\trows read\tpeak MB\t")
	for _, q := range l.Questions {
		fmt.Fprintf(w, "%s\t%d\t%d\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.1f\t%d\t%.0f\t\n", q.Name, q.Days, q.Rows, q.DuckCPU, q.DuckWall,
			q.Trino.CPU, q.TrinoWall, q.Trino.Planning, float64(q.Trino.ReadBytes)/1e6, q.Trino.ReadRows, q.Trino.PeakMB)
	}
	w.Flush()
}

func (l *lakeReport) printWriting(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "from logs to\tCPU s\twall s\tpeak MB\tevents/CPU s\tbytes/event\t")
	fmt.Fprintf(w, "store\t%.1f\t%.1f\t%.0f\t%.0f\t%.1f\t\n", l.Ingest.CPU, l.Ingest.Wall, l.Ingest.PeakMB, l.Ingest.EventsPerCPUSecond, l.Ingest.BytesPerEvent)
	fmt.Fprintf(w, "lake\t%.1f\t%.1f\t%.0f\t%.0f\t%.1f\t\n", l.Write.CPU, l.Write.Wall, l.Write.PeakMB, l.Write.EventsPerCPUSecond, l.Write.BytesPerEvent)
	fmt.Fprintf(w, "lake, again\t%.1f\t%.1f\t%.0f\t\t\t\n", l.Write.Again.CPU, l.Write.Again.Wall, l.Write.Again.PeakMB)
	fmt.Fprintf(w, "lake, three at once\t%.1f\t%.1f\t\t%.0f\t\t\n", l.Three.CPU, l.Three.Wall, float64(l.Logs.KMS)/l.Three.CPU)
	w.Flush()
	fmt.Fprintf(out, "\n%d plans; files %v; bytes %v; %.2f %% of the log files read twice by three %v\n", l.Write.Plans, l.Write.Files, l.Write.Bytes, 100*l.Three.Twice, l.Three.FilesRead)
	q := l.Requests
	fmt.Fprintf(out, "requests for %d log files in %d plans: logs %+v, lake %+v; with nothing to do: logs %+v, lake %+v\n", q.LogFiles, q.Plans, q.Source, q.Lake, q.SourceAgain, q.LakeAgain)
}
