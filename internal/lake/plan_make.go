package lake

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kmstrail/kmstrail/ingest"
)

// heldObjects is how many listed log files wait in memory for their unit to fill
// a plan; with more, all are planned as they are.
const heldObjects = 200_000

// readAtOnce is how many small objects are read at once.
const readAtOnce = 16

// emptyWithout is the content of a list of files left out that is empty. Its
// length shows in a listing, so that only others are read.
var emptyWithout = []byte("[]\n")

// planner makes plans of what the source lists.
type planner struct {
	o      *WriteOptions
	dir    string // of the source's plans
	source string

	// found has which plans a unit had when they were listed.
	found map[string]*foundUnit
	units map[string]*unit
	held  int // objects in all units

	listed, known, waiting, made int64
}

// foundUnit has, by number of the plan, what a listing shows.
type foundUnit struct {
	plans   map[int]bool
	without map[int]int64 // sizes of the lists of files left out
	turns   map[int]int   // the last one
	ended   map[int]int   // the last one that has
}

func newFoundUnit() *foundUnit {
	return &foundUnit{plans: map[int]bool{}, without: map[int]int64{}, turns: map[int]int{}, ended: map[int]int{}}
}

// unit is one that the source listed files of.
type unit struct {
	name string
	// next is the number of the next plan, last the time of the one before.
	next int
	last time.Time
	// files tells of each log file whether the last plan that had it still does.
	files map[fileHash]fileState
	// held are files to plan.
	held []ingest.Object
}

// fileHash stands for key and ETag; of millions of files only this is kept.
type fileHash [16]byte

type fileState struct {
	planned  bool
	attempts int
}

func hashFile(key, etag string) fileHash {
	sum := sha256.Sum256([]byte(key + "\x00" + etag))
	return fileHash(sum[:16])
}

// list finds out which plans there are.
func (p *planner) list(ctx context.Context) error {
	return p.o.Bucket.List(ctx, p.dir, func(name string, size int64) error {
		o, ok := parsePlanName(strings.TrimPrefix(name, p.dir))
		if !ok {
			return fmt.Errorf("list plans: %s is none", name)
		}
		f := p.found[o.id.unit]
		if f == nil {
			f = newFoundUnit()
			p.found[o.id.unit] = f
		}
		switch n := o.id.number; o.kind {
		case withoutSuffix:
			f.without[n] = size
		case turnInfix:
			f.turns[n] = max(f.turns[n], o.turn)
		case endedInfix:
			f.ended[n] = max(f.ended[n], o.turn)
		default:
			f.plans[n] = true
		}
		return nil
	})
}

// checkDone holds that what is done was planned: a new plan with the number of
// one that was deleted would pass for done.
func (p *planner) checkDone(done map[string]bool) error {
	stems := make(map[string]bool, len(done))
	for _, id := range p.plans() {
		stems[id.stem(p.dir)] = true
	}
	for stem := range done {
		if !stems[stem] {
			return fmt.Errorf("%s/%s has no plan for the log files of %s*%s: plans must not be deleted", p.o.Bucket, p.dir, stem, parquetSuffix)
		}
	}
	return nil
}

// ended reports whether the last turn of a plan that is in the ledger has ended,
// as far as the listing shows.
func (p *planner) ended(id planID) bool {
	f := p.found[id.unit]
	return f.ended[id.number] == f.turns[id.number]
}

// plans returns all plans that are known.
func (p *planner) plans() []planID {
	var all []planID
	for unit, f := range p.found {
		for number := range f.plans {
			all = append(all, planID{unit, number})
		}
	}
	return all
}

// visit takes a page of the source's listing.
func (p *planner) visit(ctx context.Context, page []ingest.Object) error {
	for _, o := range page {
		p.listed++
		u, err := p.unit(ctx, unitOf(o.Key))
		if err != nil {
			return err
		}
		if u.files[hashFile(o.Key, o.ETag)].planned {
			p.known++
			continue
		}
		u.held = append(u.held, o)
		p.held++
	}
	if p.held > heldObjects {
		return p.flush(ctx)
	}
	return nil
}

// flush plans what is held.
func (p *planner) flush(ctx context.Context) error {
	for _, u := range p.units {
		if err := p.makePlans(ctx, u); err != nil {
			return err
		}
	}
	return nil
}

// unit returns a unit with what its plans have.
func (p *planner) unit(ctx context.Context, name string) (*unit, error) {
	if u := p.units[name]; u != nil {
		return u, nil
	}
	u := &unit{name: name, files: map[fileHash]fileState{}}
	if err := p.readUnit(ctx, u); err != nil {
		return nil, err
	}
	p.units[name] = u
	return u, nil
}

// readUnit reads the plans of a unit, several at once, and takes them in in
// their order.
func (p *planner) readUnit(ctx context.Context, u *unit) error {
	f := p.found[u.name]
	if f == nil {
		return nil
	}
	plans, without := make([]*plan, len(f.plans)), make([][]leftOut, len(f.plans))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readAtOnce)
	for n := range plans {
		id := planID{u.name, n}
		if !f.plans[n] {
			return fmt.Errorf("plan %s is missing in %s/%s: plans must not be deleted", id, p.o.Bucket, p.dir)
		}
		g.Go(func() (err error) {
			if plans[n], err = getPlan(ctx, p.o.Bucket, p.source, id); err != nil {
				return err
			}
			if size, ok := f.without[n]; ok && size != int64(len(emptyWithout)) {
				without[n], err = getWithout(ctx, p.o.Bucket, p.source, id)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for n := range plans {
		u.take(plans[n], without[n])
	}
	return nil
}

// take notes the files of the unit's next plan.
func (u *unit) take(p *plan, without []leftOut) {
	out := make(map[string]bool, len(without))
	for _, w := range without {
		out[w.Key] = true
	}
	for i := range p.Files {
		f := &p.Files[i]
		u.files[hashFile(f.Key, f.ETag)] = fileState{planned: !out[f.Key], attempts: f.Attempts + 1}
	}
	u.next = p.Number + 1
	u.last = p.PlannedAt
}

// makePlans plans what a unit holds.
func (p *planner) makePlans(ctx context.Context, u *unit) error {
	held := u.held
	p.held -= len(held)
	u.held = nil
	for len(held) > 0 {
		list, full := firstBatch(held, p.o.PlanBytes, p.o.PlanFiles)
		held = held[len(list):]
		if !full && p.waits(list) {
			p.waiting += int64(len(list))
			continue
		}
		rest, err := p.makePlan(ctx, u, list)
		if err != nil {
			return err
		}
		held = append(rest, held...)
	}
	return nil
}

// waits reports whether a list that does not fill a plan is to grow.
func (p *planner) waits(list []ingest.Object) bool {
	if p.o.Wait <= 0 {
		return false
	}
	oldest := list[0].LastModified
	for _, o := range list {
		if o.LastModified.Before(oldest) {
			oldest = o.LastModified
		}
	}
	return p.o.Now().Sub(oldest) < p.o.Wait
}

// makePlan creates the unit's next plan with the files of list. When somebody
// else has created it, it returns those that are in neither.
func (p *planner) makePlan(ctx context.Context, u *unit, list []ingest.Object) (rest []ingest.Object, err error) {
	next := p.newPlan(u, list)
	body, err := json.Marshal(next)
	if err != nil {
		return nil, err
	}
	err = p.o.Bucket.Create(ctx, p.dir+next.id().String()+planSuffix, body)
	switch {
	case err == nil:
		p.made++
	case !errors.Is(err, ErrExists):
		return nil, err
	default:
		if next, err = getPlan(ctx, p.o.Bucket, p.source, next.id()); err != nil {
			return nil, err
		}
	}
	u.take(next, nil)
	if p.found[u.name] == nil {
		p.found[u.name] = newFoundUnit()
	}
	p.found[u.name].plans[next.Number] = true
	for _, o := range list {
		if !u.files[hashFile(o.Key, o.ETag)].planned {
			rest = append(rest, o)
		}
	}
	return rest, nil
}

func (p *planner) newPlan(u *unit, list []ingest.Object) *plan {
	at := p.o.Now().UTC().Truncate(time.Microsecond)
	if !at.After(u.last) {
		at = u.last.Add(time.Microsecond)
	}
	next := &plan{
		Format: planFormat, Source: p.source, Unit: u.name, Number: u.next, Day: dayOf(&list[0]),
		PlannedAt: at, PlannedBy: p.o.maker(), SelfPrincipals: p.o.SelfPrincipals, RedactContext: p.o.RedactContext, Files: make([]plannedFile, len(list)),
	}
	for i, o := range list {
		next.Files[i] = plannedFile{
			Key: o.Key, ETag: o.ETag, Size: o.Size, LastModified: o.LastModified,
			Attempts: u.files[hashFile(o.Key, o.ETag)].attempts,
		}
	}
	return next
}

func getPlan(ctx context.Context, b Bucket, source string, id planID) (*plan, error) {
	body, err := b.Get(ctx, sourceDir(source)+id.String()+planSuffix)
	if err != nil {
		return nil, err
	}
	return readPlan(id, source, body)
}

func getWithout(ctx context.Context, b Bucket, source string, id planID) ([]leftOut, error) {
	body, err := b.Get(ctx, sourceDir(source)+id.String()+withoutSuffix)
	if err != nil {
		return nil, err
	}
	var list []leftOut
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("read what plan %s goes without: %w", id, err)
	}
	return list, nil
}
