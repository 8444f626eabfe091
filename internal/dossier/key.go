package dossier

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/report"
	"github.com/kmstrail/kmstrail/queries"
)

// Key puts together the page of a key that the store names.
func Key(ctx context.Context, store Store, arn string, opts Options) (*KeyPage, error) {
	b := newBuilder(store, opts)
	if err := b.load(ctx); err != nil {
		return nil, err
	}
	p := &KeyPage{Head: b.head("key"), Key: KeyFacts{KeyRef: b.names.key(arn)}}
	k := keyBuilder{b, p}
	for _, step := range []func(context.Context) error{
		k.coverage, k.facts, k.refused, k.history, k.siblings, k.use, k.callers, k.dependents, k.contexts, k.crossAccount, k.grants, k.changes, k.rates, k.news,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	p.Findings = b.findings(func(f *detectors.Finding) bool { return f.KeyARN == arn })
	return p, nil
}

// keyBuilder is the state of making the page of one key.
type keyBuilder struct {
	*builder
	p *KeyPage
}

func (k *keyBuilder) arn() string { return k.p.Key.ARN }

func (k *keyBuilder) params() map[string]string { return map[string]string{"key_arn": k.arn()} }

func (k *keyBuilder) coverage(ctx context.Context) (err error) {
	k.p.Coverage, err = k.builder.coverage(ctx, []string{k.p.Key.Account.ID}, k.p.Key.Region)
	return err
}

// facts reads what the view of keys knows.
func (k *keyBuilder) facts(ctx context.Context) error {
	f := &k.p.Key
	return k.each(ctx, "the key", `select * from keys where key_arn = $1`, []any{k.arn()}, func(r record) {
		f.ID, f.State, f.Rotation = r.text("key_id"), r.text("state"), r.text("rotation")
		f.Spec, f.Usage, f.Origin = r.text("key_spec"), r.text("key_usage"), r.text("key_origin")
		f.MultiRegion = r.is("multi_region")
		f.CreatedAt, f.CreatedBy = r.momentOrNil("created_at"), k.names.principal(r.text("created_by"))
		f.FirstSeen, f.LastSeen, f.LastUsed = r.momentOrNil("first_seen"), r.momentOrNil("last_seen"), r.momentOrNil("last_used")
		if f.DeletionDate = r.momentOrNil("deletion_date"); f.DeletionDate != nil {
			left := int64(f.DeletionDate.Sub(k.p.GeneratedAt) / oneDay)
			if f.DeletionDate.Before(k.p.GeneratedAt) {
				left--
			}
			f.DaysLeft = &left
		}
	})
}

// refused reads what state calls were last refused for, where no change tells
// the state. A use with success after that says that it is over.
func (k *keyBuilder) refused(ctx context.Context) error {
	f := &k.p.Key
	if f.State != "" {
		return nil
	}
	return k.each(ctx, "refused calls", `
		select error_class, max(last_event_time) as last_seen
		from usage_daily
		where key_arn = $1 and error_class in ('pending_deletion', 'disabled', 'pending_import')
		group by error_class
		order by last_seen desc, error_class
		limit 1`, []any{k.arn()}, func(r record) {
		if last := r.moment("last_seen"); f.LastUsed == nil || f.LastUsed.Before(last) {
			f.Refused = &Refusal{r.text("error_class"), last}
		}
	})
}

// history reads what held at the end of the logs, since when and by whom.
func (k *keyBuilder) history(ctx context.Context) error {
	f := &k.p.Key
	f.Aliases, f.Tags = []string{}, []Tag{}
	err := k.each(ctx, "the key's history", `
		select kind, name, value, valid_from, cast(event_id as varchar) as event_id, principal_arn
		from key_timeline
		where key_arn = $1 and valid_to is null
		order by kind, name`, []any{k.arn()},
		func(r record) {
			since, by := r.momentOrNil("valid_from"), k.names.principal(r.text("principal_arn"))
			switch r.text("kind") {
			case "state":
				f.StateSince, f.StateBy = since, by
			case "rotation":
				f.RotationSince = since
			case "alias":
				f.Aliases = append(f.Aliases, r.text("name"))
			case "tag":
				if r.value("value") != nil {
					f.Tags = append(f.Tags, Tag{r.text("name"), r.text("value"), *since})
				}
			case "policy":
				k.p.Policy = &Policy{SetAt: *since, SetBy: by, EventID: r.text("event_id"), Text: r.text("value")}
			}
		})
	if err != nil {
		return err
	}
	if len(f.Aliases) == 0 && f.Label != "" { // known from calls only
		f.Aliases = strings.Split(f.Label, ", ")
	}
	return k.each(ctx, "the key's rotations", `
		select max(event_time) as rotated
		from key_change_records
		where key_arn = $1 and event_name in ('RotateKey', 'RotateKeyOnDemand')`, []any{k.arn()},
		func(r record) { f.LastRotated = r.momentOrNil("rotated") })
}

// siblings are the keys with the same id in other Regions.
func (k *keyBuilder) siblings(ctx context.Context) error {
	f := &k.p.Key
	f.OtherRegions = []KeyRef{}
	if !f.MultiRegion {
		return nil
	}
	return k.each(ctx, "its keys in other Regions", `
		select key_arn from keys where key_id = $1 and account_id = $2 and key_arn <> $3 order by region`,
		[]any{f.ID, f.Account.ID, k.arn()},
		func(r record) { f.OtherRegions = append(f.OtherRegions, k.names.key(r.text("key_arn"))) })
}

func (k *keyBuilder) use(ctx context.Context) (err error) {
	k.p.Use, err = k.usage(ctx, usesOfKey, "key_arn = $3", k.arn())
	return err
}

func (k *keyBuilder) callers(ctx context.Context) error {
	list := &k.p.Callers
	*list = List[CallerUse]{Rows: []CallerUse{}, Command: k.command("key_users", "key_arn", k.arn())}
	return k.ask(ctx, "key_users", k.params(), k.inWindow(), func(r record) { list.add(k.callerUse(r)) })
}

// callerUse reads a row of a query about callers.
func (b *builder) callerUse(r record) CallerUse {
	return CallerUse{
		Caller:   b.names.caller(r.text("caller_id"), r.text("principal_arn"), r.text("caller_account_id")),
		Services: r.list("services"), Operations: r.list("operations"),
		Calls: r.number("call_count"), Failed: r.number("error_count"), Denied: r.number("denied_count"),
		FirstSeen: r.moment("first_seen"), LastSeen: r.moment("last_seen"),
	}
}

// dependents lists services and resources; the callers are in a list of their
// own, with what they did in vain.
func (k *keyBuilder) dependents(ctx context.Context) error {
	command := k.command("what_breaks", "key_arn", k.arn())
	k.p.Services = List[Dependent]{Rows: []Dependent{}, Command: command}
	k.p.Resources = List[Dependent]{Rows: []Dependent{}, Command: command}
	return k.ask(ctx, "what_breaks", k.params(), k.inWindow(), func(r record) {
		d := Dependent{
			Kind: r.text("kind"), Name: r.text("name"), Account: k.names.account(r.text("account_id")), Operations: r.list("operations"),
			Calls: r.number("call_count"), FirstUsed: r.moment("first_used"), LastUsed: r.moment("last_used"),
		}
		switch d.Kind {
		case "service":
			k.p.Services.add(d)
		case "resource":
			k.p.Resources.add(d)
		}
	})
}

func (k *keyBuilder) crossAccount(ctx context.Context) error {
	list := &k.p.CrossAccount
	*list = List[CrossAccount]{Rows: []CrossAccount{}, Command: k.command("cross_account_ledger", "key_arn", k.arn())}
	return k.ask(ctx, "cross_account_ledger", k.params(), k.inWindow(), func(r record) {
		list.add(CrossAccount{
			Key: k.names.key(r.text("key_arn")), Owner: k.names.account(r.text("key_account_id")), Caller: k.names.account(r.text("caller_account_id")),
			KnownFrom: r.text("known_from"), Callers: r.number("caller_count"), Operations: r.list("operations"),
			Calls: r.number("call_count"), Denied: r.number("denied_count"), FirstSeen: r.moment("first_seen"), LastSeen: r.moment("last_seen"),
		})
	})
}

// changes lists what was done to the key, newest first, whatever the window:
// changes are few, and they are never deleted.
func (k *keyBuilder) changes(ctx context.Context) (err error) {
	k.p.Changes, err = k.changesOf(ctx, "key_arn = $1 and event_name not in ('CreateGrant', 'RetireGrant', 'RevokeGrant')", k.arn())
	k.p.Changes.Command = k.command("key_timeline", "key_arn", k.arn())
	return err
}

// changesOf lists changes, newest first, copies of one change as one row.
func (b *builder) changesOf(ctx context.Context, condition string, args ...any) (List[Change], error) {
	list := List[Change]{Rows: []Change{}}
	err := b.each(ctx, "changes", `
		with records as (
			select *,
				-- Only the caller's copy of a change knows who made it.
				max(principal_arn) over (partition by change_id, event_name, key_arn) as known_principal_arn,
				row_number() over (partition by change_id, event_name, key_arn
					order by case record_copy when 'single' then 1 when 'caller' then 2 when 'owner' then 3 else 4 end, event_id) as copy_number
			from key_change_records
		)
		select
			event_time, event_name, key_arn, cast(event_id as varchar) as event_id, known_principal_arn as principal_arn, service,
			alias_name, map_keys(tags) as tag_keys, map_values(tags) as tag_values, key_state, deletion_date, pending_window_days,
			material_valid_to, rotation_period_days, key_policy is not null as has_policy, grantee_principal, grant_operations
		from records
		where copy_number = 1 and `+condition+`
		order by event_time desc, event_name, event_id`, args,
		func(r record) {
			c := Change{
				At: r.moment("event_time"), Event: r.text("event_name"), EventID: r.text("event_id"), Key: b.names.key(r.text("key_arn")),
				By: b.names.principal(r.text("principal_arn")), What: whatChanged(r),
			}
			if c.By == nil {
				c.By = b.names.principal(r.text("service"))
			}
			list.add(c)
		})
	return list, err
}

// whatChanged says in words what a change set.
func whatChanged(r record) string {
	var parts []string
	say := func(format string, value string) {
		if value != "" {
			parts = append(parts, strings.ReplaceAll(format, "%", value))
		}
	}
	say("%", r.text("alias_name"))
	// NULL values, of removed tags, are none in the list: pair them by hand.
	keys, values := r.list("tag_keys"), r.value("tag_values")
	for i, key := range keys {
		if all, _ := values.([]any); i < len(all) && all[i] != nil {
			parts = append(parts, key+" = "+all[i].(string))
		} else {
			parts = append(parts, key)
		}
	}
	if at := r.momentOrNil("deletion_date"); at != nil {
		say("to be deleted %", report.Minute(*at))
	}
	say("for % days", positive(r.number("pending_window_days")))
	say("every % days", positive(r.number("rotation_period_days")))
	if at := r.momentOrNil("material_valid_to"); at != nil {
		say("expires %", report.Minute(*at))
	}
	if r.is("has_policy") {
		parts = append(parts, "with a key policy")
	}
	say("for %", r.text("grantee_principal"))
	say("%", strings.Join(r.list("grant_operations"), ", "))
	return strings.Join(parts, ", ")
}

func positive(n int64) string {
	if n <= 0 {
		return ""
	}
	return report.Number(n)
}

func (k *keyBuilder) contexts(ctx context.Context) error {
	list := &k.p.Contexts
	*list = List[ContextUse]{Rows: []ContextUse{}, Command: k.command("contexts_of_key", "key_arn", k.arn())}
	return k.ask(ctx, "context_profile", k.params(), k.inWindow(), func(r record) {
		list.add(ContextUse{
			Side: r.text("side"), Key: r.text("context_key"), Values: r.number("value_count"), Examples: r.list("examples"),
			Calls: r.number("call_count"), Share: r.float("share"), FirstSeen: r.moment("first_seen"), LastSeen: r.moment("last_seen"),
		})
	})
}

func (k *keyBuilder) grants(ctx context.Context) (err error) {
	var all []Grant
	err = k.ask(ctx, "grants_of_key", k.params(), k.inWindow(), func(r record) { all = append(all, k.grant(r)) })
	k.p.Grants = grantList(all, k.command("grants_of_key", "key_arn", k.arn()))
	return err
}

// grant reads a row of grants, or of the query about them.
func (b *builder) grant(r record) Grant {
	g := Grant{
		ID: r.text("grant_id"), Key: b.names.key(r.text("key_arn")), Retiring: b.names.principal(r.text("retiring_principal")),
		Operations: r.list("grant_operations"), Service: r.text("service"),
		CreatedBy: b.names.principal(r.text("created_by")), CreatedAt: r.momentOrNil("created_at"),
		EndedBy: b.names.principal(r.text("ended_by")), EndedAt: r.momentOrNil("ended_at"),
	}
	if grantee := b.names.principal(r.text("grantee_principal")); grantee != nil {
		g.Grantee = *grantee
	}
	return g
}

// grantList puts grants that hold first, the newest of them at the top.
func grantList(all []Grant, command string) List[Grant] {
	slices.SortStableFunc(all, func(x, y Grant) int {
		if (x.EndedAt == nil) != (y.EndedAt == nil) {
			if x.EndedAt == nil {
				return -1
			}
			return 1
		}
		return cmp.Or(at(y.CreatedAt).Compare(at(x.CreatedAt)), cmp.Compare(x.ID, y.ID))
	})
	list := List[Grant]{Rows: []Grant{}, Command: command}
	for _, g := range all {
		list.add(g)
	}
	return list
}

// at is a moment, the beginning of time when it is not known.
func at(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func (k *keyBuilder) rates(ctx context.Context) (err error) {
	k.p.Rates, err = k.ratesOf(ctx, "key_arn = $3", k.arn())
	return err
}

// ratesOf finds the busiest second of the calls that the condition selects, for
// each request quota, and what is known of the quota.
func (b *builder) ratesOf(ctx context.Context, condition string, args ...any) (List[Rate], error) {
	list := List[Rate]{Rows: []Rate{}, Command: b.command("quota_headroom")}
	args = append([]any{b.window.Start, b.window.End}, args...)
	err := b.each(ctx, "request rates", `
		with seconds as (
			select
				account_id, region, quota_name, custom_key_store_id, date_trunc('second', event_time) as second,
				count(*) as requests, count(case when error_class = 'throttled' then 1 end) as throttled
			from quota_calls
			where event_time >= $1 and event_time < $2 and `+condition+`
			group by 1, 2, 3, 4, 5
		),
		ranked as (
			select *,
				row_number() over (partition by account_id, region, quota_name, custom_key_store_id order by requests desc, second) as place,
				sum(throttled) over (partition by account_id, region, quota_name, custom_key_store_id) as all_throttled
			from seconds
		)
		select account_id, region, quota_name, custom_key_store_id, requests, second, cast(all_throttled as bigint) as throttled
		from ranked
		where place = 1
		order by requests desc, quota_name, account_id, region, custom_key_store_id`, args,
		func(r record) {
			list.add(Rate{
				Payer: b.names.account(r.text("account_id")), Region: r.text("region"), Quota: r.text("quota_name"), Store: r.text("custom_key_store_id"),
				Peak: r.number("requests"), PeakAt: r.moment("second"), Throttled: r.number("throttled"),
			})
		})
	if err != nil {
		return list, err
	}
	return list, b.limits(ctx, list.Rows)
}

// limits fills in what is known of the quotas of rates, in one query for all.
func (b *builder) limits(ctx context.Context, rates []Rate) error {
	type quota struct{ account, region, name, store string }
	wanted := map[quota]*Rate{}
	for i := range rates {
		r := &rates[i]
		wanted[quota{r.Payer.ID, r.Region, r.Quota, r.Store}] = r
	}
	if len(wanted) == 0 {
		return nil
	}
	return b.ask(ctx, "quota_headroom", nil, b.inWindow(), func(r record) {
		rate := wanted[quota{r.text("account_id"), r.text("region"), r.text("quota_name"), r.text("custom_key_store_id")}]
		if rate != nil {
			rate.Limit, rate.AllPeak, rate.AllPeakAt = r.float("quota_per_second"), r.number("peak_requests"), r.moment("peak_second")
		}
	})
}

// weekDays is how many days are compared with as many before.
const weekDays = 7

func (k *keyBuilder) news(ctx context.Context) error {
	days := min(weekDays, k.days())
	start := k.window.End.AddDate(0, 0, -days)
	n := &k.p.News
	n.Window = report.Window{Start: start, End: k.window.End}
	n.Before = report.Window{Start: start.AddDate(0, 0, -days), End: start}
	n.Items = List[NewsItem]{Rows: []NewsItem{}}
	n.Items.Command = "kmstrail query key_changes --param " + quote("key_arn="+k.arn()) + " --param baseline_days=" + strconv.Itoa(days) +
		" --from " + report.Day(start) + " --to " + report.Day(k.window.End)
	if err := k.logsBegin(ctx); err != nil {
		return err
	}
	params := k.params()
	params["baseline_days"], params["max_names"] = strconv.Itoa(days), strconv.Itoa(maxNews)
	return k.ask(ctx, "key_changes", params, queries.Window{Start: start, End: k.window.End}, func(r record) {
		n.Items.add(NewsItem{
			Kind: r.text("kind"), Name: r.text("name"), Change: r.text("change"), By: k.names.principal(r.text("done_by")),
			Calls: r.number("window_count"), Before: r.number("before_count"), FirstSeen: r.moment("first_seen"), LastSeen: r.moment("last_seen"),
		})
	})
}

// logsBegin reads from which day on there are logs of the key's account and
// Region; of others where there are none.
func (k *keyBuilder) logsBegin(ctx context.Context) error {
	n := &k.p.News
	return k.each(ctx, "the first day of the logs", `
		select cast(coalesce(min(case when account_id = $1 and region = $2 then day end), min(day)) as varchar) as first_day
		from (
			select day, account_id, region from arrivals
			union all
			select day, account_id, region from log_file_days where log_file_count > 0
		) as days`, []any{k.p.Key.Account.ID, k.p.Key.Region}, func(r record) {
		if first := r.text("first_day"); first > report.Day(n.Before.Start) {
			n.LogsBegin = first
		}
	})
}
