/*---
id: principal_activity
title: Everything a principal did with KMS
description: |
  What a principal did: by key, operation, service and outcome, refused calls
  included. For incidents, for clearing up permissions, and before a role goes.
  A call that was logged in two accounts counts once; a ReEncrypt has a row for
  each of its keys. Windows that begin and end on the hour are exact; of an hour
  that the window cuts, calls outside of it may count.
grain: one row per caller, key, operation, service and outcome
params:
  principal_arn: {type: varchar, required: true, doc: "principal ARN, unique id or service principal; with % in it a pattern, such as %:role/app"}
columns:
  - {name: principal_arn, type: VARCHAR, doc: "Caller; NULL for a service principal, or a stranger whose own records did not arrive."}
  - {name: caller_id, type: VARCHAR, doc: "Unique id of the principal, or name of the service principal."}
  - {name: caller_account_id, type: VARCHAR, doc: "Account of the caller; NULL for a service principal."}
  - {name: caller_account_name, type: VARCHAR, doc: "Its name from the configuration; NULL when it has none."}
  - {name: key_arn, type: VARCHAR, doc: "Key; NULL for calls without one."}
  - {name: aliases, type: VARCHAR, doc: "Its aliases; NULL when none is known."}
  - {name: key_account_id, type: VARCHAR, doc: "Account that owns the key; NULL for calls without one."}
  - {name: key_account_name, type: VARCHAR, doc: "Its name from the configuration; NULL when it has none."}
  - {name: event_name, type: VARCHAR, doc: Operation.}
  - {name: service, type: VARCHAR, doc: "AWS service behind the calls; NULL for direct calls."}
  - {name: error_class, type: VARCHAR, doc: "Class of the error; NULL on success."}
  - {name: call_count, type: BIGINT, doc: "Calls; a ReEncrypt counts at both its keys."}
  - {name: first_seen, type: TIMESTAMP, doc: "First call in the window, UTC."}
  - {name: last_seen, type: TIMESTAMP, doc: "Last call in the window, UTC."}
---*/
with callers as (        -- callers asked for: the owner of a foreign key logs only their id
    select distinct caller_id
    from usage_daily
    where day >= cast($window_start as date)
      and cast(day as timestamp) < $window_end
      and ($principal_arn in (principal_arn, caller_id)
        or strpos($principal_arn, '%') > 0 and (principal_arn like $principal_arn or caller_id like $principal_arn))
),
usage as (               -- whole days of the window, and the hours at its edges
    select
        key_arn,
        key_account_id,
        caller_id,
        principal_arn,
        caller_account_id,
        service,
        event_name,
        error_class,
        caller_use_count as call_count,
        use_count,
        first_event_time,
        last_event_time
    from usage_daily
    where cast(day as timestamp) >= $window_start
      and cast(day as timestamp) + interval '1' day <= $window_end
      -- Others are left out before anything is summed up.
      and ($principal_arn in (principal_arn, caller_id) or principal_arn is null or strpos($principal_arn, '%') > 0)
    union all
    select
        key_arn,
        key_account_id,
        caller_id,
        principal_arn,
        caller_account_id,
        service,
        event_name,
        error_class,
        caller_use_count as call_count,
        use_count,
        first_event_time,
        last_event_time
    from usage_hourly
    where hour > $window_start - interval '1' hour
      and hour < $window_end
      and (date_trunc('day', hour) < $window_start or date_trunc('day', hour) + interval '1' day > $window_end)
      and last_event_time >= $window_start
      and first_event_time < $window_end
      and ($principal_arn in (principal_arn, caller_id) or principal_arn is null or strpos($principal_arn, '%') > 0)
),
uses as (                -- one row per caller, key, operation, service and outcome, counted from the side that knows more
    select
        caller_id,
        caller_account_id,
        key_arn,
        event_name,
        service,
        error_class,
        max(principal_arn) as principal_arn,
        max(key_account_id) as key_account_id,
        case when sum(call_count) > sum(use_count) then sum(call_count) else sum(use_count) end as calls,
        min(first_event_time) as first_seen,
        max(last_event_time) as last_seen
    from usage
    where caller_id in (select caller_id from callers)
    group by caller_id, caller_account_id, key_arn, event_name, service, error_class
)
select
    max(uses.principal_arn) over (partition by uses.caller_id) as principal_arn,
    uses.caller_id,
    uses.caller_account_id,
    caller_accounts.account_name as caller_account_name,
    uses.key_arn,
    key_names.aliases,
    uses.key_account_id,
    owners.account_name as key_account_name,
    uses.event_name,
    uses.service,
    uses.error_class,
    cast(uses.calls as bigint) as call_count,
    uses.first_seen,
    uses.last_seen
from uses
left join key_names on key_names.key_arn = uses.key_arn
left join accounts as caller_accounts on caller_accounts.account_id = uses.caller_account_id
left join accounts as owners on owners.account_id = uses.key_account_id
order by call_count desc, uses.caller_id, uses.key_arn, uses.event_name, uses.service, uses.error_class
