/*---
id: cross_account_calls
title: Use of keys across accounts
description: |
  Which callers use which keys of which other accounts, trusted or not, and
  with what outcome; cross_account_ledger has the sums. Windows that begin and end on the hour are exact; of an hour
  that the window cuts, calls outside of it may count.
grain: one row per key, caller, operation and error class
params:
  key_arn: {type: varchar, default: null, doc: "key ARN, key id, alias (alias/…) or alias ARN; without it all keys"}
  account_id: {type: varchar, default: null, doc: "account of caller or key; without it all accounts"}
columns:
  - {name: key_account_id, type: VARCHAR, doc: Account that owns the key.}
  - {name: caller_account_id, type: VARCHAR, doc: Account of the caller.}
  - {name: caller_account_name, type: VARCHAR, doc: "Its name from the configuration; NULL when it has none."}
  - {name: key_arn, type: VARCHAR, doc: "The key; of a ReEncrypt source or destination, whichever is of another account."}
  - {name: aliases, type: VARCHAR, doc: "Its aliases; NULL when none is known."}
  - {name: principal_arn, type: VARCHAR, doc: "Caller; NULL when only the owner's record arrived."}
  - {name: caller_id, type: VARCHAR, doc: Unique id of the principal.}
  - {name: event_name, type: VARCHAR, doc: Operation.}
  - {name: error_class, type: VARCHAR, doc: "Class of the error; NULL on success."}
  - {name: call_count, type: BIGINT, doc: "Calls, each counted once; a ReEncrypt for each of its keys."}
  - {name: first_seen, type: TIMESTAMP, doc: "First call, UTC."}
  - {name: last_seen, type: TIMESTAMP, doc: "Last call, UTC."}
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
)
select
    usage.key_account_id,
    usage.caller_account_id,
    max(accounts.account_name) as caller_account_name,
    usage.key_arn,
    max(labels.aliases) as aliases,
    max(usage.principal_arn) as principal_arn,
    usage.caller_id,
    usage.event_name,
    usage.error_class,
    -- What both sides logged counts once: the side that knows more tells.
    cast(case when sum(usage.call_count) > sum(usage.use_count) then sum(usage.call_count) else sum(usage.use_count) end as bigint) as call_count,
    min(usage.first_event_time) as first_seen,
    max(usage.last_event_time) as last_seen
from usage
left join labels on labels.key_arn = usage.key_arn
left join accounts on accounts.account_id = usage.caller_account_id
where ($key_arn is null or usage.key_arn in (select key_arn from wanted))
  and ($account_id is null or $account_id in (usage.key_account_id, usage.caller_account_id))
group by usage.key_account_id, usage.caller_account_id, usage.key_arn, usage.caller_id, usage.event_name, usage.error_class
order by call_count desc, usage.key_arn, usage.caller_account_id, usage.caller_id, usage.event_name, usage.error_class
