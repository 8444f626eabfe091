package report

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/kmstrail/kmstrail/internal/rows"
)

// calls counts the calls of the window by day, key, caller, service and
// operation, from the rollups. A call counts once: for a key by the larger of
// what its owner and its callers logged; ReEncrypt, which works on two keys,
// by the caller's records where there are any.
func (b *builder) calls(ctx context.Context) error {
	a := &b.r.Activity
	days, perBar := b.columns()
	a.DaysPerBar = perBar
	for _, d := range days {
		a.Days = append(a.Days, DayOutcomes{Day: d})
	}
	if len(days) == 0 {
		return nil
	}
	usage, args := usageOf(b.r.Window)
	return b.each(ctx, query{name: "calls", args: append(args, int64(maxTop)), sql: `
		with usage_rows as (
		` + usage + `
		),
		` + countedCalls + `
		select
			dimension, day, name, calls,
			cast(ok as bigint), cast(denied as bigint), cast(throttled as bigint), cast(failed as bigint), cast(dry_run as bigint),
			cast(self_calls as bigint), first_call, last_call, cast(members as bigint)
		from ranked
		where place <= ? or dimension = 'day'
		order by dimension, day, place`},
		b.count)
}

// countedCalls counts usage_rows. Its last table, ranked, has one row per day,
// key, caller, service and operation, and one for all.
const countedCalls = `uses as (
			select
				day, key_arn, caller_id, caller_account_id, service, event_name,
				case
					when error_class is null then 'ok'
					when error_class in ('denied', 'throttled', 'dry_run') then error_class
					else 'failed'
				end as outcome,
				-- A foreign account's caller is known by id or account only.
				max(principal_arn) as principal_arn,
				max(case when is_self then 1 else 0 end) as is_self,
				sum(call_count) as call_count,
				case when sum(call_count) > sum(use_count) then sum(call_count) else sum(use_count) end as calls,
				min(first_event_time) as first_call,
				max(last_event_time) as last_call
			from usage_rows
			group by 1, 2, 3, 4, 5, 6, 7
		),
		calls as (
			select
				day,
				coalesce(
					max(principal_arn),
					-- Root has the id of its account, and so has whoever is known by account only.
					case when caller_id <> coalesce(caller_account_id, '') then max(max(principal_arn)) over (partition by caller_id, caller_account_id) end,
					nullif(caller_id, 'unknown'),
					''
				) as caller,
				coalesce(service, '') as service, event_name, outcome, max(is_self) as is_self,
				case when event_name = 'ReEncrypt' and sum(call_count) > 0 then sum(call_count) else sum(calls) end as calls,
				min(first_call) as first_call,
				max(last_call) as last_call
			from uses
			group by day, caller_id, caller_account_id, service, event_name, outcome
		),
		members as (
			select
				case grouping(day, caller, service, event_name)
					when 7 then 'day' when 11 then 'caller' when 13 then 'service' when 14 then 'operation' else 'all'
				end as dimension,
				day,
				coalesce(caller, service, event_name, '') as name,
				outcome, is_self, sum(calls) as calls, min(first_call) as first_call, max(last_call) as last_call
			from calls
			group by grouping sets (
				(day, outcome, is_self), (caller, outcome, is_self), (service, outcome, is_self),
				(event_name, outcome, is_self), (outcome, is_self)
			)
			union all
			select 'key', cast(null as date), key_arn, outcome, is_self, sum(calls), min(first_call), max(last_call)
			from uses
			where key_arn is not null
			group by key_arn, outcome, is_self
		),
		counted as (
			select
				dimension, day, name,
				cast(sum(calls) as bigint) as calls,
				sum(case when outcome = 'ok' then calls else 0 end) as ok,
				sum(case when outcome = 'denied' then calls else 0 end) as denied,
				sum(case when outcome = 'throttled' then calls else 0 end) as throttled,
				sum(case when outcome = 'failed' then calls else 0 end) as failed,
				sum(case when outcome = 'dry_run' then calls else 0 end) as dry_run,
				sum(is_self * calls) as self_calls,
				min(first_call) as first_call,
				max(last_call) as last_call
			from members
			group by dimension, day, name
			having sum(calls) > 0
		),
		ranked as (
			select
				*,
				row_number() over (partition by dimension order by calls desc, name) as place,
				sum(case when name <> '' then 1 else 0 end) over (partition by dimension) as members
			from counted
		)`

// count takes one row of the query of calls.
func (b *builder) count(r rows.Row) {
	a, s := &b.r.Activity, &b.r.Scope
	o := Outcomes{OK: r.Number(4), Denied: r.Number(5), Throttled: r.Number(6), Failed: r.Number(7), DryRun: r.Number(8)}
	c := Count{Name: r.Text(2), Count: r.Number(3), Failures: o.Denied + o.Throttled + o.Failed}
	members := r.Number(12)
	switch r.Text(0) {
	case "day":
		i := b.dayNumber(r.Moment(1)) / a.DaysPerBar
		if i >= 0 && i < len(a.Days) {
			a.Days[i].Outcomes = a.Days[i].add(o)
		}
	case "key":
		a.Keys, a.KeyCount = append(a.Keys, c), members
	case "caller":
		a.Callers, a.CallerCount = append(a.Callers, c), members
	case "service":
		a.Services, a.ServiceCount = append(a.Services, c), members
	case "operation":
		a.Operations, a.OperationCount = append(a.Operations, c), members
	case "all":
		a.Total, s.Calls, s.SelfCalls = o, c.Count, r.Number(9)
		s.FirstCall, s.LastCall = momentOrNil(r, 10), momentOrNil(r, 11)
	}
}

// rates finds the highest request rate of each quota. The store has it by the
// minute; the quota that holds for an account and Region is chosen here.
func (b *builder) rates(ctx context.Context) error {
	limits, err := b.quotas(ctx)
	if err != nil {
		return err
	}
	w := b.r.Window
	var all []Rate
	err = b.each(ctx, query{name: "request rates", args: []any{w.Start, w.End}, sql: `
		with minutes as (
			select
				*,
				row_number() over (
					partition by account_id, region, quota_name, custom_key_store_id
					order by peak_count desc, peak_second
				) as place
			from request_rate
			where minute >= date_trunc('minute', cast(? as timestamp)) and minute < cast(? as timestamp)
		)
		select
			account_id, region, quota_name, coalesce(custom_key_store_id, ''),
			max(peak_count),
			min(case when place = 1 then peak_second end),
			-- Some quotas are one request per second or less: a single request
			-- is not near those.
			cast(sum(case when peak_count > 1 then near_seconds else 0 end) as bigint),
			cast(sum(throttled_count) as bigint)
		from minutes
		group by account_id, region, quota_name, custom_key_store_id
		order by account_id, region, quota_name, custom_key_store_id`},
		func(r rows.Row) {
			all = append(all, Rate{
				AccountID: r.Text(0), AccountName: b.names[r.Text(0)], Region: r.Text(1), QuotaName: r.Text(2), CustomKeyStoreID: r.Text(3),
				Quota: limits.find(r.Text(2), r.Text(0), r.Text(1)),
				Peak:  r.Number(4), PeakAt: r.Moment(5), SecondsNear: r.Number(6), Throttled: r.Number(7),
			})
		})
	if err != nil {
		return err
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

// quotaLimits holds the quotas table, in requests per second.
type quotaLimits map[quotaKey]float64

// quotaKey has "" for every account, every Region.
type quotaKey struct {
	quota, account, region string
	override               bool // from the configuration
}

func (b *builder) quotas(ctx context.Context) (quotaLimits, error) {
	limits := quotaLimits{}
	err := b.each(ctx, query{name: "quotas", sql: `
		select quota_name, coalesce(account_id, ''), coalesce(region, ''), origin, min(requests_per_second)
		from quotas
		where requests_per_second > 0e0
		group by 1, 2, 3, 4
		order by 1, 2, 3, 4`},
		func(r rows.Row) {
			limits[quotaKey{r.Text(0), r.Text(1), r.Text(2), r.Text(3) == "override"}] = r.Float(4)
		})
	return limits, err
}

// find returns the quota that holds, 0 when there is none: one for the account
// before one for all, an override before a default, one for the Region before
// one for all. The view request_rate chooses in the same way.
func (q quotaLimits) find(quota, account, region string) float64 {
	for _, a := range []string{account, ""} {
		for _, override := range []bool{true, false} {
			for _, place := range []string{region, ""} {
				if v, ok := q[quotaKey{quota, a, place, override}]; ok {
					return v
				}
			}
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

// runs reads how the detectors fared on the days of the window, each day by its
// last run; fresh runs come before those.
func (b *builder) runs(ctx context.Context, detectors []Detector, fresh map[string]Outcome) error {
	w := b.r.Window
	last := map[string]Outcome{}
	err := b.each(ctx, query{name: "detector runs", args: []any{w.Start, w.End, w.Start, w.End}, sql: `
		with numbered as (
			select
				*,
				row_number() over (partition by detector_id, window_start order by started_at desc, run_id desc) as of_window,
				row_number() over (partition by detector_id order by started_at desc, window_start desc, run_id desc) as of_detector
			from detector_runs
			where window_end > cast(? as timestamp) and window_start < cast(? as timestamp)
		),
		event_days as (
			select distinct day
			from arrivals
			where day >= cast(cast(? as timestamp) as date) and day < cast(? as timestamp)
		),
		seen as (
			select numbered.detector_id, count(distinct event_days.day) as days
			from numbered
			join event_days on event_days.day >= numbered.window_start and event_days.day < numbered.window_end
			where numbered.of_window = 1 and numbered.error is null
			group by numbered.detector_id
		)
		select
			numbered.detector_id, max(started_at), min(window_start), max(window_end), cast(sum(duration_ms) as bigint),
			min(case when of_detector = 1 then params end), max(error),
			max(coalesce(seen.days, 0)) - (select count(*) from event_days)
		from numbered
		left join seen on seen.detector_id = numbered.detector_id
		where of_window = 1
		group by numbered.detector_id
		order by numbered.detector_id`},
		func(r rows.Row) {
			o := Outcome{
				RanAt: momentOrNil(r, 1), Window: Window{Start: r.Moment(2), End: r.Moment(3)},
				DurationMS: r.Number(4), Params: r.Text(5), Error: r.Text(6),
			}
			if r.Number(7) == 0 { // days without events need no run
				o.Window = w
			}
			o.partial = r.Number(7) < 0
			last[r.Text(0)] = o
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
		case o.partial || o.Window.Start.After(r.Window.Start) || o.Window.End.Before(r.Window.End.Truncate(time.Second)):
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
