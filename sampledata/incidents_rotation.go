package sampledata

import (
	"time"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

const idRotation = "rotation_overdue"

// rotationPolicy plants keys of the two classes that rotation_policy of the
// sample's configuration names: ledger, of which automatic rotation is asked, and
// sessions, which get a new key every seven days.
func (p *plan) rotationPolicy() {
	p.rotationOff()
	p.rollovers()
}

// make plants a key with what infrastructure code gives it.
func (p *plan) make(name, class string, at time.Time, e cttest.Event) string {
	e.Time, e.Name, e.Key, e.Caller = at, "CreateKey", plantedKey(dataPlat, "us-east-1", name), role(dataPlat, "terraform")
	e.Policy, e.Tags = "{}", cttest.Pairs("owner", "data-platform", "data-class", class)
	p.put(e)
	return e.Key
}

// held is a finding of rotation_overdue: from a moment to the end of a day.
func (p *plan) held(f Finding, from time.Time, until int) {
	f.DetectorID, f.AccountID, f.Region = idRotation, dataPlat, "us-east-1"
	f.FirstSeen, f.LastSeen, f.EventCount = from, p.at(until, "23:59:59"), 1
	p.finding(f)
}

func (p *plan) rotationOff() {
	terraform := role(dataPlat, "terraform")
	made := p.at(5, "08:00:00")
	key := p.make("ledger-entries", "ledger", made, cttest.Event{})
	p.series(nil, cttest.Event{Name: "GenerateDataKey", Key: key, Caller: role(dataPlat, "bookkeeper")}, p.at(5, "12:00:00"), 5, 24*time.Hour)
	p.put(cttest.Event{Time: p.at(9, "08:00:00"), Name: "EnableKeyRotation", Key: key, Days: 180, Caller: terraform})
	p.held(Finding{
		Scenario: "rotation-never-enabled", KeyARN: key, PrincipalARN: principalOf(terraform),
		What: "a key of a class that asks for automatic rotation has none for four days; it is found from the second on",
	}, made.Add(24*time.Hour), 8)

	key = p.make("ledger-archive", "ledger", made.Add(time.Minute), cttest.Event{})
	p.put(cttest.Event{Time: made.Add(time.Minute + time.Second), Name: "EnableKeyRotation", Key: key, Days: 180, Caller: terraform})
	p.nearMiss(NearMiss{"rotation-enabled", idRotation, dataPlat, "us-east-1", key, principalOf(terraform), "rotation is enabled in the second after the creation"})
	key = p.make("ledger-checksums", "ledger", made.Add(2*time.Minute), cttest.Event{Spec: "HMAC_256", Usage: "GENERATE_VERIFY_MAC"})
	p.nearMiss(NearMiss{"rotation-hmac", idRotation, dataPlat, "us-east-1", key, principalOf(terraform), "KMS rotates no HMAC keys"})
	key = p.make("notes", "internal", made.Add(3*time.Minute), cttest.Event{})
	p.nearMiss(NearMiss{"rotation-other-class", idRotation, dataPlat, "us-east-1", key, principalOf(terraform), "no policy is for this class"})
	p.nearMiss(NearMiss{
		"rotation-of-unknown-key", idRotation, webProd, "us-east-1", plantedKey(webProd, "us-east-1", "prices"), principalOf(cttest.SSORole(webProd, "Admin", "mallory@example.com")),
		"rotation is off, but the key was created before the logs begin: of what class it is nobody knows",
	})
}

func (p *plan) rollovers() {
	terraform := role(dataPlat, "terraform")
	made := p.at(1, "05:00:00")
	old := p.make("visits-september", "sessions", made, cttest.Event{})
	p.put(cttest.Event{Time: made.Add(time.Second), Name: "CreateAlias", Key: old, Alias: "alias/visits", Caller: terraform})
	visits := cttest.Event{Name: "GenerateDataKey", Key: old, KeyRef: "alias/visits", Caller: role(dataPlat, "visits-api")}
	p.series(nil, visits, p.at(14, "12:00:00"), 4, 24*time.Hour)
	p.held(Finding{
		Scenario: "rollover-late", KeyARN: old,
		What: "a class that gets a new key every seven days, seven days late let pass: the alias moves after sixteen",
	}, made.AddDate(0, 0, 14), 16)
	next := p.make("visits-october", "sessions", p.at(17, "13:00:00"), cttest.Event{})
	p.found("alias-late-rollover", idAliasRetargeted, cttest.Event{Time: p.at(17, "13:00:05"), Name: "UpdateAlias", Key: next, Alias: "alias/visits", Caller: terraform},
		"the rollover that was late")
	visits.Key = next
	p.series(nil, visits, p.at(18, "12:00:00"), 3, 24*time.Hour)
	p.series(nil, cttest.Event{Name: "GenerateDataKey", Key: old, KeyRef: old, Caller: role(dataPlat, "visits-export")}, p.at(18, "03:00:00"), 3, 24*time.Hour)
	p.nearMiss(NearMiss{"rollover-young", idRotation, dataPlat, "us-east-1", next, "", "the key is thirteen days old when the logs end"})
}
