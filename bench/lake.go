package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/kmstrail/kmstrail/sampledata"
)

// sampleEvents is how many KMS events the logs have with which requests to S3
// are counted.
const sampleEvents = 200_000

// lakeReport is the key lake of results.json.
type lakeReport struct {
	machine
	Trino string `json:"trino"`

	Logs     logFigures      `json:"logs"`
	Ingest   ingestFigures   `json:"ingest"`
	Write    writeFigures    `json:"write"`
	Three    sharedFigures   `json:"three_writers"`
	Requests requestFigures  `json:"requests"`
	Agree    agreement       `json:"agreement"`
	Detect   []detectFigures `json:"detect"`
	// Questions are detectors and queries one by one.
	Questions []lakeQuestion `json:"questions"`
}

// logFigures are the logs that are read.
type logFigures struct {
	sampledata.BenchTruth
	Days     int `json:"days"`
	Accounts int `json:"accounts"`
	Regions  int `json:"regions"`
	// Records by log file.
	Median int64 `json:"records_median"`
	P90    int64 `json:"records_p90"`
	Most   int64 `json:"records_most"`
}

// lakeDirs are where things lie.
type lakeDirs struct {
	logs, sample, root, lake, config string
	// store has the same logs, findings what Trino's detectors found.
	store, findings string
}

func (c *config) lakeDirs() (*lakeDirs, error) {
	base, err := filepath.Abs(c.dir)
	if err != nil {
		return nil, err
	}
	root := filepath.Join(base, fmt.Sprintf("lake-%d", c.lakeEvents))
	return &lakeDirs{
		logs: filepath.Join(base, fmt.Sprintf("trail-%d", c.lakeEvents)), sample: filepath.Join(base, fmt.Sprintf("trail-%d", sampleEvents)),
		root: root, lake: filepath.Join(root, "lake"), config: filepath.Join(root, "kmstrail.yaml"),
		store: filepath.Join(root, "store.duckdb"), findings: filepath.Join(root, "findings.duckdb"),
	}, nil
}

// lakeConfig has a low quota, so that the detector of request rates finds some.
const lakeConfig = `quotas:
  - account: "111122223333"
    quota: cryptographic_symmetric
    per_second: 10
`

// measureLake writes a lake and has Trino answer over it.
func (c *config) measureLake(ctx context.Context, out io.Writer) (*lakeReport, error) {
	d, err := c.lakeDirs()
	if err != nil {
		return nil, err
	}
	rep := &lakeReport{}
	if _, err := generateTrail(ctx, d.sample, sampleEvents, out); err != nil {
		return nil, err
	}
	if rep.Logs.BenchTruth, err = generateTrail(ctx, d.logs, c.lakeEvents, out); err != nil || c.onlyLogs {
		return nil, err
	}
	if err := c.writeOnce(ctx, d, rep); err != nil {
		return nil, err
	}
	if err := c.measureReading(ctx, d, rep); err != nil {
		return nil, err
	}
	rep.print(out)
	return rep, os.RemoveAll(d.root) // after an error it stays, and is used again
}

// writeOnce writes store and lake, unless an earlier run did and failed later.
func (c *config) writeOnce(ctx context.Context, d *lakeDirs, rep *lakeReport) error {
	marker := filepath.Join(d.root, "written.json")
	if text, err := os.ReadFile(marker); err == nil {
		return json.Unmarshal(text, rep)
	}
	var err error
	if rep.machine, err = thisMachine(runtime.NumCPU()); err != nil {
		return err
	}
	if err := os.RemoveAll(d.root); err != nil {
		return err
	}
	if err := os.MkdirAll(d.root, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(d.config, []byte(lakeConfig), 0o644); err != nil {
		return err
	}
	if err := c.measureWriting(ctx, d, rep); err != nil {
		return err
	}
	text, err := json.Marshal(rep)
	if err != nil {
		return err
	}
	return os.WriteFile(marker, text, 0o644)
}

// measureWriting measures what ingests.
func (c *config) measureWriting(ctx context.Context, d *lakeDirs, rep *lakeReport) error {
	var err error
	if rep.Write, err = c.measureWrite(ctx, d, rep.Logs.KMS); err != nil {
		return err
	}
	if rep.Three, err = c.measureThree(ctx, d, rep.Logs.Files); err != nil {
		return err
	}
	if rep.Ingest, err = c.measureStore(ctx, d, rep.Logs.KMS); err != nil {
		return err
	}
	rep.Requests, err = c.measureRequests(ctx, d)
	return err
}

func generateTrail(ctx context.Context, dir string, events int, out io.Writer) (sampledata.BenchTruth, error) {
	return generateLogs(dir, out, fmt.Sprintf("logs with %d KMS events", events), func() (sampledata.BenchTruth, error) {
		return sampledata.GenerateBenchTrail(ctx, dir, events, 1)
	})
}

// generateLogs makes logs once; a file beside them says what is in them.
func generateLogs(dir string, out io.Writer, what string, generate func() (sampledata.BenchTruth, error)) (sampledata.BenchTruth, error) {
	var truth sampledata.BenchTruth
	marker := dir + ".json"
	if text, err := os.ReadFile(marker); err == nil {
		err := json.Unmarshal(text, &truth)
		return truth, err
	}
	if err := os.RemoveAll(dir); err != nil {
		return truth, err
	}
	fmt.Fprintf(out, "generating %s in %s\n", what, dir)
	truth, err := generate()
	if err != nil {
		return truth, err
	}
	text, err := json.Marshal(truth)
	if err != nil {
		return truth, err
	}
	return truth, os.WriteFile(marker, text, 0o644)
}
