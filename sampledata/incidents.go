package sampledata

import (
	"time"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

const (
	idPending = "pending_deletion_key_use"
	idCross   = "cross_account_decrypt"
	idContext = "encryption_context_tag_mismatch"
	idRate    = "request_rate_near_quota"
)

func role(account, name string) cttest.Identity { return cttest.AssumedRole(account, name, "session") }
func roleARN(account, name string) string       { return cttest.RoleARN(account, name) }

func (p *plan) pendingDeletion() {
	p.pendingOrders()
	p.pendingByText()
	p.pendingReplica()
	p.pendingCrossAccount()
	p.pendingNearMisses()
}

// pendingOrders: a key is scheduled for deletion although two callers need it.
func (p *plan) pendingOrders() {
	key := plantedKey(payments, "us-east-1", "orders")
	admin := cttest.SSORole(payments, "Admin", "ann@example.com")
	p.put(cttest.Event{Time: p.at(1, "02:00:00"), Name: "UpdateAlias", Key: key, Alias: "alias/orders", Caller: role(payments, "terraform")})

	batch := cttest.Via(cttest.Event{Name: "Decrypt", Key: key, Caller: role(payments, "orders-batch")}, "s3", "orders-archive/2026/10/batch.csv")
	p.series(nil, batch, p.at(2, "09:00:00"), 3, 24*time.Hour)
	scheduled := p.at(8, "10:00:00")
	p.series(nil, batch, scheduled.Add(-time.Second), 1, 0)
	p.found("deletion-orders", idScheduled, cttest.Event{Time: scheduled, Name: "ScheduleKeyDeletion", Key: key, Caller: admin, Days: 7, Console: true},
		"a key is scheduled for deletion in seven days, a second after it was used and without being disabled first")

	batch.Failure = "pending_deletion"
	f := p.finding(Finding{
		Scenario: "pending-orders-batch", DetectorID: idPending, AccountID: payments, Region: "us-east-1",
		KeyARN: key, PrincipalARN: roleARN(payments, "orders-batch"),
		What: "a batch job reads objects under a key that was scheduled for deletion an instant after its last success",
	})
	p.series(f, batch, scheduled.Add(5*time.Minute), 5, time.Hour)

	f = p.finding(Finding{
		Scenario: "pending-orders-legacy", DetectorID: idPending, AccountID: payments, Region: "us-east-1",
		KeyARN: key, PrincipalARN: "arn:aws:iam::" + payments + ":user/legacy",
		What: "a user fails with DisabledException without message: only the key's state tells why",
	})
	legacy := cttest.Event{Name: "Encrypt", Key: key, Caller: cttest.IAMUser(payments, "legacy"), ErrorCode: "DisabledException"}
	p.series(f, legacy, p.at(10, "04:30:00"), 3, 20*time.Minute)

	for i, name := range []string{"DescribeKey", "GetKeyPolicy", "ListGrants", "ListResourceTags", "DescribeKey"} {
		p.put(cttest.Event{Time: p.at(9, "11:00:00").Add(time.Duration(i) * time.Minute), Name: name, Key: key, Caller: role(payments, "auditor")})
	}
	p.nearMiss(NearMiss{"pending-lookups", idPending, payments, "us-east-1", key, roleARN(payments, "auditor"), "DescribeKey, GetKeyPolicy, ListGrants and ListResourceTags work on a key pending deletion and harm nothing"})
	p.put(cttest.Event{Time: p.at(9, "12:00:00"), Name: "Decrypt", Key: key, Caller: role(payments, "probe"), DryRun: true})
	p.nearMiss(NearMiss{"pending-dry-run", idPending, payments, "us-east-1", key, roleARN(payments, "probe"), "a dry run uses nothing"})
	p.put(cttest.Event{Time: p.at(15, "10:07:00"), Name: "DeleteKey", Key: key, Caller: cttest.Internal(payments)})
}

// pendingByText: the scheduling lies before the logs.
func (p *plan) pendingByText() {
	key := plantedKey(analytics, "eu-west-1", "archive")
	f := p.finding(Finding{
		Scenario: "pending-by-text", DetectorID: idPending, AccountID: analytics, Region: "eu-west-1",
		KeyARN: key, PrincipalARN: roleARN(analytics, "etl"),
		What: "the deletion was scheduled before the logs begin; only the error text says so, under two error codes",
	})
	e := cttest.Event{Name: "Decrypt", Key: key, Caller: role(analytics, "etl"), Failure: "pending_deletion"}
	p.series(f, e, p.at(11, "06:00:00"), 3, 10*time.Minute)
	e.Failure = "pending_deletion_disabled"
	p.series(f, e, p.at(12, "06:00:00"), 3, 10*time.Minute)
}

// pendingReplica: a multi-Region primary waits for its replicas to go.
func (p *plan) pendingReplica() {
	key := cttest.KeyARN(dataPlat, "us-west-2", "mrk-planted-ledger")
	p.found("deletion-replica", idScheduled, cttest.Event{
		Time: p.at(6, "08:00:00"), Name: "ScheduleKeyDeletion", Key: key, Days: 30, KeyState: "PendingReplicaDeletion",
		Caller: cttest.SSORole(dataPlat, "Admin", "eve@example.com"),
	}, "a multi-Region primary key is scheduled for deletion; its replicas go first")
	f := p.finding(Finding{
		Scenario: "pending-replica", DetectorID: idPending, AccountID: dataPlat, Region: "us-west-2",
		KeyARN: key, PrincipalARN: roleARN(dataPlat, "ledger"),
		What: "a multi-Region primary key is pending replica deletion, without a date, and still used",
	})
	e := cttest.Event{Name: "GenerateDataKey", Key: key, Caller: role(dataPlat, "ledger"), Failure: "pending_replica_deletion", Context: cttest.Pairs("ledger", "main")}
	p.series(f, e, p.at(7, "03:00:00"), 2, time.Hour)
}

// pendingCrossAccount: the caller is in a trusted account; both have a record.
func (p *plan) pendingCrossAccount() {
	key := plantedKey(payments, "eu-west-1", "statements")
	f := p.finding(Finding{
		Scenario: "pending-cross-account", DetectorID: idPending, AccountID: payments, Region: "eu-west-1",
		KeyARN: key, PrincipalARN: roleARN(shared, "statement-reader"),
		What: "a trusted account uses a key pending deletion; two records per call, each call counts once",
	})
	e := cttest.Event{Name: "Decrypt", Key: key, Caller: role(shared, "statement-reader"), Failure: "pending_deletion"}
	p.series(f, e, p.at(16, "13:00:00"), 3, 30*time.Minute)
}

func (p *plan) pendingNearMisses() {
	key := plantedKey(payments, "us-west-2", "cancelled")
	admin := cttest.SSORole(payments, "Admin", "ann@example.com")
	p.found("deletion-cancelled", idScheduled, cttest.Event{Time: p.at(5, "12:00:00"), Name: "ScheduleKeyDeletion", Key: key, Caller: admin, Days: 30},
		"a deletion that is cancelled the day after was scheduled all the same")
	p.put(cttest.Event{Time: p.at(6, "12:00:00"), Name: "CancelKeyDeletion", Key: key, Caller: admin})
	p.put(cttest.Event{Time: p.at(6, "12:01:00"), Name: "EnableKey", Key: key, Caller: admin})
	p.series(nil, cttest.Event{Name: "Decrypt", Key: key, Caller: role(payments, "refunds")}, p.at(7, "07:00:00"), 5, time.Hour)
	p.nearMiss(NearMiss{"pending-cancelled", idPending, payments, "us-west-2", key, roleARN(payments, "refunds"), "the deletion was cancelled and the key enabled before the key was used"})

	key = plantedKey(webProd, "eu-west-1", "denied-schedule")
	p.put(cttest.Event{Time: p.at(4, "15:00:00"), Name: "ScheduleKeyDeletion", Key: key, Caller: cttest.IAMUser(webProd, "intern"), Failure: "denied"})
	p.series(nil, cttest.Event{Name: "Decrypt", Key: key, Caller: role(webProd, "basket")}, p.at(4, "16:00:00"), 5, time.Hour)
	p.nearMiss(NearMiss{"pending-denied", idPending, webProd, "eu-west-1", key, roleARN(webProd, "basket"), "the scheduling was denied, so the key is not pending deletion"})

	key = plantedKey(dataPlat, "eu-west-1", "disabled")
	p.found("disabled-unused", idDisabled, cttest.Event{Time: p.at(3, "09:00:00"), Name: "DisableKey", Key: key, Caller: cttest.SSORole(dataPlat, "Admin", "eve@example.com")},
		"a key that nobody used shortly before is disabled")
	f := p.finding(Finding{
		Scenario: "unavailable-old-job", DetectorID: idUnavailable, AccountID: dataPlat, Region: "eu-west-1",
		KeyARN: key, PrincipalARN: roleARN(dataPlat, "old-job"), What: "a job that runs seldom needs the disabled key",
	})
	p.series(f, cttest.Event{Name: "Decrypt", Key: key, Caller: role(dataPlat, "old-job"), Failure: "disabled"}, p.at(3, "10:00:00"), 3, time.Hour)
	p.nearMiss(NearMiss{"pending-disabled", idPending, dataPlat, "eu-west-1", key, roleARN(dataPlat, "old-job"), "the key is disabled, not pending deletion"})
}

func (p *plan) crossAccount() {
	p.crossExporter()
	p.crossForeign()
	p.crossDenied()
	p.crossReEncrypt()
	p.crossPartner()
	p.crossNearMisses()
}

// crossExporter: an account of the organisation that nobody trusts. Not every
// copy arrives.
func (p *plan) crossExporter() {
	key := plantedKey(payments, "us-east-1", "customer-data")
	f := p.finding(Finding{
		Scenario: "cross-exporter", DetectorID: idCross, AccountID: payments, Region: "us-east-1",
		KeyARN: key, PrincipalARN: roleARN(sandbox, "exporter"),
		What: "seven calls from an untrusted account: five with both records, one with the owner's only, one with the caller's only",
	})
	for i := range 7 {
		e := cttest.Event{
			Time: p.at(13, "22:00:00").Add(time.Duration(i) * 10 * time.Minute), Name: "Decrypt", Key: key,
			Caller: role(sandbox, "exporter"), Context: cttest.Pairs("purpose", "export"), KeyRef: key,
		}
		p.copies(e, func(c int) bool { return i < 5 || (i == 5) == (c == 1) })
		f.hit(e.Time)
	}
}

// crossForeign: only one side of the call is in the bucket.
func (p *plan) crossForeign() {
	key := plantedKey(dataPlat, "eu-west-1", "exports")
	f := p.finding(Finding{
		Scenario: "cross-vendor", DetectorID: idCross, AccountID: dataPlat, Region: "eu-west-1", KeyARN: key,
		What: "an account outside the organisation uses a key; only the owner's record exists, which does not show the caller's ARN",
	})
	e := cttest.Event{Name: "Decrypt", Key: key, Caller: role(vendor, "vendor-sync")}
	p.series(f, e, p.at(17, "01:15:00"), 4, time.Hour)

	key = plantedKey(vendor, "us-west-2", "their-key")
	f = p.finding(Finding{
		Scenario: "cross-uploader", DetectorID: idCross, AccountID: vendor, Region: "us-west-2",
		KeyARN: key, PrincipalARN: roleARN(sandbox, "uploader"),
		What: "one of our roles encrypts under a key of an account outside; only the caller's record exists",
	})
	e = cttest.Event{Name: "GenerateDataKey", Key: key, Caller: role(sandbox, "uploader"), Context: cttest.Pairs("purpose", "upload")}
	p.series(f, e, p.at(21, "19:00:00"), 3, 5*time.Minute)
}

// crossDenied: refused attempts are recorded for the caller only.
func (p *plan) crossDenied() {
	key := plantedKey(payments, "us-east-1", "vault")
	f := p.finding(Finding{
		Scenario: "cross-denied", DetectorID: idCross, AccountID: payments, Region: "us-east-1",
		KeyARN: key, PrincipalARN: roleARN(sandbox, "curious"),
		What: "six refused attempts; the key is named in the error text only",
	})
	e := cttest.Event{Name: "Decrypt", Key: key, Region: "us-east-1", Caller: role(sandbox, "curious"), Failure: "denied_resource"}
	p.series(f, e, p.at(22, "23:00:00"), 6, time.Minute)
}

// crossReEncrypt: data moves under keys of other accounts.
func (p *plan) crossReEncrypt() {
	source := plantedKey(payments, "us-east-1", "invoices")
	destination := plantedKey(vendor, "us-east-1", "invoices-copy")
	f := p.finding(Finding{
		Scenario: "reencrypt-outside", DetectorID: idCross, AccountID: payments, Region: "us-east-1",
		KeyARN: destination, PrincipalARN: roleARN(payments, "migrator"),
		What: "a role re-encrypts data of its own account under a key of an account outside",
	})
	e := cttest.Event{
		Name: "ReEncrypt", Key: source, Destination: destination, Caller: role(payments, "migrator"),
		Context: cttest.Pairs("invoice", "4711"), DestinationContext: cttest.Pairs("invoice", "4711"),
	}
	p.series(f, e, p.at(18, "20:00:00"), 2, 7*time.Minute)

	source = plantedKey(dataPlat, "us-east-1", "lake")
	destination = plantedKey(webDev, "us-east-1", "copy-target")
	what := "three accounts are concerned, three records per call: caller, owner of the source key, owner of the destination key"
	from := p.finding(Finding{
		Scenario: "reencrypt-three-source", DetectorID: idCross, AccountID: dataPlat, Region: "us-east-1",
		KeyARN: source, PrincipalARN: roleARN(sandbox, "mover"), What: what,
	})
	to := p.finding(Finding{
		Scenario: "reencrypt-three-destination", DetectorID: idCross, AccountID: sandbox, Region: "us-east-1",
		KeyARN: destination, PrincipalARN: roleARN(sandbox, "mover"), What: what,
	})
	e = cttest.Event{Name: "ReEncrypt", Key: source, Destination: destination, Caller: role(sandbox, "mover"), KeyRef: source}
	p.series(from, e, p.at(19, "20:00:00"), 2, 7*time.Minute)
	to.EventCount, to.FirstSeen, to.LastSeen = from.EventCount, from.FirstSeen, from.LastSeen
}

// crossPartner: an account outside is trusted for keys of one alias pattern.
func (p *plan) crossPartner() {
	key := plantedKey(shared, "us-east-1", "partner-feed")
	p.put(cttest.Event{Time: p.at(1, "02:30:00"), Name: "CreateAlias", Key: key, Alias: "alias/partner-feed", Caller: role(shared, "terraform")})
	e := cttest.Event{Name: "Decrypt", Key: key, Caller: role(partner, "feed-reader")}
	p.series(nil, e, p.at(10, "05:00:00"), 5, 24*time.Hour)
	p.nearMiss(NearMiss{"cross-partner-alias", idCross, shared, "us-east-1", key, "", "the account is trusted for keys with an alias alias/partner-*"})

	key = plantedKey(shared, "us-east-1", "internal-feed")
	f := p.finding(Finding{
		Scenario: "cross-partner-other-key", DetectorID: idCross, AccountID: shared, Region: "us-east-1", KeyARN: key,
		What: "the same account on a key it is not trusted for",
	})
	e.Key = key
	p.series(f, e, p.at(23, "05:00:00"), 3, time.Hour)
}

func (p *plan) crossNearMisses() {
	key := plantedKey(payments, "us-east-1", "customer-data")
	p.series(nil, cttest.Event{Name: "Decrypt", Key: key, Caller: role(security, "scanner")}, p.at(14, "02:00:00"), 6, time.Hour)
	p.nearMiss(NearMiss{"cross-trusted", idCross, payments, "us-east-1", key, roleARN(security, "scanner"), "the account is trusted"})

	p.series(nil, cttest.Event{Name: "DescribeKey", Key: key, Caller: role(sandbox, "inventory")}, p.at(14, "09:00:00"), 2, time.Hour)
	p.nearMiss(NearMiss{"cross-describe", idCross, payments, "us-east-1", key, roleARN(sandbox, "inventory"), "DescribeKey is not a use of the key"})

	key = plantedKey(webProd, "eu-west-1", "service-shared-id")
	e := cttest.ByService(cttest.Event{Name: "GenerateDataKey", Key: key, Region: "eu-west-1"}, "dynamodb", "baskets")
	for i := range 4 {
		e.Time = p.at(9, "03:00:00").Add(time.Duration(i) * time.Hour)
		e.ID = ""
		p.put(e)
	}
	p.nearMiss(NearMiss{"cross-service", idCross, webProd, "eu-west-1", key, "", "an AWS service acting within one account carries a sharedEventID too"})

	key = plantedKey(webProd, "eu-west-1", "aws-internal-owner")
	internal := cttest.Event{
		Time: p.at(9, "08:00:00"), Name: "Decrypt", Key: key, Caller: role(webProd, "fargate-task"),
		Resources: `[{"accountId":"AWS Internal","type":"AWS::KMS::Key","ARN":"` + key + `"}]`,
	}
	p.put(internal)
	p.nearMiss(NearMiss{"cross-aws-internal", idCross, webProd, "eu-west-1", key, roleARN(webProd, "fargate-task"), "resources[].accountId says AWS Internal; the ARN has the caller's own account"})
}
