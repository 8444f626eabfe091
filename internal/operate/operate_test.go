package operate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/duck"
)

var now = time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)

// bucket is a source of log files by key.
type bucket struct {
	files map[string][]byte
	// made are the requests that it counts; each listing is one.
	made ingest.Requests
	// listErr ends a listing, hold lets it wait until it is closed.
	listErr error
	hold    chan struct{}
	listing chan struct{}
}

func (b *bucket) Name() string              { return "s3://logs" }
func (b *bucket) Requests() ingest.Requests { return b.made }

func (b *bucket) List(ctx context.Context, sel ingest.Selection, visit func([]ingest.Object) error) error {
	b.made.List++
	if b.listing != nil {
		b.listing <- struct{}{}
		select {
		case <-b.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for _, key := range slices.Sorted(maps.Keys(b.files)) {
		location, _ := ingest.ParseKey(key)
		if !sel.Includes(location) {
			continue
		}
		if err := visit([]ingest.Object{{Key: key, Size: int64(len(b.files[key])), ETag: "1", Location: location}}); err != nil {
			return err
		}
	}
	return b.listErr
}

func (b *bucket) Read(_ context.Context, o ingest.Object, dst []byte, _ int64) ([]byte, error) {
	b.made.Get++
	return append(dst, b.files[o.Key]...), nil
}

// add puts a log file into the bucket; see cttest.ParseLines.
func (b *bucket) add(t *testing.T, delivered, lines string) {
	t.Helper()
	records, err := cttest.ParseLines(lines)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(time.RFC3339, delivered)
	if err != nil {
		t.Fatal(err)
	}
	if b.files == nil {
		b.files = map[string][]byte{}
	}
	b.files[cttest.Key("", "", "111122223333", "us-east-1", at, "")] = cttest.LogFile(records...)
}

// open returns an operator of an empty store that reads b.
func open(t *testing.T, b *bucket, change func(*config.Config)) *Operator {
	t.Helper()
	store, err := duck.Open(t.Context(), duck.Memory, duck.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg := config.Defaults()
	cfg.Ingest.Source = "s3://logs"
	if change != nil {
		change(&cfg)
	}
	if err := Configure(t.Context(), store, cfg); err != nil {
		t.Fatal(err)
	}
	return New(store, cfg, Options{
		Now:        func() time.Time { return now },
		OpenSource: func(context.Context, config.Config) (ingest.Source, error) { return b, nil },
	})
}

// TestIngest: the first run on a bucket is bounded, planned and told about; the
// next goes on from where the store begins.
func TestIngest(t *testing.T) {
	b := &bucket{made: ingest.Requests{List: 100, Get: 1000}} // it was used before
	b.add(t, "2026-09-01T06:05:00Z", "2026-09-01T06:00:00Z Decrypt key/alpha role/app")
	b.add(t, "2026-11-01T06:05:00Z", "2026-11-01T06:00:00Z 1m x3 Decrypt key/alpha role/app")
	o := open(t, b, nil)
	var told []IngestProgress
	result, err := o.Ingest(t.Context(), IngestRequest{}, func(p IngestProgress) { told = append(told, p) })
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 10, 26, 8, 0, 0, 0, time.UTC)
	wantStart := &IngestStart{Source: "s3://logs", From: from, First: true, FirstRun: Seconds(7 * 24 * time.Hour), Chosen: true}
	if diff := cmp.Diff(wantStart, result.Start); diff != "" {
		t.Errorf("start (-want +got):\n%s", diff)
	}
	if p := result.Plan; p == nil || p.ObjectsToRead != 1 || p.Requests != (ingest.Requests{List: 1}) || p.Estimated != (ingest.Requests{List: 2, Get: 1}) {
		t.Errorf("plan: %+v", p)
	}
	if s := result.Summary; s == nil || s.Inserted != 3 || s.Requests != (ingest.Requests{List: 2, Get: 1}) {
		t.Errorf("summary: %+v", s)
	}
	if result.Maintained == nil || result.Unreadable() {
		t.Errorf("result: %+v", result)
	}
	if len(told) < 3 || told[0].Start == nil || told[0].Plan != nil || told[1].Plan == nil || told[1].Read != nil || told[len(told)-1].Read == nil {
		t.Errorf("told %d times: %+v", len(told), told)
	}

	result, err = o.Ingest(t.Context(), IngestRequest{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s := result.Start; s.First || !s.From.Equal(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)) || result.Plan != nil || result.Summary.ObjectsDone != 0 {
		t.Errorf("second run: %+v, %+v", s, result)
	}
	result, err = o.Ingest(t.Context(), IngestRequest{Last: Seconds(100 * 24 * time.Hour)}, nil)
	if err != nil || result.Start.Chosen || result.Summary.Inserted != 1 {
		t.Errorf("with a span: %+v, %v", result, err)
	}
}

// TestIngest_partial: what cannot be listed is told, and no error.
func TestIngest_partial(t *testing.T) {
	b := &bucket{listErr: &ingest.PartialListError{Errs: []error{errors.New("list folder x: denied")}}}
	b.add(t, "2026-11-01T06:05:00Z", "2026-11-01T06:00:00Z Decrypt key/alpha role/app")
	o := open(t, b, nil)
	result, err := o.Ingest(t.Context(), IngestRequest{DryRun: true}, nil)
	if err != nil || result.Summary != nil || result.Plan == nil || !result.Unreadable() {
		t.Errorf("dry run: %+v, %v", result, err)
	}
	result, err = o.Ingest(t.Context(), IngestRequest{}, nil)
	if diff := cmp.Diff([]string{"list folder x: denied"}, result.Unlisted); err != nil || diff != "" || !result.Unreadable() {
		t.Errorf("err %v, unlisted (-want +got):\n%s", err, diff)
	}
	b.files = nil
	if _, err = open(t, b, nil).Ingest(t.Context(), IngestRequest{}, nil); err == nil || !strings.Contains(err.Error(), "denied") {
		t.Errorf("nothing could be listed: %v", err)
	}
}

// TestIngest_turns: one ingest runs at a time; a second waits, unless it is not
// to.
func TestIngest_turns(t *testing.T) {
	b := &bucket{hold: make(chan struct{}), listing: make(chan struct{}, 10)}
	o := open(t, b, nil)
	first, second := make(chan error, 1), make(chan error, 1)
	request := IngestRequest{From: now.Add(-time.Hour), DryRun: true}
	go func() {
		_, err := o.Ingest(t.Context(), request, nil)
		first <- err
	}()
	<-b.listing
	if _, err := o.Ingest(t.Context(), IngestRequest{NoWait: true}, nil); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v, want ErrBusy", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := o.Ingest(gone, request, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting although nobody does: %v", err)
	}
	go func() {
		_, err := o.Ingest(t.Context(), request, nil)
		second <- err
	}()
	close(b.hold)
	if err := errors.Join(<-first, <-second); err != nil {
		t.Error(err)
	}
}

// TestIngest_mistakes: a request over the network may hold anything.
func TestIngest_mistakes(t *testing.T) {
	o := open(t, &bucket{}, nil)
	for name, req := range map[string]IngestRequest{
		"account":      {Accounts: []string{"../x"}},
		"region":       {Regions: []string{"../x"}},
		"organization": {OrganizationID: "../x"},
		"concurrency":  {Concurrency: 1 << 20},
		"both":         {From: now, Last: 1},
		"reversed":     {From: now, To: now.Add(-time.Hour)},
		"negative":     {Last: -1},
	} {
		if _, err := o.Ingest(t.Context(), req, nil); !isUsage(err) {
			t.Errorf("%s: got %v, want a usage error", name, err)
		}
	}
}

func isUsage(err error) bool {
	_, ok := errors.AsType[*UsageError](err)
	return ok
}

// TestDetect: what a run reported first is new, and only then.
func TestDetect(t *testing.T) {
	b := &bucket{}
	b.add(t, "2026-11-01T06:05:00Z", "2026-11-01T06:00:00Z 1m x3 Decrypt key/alpha role/intruder@foreign owner=main")
	o := open(t, b, nil)
	if _, err := o.Ingest(t.Context(), IngestRequest{}, nil); err != nil {
		t.Fatal(err)
	}
	result, err := o.Detect(t.Context(), DetectRequest{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Findings) != 1 || len(result.New) != 1 || result.New[0] != result.Findings[0].FindingID || len(result.Runs) != len(result.Detectors) {
		t.Errorf("first run: %+v", result)
	}
	id := result.New[0]

	// What JSON carries is the same after it.
	text, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	var read DetectResult
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	for i, run := range read.Runs {
		if diff := cmp.Diff(result.Runs[i].Whole(), run.Whole()); diff != "" {
			t.Errorf("run after JSON (-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff(result.Findings, read.Findings); diff != "" {
		t.Errorf("findings after JSON (-want +got):\n%s", diff)
	}

	again, err := o.Detect(t.Context(), DetectRequest{}, nil)
	if err != nil || len(again.New) != 0 || len(again.Findings) != 1 {
		t.Errorf("second run: new %v, %d findings, %v", again.New, len(again.Findings), err)
	}
	decided, err := o.Decide(t.Context(), DecideRequest{Findings: []string{id[:8]}, Status: "resolved", By: "ann"})
	if diff := cmp.Diff([]Decided{{FindingID: id, DetectorID: "cross_account_decrypt", Was: "new", Is: "resolved"}}, decided); diff != "" || err != nil {
		t.Errorf("%v, decided (-want +got):\n%s", err, diff)
	}
	b.add(t, "2026-11-01T07:05:00Z", "2026-11-01T07:00:00Z Decrypt key/alpha role/intruder@foreign owner=main")
	if _, err := o.Ingest(t.Context(), IngestRequest{}, nil); err != nil {
		t.Fatal(err)
	}
	again, err = o.Detect(t.Context(), DetectRequest{}, nil)
	if diff := cmp.Diff([]string{id}, again.New); diff != "" || err != nil {
		t.Errorf("seen again: %v, new (-want +got):\n%s", err, diff)
	}
}

func TestDetect_mistakes(t *testing.T) {
	o := open(t, &bucket{}, nil)
	for name, req := range map[string]DetectRequest{
		"detector":  {Detectors: []string{"cross_account"}},
		"parameter": {Params: map[string]map[string]string{"nothing": {"x": "1"}}},
		"reversed":  {From: now, To: now.Add(-time.Hour)},
	} {
		if _, err := o.Detect(t.Context(), req, nil); !isUsage(err) {
			t.Errorf("%s: got %v, want a usage error", name, err)
		}
	}
	_, err := o.Decide(t.Context(), DecideRequest{Findings: []string{"01234567"}, Status: "resolved", By: "ann"})
	if !errors.Is(err, detectors.ErrNoFinding) || ProblemOf(err).Kind != KindNotFound {
		t.Errorf("a finding that is not there: %v", err)
	}
	for name, req := range map[string]DecideRequest{
		"none":   {Status: "resolved", By: "ann"},
		"nobody": {Findings: []string{"01234567"}, Status: "resolved"},
		"status": {Findings: []string{"01234567"}, Status: "withdrawn", By: "ann"},
		"id":     {Findings: []string{"x'; drop"}, Status: "resolved", By: "ann"},
	} {
		if _, err := o.Decide(t.Context(), req); !isUsage(err) {
			t.Errorf("%s: got %v, want a usage error", name, err)
		}
	}
	disabled := open(t, &bucket{}, func(c *config.Config) {
		c.Detectors = map[string]config.Detector{}
		for _, id := range mustBuiltin(t) {
			c.Detectors[id] = config.Detector{Disabled: true}
		}
	})
	if err := disabled.Check(DetectRequest{}); !isUsage(err) {
		t.Errorf("all are disabled: %v", err)
	}
	if err := disabled.Check(DetectRequest{Detectors: []string{"cross_account_decrypt"}}); err != nil {
		t.Errorf("a disabled detector that is named: %v", err)
	}
}

func mustBuiltin(t *testing.T) []string {
	t.Helper()
	list, err := detectors.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return detectorIDs(list)
}

// TestProblem: an error that went through JSON says the same, and is known by
// its kind.
func TestProblem(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		kind string
		is   error
	}{
		"usage":       {Usagef("do that", "this is wrong"), KindUsage, nil},
		"not_found":   {fmt.Errorf("find finding x: %w", detectors.ErrNoFinding), KindNotFound, detectors.ErrNoFinding},
		"busy":        {ErrBusy, KindBusy, ErrBusy},
		"interrupted": {fmt.Errorf("read: %w", context.Canceled), KindInterrupted, context.Canceled},
		"failed":      {fmt.Errorf("open: %w", &duck.Error{Message: "no", Hint: "try"}), KindFailed, nil},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(ProblemOf(tc.err))
			if err != nil {
				t.Fatal(err)
			}
			var p *Problem
			if err := json.Unmarshal(text, &p); err != nil {
				t.Fatal(err)
			}
			got := p.Err()
			if got.Error() != tc.err.Error() || p.Kind != tc.kind || tc.is != nil && !errors.Is(got, tc.is) || isUsage(got) != isUsage(tc.err) {
				t.Errorf("got %v (%s), want %v (%s)", got, p.Kind, tc.err, tc.kind)
			}
			if diff := cmp.Diff(ProblemOf(tc.err), ProblemOf(got)); diff != "" {
				t.Errorf("twice (-want +got):\n%s", diff)
			}
		})
	}
	if ProblemOf(nil) != nil || (*Problem)(nil).Err() != nil {
		t.Error("no error is a problem")
	}
}

func TestSeconds(t *testing.T) {
	for text, want := range map[string]time.Duration{"1.5": 1500 * time.Millisecond, "0": 0, "86400": 24 * time.Hour, "-2": -2 * time.Second} {
		var s Seconds
		if err := json.Unmarshal([]byte(text), &s); err != nil || time.Duration(s) != want {
			t.Errorf("%s: got %v, %v; want %v", text, time.Duration(s), err, want)
		}
		if out, err := json.Marshal(s); err != nil || string(out) != text {
			t.Errorf("%s: written as %s, %v", text, out, err)
		}
	}
	for _, text := range []string{`1e300`, `"1s"`, `{}`} {
		var s Seconds
		if err := json.Unmarshal([]byte(text), &s); err == nil {
			t.Errorf("%s: read as %v", text, time.Duration(s))
		}
	}
}

func TestSpan_Fill(t *testing.T) {
	at := func(s string) time.Time {
		t.Helper()
		out, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	events := Span{Start: at("2026-10-01T00:00:00Z"), End: at("2026-10-02T12:00:00Z")}
	for name, tc := range map[string]struct {
		asked, events Span
		want          Span
		misses        bool
	}{
		"open":      {events: events, want: Span{events.Start, at("2026-10-02T12:00:01Z")}},
		"start":     {asked: Span{Start: at("2026-10-02T00:00:00Z")}, events: events, want: Span{at("2026-10-02T00:00:00Z"), at("2026-10-02T12:00:01Z")}},
		"outside":   {asked: Span{at("2026-11-01T00:00:00Z"), at("2026-11-02T00:00:00Z")}, events: events, want: Span{at("2026-11-01T00:00:00Z"), at("2026-11-02T00:00:00Z")}, misses: true},
		"no_events": {want: Span{now.Add(-time.Hour), now.Add(time.Second)}},
	} {
		got, err := tc.asked.Fill(tc.events, now)
		if err != nil || got != tc.want || got.Misses(tc.events) != tc.misses {
			t.Errorf("%s: got %v, misses %v, %v; want %v", name, got, got.Misses(tc.events), err, tc.want)
		}
	}
	if _, err := (Span{Start: now}).Fill(events, now); !isUsage(err) {
		t.Errorf("a start after the last event: %v", err)
	}
}

func TestCheckSource(t *testing.T) {
	for _, name := range []string{"s3://bucket", "s3://bucket/prefix", "./logs", "/var/log"} {
		if err := CheckSource(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "s3://", "gs://bucket", "no-such-directory"} {
		if err := CheckSource(name); !isUsage(err) {
			t.Errorf("%q: got %v, want a usage error", name, err)
		}
	}
}

func TestBackupName(t *testing.T) {
	if got := BackupName(path.Join("x", "prod.duckdb"), now); got != "prod-20261102T080000Z.duckdb" {
		t.Error(got)
	}
}
