package sampledata_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/golden"
	"github.com/kmstrail/kmstrail/sampledata"
)

// TestCommitted holds that the bucket in this folder is what the generator
// makes. With -update it is made anew.
func TestCommitted(t *testing.T) {
	if golden.Updating() {
		if err := os.RemoveAll("bucket"); err != nil {
			t.Fatal(err)
		}
		generate(t, sampledata.Small("."))
		return
	}
	dir := t.TempDir()
	generate(t, sampledata.Small(dir))
	got, want := readTree(t, dir), map[string][]byte{}
	for _, name := range []string{"truth.json", "kmstrail.yaml"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want[name] = b
	}
	for name, b := range readTree(t, "bucket") {
		want["bucket/"+name] = b
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Fatalf("other files (-committed +generated), run make update:\n%s", diff)
	}
	size := 0
	for name, b := range want {
		size += len(b)
		if !bytes.Equal(b, got[name]) {
			t.Errorf("%s differs from what the generator makes: run make update", name)
		}
	}
	if size > 300_000 {
		t.Errorf("the committed bucket has grown to %d bytes", size)
	}
}

func TestDeterministic(t *testing.T) {
	one, many, other := t.TempDir(), t.TempDir(), t.TempDir()
	cfg := sampledata.Small(one)
	cfg.Workers = 1
	generate(t, cfg)
	cfg.Dir, cfg.Workers = many, 5
	generate(t, cfg)
	cfg.Dir, cfg.Seed = other, 2
	generate(t, cfg)
	a, b, c := readTree(t, one), readTree(t, many), readTree(t, other)
	if !maps.EqualFunc(a, b, bytes.Equal) {
		t.Error("one worker and five do not make the same")
	}
	if maps.EqualFunc(a, c, bytes.Equal) {
		t.Error("another seed makes the same")
	}
}

// TestTruth counts the files again, slowly and without any code of the
// generator or of ingest.
func TestTruth(t *testing.T) {
	for name, scale := range map[string]float64{"small": 0.001, "middle": 0.1} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			truth := generate(t, sampledata.Config{Seed: 3, Dir: dir, Scale: scale})
			var stored sampledata.Truth
			b, err := os.ReadFile(filepath.Join(dir, "truth.json"))
			if err == nil {
				err = json.Unmarshal(b, &stored)
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(truth, stored); diff != "" {
				t.Errorf("truth.json differs from what Generate returned:\n%s", diff)
			}
			got := count(t, filepath.Join(dir, "bucket"))
			want := counts{
				Objects: truth.Objects, LogFiles: truth.LogFiles, Bytes: truth.Bytes, JSONBytes: truth.JSONBytes,
				Records: truth.Records, KMSRecords: truth.KMSRecords, Duplicates: truth.Duplicates,
				Superseded: truth.Superseded, KMSEvents: truth.KMSEvents, KMSCalls: truth.KMSCalls, Self: truth.SelfEvents,
				ByEvent: truth.KMSByEvent, ByAccount: truth.KMSByAccount, Related: truth.RelatedByEvent,
				Quarantined: truth.Quarantined, First: truth.FirstEvent, Last: truth.LastEvent,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("truth and files differ (-truth +files):\n%s", diff)
			}
		})
	}
}

// TestFindings holds that the story is in the files: as many records as a
// finding counts calls name its key or its caller, at those times.
func TestFindings(t *testing.T) {
	dir := t.TempDir()
	truth := generate(t, sampledata.Config{Seed: 1, Dir: dir, Scale: 0.1})
	perDetector := map[string]int{}
	for _, f := range truth.Findings {
		perDetector[f.DetectorID]++
		if f.EventCount == 0 || f.FirstSeen.Before(truth.Start) || !f.LastSeen.Before(truth.End) || f.LastSeen.Before(f.FirstSeen) {
			t.Errorf("%s: %+v", f.Scenario, f)
		}
		for _, m := range truth.NearMisses {
			if m.DetectorID == f.DetectorID && m.AccountID == f.AccountID && m.Region == f.Region && m.KeyARN == f.KeyARN && m.PrincipalARN == f.PrincipalARN {
				t.Errorf("%s is found and must not be: %s", f.Scenario, m.Scenario)
			}
		}
	}
	for _, id := range []string{"pending_deletion_key_use", "cross_account_decrypt", "encryption_context_tag_mismatch", "request_rate_near_quota"} {
		if perDetector[id] < 4 {
			t.Errorf("%d incidents for %s", perDetector[id], id)
		}
	}
	missed := map[string]int{}
	for _, m := range truth.NearMisses {
		missed[m.DetectorID]++
	}
	for _, id := range []string{
		"aws_managed_key_used", "encryption_default_disabled", "key_of_other_data_class", "key_shared_by_services", "kms_excluded_from_trail", "rotation_overdue",
		"secret_in_encryption_context", "trail_log_validation_disabled", "trail_logging_stopped", "trail_write_only",
		"unencrypted_storage_created", "untagged_key_created",
		"alias_naming", "key_outside_standard", "key_shared_by_environments", "key_without_alias_or_description", "unexpected_key_for_service",
	} {
		if perDetector[id] == 0 || missed[id] == 0 {
			t.Errorf("%d incidents and %d near-misses for %s, want at least one of each", perDetector[id], missed[id], id)
		}
	}
	for _, name := range cttest.Operations() {
		if truth.KMSByEvent[name] == 0 {
			t.Errorf("no %s", name)
		}
	}
}

func TestCompare(t *testing.T) {
	var truth sampledata.Truth
	b, err := os.ReadFile("truth.json")
	if err == nil {
		err = json.Unmarshal(b, &truth)
	}
	if err != nil {
		t.Fatal(err)
	}
	if p := truth.Compare(truth.Findings); len(p) != 0 {
		t.Errorf("the truth differs from itself: %v", p)
	}
	m := truth.NearMisses[0]
	found := append(slices.Clone(truth.Findings[1:]), truth.Findings[1], sampledata.Finding{
		DetectorID: m.DetectorID, AccountID: m.AccountID, Region: m.Region, KeyARN: m.KeyARN, PrincipalARN: m.PrincipalARN,
	})
	found[2].EventCount++
	problems := strings.Join(truth.Compare(found), "\n")
	for _, want := range []string{"found twice: ", "not found: ", "want ", "must not be found: ", m.Why} {
		if !strings.Contains(problems, want) {
			t.Errorf("%q is not in\n%s", want, problems)
		}
	}
}

func TestConfiguration(t *testing.T) {
	b, err := os.ReadFile("kmstrail.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"accounts:", "trusted_accounts:", "trust:", "quotas:", "context_rules:", "rotation_policy:", "standards:", "self_principals:"} {
		if !bytes.Contains(b, []byte("\n"+key)) {
			t.Errorf("kmstrail.yaml has no %s", key)
		}
	}
}

func TestGenerateCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sampledata.Generate(ctx, sampledata.Small(t.TempDir()), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestGenerateBench(t *testing.T) {
	for kind, share := range map[sampledata.BenchKind]float64{sampledata.BenchKMS100: 1, sampledata.BenchKMS10: 0.1, sampledata.BenchKMS0: 0} {
		dir := t.TempDir()
		truth, err := sampledata.GenerateBench(t.Context(), dir, kind, 4e6, 1)
		if err != nil {
			t.Fatal(err)
		}
		got := count(t, dir)
		if got.LogFiles != truth.Files || got.Records != truth.Records || got.KMSEvents != truth.KMS || got.JSONBytes != truth.JSONBytes || got.Bytes != truth.Bytes {
			t.Errorf("%s: truth %+v, files %+v", kind, truth, got)
		}
		if got.Duplicates != 0 || len(got.Quarantined) != 0 || truth.JSONBytes < 4e6 {
			t.Errorf("%s: %+v", kind, got)
		}
		if part := float64(truth.KMS) / float64(truth.Records); part < share*0.9 || part > share*1.1 {
			t.Errorf("%s: %.3f of the records are KMS", kind, part)
		}
	}
	if _, err := sampledata.GenerateBench(t.Context(), t.TempDir(), "kms50", 1, 1); err == nil {
		t.Error("no error for an unknown kind")
	}
}

func generate(t *testing.T, cfg sampledata.Config) sampledata.Truth {
	t.Helper()
	last := sampledata.Progress{}
	truth, err := sampledata.Generate(t.Context(), cfg, func(p sampledata.Progress) { last = p })
	if err != nil {
		t.Fatal(err)
	}
	if last.Done != last.Total || last.Records != truth.Records {
		t.Errorf("progress ends with %+v", last)
	}
	return truth
}

func readTree(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = b
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// counts is what an independent reader finds.
type counts struct {
	Objects, LogFiles               int
	Bytes, JSONBytes                int64
	Records, KMSRecords, Duplicates int
	Superseded, KMSEvents, KMSCalls int
	Self                            int
	ByEvent, ByAccount, Related     map[string]int
	Quarantined                     map[string]int
	First, Last                     time.Time
}

type record struct {
	EventID, EventTime, EventSource, EventName, EventCategory, SharedEventID, RecipientAccountID string

	UserIdentity struct {
		AccountID      string
		SessionContext struct{ SessionIssuer struct{ ARN string } }
	}
	Resources []struct{ ARN string }
	Addendum  struct{ Reason, OriginalEventID string }
}

var logKey = regexp.MustCompile(`^AWSLogs/(?:o-exampleorgid/)?(\d{12})/CloudTrail/([a-z0-9-]+)/(\d{4})/(\d\d)/(\d\d)/(\d{12})_CloudTrail_([a-z0-9-]+)_(\d{8}T\d{4}Z)_[0-9A-Za-z]{16}\.json\.gz$`)

func count(t *testing.T, dir string) counts {
	t.Helper()
	c := counts{ByEvent: map[string]int{}, ByAccount: map[string]int{}, Related: map[string]int{}, Quarantined: map[string]int{}}
	seen := map[string]string{}   // event id to record text
	events := map[string]record{} // KMS events by id
	files := readTree(t, dir)
	// In order of delivery, so that a forged second record comes second.
	names := slices.SortedFunc(maps.Keys(files), func(a, b string) int { return strings.Compare(stamp(a), stamp(b)) })
	for _, name := range names {
		c.Objects++
		m := logKey.FindStringSubmatch(name)
		if m == nil {
			if strings.Contains(name, "/CloudTrail/") {
				t.Errorf("%s: no key of a log file", name)
			}
			continue
		}
		if m[1] != m[6] || m[2] != m[7] || m[3]+m[4]+m[5] != m[8][:8] {
			t.Errorf("%s: path and name disagree", name)
		}
		c.LogFiles++
		c.Bytes += int64(len(files[name]))
		c.file(t, name, files[name], seen, events)
	}
	c.finish(events)
	return c
}

func stamp(name string) string {
	if m := logKey.FindStringSubmatch(name); m != nil {
		return m[8] + name
	}
	return name
}

func (c *counts) file(t *testing.T, name string, data []byte, seen map[string]string, events map[string]record) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	var body []byte
	if err == nil {
		body, err = io.ReadAll(z)
	}
	if err != nil {
		c.Quarantined["bad_gzip"]++
		return
	}
	var file struct{ Records []json.RawMessage }
	if json.Unmarshal(body, &file) != nil {
		c.Quarantined["bad_json"]++
		return
	}
	c.JSONBytes += int64(len(body))
	delivered := stamp(name)[:14]
	for _, raw := range file.Records {
		var r record
		if err := json.Unmarshal(raw, &r); err != nil {
			t.Fatalf("%s: %v in %s", name, err, raw)
		}
		c.Records++
		if at := strings.NewReplacer("-", "", ":", "").Replace(r.EventTime); at[:13] > delivered[:13] {
			t.Errorf("%s: event of %s was delivered before it happened", name, r.EventTime)
		}
		c.record(&r, string(raw), seen, events)
	}
}

func (c *counts) record(r *record, raw string, seen map[string]string, events map[string]record) {
	kms := r.EventSource == "kms.amazonaws.com"
	if kms {
		c.KMSRecords++
	}
	if r.EventID == "" {
		c.Quarantined["no_event_id"]++
		return
	}
	before, known := seen[r.EventID]
	switch {
	case known && before != raw:
		c.Quarantined["conflicting_duplicate"]++
	case known && kms:
		c.Duplicates++
	case !known && kms:
		events[r.EventID] = *r
	case !known:
		c.Related[strings.TrimSuffix(r.EventSource, ".amazonaws.com")+":"+r.EventName]++
	}
	if !known {
		seen[r.EventID] = raw
	}
}

func (c *counts) finish(events map[string]record) {
	calls := map[string]bool{}
	replaced := map[string]bool{}
	for _, r := range events {
		if r.Addendum.Reason == "UPDATED_DATA" {
			replaced[r.Addendum.OriginalEventID] = true
		}
	}
	for id, r := range events {
		at, _ := time.Parse(time.RFC3339, r.EventTime)
		if c.First.IsZero() || at.Before(c.First) {
			c.First = at
		}
		if at.After(c.Last) {
			c.Last = at
		}
		if replaced[id] {
			c.Superseded++
			c.Quarantined["superseded"]++
			continue
		}
		c.KMSEvents++
		c.ByEvent[r.EventName]++
		c.ByAccount[r.RecipientAccountID]++
		if strings.HasSuffix(r.UserIdentity.SessionContext.SessionIssuer.ARN, "role/kmstrail-reader") {
			c.Self++
		}
		call := id
		if crossAccount(&r) {
			call = r.SharedEventID
		}
		if r.EventCategory != "NetworkActivity" {
			calls[call] = true
		}
	}
	c.KMSCalls = len(calls)
}

// crossAccount says whether a record of this call can exist elsewhere.
func crossAccount(r *record) bool {
	if r.SharedEventID == "" || r.UserIdentity.AccountID == "" {
		return false
	}
	for _, res := range r.Resources {
		if f := strings.Split(res.ARN, ":"); len(f) > 4 && f[4] != r.UserIdentity.AccountID {
			return true
		}
	}
	return false
}
