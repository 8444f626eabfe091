package lake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/internal/cttest"
)

// TestUnitOf pins the units of keys: with another unit a log file that is in the
// lake would be planned, and written, again.
func TestUnitOf(t *testing.T) {
	for key, want := range map[string]string{
		"AWSLogs/111122223333/CloudTrail/us-east-1/2026/01/04/111122223333_CloudTrail_us-east-1_20260104T2355Z_abcdefghijklmnop.json.gz": "2026-01-04/us-east-1",
		"p/AWSLogs/o-exampleorgid/111122223333/CloudTrail/eu-west-1/2026/01/04/x.json.gz":                                                "2026-01-04/eu-west-1",
		"111122223333_CloudTrail_us-east-1_20260104T2355Z_abcdefghijklmnop.json.gz":                                                      "2026-01-04/us-east-1",
		"loose/x.json": "undated",
	} {
		if got := unitOf(key); got != want {
			t.Errorf("unitOf(%s) = %s, want %s", key, got, want)
		}
	}
	if got, want := logFileID("s3://bucket", "key"), int64(5554680138735767663); got != want {
		t.Errorf("logFileID = %d, want %d: rows in lakes have the old one", got, want)
	}
}

// denying is a source that cannot read some keys.
type denying struct {
	ingest.Source

	deny func(key string) error
}

func (d denying) Read(ctx context.Context, obj ingest.Object, dst []byte, limit int64) ([]byte, error) {
	if err := d.deny(obj.Key); err != nil {
		return dst, err
	}
	return d.Source.Read(ctx, obj, dst, limit)
}

// one writes a log file with one event.
func (l *logs) one(name, event string, at time.Time) (key string) {
	key = cttest.Key("", "", "111122223333", "us-east-1", at, cttest.Suffix(name))
	e := cttest.Sample("Decrypt", "111122223333", at)
	e.ID = cttest.EventID(event)
	l.records[key] = []record{{e.ID, at}}
	l.write(key, cttest.LogFile(e.JSON()))
	return key
}

// TestWrite_denied holds that a file that cannot be read holds up no other, does
// not go through plan after plan, and is written once it can be read.
func TestWrite_denied(t *testing.T) {
	l, b := newLogs(t, 1), newMemory()
	bad := l.one("bad", "bad", day)
	for i := range 3 {
		l.one(fmt.Sprint(i), fmt.Sprint(i), day.Add(time.Duration(i)*time.Minute))
	}
	o := l.options(b)
	o.Source = denying{o.Source, func(key string) error {
		if key == bad {
			return errInjected
		}
		return nil
	}}
	sum, err := Write(t.Context(), o)
	if err != nil || sum.Failed != 1 || sum.ObjectsDone != 4 || len(sum.Failures) != 1 || sum.Failures[0].Key != bad {
		t.Fatalf("first run: %+v, %v", sum, err)
	}
	for range 3 {
		sum, err = Write(t.Context(), o)
		if u, ok := errors.AsType[*UnfinishedError](err); !ok || len(u.Plans) != 1 || u.Plans[0] != "2026-01-04/us-east-1/000001" || !errors.Is(err, errInjected) {
			t.Fatalf("later run: %+v, %v", sum, err)
		}
	}
	if got := len(lakeEvents(t, b, Events)); got != 3 {
		t.Errorf("%d events, want those of the 3 other files", got)
	}
	mustWrite(t, l.options(b))
	rows := lakeRows(t, b, LogFiles)
	if len(rows) != 5 {
		t.Errorf("%d ledger entries, want one of each file and one of the failure", len(rows))
	}
	var attempts []string
	var last string
	for _, row := range rows {
		if row["object_key"] == bad {
			attempts = append(attempts, row["status"]+" "+row["attempts"])
			if row["ingested_at"] <= last {
				t.Errorf("the later entry is of %s, the earlier of %s", row["ingested_at"], last)
			}
			last = row["ingested_at"]
		}
	}
	if diff := gocmp.Diff([]string{"failed 1", "ingested 2"}, attempts); diff != "" {
		t.Error(diff)
	}
}

// TestWrite_replaced holds that new content under an old key is read, and that
// what both have is in the lake once, as it was first.
func TestWrite_replaced(t *testing.T) {
	l, b := newLogs(t, 1), newMemory()
	key := l.one("a", "a", day)
	mustWrite(t, l.options(b))
	before := lakeEvents(t, b, Events)
	first := cttest.Sample("Decrypt", "111122223333", day)
	first.ID = cttest.EventID("a")
	second := first
	second.ID = cttest.EventID("b")
	l.write(key, cttest.LogFile(second.JSON(), first.JSON()))
	sum := mustWrite(t, l.options(b))
	if sum.PlansDone != 1 || sum.KMS != 2 {
		t.Errorf("summary %+v", sum)
	}
	after := lakeEvents(t, b, Events)
	if len(after) != 2 {
		t.Errorf("events %v", after)
	}
	for id, place := range before {
		if after[id] != place {
			t.Errorf("event %s was of %s, is now of %s", id, place, after[id])
		}
	}
}

// TestWrite_gone holds that a file that goes between planning and reading stops
// nothing.
func TestWrite_gone(t *testing.T) {
	l, b := newLogs(t, 1), newMemory()
	key := l.one("a", "a", day)
	l.one("b", "b", day.Add(time.Minute))
	o := l.options(b)
	o.Source = denying{o.Source, func(k string) error {
		if k == key {
			return os.Remove(filepath.Join(l.dir, filepath.FromSlash(key)))
		}
		return nil
	}}
	if sum, err := Write(t.Context(), o); err != nil || sum.Failed != 1 || sum.PlansDone != 1 {
		t.Errorf("summary %+v, %v", sum, err)
	}
	if sum := mustWrite(t, l.options(b)); sum.ObjectsKnown != 1 || sum.PlansMade != 0 {
		t.Errorf("next run %+v", sum)
	}
}

// TestWrite_conflict holds that of two records with one id the one stays whose
// object was written first, whichever was read first, and the other is noted once.
func TestWrite_conflict(t *testing.T) {
	l, b := newLogs(t, 1), newMemory()
	genuine := l.one("a", "a", day)
	forged := cttest.Key("", "", "111122223333", "us-east-1", day.Add(time.Minute), cttest.Suffix("forged"))
	e := cttest.Sample("Decrypt", "111122223333", day)
	e.ID, e.Agent = cttest.EventID("a"), "forged"
	l.write(forged, cttest.LogFile(e.JSON()))
	o := l.options(b)
	o.Source = denying{o.Source, func(key string) error {
		if key == genuine {
			return errInjected
		}
		return nil
	}}
	if _, err := Write(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, l.options(b))
	for range 2 {
		rows := lakeRows(t, b, Events)
		if len(rows) != 1 || rows[0]["user_agent"] == "forged" {
			t.Errorf("events %v", rows)
		}
		noted := lakeRows(t, b, Quarantine)
		if len(noted) != 1 || noted[0]["reason"] != "conflicting_duplicate" || !strings.HasSuffix(noted[0]["detail"], "differs in: user_agent") {
			t.Errorf("quarantine %v", noted)
		}
		mustWrite(t, l.options(b))
	}
}

// TestWrite_wait holds that few files wait for more, and not for ever.
func TestWrite_wait(t *testing.T) {
	l, b := newLogs(t, 1), newMemory()
	l.one("a", "a", day)
	l.one("b", "b", day.Add(time.Minute))
	o := l.options(b)
	o.Wait = time.Hour
	if sum := mustWrite(t, o); sum.Waiting != 2 || sum.PlansMade != 0 {
		t.Errorf("at once: %+v", sum)
	}
	o.PlanFiles = 2
	o.Now = func() time.Time { return time.Now().Add(time.Minute) }
	if sum := mustWrite(t, o); sum.Waiting != 0 || sum.PlansMade != 1 {
		t.Errorf("a full plan: %+v", sum)
	}
	l.one("c", "c", day)
	o.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	if sum := mustWrite(t, o); sum.Waiting != 0 || sum.PlansMade != 1 {
		t.Errorf("old enough: %+v", sum)
	}
}

// TestWrite_otherMakers holds what happens to plans of other versions, and with
// plans that are damaged.
func TestWrite_otherMakers(t *testing.T) {
	l, b := newLogs(t, 1), newMemory()
	l.add(30)
	o := l.options(b)
	mustWrite(t, o)
	var ledger []string
	for name := range b.objects {
		if strings.HasPrefix(name, LogFiles) {
			ledger = append(ledger, name)
		}
	}
	for _, name := range ledger {
		delete(b.objects, name) // the worker died before its end
	}
	o.Version = "newer"
	if sum := mustWrite(t, o); sum.FilesTaken != 0 || sum.PlansDone != int64(len(ledger)) {
		t.Errorf("summary %+v", sum)
	}
	l.checkLake(t, b)

	name := sourceDir(o.Source.Name()) + "2026-01-04/us-east-1/000000.json"
	for want, change := range map[string]func(*plan){
		"newer kmstrail": func(p *plan) { p.Format++ },
		"damaged":        func(p *plan) { p.Files = nil },
		"is of s3://x":   func(p *plan) { p.Source = "s3://x" },
	} {
		body := b.objects[name]
		var p plan
		if err := json.Unmarshal(body, &p); err != nil {
			t.Fatal(err)
		}
		change(&p)
		changed, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		b.objects[name] = changed
		if _, err := Write(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		b.objects[name] = body
	}
	delete(b.objects, name)
	if _, err := Write(t.Context(), o); err == nil || !strings.Contains(err.Error(), "plans must not be deleted") {
		t.Errorf("a plan that is gone: %v", err)
	}
}

func TestWriteTable(t *testing.T) {
	b := newMemory()
	table := TableNamed("accounts").Of
	for i, want := range []bool{true, false, true, false} {
		rows := [][]any{{"111122223333", "main", nil}}
		if i > 1 {
			rows = nil
		}
		if changed, err := WriteTable(t.Context(), b, table, rows); err != nil || changed != want {
			t.Errorf("write %d: %v, %v", i, changed, err)
		}
	}
	if _, err := WriteTable(t.Context(), b, TableNamed(Events).Of, nil); err == nil {
		t.Error("a table of many files was taken")
	}
}

// TestWrite_corrected holds that an event that CloudTrail corrected goes, whether
// it is written before its correction or after, even when both have one id.
func TestWrite_corrected(t *testing.T) {
	for _, sameID := range []bool{false, true} {
		for _, originalFirst := range []bool{false, true} {
			t.Run(fmt.Sprint(sameID, originalFirst), func(t *testing.T) {
				l, b := newLogs(t, 1), newMemory()
				original := func() { l.one("a", "a", day) }
				correction := func() {
					e := cttest.Sample("Decrypt", "111122223333", day)
					e.ID, e.Agent = cttest.EventID("b"), "corrected"
					if sameID {
						e.ID = cttest.EventID("a")
					}
					e.Extra = `"addendum":{"reason":"UPDATED_DATA","originalEventID":"` + cttest.EventID("a") + `"}`
					l.write(cttest.Key("", "", "111122223333", "us-east-1", day.Add(time.Minute), cttest.Suffix("b")), cttest.LogFile(e.JSON()))
				}
				steps := []func(){correction, original}
				if originalFirst {
					steps = []func(){original, correction}
				}
				for _, step := range steps {
					step()
					mustWrite(t, l.options(b))
				}
				rows, noted := lakeRows(t, b, Events), lakeRows(t, b, Quarantine)
				if len(rows) != 1 || rows[0]["user_agent"] != "corrected" {
					t.Errorf("events %v", rows)
				}
				if len(noted) != 1 || noted[0]["reason"] != "superseded" {
					t.Errorf("quarantine %v", noted)
				}
			})
		}
	}
}
