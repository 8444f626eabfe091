package ingest_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/duck"
)

// replay is a bucket, in a directory, to which log files come late, out of order,
// twice, in parts and anew, and what a store that reads it now and then must have.
type replay struct {
	*testing.T
	*rand.Rand
	dir   string
	made  int
	files map[string][]int // by key, the records of its content now
	fresh map[string]bool  // keys written since the last run
	cut   map[string]bool  // keys whose content is cut off
	seen  map[int]bool     // records that a run could read
	tried map[string]bool  // keys that a run saw
}

// record is the n-th record of the replay: its time has nothing to do with n.
func (r *replay) record(n int) []byte {
	e := cttest.Sample("Decrypt", "111122223333", replayTime(n))
	e.ID = cttest.EventID(fmt.Sprint("replay ", n))
	return e.JSON()
}

func replayTime(n int) time.Time {
	return start.Add(time.Duration(n*7919%(5*24*3600)) * time.Second)
}

// put writes an object. One that is cut off holds nothing that can be read.
func (r *replay) put(key string, records []int, cut bool) {
	var texts [][]byte
	for _, n := range records {
		texts = append(texts, r.record(n))
	}
	body := cttest.LogFile(texts...)
	if cut {
		body = body[:len(body)/2]
	}
	write(r, r.dir, key, body)
	// A directory tells versions by size and time; no two are of one time.
	r.made++
	at := start.Add(time.Duration(r.made) * time.Second)
	if err := os.Chtimes(filepath.Join(r.dir, filepath.FromSlash(key)), at, at); err != nil {
		r.Fatal(err)
	}
	r.files[key], r.fresh[key], r.cut[key] = records, true, cut
}

// some are records: new ones, and ones that were in other files.
func (r *replay) some() []int {
	records := make([]int, 1+r.IntN(4))
	for i := range records {
		records[i] = r.IntN(20 + 2*r.made)
	}
	slices.Sort(records)
	return slices.Compact(records)
}

// key is one of a log file: of few minutes, so that many are of one, and of days
// before those that have come already.
func (r *replay) key() string {
	at := start.AddDate(0, 0, r.IntN(5)).Add(time.Duration(r.IntN(2)) * 5 * time.Minute)
	return cttest.Key("", "", "111122223333", "us-east-1", at, cttest.Suffix(fmt.Sprint(r.IntN(1<<30))))
}

func (r *replay) any() string {
	return slices.Sorted(maps.Keys(r.files))[r.IntN(len(r.files))]
}

// deliver does one thing to the bucket.
func (r *replay) deliver() {
	if len(r.files) == 0 {
		r.put(r.key(), r.some(), false)
		return
	}
	switch key := r.any(); r.IntN(8) {
	case 0: // more records in an object that may have been read
		r.put(key, slices.Compact(slices.Sorted(slices.Values(append(r.some(), r.files[key]...)))), false)
	case 1: // others
		r.put(key, r.some(), false)
	case 2: // the same, written again
		r.put(key, r.files[key], r.cut[key])
	case 3: // the same, under another name
		r.put(r.key(), r.files[key], false)
	case 4: // seen before it is complete
		r.put(r.key(), r.some(), true)
	case 5: // gone, as by a lifecycle rule
		if err := os.Remove(filepath.Join(r.dir, filepath.FromSlash(key))); err != nil {
			r.Fatal(err)
		}
		delete(r.files, key)
		delete(r.fresh, key)
	default:
		r.put(r.key(), r.some(), false)
	}
}

// note takes down what a run has to find.
func (r *replay) note() {
	for key := range r.fresh {
		r.tried[key] = true
		if !r.cut[key] {
			for _, n := range r.files[key] {
				r.seen[n] = true
			}
		}
	}
	clear(r.fresh)
}

// check compares rows, ledger and rollups with what came.
func (r *replay) check(s *duck.Store) {
	hours, days := map[int64]int64{}, map[int64]int64{}
	for n := range r.seen {
		hours[replayTime(n).Truncate(time.Hour).Unix()]++
		days[replayTime(n).Truncate(24*time.Hour).Unix()]++
	}
	pairs := func(counts map[int64]int64) (out []int64) {
		for _, unit := range slices.Sorted(maps.Keys(counts)) {
			out = append(out, unit, counts[unit])
		}
		return out
	}
	byUnit := func(unit, table string) []int64 {
		return count(r, s, `SELECT epoch(`+unit+`)::BIGINT, sum(call_count)::BIGINT FROM `+table+` GROUP BY 1 ORDER BY 1`)
	}
	var broken, whole int64
	for key := range r.tried {
		if _, there := r.files[key]; there && r.cut[key] {
			broken++
		} else if there {
			whole++
		}
	}
	distinct := int64(len(r.seen))
	for name, c := range map[string]struct{ want, got []int64 }{
		"events, distinct, inserted, and neither new nor known": {
			[]int64{distinct, distinct, distinct, 0},
			count(r, s, `SELECT count(*), count(DISTINCT event_id), (SELECT sum(inserted_count)::BIGINT FROM log_files),
				(SELECT count(*) FROM log_files WHERE kms_count > inserted_count + duplicate_count) FROM kms_events`),
		},
		"entries of the ledger": {[]int64{int64(len(r.tried))}, count(r, s, `SELECT count(*) FROM log_files`)},
		"calls by hour":         {pairs(hours), byUnit("hour", "usage_hourly")},
		"calls by day":          {pairs(days), byUnit("day", "usage_daily")},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			r.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	if got := count(r, s, `SELECT count(*) FROM log_files WHERE status = 'quarantined'`)[0]; got < broken {
		r.Errorf("%d log files are quarantined, %d are broken", got, broken)
	}
	if got := count(r, s, `SELECT count(*) FROM log_files WHERE status = 'ingested'`)[0]; got < whole {
		r.Errorf("%d log files are ingested, %d are there", got, whole)
	}
}

// TestReplay has log files come in every unkind way, with runs in between, each
// of which must leave exactly the rows, ledger and rollups of what it saw; and what
// is derived must be what is derived anew.
func TestReplay(t *testing.T) {
	runs, deliveries := 0, 0
	for seed := range uint64(max(2, *kills/5)) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			r := &replay{
				T: t, Rand: rand.New(rand.NewPCG(seed, 0x7265706c6179)), dir: t.TempDir(),
				files: map[string][]int{}, fresh: map[string]bool{}, cut: map[string]bool{}, seen: map[int]bool{}, tried: map[string]bool{},
			}
			s, remembered := openStore(t, duck.Memory), &ingest.Seen{}
			for range 8 {
				for range r.IntN(12) {
					r.deliver()
					deliveries++
				}
				r.note()
				o := ingest.Options{Source: openDir(t, r.dir), Sink: s, Reconcile: r.IntN(4) == 0, CommitRows: 1 + r.IntN(40)}
				if r.IntN(2) == 0 {
					o.Seen = remembered
				}
				if _, err := ingest.Run(t.Context(), o); err != nil {
					t.Fatal(err)
				}
				runs++
				r.check(s)
			}
			before := stored(t, s)
			if err := s.Rebuild(t.Context(), nil, nil); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, stored(t, s)); diff != "" {
				t.Errorf("derived anew (-want +got)\n%s", diff)
			}
			closeStores(t, s)
		})
	}
	t.Logf("%d deliveries in %d runs", deliveries, runs)
}
