package digest

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kmstrail/kmstrail/ingest"
)

// Source lists and reads log files and digests.
type Source interface {
	ingest.Source
	// ReadMetadata is Read that also returns the user metadata of the object in S3,
	// the names in lower case; nil when it is not known.
	ReadMetadata(ctx context.Context, obj ingest.Object, dst []byte, limit int64) ([]byte, map[string]string, error)
}

// Ledger knows which log files were ingested.
type Ledger interface {
	// LedgerOf returns the entries of these objects, by key.
	LedgerOf(ctx context.Context, source string, objects []ingest.Object) (map[string]ingest.LedgerEntry, error)
}

// Options say what to verify. Source, Keys and OnDay are needed.
type Options struct {
	Source Source
	Keys   Keys
	// Ledger may be nil: then nothing is said of what was ingested.
	Ledger Ledger
	// Selection narrows accounts, Regions and the organisation.
	Selection ingest.Selection
	// From and To are the first and the last day of delivery, UTC.
	From, To time.Time
	// Now is when it is: nothing is expected of what comes later. Digests come up to
	// an hour after the time that they are about.
	Now time.Time
	// Concurrency is how many objects are read at once; 0 is 16.
	Concurrency int
	// MaxBytes bounds an object, stored and decompressed; 0 is
	// ingest.DefaultMaxJSONBytes.
	MaxBytes int64
	// OnDay takes what was found, day by day, then by account and Region.
	OnDay func(context.Context, Day) error
	// OnProgress, when set, is told of progress, from one goroutine at a time.
	OnProgress func(Progress)
}

// Progress says how far a run is.
type Progress struct {
	Day     time.Time `json:"day"`
	Days    int64     `json:"days"` // all
	Done    int64     `json:"done"`
	Digests int64     `json:"digests"`
	Files   int64     `json:"files"`
	Bytes   int64     `json:"bytes"` // stored, of both
}

// Run verifies. What is wrong with digests and log files is told to OnDay; the error
// is that of a run that could not go on. A *ingest.PartialListError comes after
// everything that could be listed was verified.
func Run(ctx context.Context, o Options) error {
	if o.Concurrency <= 0 {
		o.Concurrency = 16
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = ingest.DefaultMaxJSONBytes
	}
	o.From, o.To = o.From.UTC().Truncate(day), o.To.UTC().Truncate(day)
	r := &run{
		o: &o, days: map[time.Time][]*loaded{}, known: map[string]*loaded{},
		keyring: keyring{keys: o.Keys, known: map[string]*rsa.PublicKey{}, asked: map[string]bool{}},
		seen:    map[place]bool{}, unlisted: map[string]error{},
	}
	if bucket, ok := strings.CutPrefix(o.Source.Name(), "s3://"); ok {
		r.bucket = bucket
	}
	r.progress.Days = int64(o.To.Sub(o.From)/day) + 1
	for d := o.From; !d.After(o.To); d = d.Add(day) {
		if err := r.day(ctx, d); err != nil {
			return err
		}
	}
	if len(r.unlisted) == 0 {
		return nil
	}
	partial := &ingest.PartialListError{}
	for _, text := range slices.Sorted(maps.Keys(r.unlisted)) {
		partial.Errs = append(partial.Errs, r.unlisted[text])
	}
	return partial
}

// run is one run. It holds the digests of three days, and what they list of the day
// that is looked at and later ones.
type run struct {
	o       *Options
	bucket  string // "" when the source is no bucket
	keyring keyring

	days     map[time.Time][]*loaded // by the day in the key
	known    map[string]*loaded      // the same by identity
	seen     map[place]bool          // places that had digests on a day before
	unlisted map[string]error        // why places could not be listed, by text

	mu       sync.Mutex // guards progress
	progress Progress
}

func (r *run) update(change func(p *Progress)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.progress)
	if r.o.OnProgress != nil {
		r.o.OnProgress(r.progress)
	}
}

// day verifies a day of all places.
func (r *run) day(ctx context.Context, d time.Time) error {
	r.update(func(p *Progress) { p.Day = d })
	for _, near := range []time.Time{d.Add(-day), d, d.Add(day)} {
		if r.days[near] == nil {
			if err := r.load(ctx, near); err != nil {
				return err
			}
		}
	}
	places, err := r.listDay(ctx, d)
	if err != nil {
		return err
	}
	for _, l := range r.near(d) {
		p := places[l.place]
		if p == nil {
			p = newPlace(l.place, d)
			places[l.place] = p
		}
		p.digests = append(p.digests, l)
	}
	for of := range r.seen {
		if places[of] == nil { // nothing is left of it
			places[of] = newPlace(of, d)
		}
	}
	for _, of := range slices.SortedFunc(maps.Keys(places), func(a, b place) int {
		return strings.Compare(a.account+" "+a.region, b.account+" "+b.region)
	}) {
		p := places[of]
		if err := r.placeDay(ctx, p); err != nil {
			return err
		}
		digests := p.Digests+p.Invalid+p.Missing > 0
		if !digests && len(p.logs) == 0 && !r.seen[of] {
			continue // its digests begin on the next day
		}
		r.seen[of] = r.seen[of] || digests
		p.judge()
		if err := r.o.OnDay(ctx, p.Day); err != nil {
			return err
		}
	}
	r.forget(d.Add(-day))
	r.update(func(p *Progress) { p.Done++ })
	return nil
}

// near returns the digests of a day and of those beside it.
func (r *run) near(d time.Time) []*loaded {
	return slices.Concat(r.days[d.Add(-day)], r.days[d], r.days[d.Add(day)])
}

func (r *run) forget(d time.Time) {
	for _, l := range r.days[d] {
		delete(r.known, r.identity(l.obj.Key))
	}
	delete(r.days, d)
}

// list calls Source.List, and keeps for the end what could not be listed.
func (r *run) list(ctx context.Context, d time.Time, digests bool, visit func([]ingest.Object) error) error {
	sel := r.o.Selection
	sel.From, sel.To, sel.DeliveredFrom, sel.DeliveredTo, sel.Digests = d, d.Add(day), d, d, digests
	err := r.o.Source.List(ctx, sel, visit)
	partial, ok := errors.AsType[*ingest.PartialListError](err)
	if !ok {
		return err
	}
	for _, err := range partial.Errs {
		r.unlisted[err.Error()] = err
	}
	return nil
}

// load reads the digests of a day.
func (r *run) load(ctx context.Context, d time.Time) error {
	all := []*loaded{}
	if d.After(r.o.Now) {
		r.days[d] = all
		return nil
	}
	err := r.list(ctx, d, true, func(page []ingest.Object) error {
		for _, obj := range page {
			if !strings.HasSuffix(obj.Key, suffix) {
				continue // metadata beside a copy
			}
			l := &loaded{obj: obj, place: place{obj.Location.AccountID, obj.Location.Region}}
			l.chain, l.backfill = chainOf(obj.Key)
			all = append(all, l)
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = r.each(ctx, len(all), func(ctx context.Context, i int, z *ingest.Decompressor) error {
		return r.readDigest(ctx, all[i], z)
	})
	if err != nil {
		return err
	}
	r.days[d] = all
	for _, l := range all {
		r.known[r.identity(l.obj.Key)] = l
	}
	return nil
}

// each calls f for 0 … n-1, several at once.
func (r *run) each(ctx context.Context, n int, f func(ctx context.Context, i int, z *ingest.Decompressor) error) error {
	pool := sync.Pool{New: func() any { return new(ingest.Decompressor) }}
	g, work := errgroup.WithContext(ctx)
	g.SetLimit(r.o.Concurrency)
	for i := range n {
		if work.Err() != nil {
			break
		}
		g.Go(func() error {
			z := pool.Get().(*ingest.Decompressor)
			defer pool.Put(z)
			return f(work, i, z)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

func (r *run) readDigest(ctx context.Context, l *loaded, z *ingest.Decompressor) error {
	stored, metadata, err := r.o.Source.ReadMetadata(ctx, l.obj, nil, r.o.MaxBytes)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.update(func(p *Progress) { p.Digests++; p.Bytes += int64(len(stored)) })
	l.metadata = metadata
	l.problem, l.detail = r.look(l, stored, err, z)
	return nil
}

// look parses a digest that was read, and says what is wrong with it.
func (r *run) look(l *loaded, stored []byte, unread error, z *ingest.Decompressor) (ProblemKind, string) {
	if unread != nil {
		return DigestUnreadable, unread.Error()
	}
	text, err := z.Text(stored, r.o.MaxBytes)
	if err == nil {
		l.digest, err = Parse(text)
	}
	switch {
	case err != nil:
		return DigestMalformed, err.Error()
	case r.identity(l.digest.Key) != r.identity(l.obj.Key) || r.elsewhere(l.digest.Bucket):
		return DigestMoved, "it says that it lies at s3://" + l.digest.Bucket + "/" + l.digest.Key
	}
	return "", ""
}

// placeDay is the work on one place and day.
type placeDay struct {
	Day

	digests []*loaded
	logs    map[string]ingest.Object // by identity
}

func newPlace(p place, d time.Time) *placeDay {
	return &placeDay{Day: Day{AccountID: p.account, Region: p.region, Day: d}, logs: map[string]ingest.Object{}}
}

// listDay lists the log files of a day.
func (r *run) listDay(ctx context.Context, d time.Time) (map[place]*placeDay, error) {
	places := map[place]*placeDay{}
	err := r.list(ctx, d, false, func(page []ingest.Object) error {
		for _, obj := range page {
			of := place{obj.Location.AccountID, obj.Location.Region}
			if of.account == "" || of.region == "" || !obj.Location.DeliveredAt.Truncate(day).Equal(d) {
				continue // its name does not say where it belongs
			}
			if places[of] == nil {
				places[of] = newPlace(of, d)
			}
			places[of].logs[r.identity(obj.Key)] = obj
		}
		return nil
	})
	return places, err
}

// placeDay verifies one place and day.
func (r *run) placeDay(ctx context.Context, p *placeDay) error {
	today := span{p.Day.Day, p.Day.Day.Add(day)}
	var covered []span
	var files []File
	var valid []*loaded
	for _, l := range r.links(p.digests) {
		about := l.about()
		if err := r.findLost(ctx, p, l, today); err != nil {
			return err
		}
		if about.within(today).empty() && !listsOf(l.loaded, p.Day.Day) {
			continue
		}
		problem, detail, err := r.verify(ctx, l)
		if err != nil {
			return err
		}
		if problem != "" {
			if !about.within(today).empty() {
				p.Invalid++
				p.problem(problem, l.obj.Key, "%s", detail)
			}
			continue
		}
		files = append(files, l.digest.Files...)
		if about.within(today).empty() {
			continue
		}
		p.Digests++
		if l.backfill {
			p.Backfills++
			continue
		}
		covered = append(covered, about)
		valid = append(valid, l.loaded)
	}
	if expected := today.within(span{today.from, r.o.Now.UTC()}); !expected.empty() && p.Digests+p.Invalid+p.Missing > 0 {
		r.findHoles(p, expected, covered, valid)
	}
	return r.compare(ctx, p, files)
}

// about returns the time that a digest is about; of one that cannot be read the hour
// before the time in its name.
func (l *loaded) about() span {
	if l.digest != nil {
		return span{l.digest.Start, l.digest.End}
	}
	return span{l.obj.Location.DeliveredAt.Add(-interval), l.obj.Location.DeliveredAt}
}

// listsOf reports whether a digest lists log files of a day.
func listsOf(l *loaded, d time.Time) bool {
	return l.digest != nil && slices.ContainsFunc(l.digest.Files, func(f File) bool {
		loc, _ := ingest.ParseKey(f.Key)
		return loc.DeliveredAt.Truncate(day).Equal(d)
	})
}

// findLost tells of digests that are gone before one.
func (r *run) findLost(ctx context.Context, p *placeDay, l link, today span) error {
	if l.digest == nil {
		return nil
	}
	gone := span{l.digest.Start.Add(-interval), l.digest.Start}
	if l.before != nil && !l.backfill {
		gone.from = l.before.about().to
	}
	part := gone.within(today)
	if part.empty() {
		return nil
	}
	lost, err := r.lost(ctx, l)
	if err != nil || !lost {
		return err
	}
	n := max(1, int64(math.Ceil(float64(part.to.Sub(part.from))/float64(interval))))
	p.Missing += n
	more := ""
	if n > 1 && !l.backfill {
		more = fmt.Sprintf("; %d are gone in a row", n)
	}
	p.problem(DigestMissing, l.digest.Previous.Key, "the next digest names it, %s, and it is not there%s", l.obj.Key, more)
	return nil
}

// findHoles tells of time without a digest.
func (r *run) findHoles(p *placeDay, expected span, covered []span, valid []*loaded) {
	for _, hole := range holes(expected, covered) {
		p.Uncovered += hole.to.Sub(hole.from)
		why := "no digest is about it"
		i := slices.IndexFunc(valid, func(l *loaded) bool { return l.digest.Start.Equal(hole.to) })
		switch {
		case i >= 0 && valid[i].digest.Previous == nil:
			why = "log file validation, or logging, began again then"
		case hole.to.Equal(expected.to) && hole.to.Equal(r.o.Now.UTC()):
			why = "the digest about it is still to come, or there is none any more"
		case hole.to.Equal(expected.to):
			why = "no digest of the day is about it"
		}
		p.problem(NotCovered, "", "from %s to %s: %s", hole.from.Format(time.RFC3339), hole.to.Format(time.RFC3339), why)
	}
}

// compare compares log files with what valid digests list of the day.
func (r *run) compare(ctx context.Context, p *placeDay, files []File) error {
	want := map[string]File{}
	for _, f := range files {
		loc, _ := ingest.ParseKey(f.Key)
		if loc.DeliveredAt.Truncate(day).Equal(p.Day.Day) {
			want[r.identity(f.Key)] = f
		}
	}
	p.Listed = int64(len(want))
	var objects []ingest.Object
	for _, id := range slices.Sorted(maps.Keys(p.logs)) {
		if f, ok := want[id]; ok && !r.elsewhere(f.Bucket) {
			objects = append(objects, p.logs[id])
			continue
		}
		p.Unlisted++
		p.problem(FileUnlisted, p.logs[id].Key, "no digest of the days around lists it")
	}
	for _, id := range slices.Sorted(maps.Keys(want)) {
		f := want[id]
		if _, ok := p.logs[id]; ok && !r.elsewhere(f.Bucket) {
			continue
		}
		if r.elsewhere(f.Bucket) { // where the trail wrote to before
			p.Unreadable++
			p.problem(FileUnreadable, f.Key, "it lies in the bucket %s, which was not looked at", f.Bucket)
			continue
		}
		p.FilesMissing++
		p.problem(FileMissing, f.Key, "a digest lists it with the hash %s, and it is not there", f.Hash)
	}
	entries, err := r.ledger(ctx, objects)
	if err != nil {
		return err
	}
	found := make([]Problem, len(objects))
	err = r.each(ctx, len(objects), func(ctx context.Context, i int, z *ingest.Decompressor) (err error) {
		found[i], err = r.compareOne(ctx, objects[i], want[r.identity(objects[i].Key)], z)
		return err
	})
	if err != nil {
		return err
	}
	for i, problem := range found {
		switch problem.Kind {
		case "":
			p.Verified++
			if e := entries[objects[i].Key]; entries != nil && (e.ETag != objects[i].ETag || e.Status != ingest.FileIngested) {
				p.Unread++
			}
			continue
		case FileChanged:
			p.Changed++
		case FileMissing:
			p.FilesMissing++
		case FileUnreadable:
			p.Unreadable++
		}
		p.problem(problem.Kind, problem.Object, "%s", problem.Detail)
	}
	return nil
}

// ledgerPage is how many objects the ledger is asked for at once.
const ledgerPage = 1000

// ledger returns the entries of objects; nil without a ledger.
func (r *run) ledger(ctx context.Context, objects []ingest.Object) (map[string]ingest.LedgerEntry, error) {
	if r.o.Ledger == nil {
		return nil, nil
	}
	all := map[string]ingest.LedgerEntry{}
	for page := range slices.Chunk(objects, ledgerPage) {
		entries, err := r.o.Ledger.LedgerOf(ctx, r.o.Source.Name(), page)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, entries)
	}
	return all, nil
}

// compareOne reads a log file. The error is that of a run that ends.
func (r *run) compareOne(ctx context.Context, obj ingest.Object, want File, z *ingest.Decompressor) (Problem, error) {
	problem := func(kind ProblemKind, format string, args ...any) (Problem, error) {
		return Problem{kind, obj.Key, fmt.Sprintf(format, args...)}, nil
	}
	stored, err := r.o.Source.Read(ctx, obj, nil, r.o.MaxBytes)
	if ctx.Err() != nil {
		return Problem{}, ctx.Err()
	}
	r.update(func(p *Progress) { p.Files++; p.Bytes += int64(len(stored)) })
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return problem(FileMissing, "it was deleted while it was verified")
	case err != nil:
		return problem(FileUnreadable, "%v", err)
	}
	text, err := z.Text(stored, r.o.MaxBytes)
	if err != nil {
		return problem(FileChanged, "it cannot be decompressed: %v", err)
	}
	if sum := Hash(sha256.Sum256(text)); sum != want.Hash {
		return problem(FileChanged, "its hash is %s, the digest says %s", sum, want.Hash)
	}
	return Problem{}, nil
}
