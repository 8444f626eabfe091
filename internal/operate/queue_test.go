package operate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/rows"
	"github.com/kmstrail/kmstrail/internal/s3server"
	"github.com/kmstrail/kmstrail/internal/sqsserver"
)

// queueWorld is a queue, a bucket on loopback that holds n log files of one event
// each, and the store that reads both.
type queueWorld struct {
	*Operator
	sqs  *sqsserver.Server
	keys []string
	s3   *s3server.Server
}

func newQueueWorld(t *testing.T, n int) *queueWorld {
	t.Helper()
	w := &queueWorld{sqs: sqsserver.Start()}
	t.Cleanup(w.sqs.Close)
	w.sqs.Second = 20 * time.Millisecond
	dir := t.TempDir()
	for i := range n {
		records, err := cttest.ParseLines(fmt.Sprintf("2026-11-01T08:%02d:00Z Decrypt key/alpha role/app id=%d", i, i))
		if err != nil {
			t.Fatal(err)
		}
		w.keys = append(w.keys, w.write(t, dir, cttest.Key("", "", "111122223333", "us-east-1", now.Add(time.Duration(i-n)*time.Minute), ""), records))
	}
	var err error
	if w.s3, err = s3server.Start(t.Context(), s3server.Config{Dir: dir, Bucket: "logs"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.s3.Close() })
	accessKey, secret := w.s3.Credentials()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": accessKey, "AWS_SECRET_ACCESS_KEY": secret, "AWS_REGION": w.s3.Region(), "AWS_ENDPOINT_URL_S3": w.s3.URL(),
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	store, err := duck.Open(t.Context(), duck.Memory, duck.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	cfg := config.Defaults()
	cfg.Ingest.Source, cfg.Queue.URL, cfg.Queue.Linger = "s3://logs", w.sqs.URL(), time.Millisecond
	w.Operator = New(store, cfg, Options{Now: func() time.Time { return now }})
	return w
}

func (w *queueWorld) write(t *testing.T, dir, key string, records [][]byte) string {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(key))
	body := cttest.LogFile(records...)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, body, 0o600)); err != nil {
		t.Fatal(err)
	}
	return key
}

// notify sends the notice of a key, as CloudTrail's own of SNS.
func (w *queueWorld) notify(keys ...string) {
	list, _ := json.Marshal(keys)
	w.sqs.Send(`{"s3Bucket":"logs","s3ObjectKey":` + string(list) + `}`)
}

func (w *queueWorld) number(t *testing.T, sql string) int64 {
	t.Helper()
	var n int64
	if err := eachRow(t.Context(), w.store, sql, nil, func(r rows.Row) { n = r.Number(0) }); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestIngestQueue: what a queue tells of is stored once, however often and by
// whatever way it is heard of, and also when messages are not deleted because the
// process ends right after the commit.
func TestIngestQueue(t *testing.T) {
	w := newQueueWorld(t, 6)
	w.notify(w.keys[0], w.keys[1])
	w.notify(w.keys[2])
	w.notify(w.keys[2])

	// Ended between commit and delete.
	ctx, cancel := context.WithCancel(t.Context())
	_, err := w.IngestQueue(ctx, QueueRequest{OnIngested: func(ingest.Summary) { cancel() }})
	if !errors.Is(err, context.Canceled) || w.sqs.Len() != 3 || w.number(t, "select count(*) from kms_events") == 0 {
		t.Fatalf("%v, %d messages, %d events", err, w.sqs.Len(), w.number(t, "select count(*) from kms_events"))
	}
	w.notify(w.keys[3])
	result, err := w.IngestQueue(t.Context(), QueueRequest{})
	if err != nil || result.Messages.Stored != 4 || w.sqs.Len() != 0 || result.Unreadable() {
		t.Fatalf("%v, %+v, %d messages", err, result, w.sqs.Len())
	}
	if got := w.number(t, "select count(*) from kms_events"); got != 4 {
		t.Errorf("%d events, want 4", got)
	}

	// A listing finds what nobody told of, and only that; messages of what it has
	// read are deleted without reading.
	gets := w.s3.Counts().Get
	polled, err := w.Ingest(t.Context(), IngestRequest{DeliveredFrom: now.AddDate(0, 0, -1)}, nil)
	if err != nil || polled.Summary.ObjectsKnown != 4 || polled.Summary.ObjectsDone != 2 || polled.Summary.Duplicates != 0 {
		t.Errorf("%v, %+v", err, polled.Summary)
	}
	w.notify(w.keys...)
	result, err = w.IngestQueue(t.Context(), QueueRequest{})
	if err != nil || result.Summary.ObjectsKnown != 6 || result.Summary.ObjectsDone != 0 || w.s3.Counts().Get != gets+2 || w.sqs.Len() != 0 {
		t.Errorf("%v, %+v, %d reads", err, result.Summary, w.s3.Counts().Get-gets)
	}
	if got := w.number(t, "select count(*) from kms_events"); got != 6 {
		t.Errorf("%d events, want 6", got)
	}

	// Records that are in messages themselves: one of them new. Poison stays in
	// quarantine, with its text; an object that is gone is reported.
	records, err := cttest.ParseLines("2026-11-01T08:00:00Z Decrypt key/alpha role/app id=0\n2026-11-01T09:00:00Z Decrypt key/alpha role/app id=new")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		w.sqs.Send(`{"detail-type":"AWS API Call via CloudTrail","source":"aws.kms","account":"111122223333","region":"us-east-1","detail":` + string(bytes.TrimSpace(r)) + `}`)
	}
	w.sqs.Send("no notice <b>at all</b>")
	w.notify(strings.Replace(w.keys[0], ".json.gz", "X.json.gz", 1))
	result, err = w.IngestQueue(t.Context(), QueueRequest{})
	if err != nil {
		t.Fatal(err)
	}
	result.Messages.Delays, result.Messages.Problems = nil, nil
	if m := result.Messages; m.Stored != 3 || m.Quarantined != 1 || m.Gone != 1 || m.Left != 0 || result.Summary.Inserted != 1 || result.Summary.Duplicates != 1 || !result.Unreadable() {
		t.Errorf("%+v %+v", m, result.Summary)
	}
	type line struct{ Reason, Excerpt string }
	var quarantine []line
	if err := eachRow(t.Context(), w.store, "select reason, excerpt from quarantine", nil, func(r rows.Row) {
		quarantine = append(quarantine, line{r.Text(0), r.Text(1)})
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]line{{"bad_message", "no notice <b>at all</b>"}}, quarantine); diff != "" {
		t.Error(diff)
	}
	if got := w.number(t, "select count(*) from kms_events e join log_files l on l.log_file_id = e.log_file_id"); got != 7 {
		t.Errorf("%d events with their log file, want 7", got)
	}
}

func TestCheckQueue(t *testing.T) {
	const url = "https://sqs.eu-central-1.amazonaws.com/111122223333/trail"
	for want, change := range map[string]func(*config.Config){
		"no queue is given":  func(c *config.Config) { c.Queue.URL = "" },
		"not the URL":        func(c *config.Config) { c.Queue.URL = "https://sqs.eu-central-1.amazonaws.com" },
		"is not known":       func(c *config.Config) { c.Ingest.Source = "./logs" },
		"logs is in":         func(c *config.Config) { c.Queue.Buckets = []string{"s3://logs/org"} },
		"":                   func(c *config.Config) { c.Queue.Buckets = []string{"s3://other/org", "s3://logs"} },
		"does not name a bu": func(c *config.Config) { c.Queue.Buckets = []string{"s3://"} },
	} {
		cfg := config.Defaults()
		cfg.Ingest.Source, cfg.Queue.URL = "s3://logs", url
		change(&cfg)
		if err := CheckQueue(cfg); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestIngest_shared: a queue is read while an ingest lists, which then reads only
// what is left, in parts.
func TestIngest_shared(t *testing.T) {
	w := newQueueWorld(t, 5)
	w.Operator.opts.Shared = true
	source, _, err := w.openSource(t.Context(), w.cfg)
	if err != nil {
		t.Fatal(err)
	}
	slow := &slowList{Source: source, listed: make(chan struct{}), goOn: make(chan struct{})}
	ended := make(chan error, 1)
	var polled IngestResult
	go func() {
		// Only the poll lists slowly.
		polling := New(w.store, w.cfg, w.Operator.opts)
		polling.opts.OpenSource = func(context.Context, config.Config) (ingest.Source, error) { return slow, nil }
		polling.storing = w.storing
		result, err := polling.Ingest(t.Context(), IngestRequest{DeliveredFrom: now.AddDate(0, 0, -1)}, nil)
		polled = result
		ended <- err
	}()
	<-slow.listed
	w.notify(w.keys[:3]...)
	result, err := w.IngestQueue(t.Context(), QueueRequest{NoMaintain: true})
	if err != nil || result.Summary.Inserted != 3 {
		t.Errorf("while a poll lists: %v, %+v", err, result.Summary)
	}
	close(slow.goOn)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if s := polled.Summary; s.ObjectsListed != 5 || s.ObjectsKnown != 3 || s.ObjectsToRead != 2 || s.ObjectsDone != 2 || s.Inserted != 2 || s.Duplicates != 0 || s.Requests.Get == 0 {
		t.Errorf("%+v", s)
	}
	if got := w.number(t, "select count(*) from kms_events"); got != 5 {
		t.Errorf("%d events, want 5", got)
	}
}

// slowList is a source that waits after the ledger was asked for its first page.
type slowList struct {
	ingest.Source

	listed, goOn chan struct{}
}

func (s *slowList) List(ctx context.Context, sel ingest.Selection, visit func([]ingest.Object) error) error {
	return s.Source.List(ctx, sel, func(page []ingest.Object) error {
		err := visit(page)
		close(s.listed)
		<-s.goOn
		return err
	})
}
