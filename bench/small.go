package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/kmstrail/kmstrail/ingest/dirsource"
	"github.com/kmstrail/kmstrail/ingest/s3source"
	"github.com/kmstrail/kmstrail/internal/s3server"
	"github.com/kmstrail/kmstrail/sampledata"
)

// smallReport is the key small_files of results.json.
type smallReport struct {
	machine
	Runs int                   `json:"runs"`
	Logs sampledata.BenchTruth `json:"logs"`

	Directory smallFigures `json:"directory"`
	// OneCore is Directory with a single processor.
	OneCore smallFigures `json:"one_core"`
	S3      smallFigures `json:"s3"`
	// Cores is how much faster all processors are than one.
	Cores   float64        `json:"cores_speedup"`
	Profile profileFigures `json:"profile"`
}

// smallFigures are an ingest of small files.
type smallFigures struct {
	figures
	FilesPerSecond    float64 `json:"files_per_second"`
	FilesPerCPUSecond float64 `json:"files_per_cpu_second"`
}

// measureSmall ingests small files from a directory, with one processor and with
// all, and from S3.
func (c *config) measureSmall(ctx context.Context, out io.Writer) (*smallReport, error) {
	base, err := filepath.Abs(c.dir)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(base, fmt.Sprintf("small-%d", c.files))
	rep := &smallReport{Runs: c.runs}
	if rep.machine, err = thisMachine(c.procs); err != nil {
		return nil, err
	}
	rep.Logs, err = generateLogs(dir, out, fmt.Sprintf("%d small log files", c.files), func() (truth sampledata.BenchTruth, err error) {
		err = c.process(ctx, dir, generateChild+"small", &truth)
		return truth, err
	})
	if err != nil {
		return nil, err
	}
	server, err := s3server.Start(ctx, s3server.Config{Dir: dir})
	if err != nil {
		return nil, err
	}
	defer server.Close()
	one := *c
	one.procs = 1
	ways := []struct {
		name string
		run  func(f *figures) error
		into *smallFigures
		runs []figures
	}{
		{name: "directory", into: &rep.Directory, run: func(f *figures) error { return c.process(ctx, dir, "ingest", f) }},
		{name: "one core", into: &rep.OneCore, run: func(f *figures) error { return one.process(ctx, dir, "ingest", f) }},
		{name: "s3", into: &rep.S3, run: func(f *figures) error { return c.process(ctx, dir, "ingest-s3", f, server.Env()...) }},
	}
	for n := range c.runs + 1 { // the first warms the page cache and is not counted
		for i := range ways {
			w := &ways[i]
			var f figures
			if err := w.run(&f); err != nil {
				return nil, fmt.Errorf("measure %s: %w", w.name, err)
			}
			if f.Files != int64(c.files) || f.Events != int64(rep.Logs.KMS) {
				return nil, fmt.Errorf("measure %s: ingested %d events of %d files; there are %d of %d", w.name, f.Events, f.Files, rep.Logs.KMS, c.files)
			}
			if n > 0 {
				w.runs = append(w.runs, f)
			}
			fmt.Fprintf(os.Stderr, "small %-10s run %d: %.2f cpu s, %.2f s, %.0f MB\n", w.name, n, f.CPU, f.Wall, f.PeakMB)
		}
	}
	for _, w := range ways {
		f := median(w.runs)
		*w.into = smallFigures{f, float64(f.Files) / f.Wall, float64(f.Files) / f.CPU}
	}
	rep.Cores = rep.OneCore.Wall / rep.Directory.Wall
	if rep.Profile, err = c.profileOf(ctx, "small", dir); err != nil {
		return nil, err
	}
	rep.print(out)
	return rep, nil
}

func (r *smallReport) print(out io.Writer) {
	fmt.Fprintf(out, "\n%d log files, %d records, %d of KMS, %d bytes\n", r.Logs.Files, r.Logs.Records, r.Logs.KMS, r.Logs.Bytes)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "small files from\tCPU s\twall s\tpeak MB\tfiles/s\tfiles/CPU s\tLIST\tGET\t")
	for _, row := range []struct {
		name string
		smallFigures
	}{{"directory", r.Directory}, {"directory, one core", r.OneCore}, {"S3 on loopback", r.S3}} {
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.0f\t%.0f\t%.0f\t%d\t%d\t\n", row.name, row.CPU, row.Wall, row.PeakMB,
			row.FilesPerSecond, row.FilesPerCPUSecond, row.Requests.List, row.Requests.Get)
	}
	w.Flush()
	fmt.Fprintf(out, "\n%d cores are %.2f times as fast as one\n", r.CPUs, r.Cores)
}

// ingestDirectory is kmstrail ingest of a directory.
func ingestDirectory(ctx context.Context, dir string) (counts, error) {
	src, err := dirsource.New(dir)
	if err != nil {
		return counts{}, err
	}
	defer src.Close()
	return ingestSource(ctx, src, dir)
}

// ingestS3 is kmstrail ingest of the bucket that the environment leads to.
func ingestS3(ctx context.Context, dir string) (counts, error) {
	src, err := s3source.New(ctx, s3source.Config{Bucket: s3server.DefaultBucket})
	if err != nil {
		return counts{}, err
	}
	return ingestSource(ctx, src, dir)
}
