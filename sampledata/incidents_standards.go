package sampledata

import (
	"time"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

const (
	idAliasNaming   = "alias_naming"
	idUndescribed   = "key_without_alias_or_description"
	idOutside       = "key_outside_standard"
	idUnexpected    = "unexpected_key_for_service"
	idBetweenStages = "key_shared_by_environments"
)

// standards plants what is not as the standards of the sample's configuration
// ask.
func (p *plan) standards() {
	p.aliasNames()
	p.newKeys()
	p.expectedKeys()
	p.environments()
}

func (p *plan) aliasNames() {
	admin := role(analytics, "notebook-admin")
	p.found("alias-misnamed", idAliasNaming, cttest.Event{
		Time: p.at(7, "11:00:00"), Name: "CreateAlias", Key: plantedKey(analytics, "us-west-2", "model"),
		Region: "us-west-2", Alias: "alias/analytics/model_key/v2", Caller: admin,
	}, "an alias is made with a name of one's own")
	fits := cttest.Event{
		Time: p.at(7, "11:05:00"), Name: "CreateAlias", Key: plantedKey(analytics, "us-west-2", "features"),
		Region: "us-west-2", Alias: "alias/acme/sagemaker-internal", Caller: role(analytics, "terraform"),
	}
	p.put(fits)
	p.nearMiss(NearMiss{"alias-of-preset", idAliasNaming, analytics, "us-west-2", fits.Key, principalOf(fits.Caller), "the name is alias/<org>/<service>-<dataclass>, with a class that is listed"})
}

// newKeys: one without a description, one of a spec that is not approved.
func (p *plan) newKeys() {
	create := cttest.Event{
		Time: p.at(10, "13:00:00"), Name: "CreateKey", Key: plantedKey(webDev, "eu-west-1", "undescribed"), Region: "eu-west-1",
		Caller: role(webDev, "prototype"), Policy: "{}", Tags: cttest.Pairs("owner", "web-dev"), Description: "-",
	}
	p.found("key-undescribed", idUndescribed, create, "a week after a key was made it has no description")
	late := create
	late.Time, late.Key, late.Caller = p.at(10, "14:00:00"), plantedKey(webDev, "eu-west-1", "described"), role(webDev, "terraform")
	p.put(late)
	p.put(cttest.Event{Time: p.at(15, "14:00:00"), Name: "UpdateKeyDescription", Key: late.Key, Region: "eu-west-1", Caller: late.Caller})
	p.nearMiss(NearMiss{"key-described-in-time", idUndescribed, webDev, "eu-west-1", late.Key, principalOf(late.Caller), "the description came within the week"})

	create.Description = ""
	small := create
	small.Time, small.Key, small.Caller = p.at(11, "10:00:00"), plantedKey(webDev, "eu-west-1", "small"), role(webDev, "signer-setup")
	small.Spec, small.Usage = "RSA_2048", "SIGN_VERIFY"
	p.found("key-of-small-spec", idOutside, small, "a signing key is made that is shorter than approved")
	large := small
	large.Time, large.Key, large.Caller, large.Spec = p.at(11, "10:30:00"), plantedKey(webDev, "eu-west-1", "large"), role(webDev, "terraform"), "RSA_4096"
	p.put(large)
	p.nearMiss(NearMiss{"key-of-approved-spec", idOutside, webDev, "eu-west-1", large.Key, principalOf(large.Caller), "the spec is approved"})
}

// expectedKeys: S3 of payments-prod should encrypt under alias/objects.
func (p *plan) expectedKeys() {
	key := plantedKey(payments, "us-east-1", "customer-data")
	f := p.finding(Finding{
		Scenario: "key-unexpected", DetectorID: idUnexpected, AccountID: payments, Region: "us-east-1",
		KeyARN: key, PrincipalARN: roleARN(payments, "statement-writer"),
		What: "S3 encrypts under a key that is for something else",
	})
	e := cttest.Via(cttest.Event{Name: "GenerateDataKey", Key: key, Caller: role(payments, "statement-writer")}, "s3", "statements/2026/10.csv")
	p.series(f, e, p.at(16, "09:00:00"), 3, time.Hour)

	key = plantedKey(payments, "us-east-1", "invoices")
	e = cttest.Via(cttest.Event{Name: "Decrypt", Key: key, Caller: role(payments, "archive-reader")}, "s3", "invoices-archive/2024.csv")
	p.series(nil, e, p.at(16, "10:00:00"), 2, time.Hour)
	p.nearMiss(NearMiss{"key-unexpected-read", idUnexpected, payments, "us-east-1", key, roleARN(payments, "archive-reader"), "what is there already is only read"})
}

// environments: a test runs in the account of production.
func (p *plan) environments() {
	key := plantedKey(webProd, "eu-west-1", "checkout-tokens")
	f := p.finding(Finding{
		Scenario: "key-of-two-environments", DetectorID: idBetweenStages, AccountID: webProd, Region: "eu-west-1", KeyARN: key,
		What: "on one day a key is used from production and from test",
	})
	p.series(f, cttest.Event{Name: "Encrypt", Key: key, Caller: role(webProd, "checkout")}, p.at(18, "09:00:00"), 2, time.Hour)
	p.series(f, cttest.Event{Name: "Decrypt", Key: key, Caller: role(webProd, "test-runner")}, p.at(18, "15:00:00"), 2, time.Minute)

	key = plantedKey(webProd, "eu-west-1", "cart-tokens")
	p.series(nil, cttest.Event{Name: "Encrypt", Key: key, Caller: role(webProd, "cart")}, p.at(18, "09:00:00"), 2, time.Hour)
	p.series(nil, cttest.Event{Name: "Decrypt", Key: key, Caller: role(webProd, "load-test")}, p.at(18, "15:00:00"), 2, time.Minute)
	p.nearMiss(NearMiss{"key-of-one-environment", idBetweenStages, webProd, "eu-west-1", key, "", "the role's name only looks like one of test"})
}
