/*---
id: deletion_soak
title: Keys on their way to deletion, and whether anybody still calls
description: |
  Keys that are disabled or pending deletion at the end of the window, with the
  calls since then, denied ones and our own left out. No call while it lasts
  is what one wants to see. Of the hour in which it began, and of one that the
  window's end cuts, the number of calls is not exact: what the same caller
  did in the rest of that hour may count.
grain: one row per key
params:
  account_id: {type: varchar, default: null, doc: "account that owns the key; without it all accounts"}
columns:
  - {name: key_arn, type: VARCHAR, doc: The key.}
  - {name: aliases, type: VARCHAR, doc: "Its aliases; NULL when none is known."}
  - {name: account_id, type: VARCHAR, doc: Account that owns it.}
  - {name: account_name, type: VARCHAR, doc: "Its name from the configuration; NULL when it has none."}
  - {name: region, type: VARCHAR, doc: Its Region.}
  - {name: state, type: VARCHAR, doc: "Disabled, PendingDeletion or PendingReplicaDeletion."}
  - {name: since, type: TIMESTAMP, doc: "Since when, UTC."}
  - {name: deletion_date, type: TIMESTAMP, doc: "When it will be destroyed, UTC; NULL when that is not scheduled."}
  - {name: principal_arn, type: VARCHAR, doc: Who began it.}
  - {name: call_count, type: BIGINT, doc: "Cryptographic calls since then, until the window's end."}
  - {name: caller_count, type: BIGINT, doc: Different callers.}
  - {name: last_call, type: TIMESTAMP, doc: "Last of these calls, UTC; NULL when there is none."}
  - {name: last_used_before, type: TIMESTAMP, doc: "Last successful use before, UTC; NULL when the logs hold none."}
---*/
with soaking as (        -- one row per key that is on its way at the window's end
    select key_arn, account_id, region, value as state, valid_from as since, deletion_date, principal_arn
    from key_timeline
    where kind = 'state'
      and value in ('Disabled', 'PendingDeletion', 'PendingReplicaDeletion')
      and valid_from < $window_end
      and (valid_to is null or valid_to >= $window_end)
      and (deletion_date is null or deletion_date >= $window_start)
      and ($account_id is null or account_id = $account_id)
),
usage as (               -- cryptographic use of such keys, by day before it began and by hour since then
    select
        usage_daily.key_arn, usage_daily.caller_id, usage_daily.caller_account_id, usage_daily.error_class,
        usage_daily.caller_use_count as call_count, usage_daily.use_count, usage_daily.first_event_time, usage_daily.last_event_time
    from usage_daily
    join soaking
      on soaking.key_arn = usage_daily.key_arn
     and usage_daily.day < cast(soaking.since as date)
    where usage_daily.operation_class = 'cryptographic'
      and coalesce(usage_daily.error_class, '') not in ('dry_run', 'denied')
      and not usage_daily.is_self
    union all
    select
        usage_hourly.key_arn, usage_hourly.caller_id, usage_hourly.caller_account_id, usage_hourly.error_class,
        usage_hourly.caller_use_count as call_count, usage_hourly.use_count, usage_hourly.first_event_time, usage_hourly.last_event_time
    from usage_hourly
    join soaking
      on soaking.key_arn = usage_hourly.key_arn
     and cast(usage_hourly.hour as date) >= cast(soaking.since as date)
    where usage_hourly.operation_class = 'cryptographic'
      and coalesce(usage_hourly.error_class, '') not in ('dry_run', 'denied')
      and not usage_hourly.is_self
      and usage_hourly.first_event_time < $window_end
),
callers as (             -- one row per key, caller and outcome, what is since then counted from the side that knows more
    select
        soaking.key_arn,
        usage.caller_id,
        sum(case when usage.last_event_time > soaking.since then usage.call_count else 0 end) as call_count,
        sum(case when usage.last_event_time > soaking.since then usage.use_count else 0 end) as use_count,
        max(case when usage.last_event_time > soaking.since then usage.last_event_time end) as last_call,
        max(case
            when usage.error_class is not null or usage.first_event_time > soaking.since then null
            when usage.last_event_time > soaking.since then usage.first_event_time
            else usage.last_event_time
        end) as last_used_before
    from soaking
    join usage on usage.key_arn = soaking.key_arn
    group by soaking.key_arn, usage.caller_id, usage.caller_account_id, usage.error_class
),
calls as (               -- one row per key
    select
        key_arn,
        sum(case when call_count > use_count then call_count else use_count end) as call_count,
        count(distinct case when last_call is not null then caller_id end) as caller_count,
        max(last_call) as last_call,
        max(last_used_before) as last_used_before
    from callers
    group by key_arn
)
select
    soaking.key_arn,
    keys.aliases,
    soaking.account_id,
    accounts.account_name,
    soaking.region,
    soaking.state,
    soaking.since,
    soaking.deletion_date,
    soaking.principal_arn,
    cast(coalesce(calls.call_count, 0) as bigint) as call_count,
    coalesce(calls.caller_count, 0) as caller_count,
    calls.last_call,
    calls.last_used_before
from soaking
left join calls on calls.key_arn = soaking.key_arn
left join keys on keys.key_arn = soaking.key_arn
left join accounts on accounts.account_id = soaking.account_id
order by call_count desc, soaking.deletion_date nulls last, soaking.key_arn
