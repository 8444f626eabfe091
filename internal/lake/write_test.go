package lake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/dirsource"
	"github.com/kmstrail/kmstrail/internal/cttest"
)

// memoryBucket is a lake in memory.
type memoryBucket struct {
	mu      sync.Mutex
	objects map[string][]byte
	calls   map[string]int
}

func newMemory() *memoryBucket {
	return &memoryBucket{objects: map[string][]byte{}, calls: map[string]int{}}
}

func (m *memoryBucket) String() string { return "memory" }

func (m *memoryBucket) Put(_ context.Context, name string, body []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls["put"]++
	m.objects[name] = slices.Clone(body)
	return nil
}

func (m *memoryBucket) Create(_ context.Context, name string, body []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls["put"]++
	if _, ok := m.objects[name]; ok {
		return ErrExists
	}
	m.objects[name] = slices.Clone(body)
	return nil
}

func (m *memoryBucket) Get(_ context.Context, name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls["get"]++
	body, ok := m.objects[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return body, nil
}

func (m *memoryBucket) GetVersion(ctx context.Context, name string) ([]byte, string, error) {
	body, err := m.Get(ctx, name)
	return body, contentHash(body), err
}

func (m *memoryBucket) Replace(_ context.Context, name, version string, body []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls["put"]++
	if there, ok := m.objects[name]; !ok || contentHash(there) != version {
		return ErrChanged
	}
	m.objects[name] = slices.Clone(body)
	return nil
}

func (m *memoryBucket) List(_ context.Context, dir string, visit func(name string, size int64) error) error {
	m.mu.Lock()
	m.calls["list"]++
	names := slices.Sorted(maps.Keys(m.objects))
	sizes := map[string]int64{}
	for name, body := range m.objects {
		sizes[name] = int64(len(body))
	}
	m.mu.Unlock()
	for _, name := range names {
		if strings.HasPrefix(name, dir) {
			if err := visit(name, sizes[name]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memoryBucket) Delete(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, name)
	return nil
}

// logs is a directory of log files, and what is in them.
type logs struct {
	t       testing.TB
	dir     string
	rng     *rand.Rand
	records map[string][]record // of KMS, by key
	all     []record
}

type record struct {
	id string
	at time.Time
}

func newLogs(t testing.TB, seed uint64) *logs {
	return &logs{t: t, dir: t.TempDir(), rng: rand.New(rand.NewPCG(seed, 7)), records: map[string][]record{}}
}

// add writes log files of two Regions and two days, one in ten of no layout, one
// in twenty broken. Some records were in an earlier file, in the same words or
// others.
func (l *logs) add(n int) {
	for range n {
		i := len(l.records)
		at := day.Add(time.Duration(l.rng.IntN(2*24*60)) * time.Minute)
		key := cttest.Key("", "", "111122223333", []string{"us-east-1", "eu-west-1"}[l.rng.IntN(2)], at, cttest.Suffix(fmt.Sprint(i)))
		if l.rng.IntN(10) == 0 {
			key = fmt.Sprintf("loose/%d.json.gz", i)
		}
		var list []record
		var texts [][]byte
		for r := range 1 + l.rng.IntN(6) {
			next := record{cttest.EventID(fmt.Sprint(i, "/", r)), at.Add(-time.Duration(l.rng.IntN(600)) * time.Second)}
			if len(l.all) > 0 && l.rng.IntN(4) == 0 {
				next = l.all[l.rng.IntN(len(l.all))]
			}
			e := cttest.Sample([]string{"Decrypt", "CreateGrant"}[next.id[0]%2], "111122223333", next.at)
			e.ID = next.id
			if l.rng.IntN(10) == 0 {
				e.Agent = "forged"
			}
			list = append(list, next)
			texts = append(texts, e.JSON())
		}
		body := cttest.LogFile(texts...)
		if l.rng.IntN(20) == 0 {
			body, list = body[:len(body)/2], nil
		}
		l.records[key] = list
		l.all = append(l.all, list...)
		l.write(key, body)
	}
}

// first returns for every event the record that was written first: its log file
// and position.
func (l *logs) first() map[string]string {
	type place struct {
		written time.Time
		file    int64
		index   int
	}
	best := map[string]place{}
	for key, list := range l.records {
		info, err := os.Stat(filepath.Join(l.dir, filepath.FromSlash(key)))
		if err != nil {
			l.t.Fatal(err)
		}
		for i, r := range list {
			p := place{info.ModTime().Truncate(time.Microsecond), logFileID(l.source().Name(), key), i}
			b, ok := best[r.String()]
			if !ok || cmp.Or(p.written.Compare(b.written), cmp.Compare(p.file, b.file), cmp.Compare(p.index, b.index)) < 0 {
				best[r.String()] = p
			}
		}
	}
	out := map[string]string{}
	for id, p := range best {
		out[id] = fmt.Sprintf("%d#%d", p.file, p.index)
	}
	return out
}

func (r record) String() string { return r.id + " " + r.at.UTC().Format(time.RFC3339) }

func (l *logs) write(key string, body []byte) {
	l.t.Helper()
	path := filepath.Join(l.dir, filepath.FromSlash(key))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(path, body, 0o644); err != nil {
		l.t.Fatal(err)
	}
}

func (l *logs) source() *dirsource.Source {
	l.t.Helper()
	s, err := dirsource.New(l.dir)
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

func (l *logs) options(b Bucket) WriteOptions {
	return WriteOptions{Bucket: b, Source: l.source(), Version: "test", PlanFiles: 5}
}

func mustWrite(t testing.TB, o WriteOptions) WriteSummary {
	t.Helper()
	s, err := Write(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// rows returns all rows of a table of the lake.
func lakeRows(t *testing.T, b Bucket, table string) []map[string]string {
	t.Helper()
	var all []map[string]string
	err := b.List(t.Context(), table+"/", func(name string, _ int64) error {
		if isEmptyObject(name) {
			return nil
		}
		body, err := b.Get(t.Context(), name)
		if err != nil {
			return err
		}
		_, rows := read(t, body)
		all = append(all, rows...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// checkLake holds that every event of every log file is in the lake once, as the
// record that was written first, that each log file is in the ledger as read once,
// and that nothing is left to do.
func (l *logs) checkLake(t *testing.T, b Bucket) {
	t.Helper()
	want := l.first()
	if diff := gocmp.Diff(want, lakeEvents(t, b, Events)); diff != "" {
		t.Errorf("events (-log files +lake):\n%s", diff)
	}
	maps.DeleteFunc(want, func(id, _ string) bool { return id[0]%2 == 0 })
	if diff := gocmp.Diff(want, lakeEvents(t, b, ChangeEvents)); diff != "" {
		t.Errorf("events that change keys (-log files +lake):\n%s", diff)
	}
	kms, got := map[string]string{}, map[string]string{}
	for key, list := range l.records {
		kms[key] = fmt.Sprint(len(list))
	}
	for _, row := range lakeRows(t, b, LogFiles) {
		key := row["object_key"]
		if _, twice := got[key]; twice {
			t.Errorf("%s is in the ledger twice", key)
		}
		if row["status"] != "failed" {
			got[key] = row["kms_count"]
		}
	}
	if diff := gocmp.Diff(kms, got); diff != "" {
		t.Errorf("KMS records by log file (-log files +ledger):\n%s", diff)
	}
	sum := mustWrite(t, l.options(b))
	if sum.PlansMade+sum.PlansDone+sum.PlansOthers+sum.FilesWritten != 0 || sum.ObjectsKnown != int64(len(l.records)) {
		t.Errorf("one more run had something to do: %+v", sum)
	}
}

// lakeEvents returns the events of a table: log file and position, by id and time.
func lakeEvents(t *testing.T, b Bucket, table string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, row := range lakeRows(t, b, table) {
		at, err := time.Parse("2006-01-02T15:04:05", row["event_time"])
		if err != nil {
			t.Fatal(err)
		}
		id := record{row["event_id"], at}.String()
		if _, twice := out[id]; twice {
			t.Errorf("%s: event %s is there twice", table, id)
		}
		out[id] = row["log_file_id"] + "#" + row["record_index"]
	}
	return out
}

func TestWrite(t *testing.T) {
	l := newLogs(t, 1)
	l.add(60)
	for name, b := range openTest(t) {
		t.Run(name, func(t *testing.T) {
			sum := mustWrite(t, l.options(b))
			if sum.ObjectsDone != 60 || sum.PlansMade < 12 || sum.PlansDone != sum.PlansMade || sum.FilesTaken != 0 {
				t.Errorf("summary %+v", sum)
			}
			l.checkLake(t, b)
		})
	}
}

var errInjected = errors.New("injected")

// faulty is a bucket one of whose operations fails now and then, before or after
// it did its work; from one moment on all fail, as for a process that is killed.
type faulty struct {
	Bucket

	mu     sync.Mutex
	rng    *rand.Rand
	every  int // one in so many fails; 0 is none
	killIn int // operations left to live; negative is forever
	kill   context.CancelFunc
}

func (f *faulty) do(work func() error) error {
	f.mu.Lock()
	hit := f.every > 0 && f.rng.IntN(f.every) == 0
	done := f.rng.IntN(2) == 0
	dead := f.killIn == 0
	if f.killIn > 0 {
		if f.killIn--; f.killIn == 0 {
			hit = true
			f.kill()
		}
	}
	f.mu.Unlock()
	switch {
	case dead:
		return errInjected
	case !hit:
		return work()
	case done:
		if err := work(); err != nil {
			return err
		}
	}
	return errInjected
}

func (f *faulty) Put(ctx context.Context, name string, body []byte) error {
	return f.do(func() error { return f.Bucket.Put(ctx, name, body) })
}

func (f *faulty) Create(ctx context.Context, name string, body []byte) error {
	return f.do(func() error { return f.Bucket.Create(ctx, name, body) })
}

func (f *faulty) Get(ctx context.Context, name string) (body []byte, err error) {
	err = f.do(func() (err error) { body, err = f.Bucket.Get(ctx, name); return err })
	return body, err
}

func (f *faulty) GetVersion(ctx context.Context, name string) (body []byte, version string, err error) {
	err = f.do(func() (err error) { body, version, err = f.Bucket.GetVersion(ctx, name); return err })
	return body, version, err
}

func (f *faulty) Replace(ctx context.Context, name, version string, body []byte) error {
	return f.do(func() error { return f.Bucket.Replace(ctx, name, version, body) })
}

func (f *faulty) List(ctx context.Context, dir string, visit func(string, int64) error) error {
	return f.do(func() error { return f.Bucket.List(ctx, dir, visit) })
}

// flaky is a source some of whose files cannot be read now and then.
type flaky struct {
	ingest.Source

	mu    sync.Mutex
	rng   *rand.Rand
	every int
}

func (f *flaky) Read(ctx context.Context, obj ingest.Object, dst []byte, limit int64) ([]byte, error) {
	f.mu.Lock()
	hit := f.every > 0 && f.rng.IntN(f.every) == 0
	f.mu.Unlock()
	if hit {
		return dst, errInjected
	}
	return f.Source.Read(ctx, obj, dst, limit)
}

// workers runs three workers at once. Some are killed.
func workers(t *testing.T, l *logs, b Bucket, rng *rand.Rand, faults bool) {
	var wg sync.WaitGroup
	for w := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		f := &faulty{Bucket: b, rng: rand.New(rand.NewPCG(rng.Uint64(), 1)), killIn: -1, kill: cancel}
		src := &flaky{Source: l.source(), rng: rand.New(rand.NewPCG(rng.Uint64(), 2))}
		if faults {
			switch rng.IntN(3) {
			case 0:
				f.every = 3 + rng.IntN(40)
			case 1:
				f.killIn = 1 + rng.IntN(120)
			}
			if rng.IntN(2) == 0 {
				src.every = 1 + rng.IntN(20)
			}
		}
		o := l.options(f)
		o.Source = src
		if w == 2 && faults && rng.IntN(2) == 0 {
			o.Version = "other"
		}
		wg.Go(func() {
			defer cancel()
			if _, err := Write(ctx, o); err != nil && !faults {
				t.Errorf("a worker that nothing disturbed: %v", err)
			} else if _, unfinished := errors.AsType[*UnfinishedError](err); err != nil && !unfinished && !errors.Is(err, errInjected) && !errors.Is(err, context.Canceled) {
				t.Errorf("a disturbed worker: %v", err)
			}
		})
	}
	wg.Wait()
}

// TestWrite_faults disturbs three workers at a time in many ways, while log files
// arrive; when they are left alone, the lake is exact.
func TestWrite_faults(t *testing.T) {
	for seed := range uint64(*seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			l, b := newLogs(t, seed), newMemory()
			rng := rand.New(rand.NewPCG(seed, 3))
			for range 4 {
				l.add(5 + rng.IntN(25))
				workers(t, l, b, rng, true)
			}
			workers(t, l, b, rng, false)
			workers(t, l, b, rng, false) // what the last could not read is planned now
			l.checkLake(t, b)
		})
	}
}
