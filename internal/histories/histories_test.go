package histories_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/histories"
)

// What a history is for has to be in it.
func TestHistoriesHaveEverything(t *testing.T) {
	operations, seen := map[string]bool{}, map[string]int{}
	for seed := range uint64(30) {
		h := histories.New(seed, histories.Options{})
		if n := len(h.Records); n < 200 || n > 1100 {
			t.Errorf("seed %d: %d records", seed, n)
		}
		ids := map[string]int{}
		for _, r := range h.Records {
			if !json.Valid(r.JSON) {
				t.Fatalf("seed %d: no JSON: %s", seed, r.JSON)
			}
			ids[r.ID]++
			count(seen, "shadows", r.Shadow)
			count(seen, "replaced", r.Replaced)
			count(seen, "repeated", ids[r.ID] > 1)
			count(seen, "days late", r.Delivered.Sub(r.Time).Hours() > 24)
			count(seen, "at midnight", r.Time.Equal(r.Time.Truncate(24*60*60*1e9)))
		}
		for _, c := range h.Calls {
			operations[c.Name] = true
			count(seen, "cross-account", len(c.Keys) > 0 && c.Account != "" && cttest.KeyAccount(c.Keys[0]) != c.Account)
			count(seen, "three copies", len(c.Delivered) == 3)
			count(seen, "owner only", len(c.Delivered) == 1 && c.Delivered[0] != c.Payer)
			count(seen, "denied abroad", c.Failed && len(c.Keys) > 0 && cttest.KeyAccount(c.Keys[0]) != c.Payer && len(c.Delivered) == 1)
			count(seen, "store", c.Store != "")
			count(seen, "no key", len(c.Keys) == 0)
			count(seen, "service", c.Account == "")
		}
	}
	for _, name := range append(cttest.Operations(), cttest.ServiceEvents()...) {
		if !operations[name] {
			t.Errorf("no %s", name)
		}
	}
	for _, what := range []string{
		"shadows", "replaced", "repeated", "days late", "at midnight", "cross-account", "three copies",
		"owner only", "denied abroad", "store", "no key", "service",
	} {
		if seen[what] < 10 {
			t.Errorf("%s: only %d", what, seen[what])
		}
	}
}

func count(seen map[string]int, what string, is bool) {
	if is {
		seen[what]++
	}
}

func TestSameSeedSameHistory(t *testing.T) {
	a, b := histories.New(7, histories.Options{}), histories.New(7, histories.Options{})
	if !reflect.DeepEqual(a, b) {
		t.Error("two histories of one seed differ")
	}
	if !reflect.DeepEqual(a.Deliver(3), b.Deliver(3)) {
		t.Error("two deliveries of one seed differ")
	}
	if reflect.DeepEqual(a.Deliver(3), a.Deliver(4)) {
		t.Error("another seed gives the same delivery")
	}
}

// Whatever the order: in the end every file has been readable in its last
// version.
func TestDeliveriesAreWhole(t *testing.T) {
	undated, files := 0, 0
	for seed := range uint64(30) {
		d := histories.New(seed, histories.Options{}).Deliver(seed)
		read := map[string]string{}
		for _, s := range d.Steps {
			for _, f := range s.Files {
				files++
				if _, kind := ingest.ParseKey(f.Key); kind != ingest.KindLog {
					undated++
				}
				if !s.Broken[f.Key] {
					read[f.Key] = f.ETag
				}
			}
		}
		for _, f := range d.Files {
			if read[f.Key] != f.ETag {
				t.Errorf("seed %d: %s was read as %q, not %q", seed, f.Key, read[f.Key], f.ETag)
			}
		}
		if len(read) != len(d.Files) {
			t.Errorf("seed %d: %d files were read, %d are there", seed, len(read), len(d.Files))
		}
	}
	if undated == 0 || undated > files/10 {
		t.Errorf("of %d files %d have keys that say nothing", files, undated)
	}
}
