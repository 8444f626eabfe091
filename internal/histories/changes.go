package histories

import (
	"fmt"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

var aliasNames = []string{"app", "db", "moved"}

// keyChanges are the operations that make, change and unmake keys.
var keyChanges = []string{
	"CreateKey", "EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion",
	"ImportKeyMaterial", "DeleteImportedKeyMaterial", "TagResource", "UntagResource",
	"CreateAlias", "UpdateAlias", "DeleteAlias", "PutKeyPolicy",
	"EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand",
	"CreateGrant", "RetireGrant", "RevokeGrant", "UpdateKeyDescription", "ReplicateKey", "UpdatePrimaryRegion",
}

// changeKeys changes keys in any order: what KMS would refuse makes the
// intervals of a timeline only harder.
func (m *maker) changeKeys(n int) {
	for range n {
		name := pick(m.Rand, keyChanges)
		if m.chance(0.08) {
			name = pick(m.Rand, cttest.ServiceEvents())
		}
		e := m.event(name, pick(m.Rand, owners))
		m.vary(&e)
		if m.chance(0.3) {
			m.fail(&e)
		}
		m.add(e)
		// Services repeat what they asked for.
		if name == "CreateGrant" && m.chance(0.3) {
			m.seq++
			e.Seq = m.seq
			e.Time = m.when()
			m.add(e)
		}
	}
}

// vary chooses what a change sets.
func (m *maker) vary(e *cttest.Event) {
	value := fmt.Sprint(m.IntN(4))
	switch e.Name {
	case "CreateKey":
		e.Origin = pick(m.Rand, []string{"", "EXTERNAL"})
		e.KeyState = map[string]string{"": "Enabled", "EXTERNAL": "PendingImport"}[e.Origin]
	case "TagResource":
		e.Tags = cttest.Pairs(pick(m.Rand, []string{"team", "tenant"}), value)
	case "UntagResource":
		e.TagKeys = []string{pick(m.Rand, []string{"team", "tenant"})}
	case "CreateAlias", "UpdateAlias", "DeleteAlias":
		e.Alias = "alias/" + pick(m.Rand, aliasNames)
	case "PutKeyPolicy":
		e.Policy = `{"Version":"2012-10-17","Id":"` + value + `","Statement":[]}`
	case "CreateGrant", "RetireGrant", "RevokeGrant":
		e.GrantID = m.grant(e.Key)
	case "ScheduleKeyDeletion":
		e.Days = 7 + m.IntN(24)
	}
}

// grant chooses one of a key's few grants.
func (m *maker) grant(key string) string { return cttest.HexID(64, key, fmt.Sprint(m.IntN(4))) }

// tagResources tags what other services keep encrypted.
func (m *maker) tagResources(n int) {
	for range n {
		at, who, region := m.when(), cttest.AssumedRole("main", "admin", "s"), pick(m.Rand, regions)
		tags := cttest.Pairs(pick(m.Rand, []string{"team", "tenant"}), fmt.Sprint(m.IntN(3)))
		thing := "thing-" + fmt.Sprint(m.IntN(4))
		var e cttest.Event
		switch m.IntN(4) {
		case 0:
			e = cttest.PutBucketTagging(at, who, region, thing, tags)
		case 1:
			e = cttest.DeleteBucketTagging(at, who, region, thing)
		case 2:
			e = cttest.CreateTags(at, who, region, "vol-"+cttest.HexID(17, thing), tags)
		default:
			e = cttest.TagSecret(at, who, region, cttest.SecretARN("main", region, thing), tags)
		}
		m.seq++
		e.Seq = m.seq
		m.record(&e)
	}
}

// otherServices makes records that are counted and not kept.
func (m *maker) otherServices(n int) {
	for range n {
		account := pick(m.Rand, owners)
		e := cttest.PutObject(m.when(), cttest.AssumedRole(account, "app", "s"), pick(m.Rand, regions), "bucket", "object", "")
		m.seq++
		e.Seq = m.seq
		m.record(&e)
	}
}

// bareShadows makes NetworkActivity records of calls that have no record
// themselves.
func (m *maker) bareShadows(n int) {
	for range n {
		e := m.event("Decrypt", pick(m.Rand, owners))
		e.Caller = m.member(pick(m.Rand, owners))
		shadow := cttest.Network(e, pick(m.Rand, owners))
		m.record(&shadow)
	}
}
