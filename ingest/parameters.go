package ingest

import "bytes"

// requestParameters reads the request. Members that no column holds stay in
// the remainder.
func (d *decoder) requestParameters() {
	scan, ok := d.object(mRequestParameters)
	if !ok {
		return
	}
	d.rest.begin("requestParameters")
	for scan.next() {
		name, v := scan.name, scan.value
		d.parameter(name, v)
	}
	d.done(&scan)
	d.rest.end()
}

func (d *decoder) parameter(name, v value) {
	e := &d.e
	switch string(d.b[name.start:name.end]) {
	case "keyId", "sourceKeyId":
		d.set(&e.keyReference, name, v)
	case "targetKeyId":
		d.set(&d.targetKey, name, v)
	case "destinationKeyId":
		d.set(&d.destinationKey, name, v)
	case "encryptionContext", "sourceEncryptionContext":
		e.context, e.hasContext = d.pairs(e.context, name, v)
	case "destinationEncryptionContext":
		e.destContext, e.hasDest = d.pairs(e.destContext, name, v)
	case "encryptionAlgorithm", "sourceEncryptionAlgorithm", "signingAlgorithm", "macAlgorithm",
		"keyAgreementAlgorithm", "encapsulationAlgorithm":
		d.set(&e.algorithm, name, v)
	case "destinationEncryptionAlgorithm":
		// Nearly always that of the source, which has been read before it.
		d.keepUnless(e.algorithm, name, v)
	case "keySpec", "keyPairSpec":
		d.set(&e.keySpec, name, v)
	case "customerMasterKeySpec":
		// The deprecated twin of keySpec, which comes before or after it.
		if e.keySpec == nil {
			d.set(&e.keySpec, name, v)
		} else {
			d.keepUnless(e.keySpec, name, v)
		}
	case "dryRun":
		d.setFlag(&e.dryRun, name, v)
	case "customKeyStoreId":
		d.set(&e.keyStore, name, v)
	case "pendingWindowInDays":
		d.setInt(&e.pendingDays, name, v)
	case "rotationPeriodInDays":
		d.setInt(&e.rotationPeriod, name, v)
	case "validTo":
		d.setDate(&e.validTo, name, v)
	default:
		d.managementParameter(name, v)
	}
}

// managementParameter reads what grants, aliases, tags and policies need.
func (d *decoder) managementParameter(name, v value) {
	e := &d.e
	switch string(d.b[name.start:name.end]) {
	case "grantId":
		d.set(&e.grantID, name, v)
	case "granteePrincipal":
		d.set(&e.grantee, name, v)
	case "retiringPrincipal":
		d.set(&e.retiring, name, v)
	case "granteeServicePrincipal":
		d.set(&e.grantee, name, v)
		d.keep(name, v) // to tell it from granteePrincipal
	case "retiringServicePrincipal":
		d.set(&e.retiring, name, v)
		d.keep(name, v)
	case "operations":
		d.grantOperations(name, v)
	case "aliasName":
		d.set(&e.alias, name, v)
	case "tags":
		d.tags(name, v)
	case "tagKeys":
		d.removedTags(name, v)
	case "policy":
		d.set(&e.policy, name, v)
	case "policyName":
		d.keepUnless([]byte("default"), name, v) // the only name there is
	case "keyUsage":
		d.set(&e.keyUsage, name, v)
	case "origin":
		d.set(&e.keyOrigin, name, v)
	case "multiRegion":
		d.setFlag(&e.multiRegion, name, v)
	default:
		d.keep(name, v)
	}
}

// keepUnless keeps a member whose value is not what another column implies.
func (d *decoder) keepUnless(implied []byte, name, v value) {
	if v.kind != kindString || implied == nil || !bytes.Equal(d.b[v.start:v.end], implied) {
		d.keep(name, v)
	}
}

// pairs appends the entries of a string map. A key given twice keeps its
// first value; the record is noted.
func (d *decoder) pairs(dst []pair, name, v value) ([]pair, bool) {
	if v.kind == kindNull {
		return dst, false
	}
	if v.kind != kindObject || len(dst) > 0 {
		d.odd(name, v, "an object")
		return dst, len(dst) > 0
	}
	scan := objectIn(d.b, v)
	kept := false
	for scan.next() {
		key, val := scan.name, scan.value
		k := d.text(key)
		switch {
		case val.kind != kindString || len(dst) >= maxPairs:
			d.note("wrong_type", "the encryption context value at byte %d is not a string", val.start)
			kept = true
		case hasKey(dst, k):
			d.note("duplicate_context_key", "the encryption context has the key %q more than once; the first value counts", clip(k))
			kept = true
		default:
			if k == nil {
				k = []byte{}
			}
			s := d.text(val)
			if s == nil {
				s = []byte{}
			}
			dst = append(dst, pair{k, s})
		}
	}
	d.done(&scan)
	// The whole text would hold what is to be redacted.
	if kept && len(d.redact) == 0 {
		d.keep(name, v)
	}
	return dst, true
}

func hasKey(pairs []pair, key []byte) bool {
	for _, p := range pairs {
		if bytes.Equal(p.key, key) {
			return true
		}
	}
	return false
}

func (d *decoder) grantOperations(name, v value) {
	if v.kind != kindArray {
		d.odd(name, v, "an array")
		return
	}
	d.e.hasOperations = true
	scan := arrayIn(d.b, v)
	for scan.next() {
		op := scan.value
		if op.kind != kindString || len(d.e.grantOperations) >= maxPairs {
			d.odd(name, v, "an array of strings")
			return
		}
		d.e.grantOperations = append(d.e.grantOperations, d.text(op))
	}
}

// tags reads [{tagKey, tagValue}, …].
func (d *decoder) tags(name, v value) {
	if v.kind != kindArray {
		d.odd(name, v, "an array")
		return
	}
	d.e.hasTags = true
	scan := arrayIn(d.b, v)
	usual := true
	for scan.next() {
		el := scan.value
		key, val, ok := d.tag(el)
		if !ok || hasKey(d.e.tags, key) || len(d.e.tags) >= maxPairs {
			usual = false
			continue
		}
		d.e.tags = append(d.e.tags, pair{key, val})
	}
	if !usual {
		d.odd(name, v, "an array of distinct tags")
	}
}

// tag reads {tagKey, tagValue}, in any order and spelling AWS uses for it.
func (d *decoder) tag(v value) (key, val []byte, ok bool) {
	if v.kind != kindObject {
		return nil, nil, false
	}
	scan := objectIn(d.b, v)
	for scan.next() {
		name, v := scan.name, scan.value
		if v.kind != kindString {
			continue
		}
		switch string(bytes.ToLower(d.b[name.start:name.end])) {
		case "tagkey", "key":
			key = d.text(v)
		case "tagvalue", "value":
			if val = d.text(v); val == nil {
				val = []byte{}
			}
		}
	}
	return key, val, key != nil && val != nil
}

// removedTags reads UntagResource's tagKeys.
func (d *decoder) removedTags(name, v value) {
	if v.kind != kindArray {
		d.odd(name, v, "an array")
		return
	}
	d.e.hasTags = true
	scan := arrayIn(d.b, v)
	for scan.next() {
		el := scan.value
		if el.kind != kindString || len(d.e.tags) >= maxPairs {
			d.odd(name, v, "an array of strings")
			return
		}
		if key := d.text(el); key != nil && !hasKey(d.e.tags, key) {
			d.e.tags = append(d.e.tags, pair{key: key})
		}
	}
}

func (d *decoder) responseElements() {
	scan, ok := d.object(mResponseElements)
	if !ok {
		return
	}
	e := &d.e
	d.rest.begin("responseElements")
	for scan.next() {
		name, v := scan.name, scan.value
		switch string(d.b[name.start:name.end]) {
		case "keyId":
			d.set(&d.responseKey, name, v)
		case "keyMetadata":
			d.keyMetadata(&d.responseKey, v)
			d.keep(name, v)
		case "replicaKeyMetadata":
			d.keyMetadata(&d.replicaKey, v)
			d.keep(name, v)
		case "grantId":
			e.grantID = nil
			d.set(&e.grantID, name, v)
		case "keyState":
			d.set(&e.keyState, name, v)
		case "deletionDate":
			d.setDate(&e.deletionDate, name, v)
		case "pendingWindowInDays":
			d.setInt(&e.pendingDays, name, v)
		case "keyMaterialId":
			d.set(&e.keyMaterial, name, v)
		default:
			d.keep(name, v)
		}
	}
	d.done(&scan)
	d.rest.end()
}

// keyMetadata reads ARN and state; the caller keeps the whole object.
func (d *decoder) keyMetadata(arn *[]byte, v value) {
	if v.kind != kindObject {
		return
	}
	scan := objectIn(d.b, v)
	for scan.next() {
		name, v := scan.name, scan.value
		if v.kind != kindString {
			continue
		}
		switch string(d.b[name.start:name.end]) {
		case "arn":
			*arn = d.text(v)
		case "keyState":
			if arn == &d.responseKey {
				d.e.keyState = d.text(v)
			}
		}
	}
	d.done(&scan)
}

func (d *decoder) additionalEventData() {
	scan, ok := d.object(mAdditionalEventData)
	if !ok {
		return
	}
	e := &d.e
	d.rest.begin("additionalEventData")
	for scan.next() {
		name, v := scan.name, scan.value
		switch string(d.b[name.start:name.end]) {
		case "keyMaterialId", "sourceKeyMaterialId":
			d.set(&e.keyMaterial, name, v)
		case "customKeyStoreId":
			e.keyStore = nil
			d.set(&e.keyStore, name, v)
		case "grantId":
			d.set(&e.grantID, name, v)
		case "recipient":
			d.enclave(v)
			d.keep(name, v)
		default:
			d.keep(name, v)
		}
	}
	d.done(&scan)
	d.rest.end()
}

func (d *decoder) enclave(v value) {
	if v.kind != kindObject {
		return
	}
	scan := objectIn(d.b, v)
	for scan.next() {
		name, v := scan.name, scan.value
		if v.kind == kindString && string(d.b[name.start:name.end]) == "attestationDocumentEnclaveImageDigest" {
			d.e.enclaveDigest = d.text(v)
		}
	}
}

// serviceEventDetails names the key and its new material; the object is kept
// whole unless it holds only the key.
func (d *decoder) serviceEventDetails() {
	scan, ok := d.object(mServiceEventDetails)
	if !ok {
		return
	}
	members := 0
	for scan.next() {
		name, v := scan.name, scan.value
		members++
		if v.kind != kindString {
			continue
		}
		switch string(d.b[name.start:name.end]) {
		case "keyId":
			d.serviceKey = d.text(v)
		case "currentKeyMaterialId", "keyMaterialId":
			d.e.keyMaterial = d.text(v)
		}
	}
	d.done(&scan)
	if members != 1 || d.serviceKey == nil {
		d.keep(d.o.names[mServiceEventDetails], d.o.spans[mServiceEventDetails])
	}
}

func (d *decoder) tlsDetails() {
	scan, ok := d.object(mTLSDetails)
	if !ok {
		return
	}
	e := &d.e
	d.rest.begin("tlsDetails")
	for scan.next() {
		name, v := scan.name, scan.value
		switch string(d.b[name.start:name.end]) {
		case "tlsVersion":
			d.set(&e.tlsVersion, name, v)
		case "cipherSuite":
			d.set(&e.tlsCipher, name, v)
		case "keyExchange":
			d.set(&e.tlsKeyExchange, name, v)
		case "clientProvidedHostHeader":
			// The region's standard endpoint is implied.
			if !d.standardHost(v) {
				d.keep(name, v)
			}
		default:
			d.keep(name, v)
		}
	}
	d.done(&scan)
	d.rest.end()
}

func (d *decoder) standardHost(v value) bool {
	s, ok := bytes.CutPrefix(d.b[v.start:v.end], []byte("kms."))
	if !ok || v.kind != kindString {
		return false
	}
	s, ok = bytes.CutPrefix(s, d.e.region)
	return ok && string(s) == ".amazonaws.com"
}

// addendum reads which event an UPDATED_DATA record corrects (CloudTrail User
// Guide, "Record contents").
func (d *decoder) addendum() {
	v := d.o.spans[mAddendum]
	if v.kind == kindNone {
		return
	}
	d.keep(d.o.names[mAddendum], v)
	if v.kind != kindObject {
		return
	}
	var updated bool
	var original uuid
	scan := objectIn(d.b, v)
	for scan.next() {
		name, v := scan.name, scan.value
		switch string(d.b[name.start:name.end]) {
		case "reason":
			updated = string(d.b[v.start:v.end]) == "UPDATED_DATA"
		case "originalEventID":
			original, _ = parseUUID(d.b[v.start:v.end])
		}
	}
	d.done(&scan)
	if updated {
		d.e.supersedes = original
	}
}
