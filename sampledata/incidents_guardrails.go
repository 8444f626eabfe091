package sampledata

import (
	"time"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

const (
	idExcluded    = "kms_excluded_from_trail"
	idWriteOnly   = "trail_write_only"
	idStopped     = "trail_logging_stopped"
	idValidation  = "trail_log_validation_disabled"
	idDefault     = "encryption_default_disabled"
	idUnencrypted = "unencrypted_storage_created"
	idInContext   = "secret_in_encryption_context"
	idManagedKey  = "aws_managed_key_used"
	idUntagged    = "untagged_key_created"
	idShared      = "key_shared_by_services"
	idOtherClass  = "key_of_other_data_class"
)

func userARN(account, name string) string { return "arn:aws:iam::" + account + ":user/" + name }

// guardrails plants changes of trails, of encryption and of what encryption
// contexts hold. It comes after all others, so that their records stay as they
// are.
func (p *plan) guardrails() {
	p.trailWithoutKMS()
	p.trailOfWrites()
	p.trailStopped()
	p.trailUnvalidated()
	p.encryptionDefaults()
	p.unencryptedStorage()
	p.secretsInContexts()
	p.keysOfClasses()
	p.keyStandards()
}

// trail plants a call to CloudTrail.
func (p *plan) trail(at time.Time, who cttest.Identity, region, name, request, response string) {
	e := cttest.Other(at, who, region, "cloudtrail", name, request)
	e.Response = response
	p.put(e)
}

const (
	allEvents  = `[{"readWriteType":"All","includeManagementEvents":true,"dataResources":[],"excludeManagementEventSources":[]}]`
	withoutKMS = `[{"readWriteType":"All","includeManagementEvents":true,"dataResources":[],"excludeManagementEventSources":["kms.amazonaws.com"]}]`
	onlyWrites = `[{"readWriteType":"WriteOnly","includeManagementEvents":true,"dataResources":[],"excludeManagementEventSources":[]}]`
)

func selectors(trail, list string) string {
	return `{"trailName":"` + trail + `","eventSelectors":` + list + `}`
}

// trailWithoutKMS: the exclusion itself is planted by trailChanges.
func (p *plan) trailWithoutKMS() {
	at := p.at(20, "10:00:00")
	p.finding(Finding{
		Scenario: "trail-excludes-kms", DetectorID: idExcluded, AccountID: webDev, Region: "eu-central-1",
		PrincipalARN: cttest.SSORole(webDev, "Admin", "mallory@example.com").Issuer.ARN,
		What:         "KMS is left out of a trail, and its records end",
	}).hit(at)

	p.trail(p.at(21, "09:00:00"), role(security, "trail-admin"), "us-east-1", "PutEventSelectors", selectors("siem", withoutKMS), "")
	e := cttest.Event{Name: "Decrypt", Key: plantedKey(security, "us-east-1", "findings"), Caller: role(security, "triage")}
	p.series(nil, e, p.at(21, "11:00:00"), 2, 4*time.Hour)
	p.nearMiss(NearMiss{"trail-excludes-kms-second", idExcluded, security, "us-east-1", "", roleARN(security, "trail-admin"), "another trail goes on delivering KMS records"})
}

// trailOfWrites: for two hours no KMS record comes from here, see excluded.
func (p *plan) trailOfWrites() {
	at := p.at(24, "10:00:00")
	p.trail(at, cttest.IAMUser(sandbox, "saver"), "us-west-2", "PutEventSelectors", selectors("sandbox-trail", onlyWrites), "")
	p.trail(p.at(24, "12:00:00"), cttest.IAMUser(sandbox, "ann"), "us-west-2", "PutEventSelectors", selectors("sandbox-trail", allEvents), "")
	p.finding(Finding{
		Scenario: "trail-of-writes", DetectorID: idWriteOnly, AccountID: sandbox, Region: "us-west-2", PrincipalARN: userARN(sandbox, "saver"),
		What: "for two hours a trail logs only writes; the use of keys is not seen",
	}).hit(at)

	p.trail(p.at(22, "09:00:00"), role(security, "trail-admin"), "us-east-1", "PutEventSelectors", selectors("changes", onlyWrites), "")
	e := cttest.Event{Name: "Decrypt", Key: plantedKey(security, "us-east-1", "findings"), Caller: role(security, "triage")}
	p.series(nil, e, p.at(22, "11:00:00"), 2, 4*time.Hour)
	p.nearMiss(NearMiss{"trail-of-writes-second", idWriteOnly, security, "us-east-1", "", roleARN(security, "trail-admin"), "another trail goes on delivering KMS reads"})
}

// trailStopped: for two hours nothing comes from here, see stopped. The second
// trail of shared is deleted when it has done its work.
func (p *plan) trailStopped() {
	at := p.at(26, "03:00:00")
	p.trail(at, cttest.IAMUser(sandbox, "saver"), "eu-central-1", "StopLogging", `{"name":"sandbox-trail"}`, "")
	p.trail(p.at(26, "05:00:00"), cttest.IAMUser(sandbox, "ann"), "eu-central-1", "StartLogging", `{"name":"sandbox-trail"}`, "")
	p.finding(Finding{
		Scenario: "trail-stopped", DetectorID: idStopped, AccountID: sandbox, Region: "eu-central-1", PrincipalARN: userARN(sandbox, "saver"),
		What: "for two hours a trail does not log",
	}).hit(at)

	at = p.at(16, "00:05:00")
	p.trail(at, role(shared, "terraform"), "us-east-1", "DeleteTrail", `{"name":"arn:aws:cloudtrail:us-east-1:`+shared+`:trail/second"}`, "")
	e := cttest.Event{Name: "Decrypt", Key: plantedKey(shared, "us-east-1", "queue"), Caller: role(shared, "worker")}
	p.series(nil, e, p.at(16, "08:00:00"), 2, time.Hour)
	p.finding(Finding{
		Scenario: "trail-deleted", DetectorID: idStopped, AccountID: shared, Region: "us-east-1", PrincipalARN: roleARN(shared, "terraform"),
		What: "a second trail is deleted; KMS records go on arriving by the other, so it is of low severity",
	}).hit(at)

	denied := cttest.Other(p.at(17, "10:00:00"), cttest.IAMUser(webProd, "intern"), "us-east-1", "cloudtrail", "StopLogging", `{"name":"org-trail"}`)
	denied.ErrorCode, denied.ErrorMessage = "AccessDenied", "User: "+userARN(webProd, "intern")+" is not authorized to perform: cloudtrail:StopLogging"
	p.put(denied)
	p.nearMiss(NearMiss{"trail-stop-denied", idStopped, webProd, "us-east-1", "", userARN(webProd, "intern"), "the call was denied"})
}

// trailUnvalidated: log file validation is switched off.
func (p *plan) trailUnvalidated() {
	at := p.at(10, "10:30:00")
	p.trail(at, role(analytics, "trail-tuning"), "eu-west-1", "UpdateTrail", `{"name":"analytics-trail","enableLogFileValidation":false}`,
		`{"name":"analytics-trail","trailARN":"arn:aws:cloudtrail:eu-west-1:`+analytics+`:trail/analytics-trail","logFileValidationEnabled":false}`)
	p.finding(Finding{
		Scenario: "trail-unvalidated", DetectorID: idValidation, AccountID: analytics, Region: "eu-west-1", PrincipalARN: roleARN(analytics, "trail-tuning"),
		What: "log file validation of a trail is switched off",
	}).hit(at)
	p.trail(p.at(11, "10:30:00"), role(analytics, "terraform"), "eu-west-1", "UpdateTrail", `{"name":"analytics-trail","s3KeyPrefix":"logs"}`,
		`{"name":"analytics-trail","trailARN":"arn:aws:cloudtrail:eu-west-1:`+analytics+`:trail/analytics-trail","logFileValidationEnabled":false}`)
	p.nearMiss(NearMiss{"trail-unvalidated-already", idValidation, analytics, "eu-west-1", "", roleARN(analytics, "terraform"), "this change leaves validation as it was"})
}

// encryptionDefaults: what encrypts by default no longer does.
func (p *plan) encryptionDefaults() {
	at := p.at(9, "16:00:00")
	off := cttest.Other(at, cttest.IAMUser(sandbox, "saver"), "eu-west-1", "ec2", "DisableEbsEncryptionByDefault", `{"DisableEbsEncryptionByDefaultRequest":{}}`)
	off.Response = `{"DisableEbsEncryptionByDefaultResponse":{"ebsEncryptionByDefault":false}}`
	p.put(off)
	p.finding(Finding{
		Scenario: "ebs-default-off", DetectorID: idDefault, AccountID: sandbox, Region: "eu-west-1", PrincipalARN: userARN(sandbox, "saver"),
		What: "encryption of new EBS volumes is switched off",
	}).hit(at)

	at = p.at(12, "14:00:00")
	p.put(cttest.Other(at, role(dataPlat, "lake-admin"), "us-east-1", "s3", "DeleteBucketEncryption", `{"bucketName":"data-lake-raw","encryption":"","Host":"data-lake-raw.s3.amazonaws.com"}`))
	p.finding(Finding{
		Scenario: "bucket-default-off", DetectorID: idDefault, AccountID: dataPlat, Region: "us-east-1", PrincipalARN: roleARN(dataPlat, "lake-admin"),
		What: "the default encryption of a bucket is deleted",
	}).hit(at)

	off.Caller, off.Time, off.Region = cttest.IAMUser(webProd, "intern"), p.at(9, "16:30:00"), "us-east-1"
	off.Response, off.ErrorCode, off.ErrorMessage, off.ID, off.RequestID, off.Recipient = "", "Client.UnauthorizedOperation", "You are not authorized to perform this operation.", "", "", ""
	p.put(off)
	p.nearMiss(NearMiss{"ebs-default-denied", idDefault, webProd, "us-east-1", "", userARN(webProd, "intern"), "the call was denied"})
}

// unencryptedStorage: databases without encryption, and a volume that the
// account's default encrypts although it was asked for without.
func (p *plan) unencryptedStorage() {
	f := p.finding(Finding{
		Scenario: "databases-unencrypted", DetectorID: idUnencrypted, AccountID: webDev, Region: "us-east-1", PrincipalARN: roleARN(webDev, "prototype"),
		What: "two databases are made without encryption",
	})
	for i, name := range []string{"carts-test", "users-test"} {
		at := p.at(11, "13:00:00").Add(time.Duration(i) * time.Hour)
		e := cttest.Other(at, role(webDev, "prototype"), "us-east-1", "rds", "CreateDBInstance",
			`{"dBInstanceIdentifier":"`+name+`","dBInstanceClass":"db.t4g.micro","engine":"postgres","allocatedStorage":20,"storageEncrypted":false}`)
		e.Response = `{"dBInstanceIdentifier":"` + name + `","dBInstanceArn":"arn:aws:rds:us-east-1:` + webDev + `:db:` + name + `","engine":"postgres","storageEncrypted":false}`
		p.put(e)
		f.hit(at)
	}
	volume := cttest.CreateVolume(p.at(11, "15:00:00"), role(analytics, "notebook"), "us-east-1", keysOf(analytics, "us-east-1").volumes)
	volume.Request = `{"size":"100","zone":"us-east-1a","volumeType":"gp3","encrypted":false}`
	p.put(volume)
	p.nearMiss(NearMiss{"volume-encrypted-by-default", idUnencrypted, analytics, "us-east-1", "", roleARN(analytics, "notebook"), "the account's default encrypts the volume although the request does not ask for it"})
}

// secretsInContexts: card numbers, as card networks give them for tests, and an
// address in encryption contexts.
func (p *plan) secretsInContexts() {
	key := plantedKey(webProd, "us-west-2", "checkout")
	f := p.finding(Finding{
		Scenario: "card-in-context", DetectorID: idInContext, AccountID: webProd, Region: "us-west-2",
		KeyARN: key, PrincipalARN: roleARN(webProd, "checkout"),
		What: "a shop names what it encrypts by the customer's card number",
	})
	for i, card := range []string{"4111111111111111", "5555555555554444", "4111111111111111"} {
		e := cttest.Event{Name: "Encrypt", Key: key, Caller: role(webProd, "checkout"), Context: cttest.Pairs("card", card, "order", "o-"+itoa(4711+i))}
		p.series(f, e, p.at(18, "08:00:00").Add(time.Duration(i)*time.Hour), 1, 0)
	}
	near := cttest.Event{Name: "Encrypt", Key: key, Caller: role(webProd, "fulfilment"), Context: cttest.Pairs("parcel", "4111111111111112", "at", "20261019080000")}
	p.series(nil, near, p.at(18, "09:30:00"), 3, time.Hour)
	p.nearMiss(NearMiss{"number-in-context", idInContext, webProd, "us-west-2", key, roleARN(webProd, "fulfilment"), "the number has the length of a card number and a wrong check digit"})

	key = plantedKey(shared, "eu-west-1", "mailer")
	f = p.finding(Finding{
		Scenario: "address-in-context", DetectorID: idInContext, AccountID: shared, Region: "eu-west-1",
		KeyARN: key, PrincipalARN: roleARN(shared, "mailer"),
		What: "a mailer has e-mail addresses in the encryption context",
	})
	e := cttest.Event{Name: "GenerateDataKey", Key: key, Caller: role(shared, "mailer"), Context: cttest.Pairs("to", "erin@example.com")}
	p.series(f, e, p.at(19, "08:00:00"), 2, time.Hour)
}

// database plants the making of a database of a class of data, under a key or,
// with "", under the AWS managed one.
func (p *plan) database(at time.Time, who cttest.Identity, region, name, class, key string) {
	encryption := `"storageEncrypted":true`
	if key != "" {
		encryption += `,"kmsKeyId":"` + key + `"`
	}
	e := cttest.Other(at, who, region, "rds", "CreateDBInstance",
		`{"dBInstanceIdentifier":"`+name+`","dBInstanceClass":"db.r7g.large","engine":"postgres",`+encryption+`,"tags":[{"key":"data-class","value":"`+class+`"}]}`)
	if key == "" {
		key = cttest.KeyARN(who.Account, region, who.Account+region+"aws/rds")
	}
	e.Response = `{"dBInstanceIdentifier":"` + name + `","dBInstanceArn":"arn:aws:rds:` + region + `:` + who.Account + `:db:` + name + `","storageEncrypted":true,"kmsKeyId":"` + key + `"}`
	p.put(e)
}

// keysOfClasses: databases under keys that their class of data should not be
// under.
func (p *plan) keysOfClasses() {
	at := p.at(13, "10:00:00")
	p.database(at, role(payments, "provision"), "us-west-2", "cards", "confidential", "")
	p.finding(Finding{
		Scenario: "managed-key-for-confidential", DetectorID: idManagedKey, AccountID: payments, Region: "us-west-2", PrincipalARN: roleARN(payments, "provision"),
		What: "a database tagged data-class=confidential is under the AWS managed key",
	}).hit(at)
	p.database(p.at(13, "11:00:00"), role(payments, "provision-docs"), "us-west-2", "docs", "public", "")
	p.nearMiss(NearMiss{"managed-key-for-public", idManagedKey, payments, "us-west-2", "", roleARN(payments, "provision-docs"), "public data may be under the AWS managed key"})

	key := plantedKey(dataPlat, "eu-west-1", "public-reports")
	p.put(cttest.Event{Time: p.at(2, "04:00:00"), Name: "TagResource", Key: key, Caller: role(dataPlat, "terraform"), Tags: cttest.Pairs("data-class", "public")})
	at = p.at(14, "10:00:00")
	p.database(at, role(dataPlat, "warehouse-builder"), "eu-west-1", "payroll", "confidential", key)
	p.finding(Finding{
		Scenario: "confidential-under-public", DetectorID: idOtherClass, AccountID: dataPlat, Region: "eu-west-1", KeyARN: key, PrincipalARN: roleARN(dataPlat, "warehouse-builder"),
		What: "a database tagged data-class=confidential is under a key tagged data-class=public",
	}).hit(at)
	p.database(p.at(14, "11:00:00"), role(dataPlat, "report-builder"), "eu-west-1", "reports", "Public", key)
	p.nearMiss(NearMiss{"public-under-public", idOtherClass, dataPlat, "eu-west-1", key, roleARN(dataPlat, "report-builder"), "Public and public are one class"})
}

// keyStandards: a key without tags, and one that everything uses.
func (p *plan) keyStandards() {
	key := plantedKey(sandbox, "us-east-1", "scratch")
	create := cttest.Event{Time: p.at(5, "15:00:00"), Name: "CreateKey", Key: key, Caller: role(sandbox, "experiment"), Policy: cttest.KeyPolicy(sandbox)}
	p.finding(Finding{
		Scenario: "key-untagged", DetectorID: idUntagged, AccountID: sandbox, Region: "us-east-1", KeyARN: key, PrincipalARN: roleARN(sandbox, "experiment"),
		What: "a key is made without any tag",
	}).hit(create.Time)
	p.put(create)
	create.Time, create.Key, create.Caller = p.at(5, "16:00:00"), plantedKey(sandbox, "us-east-1", "scratch-tagged"), role(sandbox, "terraform")
	create.Tags = cttest.Pairs("owner", "sandbox")
	p.put(create)
	p.nearMiss(NearMiss{"key-tagged", idUntagged, sandbox, "us-east-1", create.Key, roleARN(sandbox, "terraform"), "the key is tagged as it is made"})

	key = plantedKey(backup, "eu-west-1", "everything")
	f := p.finding(Finding{
		Scenario: "key-shared", DetectorID: idShared, AccountID: backup, Region: "eu-west-1", KeyARN: key,
		What: "on one day a key is used through three services and directly",
	})
	direct := cttest.Event{Name: "Decrypt", Key: key, Caller: role(backup, "app")}
	calls := []cttest.Event{direct, cttest.Via(direct, "s3", "backup-data/a.bin"), cttest.Via(direct, "sqs", "restores"), cttest.Via(direct, "dynamodb", "jobs")}
	for i, e := range calls {
		p.series(f, e, p.at(6, "09:00:00").Add(time.Duration(i)*time.Hour), 1, 0)
	}
	key = plantedKey(backup, "eu-west-1", "few")
	direct.Key = key
	calls = []cttest.Event{direct, cttest.Via(direct, "s3", "backup-data/a.bin"), cttest.Via(direct, "sqs", "restores")}
	for i, e := range calls {
		p.series(nil, e, p.at(6, "10:00:00").Add(time.Duration(i)*time.Hour), 1, 0)
	}
	p.nearMiss(NearMiss{"key-shared-by-three", idShared, backup, "eu-west-1", key, "", "three are as many as the parameter allows"})
}
