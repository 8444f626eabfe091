/*---
id: service_usage
title: Which AWS services use which keys
description: |
  Use of keys by service, direct calls being a line of their own. what_breaks
  names callers and resources of one key. Windows that begin and end on the hour are exact; of an hour
  that the window cuts, calls outside of it may count.
grain: one row per account, key and service
params:
  account_id: {type: varchar, default: null, doc: "account that owns the key; without it all accounts"}
columns:
  - {name: key_account_id, type: VARCHAR, doc: Account that owns the key.}
  - {name: key_account_name, type: VARCHAR, doc: "Its name from the configuration; NULL when it has none."}
  - {name: key_arn, type: VARCHAR, doc: The key.}
  - {name: aliases, type: VARCHAR, doc: "Its aliases; NULL when none is known."}
  - {name: service, type: VARCHAR, doc: "AWS service, or direct."}
  - {name: call_count, type: BIGINT, doc: "Cryptographic calls, each counted once; a ReEncrypt counts for each of its keys."}
  - {name: error_count, type: BIGINT, doc: "Calls that failed, dry runs not among them."}
  - {name: caller_count, type: BIGINT, doc: Different callers.}
  - {name: last_seen, type: TIMESTAMP, doc: "Last call, UTC."}
---*/
with usage as (          -- whole days of the window, and the hours at its edges
    select
        key_account_id,
        key_arn,
        caller_id,
        caller_account_id,
        service,
        event_name,
        error_class,
        caller_use_count as call_count,
        use_count,
        last_event_time
    from usage_daily
    where cast(day as timestamp) >= $window_start
      and cast(day as timestamp) + interval '1' day <= $window_end
      and operation_class = 'cryptographic'
      and key_arn is not null
      and ($account_id is null or key_account_id = $account_id)
    union all
    select
        key_account_id,
        key_arn,
        caller_id,
        caller_account_id,
        service,
        event_name,
        error_class,
        caller_use_count as call_count,
        use_count,
        last_event_time
    from usage_hourly
    where hour > $window_start - interval '1' hour
      and hour < $window_end
      and (date_trunc('day', hour) < $window_start or date_trunc('day', hour) + interval '1' day > $window_end)
      and last_event_time >= $window_start
      and first_event_time < $window_end
      and operation_class = 'cryptographic'
      and key_arn is not null
      and ($account_id is null or key_account_id = $account_id)
),
uses as (                -- one row per key, caller, service, operation and outcome, counted from the side that knows more
    select
        key_account_id,
        key_arn,
        caller_id,
        service,
        error_class,
        case when sum(call_count) > sum(use_count) then sum(call_count) else sum(use_count) end as calls,
        max(last_event_time) as last_seen
    from usage
    group by key_account_id, key_arn, caller_id, caller_account_id, service, event_name, error_class
)
select
    uses.key_account_id,
    max(accounts.account_name) as key_account_name,
    uses.key_arn,
    max(key_names.aliases) as aliases,
    coalesce(uses.service, 'direct') as service,
    cast(sum(uses.calls) as bigint) as call_count,
    cast(sum(case when uses.error_class <> 'dry_run' then uses.calls else 0 end) as bigint) as error_count,
    count(distinct uses.caller_id) as caller_count,
    max(uses.last_seen) as last_seen
from uses
left join key_names on key_names.key_arn = uses.key_arn
left join accounts on accounts.account_id = uses.key_account_id
group by uses.key_account_id, uses.key_arn, uses.service
order by uses.key_account_id, uses.key_arn, call_count desc, service
