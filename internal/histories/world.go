package histories

import (
	"strings"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

// owners have keys; partner only calls.
var owners = []string{"main", "second", "foreign"}

var regions = []string{"us-east-1", "eu-central-1"}

// keyNames are the keys of every owner in every Region; they are used with the
// operations that Sample uses them for.
var keyNames = []string{"alpha", "beta", "hsm", "imported", "mrk-alpha"}

// store is the custom key store in which every owner's key hsm lies.
func store(account string) string { return "cks-" + cttest.HexID(17, account) }

func storeOf(key string) string {
	account := cttest.KeyAccount(key)
	if account != "" && key == cttest.KeyARN(account, cttest.KeyRegion(key), "hsm") {
		return store(account)
	}
	return ""
}

// caller chooses who calls from an account: people, workloads, root, sessions
// of every kind.
func (m *maker) caller(account string) cttest.Identity {
	switch m.IntN(8) {
	case 0:
		return pick(m.Rand, cttest.Identities(account))
	case 1:
		return cttest.SSORole(account, "Admin", pick(m.Rand, []string{"ann@example.com", "bob@example.com"}))
	case 2:
		return cttest.IAMUser(account, pick(m.Rand, []string{"ann", "backup"}))
	case 3:
		return cttest.AssumedRole(account, "reader", "kmstrail")
	default:
		return cttest.AssumedRole(account, pick(m.Rand, []string{"app", "worker", "admin"}), pick(m.Rand, []string{"s1", "s2", "s3"}))
	}
}

// member is like caller, but always somebody of the account with an id that
// every copy of a call shows.
func (m *maker) member(account string) cttest.Identity {
	for {
		if c := m.caller(account); c.Account != "" && c.Type != "" {
			return c
		}
	}
}

// callerID is what identifies a caller: the unique id without the session's
// name; where there is none, the service's name, the ARN or the account.
func callerID(c *cttest.Identity) string {
	id := c.PrincipalID
	if session := sessionOf(c); session != "" {
		id = strings.TrimSuffix(id, ":"+session)
	}
	for _, s := range []string{id, serviceName(c), c.ARN, c.Account, c.InvokedBy} {
		if s != "" {
			return s
		}
	}
	return "unknown"
}

func serviceName(c *cttest.Identity) string {
	if c.Type == "AWSService" {
		return c.InvokedBy
	}
	return ""
}

// sessionOf is the name of a role session.
func sessionOf(c *cttest.Identity) string {
	if strings.Contains(c.ARN, ":assumed-role/") {
		return c.ARN[strings.LastIndexByte(c.ARN, '/')+1:]
	}
	if strings.HasPrefix(c.PrincipalID, "AROA") {
		_, session, _ := strings.Cut(c.PrincipalID, ":")
		return session
	}
	return ""
}
