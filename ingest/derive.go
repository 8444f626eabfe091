package ingest

import "bytes"

// derive fills the columns that follow from the record's members.
func (d *decoder) derive() {
	e := &d.e
	d.resolveKey()
	e.errorClass = errorClass(e.errorCode, e.errorMessage)
	e.service = serviceOf(e)
	e.actorKind = actorKind(e)
	d.contextSecrets()
	d.redactContext()
	op := operations[string(e.name)]
	if op == nil {
		op = d.unknownOperation()
	}
	e.class = op.class
	e.copy = recordCopy(e)
	if e.copy != "network" {
		e.quota, e.priceTier = quotaAndPrice(op, e.algorithm, e.keySpec)
	}
}

// unknownOperation stands for operations newer than this program.
func (d *decoder) unknownOperation() *operation {
	if string(d.e.typ) == "AwsServiceEvent" {
		return &operation{class: "service_event", free: true}
	}
	return &operation{class: "unknown", quota: snake(string(d.e.name))}
}

// recordCopy tells which copy of its call a record is. A cross-account call
// is recorded for its caller and for the key's owner (CloudTrail User Guide,
// "sharedEventID"); a denied one only for the caller. A service principal has
// no account, so the recipient stands in for it.
func recordCopy(e *event) string {
	if string(e.category) == "NetworkActivity" || bytes.HasPrefix(e.typ, []byte("AwsVpceEvent")) {
		return "network"
	}
	if e.recipient == nil {
		return "single" // a reduced record: nothing says that there are others
	}
	called := e.caller == nil || bytes.Equal(e.caller, e.recipient)
	owned := e.keyAccount == nil || bytes.Equal(e.keyAccount, e.recipient)
	ownedToo := e.destAccount == nil || bytes.Equal(e.destAccount, e.recipient)
	switch {
	case called && owned && ownedToo:
		return "single"
	case called:
		return "caller"
	case owned && e.keyAccount != nil:
		return "owner"
	default:
		return "other"
	}
}
