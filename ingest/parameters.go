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
	switch string(d.a.label(d.b, name)) {
	case "keyId", "sourceKeyId":
		d.set(&e.keyReference, name, v)
	case "targetKeyId":
		d.set(&d.targetKey, name, v)
	case "destinationKeyId":
		d.set(&d.destinationKey, name, v)
	case "encryptionContext", "sourceEncryptionContext":
		d.pairs(&e.context, &e.hasContext, name, v)
	case "destinationEncryptionContext":
		d.pairs(&e.destContext, &e.hasDest, name, v)
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
	switch string(d.a.label(d.b, name)) {
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
	if v.kind != kindString || implied == nil || !bytes.Equal(d.plainText(v), implied) {
		d.keep(name, v)
	}
}

// pairs reads the entries of a string map; *has says that there is one. A key
// given twice keeps its first value; the record is noted.
func (d *decoder) pairs(dst *[]pair, has *bool, name, v value) {
	switch {
	case v.kind == kindNull:
		return
	case v.kind != kindObject || *has:
		d.note("wrong_type", "%q at byte %d is not one object", clip(d.b[name.start:name.end]), v.start)
		d.keepContext(name, v)
		return
	}
	*has = true
	scan := objectIn(d.b, v)
	kept := false
	for scan.next() {
		key, val := scan.name, scan.value
		k := d.text(key)
		switch {
		case val.kind != kindString || len(*dst) >= maxPairs:
			d.note("wrong_type", "the encryption context value at byte %d is not a string", val.start)
			kept = true
		case hasKey(*dst, k):
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
			*dst = append(*dst, pair{k, s})
		}
	}
	d.done(&scan)
	if kept {
		d.keepContext(name, v)
	}
}

// keepContext keeps a context as it stands in the file, unless that would hold
// what is to be redacted.
func (d *decoder) keepContext(name, v value) {
	if len(d.redact) == 0 {
		d.keep(name, v)
	}
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
		key, val, extra := d.tag(el)
		usual = usual && !extra
		if key == nil || val == nil || hasKey(d.e.tags, key) || len(d.e.tags) >= maxPairs {
			usual = false
			continue
		}
		d.e.tags = append(d.e.tags, pair{key, val})
	}
	if !usual {
		d.odd(name, v, "an array of distinct tags")
	}
}

// tag reads {tagKey, tagValue}, in any order and spelling AWS uses for it; extra
// is true when it says more.
func (d *decoder) tag(v value) (key, val []byte, extra bool) {
	if v.kind != kindObject {
		return nil, nil, true
	}
	scan := objectIn(d.b, v)
	for scan.next() {
		name, v := scan.name, scan.value
		label := string(bytes.ToLower(d.a.label(d.b, name)))
		switch isKey, isValue := label == "tagkey" || label == "key", label == "tagvalue" || label == "value"; {
		case isKey && v.kind == kindString && key == nil:
			key = d.text(v)
		case isValue && v.kind == kindString && val == nil:
			if val = d.text(v); val == nil {
				val = []byte{}
			}
		default:
			extra = true
		}
	}
	return key, val, extra
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
		switch string(d.a.label(d.b, name)) {
		case "keyId":
			d.set(&d.responseKey, name, v)
		case "keyMetadata":
			d.keyMetadata(&d.metadataKey, v)
			d.keep(name, v)
		case "replicaKeyMetadata":
			d.keyMetadata(&d.replicaKey, v)
			d.keep(name, v)
		case "grantId":
			d.override(&e.grantID, &d.requestGrant, name, v)
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
		switch string(d.a.label(d.b, name)) {
		case "arn":
			*arn = d.text(v)
		case "keyState":
			if arn == &d.metadataKey {
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
		switch string(d.a.label(d.b, name)) {
		case "keyMaterialId", "sourceKeyMaterialId":
			d.set(&e.keyMaterial, name, v)
		case "customKeyStoreId":
			d.override(&e.keyStore, &d.requestStore, name, v)
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
		if v.kind == kindString && string(d.a.label(d.b, name)) == "attestationDocumentEnclaveImageDigest" {
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
		switch string(d.a.label(d.b, name)) {
		case "keyId":
			d.serviceKey = d.text(v)
		case "currentKeyMaterialId", "keyMaterialId":
			d.e.keyMaterial = d.text(v)
		}
	}
	d.done(&scan)
	if members != 1 || d.serviceKey == nil {
		d.keep(d.o.names[mServiceEventDetails], d.o.spans[mServiceEventDetails])
		return
	}
	d.soleServiceKey = d.serviceKey
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
		switch string(d.a.label(d.b, name)) {
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
	s, ok := bytes.CutPrefix(d.plainText(v), []byte("kms."))
	if !ok {
		return false
	}
	s, ok = bytes.CutPrefix(s, d.e.region)
	return ok && string(s) == ".amazonaws.com"
}

// plainText is the text of a string; nil for any other value.
func (d *decoder) plainText(v value) []byte {
	if v.kind != kindString {
		return nil
	}
	text, _ := d.a.text(d.b, v)
	return text
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
		switch string(d.a.label(d.b, name)) {
		case "reason":
			updated = string(d.plainText(v)) == "UPDATED_DATA"
		case "originalEventID":
			original, _ = parseUUID(d.plainText(v))
		}
	}
	d.done(&scan)
	if updated {
		d.e.supersedes = original
	}
}
