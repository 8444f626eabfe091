package organisation

import (
	"fmt"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

// LogFile is a log file as CloudTrail delivers it.
type LogFile struct {
	Key       string
	Delivered time.Time
	// Body is the JSON text, of which KMS records are a half.
	Body []byte
	KMS  int
}

// NextLogFile makes the next log file of a stream: what [Generator.NextBatch]
// gives to a store directly, and as many records of other services.
func (g *Generator) NextLogFile() LogFile {
	d := g.draw(500)
	records := make([][]byte, 0, 2*d.size)
	for range d.size {
		o := g.occurrence(d.cell, d.until)
		e := o.event(d.cell, formatID(g.guid(0)))
		g.next++
		records = append(records, e.JSON(), other(&e))
	}
	g.file++
	return LogFile{Key: d.key, Delivered: d.delivered, Body: cttest.Body(records...), KMS: d.size}
}

// other is a record of another service around the same time.
func other(e *cttest.Event) []byte {
	caller := e.Caller
	caller.InvokedBy = ""
	if caller.Type == "AWSService" || caller.Type == "AWSAccount" {
		caller = cttest.AssumedRole(e.Recipient, "reader", "session")
	}
	o := cttest.Other(e.Time, caller, e.Region, "ec2", "DescribeInstances", `{"maxResults":1000,"instancesSet":{},"filterSet":{}}`)
	o.ID, o.Recipient = cttest.UUID("other", e.ID), e.Recipient
	return o.JSON()
}

// event describes the record of an occurrence.
func (o *occurrence) event(c *cell, id string) cttest.Event {
	made := o.call
	if made.of != nil {
		made = made.of
	}
	e := cttest.Event{
		ID: id, RequestID: formatID(o.requestID), Time: o.at, Name: made.name, Region: c.region, Recipient: c.account,
		Key: made.key.arn, Context: o.pairs(made), Caller: o.identity(made),
	}
	if made.direct {
		e.IP, e.Agent = made.column("source_ip_address"), made.column("user_agent")
		e.KeyRef = made.column("key_reference")
	}
	if f := o.failure; f != nil {
		e.ErrorCode, e.ErrorMessage = f.code, f.message
	}
	if o.sharedID != ([16]byte{}) {
		e.SharedID = formatID(o.sharedID)
	}
	if !made.readOnly {
		o.describeChange(&e, made)
	}
	if o.call.of != nil {
		return ownersCopy(e, id)
	}
	return e
}

// ownersCopy is the record that the owner of a foreign key gets.
func ownersCopy(e cttest.Event, id string) cttest.Event {
	owner := e.Recipient
	for _, c := range cttest.Copies(e) {
		if c.Recipient == owner {
			c.ID = id
			return c
		}
	}
	panic("organisation: a call on a foreign key leaves no copy in " + owner)
}

// identity is who made a call.
func (o *occurrence) identity(made *call) cttest.Identity {
	by := made.caller
	if by == nil {
		return cttest.AWSService(made.use.invokedBy)
	}
	id := cttest.IAMUser(by.account, by.name)
	id.PrincipalID, id.AccessKey = by.id, ""
	if by.typ == "AssumedRole" {
		session, number := sessionOf(by, o.at, o.variant)
		id = cttest.AssumedRole(by.account, by.name, session)
		id.PrincipalID, id.Issuer.PrincipalID = by.id+":"+session, by.id
		id.AccessKey = "ASIA" + strings.ToUpper(string(appendHex(nil, mix(number), 16)))
	}
	id.InvokedBy = made.use.invokedBy
	return id
}

// pairs is the encryption context of an occurrence.
func (o *occurrence) pairs(made *call) []cttest.Pair {
	var out []cttest.Pair
	for _, p := range made.context {
		out = append(out, cttest.Pair{Key: p.key, Value: o.valueOf(p)})
	}
	return out
}

// describeChange adds what a change says of the key.
func (o *occurrence) describeChange(e *cttest.Event, made *call) {
	switch made.name {
	case "CreateGrant":
		e.GrantID, e.Grantee = grantID(o.grant), made.caller.principal
		e.Operations = []string{"Decrypt", "GenerateDataKeyWithoutPlaintext", "RetireGrant"}
	case "RetireGrant":
		e.GrantID = grantID(o.grant)
	case "CreateAlias", "UpdateAlias", "DeleteAlias":
		e.Alias = made.key.alias
	case "TagResource":
		e.Tags = []cttest.Pair{{Key: "department", Value: []string{"finance", "research", "sales"}[o.variant%3]}}
	case "PutKeyPolicy", "CreateKey":
		e.Policy = keyPolicy(made.key)
	case "EnableKeyRotation":
		e.Days = 365
	case "ScheduleKeyDeletion":
		e.Days, e.Deletion, e.KeyState = 30, o.at.Add(30*24*time.Hour), "PendingDeletion"
	}
}

// column is the text that a call has in a column of kms_events.
func (call *call) column(name string) string {
	for _, t := range call.texts {
		if columnName(t.column) == name {
			return t.value
		}
	}
	return ""
}

func formatID(id [16]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
