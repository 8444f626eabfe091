package sampledata

import (
	"context"
	"fmt"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

// The shape of the set that [GenerateBenchTrail] writes.
const (
	trailDays = 5
	// trailEvery is how often a trail delivers a file for an account and Region.
	trailEvery     = 5 * time.Minute
	trailIntervals = int(trailDays * 24 * time.Hour / trailEvery)
	// trailFile is the most records of a file.
	trailFile = 500
	// trailPerAccount is KMS events by account, on average.
	trailPerAccount = 200_000

	trailKeys    = 25 // by account and Region
	trailCallers = 40
	keysOfCaller = 3
)

// trailStart is the first moment of the set.
var trailStart = time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC)

// BenchTrailWindow is the days of the events that [GenerateBenchTrail] writes.
func BenchTrailWindow() (start, end time.Time) {
	return trailStart, trailStart.AddDate(0, 0, trailDays)
}

// GenerateBenchTrail writes a set for measuring into DIR/AWSLogs/… with at least
// kms KMS events, in log files as small as trails deliver them: for each account
// and Region one every five minutes in which something happened, of at most 500
// records. Half of the records are of other services.
//
// It has an account for each 200,000 events and 4 Regions, over 5 days. Few
// accounts make most calls, more by day than by night. An account has in each
// Region 25 keys and 40 callers, of which each uses 3 keys and few make most
// calls; two callers also use a key of another account. One KMS event in two
// hundred makes a grant. Some keys have a tag that encryption contexts do not
// agree with, and some are scheduled for deletion on the second day and used
// after that. The same size and seed give the same bytes.
func GenerateBenchTrail(ctx context.Context, dir string, kms int, seed uint64) (BenchTruth, error) {
	cells := newTrailCells(max(2, kms/trailPerAccount), seed)
	truth, err := benchFiles(ctx, len(cells)*trailIntervals, func() func(int) (BenchTruth, error) {
		w := newTrailWriter(dir, seed)
		w.records = 2.04 * float64(kms)
		return func(i int) (BenchTruth, error) { return w.interval(cells, i) }
	})
	truth.Kind = "trail"
	return truth, err
}

// GenerateBenchSmall writes a set of small log files into DIR/AWSLogs/…, as most
// of a trail are: quiet accounts have one every five minutes with a few records.
// They are like those of [GenerateBenchTrail], but each has 2 to 7 records, 1 to
// 3 KB compressed. The same number and seed give the same bytes.
func GenerateBenchSmall(ctx context.Context, dir string, files int, seed uint64) (BenchTruth, error) {
	cells := newTrailCells(1+files/(trailIntervals*len(regions())), seed)
	truth, err := benchFiles(ctx, files, func() func(int) (BenchTruth, error) {
		w := newTrailWriter(dir, seed)
		return func(i int) (BenchTruth, error) { return w.small(cells[i%len(cells)], i, i/len(cells)) }
	})
	truth.Kind = "small"
	return truth, err
}

func (t *BenchTruth) add(more BenchTruth) {
	t.Files += more.Files
	t.Records += more.Records
	t.KMS += more.KMS
	t.JSONBytes += more.JSONBytes
	t.Bytes += more.Bytes
}

// trailCell is an account in a Region.
type trailCell struct {
	account, region string
	share           float64 // of all records
	pools           *benchPools
	// foreign is another account's key in the same Region.
	foreign string
	// retires has a key that is scheduled for deletion.
	retires bool
}

func newTrailCells(accounts int, seed uint64) []*trailCell {
	var cells []*trailCell
	total := 0.0
	for a := range accounts {
		for _, r := range regions() {
			c := &trailCell{account: trailAccount(a), region: r.name, share: r.weight / float64(a+1)}
			c.pools = newTrailPools(c, newRNG(seed, uint64(1000+len(cells))))
			c.retires = len(cells)%4 == 0
			total += c.share
			cells = append(cells, c)
		}
	}
	for i, c := range cells {
		c.share /= total
		c.foreign = cells[(i+len(regions()))%len(cells)].pools.keys[1]
	}
	return cells
}

// trailAccount numbers accounts from that of AWS's documentation on.
func trailAccount(n int) string { return fmt.Sprintf("1111%04d3333", 2222+n) }

func newTrailPools(c *trailCell, r rng) *benchPools {
	p := &benchPools{accounts: []string{c.account}, material: map[string]string{}}
	for range trailKeys {
		key := cttest.KeyARN(c.account, c.region, r.uuidString())
		p.keys = append(p.keys, key)
		p.material[key] = r.hex(64)
	}
	for i := range trailCallers {
		id := cttest.AssumedRole(c.account, fmt.Sprintf("service-%02d", i/2), "task-"+r.hex(16))
		if i%10 == 9 {
			id = cttest.IAMUser(c.account, fmt.Sprintf("user-%02d", i))
		}
		p.callers = append(p.callers, id)
	}
	return p
}

// byHour is how busy an hour of the day is.
var byHour = [24]float64{2, 2, 2, 2, 2, 3, 4, 5, 6, 7, 7, 7, 6, 7, 7, 7, 6, 5, 4, 4, 3, 3, 2, 2}

type trailWriter struct {
	benchWriter
	records float64 // of the whole set
	cell    *trailCell
}

func newTrailWriter(dir string, seed uint64) *trailWriter {
	return &trailWriter{benchWriter: benchWriter{dir: dir, seed: seed, gzip: newGzipWriter(gzip.BestSpeed)}}
}

// small writes a log file of few records.
func (w *trailWriter) small(cell *trailCell, number, interval int) (BenchTruth, error) {
	w.cell, w.pools = cell, cell.pools
	w.rng = newRNG(w.seed, uint64(number)+10_000_000)
	n := w.rng.between(2, 7)
	return w.logFile(nil, trailStart.Add(time.Duration(interval)*trailEvery), 0, n, n)
}

// interval writes what one cell delivers for one interval.
func (w *trailWriter) interval(cells []*trailCell, number int) (BenchTruth, error) {
	w.cell = cells[number%len(cells)]
	w.pools = w.cell.pools
	n := number / len(cells)
	w.rng = newRNG(w.seed, uint64(number)+1_000_000)
	start := trailStart.Add(time.Duration(n) * trailEvery)
	sum := 0.0
	for _, h := range byHour {
		sum += h
	}
	expected := w.records * w.cell.share * byHour[start.Hour()] / sum / trailDays / float64(time.Hour/trailEvery)
	count := int(expected*(0.5+w.rng.float()) + w.rng.float())
	planted := w.planted(n, start)
	t := BenchTruth{}
	for first := 0; first < count || len(planted) > 0; first += trailFile {
		more, err := w.logFile(planted, start, first, min(count, first+trailFile), max(count, 1))
		if err != nil {
			return t, err
		}
		t.add(more)
		planted = nil
	}
	return t, nil
}

// logFile writes records first to last of the count that an interval has.
func (w *trailWriter) logFile(planted []cttest.Event, start time.Time, first, last, count int) (BenchTruth, error) {
	t := BenchTruth{Files: 1}
	b := w.body[:0]
	b = append(b, `{"Records":[`...)
	add := func(e *cttest.Event) {
		if t.Records++; t.Records > 1 {
			b = append(b, ',')
		}
		if e.Source == "" {
			t.KMS++
		}
		b = e.Append(b)
	}
	for i := range planted {
		w.identify(&planted[i])
		add(&planted[i])
	}
	for i := first; i < last; i++ {
		e := w.event(start.Add(time.Duration(i) * trailEvery / time.Duration(count)))
		add(&e)
	}
	b = append(b, "]}"...)
	w.body = b
	t.JSONBytes = int64(len(b))
	key := cttest.Key("", organization, w.cell.account, w.cell.region, start.Add(2*trailEvery), w.rng.suffix())
	n, err := writeObject(w.dir, key, compress(w.gzip, b))
	t.Bytes = n
	return t, err
}

// identify gives an event what makes it one of this cell's.
func (w *trailWriter) identify(e *cttest.Event) {
	r := &w.rng
	e.Region, e.Recipient = w.cell.region, w.cell.account
	e.ID, e.RequestID = r.uuidString(), r.uuidString()
}

// event draws a record.
func (w *trailWriter) event(at time.Time) cttest.Event {
	r := &w.rng
	// The square makes few callers busy.
	u := r.float()
	number := int(u * u * trailCallers)
	caller := w.pools.callers[number]
	var e cttest.Event
	if r.n(2) == 0 {
		e = w.noise(caller, at)
	} else {
		e = w.call(number, caller, at)
	}
	w.identify(&e)
	return e
}

// call draws a call of KMS.
func (w *trailWriter) call(number int, caller cttest.Identity, at time.Time) cttest.Event {
	r := &w.rng
	e := w.kms(caller, at)
	for e.Name == "CreateGrant" && !r.permille(150) {
		e = w.kms(caller, at)
	}
	index := (number*7 + r.n(keysOfCaller)) % trailKeys
	e.Key = w.pools.keys[index]
	if (number == 5 || number == 17) && r.permille(50) {
		e.Key = w.cell.foreign
	}
	e.Material = w.pools.material[e.Key]
	if len(e.Context) > 0 && e.Context[0].Key == "tenant" {
		e.Context[0].Value = "t-" + itoa(number)
	}
	if w.cell.retires && index == trailKeys-1 && at.After(trailStart.Add(retiredAfter)) && e.Failure == "" {
		e.Failure = "pending_deletion"
	}
	return e
}

// retiredAfter is when keys are scheduled for deletion.
const retiredAfter = 27 * time.Hour

// planted returns the changes of keys that a cell makes in an interval.
func (w *trailWriter) planted(interval int, start time.Time) []cttest.Event {
	admin := cttest.AssumedRole(w.cell.account, "admin", "pipeline")
	var events []cttest.Event
	switch {
	case interval == 0:
		for i, key := range w.pools.keys {
			events = append(events, cttest.Event{Time: start, Name: "CreateAlias", Key: key, Alias: "alias/app-" + itoa(i), Caller: admin})
		}
		tags := cttest.Pairs("tenant", "t-1")
		events = append(events, cttest.Event{Time: start, Name: "TagResource", Key: w.pools.keys[0], Tags: tags, Caller: admin})
	case w.cell.retires && interval == int(retiredAfter/trailEvery):
		events = append(events, cttest.Event{Time: start, Name: "ScheduleKeyDeletion", Key: w.pools.keys[trailKeys-1], Days: 30, Caller: admin})
	}
	return events
}
