package ingest

import (
	"bytes"
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// refKnown are the top-level members that have a meaning of their own.
var refKnown = strings.Fields(`eventVersion userIdentity eventTime eventSource eventName awsRegion sourceIPAddress userAgent
	errorCode errorMessage requestParameters responseElements additionalEventData requestID eventID readOnly resources
	eventType managementEvent recipientAccountId sharedEventID vpcEndpointId vpcEndpointAccountId eventCategory addendum
	sessionCredentialFromConsole tlsDetails serviceEventDetails`)

// refRecord reads one record.
type refRecord struct {
	self   map[string]bool
	raw    refValue
	top    map[string]refMember
	others []refMember
	twice  bool // a known member is there more than once

	text    map[string]string // by column, or by a name of ours; "" is absent
	pairs   map[string][]refPair
	has     map[string]bool // maps and lists that are there, also empty
	ops     []string
	row     refRow
	notes   []string
	failure string
	rest    *refNode
	parents []*refNode
}

func newRefRecord(self map[string]bool, v refValue, members []refMember) *refRecord {
	x := &refRecord{
		self: self, raw: v, top: map[string]refMember{}, text: map[string]string{}, pairs: map[string][]refPair{},
		has: map[string]bool{}, row: refRow{}, rest: &refNode{},
	}
	for _, m := range members {
		if !slices.Contains(refKnown, m.name) {
			x.others = append(x.others, m)
			continue
		}
		_, before := x.top[m.name]
		x.twice = x.twice || before
		x.top[m.name] = m
	}
	return x
}

func (x *refRecord) fail(reason string) {
	if x.failure == "" {
		x.failure = reason
	}
}

func (x *refRecord) note(reason string) {
	if len(x.notes) < maxNotes {
		x.notes = append(x.notes, reason)
	}
}

// content is what a column takes of a string.
func (x *refRecord) content(v refValue) string {
	if len(v.raw)-2 > maxStringBytes {
		x.fail("string_too_long")
		return ""
	}
	if !refClean(v.raw) {
		x.note("invalid_utf8")
	}
	return v.decoded()
}

// keep puts a member into the remainder. Nulls carry nothing.
func (x *refRecord) keep(m refMember) {
	if m.value.isNull() || len(m.value.raw) == 0 {
		return
	}
	if !utf8.Valid(m.value.raw) || !m.clean {
		x.note("invalid_utf8")
	}
	x.rest.children = append(x.rest.children, &refNode{name: replacedRuns.ReplaceAllString(m.name, "\uFFFD"), leaf: refCanonical(m.value)})
}

// odd keeps what is of another type than it should be, and says so.
func (x *refRecord) odd(m refMember) {
	if !m.value.isNull() {
		x.note("wrong_type")
		x.keep(m)
	}
}

func (x *refRecord) begin(name string) {
	x.parents = append(x.parents, x.rest)
	x.rest = &refNode{name: name}
}

func (x *refRecord) end() {
	child, last := x.rest, len(x.parents)-1
	x.rest, x.parents = x.parents[last], x.parents[:last]
	if len(child.children) > 0 {
		x.rest.children = append(x.rest.children, child)
	}
}

// set stores a string; the first value counts.
func (x *refRecord) set(column string, m refMember) {
	switch {
	case m.value.isNull():
	case !m.value.isString():
		x.odd(m)
	case x.text[column] != "":
		x.note("duplicate_member")
		x.keep(m)
	default:
		x.text[column] = x.content(m.value)
	}
}

// first stores a value that is the first, or the same as the first.
func (x *refRecord) first(column, s string, m refMember) {
	if before := x.text[column]; before != "" && before != s {
		x.note("duplicate_member")
		x.keep(m)
		return
	}
	x.text[column] = s
}

// setFlag stores true or false, also when it is written as a string.
func (x *refRecord) setFlag(column string, m refMember) {
	is := strings.Trim(string(m.value.raw), `"`)
	if is != "true" && is != "false" {
		x.odd(m)
		return
	}
	x.first(column, is, m)
}

// setInt stores a number of at most nine digits. Columns have no 0.
func (x *refRecord) setInt(column string, m refMember) {
	if !regexp.MustCompile(`^[0-9]{1,9}$`).Match(m.value.raw) {
		x.odd(m)
		return
	}
	if n := string(m.value.raw); n == "0" {
		x.keep(m)
	} else {
		x.first(column, n, m)
	}
}

func (x *refRecord) setTime(column string, m refMember, parse func(string) (int64, bool)) {
	var s string
	switch {
	case m.value.isString():
		s = x.content(m.value)
	case !m.value.isObject() && !m.value.isArray():
		s = string(m.value.raw)
	}
	us, ok := parse(s)
	switch {
	case !ok:
		x.odd(m)
	case us == 0:
		x.keep(m)
	default:
		x.first(column, strconv.FormatInt(us, 10), m)
	}
}

// each visits the members of a top-level object below which things are kept.
func (x *refRecord) each(name string, visit func(m refMember), after ...func()) {
	m := x.top[name]
	if !m.value.isObject() {
		x.keep(m)
		return
	}
	x.begin(name)
	for _, inner := range m.value.members() {
		visit(inner)
	}
	for _, f := range after {
		f()
	}
	x.end()
}

// head reads what no record can be stored without; false when it fails.
func (x *refRecord) head() bool {
	switch {
	case x.twice:
		x.fail("duplicate_member")
	case len(x.raw.raw) > maxRecordBytes:
		x.fail("too_large")
	case x.raw.depth() > maxRecordDepth:
		x.fail("too_deep")
	}
	if x.failure != "" {
		return false
	}
	for _, need := range []struct{ name, missing string }{
		{"eventID", "no_event_id"}, {"eventTime", "bad_event_time"}, {"eventName", "wrong_type"}, {"awsRegion", "wrong_type"},
	} {
		switch v := x.top[need.name].value; {
		case len(v.raw) == 0 || v.isNull() || string(v.raw) == `""`:
			x.fail(need.missing)
		case !v.isString():
			x.fail("wrong_type")
		default:
			x.text[need.name] = x.content(v)
		}
	}
	if x.failure != "" {
		return false
	}
	at, ok := refTime(x.text["eventTime"])
	x.row["event_id"] = refGUID(x.text["eventID"])
	x.row["event_time"] = strconv.FormatInt(at, 10)
	x.text["event_name"], x.text["region"] = x.text["eventName"], x.text["awsRegion"]
	if x.row["event_id"] == "" {
		x.fail("bad_event_id")
	}
	if !ok {
		x.fail("bad_event_time")
	}
	return x.failure == ""
}

// plain reads the top-level members that are strings, flags and ids.
func (x *refRecord) plain() {
	for _, c := range [][2]string{
		{"eventVersion", "event_version"}, {"eventType", "event_type"}, {"eventCategory", "event_category"},
		{"sourceIPAddress", "source_ip_address"}, {"userAgent", "user_agent"}, {"errorCode", "error_code"},
		{"errorMessage", "error_message"}, {"recipientAccountId", "recipient_account_id"},
		{"vpcEndpointId", "vpc_endpoint_id"}, {"vpcEndpointAccountId", "vpc_endpoint_account_id"},
	} {
		if m, ok := x.top[c[0]]; ok {
			x.set(c[1], m)
		}
	}
	for _, c := range [][2]string{{"readOnly", "read_only"}, {"sessionCredentialFromConsole", "console_session"}} {
		if m, ok := x.top[c[0]]; ok {
			x.setFlag(c[1], m)
		}
	}
	for _, c := range [][2]string{{"requestID", "request_id"}, {"sharedEventID", "shared_event_id"}} {
		m := x.top[c[0]]
		if m.value.isString() {
			if id := refGUID(m.value.decoded()); id != "" {
				x.row[c[1]] = id
				continue
			}
		}
		if string(m.value.raw) != `""` {
			x.keep(m)
		}
	}
	// managementEvent says what eventCategory says.
	if m := x.top["managementEvent"]; string(m.value.raw) != "true" || x.text["event_category"] != "Management" {
		x.keep(m)
	}
}

func (x *refRecord) identity() {
	var principal, user refMember
	x.each("userIdentity", func(m refMember) {
		switch m.name {
		case "type":
			x.set("caller_type", m)
		case "arn":
			x.set("caller_arn", m)
		case "accountId":
			x.set("caller_account_id", m)
		case "principalId":
			x.set("principalId", m)
			principal = m
		case "accessKeyId":
			x.set("access_key_id", m)
		case "invokedBy":
			x.set("invoked_by", m)
		case "userName":
			x.set("userName", m)
			user = m
		case "sessionContext":
			x.session(m)
		default:
			x.keep(m)
		}
	}, func() { x.principal(principal, user) })
}

func (x *refRecord) principal(principal, user refMember) {
	id, session, ok := strings.Cut(x.text["principalId"], ":")
	if ok && strings.HasPrefix(id, "AROA") {
		x.text["principal_id"], x.text["session_name"] = id, session
	} else {
		x.text["principal_id"] = x.text["principalId"]
	}
	// arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION
	if parts := regexp.MustCompile(`(?s)^(.*?):assumed-role/([^/]*)/(.*)$`).FindStringSubmatch(x.text["caller_arn"]); parts != nil {
		if partition, account, ok := strings.Cut(parts[1], ":sts:"); ok {
			if s := x.text["session_name"]; ok && hasSession(x.text["principalId"]) && s != parts[3] {
				x.keep(principal)
			}
			x.text["session_name"] = parts[3]
			x.text["role_arn"] = partition + ":iam:" + account + ":role/" + parts[2]
		}
	}
	if x.text["issuer.type"] == "Role" && x.text["issuer.arn"] != "" {
		x.text["role_arn"] = x.text["issuer.arn"]
	}
	if x.text["principal_arn"] = x.text["role_arn"]; x.text["principal_arn"] == "" {
		x.text["principal_arn"] = x.text["caller_arn"]
	}
	if name := x.text["userName"]; name != "" && !strings.HasSuffix(x.text["principal_arn"], name) {
		x.keep(user)
	}
}

func hasSession(principalID string) bool {
	id, _, ok := strings.Cut(principalID, ":")
	return ok && strings.HasPrefix(id, "AROA")
}

func (x *refRecord) session(m refMember) {
	if !m.value.isObject() {
		x.odd(m)
		return
	}
	x.begin("sessionContext")
	defer x.end()
	for _, m := range m.value.members() {
		switch m.name {
		case "sessionIssuer":
			x.issuer(m)
		case "attributes":
			if !m.value.isObject() {
				x.odd(m)
				continue
			}
			x.begin("attributes")
			for _, m := range m.value.members() {
				switch m.name {
				case "creationDate":
					x.creationDate(m)
				case "mfaAuthenticated":
					x.setFlag("mfa", m)
				default:
					x.keep(m)
				}
			}
			x.end()
		case "sourceIdentity":
			x.set("source_identity", m)
		case "webIdFederationData":
			if !m.value.isObject() || len(m.value.members()) > 0 {
				x.keep(m)
			}
		default:
			x.keep(m)
		}
	}
}

// creationDate is an RFC 3339 time, or 20060102T150405Z.
func (x *refRecord) creationDate(m refMember) {
	if !m.value.isString() {
		x.odd(m)
		return
	}
	x.setTime("session_start", m, func(s string) (int64, bool) {
		if c := regexp.MustCompile(`(?s)^(.{4})(..)(..)T(..)(..)(..)Z$`).FindStringSubmatch(s); c != nil && len(s) == 16 {
			s = c[1] + "-" + c[2] + "-" + c[3] + "T" + c[4] + ":" + c[5] + ":" + c[6] + "Z"
		}
		return refTime(s)
	})
}

// issuer reads the role behind a session. It is kept whole where it says more
// than the other columns do.
func (x *refRecord) issuer(m refMember) {
	if !m.value.isObject() {
		x.odd(m)
		return
	}
	for _, name := range []string{"type", "principalId", "arn", "accountId", "userName"} {
		delete(x.text, "issuer."+name)
	}
	extra, some := false, false
	for _, inner := range m.value.members() {
		column := "issuer." + inner.name
		known := slices.Contains([]string{"type", "principalId", "arn", "accountId", "userName"}, inner.name)
		if !known || !inner.value.isString() || x.text[column] != "" {
			extra = true
			continue
		}
		x.text[column] = x.content(inner.value)
		some = some || x.text[column] != ""
	}
	is := func(name string) string { return x.text["issuer."+name] }
	usual := !extra && is("type") == "Role" && is("arn") != "" && is("accountId") == x.text["caller_account_id"] &&
		is("userName") != "" && strings.HasSuffix(is("arn"), is("userName")) &&
		is("principalId") != "" && strings.HasPrefix(x.text["principalId"], is("principalId"))
	if (extra || some) && !usual {
		x.keep(m)
	}
}

func (x *refRecord) request() {
	x.each("requestParameters", func(m refMember) {
		switch m.name {
		case "keyId", "sourceKeyId":
			x.set("key_reference", m)
		case "targetKeyId":
			x.set("targetKeyId", m)
		case "destinationKeyId":
			x.set("destinationKeyId", m)
		case "encryptionContext", "sourceEncryptionContext":
			x.context("encryption_context", m)
		case "destinationEncryptionContext":
			x.context("destination_encryption_context", m)
		case "encryptionAlgorithm", "sourceEncryptionAlgorithm", "signingAlgorithm", "macAlgorithm", "keyAgreementAlgorithm", "encapsulationAlgorithm":
			x.set("algorithm", m)
		case "destinationEncryptionAlgorithm":
			x.keepUnless(x.text["algorithm"], m)
		case "keySpec", "keyPairSpec":
			x.set("key_spec", m)
		case "customerMasterKeySpec":
			if x.text["key_spec"] == "" {
				x.set("key_spec", m)
			} else {
				x.keepUnless(x.text["key_spec"], m)
			}
		case "dryRun":
			x.setFlag("dry_run", m)
		case "customKeyStoreId":
			x.set("custom_key_store_id", m)
		case "pendingWindowInDays":
			x.setInt("pending_window_days", m)
		case "rotationPeriodInDays":
			x.setInt("rotation_period_days", m)
		case "validTo":
			x.setTime("material_valid_to", m, refDate)
		case "grantId":
			x.set("grant_id", m)
		case "granteePrincipal":
			x.set("grantee_principal", m)
		case "granteeServicePrincipal":
			x.set("grantee_principal", m)
			x.keep(m)
		case "retiringPrincipal":
			x.set("retiring_principal", m)
		case "retiringServicePrincipal":
			x.set("retiring_principal", m)
			x.keep(m)
		case "operations":
			x.operations(m)
		case "aliasName":
			x.set("alias_name", m)
		case "tags":
			x.tags(m)
		case "tagKeys":
			x.removedTags(m)
		case "policy":
			x.set("key_policy", m)
		case "policyName":
			x.keepUnless("default", m)
		case "keyUsage":
			x.set("key_usage", m)
		case "origin":
			x.set("key_origin", m)
		case "multiRegion":
			x.setFlag("multi_region", m)
		default:
			x.keep(m)
		}
	})
}

// keepUnless keeps what another column does not imply.
func (x *refRecord) keepUnless(implied string, m refMember) {
	if !m.value.isString() || implied == "" || m.value.decoded() != implied {
		x.keep(m)
	}
}

func (x *refRecord) context(column string, m refMember) {
	if m.value.isNull() {
		return
	}
	if !m.value.isObject() || x.has[column] {
		x.odd(m)
		return
	}
	x.has[column] = true
	whole := false
	for _, e := range m.value.members() {
		if !e.clean {
			x.note("invalid_utf8")
		}
		switch {
		case !e.value.isString() || len(x.pairs[column]) >= maxPairs:
			x.note("wrong_type")
			whole = true
		case refHas(x.pairs[column], e.name):
			x.note("duplicate_context_key")
			whole = true
		default:
			x.pairs[column] = append(x.pairs[column], refPair{key: e.name, value: x.content(e.value)})
		}
	}
	if whole {
		x.keep(m)
	}
}

func (x *refRecord) operations(m refMember) {
	if !m.value.isArray() {
		x.odd(m)
		return
	}
	x.has["grant_operations"] = true
	for _, e := range m.value.elements() {
		if !e.isString() || len(x.ops) >= maxPairs {
			x.odd(m)
			return
		}
		x.ops = append(x.ops, x.content(e))
	}
}

// tags reads [{"tagKey": …, "tagValue": …}, …]; what says more is kept as well.
func (x *refRecord) tags(m refMember) {
	if !m.value.isArray() {
		x.odd(m)
		return
	}
	x.has["tags"] = true
	usual := true
	for _, e := range m.value.elements() {
		var key, value *string
		if e.isObject() {
			for _, t := range e.members() {
				var dst **string
				switch strings.ToLower(t.name) {
				case "tagkey", "key":
					dst = &key
				case "tagvalue", "value":
					dst = &value
				}
				if dst == nil || *dst != nil || !t.value.isString() {
					usual = false
					continue
				}
				s := x.content(t.value)
				*dst = &s
			}
		}
		if key == nil || *key == "" || value == nil || refHas(x.pairs["tags"], *key) || len(x.pairs["tags"]) >= maxPairs {
			usual = false
			continue
		}
		x.pairs["tags"] = append(x.pairs["tags"], refPair{key: *key, value: *value})
	}
	if !usual {
		x.odd(m)
	}
}

func (x *refRecord) removedTags(m refMember) {
	if !m.value.isArray() {
		x.odd(m)
		return
	}
	x.has["tags"] = true
	for _, e := range m.value.elements() {
		if !e.isString() || len(x.pairs["tags"]) >= maxPairs {
			x.odd(m)
			return
		}
		if key := x.content(e); key != "" && !refHas(x.pairs["tags"], key) {
			x.pairs["tags"] = append(x.pairs["tags"], refPair{key: key, removed: true})
		}
	}
}

func (x *refRecord) response() {
	x.each("responseElements", func(m refMember) {
		switch m.name {
		case "keyId":
			x.set("response.keyId", m)
		case "keyMetadata", "replicaKeyMetadata":
			if m.value.isObject() {
				for _, e := range m.value.members() {
					switch {
					case e.name == "arn" && e.value.isString():
						x.text[m.name] = x.content(e.value)
					case e.name == "keyState" && m.name == "keyMetadata" && e.value.isString():
						x.text["key_state"] = x.content(e.value)
					}
				}
			}
			x.keep(m)
		case "grantId":
			x.override("grant_id", m)
		case "keyState":
			x.set("key_state", m)
		case "deletionDate":
			x.setTime("deletion_date", m, refDate)
		case "pendingWindowInDays":
			x.setInt("pending_window_days", m)
		case "keyMaterialId":
			x.set("key_material_id", m)
		default:
			x.keep(m)
		}
	})
}

// override takes what the answer says before what the request says.
func (x *refRecord) override(column string, m refMember) {
	if was := "request." + column; m.value.isString() && x.text[was] == "" {
		x.text[was] = x.text[column]
		delete(x.text, column)
	}
	x.set(column, m)
}

func (x *refRecord) additional() {
	x.each("additionalEventData", func(m refMember) {
		switch m.name {
		case "keyMaterialId", "sourceKeyMaterialId":
			x.set("key_material_id", m)
		case "customKeyStoreId":
			x.override("custom_key_store_id", m)
		case "grantId":
			x.set("grant_id", m)
		case "recipient":
			if m.value.isObject() {
				for _, e := range m.value.members() {
					if e.name == "attestationDocumentEnclaveImageDigest" && e.value.isString() {
						x.text["enclave_image_digest"] = x.content(e.value)
					}
				}
			}
			x.keep(m)
		default:
			x.keep(m)
		}
	})
}

func (x *refRecord) serviceEvent() {
	m := x.top["serviceEventDetails"]
	if !m.value.isObject() {
		x.keep(m)
		return
	}
	members := m.value.members()
	for _, e := range members {
		if !e.value.isString() {
			continue
		}
		switch e.name {
		case "keyId":
			x.text["service.keyId"] = x.content(e.value)
		case "currentKeyMaterialId", "keyMaterialId":
			x.text["key_material_id"] = x.content(e.value)
		}
	}
	if len(members) != 1 || x.text["service.keyId"] == "" {
		x.keep(m)
	}
}

func (x *refRecord) tls() {
	x.each("tlsDetails", func(m refMember) {
		switch m.name {
		case "tlsVersion":
			x.set("tls_version", m)
		case "cipherSuite":
			x.set("tls_cipher_suite", m)
		case "keyExchange":
			x.set("tls_key_exchange", m)
		case "clientProvidedHostHeader":
			if !m.value.isString() || m.value.decoded() != "kms."+x.text["region"]+".amazonaws.com" {
				x.keep(m)
			}
		default:
			x.keep(m)
		}
	})
}

func (x *refRecord) addendum() {
	m := x.top["addendum"]
	x.keep(m)
	if !m.value.isObject() {
		return
	}
	var reason, original string
	for _, e := range m.value.members() {
		s := ""
		if e.value.isString() {
			s = e.value.decoded()
		}
		switch e.name {
		case "reason":
			reason = s
		case "originalEventID":
			original = refGUID(s)
		}
	}
	if reason == "UPDATED_DATA" && original != "" {
		x.row["supersedes_event_id"] = original
	}
}

// resources lists the keys among the resources. The list is kept unless the key
// columns say all of it.
func (x *refRecord) resources() (keys []string) {
	m := x.top["resources"]
	if !m.value.isArray() {
		if len(m.value.raw) > 0 {
			x.odd(m)
		}
		return nil
	}
	entries := m.value.elements()
	plain := true
	for i, e := range entries {
		if i >= maxPairs || !e.isObject() {
			plain = false
			if i >= maxPairs {
				break
			}
			continue
		}
		var arn, account, typ string
		for _, f := range e.members() {
			if !f.value.isString() {
				plain = false
				continue
			}
			switch f.name {
			case "ARN", "arn", "ResourceName":
				arn = x.content(f.value)
				plain = plain && f.name == "ARN"
			case "accountId":
				account = x.content(f.value)
			case "type":
				typ = x.content(f.value)
			default:
				plain = false
			}
		}
		isKey := strings.Contains(arn, ":key/")
		plain = plain && isKey && typ == "AWS::KMS::Key" && account == refARN(arn, 4)
		if isKey {
			keys = append(keys, arn)
		}
	}
	repeated := len(entries) == 1 || len(entries) == 2 && len(keys) == 2 && x.text["event_name"] == "ReEncrypt"
	if len(entries) > 0 && !(plain && repeated) {
		x.keep(m)
	}
	return keys
}

// fullARN makes an ARN of a key's ARN or id; "" for an alias.
func (x *refRecord) fullARN(ref string) string {
	if strings.HasPrefix(ref, "arn:") && strings.Contains(ref, ":key/") {
		return ref
	}
	account := x.text["caller_account_id"]
	if account == "" {
		account = x.text["recipient_account_id"]
	}
	region, partition := x.text["region"], "aws"
	if refGUID(ref) == "" && !regexp.MustCompile(`^mrk-[0-9a-fA-F]{32}$`).MatchString(ref) || account == "" {
		return ""
	}
	if strings.HasPrefix(region, "cn-") {
		partition = "aws-cn"
	} else if strings.HasPrefix(region, "us-gov-") {
		partition = "aws-us-gov"
	}
	return "arn:" + partition + ":kms:" + region + ":" + account + ":key/" + ref
}

// key finds the key in the order of trust that key_resolved_by names.
func (x *refRecord) key(keys []string) {
	if x.text["key_reference"] == "" {
		x.text["key_reference"] = x.text["targetKeyId"]
	} else if x.text["targetKeyId"] != "" {
		x.note("wrong_type")
	}
	reference, destination := x.text["key_reference"], x.text["destinationKeyId"]
	arn, dest := "", ""
	if len(keys) > 0 {
		arn = keys[0]
		switch {
		case x.text["event_name"] != "ReEncrypt":
			for _, k := range keys[1:] {
				if reference != "" && strings.HasSuffix(k, reference) {
					arn = k
				}
			}
		case len(keys) > 1:
			dest = keys[1]
		case destination != "" && strings.HasSuffix(arn, destination) && reference == "":
			arn, dest = "", keys[0]
		}
	}
	by := "resources"
	for _, place := range []struct{ by, ref string }{
		{"response", x.text["keyMetadata"]}, {"response", x.text["response.keyId"]}, {"request", reference},
		{"service_event", x.text["service.keyId"]}, {"error_message", keyARNPattern.FindString(x.text["error_message"])},
	} {
		if arn == "" {
			arn, by = x.fullARN(place.ref), place.by
		}
	}
	if arn != "" {
		x.text["key_resolved_by"], x.text["key_arn"] = by, arn
		_, x.text["key_id"], _ = strings.Cut(arn, ":key/")
		x.text["key_region"], x.text["key_account_id"] = refARN(arn, 3), refARN(arn, 4)
	}
	for _, ref := range []string{destination, x.text["replicaKeyMetadata"]} {
		if dest == "" {
			dest = x.fullARN(ref)
		}
	}
	x.text["destination_key_arn"], x.text["destination_key_account_id"] = dest, refARN(dest, 4)
	// Names of keys that are in no column so far.
	keepName := func(name, ref string, known ...string) {
		if ref != "" && !slices.Contains(known, ref) {
			x.rest.children = append(x.rest.children, &refNode{name: name, leaf: quoted(replacedRuns.ReplaceAllString(ref, "\uFFFD"))})
		}
	}
	keepName("requestParameters.targetKeyId", x.text["targetKeyId"], x.text["key_reference"])
	keepName("requestParameters.grantId", x.text["request.grant_id"], x.text["grant_id"])
	keepName("requestParameters.customKeyStoreId", x.text["request.custom_key_store_id"], x.text["custom_key_store_id"])
	if details := x.top["serviceEventDetails"].value; details.isObject() && len(details.members()) == 1 {
		keepName("serviceEventDetails.keyId", x.text["service.keyId"], arn, x.text["key_id"])
	}
	keepName("responseElements.keyId", x.text["response.keyId"], arn, x.text["key_id"])
	keepName("requestParameters.destinationKeyId", destination, dest)
}

// service names the AWS service behind the call.
func (x *refRecord) service() string {
	by := x.text["invoked_by"]
	if by == "" && x.text["caller_type"] == "AWSService" {
		by = x.text["source_ip_address"]
	}
	switch {
	case by == "":
		return ""
	case !strings.HasPrefix(by, "AWS Internal") && by != "internal.amazonaws.com":
		name, ok := strings.CutSuffix(by, ".amazonaws.com")
		if !ok {
			if name, ok = strings.CutSuffix(by, ".amazonaws.com.cn"); !ok {
				return by
			}
		}
		if i := strings.Index(name, "."); i > 0 {
			name = name[:i]
		}
		if other := principalServices[name]; other != "" {
			return other
		}
		return name
	case x.text["caller_type"] == "":
		return "kms"
	}
	for _, s := range contextServices {
		if refHas(x.pairs["encryption_context"], s.key) {
			return s.service
		}
	}
	if strings.Contains(x.text["role_arn"], "role/aws:ec2-infrastructure") {
		return "ebs"
	}
	return "aws_internal"
}

func (x *refRecord) actorKind() string {
	role, typ := x.text["role_arn"], x.text["caller_type"]
	switch typ {
	case "AWSService":
		return "aws_service"
	case "":
		if x.text["invoked_by"] != "" {
			return "aws_service"
		}
		return "unknown"
	case "Root", "IdentityCenterUser", "Directory", "SAMLUser":
		return "human"
	case "AWSAccount", "Unknown":
		return "unknown"
	}
	switch {
	case strings.Contains(role, ":role/aws:"), strings.Contains(role, ":role/aws-service-role/"), strings.Contains(role, "/AWSServiceRoleFor"):
		return "aws_service"
	case x.text["console_session"] == "true", x.text["mfa"] == "true", strings.Contains(role, "/AWSReservedSSO_"),
		strings.Index(x.text["session_name"], "@") > 0,
		typ == "IAMUser" && strings.HasPrefix(x.text["access_key_id"], "ASIA"):
		return "human"
	}
	return "workload"
}

func (x *refRecord) errorClass() string {
	code, message := x.text["error_code"], x.text["error_message"]
	switch code {
	case "":
		return ""
	case "DryRunOperationException", "DryRunOperation":
		return "dry_run"
	case "AccessDenied", "AccessDeniedException", "VpceAccessDenied":
		return "denied"
	case "ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException":
		return "throttled"
	case "InvalidCiphertextException":
		return "bad_ciphertext"
	case "IncorrectKeyException":
		return "wrong_key"
	case "NotFoundException":
		return "not_found"
	}
	if code == "DisabledException" || code == "KMSInvalidStateException" {
		switch {
		case strings.Contains(message, " is pending deletion") || strings.Contains(message, " is pending replica deletion"):
			return "pending_deletion"
		case strings.Contains(message, " is pending import"):
			return "pending_import"
		case strings.Contains(message, " is disabled") || code == "DisabledException":
			return "disabled"
		}
	}
	return "other"
}

// copyOf tells which copy of the call the record is.
func (x *refRecord) copyOf() string {
	recipient := x.text["recipient_account_id"]
	same := func(account string) bool { return account == "" || account == recipient }
	called, owned := same(x.text["caller_account_id"]), same(x.text["key_account_id"])
	switch {
	case x.text["event_category"] == "NetworkActivity" || strings.HasPrefix(x.text["event_type"], "AwsVpceEvent"):
		return "network"
	case recipient == "", called && owned && same(x.text["destination_key_account_id"]):
		return "single"
	case called:
		return "caller"
	case owned && x.text["key_account_id"] != "":
		return "owner"
	}
	return "other"
}

// derived fills the columns that follow from the others.
func (x *refRecord) derived() {
	x.text["error_class"], x.text["service"], x.text["actor_kind"] = x.errorClass(), x.service(), x.actorKind()
	x.secrets()
	name := x.text["event_name"]
	x.text["record_copy"] = x.copyOf()
	quota, tier := "", ""
	switch op := operations[name]; {
	case op == nil && x.text["event_type"] == "AwsServiceEvent":
		x.text["operation_class"] = "service_event"
	case op == nil:
		x.text["operation_class"] = "unknown"
		quota, tier = refSnake(name), "standard"
	default:
		x.text["operation_class"] = op.class
		switch spec := x.text["key_spec"]; {
		case op.class == "service_event":
		case name == "GetPublicKey":
			quota, tier = "get_public_key", "asymmetric"
		case op.class != "cryptographic":
			quota, tier = refSnake(name), "standard"
		case strings.HasPrefix(name, "GenerateDataKeyPair"):
			quota, tier = keyPairQuotas[spec], "ecc_key_pair"
			if strings.HasPrefix(spec, "RSA") {
				tier = "rsa_key_pair"
			}
		default:
			quota, tier = "cryptographic_symmetric", "standard"
			for _, kind := range [][2]string{
				{"RSA", "rsa"}, {"ECDSA", "ecc"}, {"ECDH", "ecc"}, {"ED25519", "ecc"}, {"SM2", "ecc"}, {"ML_DSA", "ml_dsa"}, {"ML_KEM", "ml_kem"},
			} {
				if strings.HasPrefix(x.text["algorithm"], kind[0]) {
					quota, tier = "cryptographic_"+kind[1], "asymmetric"
				}
			}
		}
	}
	if x.text["record_copy"] != "network" {
		x.text["quota_name"], x.text["price_tier"] = quota, tier
	}
}

// refSnake writes DescribeKey as describe_key.
func refSnake(name string) string {
	s := regexp.MustCompile(`[A-Z]`).ReplaceAllStringFunc(name, func(c string) string { return "_" + strings.ToLower(c) })
	if len(name) > 0 && name[0] != '_' {
		s = strings.TrimPrefix(s, "_")
	}
	return s
}

// kms reads a record of KMS and fills its row.
func (x *refRecord) kms() {
	if !x.head() {
		return
	}
	x.plain()
	x.identity()
	x.request()
	x.response()
	x.additional()
	x.serviceEvent()
	x.tls()
	x.addendum()
	keys := x.resources()
	for _, m := range x.others {
		x.keep(m)
	}
	x.key(keys)
	x.derived()
	for _, column := range strings.Fields(`event_name event_type event_category event_version region recipient_account_id
		caller_account_id key_account_id record_copy caller_type caller_arn role_arn principal_arn principal_id session_name
		access_key_id source_identity invoked_by service actor_kind source_ip_address user_agent vpc_endpoint_id
		vpc_endpoint_account_id tls_version tls_cipher_suite tls_key_exchange error_code error_message error_class key_arn key_id
		key_region key_reference key_resolved_by destination_key_arn destination_key_account_id operation_class quota_name
		price_tier algorithm key_spec key_material_id custom_key_store_id enclave_image_digest grant_id grantee_principal
		retiring_principal alias_name key_policy key_state key_usage key_origin`) {
		if s := x.text[column]; s != "" {
			x.row[column] = quoted(s)
		}
	}
	for _, column := range strings.Fields(`read_only mfa console_session dry_run multi_region session_start deletion_date
		material_valid_to pending_window_days rotation_period_days`) {
		if s := x.text[column]; s != "" {
			x.row[column] = s
		}
	}
	x.row["is_self"] = strconv.FormatBool(x.self[x.text["principal_arn"]] || x.self[x.text["caller_arn"]])
	for _, column := range []string{"encryption_context", "destination_encryption_context", "tags", "context_secrets"} {
		if x.has[column] {
			x.row[column] = refMap(x.pairs[column])
		}
	}
	if x.has["grant_operations"] {
		x.row["grant_operations"] = refList(x.ops)
	}
	if len(x.rest.children) > 0 {
		text := x.rest.text()
		x.row["remainder"] = text[len(`"":`):]
	}
}

// secrets notes what looks like a secret in the encryption contexts.
func (x *refRecord) secrets() {
	for _, column := range []string{"encryption_context", "destination_encryption_context"} {
		for _, p := range x.pairs[column] {
			ofService := strings.HasPrefix(p.key, "aws:") || strings.HasPrefix(p.key, "aws-crypto-")
			for _, s := range contextServices {
				ofService = ofService || s.key == p.key
			}
			if ofService {
				continue
			}
			key, found := "*", refSecret(p.key, x.text["service"] == "")
			if found == "" {
				key, found = p.key, refSecret(p.value, x.text["service"] == "")
			}
			if found != "" && !refHas(x.pairs["context_secrets"], key) {
				x.has["context_secrets"] = true
				x.pairs["context_secrets"] = append(x.pairs["context_secrets"], refPair{key: key, value: found})
			}
		}
	}
}

// refSecret is the first kind of secret in s, and what may be shown of it.
func refSecret(s string, direct bool) string {
	if len(s) < 6 || strings.HasPrefix(s, "arn:") {
		return ""
	}
	s = s[:min(len(s), maxSecretText)]
	if privateKey.MatchString(s) {
		return "private_key -----BEGIN … PRIVATE KEY-----"
	}
	if m := jwtPattern.FindString(s); m != "" {
		return "jwt eyJ…, " + strconv.Itoa(len(m)) + " characters"
	}
	if m := accessKey.FindString(s); m != "" {
		return "access_key_id " + m[:4] + "…" + m[16:]
	}
	if last4 := refCard(s); last4 != "" {
		return "card_number …" + last4
	}
	if m := emailPattern.FindStringSubmatch(s); m != nil && strings.Index(s, "@") > 0 {
		return "email " + m[0][:1] + "…@" + m[1]
	}
	if direct {
		for _, word := range regexp.MustCompile(`[A-Za-z0-9_+/=-]+`).FindAllString(s, -1) {
			if refRandom(word) {
				return "high_entropy " + strconv.Itoa(len(word)) + " characters"
			}
		}
	}
	return ""
}

// cardDigits finds digits, alone or in groups.
var cardDigits = regexp.MustCompile(`^[2-6][0-9]*(?:[ -][0-9]+)*`)

// refCard returns the last digits of the first payment card number in s.
func refCard(s string) string {
	for i := range len(s) {
		if i > 0 && regexp.MustCompile(`[A-Za-z0-9_.-]`).MatchString(s[i-1:i]) {
			continue
		}
		run := cardDigits.FindString(s[i:])
		digits, end := "", 0
		for j := 0; j < len(run) && len(digits) < 20; j++ {
			if run[j] == ' ' || run[j] == '-' {
				if n := len(digits); n%4 != 0 && n != 10 {
					break
				}
				continue
			}
			digits, end = digits+run[j:j+1], i+j+1
		}
		behind := end < len(s) && regexp.MustCompile(`[A-Za-z0-9_]`).MatchString(s[end:end+1])
		if len(digits) < 20 && !behind && refCardNumber(digits) {
			return digits[len(digits)-4:]
		}
	}
	return ""
}

// refCardNumber knows card networks by length and first digits (ISO/IEC 7812),
// and checks the last digit.
func refCardNumber(digits string) bool {
	begins := func(lo, hi int) bool {
		n := len(strconv.Itoa(lo))
		v, err := strconv.Atoi(digits[:n])
		return err == nil && v >= lo && v <= hi
	}
	ok := false
	switch len(digits) {
	case 13, 19:
		ok = begins(4, 4)
	case 14:
		ok = begins(36, 36) || begins(38, 38) || begins(300, 305)
	case 15:
		ok = begins(34, 34) || begins(37, 37)
	case 16:
		ok = begins(4, 4) || begins(51, 55) || begins(2221, 2720) || begins(6011, 6011) || begins(65, 65) || begins(644, 649) || begins(3528, 3589)
	}
	if !ok || strings.Trim(digits, digits[:1]) == "" {
		return false
	}
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			d = []int{0, 2, 4, 6, 8, 1, 3, 5, 7, 9}[d]
		}
		sum += d
	}
	return sum%10 == 0
}

// refRandom reports whether a word looks drawn by lot.
func refRandom(word string) bool {
	if len(word) < minTokenLength {
		return false
	}
	lower := len(regexp.MustCompile(`[a-z]`).FindAllString(word, -1))
	upper := len(regexp.MustCompile(`[A-Z]`).FindAllString(word, -1))
	if lower*6 < len(word) || upper*6 < len(word) || !strings.ContainsAny(word, "0123456789") {
		return false
	}
	bits := 0.0
	for c := range 256 {
		if n := bytes.Count([]byte(word), []byte{byte(c)}); n > 0 {
			p := float64(n) / float64(len(word))
			bits -= p * math.Log2(p)
		}
	}
	return bits >= minTokenEntropy
}

// refObject reads a member with encoding/json; nil when it is no object.
func refObject(v refValue) map[string]any {
	var m map[string]any
	if v.isObject() {
		_ = json.Unmarshal(v.raw, &m)
	}
	return m
}
