package dossier

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kmstrail/kmstrail/internal/report"
	"github.com/kmstrail/kmstrail/internal/sqlfile"
)

// UnknownError says that the logs do not name what was asked for.
type UnknownError struct {
	What string // key, principal or resource
	Name string
	// Near are names that may have been meant.
	Near []string
}

// Error names the thing that was not found.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("find %s %s: the logs in the store do not name it", e.What, report.Clean(e.Name))
}

// AmbiguousError says that a name may mean several things.
type AmbiguousError struct {
	What string
	Name string
	// Candidates say what it may mean, each in words that can be asked for.
	Candidates []string
	Omitted    int // candidates that are not listed
}

// Error names what was asked for.
func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("find %s %s: the name means %d of them", e.What, report.Clean(e.Name), len(e.Candidates)+e.Omitted)
}

func ambiguous(what, name string, candidates []string) error {
	slices.Sort(candidates)
	kept := candidates[:min(len(candidates), maxCandidates)]
	return &AmbiguousError{What: what, Name: name, Candidates: kept, Omitted: len(candidates) - len(kept)}
}

// unknown offers the known names that hold the asked one, else the nearest; like
// is the part of the name that they are compared with.
func unknown(what, name, like string, known []string) error {
	slices.Sort(known)
	known = slices.Compact(known)
	e := &UnknownError{What: what, Name: name}
	word := strings.ToLower(like)
	for _, k := range known {
		if len(e.Near) < maxCandidates && len(word) > 1 && strings.Contains(strings.ToLower(k), word) {
			e.Near = append(e.Near, k)
		}
	}
	if near := sqlfile.Nearest(like, known); len(e.Near) == 0 && near != "" {
		e.Near = []string{near}
	}
	return e
}

var keyID = regexp.MustCompile(`^(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$`)

// FindKey returns the ARN of the key that a key ARN, key id, alias or alias ARN
// means. An alias means the key that has it at the end of the logs, else the
// one that had it last.
func FindKey(ctx context.Context, store Store, name string) (string, error) {
	b := newBuilder(store, Options{})
	if err := b.load(ctx); err != nil {
		return "", err
	}
	k := keySearch{builder: b}
	if err := k.read(ctx); err != nil {
		return "", err
	}
	found := k.find(name)
	switch len(found) {
	case 0:
		return "", unknown("key", name, name, k.words(name))
	case 1:
		return found[0], nil
	}
	candidates := make([]string, len(found))
	for i, arn := range found {
		candidates[i] = arn + "  " + join(", ", b.names.aliases[arn], b.names.key(arn).Account.Name)
	}
	return "", ambiguous("key", name, candidates)
}

// keySearch holds the names of all keys.
type keySearch struct {
	*builder
	arns    []string
	aliases []aliasOf
}

// aliasOf is an alias that a key has or had.
type aliasOf struct {
	name, key string
	now       bool
}

func (k *keySearch) read(ctx context.Context) error {
	err := k.each(ctx, "keys", `select key_arn from keys order by key_arn`, nil,
		func(r record) { k.arns = append(k.arns, r.text("key_arn")) })
	if err != nil {
		return err
	}
	// What calls name is true at the time of the call; where the logs hold
	// changes of the alias, those say which key has it.
	return k.each(ctx, "aliases", `
		with changed as (
			select key_arn, account_id, region, name, valid_to, valid_from
			from key_timeline
			where kind = 'alias'
		),
		called as (
			select key_arn, split_part(key_arn, ':', 5) as account_id, split_part(key_arn, ':', 4) as region, alias_name as name
			from usage_daily
			where alias_name is not null and key_arn is not null
			group by key_arn, alias_name
		)
		select key_arn, name, valid_to is null as holds
		from changed
		union all
		select called.key_arn, called.name, true as holds
		from called
		left join (select distinct account_id, region, name from changed) as changed
		  on changed.account_id = called.account_id and changed.region = called.region and changed.name = called.name
		where changed.name is null
		order by key_arn, name, holds`, nil,
		func(r record) {
			k.aliases = append(k.aliases, aliasOf{r.text("name"), r.text("key_arn"), r.is("holds")})
		})
}

// find returns the keys that the name means, each once.
func (k *keySearch) find(name string) []string {
	a := parseARN(name)
	switch {
	case strings.HasPrefix(a.name, "alias/"):
		return k.byAlias(a, a.name)
	case a.account != "":
		return k.byARN(func(arn string) bool { return arn == name })
	case keyID.MatchString(strings.TrimPrefix(strings.ToLower(name), "key/")):
		id := strings.TrimPrefix(strings.ToLower(name), "key/")
		return k.byARN(func(arn string) bool { return strings.HasSuffix(arn, ":key/"+id) })
	default:
		return k.byAlias(a, "alias/"+name)
	}
}

func (k *keySearch) byARN(is func(arn string) bool) []string {
	var found []string
	for _, arn := range k.arns {
		if is(arn) {
			found = append(found, arn)
		}
	}
	return found
}

// byAlias finds the keys that have an alias now, else those that had it.
func (k *keySearch) byAlias(in arn, alias string) []string {
	var now, before []string
	for _, a := range k.aliases {
		key := parseARN(a.key)
		switch {
		case a.name != alias || in.account != "" && (in.account != key.account || in.region != key.region):
		case a.now:
			now = append(now, a.key)
		default:
			before = append(before, a.key)
		}
	}
	if len(now) == 0 {
		now = before
	}
	slices.Sort(now)
	return slices.Compact(now)
}

// words are the names that a mistyped one is compared with.
func (k *keySearch) words(name string) []string {
	if strings.HasPrefix(name, "arn:") && !strings.Contains(name, ":alias/") {
		return slices.Clone(k.arns)
	}
	var words []string
	for _, a := range k.aliases {
		words = append(words, a.name)
	}
	for _, arn := range k.arns {
		words = append(words, strings.TrimPrefix(parseARN(arn).name, "key/"))
	}
	return words
}

// Identity is a principal as the logs know it.
type Identity struct {
	// ARN is "" for a service, and for a stranger of whom only the owner's
	// records arrived.
	ARN string
	// IDs are its unique ids; a role that was deleted and made again has two.
	IDs     []string
	Account string
}

// FindPrincipal says who is meant by an ARN (also of a session), a unique id,
// the name of a service, or the name of a role or user where only one has it.
func FindPrincipal(ctx context.Context, store Store, name string) (Identity, error) {
	b := newBuilder(store, Options{})
	if err := b.load(ctx); err != nil {
		return Identity{}, err
	}
	known, err := b.identities(ctx)
	if err != nil {
		return Identity{}, err
	}
	var found []Identity
	for _, is := range []func(Identity) bool{
		func(i Identity) bool { return i.ARN == name || slices.Contains(i.IDs, name) },
		func(i Identity) bool { return i.ofSession(name) },
		func(i Identity) bool { return i.ARN != "" && lastPart(i.ARN) == trimKind(name) },
	} {
		if found = slices.DeleteFunc(slices.Clone(known), func(i Identity) bool { return !is(i) }); len(found) > 0 {
			break
		}
	}
	var words []string
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		for _, i := range known {
			words = append(words, i.words(name)...)
		}
		return Identity{}, unknown("principal", name, trimKind(name), words)
	}
	for _, i := range found {
		words = append(words, i.ARN+"  "+b.names.accounts[i.Account])
	}
	return Identity{}, ambiguous("principal", name, words)
}

// identities lists every caller, grantee and maker of changes.
func (b *builder) identities(ctx context.Context) ([]Identity, error) {
	byName := map[string]int{}
	var list []Identity
	err := b.each(ctx, "principals", `
		with callers as (
			select caller_id, max(principal_arn) as principal_arn, max(caller_account_id) as account_id
			from usage_daily
			group by caller_id
			union all
			select distinct cast(null as varchar) as caller_id, principal_arn, split_part(principal_arn, ':', 5) as account_id
			from key_change_records
			where principal_arn is not null
			union all
			select distinct cast(null as varchar) as caller_id, grantee_principal as principal_arn, split_part(grantee_principal, ':', 5) as account_id
			from key_change_records
			where grantee_principal like 'arn:%'
		)
		select caller_id, principal_arn, account_id
		from callers
		order by principal_arn, caller_id`, nil,
		func(r record) {
			i := Identity{ARN: r.text("principal_arn"), Account: r.text("account_id")}
			id := r.text("caller_id")
			name := i.ARN
			if name == "" {
				name = id
			}
			at, known := byName[name]
			if !known {
				at = len(list)
				byName[name] = at
				list = append(list, i)
			}
			if id != "" {
				list[at].IDs = append(list[at].IDs, id)
			}
		})
	return list, err
}

// ofSession reports whether the ARN is that of a session of this role.
func (i Identity) ofSession(name string) bool {
	a := parseARN(name)
	parts := strings.Split(a.name, "/")
	return a.service == "sts" && len(parts) == 3 && parts[0] == "assumed-role" &&
		i.Account == a.account && strings.HasPrefix(parseARN(i.ARN).name, "role/") && lastPart(i.ARN) == parts[1]
}

// words are the names that a mistyped one is compared with.
func (i Identity) words(name string) []string {
	switch {
	case strings.HasPrefix(name, "arn:") && i.ARN != "":
		return []string{i.ARN}
	case i.ARN != "":
		return []string{lastPart(i.ARN)}
	default:
		return i.IDs
	}
}

// lastPart is the name at the end of an ARN, without path and kind.
func lastPart(arn string) string {
	name := parseARN(arn).name
	return name[strings.LastIndexByte(name, '/')+1:]
}

// trimKind takes role/ or user/ off a name.
func trimKind(name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, "role/"), "user/")
}
