// Command queue says how soon events can be asked for after their log file was
// written, when a queue tells of it:
//
//	go run -tags duckdb_arrow ./bench/queue -rate 100 -duration 2m
//
// Log files of an organisation are put into a bucket on loopback, at a fixed
// rate, and each is notified to a queue on loopback, both over HTTP. The program
// reads the queue as kmstrail serve does, into a new store or into a copy of an
// existing one (-store), and asks that store in SQL, ten times a second, which log
// files it has. The delay of a file is from before it was written to the answer
// that has it. The load is open: files are put when they are due, however busy
// the store is.
//
// It passes when every file came, each event once, and 95 of 100 files within
// -limit; the exit status is 1 otherwise.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"

	"github.com/kmstrail/kmstrail/bench/organisation"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/rows"
	"github.com/kmstrail/kmstrail/internal/s3server"
	"github.com/kmstrail/kmstrail/internal/sqsserver"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "queue:", err)
		os.Exit(1)
	}
}

type settings struct {
	rate            float64
	duration, limit time.Duration
	linger          time.Duration
	store           string
	threads         int
}

const (
	askEvery = 100 * time.Millisecond
	// patience is how long after the last file was put all must be there.
	patience   = time.Minute
	bucketName = "trail"
)

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	var s settings
	flags := flag.NewFlagSet("queue", flag.ContinueOnError)
	flags.Float64Var(&s.rate, "rate", 100, "log files a second")
	flags.DurationVar(&s.duration, "duration", 2*time.Minute, "how long files are put")
	flags.DurationVar(&s.limit, "limit", 5*time.Second, "what 95 of 100 files may take")
	flags.DurationVar(&s.linger, "linger", time.Second, "as queue.linger of the configuration")
	flags.StringVar(&s.store, "store", "", "store to write to, which gets what is put; without, a new one")
	flags.IntVar(&s.threads, "threads", 0, "threads of DuckDB, as in limits.threads")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "kmstrail-queue-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	m := measurement{settings: s, dir: filepath.Join(dir, "bucket"), put: map[string]time.Time{}}
	if m.store == "" {
		m.store = filepath.Join(dir, "k.duckdb")
	}
	return m.run(ctx, out)
}

// measurement is one.
type measurement struct {
	settings
	dir   string // of the bucket
	files []file
	s3    *s3server.Server
	sqs   *sqsserver.Server
	db    *duck.Store

	mu     sync.Mutex
	put    map[string]time.Time // when each key was about to be written
	delays []time.Duration
	late   time.Duration // the most that a file was put too late
}

// file is a log file that waits to be put.
type file struct {
	key  string
	body []byte
	kms  int64
}

func (m *measurement) run(ctx context.Context, out io.Writer) (err error) {
	if err := os.Mkdir(m.dir, 0o700); err != nil {
		return err
	}
	if err := m.makeFiles(); err != nil {
		return err
	}
	if m.s3, err = s3server.Start(ctx, s3server.Config{Dir: m.dir, Bucket: bucketName, AllowUnsigned: true}); err != nil {
		return err
	}
	defer m.s3.Close()
	m.sqs = sqsserver.Start()
	defer m.sqs.Close()
	if m.db, err = duck.Open(ctx, m.store, duck.Options{MemoryLimit: "1GB", Threads: m.threads}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.db.Close()) }()
	before, err := m.events(ctx)
	if err != nil {
		return err
	}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	g, working := errgroup.WithContext(reading)
	var result operate.QueueResult
	g.Go(func() (err error) {
		result, err = m.read(working)
		return err
	})
	began := time.Now()
	g.Go(func() error { return m.putAll(working, began) })
	g.Go(func() error {
		defer stop()
		return m.watch(working, began)
	})
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	after, err := m.events(ctx)
	if err != nil {
		return err
	}
	return m.tell(out, result, before, after)
}

// makeFiles makes all log files beforehand: to make them takes more than to read
// them.
func (m *measurement) makeFiles() error {
	n := int(m.rate * m.duration.Seconds())
	base := time.Now().UTC().Truncate(time.Second)
	g := organisation.NewGenerator(organisation.New(), uint64(base.Unix()), 1, func(i int64) time.Time {
		return base.Add(time.Duration(i) * 500 * time.Microsecond)
	})
	for range n {
		lf := g.NextLogFile()
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(lf.Body); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		m.files = append(m.files, file{lf.Key, b.Bytes(), int64(lf.KMS)})
	}
	return nil
}

// read reads the queue as a server does.
func (m *measurement) read(ctx context.Context) (operate.QueueResult, error) {
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL_S3": m.s3.URL(),
		"AWS_REGION": m.s3.Region(),
	} {
		if err := os.Setenv(name, value); err != nil {
			return operate.QueueResult{}, err
		}
	}
	accessKey, secret := m.s3.Credentials()
	if err := errors.Join(os.Setenv("AWS_ACCESS_KEY_ID", accessKey), os.Setenv("AWS_SECRET_ACCESS_KEY", secret)); err != nil {
		return operate.QueueResult{}, err
	}
	cfg := config.Defaults()
	cfg.Ingest.Source, cfg.Queue.URL, cfg.Queue.Linger = "s3://"+bucketName, m.sqs.URL(), m.linger
	return operate.New(m.db, cfg, operate.Options{}).IngestQueue(ctx, operate.QueueRequest{Follow: true, NoMaintain: true})
}

// putAll puts each file when it is due, and notifies it.
func (m *measurement) putAll(ctx context.Context, began time.Time) error {
	var g errgroup.Group
	g.SetLimit(32)
	for i, f := range m.files {
		due := began.Add(time.Duration(float64(i) / m.rate * float64(time.Second)))
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return ctx.Err()
		}
		g.Go(func() error { return m.putOne(ctx, f, due) })
	}
	return g.Wait()
}

func (m *measurement) putOne(ctx context.Context, f file, due time.Time) error {
	m.mu.Lock()
	m.put[f.key] = time.Now()
	m.late = max(m.late, time.Since(due))
	m.mu.Unlock()
	path := filepath.Join(m.dir, filepath.FromSlash(f.key))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, f.body, 0o600)); err != nil {
		return err
	}
	etag, err := m.etag(ctx, f.key)
	if err != nil {
		return err
	}
	m.sqs.Send(fmt.Sprintf(`{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"us-east-1","eventTime":%q,"eventName":"ObjectCreated:Put",`+
		`"s3":{"s3SchemaVersion":"1.0","bucket":{"name":%q},"object":{"key":%q,"size":%d,"eTag":%q}}}]}`,
		time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), bucketName, f.key, len(f.body), etag))
	return nil
}

// etag asks the bucket for what it calls a file.
func (m *measurement) etag(ctx context.Context, key string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, m.s3.URL()+"/"+bucketName+"/"+key, http.NoBody)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
		return "", errors.Join(fmt.Errorf("look at %s: %s", key, res.Status), err)
	}
	return res.Header.Get("ETag"), nil
}

// watch asks the store again and again which files it has, until it has all.
func (m *measurement) watch(ctx context.Context, began time.Time) error {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	deadline := time.After(m.duration + patience)
	from := began.Add(-time.Second).UTC()
	seen := map[string]bool{}
	for len(seen) < len(m.files) {
		select {
		case <-tick.C:
		case <-deadline:
			return fmt.Errorf("%d of %d log files did not come within %s", len(m.files)-len(seen), len(m.files), patience)
		case <-ctx.Done():
			return ctx.Err()
		}
		var found []string
		// What a commit has stored becomes visible a little after the time in it.
		err := m.each(ctx, "select object_key from log_files where ingested_at >= ?", []any{from}, func(r rows.Row) { found = append(found, r.Text(0)) })
		if err != nil {
			return err
		}
		now := time.Now()
		from = now.Add(-15 * time.Second).UTC()
		m.mu.Lock()
		for _, key := range found {
			if at, ok := m.put[key]; ok && !seen[key] {
				seen[key] = true
				m.delays = append(m.delays, now.Sub(at))
			}
		}
		m.mu.Unlock()
	}
	return nil
}

func (m *measurement) each(ctx context.Context, sql string, args []any, visit func(rows.Row)) error {
	reader, err := m.db.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	return rows.Scan(reader, visit)
}

func (m *measurement) events(ctx context.Context) (n int64, err error) {
	err = m.each(ctx, "select count(*) from kms_events", nil, func(r rows.Row) { n = r.Number(0) })
	return n, err
}

// tell prints the figures and judges them.
func (m *measurement) tell(out io.Writer, r operate.QueueResult, before, after int64) error {
	slices.Sort(m.delays)
	at := func(share float64) time.Duration {
		return m.delays[min(int(share*float64(len(m.delays))), len(m.delays)-1)].Round(time.Millisecond)
	}
	var want int64
	for _, f := range m.files {
		want += f.kms
	}
	var cpu syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &cpu); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d log files at %g/s with %d KMS events into a store with %d\n", len(m.files), m.rate, want, before)
	fmt.Fprintf(out, "written to queryable: p50 %s, p95 %s, p99 %s, most %s\n", at(.50), at(.95), at(.99), at(1))
	fmt.Fprintf(out, "messages: %d stored, %d left; %d events new; a file was put at most %s too late; CPU %s user\n",
		r.Messages.Stored, r.Messages.Left, after-before, m.late.Round(time.Millisecond), time.Duration(cpu.Utime.Nano()).Round(time.Millisecond))
	switch {
	case after-before != want:
		return fmt.Errorf("FAIL: %d events are new, and %d were put", after-before, want)
	case at(.95) > m.limit:
		return fmt.Errorf("FAIL: p95 is %s, the limit is %s", at(.95), m.limit)
	}
	fmt.Fprintln(out, "PASS")
	return nil
}
