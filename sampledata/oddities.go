package sampledata

import (
	"fmt"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

// oddities plants what real logs hold beside the usual: every operation, old
// versions, every kind of caller, errors, late and repeated deliveries,
// records that cannot be taken.
func (p *plan) oddities() {
	p.parade()
	p.callers()
	p.shapes()
	p.lateAndRepeated()
	p.broken()
	p.trailChanges()
}

// parade is one call of every operation, each on a key of its own, and one of
// every error but those that are incidents.
func (p *plan) parade() {
	versions := []string{"1.02", "1.05", "1.08", "1.09", "1.10", "1.11"}
	at := p.at(3, "12:00:00")
	for i, name := range append(cttest.Operations(), cttest.ServiceEvents()...) {
		e := cttest.Sample(name, paymentsQA, at.Add(time.Duration(i)*2*time.Minute))
		if e.Key != "" && !strings.HasPrefix(cttest.KeyRegion(e.Destination), "us-west") {
			e.Key = plantedKey(paymentsQA, "us-east-1", "parade "+name)
		}
		e.Context = nil
		if name == "Encrypt" {
			e.Context = cttest.Pairs("Ünïcode \"key\"", "<b>bold</b> & 'quoted' 日本 🔑")
		}
		e.Version = versions[i%len(versions)]
		p.put(e)
		p.ofParade(e)
	}
	var failed []cttest.Event
	for i, name := range cttest.Failures() {
		if strings.HasPrefix(name, "pending_") && !strings.HasPrefix(name, "pending_import") || name == "throttled" {
			continue
		}
		e := cttest.Sample("Decrypt", paymentsQA, at.Add(3*time.Hour+time.Duration(i)*time.Minute))
		e.Key, e.Context, e.Failure = plantedKey(paymentsQA, "us-east-1", "failures"), nil, name
		p.put(e)
		failed = append(failed, e)
	}
	p.ofFailures(failed)
}

// callers has every type of userIdentity.
func (p *plan) callers() {
	at := p.at(4, "12:00:00")
	for i, id := range cttest.Identities(paymentsQA) {
		if id.Type == "" {
			continue
		}
		p.put(cttest.Event{
			Time: at.Add(time.Duration(i) * time.Minute), Name: "Decrypt", Caller: id,
			Key: plantedKey(paymentsQA, "us-east-1", "callers"), Recipient: paymentsQA,
		})
	}
}

// shapes are records that look unlike the rest.
func (p *plan) shapes() {
	at := p.at(5, "12:00:00")
	key := plantedKey(paymentsQA, "us-east-1", "shapes")
	app := role(paymentsQA, "app")
	base := cttest.Event{Time: at, Name: "Decrypt", Key: key, Caller: app}

	agent := base
	agent.Agent = `<script>alert("agent")</script>`
	p.put(agent)
	enclave := base
	enclave.ImageDigest = cttest.HexID(64, "image")
	p.put(enclave)
	store := base
	store.Name, store.Store, store.Material = "Encrypt", "cks-1234567890abcdef0", "-"
	p.put(store)
	unknown := base
	unknown.Name = "FrobnicateKey"
	p.put(unknown)
	alias := base
	alias.Name, alias.KeyRef = "GenerateDataKey", "alias/shapes"
	p.put(alias)
	console := base
	console.Name, console.Console, console.Caller = "DescribeKey", true, cttest.ConsoleUser(paymentsQA, "bob", true)
	p.put(console)
	dry := base
	dry.DryRun = true
	p.put(dry)
	for i := range 5 {
		call := base
		call.Time = at.Add(time.Duration(i) * time.Hour)
		call.VPCEndpoint, call.VPCEndpointAccount = "vpce-0123456789abcdef0", paymentsQA
		call.ID = p.id()
		p.put(call)
		shadow := cttest.Network(call, paymentsQA)
		shadow.ID, shadow.Region = p.id(), "us-east-1"
		p.put(shadow)
	}
	mrk := cttest.Sample("UpdatePrimaryRegion", paymentsQA, at.Add(time.Hour))
	mrk.Caller.InvokedBy, mrk.Resources, mrk.Region = "kms.amazonaws.com", "-", "us-west-2"
	p.put(mrk)
	p.reduced(at)
}

// reduced is a record with few members, as some exports have them.
func (p *plan) reduced(at time.Time) {
	raw := fmt.Sprintf(`{"eventTime":%q,"eventID":%q,"eventSource":"kms.amazonaws.com","eventName":"ListAliases","requestParameters":{"limit":100},"responseElements":null,"errorCode":null,"errorMessage":null,"userAgent":"aws-cli/2.19.4","awsRegion":"us-east-1"}`,
		at.UTC().Format(time.RFC3339), p.id())
	p.raw(place{paymentsQA, "us-east-1"}, at, raw, item{kms: true, name: "ListAliases", anonymous: true})
}

// raw plants a record that no event makes; it is given what the generator
// counts by.
func (p *plan) raw(where place, at time.Time, raw string, it item) {
	it.deliver, it.at = p.delivery(at), at.Unix()
	p.planted[where] = append(p.planted[where], plant{raw: []byte(raw), item: it})
}

// lateAndRepeated: late deliveries, corrections, and records delivered twice.
func (p *plan) lateAndRepeated() {
	key := plantedKey(shared, "eu-west-1", "late")
	e := cttest.Event{Name: "Decrypt", Key: key, Caller: role(shared, "worker")}
	for i := range 3 {
		e.Time = p.at(11, "20:00:00").Add(time.Duration(i) * time.Minute)
		e.ID, e.Extra = p.id(), `"addendum":{"reason":"DELIVERY_DELAY"}`
		p.put(e).item.deliver += 30 * 60
	}
	e.Extra, e.Time, e.ID = "", p.at(12, "20:00:00"), p.id()
	wrong := p.put(e)
	wrong.item.superseded = true
	corrected := e
	corrected.ID, corrected.IP = p.id(), "203.0.113.77"
	corrected.Extra = `"addendum":{"reason":"UPDATED_DATA","updatedFields":"sourceIPAddress","originalRequestID":"` + cttest.UUID("original") + `","originalEventID":"` + e.ID + `"}`
	p.put(corrected).item.deliver += 26 * 60

	for i := range 6 {
		e := cttest.Event{Time: p.at(16, "06:00:00").Add(time.Duration(i) * time.Hour), Name: "GenerateDataKey", Key: key, Caller: role(shared, "worker")}
		p.put(e).times = 1 + i%2
	}
}

// broken are records that end in quarantine.
func (p *plan) broken() {
	key := plantedKey(backup, "us-east-1", "broken")
	e := cttest.Event{Time: p.at(13, "06:00:00"), Name: "Decrypt", Key: key, Caller: role(backup, "restore"), ID: "-"}
	p.put(e).item.quarantine = "no_event_id"

	e.ID = p.id()
	p.put(e)
	e.IP = "198.51.100.99" // same id, other content
	forged := p.put(e)
	forged.item.quarantine = "conflicting_duplicate"
	forged.item.deliver += 45
}

// trailChanges: in one account KMS records are left out from day 20 on.
func (p *plan) trailChanges() {
	admin := cttest.SSORole(webDev, "Admin", "mallory@example.com")
	p.put(cttest.PutEventSelectors(p.at(20, "10:00:00"), admin, "eu-central-1", true))
	p.put(cttest.UpdateTrail(p.at(2, "10:00:00"), cttest.SSORole(logArchive, "Admin", "ann@example.com"), "us-east-1",
		keysOf(logArchive, "us-east-1").trail))
}
