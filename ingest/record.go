package ingest

import (
	"bytes"
	"fmt"
	"strings"
)

// Limits on a single KMS record. AWS bounds an event at 256 KB, or 1 MB in an
// event data store (CloudTrail User Guide, "Record contents").
const (
	maxRecordBytes = 4 << 20
	maxStringBytes = 1 << 20
	maxRecordDepth = 64
	maxNotes       = 16 // per record
	maxPairs       = 1000
)

// recordError says why a record was not taken.
type recordError struct{ reason, detail string }

func (e *recordError) Error() string { return e.reason + ": " + e.detail }

// note says what was odd about a record that was taken all the same.
type note struct{ reason, detail string }

// member names the top-level members of a record that the decoder knows.
type member int

const (
	mEventVersion member = iota
	mUserIdentity
	mEventTime
	mEventSource
	mEventName
	mAWSRegion
	mSourceIP
	mUserAgent
	mErrorCode
	mErrorMessage
	mRequestParameters
	mResponseElements
	mAdditionalEventData
	mRequestID
	mEventID
	mReadOnly
	mResources
	mEventType
	mManagementEvent
	mRecipient
	mSharedEventID
	mVPCEndpoint
	mVPCEndpointAccount
	mEventCategory
	mAddendum
	mFromConsole
	mTLSDetails
	mServiceEventDetails
	numMembers
)

func memberOf(name []byte) (member, bool) {
	switch string(name) {
	case "eventVersion":
		return mEventVersion, true
	case "userIdentity":
		return mUserIdentity, true
	case "eventTime":
		return mEventTime, true
	case "eventSource":
		return mEventSource, true
	case "eventName":
		return mEventName, true
	case "awsRegion":
		return mAWSRegion, true
	case "sourceIPAddress":
		return mSourceIP, true
	case "userAgent":
		return mUserAgent, true
	case "errorCode":
		return mErrorCode, true
	case "errorMessage":
		return mErrorMessage, true
	case "requestParameters":
		return mRequestParameters, true
	case "responseElements":
		return mResponseElements, true
	case "additionalEventData":
		return mAdditionalEventData, true
	case "requestID":
		return mRequestID, true
	case "eventID":
		return mEventID, true
	case "readOnly":
		return mReadOnly, true
	case "resources":
		return mResources, true
	case "eventType":
		return mEventType, true
	case "managementEvent":
		return mManagementEvent, true
	case "recipientAccountId":
		return mRecipient, true
	case "sharedEventID":
		return mSharedEventID, true
	case "vpcEndpointId":
		return mVPCEndpoint, true
	case "vpcEndpointAccountId":
		return mVPCEndpointAccount, true
	case "eventCategory":
		return mEventCategory, true
	case "addendum":
		return mAddendum, true
	case "sessionCredentialFromConsole":
		return mFromConsole, true
	case "tlsDetails":
		return mTLSDetails, true
	case "serviceEventDetails":
		return mServiceEventDetails, true
	}
	return 0, false
}

// outline is the top level of one record: where each member's value lies.
type outline struct {
	start, end int
	deepest    int
	source     service
	spans      [numMembers]value
	names      [numMembers]value
	others     []namedValue
	duplicate  []byte // name of a member that was there twice
}

type namedValue struct{ name, value value }

// service tells the records worth decoding from the rest.
type service uint8

const (
	otherService service = iota
	kmsService
	relatedService
)

var kmsSource = []byte("kms.amazonaws.com")

// walkRecord reads the outline of the record whose opening brace is b[i]. As
// soon as the record turns out to be of no interest, the rest of it is only
// skipped. It returns the index after the record, or -1 when the text is
// broken there.
func walkRecord(b []byte, i int, o *outline, a *arena) int {
	o.start, o.source, o.duplicate, o.others = i, otherService, nil, o.others[:0]
	clear(o.spans[:])
	o.deepest = 0
	undecided := true
	scan := scanObject(b, i+1)
	for scan.next() {
		name, v := scan.name, scan.value
		if !o.add(b, name, v, a) || !undecided {
			continue
		}
		if src := o.spans[mEventSource]; src.kind != kindNone {
			var keep bool
			if undecided, keep = o.decide(b, a); !keep {
				scan.skipRest()
				break
			}
		}
	}
	o.deepest = scan.deepest + 1
	o.end = scan.i
	if scan.i >= 0 && undecided {
		o.decide(b, a)
	}
	return scan.i
}

// add notes one member; it reports whether the member is a known one.
func (o *outline) add(b []byte, name, v value, a *arena) bool {
	text := a.label(b, name)
	m, known := memberOf(text)
	if !known {
		o.others = append(o.others, namedValue{name, v})
		return false
	}
	if o.spans[m].kind != kindNone && o.duplicate == nil {
		o.duplicate = text
	}
	o.spans[m], o.names[m] = v, name
	return m == mEventSource || m == mEventName
}

// decide sets o.source as far as the members seen allow. undecided is true
// while eventName is needed and has not come yet; keep is false when the
// record is of no interest.
func (o *outline) decide(b []byte, a *arena) (undecided, keep bool) {
	src := o.spans[mEventSource]
	if src.kind != kindString {
		return false, false
	}
	source, _ := a.text(b, src)
	if bytes.Equal(source, kmsSource) {
		o.source = kmsService
		return false, true
	}
	names := relatedNames[string(source)]
	if names == nil {
		return false, false
	}
	v := o.spans[mEventName]
	if v.kind != kindString {
		return v.kind == kindNone, v.kind == kindNone
	}
	name, _ := a.text(b, v)
	if !names[string(name)] {
		return false, false
	}
	o.source = relatedService
	return false, true
}

// decoder decodes the records of one file after the other. It is not safe for
// concurrent use.
type decoder struct {
	b     []byte
	o     *outline
	e     event
	a     arena
	rest  remainder
	notes []note
	err   *recordError

	self   map[string]bool // role and user ARNs of kmstrail itself
	redact []contextRedaction

	// Facts of the record needed by more than one step.
	keys           []keyRef // resources that are keys, in order
	responseKey    []byte
	metadataKey    []byte
	soleServiceKey []byte // serviceKey, where the details have nothing else
	requestGrant   []byte // where the answer names another
	requestStore   []byte
	targetKey      []byte
	destinationKey []byte
	serviceKey     []byte
	replicaKey     []byte
	sessionRole    issuer
	userName       []byte
	principalID    []byte
}

// decode fills d.e from the outline. The result refers to b and to d until
// the next call. A nil error may come with notes about oddities.
func (d *decoder) decode(b []byte, o *outline) *recordError {
	d.b, d.o, d.err, d.notes = b, o, nil, d.notes[:0]
	d.e.reset()
	d.a.reset()
	d.rest.reset()
	d.keys = d.keys[:0]
	d.metadataKey, d.responseKey, d.targetKey, d.destinationKey, d.serviceKey, d.replicaKey = nil, nil, nil, nil, nil, nil
	d.soleServiceKey, d.requestGrant, d.requestStore = nil, nil, nil
	d.sessionRole, d.userName, d.principalID = issuer{}, nil, nil
	if d.checkBounds(); d.err != nil {
		return d.err
	}
	if d.identityOfRecord(); d.err != nil {
		return d.err
	}
	d.plainMembers()
	d.userIdentity()
	d.requestParameters()
	d.responseElements()
	d.additionalEventData()
	d.serviceEventDetails()
	d.tlsDetails()
	d.addendum()
	d.resources()
	for _, m := range o.others {
		d.keep(m.name, m.value)
	}
	d.derive()
	d.e.remainder = d.rest.bytes()
	return d.err
}

func (d *decoder) fail(reason, format string, args ...any) {
	if d.err == nil {
		d.err = &recordError{reason, fmt.Sprintf(format, args...)}
	}
}

func (d *decoder) note(reason, format string, args ...any) {
	if len(d.notes) < maxNotes {
		d.notes = append(d.notes, note{reason, fmt.Sprintf(format, args...)})
	}
}

func (d *decoder) checkBounds() {
	o := d.o
	switch size := o.end - o.start; {
	case o.duplicate != nil:
		d.fail("duplicate_member", "the record has %q more than once, so it can be read in two ways", clip(o.duplicate))
	case size > maxRecordBytes:
		d.fail("too_large", "the record has %d bytes; the limit is %d", size, maxRecordBytes)
	case o.deepest > maxRecordDepth:
		d.fail("too_deep", "the record nests %d levels deep; the limit is %d", o.deepest, maxRecordDepth)
	}
}

// identityOfRecord reads what a record cannot be stored without.
func (d *decoder) identityOfRecord() {
	id := d.required(mEventID, "eventID", "no_event_id")
	when := d.required(mEventTime, "eventTime", "bad_event_time")
	d.e.name = d.required(mEventName, "eventName", "wrong_type")
	d.e.region = d.required(mAWSRegion, "awsRegion", "wrong_type")
	if d.err != nil {
		return
	}
	var ok bool
	if d.e.id, ok = parseUUID(id); !ok {
		d.fail("bad_event_id", "eventID %q is not a GUID", clip(id))
	}
	if d.e.time, ok = parseTime(when); !ok {
		d.fail("bad_event_time", "eventTime %q is not a UTC time of RFC 3339", clip(when))
	}
}

func (d *decoder) required(m member, name, reason string) []byte {
	v := d.o.spans[m]
	if v.kind == kindString && v.end > v.start {
		return d.text(v)
	}
	switch v.kind {
	case kindNone, kindNull, kindString:
		d.fail(reason, "%s is missing", name)
	default:
		d.fail("wrong_type", "%s is not a string", name)
	}
	return nil
}

func clip(s []byte) string {
	const most = 100
	if len(s) > most {
		return strings.ToValidUTF8(string(s[:most]), "\uFFFD") + "…"
	}
	return strings.ToValidUTF8(string(s), "\uFFFD")
}

// text returns the content of a string value; nil for an empty one.
func (d *decoder) text(v value) []byte {
	if v.end-v.start > maxStringBytes {
		d.fail("string_too_long", "a string has %d bytes; the limit is %d", v.end-v.start, maxStringBytes)
		return nil
	}
	s, clean := d.a.text(d.b, v)
	if !clean {
		d.note("invalid_utf8", "text at byte %d is not valid UTF-8; what is invalid was replaced by U+FFFD", v.start)
	}
	if len(s) == 0 {
		return nil
	}
	return s
}

// keep passes a member into the remainder as it is. Nulls carry nothing.
func (d *decoder) keep(name, v value) {
	if v.kind == kindNull || v.kind == kindNone {
		return
	}
	valid, clean := d.rest.keep(d.b, name, v)
	if !valid {
		d.fail("bad_json", "the value of %q at byte %d is not valid JSON", clip(d.b[name.start:name.end]), v.start)
	}
	if !clean {
		d.note("invalid_utf8", "text at byte %d is not valid UTF-8; what is invalid was replaced by U+FFFD", v.start)
	}
}

// odd keeps a member whose type is not the expected one, and says so. A null is
// one that is absent.
func (d *decoder) odd(name, v value, want string) {
	if v.kind == kindNull {
		return
	}
	d.note("wrong_type", "%q at byte %d is not %s", clip(d.b[name.start:name.end]), v.start, want)
	d.keep(name, v)
}

// set stores a string member in *dst; another type goes to the remainder, a
// second value is noted and kept out.
func (d *decoder) set(dst *[]byte, name, v value) {
	switch {
	case v.kind == kindNull:
	case v.kind != kindString:
		d.odd(name, v, "a string")
	case *dst != nil:
		d.again(name, v)
	default:
		*dst = d.text(v)
	}
}

// again keeps the second value of a member.
func (d *decoder) again(name, v value) {
	d.note("duplicate_member", "%q is there more than once; the first value counts", clip(d.b[name.start:name.end]))
	d.keep(name, v)
}

// override stores what an answer says; *was gets what the request said.
func (d *decoder) override(dst, was *[]byte, name, v value) {
	if v.kind == kindString && *was == nil {
		*was, *dst = *dst, nil
	}
	d.set(dst, name, v)
}

// setFlag stores true or false, also as a string.
func (d *decoder) setFlag(dst *flag, name, v value) {
	var is flag
	switch s := d.b[v.start:v.end]; {
	case v.kind == kindTrue, v.kind == kindString && string(s) == "true":
		is = yes
	case v.kind == kindFalse, v.kind == kindString && string(s) == "false":
		is = no
	default:
		d.odd(name, v, "true or false")
		return
	}
	if *dst != absent && *dst != is {
		d.again(name, v)
		return
	}
	*dst = is
}

// setInt stores a small non-negative number.
func (d *decoder) setInt(dst *int32, name, v value) {
	n := -1
	if s := d.b[v.start:v.end]; v.kind == kindNumber && len(s) < 10 {
		n = digits(s)
	}
	switch {
	case n < 0:
		d.odd(name, v, "a small whole number")
	case n == 0:
		d.keep(name, v) // the column has no zero
	case *dst != 0 && *dst != int32(n):
		d.again(name, v)
	default:
		*dst = int32(n)
	}
}

// setDate stores a date in KMS's own textual forms.
func (d *decoder) setDate(dst *int64, name, v value) {
	var at int64
	var ok bool
	switch v.kind {
	case kindString:
		at, ok = parseDate(d.text(v))
	case kindNumber:
		at, ok = parseDate(d.b[v.start:v.end])
	}
	d.setTime(dst, at, ok, name, v)
}

// setTime stores the time that v was read as.
func (d *decoder) setTime(dst *int64, at int64, ok bool, name, v value) {
	switch {
	case !ok:
		d.odd(name, v, "a time")
	case at == 0:
		d.keep(name, v) // the column has no zero
	case *dst != 0 && *dst != at:
		d.again(name, v)
	default:
		*dst = at
	}
}

// plainMembers copies the top-level strings and flags.
func (d *decoder) plainMembers() {
	o, e := d.o, &d.e
	for _, m := range []struct {
		m   member
		dst *[]byte
	}{
		{mEventVersion, &e.version}, {mEventType, &e.typ}, {mEventCategory, &e.category},
		{mSourceIP, &e.sourceIP}, {mUserAgent, &e.userAgent},
		{mErrorCode, &e.errorCode}, {mErrorMessage, &e.errorMessage},
		{mRecipient, &e.recipient},
		{mVPCEndpoint, &e.vpcEndpoint}, {mVPCEndpointAccount, &e.vpcEndpointAccount},
	} {
		if v := o.spans[m.m]; v.kind != kindNone {
			d.set(m.dst, o.names[m.m], v)
		}
	}
	if v := o.spans[mReadOnly]; v.kind != kindNone {
		d.setFlag(&e.readOnly, o.names[mReadOnly], v)
	}
	if v := o.spans[mFromConsole]; v.kind != kindNone {
		d.setFlag(&e.consoleSession, o.names[mFromConsole], v)
	}
	d.guid(&e.requestID, mRequestID)
	d.guid(&e.sharedID, mSharedEventID)
	// managementEvent says what eventCategory says, where both are there.
	if v := o.spans[mManagementEvent]; v.kind != kindNone && !(v.kind == kindTrue && string(e.category) == "Management") {
		d.keep(o.names[mManagementEvent], v)
	}
}

// guid stores a GUID; ids of another form go to the remainder.
func (d *decoder) guid(dst *uuid, m member) {
	v := d.o.spans[m]
	if id, ok := parseUUID(d.plainText(v)); ok {
		*dst = id
		return
	}
	if v.kind != kindNone && !(v.kind == kindString && v.start == v.end) {
		d.keep(d.o.names[m], v)
	}
}

// object scans member m when it is an object; anything else but null is kept.
func (d *decoder) object(m member) (objectScanner, bool) {
	v := d.o.spans[m]
	if v.kind == kindObject {
		return objectIn(d.b, v), true
	}
	if v.kind != kindNone && v.kind != kindNull {
		d.keep(d.o.names[m], v)
	}
	return objectScanner{}, false
}

// done fails the record when scan ended in a syntax error.
func (d *decoder) done(scan *objectScanner) {
	if scan.i < 0 {
		d.fail("bad_json", "the record at byte %d is not valid JSON", d.o.start)
	}
}
