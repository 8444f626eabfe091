package historysource_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/historysource"
	"github.com/kmstrail/kmstrail/ingest/s3source"
	"github.com/kmstrail/kmstrail/ingest/sourcetest"
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
	os.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	os.Exit(m.Run())
}

const account = "111122223333"

var now = time.Date(2026, 4, 1, 10, 30, 0, 0, time.UTC)

// history answers LookupEvents and GetCallerIdentity as AWS does.
type history struct {
	t *testing.T

	mu       sync.Mutex
	events   []time.Time // ascending
	requests int
	asked    int // requests that are no second attempt at one
	// throttleEvery answers every n-th look-up with ThrottlingException.
	throttleEvery int
	deny          bool
}

type lookupRequest struct {
	StartTime, EndTime float64
	MaxResults         int
	NextToken          string
	LookupAttributes   []struct{ AttributeKey, AttributeValue string }
}

func (h *history) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.Header.Get("X-Amz-Target") == "" {
		fmt.Fprintf(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
			<Account>%s</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`, account)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	h.requests++
	if strings.HasPrefix(r.Header.Get("Amz-Sdk-Request"), "attempt=1;") {
		h.asked++
	}
	switch {
	case h.deny:
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"AccessDeniedException","Message":"User is not authorized to perform: cloudtrail:LookupEvents"}`)
		return
	case h.throttleEvery > 0 && h.requests%h.throttleEvery == 0:
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"ThrottlingException","message":"Rate exceeded"}`)
		return
	}
	var in lookupRequest
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		h.t.Error(err)
	}
	h.check(r, in)
	if err := json.NewEncoder(w).Encode(h.lookup(in)); err != nil {
		h.t.Error(err)
	}
}

func (h *history) check(r *http.Request, in lookupRequest) {
	attr := in.LookupAttributes
	if r.Header.Get("X-Amz-Target") != "CloudTrail_20131101.LookupEvents" || len(attr) != 1 ||
		attr[0].AttributeKey != "EventSource" || attr[0].AttributeValue != "kms.amazonaws.com" || in.MaxResults != 50 {
		h.t.Errorf("unexpected request %s %+v", r.Header.Get("X-Amz-Target"), in)
	}
	if int64(in.StartTime) < now.Add(-historysource.Kept).Unix() || in.EndTime < in.StartTime {
		h.t.Errorf("range %v to %v", in.StartTime, in.EndTime)
	}
}

// lookup returns a page, the newest event first.
func (h *history) lookup(in lookupRequest) map[string]any {
	var found []time.Time
	for _, at := range slices.Backward(h.events) {
		if s := float64(at.Unix()); s >= in.StartTime && s <= in.EndTime {
			found = append(found, at)
		}
	}
	skip, _ := strconv.Atoi(in.NextToken)
	found = found[skip:]
	page := found[:min(len(found), in.MaxResults)]
	out := map[string]any{}
	if len(page) < len(found) {
		out["NextToken"] = strconv.Itoa(skip + len(page))
	}
	events := []map[string]any{}
	for _, at := range page {
		events = append(events, map[string]any{"EventId": at.String(), "EventTime": at.Unix(), "CloudTrailEvent": record(at)})
	}
	out["Events"] = events
	return out
}

func record(at time.Time) string {
	return fmt.Sprintf(`{"eventTime":%q,"userAgent":"<a&b>"}`, at.Format(time.RFC3339))
}

func open(t *testing.T, h *history, change ...func(*historysource.Config)) *historysource.Source {
	t.Helper()
	h.t = t
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	cfg := historysource.Config{
		Region: "eu-west-1", EndpointURL: server.URL, RequestsPerSecond: 1e6, MaxBackoff: time.Millisecond,
		Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "secret", ""),
		Now:         func() time.Time { return now },
	}
	for _, f := range change {
		f(&cfg)
	}
	src, err := historysource.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// read returns the event times in an hour.
func read(t *testing.T, src *historysource.Source, obj ingest.Object) []string {
	t.Helper()
	body, err := src.Read(t.Context(), obj, []byte("kept"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Events []struct{ CloudTrailEvent string }
	}
	if err := json.Unmarshal(body[len("kept"):], &doc); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	var times []string
	for _, e := range doc.Events {
		var r struct{ EventTime, UserAgent string }
		if err := json.Unmarshal([]byte(e.CloudTrailEvent), &r); err != nil || r.UserAgent != "<a&b>" {
			t.Fatalf("%v in %s", err, e.CloudTrailEvent)
		}
		times = append(times, r.EventTime)
	}
	return times
}

func TestList(t *testing.T) {
	src := open(t, &history{})
	if got, want := src.Name(), "event-history://111122223333/eu-west-1"; got != want {
		t.Errorf("Name %s, want %s", got, want)
	}
	at := func(day, hour int) time.Time { return time.Date(2026, 3, day, hour, 0, 0, 0, time.UTC) }
	tests := []struct {
		name        string
		sel         ingest.Selection
		first, last string
		n           int
	}{
		{"all", ingest.Selection{}, "eu-west-1/2026-01-01T11", "eu-west-1/2026-04-01T10", 90 * 24},
		{"from and to", ingest.Selection{From: at(30, 5).Add(time.Minute), To: at(31, 2)}, "eu-west-1/2026-03-30T05", "eu-west-1/2026-03-31T01", 21},
		{"from before", ingest.Selection{From: at(1, 0).AddDate(-1, 0, 0), To: at(1, 0)}, "eu-west-1/2026-01-01T11", "eu-west-1/2026-02-28T23", 58*24 + 13},
		{"this account", ingest.Selection{Accounts: []string{account}, Regions: []string{"eu-west-1"}, From: at(31, 23), To: at(31, 24)}, "eu-west-1/2026-03-31T23", "eu-west-1/2026-03-31T23", 1},
		{"other account", ingest.Selection{Accounts: []string{"444455556666"}}, "", "", 0},
		{"other Region", ingest.Selection{Regions: []string{"us-east-1"}}, "", "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			objs := sourcetest.List(t, src, tt.sel)
			if len(objs) != tt.n {
				t.Fatalf("%d hours, want %d", len(objs), tt.n)
			}
			if tt.n > 0 && (objs[0].Key != tt.first || objs[tt.n-1].Key != tt.last) {
				t.Errorf("from %s to %s", objs[0].Key, objs[tt.n-1].Key)
			}
		})
	}
	if n := src.Lookups(); n != 0 {
		t.Errorf("listing made %d requests", n)
	}
}

func TestETag(t *testing.T) {
	clock := now
	src := open(t, &history{}, func(c *historysource.Config) { c.Now = func() time.Time { return clock } })
	etags := func() (settled, open string) {
		objs := sourcetest.List(t, src, ingest.Selection{From: now.Add(-4 * time.Hour)})
		return objs[2].ETag, objs[3].ETag // 08:00 ended an hour and a half ago, 09:00 half an hour
	}
	settled, running := etags()
	if settled != "final" || !strings.HasPrefix(running, "open-") {
		t.Errorf("ETags %s, %s", settled, running)
	}
	clock = clock.Add(time.Minute)
	if _, again := etags(); again == running {
		t.Errorf("the ETag of an open hour stays %s", again)
	}
	clock = clock.Add(30 * time.Minute)
	if _, later := etags(); later != "final" {
		t.Errorf("the hour ended long ago: %s", later)
	}
}

func TestRead(t *testing.T) {
	h := &history{throttleEvery: 5}
	day := time.Date(2026, 3, 30, 0, 0, 0, 0, time.UTC)
	busy := day.Add(3 * time.Hour)
	for n := range 130 {
		h.events = append(h.events, busy.Add(time.Duration(n)*27*time.Second)) // up to 03:58
	}
	h.events = append(h.events, busy.Add(time.Hour), day.Add(30*time.Hour), now.Add(-time.Minute))
	src := open(t, h)
	var total int
	for _, obj := range sourcetest.List(t, src, ingest.Selection{From: day, To: now}) {
		times := read(t, src, obj)
		if !slices.IsSorted(times) {
			t.Errorf("%s: not in order", obj.Key)
		}
		for _, at := range times {
			if !strings.HasPrefix(at, obj.Key[len("eu-west-1/"):]) {
				t.Errorf("%s holds an event of %s", obj.Key, at)
			}
		}
		total += len(times)
	}
	if total != len(h.events) {
		t.Errorf("read %d events, want %d", total, len(h.events))
	}
}

func TestQuietDaysCostOneRequest(t *testing.T) {
	h := &history{}
	day := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	for n := range 50 {
		h.events = append(h.events, day.Add(time.Duration(n)*20*time.Minute))
	}
	src := open(t, h)
	var total int
	for _, obj := range sourcetest.List(t, src, ingest.Selection{From: day, To: day.AddDate(0, 0, 10)}) {
		total += len(read(t, src, obj))
	}
	// The SDK attempts a request again when the answer overtakes the end of its
	// body, which happens where the server is this near.
	if total != 50 || h.asked != 10 || src.Lookups() < 10 {
		t.Errorf("%d events by %d requests (%d attempts), want 50 by 10", total, h.asked, src.Lookups())
	}
}

func TestReadFails(t *testing.T) {
	h := &history{events: []time.Time{now.Add(-5 * time.Minute), now.Add(-4 * time.Minute)}}
	src := open(t, h)
	running := ingest.Object{Key: "eu-west-1/2026-04-01T10"}
	for _, key := range []string{"eu-west-1/x", "us-east-1/2026-04-01T10", "eu-west-1/2025-04-01T10", ""} {
		if _, err := src.Read(t.Context(), ingest.Object{Key: key}, nil, 100); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", key, err)
		}
	}
	if _, err := src.Read(t.Context(), running, nil, 100); !isTooLarge(err) {
		t.Errorf("too large: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := src.Read(ctx, running, nil, 1000); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	h.mu.Lock()
	h.deny = true
	h.mu.Unlock()
	_, err := src.Read(t.Context(), running, nil, 1000)
	if e, ok := errors.AsType[*s3source.Error](err); !ok || !strings.Contains(e.Hint, "allow cloudtrail:LookupEvents") {
		t.Errorf("denied: %v", err)
	}
}

func isTooLarge(err error) bool {
	_, ok := errors.AsType[*ingest.TooLargeError](err)
	return ok
}

func TestNewNeedsRegion(t *testing.T) {
	_, err := historysource.New(t.Context(), historysource.Config{AccountID: account})
	if err == nil || !strings.Contains(err.Error(), "no Region given") {
		t.Errorf("got %v", err)
	}
}
