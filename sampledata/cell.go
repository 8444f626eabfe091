package sampledata

import (
	"math"
	"time"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

// cell is the activity of one account in one region. Cells are made
// independently of each other, so that they can be made side by side.
type cell struct {
	*account
	region string
	plan   *plan
	rng    rng
	keys   family
	role   cttest.Identity // the usual workload
	person people

	now     time.Time // time of the next record
	deliver int64     // minute in which records made now are delivered
	arena   []byte    // rendered records
	items   []item
	tally   tally
}

type people struct{ admin, console cttest.Identity }

// item is one record on its way into a file.
type item struct {
	deliver    int64 // Unix minute
	start, end int   // in the arena
	at         int64 // event time, Unix seconds
	kms        bool
	self       bool
	network    bool
	superseded bool
	dup        bool
	anonymous  bool // names no recipient account
	quarantine string
	name       string // event name, of other services with the service in front
	call       string // shared event id where several copies of the call can exist
}

func newCell(p *plan, index int, a *account, r region) *cell {
	c := &cell{
		account: a, region: r.name, plan: p, rng: newRNG(p.cfg.Seed, uint64(index)+1000),
		keys: keysOf(a.id, r.name),
		role: cttest.AssumedRole(a.id, a.name+"-app", "task"),
	}
	c.person.admin = cttest.SSORole(a.id, "PowerUser", "ann@example.com")
	c.person.console = cttest.ConsoleUser(a.id, "bob", true)
	c.tally.init()
	return c
}

// emit renders a record at the current time and lets a little time pass.
func (c *cell) emit(e cttest.Event) {
	if e.Source == "" && c.plan.excluded(c.id, c.region, c.now) || c.plan.stopped(c.id, c.region, c.now) {
		return
	}
	e.Time = c.now
	e.Region = c.region
	e.Recipient = c.id
	e.ID = c.rng.uuidString()
	if e.RequestID == "" {
		e.RequestID = c.rng.uuidString()
	}
	if e.Caller.Type == "AWSService" {
		e.SharedID = c.rng.uuidString()
	}
	if e.Version == "" {
		e.Version = c.version()
	}
	if e.Key == c.keys.app {
		e.Material = c.plan.appMaterial(&e, c.account, c.region)
	}
	c.add(&e, item{deliver: c.deliver, self: e.Caller.Issuer != nil && e.Caller.Issuer.ARN == selfRole})
	c.now = c.now.Add(time.Duration(c.rng.n(7)) * time.Second)
	if m := c.now.Unix()/60 + 2; m > c.deliver {
		c.deliver = m + int64(c.rng.n(5))
	}
}

// add renders a record into the arena.
func (c *cell) add(e *cttest.Event, it item) {
	it.start = len(c.arena)
	c.arena = e.Append(c.arena)
	it.end = len(c.arena)
	it.at = e.Time.Unix()
	it.kms = e.Source == "" || e.Source == "kms.amazonaws.com"
	it.network = e.Category == "NetworkActivity"
	it.name = e.Name
	if !it.kms {
		it.name = e.Source[:len(e.Source)-len(".amazonaws.com")] + ":" + e.Name
	}
	c.items = append(c.items, it)
}

// version mixes the versions of a year's logs.
func (c *cell) version() string {
	switch n := c.rng.n(100); {
	case n < 70:
		return "1.11"
	case n < 85:
		return "1.10"
	case n < 95:
		return "1.09"
	default:
		return "1.08"
	}
}

// make fills the cell: every day's activity, and what is planted here.
func (c *cell) make(weight float64) {
	c.arena = make([]byte, 0, int(weight*c.plan.cfg.Scale*7e6)+1<<16)
	for day := range c.plan.cfg.Days {
		start := c.plan.start.AddDate(0, 0, day)
		if c.plan.silent(c.id, c.region, day) {
			continue
		}
		c.day(start, weight)
	}
	for _, p := range c.plan.planted[place{c.id, c.region}] {
		it := p.item
		for i := range p.times + 1 {
			it.dup = p.dup || i > 0
			if p.raw != nil {
				it.start, it.end = len(c.arena), len(c.arena)+len(p.raw)
				c.arena = append(c.arena, p.raw...)
				c.items = append(c.items, it)
			} else {
				c.add(&p.event, it)
			}
			it.deliver += int64(7 * (i + 1)) // the next time in another file
		}
	}
}

// day adds one day's bursts: more at noon than at night, fewer on weekends.
func (c *cell) day(start time.Time, weight float64) {
	mean := weight * 6.25 * c.plan.cfg.Scale
	if d := start.Weekday(); d == time.Saturday || d == time.Sunday {
		mean *= 0.45
	}
	bursts := int(mean)
	if c.rng.float() < mean-float64(bursts) {
		bursts++
	}
	total := 0
	for _, w := range c.bursts {
		total += w.weight
	}
	for range bursts {
		c.now = start.Add(c.clock())
		c.deliver = c.now.Unix()/60 + int64(c.rng.between(4, 11))
		if c.rng.permille(8) { // now and then hours late
			c.deliver += int64(c.rng.between(60, 26*60))
		}
		n := c.rng.n(total)
		for _, w := range c.bursts {
			if n -= w.weight; n < 0 {
				w.run(c)
				break
			}
		}
	}
}

// clock draws a time of day with a peak in working hours.
func (c *cell) clock() time.Duration {
	for {
		h := c.rng.float() * 23.8
		if c.rng.float() < 0.35+0.65*math.Exp(-(h-14)*(h-14)/18) {
			return time.Duration(h * float64(time.Hour)).Truncate(time.Second)
		}
	}
}
