package report

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/kmstrail/kmstrail/internal/rows"
)

// grouping_id of the sets below: the bits of the columns that a row is not
// grouped by, first column highest.
const (
	setDay       = 0b01111
	setKey       = 0b10111
	setCaller    = 0b11011
	setService   = 0b11101
	setOperation = 0b11110
	setAll       = 0b11111
)

// calls counts the calls of the window by day, key, caller, service and
// operation in one pass over the view.
func (b *builder) calls(ctx context.Context) error {
	w := b.r.Window
	a := &b.r.Activity
	days, perBar := b.columns()
	a.DaysPerBar = perBar
	for _, d := range days {
		a.Days = append(a.Days, DayOutcomes{Day: d})
	}
	if len(days) == 0 {
		return nil
	}
	return b.each(ctx, query{name: "calls", args: []any{w.Start, w.End, int64(maxTop)}, sql: `
		with calls as (
			select
				cast(event_time as date) as day,
				key_arn,
				-- A foreign account's caller is known by id or account only.
				coalesce(principal_arn, principal_id, invoked_by, caller_account_id, '') as caller,
				coalesce(service, '') as service,
				event_name,
				event_time,
				is_self,
				case
					when error_class is null then 'ok'
					when error_class in ('denied', 'throttled', 'dry_run') then error_class
					else 'failed'
				end as outcome
			from kms_calls
			where event_time >= cast(? as timestamp) and event_time < cast(? as timestamp)
		),
		counted as (
			select
				grouping(day, key_arn, caller, service, event_name) as grouping_id,
				day,
				coalesce(key_arn, caller, service, event_name, '') as name,
				count(*) as calls,
				sum(case when outcome = 'ok' then 1 else 0 end) as ok,
				sum(case when outcome = 'denied' then 1 else 0 end) as denied,
				sum(case when outcome = 'throttled' then 1 else 0 end) as throttled,
				sum(case when outcome = 'failed' then 1 else 0 end) as failed,
				sum(case when outcome = 'dry_run' then 1 else 0 end) as dry_run,
				sum(case when is_self then 1 else 0 end) as self_calls,
				min(event_time) as first_call,
				max(event_time) as last_call
			from calls
			group by grouping sets ((day), (key_arn), (caller), (service), (event_name), ())
		),
		ranked as (
			select
				*,
				row_number() over (partition by grouping_id order by calls desc, name) as place,
				sum(case when name <> '' then 1 else 0 end) over (partition by grouping_id) as members
			from counted
			-- Calls that work on no key are no key.
			where name <> '' or grouping_id <> 23
		)
		select
			grouping_id, day, name, calls,
			cast(ok as bigint), cast(denied as bigint), cast(throttled as bigint), cast(failed as bigint), cast(dry_run as bigint),
			cast(self_calls as bigint), first_call, last_call, cast(members as bigint)
		from ranked
		where place <= ? or grouping_id = 15
		order by grouping_id, day, place`},
		b.count)
}

// count takes one row of the query of calls.
func (b *builder) count(r rows.Row) {
	a, s := &b.r.Activity, &b.r.Scope
	o := Outcomes{OK: r.Number(4), Denied: r.Number(5), Throttled: r.Number(6), Failed: r.Number(7), DryRun: r.Number(8)}
	c := Count{Name: r.Text(2), Count: r.Number(3), Failures: o.Denied + o.Throttled + o.Failed}
	members := r.Number(12)
	switch r.Number(0) {
	case setDay:
		i := b.dayNumber(r.Moment(1)) / a.DaysPerBar
		if i >= 0 && i < len(a.Days) {
			a.Days[i].Outcomes = a.Days[i].add(o)
		}
	case setKey:
		a.Keys, a.KeyCount = append(a.Keys, c), members
	case setCaller:
		a.Callers, a.CallerCount = append(a.Callers, c), members
	case setService:
		a.Services, a.ServiceCount = append(a.Services, c), members
	case setOperation:
		a.Operations, a.OperationCount = append(a.Operations, c), members
	case setAll:
		a.Total, s.Calls, s.SelfCalls = o, c.Count, r.Number(9)
		s.FirstCall, s.LastCall = momentOrNil(r, 10), momentOrNil(r, 11)
	}
}

// rates finds the highest request rate of each quota. The store counts how
// many seconds had how many requests, which is little; the quota that holds
// for an account and region is chosen here.
func (b *builder) rates(ctx context.Context) error {
	limits, err := b.quotas(ctx)
	if err != nil {
		return err
	}
	w := b.r.Window
	type key struct{ account, region, quota, store string }
	found := map[key]*Rate{}
	err = b.each(ctx, query{name: "request rates", args: []any{w.Start, w.End}, sql: `
		select
			account_id, region, quota_name, coalesce(custom_key_store_id, '') as store,
			request_count,
			min(second),
			count(*),
			cast(sum(throttled_count) as bigint)
		from request_seconds
		where second >= cast(? as timestamp) and second < cast(? as timestamp)
		group by account_id, region, quota_name, coalesce(custom_key_store_id, ''), request_count
		order by account_id, region, quota_name, store, request_count`},
		func(r rows.Row) {
			k := key{r.Text(0), r.Text(1), r.Text(2), r.Text(3)}
			rate := found[k]
			if rate == nil {
				rate = &Rate{
					AccountID: k.account, AccountName: b.names[k.account], Region: k.region, QuotaName: k.quota,
					CustomKeyStoreID: k.store, Quota: limits.find(k.quota, k.account, k.region),
				}
				found[k] = rate
			}
			n := r.Number(4)
			if n > rate.Peak {
				rate.Peak, rate.PeakAt = n, r.Moment(5)
			}
			if n > 1 && rate.Quota > 0 && float64(n) > 0.8*rate.Quota {
				rate.SecondsAbove80 += r.Number(6)
			}
			rate.Throttled += r.Number(7)
		})
	if err != nil {
		return err
	}
	all := make([]Rate, 0, len(found))
	for _, rate := range found {
		all = append(all, *rate)
	}
	b.r.Activity.Rates, b.r.Activity.OmittedRates = topRates(all)
	return nil
}

// topRates keeps the rates nearest to their quota. Some quotas are one request
// per second or less: a single request is not near those.
func topRates(all []Rate) (kept []Rate, omitted int) {
	slices.SortFunc(all, func(a, b Rate) int {
		return cmp.Or(
			cmp.Compare(min(b.Peak, 2), min(a.Peak, 2)), cmp.Compare(b.Used(), a.Used()), cmp.Compare(b.Peak, a.Peak),
			cmp.Compare(a.AccountID, b.AccountID), cmp.Compare(a.Region, b.Region),
			cmp.Compare(a.QuotaName, b.QuotaName), cmp.Compare(a.CustomKeyStoreID, b.CustomKeyStoreID))
	})
	if len(all) > maxRates {
		return all[:maxRates], len(all) - maxRates
	}
	return all, 0
}

// quotaLimits holds the quotas table.
type quotaLimits map[quotaKey]float64

// quotaKey has "" for every account, every region.
type quotaKey struct{ quota, account, region string }

func (b *builder) quotas(ctx context.Context) (quotaLimits, error) {
	limits := quotaLimits{}
	err := b.each(ctx, query{name: "quotas", sql: `
		select quota_name, coalesce(account_id, ''), coalesce(region, ''), requests_per_second
		from quotas
		order by case origin when 'override' then 1 else 0 end, quota_name, 2, 3, requests_per_second desc`},
		// Overrides come last, so that they win over a default of the same reach.
		func(r rows.Row) { limits[quotaKey{r.Text(0), r.Text(1), r.Text(2)}] = r.Float(3) })
	return limits, err
}

// find returns the quota of the narrowest reach, 0 when there is none.
func (q quotaLimits) find(quota, account, region string) float64 {
	for _, k := range []quotaKey{{quota, account, region}, {quota, account, ""}, {quota, "", region}, {quota, "", ""}} {
		if v, ok := q[k]; ok {
			return v
		}
	}
	return 0
}

// keys counts the known keys by state and names those that the report shows,
// in one pass over the view.
func (b *builder) keys(ctx context.Context) error {
	var arns []string
	for _, c := range b.r.Activity.Keys {
		arns = append(arns, c.Name)
	}
	for _, g := range b.r.Findings.Groups {
		for _, f := range g.Shown {
			arns = append(arns, f.KeyARN)
		}
	}
	slices.Sort(arns)
	arns = slices.Compact(arns)
	states, aliases := map[string]int64{}, map[string]string{}
	err := b.each(ctx, query{name: "keys", args: []any{arns}, sql: `
		select
			coalesce(state, '') as key_state,
			case when list_contains(cast(? as varchar[]), key_arn) then key_arn else '' end as shown,
			max(aliases),
			count(*)
		from keys
		group by 1, 2
		order by 1, 2`},
		func(r rows.Row) {
			states[r.Text(0)] += r.Number(3)
			if arn := r.Text(1); arn != "" {
				aliases[arn] = r.Text(2)
			}
		})
	for state, n := range states {
		b.r.Activity.KeyStates = append(b.r.Activity.KeyStates, Count{Name: state, Count: n})
	}
	sortCounts(b.r.Activity.KeyStates)
	for i := range b.r.Activity.Keys {
		b.r.Activity.Keys[i].Label = aliases[b.r.Activity.Keys[i].Name]
	}
	for _, g := range b.r.Findings.Groups {
		for i := range g.Shown {
			g.Shown[i].KeyAliases = aliases[g.Shown[i].KeyARN]
		}
	}
	return err
}

// runs reads the last run of each detector that overlaps the window; fresh
// ones come before those.
func (b *builder) runs(ctx context.Context, detectors []Detector, fresh map[string]Outcome) error {
	w := b.r.Window
	last := map[string]Outcome{}
	err := b.each(ctx, query{name: "detector runs", args: []any{w.Start, w.End}, sql: `
		with numbered as (
			select
				detector_id, started_at, window_start, window_end, duration_ms, params, error,
				row_number() over (partition by detector_id order by started_at desc, run_id desc) as n
			from detector_runs
			where window_end > cast(? as timestamp) and window_start < cast(? as timestamp)
		)
		select detector_id, started_at, window_start, window_end, duration_ms, params, error
		from numbered
		where n = 1
		order by detector_id`},
		func(r rows.Row) {
			last[r.Text(0)] = Outcome{
				RanAt: momentOrNil(r, 1), Window: Window{Start: r.Moment(2), End: r.Moment(3)},
				DurationMS: r.Number(4), Params: r.Text(5), Error: r.Text(6),
			}
		})
	if err != nil {
		return err
	}
	maps.Copy(last, fresh)
	b.r.Detectors = outcomes(b.r, detectors, last)
	return nil
}

// outcomes joins detectors, their last runs and the groups of findings.
func outcomes(r *Report, detectors []Detector, last map[string]Outcome) []Outcome {
	open := map[string]int{}
	for _, g := range r.Findings.Groups {
		open[g.Detector.ID] = g.Count
	}
	incomplete := len(r.Problems()) > 0
	var out []Outcome
	for _, d := range detectors {
		o := last[d.ID]
		o.Detector, o.Findings = d, open[d.ID]
		switch {
		case o.Findings > 0:
			o.Verdict = Found
		case o.RanAt == nil:
			o.Verdict, o.Reason = Unknown, "It did not run over this period."
		case o.Error != "":
			o.Verdict, o.Reason = Unknown, "It failed."
		case o.Window.Start.After(r.Window.Start) || o.Window.End.Before(r.Window.End.Truncate(time.Second)):
			o.Verdict, o.Reason = Unknown, "It ran over a part of the period only."
		case r.Scope.Calls == 0:
			o.Verdict, o.Reason = Unknown, "There was no call to look at."
		case incomplete:
			o.Verdict, o.Reason = Unknown, "It found nothing, but the logs are incomplete."
		default:
			o.Verdict = Clear
		}
		out = append(out, o)
	}
	slices.SortStableFunc(out, func(a, b Outcome) int {
		return cmp.Or(cmp.Compare(severityRank(a.Detector.Severity), severityRank(b.Detector.Severity)), cmp.Compare(a.Detector.ID, b.Detector.ID))
	})
	return out
}
