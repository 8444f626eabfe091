package dossier

import (
	"cmp"
	"context"
	"slices"

	"github.com/kmstrail/kmstrail/detectors"
)

// Principal puts together the page of a principal that the store names.
func Principal(ctx context.Context, store Store, who Identity, opts Options) (*PrincipalPage, error) {
	b := newBuilder(store, opts)
	if err := b.load(ctx); err != nil {
		return nil, err
	}
	p := &PrincipalPage{Head: b.head("principal")}
	p.Principal.Caller = b.names.caller("", who.ARN, who.Account)
	p.Principal.UniqueIDs = append([]string{}, who.IDs...)
	if len(who.IDs) > 0 {
		p.Principal.ID = who.IDs[0]
	}
	k := principalBuilder{b, p}
	for _, step := range []func(context.Context) error{
		k.coverage, k.facts, k.use, k.access, k.lists, k.activity, k.changes, k.grants, k.rates,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	p.Findings = b.findings(func(f *detectors.Finding) bool {
		return f.PrincipalARN != "" && (f.PrincipalARN == who.ARN || slices.Contains(who.IDs, f.PrincipalARN)) ||
			slices.ContainsFunc(who.IDs, func(id string) bool { return f.Details["caller_id"] == id })
	})
	return p, nil
}

// principalBuilder is the state of making the page of one principal.
type principalBuilder struct {
	*builder
	p *PrincipalPage
}

func (k *principalBuilder) ids() []string { return k.p.Principal.UniqueIDs }

// name is how queries are asked about it.
func (k *principalBuilder) name() string {
	return cmp.Or(k.p.Principal.ARN, k.p.Principal.ID)
}

// coverage is that of its own account: what it was refused is logged there.
func (k *principalBuilder) coverage(ctx context.Context) (err error) {
	account := k.p.Principal.Account.ID
	if account == "" { // a service is logged everywhere
		k.p.Coverage, err = k.builder.coverage(ctx, nil, "")
		return err
	}
	k.p.Coverage, err = k.builder.coverage(ctx, []string{account}, "")
	return err
}

const ofCallers = "list_contains(cast($3 as varchar[]), caller_id)"

// facts reads what holds for the whole store.
func (k *principalBuilder) facts(ctx context.Context) error {
	f := &k.p.Principal
	f.Kinds = []string{}
	return k.each(ctx, "the principal", `
		select
			actor_kind,
			min(first_event_time) as first_seen,
			max(last_event_time) as last_seen,
			max(case when call_count > 0 or principal_arn is not null then 1 else 0 end) as own_side
		from usage_daily
		where list_contains(cast($1 as varchar[]), caller_id)
		group by actor_kind
		order by actor_kind`, []any{k.ids()},
		func(r record) {
			f.Kinds = append(f.Kinds, r.text("actor_kind"))
			f.FirstSeen, f.LastSeen = earlier(f.FirstSeen, r.moment("first_seen")), later(f.LastSeen, r.moment("last_seen"))
			f.OwnerSideOnly = (len(f.Kinds) == 1 || f.OwnerSideOnly) && r.number("own_side") == 0
		})
}

func (k *principalBuilder) use(ctx context.Context) (err error) {
	k.p.Use, err = k.usage(ctx, callsOfCaller, ofCallers, k.ids())
	return err
}

func (k *principalBuilder) access(ctx context.Context) error {
	a := &k.p.Access
	return k.each(ctx, "sessions", `
		select
			count(*) as calls,
			count(distinct session_name) as sessions,
			count(distinct access_key_id) as access_keys,
			count(case when access_key_id like 'AKIA%' then 1 end) as long_lived,
			count(case when console_session then 1 end) as console,
			count(case when mfa then 1 end) as with_mfa,
			count(case when not mfa then 1 end) as without_mfa,
			count(service) as through_service
		from kms_calls
		where event_time >= $1 and event_time < $2 and `+ofCallers, k.windowAnd(k.ids()),
		func(r record) {
			a.Calls, a.Sessions, a.AccessKeys = r.number("calls"), r.number("sessions"), r.number("access_keys")
			a.LongLived, a.Console, a.Through = r.number("long_lived"), r.number("console"), r.number("through_service")
			a.WithMFA, a.WithoutMFA = r.number("with_mfa"), r.number("without_mfa")
		})
}

// lists reads from where it called.
func (k *principalBuilder) lists(ctx context.Context) error {
	a := &k.p.Access
	for _, l := range []struct {
		to     *List[Seen]
		column string
	}{
		{&a.Types, "caller_type"}, {&a.Addresses, "source_ip_address"}, {&a.UserAgents, "user_agent"}, {&a.Endpoints, "vpc_endpoint_id"},
	} {
		*l.to = List[Seen]{Rows: []Seen{}, Command: k.command("event_lookup", "principal", k.name())}
		err := k.each(ctx, l.column, `
			select `+l.column+` as value, count(*) as calls, min(event_time) as first_seen, max(event_time) as last_seen
			from kms_calls
			where event_time >= $1 and event_time < $2 and `+l.column+` is not null and `+ofCallers+`
			group by 1
			order by calls desc, value`, k.windowAnd(k.ids()),
			func(r record) {
				l.to.add(Seen{r.text("value"), r.number("calls"), r.moment("first_seen"), r.moment("last_seen")})
			})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) windowAnd(args ...any) []any {
	return append([]any{b.window.Start, b.window.End}, args...)
}

// activity lists keys, and what was denied.
func (k *principalBuilder) activity(ctx context.Context) error {
	command := k.command("principal_activity", "principal_arn", k.name())
	denied := List[DeniedUse]{Rows: []DeniedUse{}, Command: command}
	keys := map[string]*KeyUse{}
	err := k.ask(ctx, "principal_activity", map[string]string{"principal_arn": k.name()}, k.inWindow(), func(r record) {
		arn, class, n := r.text("key_arn"), r.text("error_class"), r.number("call_count")
		u := keys[arn]
		if u == nil {
			u = &KeyUse{Key: k.names.key(arn), Services: []string{}, Operations: []string{}, FirstSeen: r.moment("first_seen"), LastSeen: r.moment("last_seen")}
			keys[arn] = u
		}
		u.count(r, class, n)
		if class == "denied" {
			denied.add(DeniedUse{
				Key: u.Key, Operation: r.text("event_name"), Service: r.text("service"), Calls: n,
				FirstSeen: r.moment("first_seen"), LastSeen: r.moment("last_seen"),
			})
		}
	})
	k.p.Denied, k.p.Keys = denied, keyList(keys, command)
	return err
}

// count adds a row of calls of one operation, service and outcome.
func (u *KeyUse) count(r record, class string, n int64) {
	u.Calls += n
	if class != "" && class != "dry_run" {
		u.Failed += n
	}
	if class == "denied" {
		u.Denied += n
	}
	u.Operations = with(u.Operations, r.text("event_name"))
	u.Services = with(u.Services, r.text("service"))
	u.FirstSeen, u.LastSeen = *earlier(&u.FirstSeen, r.moment("first_seen")), *later(&u.LastSeen, r.moment("last_seen"))
}

// with adds a name to a sorted list, once.
func with(list []string, name string) []string {
	at, known := slices.BinarySearch(list, name)
	if known || name == "" {
		return list
	}
	return slices.Insert(list, at, name)
}

// keyList puts the keys with most calls first.
func keyList(keys map[string]*KeyUse, command string) List[KeyUse] {
	all := make([]KeyUse, 0, len(keys))
	for _, u := range keys {
		all = append(all, *u)
	}
	slices.SortFunc(all, func(x, y KeyUse) int {
		return cmp.Or(cmp.Compare(y.Calls, x.Calls), cmp.Compare(x.Key.ARN, y.Key.ARN))
	})
	list := List[KeyUse]{Rows: []KeyUse{}, Command: command}
	for _, u := range all {
		list.add(u)
	}
	return list
}

func (k *principalBuilder) changes(ctx context.Context) (err error) {
	k.p.Changes, err = k.changesOf(ctx, "known_principal_arn = $1 and event_name not in ('CreateGrant', 'RetireGrant', 'RevokeGrant')", k.p.Principal.ARN)
	k.p.Changes.Command = k.command("principal_activity", "principal_arn", k.name())
	return err
}

// grants lists those made for it and those it made.
func (k *principalBuilder) grants(ctx context.Context) error {
	for _, l := range []struct {
		to     *List[Grant]
		column string
	}{{&k.p.GrantsFor, "grantee_principal"}, {&k.p.GrantsBy, "created_by"}} {
		var all []Grant
		err := k.each(ctx, "grants", `
			select grant_id, key_arn, grantee_principal, retiring_principal, grant_operations, service, created_by, created_at, ended_by, ended_at
			from grants
			where `+l.column+` = $1
			  and (created_at is null or created_at < $3)
			  and (ended_at is null or ended_at >= $2)
			order by grant_id`, []any{k.name(), k.window.Start, k.window.End},
			func(r record) { all = append(all, k.grant(r)) })
		if err != nil {
			return err
		}
		*l.to = grantList(all, k.command("grants_of_key"))
	}
	return nil
}

func (k *principalBuilder) rates(ctx context.Context) (err error) {
	caller := k.p.Principal.ARN
	if caller == "" {
		caller = k.p.Principal.ID
	}
	k.p.Rates, err = k.ratesOf(ctx, "caller = $3", caller)
	return err
}
