package cttest

import "slices"

// Copies returns the records that a call leaves, caller's first: one when
// caller and keys are of one account; else one for each account concerned,
// with the same sharedEventID and different event ids. A foreign key owner's
// copy shows the caller as type AWSAccount, without ARN. A denied call is
// recorded for the caller only.
func Copies(e Event) []Event {
	caller := e.Caller.Account
	if caller == "" {
		caller = either(e.Recipient, KeyAccount(e.Key))
	}
	recipients := []string{caller}
	for _, arn := range []string{e.Key, e.destinationKey()} {
		if a := KeyAccount(arn); a != "" && !slices.Contains(recipients, a) {
			recipients = append(recipients, a)
		}
	}
	e.Recipient = caller
	if len(recipients) == 1 || failures[e.Failure].callerOnly || e.ErrorCode == "AccessDenied" {
		return []Event{e}
	}
	filled := e
	filled.fill()
	e.RequestID, e.ID = filled.RequestID, filled.ID
	if e.SharedID == "" {
		e.SharedID = UUID("shared", filled.ID)
	}
	copies := make([]Event, 0, len(recipients))
	for _, r := range recipients {
		copies = append(copies, e.copyFor(r, r == caller))
	}
	return copies
}

func (e *Event) destinationKey() string {
	if e.Name == "ReEncrypt" {
		return e.Destination
	}
	return ""
}

func (e *Event) copyFor(recipient string, own bool) Event {
	c := *e
	c.Recipient = recipient
	if own {
		return c
	}
	c.ID = UUID("copy", e.ID, recipient)
	c.TLS = "-"
	if c.Caller.Type != "AWSService" {
		invokedBy := c.Caller.InvokedBy
		c.Caller = AWSAccount(c.Caller.Account, c.Caller.PrincipalID)
		c.Caller.InvokedBy = invokedBy
	}
	return c
}

// Network is the NetworkActivity record that shadows a call made through a
// VPC endpoint of account owner.
func Network(e Event, owner string) Event {
	filled := e
	filled.fill()
	n := e
	n.Category, n.Type = "NetworkActivity", "AwsVpceEvent"
	n.ID = UUID("network", filled.ID)
	n.RequestID = filled.RequestID
	n.SharedID = either(filled.SharedID, UUID("network shared", filled.ID))
	n.VPCEndpoint = either(e.VPCEndpoint, "vpce-0123456789abcdef0")
	n.VPCEndpointAccount = Account(owner)
	n.Recipient = n.VPCEndpointAccount
	n.Version = "1.09"
	if n.Caller.Account != n.Recipient && n.Caller.Type != "AWSService" {
		n.Caller = AWSAccount(n.Caller.Account, n.Caller.PrincipalID)
	}
	return n
}

// Records renders events.
func Records(events ...Event) [][]byte {
	records := make([][]byte, len(events))
	for i := range events {
		records[i] = events[i].JSON()
	}
	return records
}
