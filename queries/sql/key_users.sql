/*---
id: key_users
title: Who uses a key, and for what
description: |
  Callers of a key with services, operations and outcomes. The first question
  before a key is disabled or its policy narrowed. A call that was logged in
  two accounts counts once, a ReEncrypt for each of its keys. Windows that begin and end on the hour are exact; of an hour
  that the window cuts, calls outside of it may count.
grain: one row per key and caller
params:
  key_arn: {type: varchar, default: null, doc: "key ARN, key id, alias (alias/…) or alias ARN; without it all keys"}
columns:
  - {name: key_arn, type: VARCHAR, doc: The key.}
  - {name: aliases, type: VARCHAR, doc: "Its aliases; NULL when none is known."}
  - {name: principal_arn, type: VARCHAR, doc: "Caller; NULL for a service principal, or a stranger whose own record did not arrive."}
  - {name: caller_account_id, type: VARCHAR, doc: "Account of the caller; NULL for a service principal."}
  - {name: caller_account_name, type: VARCHAR, doc: "Its name from the configuration; NULL when it has none."}
  - {name: caller_id, type: VARCHAR, doc: "Unique id of the principal, or name of the service principal."}
  - {name: actor_kind, type: VARCHAR, doc: "human, workload, aws_service or unknown."}
  - {name: services, type: "VARCHAR[]", doc: "AWS services behind the calls, in order; NULL when all were direct."}
  - {name: operations, type: "VARCHAR[]", doc: "Operations, in order."}
  - {name: call_count, type: BIGINT, doc: "Calls that use the key, each counted once."}
  - {name: error_count, type: BIGINT, doc: "Calls that failed, dry runs not among them."}
  - {name: denied_count, type: BIGINT, doc: Those that were denied.}
  - {name: first_seen, type: TIMESTAMP, doc: "First call in the window, UTC."}
  - {name: last_seen, type: TIMESTAMP, doc: "Last call in the window, UTC."}
  - {name: last_used, type: TIMESTAMP, doc: "Last successful cryptographic use in the window, UTC; NULL when there is none."}
---*/
with named as (          -- keys with a name that calls used, and with the aliases they had, in the window
    select distinct key_arn, alias_name
    from usage_daily
    where day >= cast($window_start as date)
      and cast(day as timestamp) < $window_end
      and key_arn is not null
      -- A key asked for by ARN or id is picked before anything is summed up.
      and ($key_arn like '%alias/%' or $key_arn in (key_arn, split_part(key_arn, '/', 2)))
    union all
    select key_arn, name as alias_name
    from key_timeline
    where kind = 'alias'
      and valid_from < $window_end
      and (valid_to is null or valid_to > $window_start)
),
labels as (              -- one row per key, with its aliases
    select key_arn, aliases
    from keys
    where $key_arn is null or $key_arn like '%alias/%' or $key_arn in (key_arn, split_part(key_arn, '/', 2))
),
wanted as (              -- keys that are asked for
    select distinct key_arn
    from named
    where $key_arn in (key_arn, split_part(key_arn, '/', 2), alias_name, split_part(key_arn, ':key/', 1) || ':' || alias_name)
),
usage as (               -- whole days of the window, and the hours at its edges
    select
        key_arn,
        caller_id,
        principal_arn,
        caller_account_id,
        actor_kind,
        service,
        event_name,
        operation_class,
        error_class,
        caller_use_count as call_count,
        use_count,
        first_event_time,
        last_event_time
    from usage_daily
    where cast(day as timestamp) >= $window_start
      and cast(day as timestamp) + interval '1' day <= $window_end
      and ($key_arn is null or $key_arn like '%alias/%' or $key_arn in (key_arn, split_part(key_arn, '/', 2)))
    union all
    select
        key_arn,
        caller_id,
        principal_arn,
        caller_account_id,
        actor_kind,
        service,
        event_name,
        operation_class,
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
      and ($key_arn is null or $key_arn like '%alias/%' or $key_arn in (key_arn, split_part(key_arn, '/', 2)))
),
uses as (                -- one row per key, caller, service, operation and outcome, counted from the side that knows more
    select
        key_arn,
        caller_id,
        caller_account_id,
        service,
        event_name,
        operation_class,
        error_class,
        max(principal_arn) as principal_arn,
        max(actor_kind) as actor_kind,
        case when sum(call_count) > sum(use_count) then sum(call_count) else sum(use_count) end as calls,
        min(first_event_time) as first_seen,
        max(last_event_time) as last_seen
    from usage
    where ($key_arn is null or key_arn in (select key_arn from wanted))
    group by key_arn, caller_id, caller_account_id, service, event_name, operation_class, error_class
)
select
    uses.key_arn,
    max(labels.aliases) as aliases,
    max(uses.principal_arn) as principal_arn,
    uses.caller_account_id,
    max(accounts.account_name) as caller_account_name,
    uses.caller_id,
    max(uses.actor_kind) as actor_kind,
    array_agg(distinct uses.service order by uses.service) filter (where uses.service is not null) as services,
    array_agg(distinct uses.event_name order by uses.event_name) as operations,
    cast(sum(uses.calls) as bigint) as call_count,
    cast(sum(case when uses.error_class <> 'dry_run' then uses.calls else 0 end) as bigint) as error_count,
    cast(sum(case when uses.error_class = 'denied' then uses.calls else 0 end) as bigint) as denied_count,
    min(uses.first_seen) as first_seen,
    max(uses.last_seen) as last_seen,
    max(case when uses.operation_class = 'cryptographic' and uses.error_class is null then uses.last_seen end) as last_used
from uses
left join labels on labels.key_arn = uses.key_arn
left join accounts on accounts.account_id = uses.caller_account_id
group by uses.key_arn, uses.caller_account_id, uses.caller_id
order by call_count desc, uses.key_arn, uses.caller_account_id, uses.caller_id
