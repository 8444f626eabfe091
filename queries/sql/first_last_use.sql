/*---
id: first_last_use
title: When keys were used first and last, and by whom
description: |
  For each key the first and the last successful cryptographic use in the
  window and who it was; keys that were only looked at, changed or refused are
  in it without use. Widen the window to look further back: use is kept by day
  when the records are long gone. Windows that begin and end on the hour are exact; of an hour
  that the window cuts, calls outside of it may count.
grain: one row per key with a call in the window
params:
  key_arn: {type: varchar, default: null, doc: "key ARN, key id, alias (alias/…) or alias ARN; without it all keys"}
  account_id: {type: varchar, default: null, doc: "account that owns the key; without it all accounts"}
columns:
  - {name: key_arn, type: VARCHAR, doc: The key.}
  - {name: aliases, type: VARCHAR, doc: "Its aliases; NULL when none is known."}
  - {name: account_id, type: VARCHAR, doc: Account that owns it.}
  - {name: account_name, type: VARCHAR, doc: "Its name from the configuration; NULL when it has none."}
  - {name: first_used, type: TIMESTAMP, doc: "First use, UTC; NULL when there is none."}
  - {name: first_used_by, type: VARCHAR, doc: "Its caller: principal ARN, else service principal or unique id."}
  - {name: last_used, type: TIMESTAMP, doc: "Last use, UTC; NULL when there is none."}
  - {name: last_used_by, type: VARCHAR, doc: "Its caller: principal ARN, else service principal or unique id."}
  - {name: last_operation, type: VARCHAR, doc: Operation of the last use.}
  - {name: last_service, type: VARCHAR, doc: "AWS service behind the last use; NULL for a direct call, or when there is none."}
  - {name: use_count, type: BIGINT, doc: "Uses, each counted once."}
  - {name: user_count, type: BIGINT, doc: Callers that used it.}
  - {name: first_seen, type: TIMESTAMP, doc: "First call of any kind and outcome, UTC."}
  - {name: last_seen, type: TIMESTAMP, doc: "Last call of any kind and outcome, UTC."}
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
uses as (                -- one row per key, caller, service, operation and whether it was a use, counted from the side that knows more
    select
        key_arn,
        coalesce(max(principal_arn), caller_id) as caller,
        caller_id,
        service,
        event_name,
        operation_class = 'cryptographic' and error_class is null as used,
        case when sum(call_count) > sum(use_count) then sum(call_count) else sum(use_count) end as calls,
        min(first_event_time) as first_seen,
        max(last_event_time) as last_seen
    from usage
    where ($key_arn is null or key_arn in (select key_arn from wanted))
    group by key_arn, caller_id, caller_account_id, service, event_name, operation_class = 'cryptographic' and error_class is null
),
ranked as (              -- the same, numbered from the first and from the last use of the key
    select
        uses.*,
        row_number() over (partition by key_arn, used order by first_seen, caller, event_name, service) as from_first,
        row_number() over (partition by key_arn, used order by last_seen desc, caller, event_name, service) as from_last
    from uses
)
select
    ranked.key_arn,
    max(labels.aliases) as aliases,
    split_part(ranked.key_arn, ':', 5) as account_id,
    max(accounts.account_name) as account_name,
    min(case when used then ranked.first_seen end) as first_used,
    max(case when used and from_first = 1 then caller end) as first_used_by,
    max(case when used then ranked.last_seen end) as last_used,
    max(case when used and from_last = 1 then caller end) as last_used_by,
    max(case when used and from_last = 1 then event_name end) as last_operation,
    max(case when used and from_last = 1 then service end) as last_service,
    cast(sum(case when used then calls else 0 end) as bigint) as use_count,
    count(distinct case when used then caller_id end) as user_count,
    min(ranked.first_seen) as first_seen,
    max(ranked.last_seen) as last_seen
from ranked
left join labels on labels.key_arn = ranked.key_arn
left join accounts on accounts.account_id = split_part(ranked.key_arn, ':', 5)
where $account_id is null
   or split_part(ranked.key_arn, ':', 5) = $account_id
group by ranked.key_arn
order by last_used nulls first, last_seen, ranked.key_arn
