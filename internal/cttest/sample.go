package cttest

import (
	"strings"
	"time"
)

// Sample is a typical successful event of a KMS operation or service event in
// us-east-1 of account, by role app on the key "alpha" (or one that fits the
// operation).
func Sample(name, account string, at time.Time) Event {
	account = Account(account)
	e := Event{
		Time: at, Name: name, Region: "us-east-1",
		Caller: AssumedRole(account, "app", "session"),
		Key:    KeyARN(account, "us-east-1", "alpha"),
	}
	if operations[name].noKey {
		e.Key = ""
	}
	if isServiceEvent(name) {
		e.Caller = Internal(account)
	}
	if encrypting(name) {
		e.Context = Pairs("tenant", "blue", "purpose", "test")
	}
	e.sampleCrypto()
	e.sampleManagement()
	return e
}

func encrypting(name string) bool {
	switch name {
	case "Encrypt", "Decrypt", "ReEncrypt":
		return true
	}
	return strings.HasPrefix(name, "GenerateDataKey")
}

func (e *Event) sampleCrypto() {
	account := e.Caller.Account
	key := func(name string) { e.Key = KeyARN(account, "us-east-1", name) }
	switch e.Name {
	case "ReEncrypt":
		e.Destination = KeyARN(account, "us-east-1", "beta")
		e.DestinationContext = Pairs("tenant", "green")
	case "GenerateMac", "VerifyMac":
		key("mac")
	case "Sign", "Verify", "GetPublicKey":
		key("signing")
	case "DeriveSharedSecret":
		key("agreement")
	case "Encapsulate", "Decapsulate":
		key("kem")
	}
}

func (e *Event) sampleManagement() {
	account := e.Caller.Account
	switch e.Name {
	case "CreateKey":
		e.Tags = Pairs("team", "payments", "tenant", "blue")
		e.Policy = KeyPolicy(account)
	case "PutKeyPolicy":
		e.Policy = KeyPolicy(account)
	case "ReplicateKey", "UpdatePrimaryRegion", "SynchronizeMultiRegionKey":
		e.Key = KeyARN(account, "us-east-1", "mrk-alpha")
		e.Destination = KeyARN(account, "us-west-2", "mrk-alpha")
	case "EnableKeyRotation":
		e.Days = 365
	case "ScheduleKeyDeletion":
		e.Days = 7
	case "ImportKeyMaterial":
		e.Key = KeyARN(account, "us-east-1", "imported")
		e.ValidTo = e.Time.AddDate(0, 6, 0)
	case "GetParametersForImport", "DeleteImportedKeyMaterial", "DeleteExpiredKeyMaterial":
		e.Key = KeyARN(account, "us-east-1", "imported")
	case "CreateGrant":
		e.Grantee = RoleARN(account, "worker")
		e.Retiring = RoleARN(account, "app")
		e.Operations = []string{"Decrypt", "GenerateDataKey"}
		e.Constraints = Pairs("tenant", "blue")
	case "RevokeGrant", "RetireGrant":
		e.GrantID = HexID(64, "grant", e.Key)
	case "ListRetirableGrants":
		e.Retiring = RoleARN(account, "app")
	case "CreateAlias", "UpdateAlias", "DeleteAlias":
		e.Alias = "alias/alpha"
	case "TagResource":
		e.Tags = Pairs("tenant", "blue")
	case "UntagResource":
		e.TagKeys = []string{"tenant"}
	}
	if strings.HasSuffix(e.Name, "KeyStore") || strings.HasSuffix(e.Name, "KeyStores") {
		e.sampleStore()
	}
}

func (e *Event) sampleStore() {
	if e.Name != "CreateCustomKeyStore" {
		e.Store = "cks-1234567890abcdef0"
	}
}

// KeyPolicy is a key policy as people write it, with line breaks, a wildcard
// principal and a mixed list of principals.
func KeyPolicy(account string) string {
	account = Account(account)
	return `{
  "Version": "2012-10-17",
  "Id": "key-policy",
  "Statement": [
    {
      "Sid": "Enable IAM policies",
      "Effect": "Allow",
      "Principal": {"AWS": "arn:aws:iam::` + account + `:root"},
      "Action": "kms:*",
      "Resource": "*"
    },
    {
      "Sid": "Through S3",
      "Effect": "Allow",
      "Principal": {"AWS": "*"},
      "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
      "Resource": "*",
      "Condition": {"StringEquals": {"kms:CallerAccount": "` + account + `", "kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    },
    {
      "Sid": "Administrators",
      "Effect": "Allow",
      "Principal": {"AWS": ["` + UniqueID("AROA", account, "gone") + `", "` + RoleARN(account, "admin") + `"]},
      "Action": ["kms:Put*", "kms:ScheduleKeyDeletion"],
      "Resource": "*"
    }
  ]
}`
}
