package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"text/tabwriter"
)

// The growth measurement: what one more hour of logs costs in a store that is
// large already, against the same hour in an empty one.
const (
	hourCommits  = 200
	commitEvents = 2_000
	hourEvents   = hourCommits * commitEvents
)

// growthReport is the key growth_cpu of results.json.
type growthReport struct {
	CPUs   int    `json:"cpus"`
	Go     string `json:"go"`
	Events int64  `json:"events"`
	// Ratio compares all that the hour's process does but making the events;
	// RatioCommits leaves opening and closing out.
	Ratio        float64     `json:"ratio"`
	RatioCommits float64     `json:"ratio_commits"`
	Runs         int         `json:"runs"`
	Large        hourFigures `json:"large"`
	Empty        hourFigures `json:"empty"`
	filled
	Size      sizeFigures `json:"size"`
	Questions []question  `json:"questions"`
}

// filled says what was done to a large store; it is kept beside it.
type filled struct {
	Fill     fillFigures     `json:"fill"`
	Maintain maintainFigures `json:"maintain"`
	// Hours were measured in the store so far.
	Hours int `json:"hours_since"`
}

// measureGrowth fills a store, or takes a kept one, and measures.
func (c *config) measureGrowth(ctx context.Context, out io.Writer) (*growthReport, error) {
	dir := c.keep
	if dir == "" {
		dir = filepath.Join(c.dir, "growth")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	rep := &growthReport{CPUs: c.procs, Go: runtime.Version(), Events: c.events, Runs: c.hours}
	path := filepath.Join(dir, fmt.Sprintf("events-%d.duckdb", c.events))
	if err := c.fill(ctx, path, &rep.filled, out); err != nil {
		return nil, err
	}
	if err := c.measureHours(ctx, path, rep); err != nil {
		return nil, err
	}
	// What the hours added is put together before rows are counted.
	if err := c.process(ctx, path, "growth-maintain", &maintainFigures{}); err != nil {
		return nil, err
	}
	if err := c.process(ctx, path, "growth-size", &rep.Size); err != nil {
		return nil, err
	}
	if err := c.process(ctx, path, "growth-questions", &rep.Questions); err != nil {
		return nil, err
	}
	rep.print(out)
	if c.keep != "" {
		return rep, nil
	}
	return rep, os.RemoveAll(dir) // after an error it stays, and is used again
}

// fill makes the store at path unless it is there; a file beside it says that
// it is whole.
func (c *config) fill(ctx context.Context, path string, f *filled, out io.Writer) error {
	if text, err := os.ReadFile(path + ".json"); err == nil {
		if err := json.Unmarshal(text, f); err != nil {
			return fmt.Errorf("read %s.json: %w", path, err)
		}
		c.hour = f.Hours
		// Opening it brings it to the layout of today, and that is not measured.
		return c.process(ctx, path, "growth-maintain", &maintainFigures{})
	}
	if err := removeStore(path); err != nil {
		return err
	}
	fmt.Fprintf(out, "filling %s with %d events\n", path, c.events)
	if err := c.process(ctx, path, "growth-fill", &f.Fill); err != nil {
		return err
	}
	if err := c.process(ctx, path, "growth-maintain", &f.Maintain); err != nil {
		return err
	}
	return f.save(path)
}

func (f *filled) save(path string) error {
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path+".json", append(text, '\n'), 0o644)
}

// measureHours lets the large store and an empty one take turns. Each turn has
// an hour of its own, the same events for both.
func (c *config) measureHours(ctx context.Context, path string, rep *growthReport) error {
	empty := filepath.Join(filepath.Dir(path), "empty.duckdb")
	var large, small []hourFigures
	for range c.hours {
		c.hour = rep.Hours
		rep.Hours++ // even if it fails: it may be in the store then
		if err := rep.save(path); err != nil {
			return err
		}
		if err := removeStore(empty); err != nil {
			return err
		}
		var made cost
		if err := c.process(ctx, empty, "growth-empty", &made); err != nil {
			return err
		}
		var l, s hourFigures
		if err := c.process(ctx, path, "growth-hour", &l); err != nil {
			return err
		}
		if err := c.process(ctx, empty, "growth-hour", &s); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "hour %d: %.2f cpu s in the large store, %.2f in an empty one\n", c.hour, l.ingesting(), s.ingesting())
		large, small = append(large, l), append(small, s)
	}
	rep.Large, rep.Empty = medianHour(large), medianHour(small)
	rep.Ratio = rep.Large.ingesting() / rep.Empty.ingesting()
	rep.RatioCommits = rep.Large.committing() / rep.Empty.committing()
	return removeStore(empty)
}

// ingesting is the CPU time of the process, without making events.
func (f hourFigures) ingesting() float64 { return f.CPU - f.Generate }

func (f hourFigures) committing() float64 { return f.FirstCommit + f.Commits + f.Ledger }

// medianHour takes each figure's median on its own.
func medianHour(runs []hourFigures) hourFigures {
	pick := func(get func(hourFigures) float64) float64 { return medianOf(runs, get) }
	return hourFigures{
		cost: cost{
			CPU:    pick(func(f hourFigures) float64 { return f.CPU }),
			Wall:   pick(func(f hourFigures) float64 { return f.Wall }),
			PeakMB: pick(func(f hourFigures) float64 { return f.PeakMB }),
		},
		Generate:    pick(func(f hourFigures) float64 { return f.Generate }),
		Open:        pick(func(f hourFigures) float64 { return f.Open }),
		FirstCommit: pick(func(f hourFigures) float64 { return f.FirstCommit }),
		Commits:     pick(func(f hourFigures) float64 { return f.Commits }),
		Ledger:      pick(func(f hourFigures) float64 { return f.Ledger }),
		Close:       pick(func(f hourFigures) float64 { return f.Close }),
	}
}

func (r *growthReport) print(out io.Writer) {
	f := r.Fill
	fmt.Fprintf(out, "\nfilled with %d events: %.0f CPU s to store, %.0f to generate, %.0f s, %.0f MB at most, %.1f µs CPU and %.0f bytes per event\n",
		r.Events, f.CPU-f.Generate, f.Generate, f.Wall, f.PeakMB, 1e6*(f.CPU-f.Generate)/float64(r.Events), float64(f.StoreBytes)/float64(r.Events))
	m := r.Maintain
	fmt.Fprintf(out, "rollups put together: %.1f CPU s, %.1f s, %.0f MB at most, %d parts to %d rows, writer held %.2f s at most\n\n",
		m.CPU, m.Wall, m.PeakMB, m.Merged, m.Rows, m.Held)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "one more hour, CPU s\topen\tledger\tfirst commit\tother commits\tclose\tall\twall s\tpeak MB\t")
	for _, row := range []struct {
		name string
		hourFigures
	}{{"large", r.Large}, {"empty", r.Empty}} {
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.0f\t\n", row.name,
			row.Open, row.Ledger, row.FirstCommit, row.Commits, row.Close, row.ingesting(), row.Wall, row.PeakMB)
	}
	w.Flush()
	fmt.Fprintf(out, "\ngrowth_cpu %.2f (goal: at most 1.30); ledger and commits alone %.2f\n\n", r.Ratio, r.RatioCommits)
	r.Size.print(out)
	printQuestions(out, r.Questions)
}
