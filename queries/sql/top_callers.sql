/*---
id: top_callers
title: Who calls KMS most
description: |
  Callers by number of requests, with their share. Where to begin when
  requests cost too much or are throttled. Only the records of those who pay
  count. Windows that begin and end on the hour are exact; of an hour
  that the window cuts, calls outside of it may count.
grain: one row per paying account and caller
params:
  account_id: {type: varchar, default: null, doc: "paying account; without it all accounts"}
  region: {type: varchar, default: null, doc: "Region; without it all Regions"}
columns:
  - {name: account_id, type: VARCHAR, doc: Account that pays.}
  - {name: account_name, type: VARCHAR, doc: "Its name from the configuration; NULL when it has none."}
  - {name: caller, type: VARCHAR, doc: "Principal ARN, else service principal, else account."}
  - {name: request_count, type: BIGINT, doc: Requests.}
  - {name: share, type: DOUBLE, doc: Share of all requests in the window.}
  - {name: key_count, type: BIGINT, doc: Different keys.}
  - {name: cryptographic_count, type: BIGINT, doc: "Requests of cryptographic operations, which have the larger quotas."}
  - {name: error_count, type: BIGINT, doc: Requests that failed.}
  - {name: throttled_count, type: BIGINT, doc: Requests that were throttled.}
---*/
with usage as (          -- whole days of the window, and the hours at its edges
    select
        paying_account_id,
        principal_arn,
        caller_id,
        key_arn,
        operation_class,
        error_class,
        call_count
    from usage_daily
    where cast(day as timestamp) >= $window_start
      and cast(day as timestamp) + interval '1' day <= $window_end
      and operation_class <> 'service_event'
      and call_count > 0
      and ($account_id is null or paying_account_id = $account_id)
      and ($region is null or region = $region)
    union all
    select
        paying_account_id,
        principal_arn,
        caller_id,
        key_arn,
        operation_class,
        error_class,
        call_count
    from usage_hourly
    where hour > $window_start - interval '1' hour
      and hour < $window_end
      and (date_trunc('day', hour) < $window_start or date_trunc('day', hour) + interval '1' day > $window_end)
      and last_event_time >= $window_start
      and first_event_time < $window_end
      and operation_class <> 'service_event'
      and call_count > 0
      and ($account_id is null or paying_account_id = $account_id)
      and ($region is null or region = $region)
),
callers as (             -- one row per paying account and caller
    select
        paying_account_id as account_id,
        coalesce(principal_arn, caller_id) as caller,
        sum(call_count) as request_count,
        count(distinct key_arn) as key_count,
        sum(case when operation_class = 'cryptographic' then call_count else 0 end) as cryptographic_count,
        sum(case when error_class is not null then call_count else 0 end) as error_count,
        sum(case when error_class = 'throttled' then call_count else 0 end) as throttled_count
    from usage
    group by 1, 2
)
select
    callers.account_id,
    accounts.account_name,
    callers.caller,
    cast(callers.request_count as bigint) as request_count,
    cast(callers.request_count as double) / cast(sum(callers.request_count) over () as double) as share,
    callers.key_count,
    cast(callers.cryptographic_count as bigint) as cryptographic_count,
    cast(callers.error_count as bigint) as error_count,
    cast(callers.throttled_count as bigint) as throttled_count
from callers
left join accounts on accounts.account_id = callers.account_id
order by request_count desc, callers.account_id, callers.caller
