package sampledata

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

// BenchKind says which share of a benchmark set is KMS records.
type BenchKind string

// The kinds of benchmark sets.
const (
	BenchKMS100 BenchKind = "kms100" // KMS records only
	BenchKMS10  BenchKind = "kms10"  // one record in ten
	BenchKMS0   BenchKind = "kms0"   // none
)

// BenchTruth says what a benchmark set holds.
type BenchTruth struct {
	Kind      BenchKind `json:"kind"`
	Files     int       `json:"files"`
	Records   int       `json:"records"`
	KMS       int       `json:"kms"`
	JSONBytes int64     `json:"json_bytes"`
	Bytes     int64     `json:"bytes"` // compressed
}

// GenerateBench writes a set for measuring into DIR/AWSLogs/…: log files of 1
// to 30 MB of JSON in a single line, until there are at least jsonBytes.
// Event ids, request ids, addresses and resources are random; keys and callers
// come from a few thousand; nothing occurs twice. One record in two hundred
// of other services holds the text kms.amazonaws.com without being one of
// KMS. The same kind, size and seed give the same bytes.
func GenerateBench(ctx context.Context, dir string, kind BenchKind, jsonBytes int64, seed uint64) (BenchTruth, error) {
	share, ok := map[BenchKind]int{BenchKMS100: 1000, BenchKMS10: 100, BenchKMS0: 0}[kind]
	if !ok {
		return BenchTruth{}, fmt.Errorf("generate benchmark set: unknown kind %q", kind)
	}
	pools := newBenchPools(seed)
	sizes := benchSizes(seed, jsonBytes)
	truth, err := benchFiles(ctx, len(sizes), func() func(int) (BenchTruth, error) {
		w := &benchWriter{dir: dir, pools: pools, share: share, seed: seed, gzip: newGzipWriter(gzip.BestSpeed)}
		return func(i int) (BenchTruth, error) { return w.file(i, sizes[i]) }
	})
	truth.Kind = kind
	return truth, err
}

// benchFiles writes with all processors what has the numbers 0 to n. Each
// goroutine has a writer of its own; what they wrote is summed up.
func benchFiles(ctx context.Context, n int, newWriter func() func(number int) (BenchTruth, error)) (BenchTruth, error) {
	var truth BenchTruth
	var mu sync.Mutex
	var failed error
	queue := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			write := newWriter()
			for i := range queue {
				t, err := write(i)
				mu.Lock()
				truth.add(t)
				if failed == nil {
					failed = err
				}
				mu.Unlock()
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		queue <- i
	}
	close(queue)
	wg.Wait()
	if failed == nil {
		failed = ctx.Err()
	}
	return truth, failed
}

// benchSizes draws file sizes between 1 and 30 MB, small ones more often.
func benchSizes(seed uint64, jsonBytes int64) []int {
	r := newRNG(seed, 7)
	var sizes []int
	for jsonBytes > 0 {
		size := int(1e6 * math.Exp(r.float()*math.Log(30)))
		sizes = append(sizes, size)
		jsonBytes -= int64(size)
	}
	return sizes
}

// benchPools is what the records of a set have in common.
type benchPools struct {
	accounts []string
	callers  []cttest.Identity
	keys     []string
	material map[string]string // key material id by key ARN
}

func newBenchPools(seed uint64) *benchPools {
	r := newRNG(seed, 3)
	p := &benchPools{material: map[string]string{}}
	for _, a := range accounts() {
		p.accounts = append(p.accounts, a.id)
	}
	for i := range 3000 {
		account := p.accounts[i%len(p.accounts)]
		id := cttest.AssumedRole(account, fmt.Sprintf("service-%03d", r.n(300)), "task-"+r.hex(16))
		if i%9 == 0 {
			id = cttest.IAMUser(account, fmt.Sprintf("user-%03d", r.n(100)))
		}
		p.callers = append(p.callers, id)
	}
	for i := range 2000 {
		key := cttest.KeyARN(p.accounts[i%len(p.accounts)], "us-east-1", r.uuidString())
		p.keys = append(p.keys, key)
		p.material[key] = r.hex(64)
	}
	return p
}

type benchWriter struct {
	dir   string
	gzip  *gzip.Writer
	pools *benchPools
	rng   rng
	seed  uint64
	share int // KMS records in a thousand
	body  []byte
}

// file makes the log file with the given number.
func (w *benchWriter) file(number, size int) (BenchTruth, error) {
	w.rng = newRNG(w.seed, uint64(number)+100)
	index := number % len(w.pools.accounts)
	account := w.pools.accounts[index]
	start := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(number) * 7 * time.Minute)
	t := BenchTruth{Files: 1}
	b := w.body[:0]
	b = append(b, `{"Records":[`...)
	at := start
	for len(b) < size {
		if t.Records > 0 {
			b = append(b, ',')
		}
		if w.rng.permille(200) {
			at = at.Add(time.Second)
		}
		e := w.event(index, at)
		if e.Source == "" {
			t.KMS++
		}
		b = e.Append(b)
		t.Records++
	}
	b = append(b, "]}"...)
	w.body = b
	t.JSONBytes = int64(len(b))
	key := cttest.Key("", organization, account, "us-east-1", at.Add(5*time.Minute), w.rng.suffix())
	n, err := writeObject(w.dir, key, compress(w.gzip, b))
	t.Bytes = n
	return t, err
}

// event draws a record of the account with the given index.
func (w *benchWriter) event(index int, at time.Time) cttest.Event {
	r := &w.rng
	// Pool entries and accounts go round together.
	n := len(w.pools.accounts)
	caller := w.pools.callers[index+n*r.n(len(w.pools.callers)/n)]
	var e cttest.Event
	if r.n(1000) < w.share {
		e = w.kms(caller, at)
	} else {
		e = w.noise(caller, at)
	}
	e.Region, e.Recipient = "us-east-1", caller.Account
	e.ID, e.RequestID = r.uuidString(), r.uuidString()
	if e.Caller.Type == "AWSService" {
		e.SharedID = r.uuidString()
	}
	return e
}

func (w *benchWriter) kms(caller cttest.Identity, at time.Time) cttest.Event {
	r := &w.rng
	e := cttest.Event{Time: at, Caller: caller, Key: w.key(caller.Account), IP: w.address()}
	e.Material = w.pools.material[e.Key]
	switch n := r.n(100); {
	case n < 45:
		e.Name = "Decrypt"
	case n < 75:
		e.Name = "GenerateDataKey"
	case n < 85:
		e.Name = "Encrypt"
	case n < 90:
		e.Name = "DescribeKey"
	case n < 94:
		e.Name = "Sign"
	case n < 97:
		e.Name = "CreateGrant"
		e.Grantee, e.Operations, e.GrantID = w.pools.callers[r.n(len(w.pools.callers))].ARN, []string{"Decrypt", "GenerateDataKey"}, r.hex(64)
	default:
		e.Name = "GenerateDataKeyWithoutPlaintext"
	}
	switch r.n(5) {
	case 0, 1:
		e.IP = ""
		e.Caller.InvokedBy = "AWS Internal"
		e.Context = cttest.Pairs("aws:s3:arn", "arn:aws:s3:::bucket-"+r.hex(3)+"/data/"+r.hex(16)+".parquet")
	case 2:
		e.IP = ""
		e.Caller.InvokedBy = "secretsmanager.amazonaws.com"
		e.Context = cttest.Pairs("SecretARN", "arn:aws:secretsmanager:us-east-1:111122223333:secret:app/"+r.hex(6), "SecretVersionId", r.uuidString())
	case 3:
		e.Context = cttest.Pairs("tenant", "t-"+r.hex(3), "order", r.hex(10))
	}
	if r.n(200) == 0 {
		e.Failure = "denied"
	}
	return e
}

// key draws a key of the account; one call in fifty is on a foreign one.
func (w *benchWriter) key(account string) string {
	for {
		key := w.pools.keys[w.rng.n(len(w.pools.keys))]
		if cttest.KeyAccount(key) == account || w.rng.permille(2) {
			return key
		}
	}
}

func (w *benchWriter) noise(caller cttest.Identity, at time.Time) cttest.Event {
	r := &w.rng
	switch n := r.n(200); {
	case n == 0:
		if r.n(2) == 0 {
			return cttest.PutRolePolicy(at, caller, "role-"+r.hex(6))
		}
		caller.InvokedBy = "kms.amazonaws.com"
		return cttest.Other(at, caller, "us-east-1", "cloudhsm", "DescribeClusters", `{"filters":{"clusterIds":["cluster-`+r.hex(11)+`"]}}`)
	case n < 100:
		e := cttest.PutObject(at, caller, "us-east-1", "bucket-"+r.hex(3), "data/"+r.hex(16)+".parquet", w.pools.keys[r.n(len(w.pools.keys))])
		e.IP = w.address()
		return e
	default:
		l := lookups[r.n(len(lookups))]
		e := cttest.Other(at, caller, "us-east-1", l.service, l.name, `{"id":"`+r.hex(24)+`","filterSet":{"items":[{"name":"tag:Name","valueSet":{"items":[{"value":"`+r.hex(8)+`"}]}}]},"maxResults":100}`)
		e.IP = w.address()
		return e
	}
}

func (w *benchWriter) address() string {
	return "203.0.113." + itoa(w.rng.between(1, 254))
}
