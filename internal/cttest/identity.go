package cttest

import "time"

// Identity is a userIdentity. Members that are empty are left out.
type Identity struct {
	// Type is AssumedRole, IAMUser, …; "" for KMS's own service events.
	Type        string
	Account     string
	PrincipalID string
	ARN         string
	UserName    string
	AccessKey   string
	InvokedBy   string

	// Issuer is sessionContext.sessionIssuer; nil for none.
	Issuer *Issuer
	// EmptyIssuer writes empty sessionIssuer and webIdFederationData objects.
	EmptyIssuer bool
	// Session says that there is a sessionContext with attributes.
	Session bool
	// Started is when the session began; zero means the start of the hour of
	// the event.
	Started        time.Time
	MFA            bool
	SourceIdentity string
	// FederatedProvider is sessionContext.webIdFederationData.federatedProvider.
	FederatedProvider string
	// IdentityProvider is set for SAML and web identity users.
	IdentityProvider string
	// OnBehalfOf is the user id of an IAM Identity Center user.
	OnBehalfOf string
	// CredentialID goes with an IAM Identity Center user.
	CredentialID string
	// InScopeOf is a raw JSON object.
	InScopeOf string
	// Raw replaces the whole userIdentity by JSON text.
	Raw string
}

// Issuer is who issued a session's credentials.
type Issuer struct{ Type, ARN, PrincipalID, UserName, Account string }

// AssumedRole is a session of a role without an IAM path.
func AssumedRole(account, role, session string) Identity {
	return AssumedRolePath(account, "/", role, session)
}

// AssumedRolePath is a session of a role; path begins and ends with a slash.
// The session's ARN does not show the path, the role's does.
func AssumedRolePath(account, path, role, session string) Identity {
	account = Account(account)
	id := UniqueID("AROA", account, role)
	return Identity{
		Type:        "AssumedRole",
		Account:     account,
		PrincipalID: id + ":" + session,
		ARN:         "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + session,
		AccessKey:   UniqueID("ASIA", account, role, session),
		Issuer: &Issuer{
			Type:        "Role",
			ARN:         RoleARNPath(account, path, role),
			PrincipalID: id,
			UserName:    role,
			Account:     account,
		},
		Session: true,
	}
}

// RoleARN is the ARN of a role without a path.
func RoleARN(account, role string) string { return RoleARNPath(account, "/", role) }

// RoleARNPath is the ARN of a role under a path.
func RoleARNPath(account, path, role string) string {
	return "arn:aws:iam::" + Account(account) + ":role" + path + role
}

// SSORole is a session that a person opened through IAM Identity Center.
func SSORole(account, permissionSet, person string) Identity {
	role := "AWSReservedSSO_" + permissionSet + "_" + HexID(16, account, permissionSet)
	id := AssumedRolePath(account, "/aws-reserved/sso.amazonaws.com/", role, person)
	id.MFA = true
	return id
}

// IAMUser is a user with a long-lived access key.
func IAMUser(account, name string) Identity {
	account = Account(account)
	return Identity{
		Type:        "IAMUser",
		Account:     account,
		PrincipalID: UniqueID("AIDA", account, name),
		ARN:         "arn:aws:iam::" + account + ":user/" + name,
		UserName:    name,
		AccessKey:   UniqueID("AKIA", account, name),
	}
}

// ConsoleUser is a user in a console session.
func ConsoleUser(account, name string, mfa bool) Identity {
	id := IAMUser(account, name)
	id.AccessKey = UniqueID("ASIA", id.Account, name)
	id.Session, id.EmptyIssuer, id.MFA = true, true, mfa
	return id
}

// Root is the account's root in a console session.
func Root(account string) Identity {
	account = Account(account)
	return Identity{
		Type:        "Root",
		Account:     account,
		PrincipalID: account,
		ARN:         "arn:aws:iam::" + account + ":root",
		AccessKey:   UniqueID("ASIA", account, "root"),
		Session:     true,
		EmptyIssuer: true,
		MFA:         true,
	}
}

// FederatedUser is a session from GetFederationToken, issued by an IAM user.
func FederatedUser(account, name string) Identity {
	account = Account(account)
	issuer := IAMUser(account, "federation")
	return Identity{
		Type:        "FederatedUser",
		Account:     account,
		PrincipalID: account + ":" + name,
		ARN:         "arn:aws:sts::" + account + ":federated-user/" + name,
		AccessKey:   UniqueID("ASIA", account, "federated", name),
		Issuer: &Issuer{
			Type: "IAMUser", ARN: issuer.ARN, PrincipalID: issuer.PrincipalID,
			UserName: issuer.UserName, Account: account,
		},
		Session: true,
	}
}

// AWSService is a service principal: nothing but its name is logged.
func AWSService(name string) Identity {
	return Identity{Type: "AWSService", InvokedBy: name}
}

// AWSAccount is how a foreign caller looks in the key owner's copy.
func AWSAccount(account, principalID string) Identity {
	return Identity{Type: "AWSAccount", Account: Account(account), PrincipalID: principalID}
}

// Internal is KMS itself in a service event: no type.
func Internal(account string) Identity {
	return Identity{Account: Account(account), InvokedBy: "AWS Internal"}
}

// EC2Infrastructure is the role session by which EBS reads a volume's key for
// an instance.
func EC2Infrastructure(account, instance string) Identity {
	account = Account(account)
	role := "aws:ec2-infrastructure"
	id := account + ":" + role
	return Identity{
		Type:        "AssumedRole",
		Account:     account,
		PrincipalID: id + ":" + instance,
		ARN:         "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + instance,
		AccessKey:   UniqueID("ASIA", account, role, instance),
		InvokedBy:   "AWS Internal",
		Issuer: &Issuer{
			Type: "Role", ARN: "arn:aws:iam::" + account + ":role/" + role,
			PrincipalID: id, UserName: role, Account: account,
		},
		Session:   true,
		InScopeOf: `{"issuerType":"AWS::EC2::Instance","credentialsIssuedTo":"arn:aws:ec2:us-east-1:` + account + `:instance/` + instance + `"}`,
	}
}

// WebIdentityRole is a role session of a Kubernetes service account.
func WebIdentityRole(account, role, session, provider string) Identity {
	id := AssumedRole(account, role, session)
	id.FederatedProvider = "arn:aws:iam::" + id.Account + ":oidc-provider/" + provider
	return id
}

// IdentityCenterUser is a person known by the Identity Center user id only.
func IdentityCenterUser(account, userID string) Identity {
	return Identity{
		Type: "IdentityCenterUser", Account: Account(account),
		OnBehalfOf: userID, CredentialID: HexID(64, account, userID),
	}
}

// Identities returns one identity of every userIdentity type.
func Identities(account string) []Identity {
	account = Account(account)
	role := AssumedRole(account, "app", "session")
	plainRole := role
	plainRole.Type, plainRole.ARN = "Role", role.Issuer.ARN
	return []Identity{
		role,
		AssumedRolePath(account, "/service-role/", "lambda-exec", "function"),
		SSORole(account, "Admin", "ann@example.com"),
		WebIdentityRole(account, "pod", "pod-1", "oidc.example.com/id/1"),
		EC2Infrastructure(account, "i-0123456789abcdef0"),
		plainRole,
		IAMUser(account, "ann"),
		ConsoleUser(account, "ann", true),
		Root(account),
		FederatedUser(account, "bob"),
		{Type: "Directory", Account: account, PrincipalID: account + ":S-1-5-21", UserName: "EXAMPLE\\bob"},
		AWSAccount(account, UniqueID("AROA", account, "app")+":session"),
		AWSService("cloudtrail.amazonaws.com"),
		IdentityCenterUser(account, "94482488-3041-7026-18f3-be45837cd0e4"),
		{
			Type: "SAMLUser", PrincipalID: "abc:ann", UserName: "ann",
			IdentityProvider: "arn:aws:iam::" + account + ":saml-provider/example",
		},
		{
			Type: "WebIdentityUser", PrincipalID: "accounts.example.com:1:2", UserName: "2",
			IdentityProvider: "accounts.example.com",
		},
		{Type: "Unknown", Account: account},
		Internal(account),
	}
}

func (id *Identity) append(w *writer, at time.Time) {
	if id.Raw != "" {
		w.raw("userIdentity", id.Raw)
		return
	}
	w.open("userIdentity")
	w.opt("type", id.Type)
	w.opt("principalId", id.PrincipalID)
	w.opt("arn", id.ARN)
	w.opt("accountId", id.Account)
	w.opt("accessKeyId", id.AccessKey)
	w.opt("userName", id.UserName)
	id.appendSession(w, at)
	w.opt("invokedBy", id.InvokedBy)
	w.opt("identityProvider", id.IdentityProvider)
	if id.OnBehalfOf != "" {
		w.open("onBehalfOf")
		w.str("userId", id.OnBehalfOf)
		w.str("identityStoreArn", "arn:aws:identitystore::"+id.Account+":identitystore/d-1234567890")
		w.end('}')
	}
	w.opt("credentialId", id.CredentialID)
	if id.InScopeOf != "" {
		w.raw("inScopeOf", id.InScopeOf)
	}
	w.end('}')
}

func (id *Identity) appendSession(w *writer, at time.Time) {
	if !id.Session {
		return
	}
	w.open("sessionContext")
	if s := id.Issuer; s != nil {
		w.open("sessionIssuer")
		w.str("type", s.Type)
		w.str("principalId", s.PrincipalID)
		w.str("arn", s.ARN)
		w.str("accountId", s.Account)
		w.opt("userName", s.UserName)
		w.end('}')
	} else if id.EmptyIssuer {
		w.raw("sessionIssuer", "{}")
	}
	switch {
	case id.FederatedProvider != "":
		w.open("webIdFederationData")
		w.str("federatedProvider", id.FederatedProvider)
		w.raw("attributes", "{}")
		w.end('}')
	case id.EmptyIssuer:
		w.raw("webIdFederationData", "{}")
	}
	started := id.Started
	if started.IsZero() {
		started = at.Truncate(time.Hour)
	}
	w.open("attributes")
	w.name("creationDate")
	w.b = appendTime(w.b, started)
	w.b = append(w.b, ',')
	if id.MFA {
		w.str("mfaAuthenticated", "true")
	} else {
		w.str("mfaAuthenticated", "false")
	}
	w.end('}')
	w.opt("sourceIdentity", id.SourceIdentity)
	w.end('}')
}

// appendTime appends a quoted ISO 8601 time in whole seconds, UTC.
func appendTime(b []byte, t time.Time) []byte {
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, "2006-01-02T15:04:05Z")
	return append(b, '"')
}
