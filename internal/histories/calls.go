package histories

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

// Failures that leave the request in the record, and those of ciphertexts and
// of permissions, which may not.
var (
	failures = []string{
		"throttled", "throttled", "disabled", "pending_deletion", "pending_import", "unavailable", "internal", "dependency_timeout", "key_unavailable",
	}
	decryptFailures = []string{"bad_ciphertext", "wrong_key", "not_found"}
	denials         = []string{"denied", "denied_resource", "denied_session", "denied_scp", "denied_old"}
	// keylessDenials are of records that name no key at all.
	keylessDenials = []string{"denied_unknown_key", "denied_endpoint"}
)

// useKeys makes calls within accounts: by their principals, by services with a
// principal's session, by service principals.
func (m *maker) useKeys(n int) {
	operations := slices.DeleteFunc(cttest.Operations(), changes)
	for range n {
		name := pick(m.Rand, []string{"Decrypt", "Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncrypt"})
		if m.chance(0.3) {
			name = pick(m.Rand, operations)
		}
		account := pick(m.Rand, owners)
		e := m.event(name, account)
		switch {
		case e.Key == "" || !symmetric(name):
		case m.chance(0.15):
			e = cttest.ByService(e, pick(m.Rand, cttest.Services()), "thing-"+fmt.Sprint(m.IntN(4)))
		case m.chance(0.25):
			e = cttest.Via(e, pick(m.Rand, cttest.Services()), "thing-"+fmt.Sprint(m.IntN(4)))
		}
		m.fail(&e)
		m.add(e)
	}
}

// changes says whether an operation is made by changeKeys.
func changes(name string) bool { return slices.Contains(keyChanges, name) }

// event is a call of an operation within an account, on one of its keys.
func (m *maker) event(name, account string) cttest.Event {
	m.seq++
	e := cttest.Sample(name, account, m.when())
	e.Seq = m.seq
	e.Version = pick(m.Rand, []string{"1.08", "1.09", "1.11", "1.11"})
	if !slices.Contains(cttest.ServiceEvents(), name) {
		e.Caller = m.caller(account)
		if e.Caller.Account == "" {
			e.Recipient = cttest.Account(account)
		}
	}
	e.Region = pick(m.Rand, regions)
	if e.Key == "" {
		return e
	}
	if symmetric(name) || !cryptographic(name) && e.Destination == "" {
		e.Key = cttest.KeyARN(account, e.Region, pick(m.Rand, keyNames))
	}
	if name == "ReEncrypt" {
		e.Destination = cttest.KeyARN(account, e.Region, pick(m.Rand, keyNames))
	}
	e.Region = cttest.KeyRegion(e.Key)
	if e.Context != nil && m.chance(0.5) {
		e.Context = cttest.Pairs("tenant", pick(m.Rand, []string{"blue", "green"}), "n", fmt.Sprint(m.IntN(20)))
	}
	if alias := "alias/" + pick(m.Rand, aliasNames); name == "Encrypt" && m.chance(0.4) {
		e.KeyRef = alias
		if m.chance(0.5) {
			e.KeyRef = cttest.AliasARN(account, e.Region, alias)
		}
	}
	return e
}

// fail makes some calls fail.
func (m *maker) fail(e *cttest.Event) {
	switch {
	case e.Key == "" || e.Name == "CreateKey" || slices.Contains(cttest.ServiceEvents(), e.Name):
	case m.chance(0.12):
		e.Failure = pick(m.Rand, failures)
	case !symmetric(e.Name):
	case m.chance(0.06):
		e.Failure = pick(m.Rand, denials)
	case m.chance(0.02):
		e.Failure = pick(m.Rand, keylessDenials)
	case m.chance(0.04):
		e.DryRun = true
	case e.Name == "Decrypt" && m.chance(0.06):
		e.Failure = pick(m.Rand, decryptFailures)
	}
}

// crossAccounts makes calls on keys of other accounts, among them ReEncrypt
// over two and three accounts.
func (m *maker) crossAccounts(n int) {
	for range n {
		callers := pick(m.Rand, []string{"main", "second", "foreign", "partner"})
		owner := pick(m.Rand, owners)
		e := m.event(pick(m.Rand, []string{"Decrypt", "GenerateDataKey", "ReEncrypt", "ReEncrypt", "CreateGrant", "RetireGrant", "DescribeKey"}), owner)
		e.Caller, e.Recipient = m.member(callers), ""
		e.KeyRef = ""
		if e.Name == "ReEncrypt" {
			e.Destination = cttest.KeyARN(pick(m.Rand, owners), e.Region, pick(m.Rand, keyNames))
		}
		if strings.HasSuffix(e.Name, "Grant") {
			e.GrantID = m.grant(e.Key)
		} else if m.chance(0.2) {
			e = cttest.Via(e, pick(m.Rand, []string{"s3", "dynamodb", "lambda"}), "thing")
		}
		m.fail(&e)
		m.add(e)
	}
}

// add makes the records of a call and notes what is known of it.
func (m *maker) add(e cttest.Event) {
	if cryptographic(e.Name) && (e.Failure == "" || e.Failure == "throttled") {
		e.Store = storeOf(e.Key)
	}
	copies := cttest.Copies(e)
	call := m.call(e, copies[0].Recipient)
	// One copy at least arrives.
	m.Shuffle(len(copies), func(i, j int) { copies[i], copies[j] = copies[j], copies[i] })
	if len(copies) > 1 && m.chance(0.4) {
		copies = copies[:1+m.IntN(len(copies)-1)]
	}
	for i := range copies {
		if copies[i].Recipient == "" {
			copies[i].Recipient = call.Payer
		}
		call.Delivered = append(call.Delivered, copies[i].Recipient)
	}
	call.Records = len(copies)
	switch {
	case m.chance(0.06):
		m.correct(&call, copies)
	default:
		for i := range copies {
			m.record(&copies[i])
		}
	}
	if e.Caller.Account != "" && m.chance(0.08) {
		shadow := cttest.Network(e, pick(m.Rand, owners))
		m.record(&shadow)
	}
	m.h.Calls = append(m.h.Calls, call)
}

// call notes what the generator knows of an event.
func (m *maker) call(e cttest.Event, recipient string) Call {
	c := Call{
		Time: e.Time, Name: e.Name, Region: e.Region,
		Caller: callerID(&e.Caller), Account: e.Caller.Account,
		Payer: e.Caller.Account, Quota: quotaOf(&e),
		Failed: e.Failure != "" || e.DryRun, Throttled: e.Failure == "throttled",
	}
	if cryptographic(e.Name) {
		c.Store = e.Store
	}
	if c.Payer == "" {
		c.Payer = recipient
	}
	if c.Payer == "" {
		c.Payer = cttest.KeyAccount(e.Key)
	}
	if e.Key != "" && !slices.Contains(keylessDenials, e.Failure) {
		c.Keys = []string{e.Key}
		// The message of a denied call names one key.
		if e.Name == "ReEncrypt" && e.Destination != e.Key && !slices.Contains(denials, e.Failure) {
			c.Keys = append(c.Keys, e.Destination)
		}
	}
	return c
}

// record adds a record that arrives some time after its event.
func (m *maker) record(e *cttest.Event) *Record {
	body := e.JSON()
	account := e.Recipient
	if account == "" {
		account = e.Caller.Account
	}
	if account == "" {
		account = cttest.KeyAccount(e.Key)
	}
	m.h.Records = append(m.h.Records, Record{
		ID: idOf(body), JSON: body, Account: account, Region: regionOf(e), Delivered: m.arrival(e.Time),
		KMS: e.Source == "" || e.Source == "kms.amazonaws.com", Shadow: e.Category == "NetworkActivity", Time: e.Time,
	})
	return &m.h.Records[len(m.h.Records)-1]
}

func regionOf(e *cttest.Event) string {
	if e.Region != "" {
		return e.Region
	}
	if r := cttest.KeyRegion(e.Key); r != "" {
		return r
	}
	return "us-east-1"
}

// correct delivers the records of a call and their corrections, which may come
// long before what they correct, or alone. A call that has a single record may
// turn out to have been at another time.
func (m *maker) correct(call *Call, copies []cttest.Event) {
	shift := time.Duration(0)
	if len(copies) == 1 && m.chance(0.7) {
		shift = pick(m.Rand, []time.Duration{-time.Second, time.Second, time.Minute, -time.Hour, 25 * time.Hour, -24 * time.Hour})
	}
	throttled := !call.Failed && call.Quota != "" && m.chance(0.3)
	inPlace := shift == 0 && m.chance(0.3)
	for i := range copies {
		old := copies[i]
		id := idOf(old.JSON())
		old.ID = id
		if m.chance(0.85) {
			m.record(&old).Replaced = true
		}
		e := old
		if !inPlace {
			e.ID = cttest.UUID("correction", id)
		}
		e.Time = e.Time.Add(shift)
		if throttled {
			e.Failure = "throttled"
		}
		e.IP = "198.51.100.7"
		e.Extra = `"addendum":{"reason":"UPDATED_DATA","updatedFields":"eventTime,sourceIPAddress","originalRequestID":"","originalEventID":"` + id + `"}`
		m.record(&e)
	}
	call.Time = call.Time.Add(shift)
	if throttled {
		call.Failed, call.Throttled = true, true
	}
}
