/*---
id: deletion_soak
title: Keys on their way to deletion, and whether anybody still calls
description: |
  Keys that are disabled or pending deletion at the end of the window, with the
  calls since then, denied ones and our own left out. No call while it lasts
  is what one wants to see, and the verdict is safe when the logs of all days
  are there and it lasted soak_days: blocked when somebody called, unknown
  when logs are missing or it has not lasted that long. Of the hour in which it began, and of one that the
  window's end cuts, the number of calls is not exact: what the same caller
  did in the rest of that hour may count.
grain: one row per key
params:
  account_id: {type: varchar, default: null, doc: "account that owns the key; without it all accounts"}
  soak_days: {type: double, default: 7, doc: "for how many days nobody may have called before the verdict is safe"}
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
  - {name: days_left, type: DOUBLE, doc: "Days from the window's end to the deletion, negative when its date has passed; NULL when that is not scheduled."}
  - {name: callers, type: "VARCHAR[]", doc: "Who called since then, at most ten, by name; NULL when nobody did."}
  - {name: services, type: "VARCHAR[]", doc: "AWS services the calls came through; NULL when there are none."}
  - {name: resources, type: "VARCHAR[]", doc: "Resources that the encryption contexts of the calls in the window name, at most ten, those with most calls first; NULL when there are none."}
  - {name: missing_days, type: BIGINT, doc: "Days since then on which logs of its account and Region are missing, or KMS is missing in them."}
  - {name: verdict, type: VARCHAR, doc: "safe, blocked or unknown."}
  - {name: reason, type: VARCHAR, doc: "Why it is not safe: calls, missing_logs or too_short; NULL when it is."}
---*/
with soaking as (        -- one row per key that is on its way at the window's end
    select key_arn, account_id, region, value as state, valid_from as since, deletion_date, principal_arn
    from key_timeline_logged -- Trino computes it at every place where this is named: what inventories say would be too much
    where kind = 'state'
      and value in ('Disabled', 'PendingDeletion', 'PendingReplicaDeletion')
      and valid_from < $window_end
      and (valid_to is null or valid_to >= $window_end)
      and (deletion_date is null or deletion_date >= $window_start)
      and ($account_id is null or account_id = $account_id)
),
usage as (               -- cryptographic use of such keys, by day before it began and by hour since then
    select
        usage_daily.key_arn, usage_daily.caller_id, usage_daily.principal_arn, usage_daily.caller_account_id, usage_daily.service, usage_daily.error_class,
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
        usage_hourly.key_arn, usage_hourly.caller_id, usage_hourly.principal_arn, usage_hourly.caller_account_id, usage_hourly.service, usage_hourly.error_class,
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
callers as (             -- one row per key, caller, service and outcome, what is since then counted from the side that knows more
    select
        soaking.key_arn,
        usage.caller_id,
        coalesce(max(usage.principal_arn), usage.caller_id) as caller,
        usage.service,
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
    group by soaking.key_arn, usage.caller_id, usage.caller_account_id, usage.service, usage.error_class
),
ranked as (              -- the same, those who called since then numbered per key
    select
        callers.*,
        dense_rank() over (partition by key_arn order by case when last_call is null then 1 else 0 end, caller) as caller_number
    from callers
),
calls as (               -- one row per key
    select
        key_arn,
        array_agg(distinct caller order by caller) filter (where last_call is not null and caller_number <= 10) as callers,
        array_agg(distinct service order by service) filter (where last_call is not null and service is not null) as services,
        sum(case when call_count > use_count then call_count else use_count end) as call_count,
        count(distinct case when last_call is not null then caller_id end) as caller_count,
        max(last_call) as last_call,
        max(last_used_before) as last_used_before
    from ranked
    group by key_arn
),
named as (               -- one row per key and resource that calls in the window name, those with most calls first
    select
        key_arn,
        resource,
        row_number() over (partition by key_arn order by call_count desc, resource) as n
    from (
        select kms_calls.key_arn, kms_calls.resource, count(*) as call_count
        from kms_calls
        join soaking
          on soaking.key_arn = kms_calls.key_arn
         and kms_calls.event_time > soaking.since
        where kms_calls.event_time >= $window_start
          and kms_calls.event_time < $window_end
          and kms_calls.operation_class = 'cryptographic'
          and kms_calls.resource is not null
          and coalesce(kms_calls.error_class, '') not in ('dry_run', 'denied')
          and not kms_calls.is_self
        group by kms_calls.key_arn, kms_calls.resource
    ) as counted
),
resources as (           -- one row per key
    select key_arn, array_agg(resource order by n) filter (where n <= 10) as resources
    from named
    group by key_arn
),
seen as (                -- one row per key: days of its place since then whose logs are all there
    select soaking.key_arn, count(*) as seen_days
    from soaking
    join coverage
      on coverage.account_id = soaking.account_id
     and coverage.region = soaking.region
     and coverage.day >= cast(soaking.since as date)
     and cast(coverage.day as timestamp) < $window_end
    where coverage.state not in ('gap', 'excluded_or_write_only')
      and coverage.failed_file_count = 0
    group by soaking.key_arn
),
judged as (              -- one row per key that is on its way, with its calls and how much of the time was seen
    select
        soaking.*,
        coalesce(calls.call_count, 0) as call_count,
        coalesce(calls.caller_count, 0) as caller_count,
        calls.last_call,
        calls.last_used_before,
        calls.callers,
        calls.services,
        cast(round((
            to_unixtime(date_trunc('day', $window_end - interval '1' second)) - to_unixtime(date_trunc('day', soaking.since))
        ) / 86400e0) as bigint) + 1 - coalesce(seen.seen_days, 0) as missing_days,
        (to_unixtime($window_end) - to_unixtime(soaking.since)) / 86400e0 as lasted_days
    from soaking
    left join calls on calls.key_arn = soaking.key_arn
    left join seen on seen.key_arn = soaking.key_arn
)
select
    judged.key_arn,
    key_names.aliases,
    judged.account_id,
    accounts.account_name,
    judged.region,
    judged.state,
    judged.since,
    judged.deletion_date,
    judged.principal_arn,
    cast(judged.call_count as bigint) as call_count,
    judged.caller_count,
    judged.last_call,
    judged.last_used_before,
    (to_unixtime(judged.deletion_date) - to_unixtime($window_end)) / 86400e0 as days_left,
    judged.callers,
    judged.services,
    resources.resources,
    judged.missing_days,
    case
        when judged.call_count > 0 then 'blocked'
        when judged.missing_days > 0 or judged.lasted_days < $soak_days then 'unknown'
        else 'safe'
    end as verdict,
    case
        when judged.call_count > 0 then 'calls'
        when judged.missing_days > 0 then 'missing_logs'
        when judged.lasted_days < $soak_days then 'too_short'
    end as reason
from judged
left join resources on resources.key_arn = judged.key_arn
left join key_names on key_names.key_arn = judged.key_arn
left join accounts on accounts.account_id = judged.account_id
order by call_count desc, judged.deletion_date nulls last, judged.key_arn
