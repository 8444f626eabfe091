package sampledata

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

// Config says what to generate.
type Config struct {
	Seed uint64
	// Dir is where bucket/, truth.json and kmstrail.yaml are written. What is
	// in Dir/bucket already is left there, so Dir should be new.
	Dir string
	// Scale multiplies the everyday records; what is planted stays the same.
	// 1, the default, gives about 200,000 records; below 0.1 everything is made
	// smaller.
	Scale float64
	// End is the end of the last day, exclusive; by default the end of October
	// 2026. Days is 30 by default, and at least 30.
	End  time.Time
	Days int
	// Workers is how many cells are made at once; by default one per core.
	Workers int
}

// Small is the configuration of the bucket in this folder.
func Small(dir string) Config { return Config{Seed: 1, Dir: dir, Scale: 0.001} }

// Progress says how far Generate is.
type Progress struct {
	Files, Records int
	Done, Total    int // places (accounts times regions)
}

func (c Config) withDefaults() Config {
	if c.Scale == 0 {
		c.Scale = 1
	}
	if c.End.IsZero() {
		c.End = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	}
	c.End = c.End.UTC().Truncate(24 * time.Hour)
	c.Days = max(c.Days, 30)
	if c.Workers < 1 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	return c
}

func (c Config) small() bool { return c.Scale < 0.1 }

// Generate writes a bucket and what belongs to it, and returns its truth.
// progress may be nil; it is called from one goroutine at a time. The same
// configuration (but for Dir and Workers) gives the same bytes.
func Generate(ctx context.Context, cfg Config, progress func(Progress)) (Truth, error) {
	cfg = cfg.withDefaults()
	p := newPlan(cfg)
	tallies, err := p.makeCells(ctx, progress)
	if err != nil {
		return Truth{}, err
	}
	sum := mergeTallies(tallies)
	if err := p.writeExtras(&sum); err != nil {
		return Truth{}, err
	}
	truth := p.truth(&sum)
	if err := writeJSON(filepath.Join(cfg.Dir, "truth.json"), truth); err != nil {
		return Truth{}, err
	}
	if err := os.WriteFile(filepath.Join(cfg.Dir, "kmstrail.yaml"), p.configuration(), 0o644); err != nil {
		return Truth{}, fmt.Errorf("write configuration: %w", err)
	}
	return truth, nil
}

// makeCells makes every cell, several at once.
func (p *plan) makeCells(ctx context.Context, progress func(Progress)) ([]tally, error) {
	type job struct {
		index  int
		a      account
		r      region
		weight float64
	}
	var jobs []job
	for _, a := range accounts() {
		for _, r := range regions() {
			jobs = append(jobs, job{len(jobs), a, r, a.weight * r.weight})
		}
	}
	tallies := make([]tally, len(jobs))
	errs := make([]error, len(jobs))
	var mu sync.Mutex
	state := Progress{Total: len(jobs)}
	queue := make(chan job)
	var wg sync.WaitGroup
	for range p.cfg.Workers {
		wg.Go(func() {
			for j := range queue {
				c := newCell(p, j.index, &j.a, j.r)
				c.make(j.weight)
				errs[j.index] = c.write(ctx)
				tallies[j.index] = c.tally
				mu.Lock()
				state.Done++
				state.Files += c.tally.files
				state.Records += c.tally.records
				if progress != nil {
					progress(state)
				}
				mu.Unlock()
			}
		})
	}
	// The heavy cells first, so that all cores have work to the end.
	slices.SortStableFunc(jobs, func(a, b job) int { return cmp.Compare(b.weight, a.weight) })
	for _, j := range jobs {
		queue <- j
	}
	close(queue)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return tallies, nil
}

// maxFileRecords bounds a log file.
const maxFileRecords = 400

// write sorts the cell's records into log files by delivery and writes them.
func (c *cell) write(ctx context.Context) error {
	slices.SortStableFunc(c.items, func(a, b item) int { return cmp.Compare(a.deliver, b.deliver) })
	for i := 0; i < len(c.items); {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("generate %s %s: %w", c.id, c.region, err)
		}
		j := i + 1
		for j < len(c.items) && c.items[j].deliver == c.items[i].deliver && j-i < maxFileRecords {
			j++
		}
		if err := c.writeFile(c.items[i:j]); err != nil {
			return err
		}
		i = j
	}
	return nil
}

// writeFile writes one log file, and where a second trail writes into the
// bucket too, a second one with the same records.
func (c *cell) writeFile(items []item) error {
	delivered := time.Unix(items[0].deliver*60, 0).UTC()
	slices.SortStableFunc(items, func(a, b item) int { return cmp.Compare(a.at, b.at) })
	if c.rng.n(100) < 28 { // records are not always in order
		for i := len(items) - 1; i > 0; i-- {
			j := c.rng.n(i + 1)
			items[i], items[j] = items[j], items[i]
		}
	}
	body := append(make([]byte, 0, 4096), `{"Records":[`...)
	for i, it := range items {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, c.arena[it.start:it.end]...)
		c.tally.count(c, &it)
	}
	body = append(body, "]}"...)
	key := cttest.Key("", organization, c.id, c.region, delivered, c.rng.suffix())
	if err := c.store(key, body); err != nil {
		return err
	}
	if !c.plan.secondTrail(c.id, c.region, delivered) {
		return nil
	}
	for _, it := range items {
		it.dup = true
		c.tally.count(c, &it)
	}
	key = cttest.Key("", "", c.id, c.region, delivered.Add(2*time.Minute), c.rng.suffix())
	return c.store(key, body)
}

// secondTrail: for eight days another trail writes to the same bucket.
func (p *plan) secondTrail(account, region string, at time.Time) bool {
	return account == shared && region == "us-east-1" && !at.Before(p.at(8, "00:00:00")) && at.Before(p.at(16, "00:00:00"))
}

func (c *cell) store(key string, body []byte) error {
	c.tally.jsonBytes += int64(len(body))
	c.tally.files++
	n, err := c.plan.writeObject(key, c.plan.compress(body))
	c.tally.bytes += n
	return err
}

// writeObject stores an object of the bucket and returns its size.
func (p *plan) writeObject(key string, data []byte) (int64, error) {
	return writeObject(filepath.Join(p.cfg.Dir, "bucket"), key, data)
}

func writeObject(dir, key string, data []byte) (int64, error) {
	path := filepath.Join(dir, filepath.FromSlash(key))
	err := os.WriteFile(path, data, 0o644)
	if os.IsNotExist(err) {
		if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
			err = os.WriteFile(path, data, 0o644)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("write object %s: %w", key, err)
	}
	return int64(len(data)), nil
}

// compress gzips a body; small buckets are committed, so they are made as
// small as can be.
func (p *plan) compress(body []byte) []byte {
	w := p.writers.Get().(*gzip.Writer)
	defer p.writers.Put(w)
	return compress(w, body)
}

func compress(w *gzip.Writer, body []byte) []byte {
	var buf bytes.Buffer
	buf.Grow(len(body)/6 + 256)
	w.Reset(&buf)
	if _, err := w.Write(body); err != nil {
		panic(err) // a bytes.Buffer takes everything
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

func newGzipWriter(level int) *gzip.Writer {
	w, err := gzip.NewWriterLevel(nil, level)
	if err != nil {
		panic(err) // the levels are constants
	}
	return w
}

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func itoa(n int) string { return strconv.Itoa(n) }

// writeExtras adds the objects that are no usual log files.
func (p *plan) writeExtras(t *tally) error {
	at := p.at(7, "06:00:00")
	one := cttest.Body(cttest.Other(at, role(backup, "app"), "us-east-1", "ec2", "DescribeInstances", "null").JSON())
	truncated := p.compress(append(bytes.Repeat([]byte(" "), 10), one...))
	type object struct {
		key  string
		data []byte
		log  bool
		kind string
	}
	key := func(at time.Time, n string) string {
		return cttest.Key("", organization, backup, "us-east-1", at, cttest.Suffix("extra", n))
	}
	folder := func(name string, at time.Time) string {
		return cttest.FolderKey("", organization, name, payments, "us-east-1", at, cttest.Suffix("extra", name))
	}
	network := cttest.Network(cttest.Sample("Decrypt", payments, at), payments)
	objects := []object{
		{key: key(at, "empty"), data: p.compress([]byte(`{"Records":[]}`)), log: true},
		{key: key(at.Add(time.Hour), "truncated"), data: truncated[:len(truncated)*2/3], log: true, kind: "bad_gzip"},
		{key: key(at.Add(2*time.Hour), "html"), data: p.compress([]byte("<html><body>503 Slow Down</body></html>\n")), log: true, kind: "bad_json"},
		{key: folder("CloudTrail-NetworkActivity", at), data: p.compress(cttest.Body(network.JSON())), kind: "CloudTrail-NetworkActivity"},
		{key: folder("CloudTrail-Aggregated", at), data: p.compress([]byte(`{"Records":[]}`)), kind: "CloudTrail-Aggregated"},
		{key: "AWSLogs/" + organization + "/" + payments + "/Config/us-east-1/2026/10/7/ConfigHistory/" + payments + "_Config_us-east-1_ConfigHistory.json.gz", data: p.compress([]byte(`{"fileVersion":"1.0","configurationItems":[]}`)), kind: "Config"},
	}
	insight := `{"Records":[{"eventVersion":"1.08","eventTime":"2026-10-07T06:00:00Z","awsRegion":"us-east-1","eventID":"` + p.id() + `","eventType":"AwsCloudTrailInsight","recipientAccountId":"` + payments + `","sharedEventID":"` + p.id() + `","insightDetails":{"state":"Start","eventSource":"kms.amazonaws.com","eventName":"Decrypt","insightType":"ApiCallRateInsight"},"eventCategory":"Insight"}]}`
	objects = append(objects, object{key: folder("CloudTrail-Insight", at), data: p.compress([]byte(insight)), kind: "CloudTrail-Insight"})
	for i := range 4 {
		end := at.Add(time.Duration(i) * time.Hour)
		digest := `{"awsAccountId":"` + payments + `","digestStartTime":"` + end.Add(-time.Hour).Format(time.RFC3339) + `","digestEndTime":"` + end.Format(time.RFC3339) + `","digestS3Bucket":"` + logBucket + `","logFiles":[]}`
		objects = append(objects, object{key: folder("CloudTrail-Digest", end), data: p.compress([]byte(digest)), kind: "CloudTrail-Digest"})
	}
	for _, o := range objects {
		n, err := p.writeObject(o.key, o.data)
		if err != nil {
			return err
		}
		switch {
		case !o.log:
			t.others[o.kind]++
		case o.kind != "":
			t.files++
			t.bytes += n
			t.quarantined[o.kind]++
		default:
			t.files++
			t.bytes += n
			t.jsonBytes += int64(len(`{"Records":[]}`))
		}
	}
	return nil
}

// configuration is the kmstrail.yaml that goes with the bucket.
func (p *plan) configuration() []byte {
	var b strings.Builder
	b.WriteString("# Goes with the sample bucket beside it.\naccounts:\n")
	for _, a := range accounts() {
		fmt.Fprintf(&b, "  %q: %s\n", a.id, a.name)
	}
	fmt.Fprintf(&b, "  %q: vendor (outside)\n  %q: partner (outside)\n", vendor, partner)
	fmt.Fprintf(&b, `
trusted_accounts:
  - %q
  - %q
  - %q

trust:
  - account: %q
    alias: alias/partner-*
    reason: reads the partner feed

quotas:
  - account: %q
    region: eu-central-1
    quota: cryptographic_symmetric
    per_second: 10

context_rules:
  - kind: required
    context_key: tenant
    alias: alias/tenant-*
  - context_key: tenant
    tag_key: tenant
  - context_key: department
    tag_key: Department
  - context_key: stage
    tag_key: stage
  - context_key: tenant
    tag_key: allowed-tenants
    comparison: one_of
    key: %s

rotation_policy:
  - data_class: ledger
    rotation: automatic
    days: 180
  - data_class: sessions
    rotation: rollover
    days: 7

standards:
  aliases:
    patterns: [alias/<name>, alias/<subject>-<name>, org-service-dataclass]
    values:
      org: [acme]
      dataclass: [public, internal, confidential]
  require_description: true
  specs: [SYMMETRIC_DEFAULT, RSA_4096, HMAC_256]
  expected_keys:
    - service: s3
      account: %q
      alias: alias/objects
  environments:
    production:
      accounts: [%q, %q]
    test:
      accounts: [%q, %q]
      callers: ["arn:aws:iam::*:role/test-*"]

self_principals:
  - %s
`, security, shared, backup, partner, analytics, plantedKey(analytics, "us-east-1", "multi-tenant"),
		payments, payments, webProd, paymentsQA, webDev, selfRole)
	return []byte(b.String())
}
