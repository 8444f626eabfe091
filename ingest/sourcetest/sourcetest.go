package sourcetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
)

// Open returns a source that holds the given files, closed when t ends.
type Open func(t *testing.T, files map[string][]byte) ingest.Source

// Run runs every acceptance test on sources made by open.
func Run(t *testing.T, open Open) {
	tests := []struct {
		name string
		run  func(*testing.T, Open)
	}{
		{"empty", testEmpty},
		{"layouts", testLayouts},
		{"order", testOrder},
		{"selection", testSelection},
		{"other kinds are left out", testKinds},
		{"no layout", testNoLayout},
		{"many pages", testManyPages},
		{"object", testObject},
		{"read", testRead},
		{"read missing", testReadMissing},
		{"read too large", testReadTooLarge},
		{"read at once", testReadConcurrently},
		{"visit fails", testVisitFails},
		{"cancelled", testCancelled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, open) })
	}
}

// Key returns the key of a log file in the plain layout.
func Key(account, region string, delivered time.Time, suffix string) string {
	return "AWSLogs/" + tail(account, "CloudTrail", region, delivered, suffix)
}

func tail(account, family, region string, delivered time.Time, suffix string) string {
	return account + "/" + family + "/" + region + delivered.UTC().Format("/2006/01/02/") +
		account + "_" + family + "_" + region + delivered.UTC().Format("_20060102T1504Z_") + suffix + ".json.gz"
}

// List collects what a source lists and checks what holds for every listing:
// pages are not empty, keys ascend within a page, none comes twice.
func List(t *testing.T, src ingest.Source, sel ingest.Selection) []ingest.Object {
	t.Helper()
	var all []ingest.Object
	seen := make(map[string]bool)
	err := src.List(t.Context(), sel, func(page []ingest.Object) error {
		if len(page) == 0 {
			t.Error("an empty page")
		}
		for i, obj := range page {
			if i > 0 && page[i-1].Key >= obj.Key {
				t.Errorf("keys of a page do not ascend: %s, %s", page[i-1].Key, obj.Key)
			}
			if seen[obj.Key] {
				t.Errorf("%s is listed twice", obj.Key)
			}
			seen[obj.Key] = true
		}
		all = append(all, page...)
		return nil
	})
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	return all
}

// Keys returns the keys of objects in their order.
func Keys(objs []ingest.Object) []string {
	keys := make([]string, 0, len(objs))
	for _, o := range objs {
		keys = append(keys, o.Key)
	}
	return keys
}

const (
	accountA = "111122223333"
	accountB = "444455556666"
	org      = "o-exampleorgid"
)

func date(day, hour int) time.Time { return time.Date(2026, 1, day, hour, 0, 0, 0, time.UTC) }

func filesOf(keys ...string) map[string][]byte {
	files := make(map[string][]byte, len(keys))
	for _, k := range keys {
		files[k] = []byte("content of " + k)
	}
	return files
}

func wantKeys(t *testing.T, objs []ingest.Object, want []string) {
	t.Helper()
	got := slices.Sorted(slices.Values(Keys(objs)))
	want = slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("listed\n %s\nwant\n %s", strings.Join(got, "\n "), strings.Join(want, "\n "))
	}
}

func testEmpty(t *testing.T, open Open) {
	wantKeys(t, List(t, open(t, nil), ingest.Selection{}), nil)
}

func testLayouts(t *testing.T, open Open) {
	end := tail(accountA, "CloudTrail", "us-east-1", date(2, 3), "AAAAAAAAAAAAAAAA")
	for _, prefix := range []string{
		"AWSLogs/",
		"AWSLogs/" + org + "/",
		org + "/AWSLogs/" + org + "/",
		"security/trail one/AWSLogs/",
		"AWSLogs/old/AWSLogs/",
		"copied/",
	} {
		t.Run(strings.ReplaceAll(prefix, "/", "_"), func(t *testing.T) {
			objs := List(t, open(t, filesOf(prefix+end)), ingest.Selection{})
			wantKeys(t, objs, []string{prefix + end})
			objs = List(t, open(t, filesOf(prefix+end)), ingest.Selection{From: date(2, 0), To: date(3, 0), Accounts: []string{accountA}})
			wantKeys(t, objs, []string{prefix + end})
		})
	}
}

func testOrder(t *testing.T, open Open) {
	var keys []string
	for d := 1; d <= 4; d++ {
		for _, account := range []string{accountA, accountB} {
			for _, region := range []string{"eu-west-1", "us-east-1"} {
				for n := range 3 {
					keys = append(keys, Key(account, region, date(d, 8*n), fmt.Sprintf("AAAAAAAAAAAAAA%02d", 9-n)))
				}
			}
		}
	}
	src := open(t, filesOf(keys...))
	objs := List(t, src, ingest.Selection{From: date(1, 0), To: date(4, 12)})
	wantKeys(t, objs, keys)
	for i := 1; i < len(objs); i++ {
		before, after := objs[i-1].Location.DeliveredAt, objs[i].Location.DeliveredAt
		if after.Truncate(24 * time.Hour).Before(before.Truncate(24 * time.Hour)) {
			t.Errorf("%s comes after %s", objs[i].Key, objs[i-1].Key)
		}
	}
}

func testSelection(t *testing.T, open Open) {
	key := func(account, region string, day int) string {
		return Key(account, region, date(day, 12), "AAAAAAAAAAAAAAAA")
	}
	orgKey := "AWSLogs/" + org + "/" + tail(accountA, "CloudTrail", "us-east-1", date(2, 12), "BBBBBBBBBBBBBBBB")
	all := []string{
		key(accountA, "us-east-1", 1), key(accountA, "us-east-1", 2), key(accountA, "us-east-1", 3),
		key(accountA, "us-gov-west-1", 2), key(accountB, "us-east-1", 2), key(accountB, "us-east-1", 5), orgKey,
	}
	src := open(t, filesOf(all...))
	tests := []struct {
		name string
		sel  ingest.Selection
		want []string
	}{
		{"everything", ingest.Selection{}, all},
		{"account", ingest.Selection{Accounts: []string{accountB}}, all[4:6]},
		{"region", ingest.Selection{Regions: []string{"us-gov-west-1"}}, all[3:4]},
		{"account and region", ingest.Selection{Accounts: []string{accountA}, Regions: []string{"us-gov-west-1", "eu-west-1"}}, all[3:4]},
		{"organisation", ingest.Selection{OrganizationID: org, Accounts: []string{accountA}, From: date(2, 0)}, []string{all[1], all[2], all[3], orgKey}},
		{"from", ingest.Selection{From: date(3, 18)}, []string{all[2], all[5]}},
		{"to has a day of slack", ingest.Selection{To: date(2, 0)}, []string{all[0], all[1], all[3], all[4], orgKey}},
		{"from and to", ingest.Selection{From: date(5, 0), To: date(5, 1)}, all[5:6]},
		{"delivered", ingest.Selection{DeliveredFrom: date(3, 5), DeliveredTo: date(3, 1)}, []string{all[2]}},
		{"delivered until", ingest.Selection{From: date(2, 0), DeliveredTo: date(2, 0)}, []string{all[1], all[3], all[4], orgKey}},
		{"delivered and from", ingest.Selection{From: date(5, 0), DeliveredFrom: date(2, 0)}, all[5:6]},
		{"nothing", ingest.Selection{Accounts: []string{"999999999999"}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			// Keys without an organisation are not excluded by asking for one
			// where the source lists them at all.
			objs := List(t, src, tt.sel)
			wantKeys(t, objs, tt.want)
		})
	}
}

func testKinds(t *testing.T, open Open) {
	log := Key(accountA, "us-east-1", date(2, 3), "AAAAAAAAAAAAAAAA")
	keys := []string{
		log,
		"AWSLogs/" + accountA + "/CloudTrail/us-east-1/2026/01/02/notes.txt",
		"AWSLogs/" + accountA + "/CloudTrail-Digest/us-east-1/2026/01/02/" + accountA + "_CloudTrail-Digest_us-east-1_trail_us-east-1_20260102T030405Z.json.gz",
		"AWSLogs/" + accountA + "/Config/us-east-1/2026/1/2/ConfigHistory/" + accountA + "_Config_us-east-1_ConfigHistory_20260102T030405Z.json.gz",
	}
	for _, family := range []string{"CloudTrail-Insight", "CloudTrail-NetworkActivity", "CloudTrail-Aggregated"} {
		keys = append(keys, "AWSLogs/"+tail(accountA, family, "us-east-1", date(2, 3), "AAAAAAAAAAAAAAAA"))
	}
	wantKeys(t, List(t, open(t, filesOf(keys...)), ingest.Selection{}), []string{log})
}

func testNoLayout(t *testing.T, open Open) {
	keys := []string{"a.json", "b/c.json.gz", "b/d.jsonl", "e.ndjson.gz"}
	src := open(t, filesOf(append(keys, "readme.txt", "b/f.csv.gz")...))
	wantKeys(t, List(t, src, ingest.Selection{From: date(1, 0), Accounts: []string{accountA}}), keys)
}

func testManyPages(t *testing.T, open Open) {
	files := make(map[string][]byte)
	for n := range 2500 {
		at := date(2, 0).Add(time.Duration(n/4) * time.Minute)
		files[Key(accountA, "us-east-1", at, fmt.Sprintf("%016d", n*7919%10000))] = []byte("x")
	}
	src := open(t, files)
	want := slices.Collect(maps.Keys(files))
	wantKeys(t, List(t, src, ingest.Selection{From: date(2, 0), To: date(3, 0)}), want)
	wantKeys(t, List(t, src, ingest.Selection{}), want)
}

func testObject(t *testing.T, open Open) {
	key := Key(accountA, "eu-west-1", date(2, 3), "AAAAAAAAAAAAAAAA")
	files := filesOf(key)
	objs := List(t, open(t, files), ingest.Selection{})
	if len(objs) != 1 {
		t.Fatalf("listed %d objects, want 1", len(objs))
	}
	got := objs[0]
	if got.Size != int64(len(files[key])) || got.ETag == "" || got.LastModified.IsZero() {
		t.Errorf("got %+v", got)
	}
	want := ingest.Location{AccountID: accountA, Region: "eu-west-1", DeliveredAt: date(2, 3)}
	if got.Location != want {
		t.Errorf("location %+v, want %+v", got.Location, want)
	}
}

func testRead(t *testing.T, open Open) {
	key := Key(accountA, "eu-west-1", date(2, 3), "AAAAAAAAAAAAAAAA")
	empty := Key(accountA, "eu-west-1", date(2, 4), "AAAAAAAAAAAAAAAA")
	files := map[string][]byte{key: {0x1f, 0x8b, 0, 0xff, '\n'}, empty: {}}
	src := open(t, files)
	for _, obj := range List(t, src, ingest.Selection{}) {
		got, err := src.Read(t.Context(), obj, []byte("kept "), 5)
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		if want := "kept " + string(files[obj.Key]); string(got) != want {
			t.Errorf("read %q, want %q", got, want)
		}
	}
	// By key alone, as for showing the original of a record.
	got, err := src.Read(t.Context(), ingest.Object{Key: key}, nil, 100)
	if err != nil || !bytes.Equal(got, files[key]) {
		t.Errorf("read by key: %q, %v", got, err)
	}
}

func testReadMissing(t *testing.T, open Open) {
	src := open(t, filesOf(Key(accountA, "eu-west-1", date(2, 3), "AAAAAAAAAAAAAAAA")))
	_, err := src.Read(t.Context(), ingest.Object{Key: "AWSLogs/gone.json.gz"}, nil, 100)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

func testReadTooLarge(t *testing.T, open Open) {
	key := Key(accountA, "eu-west-1", date(2, 3), "AAAAAAAAAAAAAAAA")
	src := open(t, map[string][]byte{key: []byte("0123456789")})
	for _, obj := range []ingest.Object{List(t, src, ingest.Selection{})[0], {Key: key}} {
		_, err := src.Read(t.Context(), obj, nil, 9)
		tooLarge, ok := errors.AsType[*ingest.TooLargeError](err)
		if !ok || tooLarge.Limit != 9 {
			t.Errorf("got %v, want a *TooLargeError", err)
		}
	}
}

func testReadConcurrently(t *testing.T, open Open) {
	var keys []string
	for n := range 40 {
		keys = append(keys, Key(accountA, "eu-west-1", date(2, 3), fmt.Sprintf("%016d", n)))
	}
	files := filesOf(keys...)
	src := open(t, files)
	var wg sync.WaitGroup
	for _, obj := range List(t, src, ingest.Selection{}) {
		wg.Go(func() {
			got, err := src.Read(t.Context(), obj, nil, 1000)
			if err != nil || !bytes.Equal(got, files[obj.Key]) {
				t.Errorf("read %s: %q, %v", obj.Key, got, err)
			}
		})
	}
	wg.Wait()
}

func testVisitFails(t *testing.T, open Open) {
	src := open(t, filesOf(Key(accountA, "eu-west-1", date(2, 3), "A"), Key(accountA, "eu-west-1", date(3, 3), "B")))
	stop := errors.New("enough")
	calls := 0
	err := src.List(t.Context(), ingest.Selection{From: date(1, 0)}, func([]ingest.Object) error {
		calls++
		return stop
	})
	if err != stop || calls != 1 { //nolint:errorlint // the contract is: as it is
		t.Errorf("got %v after %d calls, want %v after 1", err, calls, stop)
	}
}

func testCancelled(t *testing.T, open Open) {
	key := Key(accountA, "eu-west-1", date(2, 3), "A")
	src := open(t, filesOf(key))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := src.List(ctx, ingest.Selection{}, func([]ingest.Object) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("list: %v", err)
	}
	if _, err := src.Read(ctx, ingest.Object{Key: key}, nil, 100); !errors.Is(err, context.Canceled) {
		t.Errorf("read: %v", err)
	}
}
