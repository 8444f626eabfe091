package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/sampledata"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type config struct {
	mb      int
	runs    int
	dir     string
	results string
	child   string
	set     string
	procs   int
	profile string
	files   int // of the small ones

	// For the growth measurement.
	only   string
	events int64
	hours  int
	hour   int
	keep   string

	// For the lake measurement.
	lakeEvents int
	program    string
	onlyLogs   bool
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var c config
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&c.mb, "mb", 500, "size of each generated set, in MB of JSON")
	flags.IntVar(&c.runs, "runs", 5, "runs of each measurement; medians are compared")
	flags.StringVar(&c.dir, "dir", filepath.Join("bench", "data"), "folder for generated sets and stores")
	flags.StringVar(&c.results, "results", filepath.Join("bench", "results.json"), "file to write the results to")
	flags.StringVar(&c.child, "child", "", "internal: the measurement to make in this process")
	flags.StringVar(&c.set, "set", "", "internal: the set to measure")
	flags.IntVar(&c.procs, "procs", runtime.NumCPU(), "processors to use")
	flags.StringVar(&c.profile, "cpuprofile", "", "internal: file for a CPU profile of this process")
	flags.IntVar(&c.files, "files", 50_000, "small: log files in the set")
	flags.StringVar(&c.only, "only", "", "measure only these, separated by commas: "+strings.Join(sections, ", "))
	flags.Int64Var(&c.events, "events", 50_000_000, "growth: events in the large store")
	flags.IntVar(&c.hours, "hours", 3, "growth: hours to measure in each store; medians are compared")
	flags.StringVar(&c.keep, "keep", "", "growth: folder for the large store, which stays there and is used again")
	flags.IntVar(&c.hour, "hour", 0, "internal: the hour to ingest")
	flags.IntVar(&c.lakeEvents, "lake-events", 5_000_000, "lake: KMS events in the logs")
	flags.StringVar(&c.program, "kmstrail", filepath.Join("bin", "kmstrail"), "lake: the program, as make build makes it")
	flags.BoolVar(&c.onlyLogs, "generate", false, "lake: only make the logs, which are then used again")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if c.child != "" {
		return child(ctx, &c)
	}
	return c.measure(ctx, out)
}

// sections are the measurements that there are.
var sections = []string{"ingest", "small", "growth", "lake"}

// measure makes the measurements asked for and writes them to the results,
// where the others stay as they are.
func (c *config) measure(ctx context.Context, out io.Writer) error {
	wanted := sections
	if c.only != "" {
		wanted = strings.Split(c.only, ",")
	}
	for _, w := range wanted {
		if !slices.Contains(sections, w) {
			return fmt.Errorf("there is no measurement %q; there are %s", w, strings.Join(sections, ", "))
		}
	}
	rep, err := c.readResults()
	if err != nil {
		return err
	}
	for _, section := range sections {
		if !slices.Contains(wanted, section) {
			continue
		}
		if err := c.measureSection(ctx, section, rep, out); err != nil {
			return fmt.Errorf("measure %s: %w", section, err)
		}
		if err := rep.write(c.results); err != nil {
			return err
		}
	}
	if slices.Contains(wanted, "ingest") || slices.Contains(wanted, "small") {
		return rep.withinMemory()
	}
	return nil
}

// mostMB is what no ingest may have resident.
const mostMB = 1000

// withinMemory is an error when an ingest took more memory than it may.
func (r *report) withinMemory() error {
	if what, mb := r.peak(); mb >= mostMB {
		return fmt.Errorf("ingest of %s had %.0f MB resident; the limit is %d", what, mb, mostMB)
	}
	return nil
}

// peak returns the ingest that had most memory resident.
func (r *report) peak() (what string, mb float64) {
	more := func(name string, f *figures) {
		if f.PeakMB > mb {
			what, mb = name, f.PeakMB
		}
	}
	for i := range r.Results {
		if res := &r.Results[i]; res.Measurement == "ingest" {
			more(res.Set, &res.Median)
		}
	}
	if s := r.Small; s != nil {
		more("small files", &s.Directory.figures)
		more("small files on one core", &s.OneCore.figures)
		more("small files from S3", &s.S3.figures)
	}
	return what, mb
}

// measureSection makes one measurement anew.
func (c *config) measureSection(ctx context.Context, section string, rep *report, out io.Writer) (err error) {
	switch section {
	case "small":
		rep.Small, err = c.measureSmall(ctx, out)
	case "growth":
		rep.Growth, err = c.measureGrowth(ctx, out)
	case "lake":
		rep.Lake, err = c.measureLake(ctx, out)
	default:
		var anew *report
		if anew, err = c.measureIngest(ctx, out); err == nil {
			anew.Small, anew.Growth, anew.Lake = rep.Small, rep.Growth, rep.Lake
			*rep = *anew
		}
	}
	return err
}

// readResults returns what earlier runs wrote.
func (c *config) readResults() (*report, error) {
	rep := &report{}
	text, err := os.ReadFile(c.results)
	if errors.Is(err, fs.ErrNotExist) {
		return rep, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, rep); err != nil {
		return nil, fmt.Errorf("read %s: %w", c.results, err)
	}
	return rep, nil
}

func (r *report) write(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// sets are the generated inputs: how many in a hundred records are of KMS.
var sets = []sampledata.BenchKind{sampledata.BenchKMS100, sampledata.BenchKMS10, sampledata.BenchKMS0}

// measurements of a set, in the order in which they take turns.
var measurements = []string{"decompress", "read_json", "ingest"}

// cost is what one process used.
type cost struct {
	CPU    float64 `json:"cpu_seconds"`
	Wall   float64 `json:"wall_seconds"`
	PeakMB float64 `json:"peak_resident_mb"`
}

func (c *cost) set(used cost) { *c = used }

// figures are what one process used, and for what.
type figures struct {
	cost
	counts
}

// counts is what a child reports on its standard output.
type counts struct {
	JSONBytes  int64 `json:"json_bytes"`
	Events     int64 `json:"events"`
	StoreBytes int64 `json:"store_bytes"`
	Files      int64 `json:"files,omitempty"`
	// Requests are those to S3.
	Requests ingest.Requests `json:"requests,omitzero"`
}

type result struct {
	Set         string  `json:"set"`
	Measurement string  `json:"measurement"`
	Runs        int     `json:"runs"`
	Median      figures `json:"median"`
}

type report struct {
	machine
	Results []result           `json:"results"`
	Ratios  map[string]float64 `json:"ratios"`
	// Per event, of kmstrail's ingest of the KMS-only set.
	EventsPerCPUSecond float64 `json:"events_per_cpu_second"`
	BytesPerEvent      float64 `json:"bytes_per_event"`

	Profile []profileFigures `json:"profile"`

	Small  *smallReport  `json:"small_files,omitempty"`
	Growth *growthReport `json:"growth_cpu,omitempty"`
	Lake   *lakeReport   `json:"lake,omitempty"`
}

func (c *config) measureIngest(ctx context.Context, out io.Writer) (*report, error) {
	rep := &report{Ratios: map[string]float64{}}
	var err error
	if rep.machine, err = thisMachine(c.procs); err != nil {
		return nil, err
	}
	medians := map[string]figures{}
	for _, set := range sets {
		dir := filepath.Join(c.dir, fmt.Sprintf("%s-%dmb", set, c.mb))
		if err := c.generate(ctx, dir, set, out); err != nil {
			return nil, err
		}
		runs := map[string][]figures{}
		for n := range c.runs + 1 { // the first warms the page cache and is not counted
			for _, m := range measurements {
				var f figures
				err := c.process(ctx, dir, m, &f)
				if err != nil {
					return nil, fmt.Errorf("measure %s of %s: %w", m, set, err)
				}
				if n > 0 {
					runs[m] = append(runs[m], f)
				}
				fmt.Fprintf(os.Stderr, "%s %-10s run %d: %.2f cpu s, %.2f s, %.0f MB\n", set, m, n, f.CPU, f.Wall, f.PeakMB)
			}
		}
		for _, m := range measurements {
			f := median(runs[m])
			medians[string(set)+"/"+m] = f
			rep.Results = append(rep.Results, result{string(set), m, c.runs, f})
		}
		p, err := c.profileOf(ctx, string(set), dir)
		if err != nil {
			return nil, err
		}
		rep.Profile = append(rep.Profile, p)
	}
	rep.summarise(medians)
	rep.print(out)
	return rep, nil
}

// generate makes a set once; a marker file says that it is whole. A process of its
// own does it: what this one had resident would count as its children's.
func (c *config) generate(ctx context.Context, dir string, set sampledata.BenchKind, out io.Writer) error {
	_, err := generateLogs(dir, out, fmt.Sprintf("%d MB of JSON", c.mb), func() (truth sampledata.BenchTruth, err error) {
		err = c.process(ctx, dir, generateChild+string(set), &truth)
		return truth, err
	})
	return err
}

// generateChild begins the name of a measurement that only makes a set.
const generateChild = "generate-"

func generateSet(ctx context.Context, c *config, set string) (sampledata.BenchTruth, error) {
	if set == "small" {
		return sampledata.GenerateBenchSmall(ctx, c.set, c.files, 1)
	}
	return sampledata.GenerateBench(ctx, c.set, sampledata.BenchKind(set), int64(c.mb)*1e6, 1)
}

// process makes one measurement in a process of its own, with variables added to
// its environment, and adds what that process used to what it reported.
func (c *config) process(ctx context.Context, set, measurement string, result any, env ...string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	args := []string{exe, "-child", measurement, "-set", set, "-procs", strconv.Itoa(c.procs), "-cpuprofile", c.profile,
		"-mb", strconv.Itoa(c.mb), "-files", strconv.Itoa(c.files),
		"-events", strconv.FormatInt(c.events, 10), "-hour", strconv.Itoa(c.hour)}
	if c.procs < runtime.NumCPU() {
		// GOMAXPROCS alone would leave DuckDB's code a processor of its own.
		args = append([]string{"taskset", "--cpu-list", fmt.Sprintf("0-%d", c.procs-1)}, args...)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, io.MultiWriter(&stderr, os.Stderr)
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", measurement, err, stderr.String())
	}
	if err := json.Unmarshal([]byte(stdout.String()), result); err != nil {
		return fmt.Errorf("%s: read result: %w", measurement, err)
	}
	used, err := costOf(cmd, start)
	if err != nil {
		return err
	}
	if r, ok := result.(interface{ set(used cost) }); ok {
		r.set(used)
	}
	return nil
}

// costOf is what a process that has ended used.
func costOf(cmd *exec.Cmd, start time.Time) (cost, error) {
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return cost{}, errors.New("this system does not tell what a process used")
	}
	return cost{
		CPU:    cmd.ProcessState.UserTime().Seconds() + cmd.ProcessState.SystemTime().Seconds(),
		Wall:   time.Since(start).Seconds(),
		PeakMB: float64(usage.Maxrss) * 1024 / 1e6, // Linux counts in KiB
	}, nil
}

// median takes each figure's median on its own; of memory, the most.
func median(runs []figures) figures {
	m := runs[len(runs)-1]
	m.CPU = medianOf(runs, func(f figures) float64 { return f.CPU })
	m.Wall = medianOf(runs, func(f figures) float64 { return f.Wall })
	for _, f := range runs {
		m.PeakMB = max(m.PeakMB, f.PeakMB)
	}
	return m
}

func medianOf[T any](runs []T, get func(T) float64) float64 {
	v := make([]float64, len(runs))
	for i, r := range runs {
		v[i] = get(r)
	}
	slices.Sort(v)
	return v[len(v)/2]
}

func (r *report) summarise(m map[string]figures) {
	over := func(a, b string) float64 { return m[a].CPU / m[b].CPU }
	r.Ratios["kms100_read_json_cpu"] = over("kms100/read_json", "kms100/ingest")
	r.Ratios["kms10_read_json_cpu"] = over("kms10/read_json", "kms10/ingest")
	r.Ratios["kms0_read_json_cpu"] = over("kms0/read_json", "kms0/ingest")
	r.Ratios["kms100_decompress_cpu"] = over("kms100/ingest", "kms100/decompress")
	r.Ratios["kms10_decompress_cpu"] = over("kms10/ingest", "kms10/decompress")
	r.Ratios["kms0_decompress_cpu"] = over("kms0/ingest", "kms0/decompress")
	r.Ratios["kms100_read_json_wall"] = m["kms100/read_json"].Wall / m["kms100/ingest"].Wall
	r.Ratios["kms10_read_json_wall"] = m["kms10/read_json"].Wall / m["kms10/ingest"].Wall
	all := m["kms100/ingest"]
	r.EventsPerCPUSecond = float64(all.Events) / all.CPU
	r.BytesPerEvent = float64(all.StoreBytes) / float64(all.Events)
}

func (r *report) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "set\tmeasurement\tCPU s\twall s\tpeak MB\tJSON MB/CPU s\tevents\tevents/CPU s\tbytes/event\t")
	for _, res := range r.Results {
		f := res.Median
		perEvent, rate := "", ""
		if f.Events > 0 {
			perEvent = fmt.Sprintf("%.0f", float64(f.StoreBytes)/float64(f.Events))
			rate = fmt.Sprintf("%.0f", float64(f.Events)/f.CPU)
		}
		fmt.Fprintf(w, "%s\t%s\t%.2f\t%.2f\t%.0f\t%.0f\t%d\t%s\t%s\t\n", res.Set, res.Measurement, f.CPU, f.Wall, f.PeakMB,
			float64(f.JSONBytes)/1e6/f.CPU, f.Events, rate, perEvent)
	}
	w.Flush()
	fmt.Fprintln(out)
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for n := range r.Ratios {
			if !yield(n) {
				return
			}
		}
	}) {
		fmt.Fprintf(out, "%-24s %.2f\n", name, r.Ratios[name])
	}
}
