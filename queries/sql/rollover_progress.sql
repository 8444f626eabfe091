/*---
id: rollover_progress
title: Keys that an alias left, and who still encrypts under them
description: |
  Each alias that moved from one key to another in the window, with the
  callers that used the old key since then. A rollover is done when nobody
  encrypts under the old key any more; who only decrypts reads what was
  written before, so the old key has to stay. Where an alias pointed to before
  the logs begin is not known. Of the hour of the move what the same caller
  did before it counts as well.
grain: one row per alias and caller of its old key; one row without a caller where nobody used it
params:
  alias_name: {type: varchar, default: null, doc: "the alias, alias/…; without it all"}
  account_id: {type: varchar, default: null, doc: "account of the alias; without it all accounts"}
columns:
  - {name: alias_name, type: VARCHAR, doc: The alias.}
  - {name: account_id, type: VARCHAR, doc: Its account.}
  - {name: region, type: VARCHAR, doc: Its Region.}
  - {name: moved_at, type: TIMESTAMP, doc: "When it moved, UTC; of several times in the window the last."}
  - {name: moved_by, type: VARCHAR, doc: Who moved it.}
  - {name: old_key_arn, type: VARCHAR, doc: Key that it pointed to before.}
  - {name: new_key_arn, type: VARCHAR, doc: Key that it points to since then.}
  - {name: caller, type: VARCHAR, doc: "Who used the old key since then: principal ARN, else its unique id, or an AWS service; NULL when nobody did."}
  - {name: services, type: "VARCHAR[]", doc: "AWS services the calls came through; NULL when there are none."}
  - {name: encrypt_count, type: BIGINT, doc: "Calls that made new data under the old key: Encrypt, GenerateDataKey and its like."}
  - {name: other_count, type: BIGINT, doc: "Other cryptographic calls: Decrypt, and ReEncrypt, of which the sums do not tell the direction."}
  - {name: last_encrypt, type: TIMESTAMP, doc: "Last call that made new data, UTC; NULL when there is none."}
  - {name: last_use, type: TIMESTAMP, doc: "Last successful use of the old key, UTC; NULL when there is none."}
---*/
with changes as (        -- one row per change of an alias, with the key that it had before
    select
        event_time, event_name, key_arn, account_id, region, principal_arn, alias_name,
        lag(key_arn) over (partition by account_id, region, alias_name order by event_time, change_rank, event_id) as old_key_arn,
        row_number() over (partition by account_id, region, alias_name order by event_time, change_rank, event_id) as change_number
    from key_changes
    where event_time < $window_end
      and event_name in ('CreateAlias', 'UpdateAlias', 'DeleteAlias')
      and alias_name is not null
      and key_arn is not null
      and ($alias_name is null or alias_name = $alias_name)
      and ($account_id is null or account_id = $account_id)
),
moves as (               -- one row per move in the window, the last one of an alias first
    select
        changes.*,
        row_number() over (partition by account_id, region, alias_name order by change_number desc) as n
    from changes
    where event_time >= $window_start
      and event_name <> 'DeleteAlias'
      and old_key_arn <> key_arn
),
used as (                -- one row per move, caller, service and kind of use, counted from the side that knows more
    select
        moves.account_id,
        moves.region,
        moves.alias_name,
        usage_hourly.caller_id,
        usage_hourly.service,
        max(usage_hourly.principal_arn) as principal_arn,
        usage_hourly.event_name = 'Encrypt' or usage_hourly.event_name like 'GenerateDataKey%' as encrypts,
        case
            when sum(usage_hourly.caller_use_count) > sum(usage_hourly.use_count) then sum(usage_hourly.caller_use_count)
            else sum(usage_hourly.use_count)
        end as call_count,
        max(usage_hourly.last_event_time) as last_use
    from moves
    join usage_hourly
      on usage_hourly.key_arn = moves.old_key_arn
     and usage_hourly.last_event_time > moves.event_time
    where moves.n = 1
      and usage_hourly.hour >= date_trunc('hour', $window_start)
      and usage_hourly.hour < $window_end
      and usage_hourly.operation_class = 'cryptographic'
      and usage_hourly.error_class is null
      and not usage_hourly.is_self
    group by
        moves.account_id, moves.region, moves.alias_name, usage_hourly.caller_id, usage_hourly.service,
        usage_hourly.event_name = 'Encrypt' or usage_hourly.event_name like 'GenerateDataKey%'
),
callers as (             -- one row per move and caller
    select
        account_id,
        region,
        alias_name,
        caller_id,
        coalesce(max(principal_arn), caller_id) as caller,
        array_agg(distinct service order by service) filter (where service is not null) as services,
        sum(case when encrypts then call_count else 0 end) as encrypt_count,
        sum(case when encrypts then 0 else call_count end) as other_count,
        max(case when encrypts then last_use end) as last_encrypt,
        max(last_use) as last_use
    from used
    group by account_id, region, alias_name, caller_id
)
select
    moves.alias_name,
    moves.account_id,
    moves.region,
    moves.event_time as moved_at,
    moves.principal_arn as moved_by,
    moves.old_key_arn,
    moves.key_arn as new_key_arn,
    callers.caller,
    callers.services,
    cast(coalesce(callers.encrypt_count, 0) as bigint) as encrypt_count,
    cast(coalesce(callers.other_count, 0) as bigint) as other_count,
    callers.last_encrypt,
    callers.last_use
from moves
left join callers
  on callers.account_id = moves.account_id
 and callers.region = moves.region
 and callers.alias_name = moves.alias_name
where moves.n = 1
order by moves.alias_name, moves.account_id, moves.region, callers.last_encrypt desc nulls last, callers.caller nulls last
