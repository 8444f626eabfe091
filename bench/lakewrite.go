package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kmstrail/kmstrail/internal/lake"
	"github.com/kmstrail/kmstrail/internal/s3server"
)

// ingestFigures are a store filled from the logs.
type ingestFigures struct {
	cost
	EventsPerCPUSecond float64 `json:"events_per_cpu_second"`
	BytesPerEvent      float64 `json:"bytes_per_event"`
}

// writeFigures are a lake filled from the logs by one process.
type writeFigures struct {
	cost
	EventsPerCPUSecond float64 `json:"events_per_cpu_second"`
	// BytesPerEvent is of all tables, EventBytes of those of events alone.
	BytesPerEvent float64 `json:"bytes_per_event"`
	EventBytes    float64 `json:"event_bytes_per_event"`
	Plans         int     `json:"plans"`
	// Files and Bytes by table; plans are _plans.
	Files map[string]int   `json:"files"`
	Bytes map[string]int64 `json:"bytes"`
	// Again is the same run once more, when all is in the lake.
	Again cost `json:"again"`
}

// sharedFigures are a lake filled by three processes at once.
type sharedFigures struct {
	CPU  float64 `json:"cpu_seconds"`
	Wall float64 `json:"wall_seconds"`
	// FilesRead are those of each, Twice the share that was read more than once.
	FilesRead []int   `json:"log_files_read"`
	Twice     float64 `json:"read_twice_share"`
}

// requestFigures are the requests to S3 of the sample.
type requestFigures struct {
	LogFiles int `json:"log_files"`
	Plans    int `json:"plans"`
	// Source are those for the logs, Lake those to the lake.
	Source s3server.Counts `json:"source"`
	Lake   s3server.Counts `json:"lake"`
	// Again are those of a run with nothing to do.
	SourceAgain s3server.Counts `json:"source_again"`
	LakeAgain   s3server.Counts `json:"lake_again"`
}

// ran is a run of the program.
type ran struct {
	cost
	stdout, stderr string
}

// command runs the program on the configuration of the measurement. It may end
// with exit code 0 only.
func (c *config) command(ctx context.Context, d *lakeDirs, env []string, args ...string) (ran, error) {
	args = append([]string{"--config", d.config}, args...)
	cmd := exec.CommandContext(ctx, c.program, args...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Env = append(os.Environ(), env...)
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return ran{}, fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, stderr.String())
	}
	used, err := costOf(cmd, start)
	fmt.Fprintf(os.Stderr, "kmstrail %s: %.1f cpu s, %.1f s, %.0f MB\n", strings.Join(args[2:4], " "), used.CPU, used.Wall, used.PeakMB)
	return ran{used, stdout.String(), stderr.String()}, err
}

func (c *config) measureWrite(ctx context.Context, d *lakeDirs, events int) (writeFigures, error) {
	var f writeFigures
	first, err := c.command(ctx, d, nil, "lake", "write", d.lake, "--source", d.logs)
	if err != nil {
		return f, err
	}
	f.cost = first.cost
	f.EventsPerCPUSecond = float64(events) / f.CPU
	again, err := c.command(ctx, d, nil, "lake", "write", d.lake, "--source", d.logs)
	if err != nil {
		return f, err
	}
	f.Again = again.cost
	f.Files, f.Bytes = map[string]int{}, map[string]int64{}
	if err := sizes(d.lake, f.Files, f.Bytes); err != nil {
		return f, err
	}
	var all int64
	for _, n := range f.Bytes {
		all += n
	}
	f.Plans = f.Files[lake.LogFiles] // one each
	f.BytesPerEvent = float64(all) / float64(events)
	f.EventBytes = float64(f.Bytes[lake.Events]) / float64(events)
	return f, nil
}

// sizes counts the files of a lake by the directories at its top, without those
// that engines do not see.
func sizes(dir string, files map[string]int, bytes map[string]int64) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.ContainsAny(e.Name()[:1], "._") {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		top, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
		files[top]++
		bytes[top] += info.Size()
		return err
	})
}

// logFilesRead finds what kmstrail lake write says it has read.
var logFilesRead = regexp.MustCompile(`read ([0-9,]+) log files?`)

func (c *config) measureThree(ctx context.Context, d *lakeDirs, files int) (sharedFigures, error) {
	const workers = 3
	shared := filepath.Join(d.root, "shared")
	f := sharedFigures{FilesRead: make([]int, workers)}
	runs, errs := make([]ran, workers), make([]error, workers)
	var wg sync.WaitGroup
	start := time.Now()
	for i := range workers {
		wg.Go(func() { runs[i], errs[i] = c.command(ctx, d, nil, "lake", "write", shared, "--source", d.logs) })
	}
	wg.Wait()
	f.Wall = time.Since(start).Seconds()
	all := 0
	for i := range workers {
		if errs[i] != nil {
			return f, errs[i]
		}
		f.CPU += runs[i].CPU
		if m := logFilesRead.FindStringSubmatch(runs[i].stderr); m != nil {
			n, err := strconv.Atoi(strings.ReplaceAll(m[1], ",", ""))
			if err != nil {
				return f, err
			}
			f.FilesRead[i] = n
			all += n
		}
	}
	if all < files {
		return f, fmt.Errorf("%d writers say they read %d log files of %d", workers, all, files)
	}
	f.Twice = float64(all-files) / float64(files)
	return f, os.RemoveAll(shared)
}

func (c *config) measureStore(ctx context.Context, d *lakeDirs, events int) (ingestFigures, error) {
	var f ingestFigures
	r, err := c.command(ctx, d, nil, "ingest", d.logs, "--db", d.store)
	if err != nil {
		return f, err
	}
	info, err := os.Stat(d.store)
	if err != nil {
		return f, err
	}
	f.cost = r.cost
	f.EventsPerCPUSecond = float64(events) / f.CPU
	f.BytesPerEvent = float64(info.Size()) / float64(events)
	return f, nil
}

// measureRequests counts requests: first those for the logs, with the lake in a
// directory, then those to the lake, with the logs in one.
func (c *config) measureRequests(ctx context.Context, d *lakeDirs) (requestFigures, error) {
	var f requestFigures
	logs, err := s3server.Start(ctx, s3server.Config{Dir: d.sample})
	if err != nil {
		return f, err
	}
	defer logs.Close()
	dir := filepath.Join(d.root, "sample")
	from, source := sampleStart(), "s3://"+logs.Bucket()
	if f.Source, f.SourceAgain, err = c.countTwice(ctx, d, logs, "lake", "write", dir, "--source", source, "--from", from); err != nil {
		return f, err
	}
	written := map[string]int{}
	if err := sizes(dir, written, map[string]int64{}); err != nil {
		return f, err
	}
	f.Plans = written[lake.LogFiles]
	empty := filepath.Join(d.root, "sample-s3")
	if err := os.Mkdir(empty, 0o755); err != nil {
		return f, err
	}
	server, err := s3server.Start(ctx, s3server.Config{Dir: empty, Writable: true})
	if err != nil {
		return f, err
	}
	defer server.Close()
	if f.Lake, f.LakeAgain, err = c.countTwice(ctx, d, server, "lake", "write", "s3://"+server.Bucket()+"/lake", "--source", d.sample); err != nil {
		return f, err
	}
	f.LogFiles, err = countFiles(d.sample)
	return f, err
}

// countTwice runs a command twice and counts what each run asked of the server.
func (c *config) countTwice(ctx context.Context, d *lakeDirs, s *s3server.Server, args ...string) (first, again s3server.Counts, err error) {
	if _, err = c.command(ctx, d, s.Env(), args...); err != nil {
		return first, again, err
	}
	first = s.Counts()
	if _, err = c.command(ctx, d, s.Env(), args...); err != nil {
		return first, again, err
	}
	all := s.Counts()
	again = s3server.Counts{List: all.List - first.List, Get: all.Get - first.Get, Head: all.Head - first.Head, Write: all.Write - first.Write}
	return first, again, nil
}

func countFiles(dir string) (int, error) {
	files, err := logFiles(dir)
	return len(files), err
}
