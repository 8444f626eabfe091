package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/client"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/instance"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/s3server"
	"github.com/kmstrail/kmstrail/internal/watch"
)

// kills is how often TestKills kills a server; "make long" raises it.
var kills = flag.Int("kills", 5, "how often to kill a serving process")

const childStore = "KMSTRAIL_TEST_SERVE_STORE"

// TestChildServe is the process that TestKills kills.
func TestChildServe(t *testing.T) {
	db := os.Getenv(childStore)
	if db == "" {
		t.Skip("runs only as the child of TestKills")
	}
	ctx, stop := signal.NotifyContext(t.Context(), syscall.SIGTERM)
	defer stop()
	err := Run(ctx, Options{
		Config: crashConfig(db), Version: "test",
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo})),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// crashConfig polls and looks for findings all the time.
func crashConfig(db string) config.Config {
	cfg := config.Defaults()
	cfg.DB = db
	cfg.Ingest.Source = "s3://" + s3server.DefaultBucket
	cfg.Server.HTTP, cfg.Server.Flight = "127.0.0.1:0", "127.0.0.1:0"
	cfg.Server.MinFree = "1MB"
	cfg.Server.Poll, cfg.Server.PollPast = 200*time.Millisecond, 3*time.Second
	cfg.Schedule.Detectors = "*/2 * * * * *"
	cfg.Schedule.Maintain = "*/7 * * * * *"
	cfg.Schedule.Report = config.Off
	cfg.ContextRules = []config.ContextRule{{Kind: "match", ContextKey: "tenant", TagKey: "tenant", Comparison: "equal"}}
	return cfg
}

// load is a bucket into which somebody writes log files, and the store of a
// server that is asked all the time.
type load struct {
	t      *testing.T
	db     string
	bucket *s3server.Server

	mu    sync.Mutex
	ids   map[string]bool
	files int

	answers atomic.Int64 // of queries
	wrong   atomic.Pointer[string]
}

var eventID = regexp.MustCompile(`"eventID":"([^"]+)"`)

func newLoad(t *testing.T) *load {
	t.Helper()
	bucket, err := s3server.Start(context.WithoutCancel(t.Context()), s3server.Config{Dir: t.TempDir(), Writable: true, AllowUnsigned: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bucket.Close() })
	return &load{t: t, db: filepath.Join(t.TempDir(), "k.duckdb"), bucket: bucket, ids: map[string]bool{}}
}

// lines are the events of one log file: use of keys by principals that may and
// may not, some of it with a context that does not fit the key's tags.
func lines(rng *rand.Rand, now time.Time) string {
	var b strings.Builder
	at := func() string { return now.Add(-time.Duration(rng.IntN(30*3600)) * time.Second).Format(time.RFC3339) }
	for key := range 3 {
		fmt.Fprintf(&b, "%s TagResource key/k%d user/ann tag.tenant=blue\n", now.Truncate(24*time.Hour).AddDate(0, 0, -2).Format(time.RFC3339), key)
	}
	for range 3 + rng.IntN(10) {
		tenant := []string{"blue", "blue", "blue", "green"}[rng.IntN(4)]
		fmt.Fprintf(&b, "%s Decrypt key/k%d role/app-%d ctx.tenant=%s\n", at(), rng.IntN(20), rng.IntN(30), tenant)
	}
	if rng.IntN(3) == 0 {
		fmt.Fprintf(&b, "%s Decrypt key/k%d role/thief-%d@foreign\n", at(), rng.IntN(20), rng.IntN(5))
	}
	return b.String()
}

// write puts log files into the bucket until ctx ends. Every tenth record comes
// in a second file too, as CloudTrail sometimes delivers.
func (l *load) write(ctx context.Context) {
	rng := rand.New(rand.NewPCG(7, 11))
	var earlier [][]byte
	pace := time.NewTicker(50 * time.Millisecond)
	defer pace.Stop()
	for n := 0; ; n++ {
		select {
		case <-pace.C:
		case <-ctx.Done():
			return
		}
		now := time.Now().UTC()
		records, err := cttest.ParseLines(lines(rng, now))
		if err != nil {
			l.t.Error(err)
			return
		}
		for range len(records) / 10 * min(len(earlier), 1) {
			records = append(records, earlier[rng.IntN(len(earlier))])
		}
		earlier = append(earlier, records[rng.IntN(len(records))])
		region := []string{"us-east-1", "eu-west-1", "eu-central-1"}[n%3]
		delivered := now.Add(-time.Duration(rng.IntN(20)) * time.Minute)
		key := cttest.Key("", "", "111122223333", region, delivered, cttest.Suffix(fmt.Sprint(n)))
		if err := l.put(key, cttest.LogFile(records...)); err != nil {
			l.t.Error(err)
			return
		}
		l.mu.Lock()
		l.files++
		for _, r := range records {
			l.ids[string(eventID.FindSubmatch(r)[1])] = true
		}
		l.mu.Unlock()
	}
}

func (l *load) put(key string, body []byte) error {
	// A file that is begun is written whole.
	req, err := http.NewRequestWithContext(context.WithoutCancel(l.t.Context()), http.MethodPut, l.bucket.URL()+"/"+l.bucket.Bucket()+"/"+key, bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("put %s: %s", key, res.Status)
	}
	return nil
}

// consistent counts in one query, so of one moment: events, distinct ids, what
// the ledger says was inserted, and the calls of the sums by day, which are kept
// in parts that are exchanged, with the copies that do not count as calls. All of
// them must be equal at any time.
const consistent = `select count(*), count(distinct event_id),
	(select cast(coalesce(sum(inserted_count), 0) as bigint) from log_files),
	count(*) filter (record_copy not in ('single', 'caller')) + (select cast(coalesce(sum(call_count), 0) as bigint) from usage_daily)
	from kms_events`

// equal reports whether all that consistent counts is the same.
func equal(n []int64) bool { return len(slices.Compact(slices.Clone(n))) == 1 }

// ask queries whatever server there is until ctx ends.
func (l *load) ask(ctx context.Context) {
	for ctx.Err() == nil {
		info, err := instance.Find(l.db)
		if err == nil {
			if c, err := client.Open(ctx, client.Target{Instance: &info}); err == nil {
				for err == nil && ctx.Err() == nil {
					err = l.askOnce(ctx, c)
				}
				c.Close()
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// askOnce fails when there is no server any more.
func (l *load) askOnce(ctx context.Context, c *client.Client) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := c.Query(ctx, consistent)
	if err != nil {
		return err
	}
	defer r.Release()
	var n [4]int64
	for r.Next() {
		for i := range n {
			n[i] = r.RecordBatch().Column(i).(*array.Int64).Value(0)
		}
	}
	if r.Err() != nil {
		return r.Err()
	}
	if !equal(n[:]) {
		text := fmt.Sprintf("%d events, %d distinct ids, %d inserted as the ledger has it, %d calls by day", n[0], n[1], n[2], n[3])
		l.wrong.Store(&text)
	}
	l.answers.Add(1)
	return nil
}

// run starts writers and askers; the returned function ends one kind of them.
func (l *load) run() (stopWriting, stopAsking func()) {
	begin := func(n int, f func(context.Context)) func() {
		ctx, cancel := context.WithCancel(l.t.Context())
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() { f(ctx) })
		}
		end := func() { cancel(); wg.Wait() }
		l.t.Cleanup(end)
		return end
	}
	return begin(1, l.write), begin(3, l.ask)
}

// child is a serving process.
type child struct {
	*exec.Cmd

	log *syncBuffer
}

func (l *load) start() *child {
	l.t.Helper()
	c := &child{Cmd: exec.CommandContext(l.t.Context(), os.Args[0], "-test.run=^TestChildServe$", "-test.count=1"), log: &syncBuffer{}}
	c.Env = append(append(os.Environ(), childStore+"="+l.db), l.bucket.Env()...)
	c.Stdout, c.Stderr = c.log, c.log
	if err := c.Start(); err != nil {
		l.t.Fatal(err)
	}
	return c
}

// serves reports whether the child has told that it is ready.
func (l *load) serves(c *child) bool {
	info, err := instance.Find(l.db)
	return err == nil && info.PID == c.Process.Pid
}

// terminate ends a child as systemd does, and fails the test when it does not
// end well.
func (l *load) terminate(c *child) {
	l.t.Helper()
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		l.t.Fatal(err)
	}
	late := time.AfterFunc(patience, func() { _ = c.Process.Kill() })
	defer late.Stop()
	if err := c.Wait(); err != nil {
		l.t.Fatalf("the server did not end well: %v\n%s", err, c.log)
	}
	if _, err := instance.Find(l.db); !errors.Is(err, instance.ErrNone) {
		l.t.Errorf("the server has left its word: %v", err)
	}
}

// caughtUp reports whether everything written is ingested and looked at.
func (l *load) caughtUp(c *child) bool {
	info, err := instance.Find(l.db)
	if err != nil || info.PID != c.Process.Pid {
		return false
	}
	cl, err := client.Open(l.t.Context(), client.Target{Instance: &info})
	if err != nil {
		return false
	}
	defer cl.Close()
	s, err := cl.Status(l.t.Context())
	l.mu.Lock()
	defer l.mu.Unlock()
	return err == nil && s.LogFiles == int64(l.files) && s.Detectors.DirtyDays == 0
}

// TestKills kills a server with SIGKILL at random moments, while log files keep
// coming, detectors run and queries are asked. However often and whenever that
// happens: no answer is inconsistent, and in the end the store has each event
// once, a ledger equal to the bucket, and the findings of a store that nobody
// disturbed.
func TestKills(t *testing.T) {
	l := newLoad(t)
	stopWriting, stopAsking := l.run()
	rng := rand.New(rand.NewPCG(3, 4))
	ready := 0
	for range *kills {
		c := l.start()
		within := 600 // milliseconds: while it starts, or soon after
		if rng.IntN(3) > 0 {
			eventually(t, "the server is ready", func() bool { return l.serves(c) })
			within = 3000
		}
		<-time.After(time.Duration(rng.IntN(within)) * time.Millisecond)
		if l.serves(c) {
			ready++
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatalf("the server ended by itself\n%s", c.log)
		}
		if err := c.Wait(); err == nil || c.ProcessState.Exited() {
			t.Fatalf("the server was not killed: %v\n%s", err, c.log)
		}
	}
	stopWriting()
	c := l.start()
	begin := time.Now()
	eventually(t, "the last server answers", func() bool { return l.serves(c) })
	stopAsking() // what is asked as fast as can be takes the time of the rest
	eventually(t, "everything is ingested and looked at", func() bool { return l.caughtUp(c) })
	caughtUp := time.Since(begin)
	l.terminate(c)
	runs := l.check(t)
	t.Logf("%d kills, %d of them while it served; %d log files, %d events; %d runs of detectors, %d queries answered; caught up %.1f s after the last start",
		*kills, ready, l.files, len(l.ids), runs, l.answers.Load(), caughtUp.Seconds())
	if ready == 0 && *kills > 3 || l.answers.Load() == 0 {
		t.Error("the server was never seen to serve")
	}
}

// check compares the store with the bucket, and with a store that is filled from
// it in one go.
func (l *load) check(t *testing.T) (runs int64) {
	t.Helper()
	if wrong := l.wrong.Load(); wrong != nil {
		t.Errorf("while it was served: %s", *wrong)
	}
	for _, env := range l.bucket.Env() {
		name, value, _ := strings.Cut(env, "=")
		t.Setenv(name, value)
	}
	disturbed, calm := l.open(t, l.db), l.open(t, filepath.Join(t.TempDir(), "calm.duckdb"))
	cfg := crashConfig(calm.Path())
	op := operate.New(calm, cfg, operate.Options{})
	if err := operate.Configure(t.Context(), calm, cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := op.Ingest(t.Context(), operate.IngestRequest{}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := op.Detect(t.Context(), operate.DetectRequest{}, nil); err != nil {
		t.Fatal(err)
	}
	events, files := int64(len(l.ids)), int64(l.files)
	want := []int64{events, events, events, events, files, files, 0}
	for name, s := range map[string]*duck.Store{"killed": disturbed, "calm": calm} {
		got := append(numbers(t, s, consistent), numbers(t, s, `select count(*) filter (where status = 'ingested'), count(distinct object_key),
			(select count(*) from quarantine) from log_files`)...)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: events, distinct ids, inserted, calls, files, distinct files, quarantine (-want +got)\n%s", name, diff)
		}
	}
	found, expected := findingsOf(t, disturbed), findingsOf(t, calm)
	if diff := cmp.Diff(expected, found); diff != "" {
		t.Errorf("findings (-calm +killed)\n%s", diff)
	}
	if len(expected) < 2 {
		t.Errorf("only %d findings: the load has nothing to find", len(expected))
	}
	return numbers(t, disturbed, "select count(distinct run_id) from detector_runs")[0]
}

func (l *load) open(t *testing.T, path string) *duck.Store {
	t.Helper()
	s, err := duck.Open(t.Context(), path, duck.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// numbers are the columns of a query of one row.
func numbers(t *testing.T, s *duck.Store, sql string) []int64 {
	t.Helper()
	out, err := tryNumbers(t.Context(), s, sql)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func tryNumbers(ctx context.Context, s *duck.Store, sql string) (out []int64, err error) {
	r, err := s.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	for r.Next() {
		for i := range int(r.RecordBatch().NumCols()) {
			out = append(out, r.RecordBatch().Column(i).(*array.Int64).Value(0))
		}
	}
	return out, r.Err()
}

// findingsOf are the findings that stand, without what is of their history.
func findingsOf(t *testing.T, s *duck.Store) []detectors.Finding {
	t.Helper()
	all, err := detectors.ReadFindings(t.Context(), s, detectors.FindingFilter{Statuses: []string{"new"}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		all[i].FindingID, all[i].RunID, all[i].CreatedAt, all[i].UpdatedAt = "", "", time.Time{}, time.Time{}
		all[i].LogFiles = nil // of a record that came twice it is the file that was read first
	}
	return all
}

// TestTerminated ends servers with SIGTERM under the same load: each ends well,
// and what it leaves is whole.
func TestTerminated(t *testing.T) {
	l := newLoad(t)
	stopWriting, stopAsking := l.run()
	var took []string
	for n := range 3 {
		c := l.start()
		eventually(t, "the server is ready", func() bool { return l.serves(c) })
		answers := l.answers.Load()
		eventually(t, "it answers", func() bool { return l.answers.Load() > answers+int64(n) })
		begin := time.Now()
		l.terminate(c)
		took = append(took, time.Since(begin).Round(time.Millisecond).String())
		if strings.Contains(c.log.String(), "level=ERROR") {
			t.Errorf("the log tells of errors:\n%s", c.log)
		}
	}
	stopWriting()
	c := l.start()
	stopAsking()
	eventually(t, "everything is ingested and looked at", func() bool { return l.caughtUp(c) })
	l.terminate(c)
	l.checkRequests(t)
	l.check(t)
	t.Logf("ended in %v", took)
}

// checkRequests compares the requests that four servers have counted, one after
// the other, with what the bucket has. Those that the end of a server cut off
// may have been counted and not arrived.
func (l *load) checkRequests(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(watch.File(l.db))
	if err != nil {
		t.Fatal(err)
	}
	var kept struct {
		Requests []watch.DayRequests `json:"requests"`
	}
	if err := json.Unmarshal(text, &kept); err != nil {
		t.Fatal(err)
	}
	var list, get int64
	for _, day := range kept.Requests {
		list += day.List
		get += day.Get
	}
	had := l.bucket.Counts()
	const cut = 4 * 16 // of each server, as many as it makes at a time
	if d := list - had.List; d < 0 || d > cut {
		t.Errorf("counted %d LIST, the bucket had %d", list, had.List)
	}
	if d := get - had.Get - had.Head; d < 0 || d > cut {
		t.Errorf("counted %d GET and HEAD, the bucket had %d and %d", get, had.Get, had.Head)
	}
	t.Logf("counted %d LIST and %d GET and HEAD, the bucket had %d and %d", list, get, had.List, had.Get+had.Head)
}
