package digest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/digest"
	"github.com/kmstrail/kmstrail/ingest/digest/digesttest"
)

const (
	bucket  = "example-trail-logs"
	account = "111122223333"
	region  = "eu-central-1"
)

// monday is the day that is tampered with; there are digests of the days beside it.
var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// world is a bucket in memory.
type world struct {
	name    string
	objects map[string]digesttest.Object
	fail    map[string]error // of Read, by key
}

func (w *world) Name() string              { return w.name }
func (w *world) Requests() ingest.Requests { return ingest.Requests{} }

func (w *world) List(_ context.Context, sel ingest.Selection, visit func([]ingest.Object) error) error {
	var page []ingest.Object
	for _, key := range slices.Sorted(maps.Keys(w.objects)) {
		if loc, kind := ingest.ParseKey(key); kind == sel.Kind() && sel.Includes(loc) {
			page = append(page, ingest.Object{Key: key, Size: int64(len(w.objects[key].Body)), ETag: etag(w.objects[key]), Location: loc})
		}
	}
	return visit(page)
}

func etag(o digesttest.Object) string {
	sum := sha256.Sum256(o.Body)
	return hex.EncodeToString(sum[:4])
}

func (w *world) Read(ctx context.Context, obj ingest.Object, dst []byte, limit int64) ([]byte, error) {
	dst, _, err := w.ReadMetadata(ctx, obj, dst, limit)
	return dst, err
}

func (w *world) ReadMetadata(_ context.Context, obj ingest.Object, dst []byte, _ int64) ([]byte, map[string]string, error) {
	if err := w.fail[obj.Key]; err != nil {
		return dst, nil, err
	}
	o, ok := w.objects[obj.Key]
	if !ok {
		return dst, nil, fmt.Errorf("read %s: %w", obj.Key, fs.ErrNotExist)
	}
	return append(dst, o.Body...), o.Metadata, nil
}

func (w *world) put(objects ...digesttest.Object) {
	for _, o := range objects {
		w.objects[o.Key] = o
	}
}

// change replaces what an object holds, compressed, and keeps its metadata.
func (w *world) change(key string, change func(text string) string) {
	o := w.objects[key]
	o.Body = digesttest.Gzip([]byte(change(string(digesttest.Gunzip(o.Body)))))
	w.objects[key] = o
}

// newWorld is three days of hourly digests, each with a log file at half past. The
// digest that ends at 00:30 is about parts of two days.
func newWorld() (*world, *digesttest.Chain) {
	w := &world{name: "s3://" + bucket, objects: maps.Clone(threeDays()), fail: map[string]error{}}
	return w, &digesttest.Chain{Bucket: bucket, Account: account, Region: region}
}

var threeDays = sync.OnceValue(func() map[string]digesttest.Object {
	w := &world{objects: map[string]digesttest.Object{}}
	c := &digesttest.Chain{Bucket: bucket, Account: account, Region: region}
	for h := range 3 * 24 {
		end := monday.Add(time.Duration(h-24)*time.Hour + 30*time.Minute)
		start := end.Add(-time.Hour)
		log := c.LogFile(start.Add(20*time.Minute), "aaaaaaaaaaaaaaaa", fmt.Sprintf(`{"Records":[%d]}`, h))
		w.put(log, c.Digest(start, end, log))
	}
	return w.objects
})

func keyAt(w *world, part string) string {
	for _, key := range slices.Sorted(maps.Keys(w.objects)) {
		if strings.Contains(key, part) {
			return key
		}
	}
	panic("no " + part)
}

func digestAt(w *world, stamp string) string { return keyAt(w, "_"+stamp+".json.gz") }
func logAt(w *world, stamp string) string    { return keyAt(w, "_CloudTrail_"+region+"_"+stamp) }

func keys(t *testing.T) digest.SavedKeys {
	t.Helper()
	k, err := digest.ReadKeys(bytes.NewReader(digesttest.KeysJSON()))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func verify(t *testing.T, w *world, change func(*digest.Options)) []digest.Day {
	t.Helper()
	var days []digest.Day
	o := digest.Options{
		Source: w, Keys: keys(t), From: monday, To: monday, Now: monday.Add(240 * time.Hour),
		OnDay: func(_ context.Context, d digest.Day) error { days = append(days, d); return nil },
	}
	if change != nil {
		change(&o)
	}
	if err := digest.Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	return days
}

// TestTampering is the table of what may happen to a bucket, and what is said of it.
func TestTampering(t *testing.T) {
	tests := []struct {
		name   string
		do     func(w *world)
		state  digest.State
		kinds  map[digest.ProblemKind]int64
		detail string // of the first problem
	}{
		{"nothing", func(*world) {}, digest.Verified, nil, ""},
		{"a log file is changed", func(w *world) {
			w.change(logAt(w, "20260302T1250Z"), func(s string) string { return s + " " })
		}, digest.Failed, map[digest.ProblemKind]int64{digest.FileChanged: 1}, "its hash is"},
		{"a log file is cut off", func(w *world) {
			o := w.objects[logAt(w, "20260302T1250Z")]
			o.Body = o.Body[:len(o.Body)-9]
			w.put(o)
		}, digest.Failed, map[digest.ProblemKind]int64{digest.FileChanged: 1}, "it cannot be decompressed"},
		{"two log files are swapped", func(w *world) {
			a, b := w.objects[logAt(w, "20260302T1250Z")], w.objects[logAt(w, "20260302T1350Z")]
			a.Body, b.Body = b.Body, a.Body
			w.put(a, b)
		}, digest.Failed, map[digest.ProblemKind]int64{digest.FileChanged: 2}, "its hash is"},
		{"an entry is added to a digest", func(w *world) {
			c := digesttest.Chain{Account: account, Region: region}
			forged := c.LogFile(monday.Add(13*time.Hour), "bbbbbbbbbbbbbbbb", `{"Records":[]}`)
			w.put(forged)
			w.change(digestAt(w, "20260302T133000Z"), func(s string) string {
				entry := fmt.Sprintf(`{"s3Bucket":%q,"s3Object":%q,"hashValue":%q},`, bucket, forged.Key, sum(digesttest.Gunzip(forged.Body)))
				return strings.Replace(s, `"logFiles":[`, `"logFiles":[`+entry, 1)
			})
		}, digest.Failed, map[digest.ProblemKind]int64{digest.DigestForged: 1, digest.NotCovered: 1, digest.FileUnlisted: 2}, "its hash is not the one"},
		{"a log file is compressed anew", func(w *world) {
			w.change(logAt(w, "20260302T1250Z"), func(s string) string { return s })
		}, digest.Verified, nil, ""},
		{"a log file is deleted", func(w *world) { delete(w.objects, logAt(w, "20260302T1250Z")) },
			digest.Failed, map[digest.ProblemKind]int64{digest.FileMissing: 1}, "a digest lists it"},
		{"a log file is added", func(w *world) {
			c := digesttest.Chain{Account: account, Region: region}
			w.put(c.LogFile(monday.Add(5*time.Hour), "bbbbbbbbbbbbbbbb", `{"Records":[]}`))
		}, digest.Incomplete, map[digest.ProblemKind]int64{digest.FileUnlisted: 1}, "no digest"},
		{"a log file cannot be read", func(w *world) { w.fail[logAt(w, "20260302T1250Z")] = errors.New("denied") },
			digest.Incomplete, map[digest.ProblemKind]int64{digest.FileUnreadable: 1}, "denied"},
		{"an entry is taken out of a digest", func(w *world) {
			w.change(digestAt(w, "20260302T133000Z"), func(s string) string {
				i, j := strings.Index(s, `"logFiles":[`)+len(`"logFiles":[`), strings.LastIndex(s, `],"newest`)
				return s[:i] + s[j:]
			})
		}, digest.Failed, map[digest.ProblemKind]int64{digest.DigestForged: 1, digest.NotCovered: 1, digest.FileUnlisted: 1}, "its hash is not the one"},
		{"the newest digest is changed", func(w *world) {
			for _, stamp := range []string{"20260303T003000Z"} {
				w.change(digestAt(w, stamp), func(s string) string { return strings.Replace(s, `"oldestEventTime":null`, `"oldestEventTime":""`, 1) })
			}
			for key := range w.objects {
				if loc, kind := ingest.ParseKey(key); kind == ingest.KindDigest && loc.DeliveredAt.After(monday.Add(25*time.Hour)) {
					delete(w.objects, key)
				}
			}
		}, digest.Failed, map[digest.ProblemKind]int64{digest.DigestForged: 1, digest.NotCovered: 1, digest.FileUnlisted: 1}, "its signature does not verify"},
		{"log file and digest are changed together", func(w *world) {
			key := logAt(w, "20260302T1250Z")
			old := w.objects[key]
			w.change(key, func(s string) string { return s + " " })
			w.change(digestAt(w, "20260302T133000Z"), func(s string) string {
				return strings.Replace(s, sum(digesttest.Gunzip(old.Body)), sum(digesttest.Gunzip(w.objects[key].Body)), 1)
			})
		}, digest.Failed, map[digest.ProblemKind]int64{digest.DigestForged: 1, digest.NotCovered: 1, digest.FileUnlisted: 1}, "its hash is not"},
		{"a digest is deleted", func(w *world) { delete(w.objects, digestAt(w, "20260302T133000Z")) },
			digest.Failed, map[digest.ProblemKind]int64{digest.DigestMissing: 1, digest.NotCovered: 1, digest.FileUnlisted: 1}, "the next digest names it"},
		{"two digests in a row are deleted", func(w *world) {
			delete(w.objects, digestAt(w, "20260302T133000Z"))
			delete(w.objects, digestAt(w, "20260302T143000Z"))
		}, digest.Failed, map[digest.ProblemKind]int64{digest.DigestMissing: 1, digest.NotCovered: 1, digest.FileUnlisted: 2}, "2 are gone in a row"},
		{"all digests of the day are deleted, and their log files", func(w *world) {
			for key := range w.objects {
				if loc, _ := ingest.ParseKey(key); loc.DeliveredAt.Truncate(24 * time.Hour).Equal(monday) {
					delete(w.objects, key)
				}
			}
			// Of the last half hour there is a digest of the next day.
		}, digest.Failed, map[digest.ProblemKind]int64{digest.DigestMissing: 1, digest.NotCovered: 1, digest.FileMissing: 1}, "24 are gone in a row"},
		{"the digests at the end are deleted", func(w *world) {
			for key := range w.objects {
				if loc, kind := ingest.ParseKey(key); kind == ingest.KindDigest && loc.DeliveredAt.After(monday.Add(22*time.Hour)) {
					delete(w.objects, key)
				}
			}
		}, digest.Incomplete, map[digest.ProblemKind]int64{digest.NotCovered: 1, digest.FileUnlisted: 3}, "from 2026-03-02T21:30:00Z to 2026-03-03T00:00:00Z: no digest of the day is about it"},
		{"a digest is moved", func(w *world) {
			o := w.objects[digestAt(w, "20260302T133000Z")]
			delete(w.objects, o.Key)
			o.Key = strings.Replace(o.Key, "T133000Z", "T133001Z", 1)
			w.put(o)
		}, digest.Failed, map[digest.ProblemKind]int64{digest.DigestMoved: 1, digest.NotCovered: 1, digest.FileUnlisted: 1}, "it says that it lies at"},
		{"a digest is replaced by the one before", func(w *world) {
			o := w.objects[digestAt(w, "20260302T133000Z")]
			older := w.objects[digestAt(w, "20260302T123000Z")]
			o.Body, o.Metadata = older.Body, older.Metadata
			w.put(o)
		}, digest.Failed, map[digest.ProblemKind]int64{digest.DigestMoved: 1, digest.NotCovered: 1, digest.FileUnlisted: 1}, "it says that it lies at"},
		{"a digest is no digest", func(w *world) {
			w.change(digestAt(w, "20260302T133000Z"), func(string) string { return "<html>" })
		}, digest.Failed, map[digest.ProblemKind]int64{digest.DigestMalformed: 1, digest.NotCovered: 1, digest.FileUnlisted: 1}, "no JSON of a digest"},
		{"a digest cannot be read", func(w *world) { w.fail[digestAt(w, "20260302T133000Z")] = errors.New("denied") },
			digest.Incomplete, map[digest.ProblemKind]int64{digest.DigestUnreadable: 1, digest.NotCovered: 1, digest.FileUnlisted: 1}, "denied"},
		{"a signature is lost that the next digest has", func(w *world) { w.strip("20260302T133000Z") }, digest.Verified, nil, ""},
		{"the signature of the newest digest is lost", func(w *world) {
			for key := range w.objects {
				if loc, kind := ingest.ParseKey(key); kind == ingest.KindDigest && loc.DeliveredAt.After(monday.Add(25*time.Hour)) {
					delete(w.objects, key)
				}
			}
			w.strip("20260303T003000Z")
		}, digest.Incomplete, map[digest.ProblemKind]int64{digest.DigestUnsigned: 1, digest.NotCovered: 1, digest.FileUnlisted: 1}, "there is no signature"},
		{"a signature is another's", func(w *world) {
			o := w.objects[digestAt(w, "20260302T133000Z")]
			o.Metadata = map[string]string{"signature": digesttest.Sign("something else")}
			w.put(o)
		}, digest.Failed, map[digest.ProblemKind]int64{digest.DigestForged: 1, digest.NotCovered: 1, digest.FileUnlisted: 1}, "its signature does not verify"},
		{"a signature is no hex", func(w *world) {
			o := w.objects[digestAt(w, "20260302T133000Z")]
			o.Metadata = map[string]string{"signature": "zz"}
			w.put(o)
		}, digest.Failed, map[digest.ProblemKind]int64{digest.DigestForged: 1, digest.NotCovered: 1, digest.FileUnlisted: 1}, "the signature is not hex"},
		{"no digest at all", func(w *world) {
			for key := range w.objects {
				if _, kind := ingest.ParseKey(key); kind == ingest.KindDigest {
					delete(w.objects, key)
				}
			}
		}, digest.Unvalidated, map[digest.ProblemKind]int64{digest.FileUnlisted: 24}, "no digest"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := newWorld()
			tt.do(w)
			days := verify(t, w, nil)
			if len(days) != 1 {
				t.Fatalf("%d days: %+v", len(days), days)
			}
			got := days[0]
			kinds := map[digest.ProblemKind]int64{}
			for _, p := range got.Problems {
				kinds[p.Kind] = got.Count(p.Kind)
			}
			if got.State != tt.state {
				t.Errorf("state %s, want %s (%s)", got.State, tt.state, got.Reason)
			}
			if diff := cmp.Diff(tt.kinds, kinds, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("problems (-want +got):\n%s\n%+v", diff, got.Problems)
			}
			if tt.detail != "" && (len(got.Problems) == 0 || !strings.Contains(got.Problems[0].Detail, tt.detail)) {
				t.Errorf("first problem %+v, want %q", got.Problems, tt.detail)
			}
			if (got.Reason == "") != (got.State == digest.Verified) {
				t.Errorf("state %s has the reason %q", got.State, got.Reason)
			}
		})
	}
}

func (w *world) strip(stamp string) {
	o := w.objects[digestAt(w, stamp)]
	o.Metadata = nil
	w.put(o)
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func TestCounts(t *testing.T) {
	w, _ := newWorld()
	got := verify(t, w, nil)[0]
	want := digest.Day{AccountID: account, Region: region, Day: monday, State: digest.Verified, Digests: 25, Listed: 24, Verified: 24}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(digest.Day{})); diff != "" {
		t.Error(diff)
	}
}

// TestBackfill: a late file that no hourly digest lists is listed by one of those
// that CloudTrail writes later, which cover no time themselves.
func TestBackfill(t *testing.T) {
	w, c := newWorld()
	late := c.LogFile(monday.Add(5*time.Hour), "cccccccccccccccc", `{"Records":["late"]}`)
	w.put(late)
	if got := verify(t, w, nil)[0]; got.State != digest.Incomplete || got.Unlisted != 1 {
		t.Fatalf("before: %+v", got)
	}
	back := &digesttest.Chain{Bucket: bucket, Account: account, Region: region, Backfill: true}
	w.put(back.Digest(monday.Add(4*time.Hour), monday.Add(5*time.Hour)), back.Digest(monday.Add(5*time.Hour), monday.Add(6*time.Hour), late))
	got := verify(t, w, nil)[0]
	if got.State != digest.Verified || got.Backfills != 2 || got.Digests != 27 || got.Verified != 25 {
		t.Errorf("after: %+v", got)
	}
	// One that is gone is missed like any other.
	delete(w.objects, keyAt(w, "T050000Z_backfill"))
	if got := verify(t, w, nil)[0]; got.State != digest.Failed || got.Missing != 1 {
		t.Errorf("without the first: %+v", got)
	}
}

// TestRestart: validation that was off leaves a hole, and nobody is to blame.
func TestRestart(t *testing.T) {
	w := &world{name: "s3://" + bucket, objects: map[string]digesttest.Object{}}
	c := &digesttest.Chain{Bucket: bucket, Account: account, Region: region}
	for h := range 24 {
		if h == 6 {
			c.Restart()
		}
		if h < 4 || h >= 6 {
			w.put(c.Digest(monday.Add(time.Duration(h)*time.Hour), monday.Add(time.Duration(h+1)*time.Hour)))
		}
	}
	got := verify(t, w, nil)[0]
	want := []digest.Problem{{Kind: digest.NotCovered, Detail: "from 2026-03-02T04:00:00Z to 2026-03-02T06:00:00Z: log file validation, or logging, began again then"}}
	if diff := cmp.Diff(want, got.Problems); diff != "" || got.State != digest.Incomplete || got.Uncovered != 2*time.Hour {
		t.Errorf("%+v\n%s", got, diff)
	}
}

// TestOtherBucket: where a trail wrote to before is not looked at, and not missed.
func TestOtherBucket(t *testing.T) {
	w := &world{name: "s3://" + bucket, objects: map[string]digesttest.Object{}}
	c := &digesttest.Chain{Bucket: "example-old-logs", Account: account, Region: region}
	for h := range 24 {
		if h == 6 {
			c.Bucket = bucket
		}
		start := monday.Add(time.Duration(h) * time.Hour)
		d := c.Digest(start, start.Add(time.Hour))
		if h >= 6 {
			w.put(d)
		}
	}
	got := verify(t, w, nil)[0]
	if got.State != digest.Incomplete || got.Missing != 0 || got.Uncovered != 6*time.Hour {
		t.Errorf("%+v", got)
	}
}

// TestToday: what is to come is not asked for.
func TestToday(t *testing.T) {
	w, _ := newWorld()
	for key := range w.objects {
		if loc, _ := ingest.ParseKey(key); loc.DeliveredAt.After(monday.Add(13 * time.Hour)) {
			delete(w.objects, key)
		}
	}
	now := func(at time.Duration) func(*digest.Options) {
		return func(o *digest.Options) { o.Now = monday.Add(at) }
	}
	if got := verify(t, w, now(12*time.Hour+30*time.Minute))[0]; got.Uncovered != 0 {
		t.Errorf("at the end of the newest digest: %+v", got)
	}
	got := verify(t, w, now(13*time.Hour))[0]
	if got.State != digest.Incomplete || got.Uncovered != 30*time.Minute || !strings.Contains(got.Problems[0].Detail, "still to come") {
		t.Errorf("half an hour later: %+v", got)
	}
}

// TestGoneAltogether: a place of which nothing is left after a day is told of.
func TestGoneAltogether(t *testing.T) {
	w, _ := newWorld()
	for key := range w.objects {
		if loc, _ := ingest.ParseKey(key); loc.DeliveredAt.After(monday.Add(3*time.Hour + 45*time.Minute)) {
			delete(w.objects, key)
		}
	}
	days := verify(t, w, func(o *digest.Options) { o.To = monday.Add(48 * time.Hour) })
	var states []digest.State
	for _, d := range days {
		states = append(states, d.State)
	}
	if diff := cmp.Diff([]digest.State{digest.Incomplete, digest.Unvalidated, digest.Unvalidated}, states); diff != "" {
		t.Error(diff)
	}
}

// TestTwoTrails: what one trail's digests do not list, the other's may.
func TestTwoTrails(t *testing.T) {
	w, _ := newWorld()
	other := &digesttest.Chain{Bucket: bucket, Prefix: "other/", Account: account, Region: region, Trail: "my_other_trail"}
	for h := range 24 {
		start := monday.Add(time.Duration(h) * time.Hour)
		log := other.LogFile(start, "dddddddddddddddd", fmt.Sprintf(`{"Records":["other",%d]}`, h))
		w.put(log, other.Digest(start, start.Add(time.Hour), log))
	}
	got := verify(t, w, nil)
	if len(got) != 1 || got[0].State != digest.Verified || got[0].Verified != 48 || got[0].Digests != 49 {
		t.Errorf("%+v", got)
	}
	delete(w.objects, keyAt(w, "my_other_trail_"+region+"_20260302T050000Z"))
	if got := verify(t, w, nil)[0]; got.State != digest.Failed || got.Missing != 1 || got.Unlisted != 1 {
		t.Errorf("without one of the other trail: %+v", got)
	}
}

// ledger says that some versions were ingested.
type ledger map[string]ingest.LedgerEntry

func (l ledger) LedgerOf(context.Context, string, []ingest.Object) (map[string]ingest.LedgerEntry, error) {
	return l, nil
}

func TestLedger(t *testing.T) {
	w, _ := newWorld()
	l := ledger{}
	for key, o := range w.objects {
		l[key] = ingest.LedgerEntry{ETag: etag(o), Status: ingest.FileIngested}
	}
	l[logAt(w, "20260302T1250Z")] = ingest.LedgerEntry{ETag: "another", Status: ingest.FileIngested}
	l[logAt(w, "20260302T1350Z")] = ingest.LedgerEntry{ETag: etag(w.objects[logAt(w, "20260302T1350Z")]), Status: ingest.FileFailed}
	delete(l, logAt(w, "20260302T1450Z"))
	got := verify(t, w, func(o *digest.Options) { o.Ledger = l })[0]
	if got.State != digest.Verified || got.Unread != 3 {
		t.Errorf("%+v", got)
	}
}

func TestUnknownKey(t *testing.T) {
	w, _ := newWorld()
	got := verify(t, w, func(o *digest.Options) { o.Keys = digest.SavedKeys{} })[0]
	if got.State != digest.Incomplete || got.Invalid != 25 || got.Count(digest.DigestUnknownKey) != 25 {
		t.Errorf("%+v", got)
	}
}

// TestManyProblems: only so many are named, all are counted.
func TestManyProblems(t *testing.T) {
	w, c := newWorld()
	for i := range digest.MaxProblems + 50 {
		w.put(c.LogFile(monday.Add(time.Hour), fmt.Sprintf("%016d", i), "{}"))
	}
	got := verify(t, w, nil)[0]
	if got.Unlisted != digest.MaxProblems+50 || len(got.Problems) != digest.MaxProblems {
		t.Errorf("%d unlisted, %d named", got.Unlisted, len(got.Problems))
	}
}

// TestDirectory: a copy that begins anywhere, without metadata.
func TestDirectory(t *testing.T) {
	w, _ := newWorld()
	copied := &world{name: "file:///evidence", objects: map[string]digesttest.Object{}}
	for key, o := range w.objects {
		o.Key, o.Metadata = strings.TrimPrefix(key, "AWSLogs/"), nil
		copied.put(o)
	}
	got := verify(t, copied, nil)[0]
	if got.State != digest.Verified || got.Digests != 25 || got.Verified != 24 {
		t.Errorf("%+v", got)
	}
}

func TestRunStops(t *testing.T) {
	w, _ := newWorld()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := digest.Run(ctx, digest.Options{Source: w, Keys: keys(t), From: monday, To: monday, Now: monday.Add(48 * time.Hour), OnDay: func(context.Context, digest.Day) error { return nil }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
