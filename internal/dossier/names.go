package dossier

import (
	"context"
	"regexp"
	"strings"

	"github.com/kmstrail/kmstrail/internal/report"
)

// names knows what people call accounts and keys.
type names struct {
	accounts map[string]string // by id
	aliases  map[string]string // by key ARN, at most three, comma-joined
}

// load reads the names.
func (b *builder) load(ctx context.Context) error {
	b.names = names{map[string]string{}, map[string]string{}}
	err := b.each(ctx, "account names", `select account_id, account_name from accounts where account_name is not null`, nil,
		func(r record) { b.names.accounts[r.text("account_id")] = r.text("account_name") })
	if err != nil {
		return err
	}
	return b.each(ctx, "key names", `select key_arn, aliases from keys where aliases is not null`, nil,
		func(r record) { b.names.aliases[r.text("key_arn")] = r.text("aliases") })
}

func (n names) account(id string) Account { return Account{ID: id, Name: n.accounts[id]} }

func (n names) key(arn string) KeyRef {
	a := parseARN(arn)
	return KeyRef{ARN: arn, Label: n.aliases[arn], Account: n.account(a.account), Region: a.region}
}

// caller fills in the account that the ARN names where the record had none.
func (n names) caller(id, arn, account string) Caller {
	if account == "" {
		account = parseARN(arn).account
	}
	return Caller{ID: id, ARN: arn, Account: n.account(account)}
}

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// principal is a caller known by its ARN or name only; nil when there is none.
func (n names) principal(arn string) *Caller {
	if arn == "" {
		return nil
	}
	c := n.caller("", arn, "")
	if !strings.HasPrefix(arn, "arn:") {
		c.ID, c.ARN = arn, ""
		// EC2's own roles: 111122223333:aws:ec2-infrastructure:i-…
		if account, rest, ok := strings.Cut(arn, ":"); ok && accountID.MatchString(account) {
			c.ID, c.Account = rest, n.account(account)
		}
	}
	return &c
}

// arn is what is read of an ARN; of other text only the name is set.
type arn struct{ service, region, account, name string }

func parseARN(s string) arn {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return arn{name: s}
	}
	return arn{service: parts[2], region: parts[3], account: parts[4], name: parts[5]}
}

// String names the account for people.
func (a Account) String() string {
	if a.ID == "" {
		return ""
	}
	return report.AccountText(a.ID, a.Name)
}

// short names the account in little space.
func (a Account) short() string {
	if a.Name != "" {
		return a.Name
	}
	return a.ID
}

// name is what people call the key: its aliases, else its id.
func (k KeyRef) name() string {
	if k.Label != "" {
		return k.Label
	}
	return strings.TrimPrefix(parseARN(k.ARN).name, "key/")
}

// place says where the key is.
func (k KeyRef) place() string { return join(", ", k.Account.String(), k.Region) }

// String names the key and says where it is.
func (k KeyRef) String() string { return join(", ", k.name(), k.place()) }

// name is what people call the caller, without its account.
func (c Caller) name() string {
	switch {
	case c.ARN != "":
		return parseARN(c.ARN).name
	case c.ID != "" && c.ID == c.Account.ID:
		return "account " + c.ID
	case c.ID != "":
		return c.ID
	default:
		return "not known"
	}
}

// short is the name without a path.
func (c Caller) short() string {
	name := c.name()
	kind, _, found := strings.Cut(name, "/")
	if c.ARN == "" || !found {
		return name
	}
	return kind + "/" + lastPart(c.ARN)
}

// String names the caller and its account.
func (c *Caller) String() string {
	if c == nil {
		return ""
	}
	return join(", ", c.short(), c.Account.String())
}

// join joins the parts that are not empty.
func join(separator string, parts ...string) string {
	kept := parts[:0:0]
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, separator)
}
