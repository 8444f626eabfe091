package main

import (
	"strings"
	"time"
)

// kind says which goal a panel's latency is held against.
type kind string

const (
	fromRollups kind = "rollup"
	fromRawDay  kind = "raw day"
)

// panel is a query of a dashboard. {key}, {principal} and {account} stand for
// what the viewer has chosen, {now} and such for times; see place.
type panel struct {
	name string
	kind kind
	sql  string
}

// overview is the dashboard of an organisation.
var overview = []panel{
	{"calls per hour by operation, 24 h", fromRollups, `
		select hour, event_name, sum(call_count) as calls from usage_hourly
		where hour >= {now-24h} and hour < {now} group by hour, event_name order by hour, event_name`},
	{"calls per day by service, 30 d", fromRollups, `
		select day, coalesce(service, 'direct') as service, sum(call_count) as calls from usage_daily
		where day >= cast({now-30d} as date) group by 1, 2 order by 1, 2`},
	{"top keys, 7 d", fromRollups, `
		select key_arn, sum(use_count) as uses from usage_daily
		where day >= cast({now-7d} as date) and key_arn is not null group by key_arn order by uses desc, key_arn limit 10`},
	{"top principals, 7 d", fromRollups, `
		select principal_arn, caller_account_id, sum(call_count) as calls from usage_daily
		where day >= cast({now-7d} as date) and principal_arn is not null group by 1, 2 order by calls desc, 1 limit 10`},
	{"errors per hour, 24 h", fromRollups, `
		select hour, error_class, sum(call_count) as calls from usage_hourly
		where hour >= {now-24h} and error_class is not null group by hour, error_class order by hour, error_class`},
	{"request rate against quota, 6 h", fromRollups, `
		select r.minute, r.region, r.quota_name, r.peak_count, q.requests_per_second, r.throttled_count
		from request_rate r
		left join quotas q on q.quota_name = r.quota_name and q.region = r.region and q.account_id is null
		where r.account_id = {account} and r.minute >= {now-6h} and r.minute < {now} order by r.minute, r.region, r.quota_name`},
	{"cross-account ledger, 30 d", fromRollups, `
		select key_account_id, caller_account_id, key_arn, count(distinct caller_id) as callers,
			case when sum(caller_use_count) > sum(use_count) then sum(caller_use_count) else sum(use_count) end as calls,
			max(last_event_time) as last_seen
		from usage_daily
		where day >= cast({now-30d} as date) and caller_account_id <> key_account_id
		group by 1, 2, 3 order by calls desc, key_arn limit 100`},
	{"keys", fromRollups, `
		select key_arn, aliases, account_id, region, state, rotation, last_used, call_count, caller_count from keys
		order by call_count desc, key_arn limit 200`},
	{"open findings", fromRollups, `
		select finding_id, detector_id, severity, account_id, key_arn, last_seen from findings
		where status in ('new', 'in_progress') order by last_seen desc, finding_id limit 100`},
	{"coverage, 30 d", fromRollups, `
		select account_id, region, day, state, kms_event_count from coverage
		where day >= cast({now-30d} as date) order by account_id, region, day`},
}

// keyPage is the dashboard of one key.
var keyPage = []panel{
	{"uses of a key per day, 90 d", fromRollups, `
		select day, sum(use_count) as uses, sum(caller_use_count) as caller_uses from usage_daily
		where key_arn = {key} and day >= cast({now-90d} as date) group by day order by day`},
	{"callers of a key", fromRollups, `
		select caller_id, principal_arn, services, operations, first_used, last_used, call_count, denied_count from key_use
		where key_arn = {key} order by call_count desc, caller_id limit 50`},
	{"calls of a key per hour by operation, 7 d", fromRollups, `
		select hour, event_name, sum(caller_use_count) as calls from usage_hourly
		where key_arn = {key} and hour >= {now-7d} group by hour, event_name order by hour, event_name`},
	{"errors of a key per day, 30 d", fromRollups, `
		select day, error_class, sum(caller_use_count) as calls from usage_daily
		where key_arn = {key} and error_class is not null and day >= cast({now-30d} as date) group by 1, 2 order by 1, 2`},
	{"a key", fromRollups, `
		select * from keys where key_arn = {key}`},
	{"timeline of a key", fromRollups, `
		select kind, name, value, valid_from, valid_to, principal_arn from key_timeline
		where key_arn = {key} order by valid_from desc, kind, name limit 100`},
	{"grants of a key", fromRollups, `
		select grant_id, grantee_principal, grant_operations, created_at, ended_at from grants
		where key_arn = {key} order by created_at desc, grant_id limit 100`},
	{"last events of a key on a day", fromRawDay, `
		select event_time, event_name, principal_arn, source_ip_address, error_code from kms_events
		where key_arn = {key} and event_time >= {now-24h} and event_time < {now} order by event_time desc, event_id limit 100`},
	{"source addresses of a day", fromRawDay, `
		select source_ip_address, count(*) as calls, count(distinct principal_arn) as principals from kms_events
		where event_time >= {now-24h} and event_time < {now} and service is null
		group by source_ip_address order by calls desc, source_ip_address limit 50`},
	{"calls of a principal on a day", fromRawDay, `
		select event_time, event_name, key_arn, service, resource, error_code from kms_calls
		where principal_arn = {principal} and event_time >= {now-24h} and event_time < {now} order by event_time desc, event_id limit 100`},
}

// choice is what a viewer looks at.
type choice struct {
	key, principal, account string
}

// place fills a panel's query in. A raw day is the last one, to the second.
func (p *panel) place(c choice, now time.Time) string {
	return strings.NewReplacer(
		"{key}", literal(c.key), "{principal}", literal(c.principal), "{account}", literal(c.account),
		"{now}", stamp(now), "{now-6h}", stamp(now.Add(-6*time.Hour)), "{now-24h}", stamp(now.Add(-24*time.Hour)),
		"{now-7d}", stamp(now.AddDate(0, 0, -7)), "{now-30d}", stamp(now.AddDate(0, 0, -30)), "{now-90d}", stamp(now.AddDate(0, 0, -90)),
	).Replace(p.sql)
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func stamp(at time.Time) string { return at.UTC().Format("TIMESTAMP '2006-01-02 15:04:05'") }
