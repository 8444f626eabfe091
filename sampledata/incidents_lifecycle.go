package sampledata

import (
	"slices"
	"time"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

const (
	idScheduled        = "key_deletion_scheduled"
	idDisabled         = "key_disabled"
	idUnavailable      = "unavailable_key_use"
	idMaterialDeleted  = "imported_key_material_deleted"
	idMaterialExpired  = "imported_key_material_expired"
	idMaterialExpiring = "imported_key_material_expiring"
	idStore            = "custom_key_store_disconnected"
	idAliasDeleted     = "alias_deleted"
	idAliasRetargeted  = "alias_retargeted"
	idRotationDisabled = "key_rotation_disabled"
)

// lifecycle plants what happens to keys and aliases themselves. What other
// incidents plant beside their own story is found as well: see found.
func (p *plan) lifecycle() {
	p.deletions()
	p.disablings()
	p.materials()
	p.stores()
	p.aliases()
	p.rotations()
	p.rotationPolicy()
}

// found plants a record that is a finding of its own.
func (p *plan) found(scenario, detector string, e cttest.Event, what string) {
	p.put(e)
	p.noticed(scenario, detector, e, what)
}

// noticed says that a record planted elsewhere is a finding too.
func (p *plan) noticed(scenario, detector string, e cttest.Event, what string) {
	f := Finding{
		Scenario: scenario, DetectorID: detector, AccountID: e.Caller.Account, Region: e.Region,
		KeyARN: e.Key, PrincipalARN: principalOf(e.Caller), What: what,
	}
	if e.Key != "" {
		f.AccountID, f.Region = cttest.KeyAccount(e.Key), cttest.KeyRegion(e.Key)
	}
	p.finding(f).hit(e.Time)
}

// principalOf is the ARN that callers are grouped by: of a session its role's.
func principalOf(c cttest.Identity) string {
	if c.Issuer != nil {
		return c.Issuer.ARN
	}
	return c.ARN
}

// ofParade says what the parade of all operations has for the detectors of
// lifecycle.
func (p *plan) ofParade(e cttest.Event) {
	detector := map[string]string{
		"ScheduleKeyDeletion": idScheduled, "DisableKey": idDisabled, "DisableKeyRotation": idRotationDisabled,
		"DeleteImportedKeyMaterial": idMaterialDeleted, "DeleteExpiredKeyMaterial": idMaterialExpired,
		"DisconnectCustomKeyStore": idStore, "UpdateAlias": idAliasRetargeted,
	}[e.Name]
	if detector != "" {
		p.noticed("parade-"+e.Name, detector, e, "one of every operation: "+e.Name+" is among them")
	}
}

// ofFailures says which of the parade's failures are those of a key that is
// not to be used.
func (p *plan) ofFailures(failures []cttest.Event) {
	var f *Finding
	for _, e := range failures {
		if !slices.Contains([]string{"disabled", "pending_import", "pending_import_old", "unavailable"}, e.Failure) {
			continue
		}
		if f == nil {
			f = p.finding(Finding{
				Scenario: "parade-failures", DetectorID: idUnavailable, AccountID: cttest.KeyAccount(e.Key), Region: cttest.KeyRegion(e.Key),
				KeyARN: e.Key, PrincipalARN: principalOf(e.Caller),
				What: "one of every error: disabled, pending import in both texts, and unavailable are among them",
			})
		}
		f.hit(e.Time)
	}
}

func (p *plan) deletions() {
	admin := cttest.SSORole(payments, "Admin", "ann@example.com")
	key := plantedKey(payments, "us-east-1", "retired")
	p.series(nil, cttest.Event{Name: "Decrypt", Key: key, Caller: role(payments, "report")}, p.at(1, "08:00:00"), 3, time.Hour)
	p.found("disabled-retired", idDisabled, cttest.Event{Time: p.at(2, "10:00:00"), Name: "DisableKey", Key: key, Caller: admin},
		"a key used the day before is disabled, the first step of retiring it")
	p.found("deletion-soaked", idScheduled, cttest.Event{Time: p.at(17, "10:00:00"), Name: "ScheduleKeyDeletion", Key: key, Caller: admin, Days: 30},
		"the same key is scheduled for deletion after fifteen days in which nobody missed it")

	terraform := role(dataPlat, "terraform")
	key = plantedKey(dataPlat, "us-east-1", "preview")
	p.put(cttest.Event{Time: p.at(12, "16:00:00"), Name: "DeleteAlias", Key: key, Alias: "alias/preview", Caller: terraform})
	p.put(cttest.Event{Time: p.at(12, "16:00:01"), Name: "DisableKeyRotation", Key: key, Caller: terraform})
	p.put(cttest.Event{Time: p.at(12, "16:00:02"), Name: "DisableKey", Key: key, Caller: terraform})
	p.found("deletion-by-code", idScheduled, cttest.Event{Time: p.at(12, "16:00:03"), Name: "ScheduleKeyDeletion", Key: key, Caller: terraform, Days: 7},
		"infrastructure code takes a key down: four changes, one finding")
	for _, m := range []struct{ id, why string }{
		{idAliasDeleted, "the alias goes with its key"},
		{idDisabled, "the key is scheduled for deletion on the same day"},
		{idRotationDisabled, "the key is scheduled for deletion on the same day"},
	} {
		p.nearMiss(NearMiss{m.id + "-by-code", m.id, dataPlat, "us-east-1", key, roleARN(dataPlat, "terraform"), m.why})
	}
	p.nearMiss(NearMiss{
		"deletion-denied", idScheduled, webProd, "eu-west-1", plantedKey(webProd, "eu-west-1", "denied-schedule"),
		"arn:aws:iam::" + webProd + ":user/intern", "the scheduling was denied",
	})
}

func (p *plan) disablings() {
	admin := cttest.SSORole(payments, "Admin", "ann@example.com")
	key := plantedKey(payments, "us-east-1", "receipts")
	api := cttest.Via(cttest.Event{Name: "Decrypt", Key: key, Caller: role(payments, "receipts-api")}, "s3", "receipts/2026/10/17.json")
	p.series(nil, api, p.at(16, "09:00:00"), 3, time.Hour)
	p.found("disabled-in-use", idDisabled, cttest.Event{Time: p.at(16, "12:00:00"), Name: "DisableKey", Key: key, Caller: admin},
		"a key is disabled an hour after its last use")
	f := p.finding(Finding{
		Scenario: "unavailable-receipts", DetectorID: idUnavailable, AccountID: payments, Region: "us-east-1",
		KeyARN: key, PrincipalARN: roleARN(payments, "receipts-api"), What: "the role that used the key goes on and fails",
	})
	api.Failure = "disabled"
	p.series(f, api, p.at(16, "13:00:00"), 4, time.Hour)
	p.put(cttest.Event{Time: p.at(17, "08:00:00"), Name: "EnableKey", Key: key, Caller: admin})
	api.Failure = ""
	p.series(nil, api, p.at(17, "09:00:00"), 2, time.Hour)

	p.nearMiss(NearMiss{
		"unavailable-pending", idUnavailable, payments, "us-east-1", plantedKey(payments, "us-east-1", "orders"),
		"arn:aws:iam::" + payments + ":user/legacy", "DisabledException without message, but the key is pending deletion: pending_deletion_key_use has it",
	})
	key = plantedKey(payments, "us-west-2", "cancelled")
	p.nearMiss(NearMiss{"disabled-enabled", idDisabled, payments, "us-west-2", key, principalOf(admin), "cancelling a deletion leaves the key disabled, and enabling it is no disabling"})
}

func (p *plan) materials() {
	custodian := role(payments, "key-custodian")
	key := plantedKey(payments, "us-east-1", "imported-ledger")
	ledger := cttest.Event{Name: "Decrypt", Key: key, Caller: role(payments, "ledger"), Context: cttest.Pairs("ledger", "2026")}
	p.series(nil, ledger, p.at(11, "08:00:00"), 3, time.Hour)
	p.put(cttest.Event{Time: p.at(11, "09:30:00"), Name: "DeleteImportedKeyMaterial", Key: key, Caller: cttest.IAMUser(payments, "intern"), Failure: "denied"})
	p.nearMiss(NearMiss{"material-denied", idMaterialDeleted, payments, "us-east-1", key, "arn:aws:iam::" + payments + ":user/intern", "deleting the material was denied"})
	p.found("material-deleted", idMaterialDeleted, cttest.Event{Time: p.at(11, "11:00:00"), Name: "DeleteImportedKeyMaterial", Key: key, Caller: custodian},
		"the material of a key in use is deleted")

	key = plantedKey(payments, "us-east-1", "imported-cards")
	cards := cttest.Event{Name: "Decrypt", Key: key, Caller: role(payments, "cards"), Context: cttest.Pairs("card", "vault")}
	p.series(nil, cards, p.at(13, "09:00:00"), 3, time.Hour)
	p.found("material-expired", idMaterialExpired, cttest.Event{Time: p.at(13, "12:00:00"), Name: "DeleteExpiredKeyMaterial", Key: key, Caller: cttest.Internal(payments)},
		"the material of a key in use expires; it was imported before the logs begin")
	f := p.finding(Finding{
		Scenario: "unavailable-cards", DetectorID: idUnavailable, AccountID: payments, Region: "us-east-1",
		KeyARN: key, PrincipalARN: roleARN(payments, "cards"), What: "calls fail because the key waits for its material, in both texts",
	})
	cards.Failure = "pending_import"
	p.series(f, cards, p.at(13, "13:00:00"), 2, time.Hour)
	cards.Failure = "pending_import_old"
	p.series(f, cards, p.at(13, "15:00:00"), 2, time.Hour)

	imported := p.at(2, "11:00:00")
	p.found("material-expiring", idMaterialExpiring, cttest.Event{
		Time: imported, Name: "ImportKeyMaterial", Key: plantedKey(payments, "us-east-1", "imported-tokens"), Caller: custodian, ValidTo: imported.AddDate(0, 0, 45),
	}, "material that lives 45 days; on the fifteenth day thirty are left")
	key = plantedKey(payments, "us-east-1", "imported-renewed")
	p.put(cttest.Event{Time: imported.Add(time.Minute), Name: "ImportKeyMaterial", Key: key, Caller: custodian, ValidTo: imported.AddDate(0, 0, 45)})
	p.put(cttest.Event{Time: imported.AddDate(0, 0, 10), Name: "ImportKeyMaterial", Key: key, Caller: custodian, ValidTo: imported.AddDate(1, 0, 0)})
	p.nearMiss(NearMiss{"material-renewed", idMaterialExpiring, payments, "us-east-1", key, roleARN(payments, "key-custodian"), "the material was imported again for a year before thirty days were left"})
	p.nearMiss(NearMiss{"material-not-expired", idMaterialExpired, payments, "us-east-1", key, "", "the first date passes without effect"})
}

func (p *plan) stores() {
	const store = "cks-0fedcba9876543210"
	admin := cttest.SSORole(dataPlat, "Admin", "eve@example.com")
	key := plantedKey(dataPlat, "us-east-1", "hsm")
	call := cttest.Event{Name: "Decrypt", Key: key, Caller: role(dataPlat, "signer"), Store: store, Material: "-"}
	p.series(nil, call, p.at(13, "09:00:00"), 3, time.Hour)
	p.put(cttest.Event{Time: p.at(13, "11:30:00"), Name: "DisconnectCustomKeyStore", Region: "us-east-1", Store: store, Caller: cttest.IAMUser(dataPlat, "intern"), Failure: "denied"})
	p.nearMiss(NearMiss{"store-denied", idStore, dataPlat, "us-east-1", "", "arn:aws:iam::" + dataPlat + ":user/intern", "disconnecting the store was denied"})
	p.found("store-disconnected", idStore, cttest.Event{Time: p.at(13, "12:00:00"), Name: "DisconnectCustomKeyStore", Region: "us-east-1", Store: store, Caller: admin},
		"the store of a key in use is disconnected until the next day")
	f := p.finding(Finding{
		Scenario: "unavailable-store", DetectorID: idUnavailable, AccountID: dataPlat, Region: "us-east-1",
		KeyARN: key, PrincipalARN: roleARN(dataPlat, "signer"), What: "a key of the store is unavailable",
	})
	call.Failure = "unavailable"
	p.series(f, call, p.at(13, "12:10:00"), 3, 20*time.Minute)
	p.put(cttest.Event{Time: p.at(14, "07:00:00"), Name: "ConnectCustomKeyStore", Region: "us-east-1", Store: store, Caller: admin})
	p.nearMiss(NearMiss{"store-throttled", idUnavailable, analytics, "us-east-1", keysOf(analytics, "us-east-1").app, "", "a throttled call is no sign of the key's state"})
}

func (p *plan) aliases() {
	admin := cttest.SSORole(webProd, "Admin", "mallory@example.com")
	key := plantedKey(webProd, "us-east-1", "prices")
	p.series(nil, cttest.Event{Name: "GenerateDataKey", Key: key, KeyRef: "alias/prices", Caller: role(webProd, "prices")}, p.at(9, "09:00:00"), 3, time.Hour)
	p.found("alias-deleted", idAliasDeleted, cttest.Event{Time: p.at(9, "15:00:00"), Name: "DeleteAlias", Key: key, Alias: "alias/prices", Caller: admin},
		"an alias that calls name is deleted")

	confidential, public := plantedKey(webProd, "us-east-1", "profiles"), plantedKey(webProd, "us-east-1", "static")
	terraform := role(webProd, "terraform")
	at := p.at(3, "06:00:00")
	p.put(cttest.Event{Time: at, Name: "TagResource", Key: confidential, Tags: cttest.Pairs("data-class", "confidential"), Caller: terraform})
	p.put(cttest.Event{Time: at.Add(time.Second), Name: "TagResource", Key: public, Tags: cttest.Pairs("data-class", "public"), Caller: terraform})
	p.put(cttest.Event{Time: at.Add(2 * time.Second), Name: "CreateAlias", Key: confidential, Alias: "alias/profiles", Caller: terraform})
	p.put(cttest.Event{Time: at.AddDate(0, 0, 1), Name: "UpdateAlias", Key: confidential, Alias: "alias/profiles", Caller: terraform})
	p.nearMiss(NearMiss{"alias-same-key", idAliasRetargeted, webProd, "us-east-1", confidential, roleARN(webProd, "terraform"), "infrastructure code sets the alias to the key it has"})
	p.found("alias-between-classes", idAliasRetargeted, cttest.Event{Time: p.at(9, "16:00:00"), Name: "UpdateAlias", Key: public, Alias: "alias/profiles", Caller: admin},
		"an alias moves from a key for confidential data to one for public data")

	next := plantedKey(webProd, "us-east-1", "sessions-2026")
	p.put(cttest.Event{Time: at.Add(3 * time.Second), Name: "CreateAlias", Key: plantedKey(webProd, "us-east-1", "sessions-2025"), Alias: "alias/sessions", Caller: terraform})
	p.put(cttest.Event{Time: p.at(9, "05:00:00"), Name: "CreateKey", Key: next, Caller: terraform, Policy: "{}", Tags: cttest.Pairs("owner", "web-prod")})
	p.found("alias-rollover", idAliasRetargeted, cttest.Event{Time: p.at(9, "05:00:05"), Name: "UpdateAlias", Key: next, Alias: "alias/sessions", Caller: terraform},
		"an alias moves to a key made a moment before: rotation by hand, for information")
}

func (p *plan) rotations() {
	key := plantedKey(webProd, "us-east-1", "prices")
	p.found("rotation-disabled", idRotationDisabled, cttest.Event{
		Time: p.at(9, "15:10:00"), Name: "DisableKeyRotation", Key: key, Caller: cttest.SSORole(webProd, "Admin", "mallory@example.com"),
	}, "automatic rotation of a key is disabled")
	terraform := role(webProd, "terraform")
	key = plantedKey(webProd, "us-east-1", "static")
	p.put(cttest.Event{Time: p.at(9, "05:10:00"), Name: "DisableKeyRotation", Key: key, Caller: terraform})
	p.put(cttest.Event{Time: p.at(9, "05:10:01"), Name: "EnableKeyRotation", Key: key, Days: 180, Caller: terraform})
	p.nearMiss(NearMiss{"rotation-replaced", idRotationDisabled, webProd, "us-east-1", key, roleARN(webProd, "terraform"), "infrastructure code disables rotation and enables it with another period"})
}
