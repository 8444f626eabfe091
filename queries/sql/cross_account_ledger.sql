/*---
id: cross_account_ledger
title: Which account uses which keys of which other account
description: |
  The balance of key use between accounts: who owns, who calls, how often, and
  from which side that is known. Known from the owner's side only means that
  the caller's logs are not read (a stranger, or a gap); from the caller's side
  only, that the owner's are not. Service principals belong to no account and
  are not in it. Windows that begin and end on the hour are exact; of an hour
  that the window cuts, calls outside of it may count.
grain: one row per owner account, caller account and key
params:
  key_arn: {type: varchar, default: null, doc: "key ARN, key id, alias (alias/…) or alias ARN; without it all keys"}
  account_id: {type: varchar, default: null, doc: "account of caller or key; without it all accounts"}
columns:
  - {name: key_account_id, type: VARCHAR, doc: Account that owns the key.}
  - {name: key_account_name, type: VARCHAR, doc: "Its name from the configuration; NULL when it has none."}
  - {name: caller_account_id, type: VARCHAR, doc: Account of the callers.}
  - {name: caller_account_name, type: VARCHAR, doc: "Its name from the configuration; NULL when it has none."}
  - {name: key_arn, type: VARCHAR, doc: "The key; a ReEncrypt counts for each of its keys that is of another account."}
  - {name: aliases, type: VARCHAR, doc: "Its aliases; NULL when none is known."}
  - {name: known_from, type: VARCHAR, doc: "both, caller or owner: in whose logs the calls are."}
  - {name: caller_count, type: BIGINT, doc: Different callers.}
  - {name: services, type: "VARCHAR[]", doc: "AWS services behind the calls, in order; NULL when all were direct."}
  - {name: operations, type: "VARCHAR[]", doc: "Operations, in order."}
  - {name: call_count, type: BIGINT, doc: "Calls that use the key, each counted once."}
  - {name: caller_side_count, type: BIGINT, doc: "Of these, those that the caller's account logged."}
  - {name: owner_side_count, type: BIGINT, doc: Calls that the owner's account logged.}
  - {name: denied_count, type: BIGINT, doc: "Calls that were denied; only the caller's account logs most of them."}
  - {name: first_seen, type: TIMESTAMP, doc: "First call in the window, UTC."}
  - {name: last_seen, type: TIMESTAMP, doc: "Last call in the window, UTC."}
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
      and ($key_arn is null or $key_arn like '%alias/%' or $key_arn in (key_arn, split_part(key_arn, '/', 2)))
      and caller_account_id <> key_account_id
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
      and ($key_arn is null or $key_arn like '%alias/%' or $key_arn in (key_arn, split_part(key_arn, '/', 2)))
      and caller_account_id <> key_account_id
),
uses as (                -- one row per key, caller, service, operation and outcome, counted from the side that knows more
    select
        key_arn,
        key_account_id,
        caller_account_id,
        caller_id,
        service,
        event_name,
        error_class,
        case when sum(call_count) > sum(use_count) then sum(call_count) else sum(use_count) end as calls,
        sum(call_count) as caller_side_count,
        sum(use_count) as owner_side_count,
        -- The caller's copy alone names the principal.
        max(case when call_count > 0 or principal_arn is not null then 1 else 0 end) as caller_side,
        max(case when use_count > 0 then 1 else 0 end) as owner_side,
        min(first_event_time) as first_seen,
        max(last_event_time) as last_seen
    from usage
    where ($key_arn is null or key_arn in (select key_arn from wanted))
      and ($account_id is null or $account_id in (key_account_id, caller_account_id))
    group by key_arn, key_account_id, caller_account_id, caller_id, service, event_name, error_class
)
select
    uses.key_account_id,
    max(owners.account_name) as key_account_name,
    uses.caller_account_id,
    max(callers.account_name) as caller_account_name,
    uses.key_arn,
    max(labels.aliases) as aliases,
    case
        when max(uses.caller_side) = 1 and max(uses.owner_side) = 1 then 'both'
        when max(uses.caller_side) = 1 then 'caller'
        else 'owner'
    end as known_from,
    count(distinct uses.caller_id) as caller_count,
    array_agg(distinct uses.service order by uses.service) filter (where uses.service is not null) as services,
    array_agg(distinct uses.event_name order by uses.event_name) as operations,
    cast(sum(uses.calls) as bigint) as call_count,
    cast(sum(uses.caller_side_count) as bigint) as caller_side_count,
    cast(sum(uses.owner_side_count) as bigint) as owner_side_count,
    cast(sum(case when uses.error_class = 'denied' then uses.calls else 0 end) as bigint) as denied_count,
    min(uses.first_seen) as first_seen,
    max(uses.last_seen) as last_seen
from uses
left join labels on labels.key_arn = uses.key_arn
left join accounts as owners on owners.account_id = uses.key_account_id
left join accounts as callers on callers.account_id = uses.caller_account_id
group by uses.key_account_id, uses.caller_account_id, uses.key_arn
order by uses.key_account_id, uses.caller_account_id, call_count desc, uses.key_arn
