package sampledata

import (
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

// place is where records are delivered: the trail of an account in a region.
type place struct{ account, region string }

// plant is a planted record.
type plant struct {
	event cttest.Event
	item  item
	// times says how often the record is delivered again in a later file; dup
	// that an earlier file had it already.
	times int
	dup   bool
	// raw is the record itself, where it is not one that an event can make.
	raw []byte
}

// plan holds everything that is decided before the cells are made: what is
// planted where, and what must come of it.
type plan struct {
	cfg      Config
	start    time.Time
	rng      rng
	seq      int
	planted  map[place][]plant
	noGrants map[place]bool
	findings []*Finding
	misses   []NearMiss
	inside   map[string]bool // accounts whose trail is in the bucket
	writers  sync.Pool       // of *gzip.Writer
}

func newPlan(cfg Config) *plan {
	p := &plan{
		cfg:      cfg,
		start:    cfg.End.AddDate(0, 0, -cfg.Days),
		rng:      newRNG(cfg.Seed, 1),
		planted:  map[place][]plant{},
		noGrants: map[place]bool{{dataPlat, "us-east-1"}: true, {webDev, "us-east-1"}: true},
		inside:   map[string]bool{},
	}
	level := gzip.BestSpeed
	if cfg.small() {
		level = gzip.BestCompression
	}
	p.writers.New = func() any { return newGzipWriter(level) }
	for _, a := range accounts() {
		p.inside[a.id] = true
	}
	p.inventory()
	p.namePlanted()
	p.pendingDeletion()
	p.crossAccount()
	p.contexts()
	p.rates()
	p.oddities()
	p.guardrails()
	p.lifecycle()
	p.standards()
	return p
}

// silent says where nothing was delivered for a day: a gap in the logs.
func (p *plan) silent(account, region string, day int) bool {
	return account == analytics && region == "us-west-2" && day == p.day(17)
}

// excluded says where KMS records are left out by the trail's configuration.
func (p *plan) excluded(account, region string, at time.Time) bool {
	return account == webDev && region == "eu-central-1" && !at.Before(p.at(20, "10:00:00")) ||
		account == sandbox && region == "us-west-2" && !at.Before(p.at(24, "10:00:00")) && at.Before(p.at(24, "12:00:00"))
}

// stopped says where a trail does not log at all.
func (p *plan) stopped(account, region string, at time.Time) bool {
	return account == sandbox && region == "eu-central-1" && !at.Before(p.at(26, "03:00:00")) && at.Before(p.at(26, "05:00:00"))
}

// day turns day 1 to 30 of the story into a day of the configured span.
func (p *plan) day(n int) int { return (n - 1) * p.cfg.Days / 30 }

// at is a moment of the story: day 1 to 30 and a time of day.
func (p *plan) at(day int, clock string) time.Time {
	t, err := time.Parse("15:04:05", clock)
	if err != nil {
		panic("sampledata: " + err.Error())
	}
	return p.start.AddDate(0, 0, p.day(day)).Add(t.Sub(t.Truncate(24 * time.Hour)))
}

// delivery is the minute in which a record is delivered: some minutes after
// it happened; in a small bucket together with others of five days.
func (p *plan) delivery(at time.Time) int64 {
	if p.cfg.small() {
		return at.Truncate(120*time.Hour).Unix()/60 + 120*60 + 3
	}
	return at.Unix()/60 + 4 + at.Unix()/60%5
}

// put plants one record with its recipient; a recipient outside the
// organisation has no log here.
func (p *plan) put(e cttest.Event) *plant {
	if e.Recipient == "" {
		e.Recipient = e.Caller.Account
		if e.Recipient == "" {
			e.Recipient = cttest.KeyAccount(e.Key)
		}
	}
	if e.Region == "" {
		e.Region = cttest.KeyRegion(e.Key)
	}
	if e.ID == "" {
		e.ID = p.id()
	}
	if e.RequestID == "" {
		e.RequestID = p.id()
	}
	if !p.inside[e.Recipient] {
		return &plant{}
	}
	at := place{e.Recipient, e.Region}
	pl := plant{event: e, item: item{deliver: p.delivery(e.Time)}}
	p.planted[at] = append(p.planted[at], pl)
	return &p.planted[at][len(p.planted[at])-1]
}

func (p *plan) id() string {
	p.seq++
	return cttest.UUID("sample", strconv.FormatUint(p.cfg.Seed, 10), strconv.Itoa(p.seq))
}

// call plants the records that a call leaves in every account concerned, and
// returns them.
func (p *plan) call(e cttest.Event) []*plant { return p.copies(e, func(int) bool { return true }) }

// copies is like call, but only those copies arrive that want says: 0 is the
// caller's, 1 the owner's, 2 that of the owner of ReEncrypt's destination.
func (p *plan) copies(e cttest.Event, want func(int) bool) []*plant {
	if e.Region == "" {
		e.Region = cttest.KeyRegion(e.Key)
	}
	e.ID, e.RequestID = p.id(), p.id()
	all := cttest.Copies(e)
	var plants []*plant
	for i, c := range all {
		if !want(i) {
			continue
		}
		pl := p.put(c)
		if len(all) > 1 {
			pl.item.call = c.SharedID
		}
		plants = append(plants, pl)
	}
	return plants
}

// series plants n calls, every apart, and counts them for the finding, which
// may be nil.
func (p *plan) series(f *Finding, e cttest.Event, at time.Time, n int, every time.Duration) {
	for i := range n {
		e.Time = at.Add(time.Duration(i) * every)
		p.call(e)
		f.hit(e.Time)
	}
}

func (p *plan) finding(f Finding) *Finding {
	p.findings = append(p.findings, &f)
	return &f
}

// hit counts a call for a finding.
func (f *Finding) hit(at time.Time) {
	if f == nil {
		return
	}
	at = at.Truncate(time.Second)
	if f.EventCount == 0 || at.Before(f.FirstSeen) {
		f.FirstSeen = at
	}
	if at.After(f.LastSeen) {
		f.LastSeen = at
	}
	f.EventCount++
}

func (p *plan) nearMiss(m NearMiss) { p.misses = append(p.misses, m) }

// inventory is infrastructure code applied on the first day: it names and tags
// the keys that exist, so that aliases and tags are known.
func (p *plan) inventory() {
	terraform := func(account string) cttest.Identity {
		return cttest.AssumedRole(account, "terraform", "apply")
	}
	for _, a := range accounts() {
		for _, r := range regions() {
			if !p.applied(&a, r.name) {
				continue
			}
			keys := keysOf(a.id, r.name)
			at := p.at(1, "01:00:00")
			for _, k := range []struct{ arn, name string }{
				{keys.app, "app"}, {keys.data, "data"}, {keys.objects, "objects"}, {keys.volumes, "volumes"},
			} {
				e := cttest.Event{Time: at, Name: "UpdateAlias", Key: k.arn, Alias: "alias/" + k.name, Caller: terraform(a.id)}
				p.put(e)
				e.Name, e.Time = "TagResource", at.Add(3*time.Second)
				e.Tags = cttest.Pairs("owner", a.name, "cost-center", "cc-"+a.id[:4])
				p.put(e)
				at = at.Add(9 * time.Second)
			}
			p.put(cttest.Event{Time: p.appRotated(), Name: "RotateKey", Key: keys.app, Caller: cttest.Internal(a.id)})
		}
	}
}

// applied says where infrastructure code is applied: in a small bucket in few
// places.
func (p *plan) applied(a *account, region string) bool {
	return !p.cfg.small() || a.weight >= 1.8 && region == regions()[0].name
}

// appRotated is when KMS rotates the keys of applications.
func (p *plan) appRotated() time.Time { return p.at(15, "02:10:00") }

// appMaterial is the key material that a call on such a key uses: until the
// rotation the one before; after it every third decryption still meets that. ""
// means the new one.
func (p *plan) appMaterial(e *cttest.Event, a *account, region string) string {
	old := e.Time.Before(p.appRotated()) || e.Name == "Decrypt" && e.Time.Unix()%3 == 0
	if !old || !p.applied(a, region) {
		return ""
	}
	return cttest.HexID(64, e.Key, "previous")
}

// namePlanted gives the keys of incidents the alias people know them by.
func (p *plan) namePlanted() {
	at := p.at(1, "01:30:00")
	for _, k := range []struct{ account, region, name string }{
		{payments, "us-east-1", "customer-data"}, {payments, "us-east-1", "vault"}, {payments, "us-east-1", "invoices"},
		{payments, "eu-central-1", "reports"}, {payments, "us-west-2", "cancelled"},
		{dataPlat, "us-east-1", "lake"}, {dataPlat, "us-east-1", "secrets"}, {dataPlat, "eu-west-1", "exports"},
		{webDev, "us-east-1", "copy-target"}, {shared, "us-east-1", "internal-feed"},
		{analytics, "us-east-1", "multi-tenant"}, {analytics, "eu-central-1", "stream"}, {backup, "us-west-2", "pairs"},
	} {
		p.put(cttest.Event{
			Time: at, Name: "UpdateAlias", Key: plantedKey(k.account, k.region, k.name), Alias: "alias/" + k.name,
			Caller: cttest.AssumedRole(k.account, "terraform", "apply"),
		})
		at = at.Add(3 * time.Second)
	}
}
