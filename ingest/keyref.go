package ingest

import (
	"bytes"
	"regexp"
)

// keyRef is an entry of resources that names a key.
type keyRef struct{ arn []byte }

var keySlash = []byte(":key/")

// resources reads the resources list. Aliases carry the type AWS::KMS::Key
// too, so the ARN tells what an entry is, not its type. The list is kept in
// the remainder unless the key columns repeat all of it.
func (d *decoder) resources() {
	v := d.o.spans[mResources]
	if v.kind == kindNone || v.kind == kindNull {
		return
	}
	name := d.o.names[mResources]
	if v.kind != kindArray {
		d.odd(name, v, "an array")
		return
	}
	scan := arrayIn(d.b, v)
	entries, plain := 0, true
	for scan.next() {
		el := scan.value
		if entries++; entries > maxPairs {
			plain = false
			break
		}
		arn, usual := d.resource(el)
		plain = plain && usual
		if bytes.Contains(arn, keySlash) {
			d.keys = append(d.keys, keyRef{arn})
		}
	}
	repeated := entries == 1 || entries == 2 && len(d.keys) == 2 && string(d.e.name) == "ReEncrypt"
	if entries > 0 && !(plain && repeated) {
		d.keep(name, v)
	}
}

// resource reads {ARN, accountId, type}; usual is true when all of it follows
// from the key's ARN.
func (d *decoder) resource(v value) (arn []byte, usual bool) {
	if v.kind != kindObject {
		return nil, false
	}
	var account, typ []byte
	usual = true
	scan := objectIn(d.b, v)
	for scan.next() {
		name, v := scan.name, scan.value
		label := string(d.a.label(d.b, name))
		if v.kind != kindString {
			usual = false
			continue
		}
		switch label {
		case "ARN", "arn", "ResourceName":
			arn = d.text(v)
			usual = usual && label == "ARN"
		case "accountId":
			account = d.text(v)
		case "type":
			typ = d.text(v)
		default:
			usual = false
		}
	}
	d.done(&scan)
	usual = usual && string(typ) == "AWS::KMS::Key" && bytes.Contains(arn, keySlash) && bytes.Equal(account, arnField(arn, 4))
	return arn, usual
}

// arnField returns the n-th colon-separated field of an ARN: 3 is the region,
// 4 the account; nil when it is empty.
func arnField(arn []byte, n int) []byte {
	for range n {
		_, tail, ok := bytes.Cut(arn, []byte(":"))
		if !ok {
			return nil
		}
		arn = tail
	}
	if field, _, _ := bytes.Cut(arn, []byte(":")); len(field) > 0 {
		return field
	}
	return nil
}

// resolveKey finds the key by the order of trust: resources, then the
// response, then how the caller named it, then the service's own details,
// then the error message (an access-denied record has nothing else).
func (d *decoder) resolveKey() {
	e := &d.e
	if e.keyReference == nil {
		e.keyReference = d.targetKey
	} else if d.targetKey != nil {
		d.note("wrong_type", "the request names two keys")
	}
	switch {
	case d.keyFromResources():
		e.keyResolvedBy = "resources"
	case d.setKey(d.metadataKey), d.setKey(d.responseKey):
		e.keyResolvedBy = "response"
	case d.setKey(e.keyReference):
		e.keyResolvedBy = "request"
	case d.setKey(d.serviceKey):
		e.keyResolvedBy = "service_event"
	case d.setKey(keyInMessage(e.errorMessage)):
		e.keyResolvedBy = "error_message"
	}
	if e.keyARN != nil {
		_, e.keyID, _ = bytes.Cut(e.keyARN, keySlash)
		e.keyRegion, e.keyAccount = arnField(e.keyARN, 3), arnField(e.keyARN, 4)
	}
	if e.destKeyARN == nil {
		e.destKeyARN = d.fullARN(d.destinationKey)
	}
	if e.destKeyARN == nil {
		e.destKeyARN = d.fullARN(d.replicaKey)
	}
	if e.destKeyARN != nil {
		e.destAccount = arnField(e.destKeyARN, 4)
	}
	d.keepNames()
}

// keyFromResources takes the key the request names where resources list
// several; ReEncrypt lists the source and then the destination.
func (d *decoder) keyFromResources() bool {
	if len(d.keys) == 0 {
		return false
	}
	e := &d.e
	e.keyARN = d.keys[0].arn
	if string(e.name) == "ReEncrypt" {
		if len(d.keys) > 1 {
			e.destKeyARN = d.keys[1].arn
		} else if d.destinationKey != nil && bytes.HasSuffix(e.keyARN, d.destinationKey) && e.keyReference == nil {
			// A copy may list only the key its recipient owns.
			e.destKeyARN, e.keyARN = e.keyARN, nil
			return false
		}
		return true
	}
	for _, k := range d.keys[1:] {
		if e.keyReference != nil && bytes.HasSuffix(k.arn, e.keyReference) {
			e.keyARN = k.arn
		}
	}
	return true
}

// setKey uses ref as the key if it can be made an ARN.
func (d *decoder) setKey(ref []byte) bool {
	d.e.keyARN = d.fullARN(ref)
	return d.e.keyARN != nil
}

// fullARN turns a key ARN or key id into an ARN; nil for an alias, which only
// the alias table of that moment could resolve. A bare id is always a key of
// the caller's own account, in the region of the call.
func (d *decoder) fullARN(ref []byte) []byte {
	if bytes.Contains(ref, keySlash) && bytes.HasPrefix(ref, []byte("arn:")) {
		return ref
	}
	account := d.e.caller
	if account == nil {
		account = d.e.recipient
	}
	if !isKeyID(ref) || account == nil || d.e.region == nil {
		return nil
	}
	return d.a.concat([]byte("arn:"), partitionOf(d.e.region), []byte(":kms:"), d.e.region, []byte(":"), account, keySlash, ref)
}

// isKeyID recognises 8-4-4-4-12 and mrk- ids.
func isKeyID(s []byte) bool {
	if hex, ok := bytes.CutPrefix(s, []byte("mrk-")); ok {
		return len(hex) == 32 && allHex(hex)
	}
	_, ok := parseUUID(s)
	return ok
}

func allHex(s []byte) bool {
	for _, c := range s {
		if hexValue[c] > 15 {
			return false
		}
	}
	return true
}

func partitionOf(region []byte) []byte {
	switch {
	case bytes.HasPrefix(region, []byte("cn-")):
		return []byte("aws-cn")
	case bytes.HasPrefix(region, []byte("us-gov-")):
		return []byte("aws-us-gov")
	default:
		return []byte("aws")
	}
}

var keyARNPattern = regexp.MustCompile(`arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/(?:mrk-[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})`)

// keyInMessage finds the key ARN in "… on resource: <ARN> because …" and in
// "<ARN> is pending deletion.".
func keyInMessage(message []byte) []byte {
	if !bytes.Contains(message, keySlash) {
		return nil
	}
	return keyARNPattern.Find(message)
}

// keepNames keeps the names of keys, grants and stores that no column repeats,
// under a dotted name, since their object is closed by now.
func (d *decoder) keepNames() {
	e := &d.e
	d.keepName("requestParameters.targetKeyId", d.targetKey, e.keyReference, nil)
	d.keepName("requestParameters.grantId", d.requestGrant, e.grantID, nil)
	d.keepName("requestParameters.customKeyStoreId", d.requestStore, e.keyStore, nil)
	d.keepName("serviceEventDetails.keyId", d.soleServiceKey, e.keyARN, e.keyID)
	d.keepName("responseElements.keyId", d.responseKey, e.keyARN, e.keyID)
	d.keepName("requestParameters.destinationKeyId", d.destinationKey, e.destKeyARN, nil)
}

func (d *decoder) keepName(name string, ref, arn, id []byte) {
	if ref == nil || bytes.Equal(ref, arn) || bytes.Equal(ref, id) {
		return
	}
	d.rest.member([]byte(name))
	d.rest.buf = appendQuoted(d.rest.buf, ref)
}
