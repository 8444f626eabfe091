package queuesource

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/internal/sqsserver"
)

// TestMain keeps the developer's own AWS configuration out.
func TestMain(m *testing.M) {
	for _, env := range os.Environ() {
		if name, _, _ := strings.Cut(env, "="); strings.HasPrefix(name, "AWS_") {
			os.Unsetenv(name)
		}
	}
	os.Setenv("AWS_CONFIG_FILE", os.DevNull)
	os.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	os.Exit(m.Run())
}

// bucket is one in memory.
type bucket struct {
	name string

	mu    sync.Mutex
	files map[string]string // content by key; the ETag is testETag, or "changed"
	fails map[string]error
	stats int
}

func (b *bucket) Name() string { return "s3://" + b.name }

func (b *bucket) List(context.Context, ingest.Selection, func([]ingest.Object) error) error {
	return errors.New("nobody should list")
}

func (b *bucket) Requests() ingest.Requests { return ingest.Requests{} }

func (b *bucket) Stat(_ context.Context, key string) (ingest.Object, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stats++
	text, ok := b.files[key]
	if !ok {
		return ingest.Object{}, fs.ErrNotExist
	}
	return ingest.Object{Key: key, Size: int64(len(text)), ETag: `"` + testETag + `"`}, nil
}

func (b *bucket) Read(_ context.Context, obj ingest.Object, dst []byte, limit int64) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	text, ok := b.files[obj.Key]
	switch {
	case b.fails[obj.Key] != nil:
		return dst, b.fails[obj.Key]
	case !ok:
		return dst, fs.ErrNotExist
	case obj.ETag != "" && obj.ETag != `"`+testETag+`"`:
		return dst, ingest.ErrChanged
	case int64(len(text)) > limit:
		return dst, &ingest.TooLargeError{Key: obj.Key, Size: int64(len(text)), Limit: limit}
	}
	return append(dst, text...), nil
}

// store is where things are stored: by source and key, what was read, or why it
// was not.
type store struct {
	mu     sync.Mutex
	stored map[string]string
	calls  int
	before func(call int) error
}

func (s *store) store(ctx context.Context, source ingest.Source) error {
	s.mu.Lock()
	s.calls++
	call := s.calls
	s.mu.Unlock()
	found := map[string]string{}
	err := source.List(ctx, ingest.Selection{}, func(page []ingest.Object) error {
		for _, o := range page {
			text, err := source.Read(ctx, o, nil, 1<<20)
			if err != nil {
				text = []byte("! " + err.Error())
			}
			found[source.Name()+"/"+o.Key] = string(text)
		}
		return nil
	})
	if err == nil && s.before != nil {
		err = s.before(call)
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, v := range found {
		s.stored[k] = v
	}
	return nil
}

// world is a queue, a bucket and a store.
type world struct {
	sqs    *sqsserver.Server
	bucket *bucket
	store  *store
	opts   Options
	turns  []Turn
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		sqs: sqsserver.Start(), bucket: &bucket{name: "example-trail-logs", files: map[string]string{}, fails: map[string]error{}},
		store: &store{stored: map[string]string{}},
	}
	w.sqs.Second = 10 * time.Millisecond
	t.Cleanup(w.sqs.Close)
	q, err := Open(t.Context(), Config{
		URL: w.sqs.URL(), Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "x", ""), MaxBackoff: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	w.opts = Options{
		Queue: q, Buckets: map[string]Bucket{"example-trail-logs": {Source: w.bucket}}, Store: w.store.store,
		Linger: time.Millisecond, Heartbeat: 100 * time.Millisecond,
		OnTurn: func(turn Turn) {
			mu.Lock()
			defer mu.Unlock()
			w.turns = append(w.turns, turn)
		},
	}
	return w
}

// run reads the queue until it is empty and returns the sum of all turns.
func (w *world) run(t *testing.T) (sum Turn) {
	t.Helper()
	w.turns = nil
	if err := Run(t.Context(), w.opts); err != nil {
		t.Fatal(err)
	}
	for _, turn := range w.turns {
		sum.Messages += turn.Messages
		sum.Stored += turn.Stored
		sum.Skipped += turn.Skipped
		sum.Quarantined += turn.Quarantined
		sum.Left += turn.Left
		sum.Gone += turn.Gone
		sum.Undeleted += turn.Undeleted
		sum.Problems = append(sum.Problems, turn.Problems...)
	}
	return sum
}

func logFile(n int) string {
	return strings.Replace(logKey, "AAAAAAAAAAAAAAAA", fmt.Sprintf("%016d", n), 1)
}

// TestRun: each kind of message is stored, skipped, put aside or left.
func TestRun(t *testing.T) {
	w := newWorld(t)
	want := map[string]string{}
	for n := range 25 { // more than one batch
		w.bucket.files[logFile(n)] = fmt.Sprint("file ", n)
		want["s3://example-trail-logs/"+logFile(n)] = fmt.Sprint("file ", n)
		w.sqs.Send(s3Event("ObjectCreated:Put", logFile(n)))
	}
	w.bucket.files["other/"+logKey] = "by SNS, without ETag"
	want["s3://example-trail-logs/other/"+logKey] = "by SNS, without ETag"
	w.sqs.Send(sns(`{"s3Bucket":"example-trail-logs","s3ObjectKey":["other/` + logKey + `"]}`))
	w.sqs.Send(s3Event("ObjectCreated:Put", logFile(3))) // again
	w.sqs.Send(testEvent)
	w.sqs.Send(s3Event("ObjectCreated:Put", strings.ReplaceAll(logKey, "CloudTrail", "CloudTrail-Digest")))
	w.sqs.Send(busEventOf("aws.kms", "AWS API Call via CloudTrail", record))
	poison := w.sqs.Send("hello")
	w.sqs.Send(s3Event("ObjectCreated:Put", logFile(99))) // gone
	w.sqs.Send(s3Event("ObjectCreated:Put", "large.json"))
	w.bucket.files["large.json"] = strings.Repeat("x", 500) // more than its notice says
	foreign := w.sqs.Send(strings.ReplaceAll(s3Event("ObjectCreated:Put", logKey), "example-trail-logs", "example-other"))

	got := w.run(t)
	want["s3://example-trail-logs/"+logFile(99)] = "! file does not exist"
	want["s3://example-trail-logs/large.json"] = "! the notice says 421 bytes: object large.json has 500 bytes, more than the limit of 421"
	if k := w.opts.Queue.Name() + "/messages/" + poison; !strings.HasPrefix(w.store.stored[k], "! bad_message: message "+poison+" of the queue: the message is no JSON object") {
		t.Errorf("poison: %q", w.store.stored[k])
	} else {
		want[k] = w.store.stored[k]
	}
	for k, v := range w.store.stored {
		if strings.HasPrefix(k, w.opts.Queue.Name()+"/records/") && v == `{"Records":[`+record+"]}\n" {
			want[k] = v
		}
	}
	if diff := cmp.Diff(want, w.store.stored); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	slices.Sort(got.Problems)
	if len(got.Problems) != 2 || !strings.Contains(got.Problems[1], "example-other, which is not configured") && !strings.Contains(got.Problems[0], "example-other, which is not configured") {
		t.Errorf("problems %q", got.Problems)
	}
	got.Problems = nil
	if diff := cmp.Diff(Turn{Messages: 34, Stored: 29, Skipped: 2, Quarantined: 1, Left: 2, Gone: 1}, got); diff != "" {
		t.Error(diff)
	}
	if w.sqs.Len() != 2 || w.sqs.Receives(foreign) == 0 {
		t.Errorf("%d messages are left", w.sqs.Len())
	}
	if w.bucket.stats != 1 {
		t.Errorf("%d objects were looked up, want only the one without an ETag", w.bucket.stats)
	}
}

// TestRun_storeFails: nothing is deleted, all is shown at once, and the next run
// stores it.
func TestRun_storeFails(t *testing.T) {
	w := newWorld(t)
	for n := range 12 {
		w.bucket.files[logFile(n)] = "x"
		w.sqs.Send(s3Event("ObjectCreated:Put", logFile(n)))
	}
	w.opts.Linger = 50 * time.Millisecond
	w.opts.Visibility = time.Hour // in seconds of the server: what is not given back would not come
	w.opts.Heartbeat = time.Hour
	full := errors.New("disk full")
	w.store.before = func(int) error { return full }
	if err := Run(t.Context(), w.opts); !errors.Is(err, full) {
		t.Fatalf("got %v", err)
	}
	if w.sqs.Len() != 12 || w.sqs.Counts().Deletes != 0 || len(w.store.stored) != 0 {
		t.Fatalf("%d messages, %d deletes, %d stored", w.sqs.Len(), w.sqs.Counts().Deletes, len(w.store.stored))
	}
	w.store.before = nil
	if got := w.run(t); got.Stored != 12 || w.sqs.Len() != 0 || len(w.store.stored) != 12 {
		t.Errorf("%+v, %d messages", got, w.sqs.Len())
	}
}

// TestRun_heartbeat: storing takes more than twice the visibility, and nobody else
// gets the message meanwhile; it is deleted only afterwards.
func TestRun_heartbeat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bucket.files[logKey] = "x"
	id := w.sqs.Send(s3Event("ObjectCreated:Put", logKey))
	w.opts.Visibility, w.opts.Heartbeat = 50*time.Second, 20*time.Millisecond // half a second of the server
	w.store.before = func(int) error {
		deadline := time.After(1200 * time.Millisecond)
		<-deadline
		if n := w.sqs.Receives(id); n != 1 {
			t.Errorf("received %d times while it was being stored", n)
		}
		return nil
	}
	if got := w.run(t); got.Stored != 1 || w.sqs.Len() != 0 {
		t.Errorf("%+v, %d messages", got, w.sqs.Len())
	}
	if n := w.sqs.Counts().Changes; n < 5 {
		t.Errorf("visibility was extended %d times", n)
	}
}

// TestRun_left: a message whose object cannot be read comes again by itself, and
// is deleted when it could be.
func TestRun_left(t *testing.T) {
	w := newWorld(t)
	w.bucket.files[logKey] = "x"
	w.bucket.fails[logKey] = errors.New("access denied")
	id := w.sqs.Send(s3Event("ObjectCreated:Put", logKey))
	w.opts.Visibility, w.opts.Follow = 10*time.Second, true
	ctx, cancel := context.WithCancel(t.Context())
	turn := w.opts.OnTurn
	w.opts.OnTurn = func(done Turn) {
		turn(done)
		w.bucket.mu.Lock()
		defer w.bucket.mu.Unlock()
		if w.bucket.fails[logKey] == nil {
			cancel()
		} else if w.sqs.Receives(id) == 2 {
			w.bucket.fails[logKey] = nil
		}
	}
	if err := Run(ctx, w.opts); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if len(w.turns) != 3 || w.turns[0].Left != 1 || w.turns[2].Stored != 1 || w.sqs.Len() != 0 {
		t.Errorf("%+v, %d messages", w.turns, w.sqs.Len())
	}
}

// TestRun_changed: an object that was replaced since its notice is read as it is.
func TestRun_changed(t *testing.T) {
	w := newWorld(t)
	w.bucket.files[logKey] = "new"
	w.sqs.Send(strings.ReplaceAll(s3Event("ObjectCreated:Put", logKey), testETag, "fedcba9876543210"))
	if got := w.run(t); got.Stored != 1 || w.store.stored["s3://example-trail-logs/"+logKey] != "new" {
		t.Errorf("%+v, %q", got, w.store.stored)
	}
}

// TestRun_queueFails: who does not follow gets errors of the queue. What cannot be
// deleted comes again.
func TestRun_queueFails(t *testing.T) {
	w := newWorld(t)
	w.sqs.Fail = func(string) string { return "QueueDoesNotExist" }
	if err := Run(t.Context(), w.opts); err == nil || !strings.Contains(err.Error(), "there is no such queue") {
		t.Errorf("got %v", err)
	}
	w = newWorld(t)
	w.sqs.Fail = func(action string) string {
		if strings.HasSuffix(action, "DeleteMessageBatch") {
			return "AccessDeniedException"
		}
		return ""
	}
	w.bucket.files[logKey] = "x"
	w.sqs.Send(s3Event("ObjectCreated:Put", logKey))
	w.opts.Visibility = MaxVisibility
	if got := w.run(t); got.Stored != 1 || got.Undeleted != 1 || len(got.Problems) != 1 || !strings.Contains(got.Problems[0], "allow sqs:DeleteMessage") {
		t.Errorf("%+v", got)
	}
}

// TestWrittenAt: a sender cannot make an object older than it is.
func TestWrittenAt(t *testing.T) {
	sent := time.Date(2026, 11, 22, 9, 0, 5, 700_000_000, time.UTC)
	for _, tt := range []struct{ said, want time.Time }{
		{sent.Add(-3 * time.Second), sent.Add(-3 * time.Second).Truncate(time.Second)},
		{time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), sent.Truncate(time.Second)},
		{sent.Add(time.Hour), sent.Truncate(time.Second)},
		{time.Time{}, sent.Truncate(time.Second)},
	} {
		r := sentRef{Ref{Written: tt.said}, sent}
		if got := r.writtenAt(); !got.Equal(tt.want) {
			t.Errorf("%v: got %v, want %v", tt.said, got, tt.want)
		}
	}
}

// TestRun_follow: who follows goes on after errors of the queue, and tells them
// and that they are over.
func TestRun_follow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var calls atomic.Int64
	w.sqs.Fail = func(string) string {
		if calls.Add(1) == 1 {
			return "AccessDeniedException"
		}
		return ""
	}
	w.bucket.files[logKey] = "x"
	w.sqs.Send(s3Event("ObjectCreated:Put", logKey))
	ctx, cancel := context.WithCancel(t.Context())
	w.opts.Follow, w.opts.Receivers = true, 1
	var told []error
	w.opts.OnError = func(err error) { told = append(told, err) }
	w.opts.OnTurn = func(Turn) { cancel() }
	if err := Run(ctx, w.opts); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if len(told) != 2 || told[0] == nil || !strings.Contains(told[0].Error(), "allow sqs:ReceiveMessage on the queue") || told[1] != nil {
		t.Errorf("told %v", told)
	}
	if len(w.store.stored) != 1 || w.sqs.Len() != 0 {
		t.Errorf("%d stored, %d messages", len(w.store.stored), w.sqs.Len())
	}
}
