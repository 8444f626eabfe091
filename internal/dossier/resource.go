package dossier

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/detectors"
)

// The whole time that a store can hold.
var (
	beginning = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	end       = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Resource puts together the page of a resource that the store names.
func Resource(ctx context.Context, store Store, id ResourceID, opts Options) (*ResourcePage, error) {
	b := newBuilder(store, opts)
	if err := b.load(ctx); err != nil {
		return nil, err
	}
	p := &ResourcePage{Head: b.head("resource")}
	p.Resource = ResourceFacts{Resource: id.Resource, Service: id.Service, Account: b.names.account(id.Account), Name: id.Name}
	k := resourceBuilder{b, p}
	for _, step := range []func(context.Context) error{k.use, k.keys, k.coverage, k.contexts, k.tags, k.keyTags} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	p.Findings = b.findings(func(f *detectors.Finding) bool { return namesResource(f, id) })
	return p, nil
}

// namesResource looks for the resource among a finding's columns.
func namesResource(f *detectors.Finding, id ResourceID) bool {
	is := func(v any) bool {
		s, ok := v.(string)
		return ok && (s == id.Resource || strings.HasPrefix(s, id.Resource+"/") || id.Account != "" && f.AccountID == id.Account && s == id.Name)
	}
	for _, v := range f.Details {
		if list, ok := v.([]any); is(v) || ok && slices.ContainsFunc(list, is) {
			return true
		}
	}
	return false
}

// resourceBuilder is the state of making the page of one resource.
type resourceBuilder struct {
	*builder
	p *ResourcePage
}

func (k *resourceBuilder) command() string {
	return k.builder.command("resource_keys", "resource", k.p.Resource.Resource)
}

// coverage is that of the accounts that own the keys.
func (k *resourceBuilder) coverage(ctx context.Context) (err error) {
	var accounts []string
	for _, u := range k.p.Keys.Rows {
		accounts = with(accounts, u.Key.Account.ID)
	}
	if len(accounts) == 0 {
		accounts = with(accounts, k.p.Resource.Account.ID)
	}
	k.p.Coverage, err = k.builder.coverage(ctx, accounts, parseARN(k.p.Resource.Resource).region)
	return err
}

func (k *resourceBuilder) use(ctx context.Context) error {
	u := &k.p.Use
	u.Days, u.DaysPerBar = k.bars()
	t := newTally(u)
	err := k.each(ctx, "calls", `
		select
			cast(event_time as date) as day, error_class, operation_class = 'cryptographic' as cryptographic,
			count(*) as calls, count(distinct resource) as parts, min(event_time) as first_seen, max(event_time) as last_seen
		from kms_calls
		where event_time >= $1 and event_time < $2 and `+aboutResource+`
		group by 1, 2, 3
		order by 1, 2, 3`, k.windowAnd(k.p.Resource.Resource),
		func(r record) { t.add(k.builder, r) })
	t.finish()
	if err != nil {
		return err
	}
	return k.each(ctx, "parts", `
		select count(distinct resource) as parts
		from kms_calls
		where event_time >= $1 and event_time < $2 and starts_with(resource, $3 || '/')`, k.windowAnd(k.p.Resource.Resource),
		func(r record) { k.p.Resource.Parts = r.number("parts") })
}

// keys lists keys and callers from one query.
func (k *resourceBuilder) keys(ctx context.Context) error {
	keys, callers := map[string]*KeyUse{}, map[Caller]*CallerUse{}
	users := map[string]map[Caller]bool{}
	err := k.ask(ctx, "resource_keys", map[string]string{"resource": k.p.Resource.Resource}, k.inWindow(), func(r record) {
		arn := r.text("key_arn")
		who := k.names.caller(r.text("caller_id"), r.text("principal_arn"), r.text("caller_account_id"))
		first, last := r.moment("first_seen"), r.moment("last_seen")
		if keys[arn] == nil {
			keys[arn] = &KeyUse{Key: k.names.key(arn), Services: []string{}, Operations: []string{}, FirstSeen: first, LastSeen: last}
			users[arn] = map[Caller]bool{}
		}
		if callers[who] == nil {
			callers[who] = &CallerUse{Caller: who, Services: []string{}, Operations: []string{}, FirstSeen: first, LastSeen: last}
		}
		users[arn][who] = true
		keys[arn].sum(r)
		keys[arn].Callers = int64(len(users[arn]))
		callers[who].sum(r)
	})
	k.p.Keys = keyList(keys, k.command())
	k.p.Callers = callerList(callers, k.command())
	return err
}

// sum adds a row of resource_keys.
func (u *KeyUse) sum(r record) {
	u.Calls, u.Failed, u.Denied = u.Calls+r.number("call_count"), u.Failed+r.number("error_count"), u.Denied+r.number("denied_count")
	u.Services = with(u.Services, r.text("service"))
	for _, name := range r.list("operations") {
		u.Operations = with(u.Operations, name)
	}
	u.FirstSeen, u.LastSeen = *earlier(&u.FirstSeen, r.moment("first_seen")), *later(&u.LastSeen, r.moment("last_seen"))
}

func (u *CallerUse) sum(r record) {
	u.Calls, u.Failed, u.Denied = u.Calls+r.number("call_count"), u.Failed+r.number("error_count"), u.Denied+r.number("denied_count")
	u.Services = with(u.Services, r.text("service"))
	for _, name := range r.list("operations") {
		u.Operations = with(u.Operations, name)
	}
	u.FirstSeen, u.LastSeen = *earlier(&u.FirstSeen, r.moment("first_seen")), *later(&u.LastSeen, r.moment("last_seen"))
}

// callerList puts the callers with most calls first.
func callerList(callers map[Caller]*CallerUse, command string) List[CallerUse] {
	all := make([]CallerUse, 0, len(callers))
	for _, u := range callers {
		all = append(all, *u)
	}
	slices.SortFunc(all, func(x, y CallerUse) int {
		return cmp.Or(cmp.Compare(y.Calls, x.Calls), cmp.Compare(x.Caller.ARN, y.Caller.ARN), cmp.Compare(x.Caller.ID, y.Caller.ID))
	})
	list := List[CallerUse]{Rows: []CallerUse{}, Command: command}
	for _, u := range all {
		list.add(u)
	}
	return list
}

// contexts lists what stands in the encryption contexts of its calls.
func (k *resourceBuilder) contexts(ctx context.Context) error {
	list := &k.p.Contexts
	*list = List[ContextUse]{Rows: []ContextUse{}}
	return k.each(ctx, "encryption contexts", `
		with calls as (
			select event_time, encryption_context, map_keys(encryption_context) as context_keys, count(*) over () as all_calls
			from kms_calls
			where event_time >= $1 and event_time < $2 and error_class is null and encryption_context is not null and `+aboutResource+`
		),
		entries as (
			select calls.event_time, calls.all_calls, names.context_key, element_at(calls.encryption_context, names.context_key) as context_value
			from calls
			cross join unnest(calls.context_keys) as names (context_key)
		),
		counted as (
			select
				context_key, context_value, max(all_calls) as all_calls, count(*) as calls, min(event_time) as first_seen, max(event_time) as last_seen,
				row_number() over (partition by context_key order by count(*) desc, context_value) as place
			from entries
			group by context_key, context_value
		)
		select
			context_key, count(*) as value_count, cast(sum(calls) as bigint) as call_count,
			cast(sum(calls) as double) / cast(max(all_calls) as double) as share,
			array_agg(context_value order by context_value) filter (where place <= 5) as examples,
			min(first_seen) as first_seen, max(last_seen) as last_seen
		from counted
		group by context_key
		order by call_count desc, context_key`, k.windowAnd(k.p.Resource.Resource),
		func(r record) {
			list.add(ContextUse{
				Side: "source", Key: r.text("context_key"), Values: r.number("value_count"), Examples: r.list("examples"),
				Calls: r.number("call_count"), Share: r.float("share"), FirstSeen: r.moment("first_seen"), LastSeen: r.moment("last_seen"),
			})
		})
}

func (k *resourceBuilder) tags(ctx context.Context) error {
	list := &k.p.Tags
	*list = List[TagInterval]{Rows: []TagInterval{}}
	f := &k.p.Resource
	return k.each(ctx, "the resource's tags", `
		select tag_key, tag_value, valid_from, valid_to
		from resource_tags
		where service = $1 and resource_name = $2 and ($3 = '' or account_id is null or account_id = $3)
		order by case when valid_to is null then 0 else 1 end, tag_key, valid_from desc`, []any{f.Service, f.Name, f.Account.ID},
		func(r record) {
			t := TagInterval{Key: r.text("tag_key"), From: r.moment("valid_from"), To: r.momentOrNil("valid_to")}
			if v, ok := r.value("tag_value").(string); ok {
				t.Value = &v
			}
			list.add(t)
		})
}

// keyTags compares the tags that the resource carries with the same tags of
// its keys, at the end of the logs and without regard to case.
func (k *resourceBuilder) keyTags(ctx context.Context) error {
	list := &k.p.KeyTags
	*list = List[TagPair]{Rows: []TagPair{}}
	var arns []string
	for _, u := range k.p.Keys.Rows {
		arns = append(arns, u.Key.ARN)
	}
	if len(arns) == 0 {
		return nil
	}
	return k.each(ctx, "the keys' tags", `
		select key_arn, name, value
		from key_timeline
		where kind = 'tag' and valid_to is null and value is not null and list_contains(cast($1 as varchar[]), key_arn)
		order by key_arn, name`, []any{arns},
		func(r record) {
			for _, t := range k.p.Tags.Rows {
				if t.To != nil || t.Value == nil || !strings.EqualFold(t.Key, r.text("name")) {
					continue
				}
				list.add(TagPair{
					TagKey: t.Key, ResourceValue: *t.Value, Key: k.names.key(r.text("key_arn")), KeyValue: r.text("value"),
					Agrees: strings.EqualFold(strings.TrimSpace(*t.Value), strings.TrimSpace(r.text("value"))),
				})
			}
		})
}
