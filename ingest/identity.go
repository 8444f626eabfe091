package ingest

import "bytes"

// issuer is userIdentity.sessionContext.sessionIssuer.
type issuer struct {
	typ, principalID, arn, account, userName []byte
	span                                     namedValue
}

func (d *decoder) userIdentity() {
	scan, ok := d.object(mUserIdentity)
	if !ok {
		return
	}
	e := &d.e
	d.rest.begin("userIdentity")
	var userName, principal namedValue
	for scan.next() {
		name, v := scan.name, scan.value
		switch string(d.a.label(d.b, name)) {
		case "type":
			d.set(&e.callerType, name, v)
		case "arn":
			d.set(&e.callerARN, name, v)
		case "accountId":
			d.set(&e.caller, name, v)
		case "principalId":
			d.set(&d.principalID, name, v)
			principal = namedValue{name, v}
		case "accessKeyId":
			d.set(&e.accessKeyID, name, v)
		case "invokedBy":
			d.set(&e.invokedBy, name, v)
		case "userName":
			d.set(&d.userName, name, v)
			userName = namedValue{name, v}
		case "sessionContext":
			d.sessionContext(name, v)
		default:
			d.keep(name, v)
		}
	}
	d.done(&scan)
	d.principal(principal)
	// The user name is the last part of the ARN, or the role's name.
	if d.userName != nil && !bytes.HasSuffix(e.principalARN, d.userName) {
		d.keep(userName.name, userName.value)
	}
	d.rest.end()
}

func (d *decoder) sessionContext(name, v value) {
	if v.kind != kindObject {
		d.odd(name, v, "an object")
		return
	}
	d.rest.begin("sessionContext")
	scan := objectIn(d.b, v)
	for scan.next() {
		name, v := scan.name, scan.value
		switch string(d.a.label(d.b, name)) {
		case "sessionIssuer":
			d.sessionIssuer(name, v)
		case "attributes":
			d.sessionAttributes(name, v)
		case "sourceIdentity":
			d.set(&d.e.sourceIdentity, name, v)
		case "webIdFederationData":
			// Present and empty in most sessions.
			if !d.emptyObject(v) {
				d.keep(name, v)
			}
		default:
			d.keep(name, v)
		}
	}
	d.done(&scan)
	d.rest.end()
}

func (d *decoder) emptyObject(v value) bool {
	if v.kind != kindObject {
		return false
	}
	i := skipSpace(d.b, int(v.start)+1)
	return i == int(v.end)-1
}

func (d *decoder) sessionIssuer(name, v value) {
	if v.kind != kindObject {
		d.odd(name, v, "an object")
		return
	}
	is := &d.sessionRole
	is.span = namedValue{name, v}
	scan := objectIn(d.b, v)
	extra := false
	for scan.next() {
		name, v := scan.name, scan.value
		var dst *[]byte
		switch string(d.a.label(d.b, name)) {
		case "type":
			dst = &is.typ
		case "principalId":
			dst = &is.principalID
		case "arn":
			dst = &is.arn
		case "accountId":
			dst = &is.account
		case "userName":
			dst = &is.userName
		}
		if dst == nil || v.kind != kindString || *dst != nil {
			extra = true
			continue
		}
		*dst = d.text(v)
	}
	d.done(&scan)
	if is.arn == nil && is.typ == nil && is.principalID == nil && is.account == nil && is.userName == nil && !extra {
		return // the empty object of user sessions
	}
	// What the issuer says beyond its ARN is known from other columns in the
	// usual case; else the whole object is kept.
	usual := !extra && string(is.typ) == "Role" && is.arn != nil && bytes.Equal(is.account, d.e.caller) &&
		bytes.HasSuffix(is.arn, is.userName) && is.userName != nil && bytes.HasPrefix(d.principalID, is.principalID) && is.principalID != nil
	if !usual {
		d.keep(name, v)
	}
}

func (d *decoder) sessionAttributes(name, v value) {
	if v.kind != kindObject {
		d.odd(name, v, "an object")
		return
	}
	d.rest.begin("attributes")
	scan := objectIn(d.b, v)
	for scan.next() {
		name, v := scan.name, scan.value
		switch string(d.a.label(d.b, name)) {
		case "creationDate":
			var at int64
			var ok bool
			if v.kind == kindString {
				at, ok = parseCompact(d.text(v))
			}
			d.setTime(&d.e.sessionStart, at, ok, name, v)
		case "mfaAuthenticated":
			d.setFlag(&d.e.mfa, name, v)
		default:
			d.keep(name, v)
		}
	}
	d.done(&scan)
	d.rest.end()
}

var (
	assumedRole = []byte(":assumed-role/")
	colonSTS    = []byte(":sts:")
	colonIAM    = []byte(":iam:")
	roleSlash   = []byte(":role/")
)

// principal splits ids and ARNs into role and session, and chooses the one
// ARN by which callers are grouped.
func (d *decoder) principal(principal namedValue) {
	e := &d.e
	before, session, ok := bytes.Cut(d.principalID, []byte(":"))
	if ok && bytes.HasPrefix(before, []byte("AROA")) {
		e.principalID, e.sessionName = before, session
	} else {
		// Such as 111122223333:aws:ec2-infrastructure:i-…, or the account and
		// name of a federated user.
		e.principalID = d.principalID
	}
	if role, session, ok := splitAssumedRole(e.callerARN); ok {
		if e.sessionName != nil && !bytes.Equal(e.sessionName, session) {
			d.keep(principal.name, principal.value)
		}
		e.sessionName = session
		e.roleARN = d.a.concat(role...)
	}
	if string(d.sessionRole.typ) == "Role" && d.sessionRole.arn != nil {
		e.roleARN = d.sessionRole.arn
	}
	e.principalARN = e.callerARN
	if e.roleARN != nil {
		e.principalARN = e.roleARN
	}
	e.self = d.self[string(e.principalARN)] || d.self[string(e.callerARN)]
}

// splitAssumedRole takes arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION apart.
// role holds the pieces of the role's ARN, without the IAM path, which the
// session's ARN does not have.
func splitAssumedRole(arn []byte) (role [][]byte, session []byte, ok bool) {
	head, tail, found := bytes.Cut(arn, assumedRole)
	if !found {
		return nil, nil, false
	}
	name, session, found := bytes.Cut(tail, []byte("/"))
	partition, account, sts := bytes.Cut(head, colonSTS)
	if !found || !sts {
		return nil, nil, false
	}
	return [][]byte{partition, colonIAM, account, roleSlash, name}, session, true
}

// actorKind tells who set a call off. People are told from workloads by what
// only one of them has: a console session, MFA, single sign-on, a session
// named after a mail address.
func actorKind(e *event) string {
	switch string(e.callerType) {
	case "AWSService":
		return "aws_service"
	case "":
		if e.invokedBy != nil {
			return "aws_service"
		}
		return "unknown"
	case "Root", "IdentityCenterUser", "Directory", "SAMLUser":
		return "human"
	case "AWSAccount", "Unknown":
		return "unknown"
	}
	switch {
	case bytes.Contains(e.roleARN, []byte(":role/aws:")), bytes.Contains(e.roleARN, []byte(":role/aws-service-role/")),
		bytes.Contains(e.roleARN, []byte("/AWSServiceRoleFor")):
		return "aws_service"
	case e.consoleSession == yes, e.mfa == yes,
		bytes.Contains(e.roleARN, []byte("/AWSReservedSSO_")), bytes.IndexByte(e.sessionName, '@') > 0:
		return "human"
	case string(e.callerType) == "IAMUser" && bytes.HasPrefix(e.accessKeyID, []byte("ASIA")):
		return "human"
	default:
		return "workload"
	}
}
