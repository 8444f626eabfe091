package sampledata

import (
	"time"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

func (p *plan) contexts() {
	p.contextRetagged()
	p.contextRequired()
	p.contextResource()
	p.contextOneOf()
	p.contextNearMisses()
}

// contextRetagged: the key's tag changes, its user does not follow.
func (p *plan) contextRetagged() {
	key := plantedKey(webProd, "us-east-1", "tenant-blue")
	terraform := role(webProd, "terraform")
	p.put(cttest.Event{
		Time: p.at(2, "08:00:00"), Name: "CreateKey", Key: key, Caller: terraform, Policy: cttest.KeyPolicy(webProd),
		Tags: cttest.Pairs("tenant", "blue", "environment", "prod"),
	})
	p.put(cttest.Event{Time: p.at(2, "08:00:02"), Name: "CreateAlias", Key: key, Caller: terraform, Alias: "alias/tenant-blue"})
	e := cttest.Event{Name: "Decrypt", Key: key, Caller: role(webProd, "api"), Context: cttest.Pairs("tenant", "blue")}
	p.series(nil, e, p.at(3, "08:00:00"), 10, 13*time.Hour)

	retagged := p.at(12, "09:00:00")
	p.series(nil, e, retagged.Add(-time.Second), 1, 0)
	p.put(cttest.Event{Time: retagged, Name: "TagResource", Key: key, Caller: terraform, Tags: cttest.Pairs("tenant", "green")})
	green := e
	green.Caller, green.Context = role(webProd, "api-green"), cttest.Pairs("tenant", "green")
	p.series(nil, green, retagged, 3, time.Minute)
	p.nearMiss(NearMiss{"context-retagged-in-time", idContext, webProd, "us-east-1", key, roleARN(webProd, "api-green"), "this caller changed in the same second as the tag"})

	f := p.finding(Finding{
		Scenario: "context-retagged", DetectorID: idContext, AccountID: webProd, Region: "us-east-1",
		KeyARN: key, PrincipalARN: roleARN(webProd, "api"),
		What: "after the key's tag tenant became green, this caller still says blue; its calls before were right",
	})
	p.series(f, e, retagged.Add(time.Hour), 5, 2*time.Hour)
}

// contextRequired: keys with an alias alias/tenant-* want a tenant.
func (p *plan) contextRequired() {
	key := plantedKey(webProd, "eu-west-1", "tenant-red")
	terraform := role(webProd, "terraform")
	p.put(cttest.Event{Time: p.at(1, "03:00:00"), Name: "CreateAlias", Key: key, Caller: terraform, Alias: "alias/tenant-red"})
	p.put(cttest.Event{Time: p.at(1, "03:00:04"), Name: "TagResource", Key: key, Caller: terraform, Tags: cttest.Pairs("tenant", "red")})
	good := cttest.Event{Name: "Encrypt", Key: key, Caller: role(webProd, "importer-red"), Context: cttest.Pairs("Tenant", "Red")}
	p.series(nil, good, p.at(8, "04:00:00"), 4, time.Hour)
	p.nearMiss(NearMiss{"context-case", idContext, webProd, "eu-west-1", key, roleARN(webProd, "importer-red"), "Tenant=Red and tenant=red differ in case only"})

	f := p.finding(Finding{
		Scenario: "context-required", DetectorID: idContext, AccountID: webProd, Region: "eu-west-1",
		KeyARN: key, PrincipalARN: roleARN(webProd, "importer"),
		What: "the context lacks the tenant that keys with alias/tenant-* require; once there is no context at all",
	})
	bad := cttest.Event{Name: "Encrypt", Key: key, Caller: role(webProd, "importer"), Context: cttest.Pairs("purpose", "import")}
	p.series(f, bad, p.at(24, "04:00:00"), 3, time.Hour)
	bad.Name, bad.Context = "GenerateDataKey", nil
	p.series(f, bad, p.at(24, "08:00:00"), 1, 0)
}

// contextResource: the resource in the context has another tag value than the
// key.
func (p *plan) contextResource() {
	key := plantedKey(payments, "eu-central-1", "reports")
	admin := cttest.SSORole(payments, "Admin", "ann@example.com")
	const bucket = "payments-reports-eu"
	p.put(cttest.Event{Time: p.at(1, "03:30:00"), Name: "TagResource", Key: key, Caller: role(payments, "terraform"), Tags: cttest.Pairs("team", "payments")})
	tagging := cttest.PutBucketTagging(p.at(1, "03:31:00"), admin, "eu-central-1", bucket, cttest.Pairs("team", "Payments", "lifecycle", "365d"))
	p.put(tagging)
	read := cttest.Via(cttest.Event{Name: "Decrypt", Key: key, Caller: role(payments, "reporter")}, "s3", bucket+"/2026/q3.parquet")
	p.series(nil, read, p.at(3, "05:00:00"), 3, 12*time.Hour)

	p.put(cttest.PutBucketTagging(p.at(6, "10:00:00"), admin, "eu-central-1", bucket, cttest.Pairs("team", "marketing", "lifecycle", "365d")))
	f := p.finding(Finding{
		Scenario: "context-bucket", DetectorID: idContext, AccountID: payments, Region: "eu-central-1",
		KeyARN: key, PrincipalARN: roleARN(payments, "reporter"),
		What: "the bucket in the context was given the tag team=marketing, the key says team=payments",
	})
	p.series(f, read, p.at(7, "05:00:00"), 4, 12*time.Hour)
	p.put(cttest.PutBucketTagging(p.at(10, "10:00:00"), admin, "eu-central-1", bucket, cttest.Pairs("team", "payments")))
	after := read
	after.Caller = role(payments, "reporter-late")
	after.Caller.InvokedBy = "AWS Internal"
	p.series(nil, after, p.at(11, "05:00:00"), 3, 12*time.Hour)
	p.nearMiss(NearMiss{"context-bucket-fixed", idContext, payments, "eu-central-1", key, roleARN(payments, "reporter-late"), "the bucket's tag was put right before these calls"})

	key = plantedKey(dataPlat, "us-east-1", "secrets")
	secret := cttest.SecretARN(dataPlat, "us-east-1", "warehouse/password")
	p.put(cttest.Event{Time: p.at(1, "03:40:00"), Name: "TagResource", Key: key, Caller: role(dataPlat, "terraform"), Tags: cttest.Pairs("data-class", "confidential")})
	p.put(cttest.TagSecret(p.at(9, "07:00:00"), role(dataPlat, "terraform"), "us-east-1", secret, cttest.Pairs("data-class", "public")))
	f = p.finding(Finding{
		Scenario: "context-secret", DetectorID: idContext, AccountID: dataPlat, Region: "us-east-1",
		KeyARN: key, PrincipalARN: roleARN(dataPlat, "loader"),
		What: "the secret in the context is tagged data-class=public, its key data-class=confidential",
	})
	load := cttest.Via(cttest.Event{Name: "Decrypt", Key: key, Caller: role(dataPlat, "loader")}, "secretsmanager", secret)
	p.series(f, load, p.at(9, "08:00:00"), 3, 6*time.Hour)
}

// contextOneOf: the key's tag lists the tenants that may use it.
func (p *plan) contextOneOf() {
	key := plantedKey(analytics, "us-east-1", "multi-tenant")
	p.put(cttest.Event{Time: p.at(1, "03:50:00"), Name: "TagResource", Key: key, Caller: role(analytics, "terraform"), Tags: cttest.Pairs("allowed-tenants", "blue,green")})
	e := cttest.Event{Name: "Decrypt", Key: key, Caller: role(analytics, "query"), Context: cttest.Pairs("tenant", "green")}
	p.series(nil, e, p.at(5, "09:00:00"), 3, time.Hour)
	p.nearMiss(NearMiss{"context-one-of", idContext, analytics, "us-east-1", key, roleARN(analytics, "query"), "green is one of blue,green"})
	f := p.finding(Finding{
		Scenario: "context-one-of", DetectorID: idContext, AccountID: analytics, Region: "us-east-1",
		KeyARN: key, PrincipalARN: roleARN(analytics, "adhoc"),
		What: "tenant red is not in the key's tag allowed-tenants=blue,green",
	})
	e.Caller, e.Context = role(analytics, "adhoc"), cttest.Pairs("tenant", "red")
	p.series(f, e, p.at(25, "17:00:00"), 2, time.Hour)
}

func (p *plan) contextNearMisses() {
	key := plantedKey(webProd, "us-west-2", "shouting")
	p.put(cttest.Event{Time: p.at(1, "04:00:00"), Name: "TagResource", Key: key, Caller: role(webProd, "terraform"), Tags: cttest.Pairs("Department", "FINANCE")})
	e := cttest.Event{Name: "Decrypt", Key: key, Caller: role(webProd, "ledger"), Context: cttest.Pairs("department", "finance")}
	p.series(nil, e, p.at(4, "11:00:00"), 4, time.Hour)
	p.nearMiss(NearMiss{"context-case-tag", idContext, webProd, "us-west-2", key, roleARN(webProd, "ledger"), "Department=FINANCE and department=finance differ in case only"})

	key = plantedKey(shared, "eu-west-1", "untagged")
	terraform := role(shared, "terraform")
	p.put(cttest.Event{Time: p.at(1, "04:10:00"), Name: "TagResource", Key: key, Caller: terraform, Tags: cttest.Pairs("stage", "prod")})
	p.put(cttest.Event{Time: p.at(5, "04:10:00"), Name: "UntagResource", Key: key, Caller: terraform, TagKeys: []string{"stage"}})
	e = cttest.Event{Name: "Decrypt", Key: key, Caller: role(shared, "tester"), Context: cttest.Pairs("stage", "test")}
	p.series(nil, e, p.at(6, "11:00:00"), 3, time.Hour)
	p.nearMiss(NearMiss{"context-untagged", idContext, shared, "eu-west-1", key, roleARN(shared, "tester"), "the tag was removed before these calls"})
}

func (p *plan) rates() {
	p.rateThrottled()
	p.rateOverride()
	p.rateNearMisses()
	if !p.cfg.small() {
		p.rateGrants()
		p.rateCaller()
	}
}

// second plants n calls within one second.
func (p *plan) second(f *Finding, e cttest.Event, at time.Time, n int) {
	for range n {
		e.Time = at
		p.call(e)
		f.hit(at)
	}
}

// rateThrottled: RSA data key pairs, 20 a second.
func (p *plan) rateThrottled() {
	key := plantedKey(backup, "us-west-2", "pairs")
	f := p.finding(Finding{
		Scenario: "rate-key-pairs", DetectorID: idRate, AccountID: backup, Region: "us-west-2",
		KeyARN: key, PrincipalARN: roleARN(backup, "pair-maker"),
		What: "21 GenerateDataKeyPair RSA_2048 in a second against a quota of 20, three of them throttled",
	})
	e := cttest.Event{Name: "GenerateDataKeyPair", Spec: "RSA_2048", Key: key, Caller: role(backup, "pair-maker")}
	at := p.at(20, "00:30:00")
	p.second(f, e, at, 18)
	e.Failure = "throttled"
	p.second(f, e, at, 3)
}

// rateOverride: the configuration gives analytics a quota of 10 a second.
func (p *plan) rateOverride() {
	key := plantedKey(analytics, "eu-central-1", "stream")
	f := p.finding(Finding{
		Scenario: "rate-override", DetectorID: idRate, AccountID: analytics, Region: "eu-central-1",
		KeyARN: key, PrincipalARN: roleARN(analytics, "stream"),
		What: "9 and 8 symmetric operations a second against an overridden quota of 10",
	})
	e := cttest.Event{Name: "Decrypt", Key: key, Caller: role(analytics, "stream"), Context: cttest.Pairs("stream", "clicks")}
	at := p.at(26, "00:40:00")
	p.second(f, e, at, 9)
	p.second(f, e, at.Add(time.Second), 8)
}

// rateGrants: CreateGrant, 50 a second.
func (p *plan) rateGrants() {
	key := plantedKey(dataPlat, "us-east-1", "emr")
	f := p.finding(Finding{
		Scenario: "rate-grants", DetectorID: idRate, AccountID: dataPlat, Region: "us-east-1",
		KeyARN: key, PrincipalARN: roleARN(dataPlat, "emr"),
		What: "45, 48 and 44 CreateGrant a second against a quota of 50",
	})
	e := cttest.Event{
		Name: "CreateGrant", Key: key, Caller: role(dataPlat, "emr"),
		Grantee: roleARN(dataPlat, "emr-worker"), Operations: []string{"Decrypt"},
	}
	at := p.at(14, "03:00:00")
	for i, n := range []int{45, 48, 44} {
		p.second(f, e, at.Add(time.Duration(i)*time.Second), n)
	}
}

// rateCaller: ListGrants, 100 a second, on another account's keys. The caller
// pays.
func (p *plan) rateCaller() {
	key := plantedKey(payments, "eu-west-1", "scanned")
	f := p.finding(Finding{
		Scenario: "rate-caller", DetectorID: idRate, AccountID: security, Region: "eu-west-1",
		KeyARN: key, PrincipalARN: roleARN(security, "grant-scanner"),
		What: "90 and 93 ListGrants a second on a key of another account, against the caller's quota of 100",
	})
	e := cttest.Event{Name: "ListGrants", Key: key, Caller: role(security, "grant-scanner")}
	at := p.at(27, "00:50:00")
	p.second(f, e, at, 90)
	p.second(f, e, at.Add(time.Second), 93)
	p.nearMiss(NearMiss{"rate-owner", idRate, payments, "eu-west-1", "", "", "the calls on this account's key are charged to their caller"})
}

func (p *plan) rateNearMisses() {
	pairs := cttest.Event{Name: "GenerateDataKeyPair", Spec: "RSA_2048", Key: plantedKey(shared, "us-west-2", "twice"), Caller: role(shared, "pair-maker")}
	for range 10 {
		pairs.Time = p.at(20, "01:30:00")
		for _, pl := range p.call(pairs) {
			pl.times = 1
		}
		n := cttest.Network(pairs, shared)
		n.ID, n.Region = p.id(), "us-west-2"
		p.put(n)
	}
	p.nearMiss(NearMiss{"rate-twice", idRate, shared, "us-west-2", "", "", "10 calls a second against a quota of 20, delivered twice and shadowed by NetworkActivity records"})

	pairs = cttest.Event{Name: "GenerateDataKeyPair", Spec: "RSA_2048", Key: plantedKey(backup, "eu-central-1", "below"), Caller: role(backup, "pair-maker")}
	p.second(nil, pairs, p.at(21, "01:30:00"), 15)
	p.nearMiss(NearMiss{"rate-below", idRate, backup, "eu-central-1", "", "", "15 calls a second against a quota of 20 are 75 percent"})
	if p.cfg.small() {
		return
	}
	e := cttest.Event{Name: "ListGrants", Key: plantedKey(backup, "eu-west-1", "listed"), Caller: role(backup, "scan")}
	p.second(nil, e, p.at(22, "01:30:00"), 79)
	p.nearMiss(NearMiss{"rate-79", idRate, backup, "eu-west-1", "", "", "79 calls a second against a quota of 100"})
	grant := cttest.Event{
		Name: "CreateGrant", Key: plantedKey(webDev, "us-east-1", "granted"), Caller: role(webDev, "granter"),
		Grantee: roleARN(webDev, "worker"), Operations: []string{"Decrypt"},
	}
	for range 25 {
		grant.Time = p.at(23, "01:30:00")
		for _, pl := range p.call(grant) {
			pl.times = 1
		}
	}
	p.nearMiss(NearMiss{"rate-grants-twice", idRate, webDev, "us-east-1", "", "", "25 calls a second against a quota of 50, delivered twice"})
}
