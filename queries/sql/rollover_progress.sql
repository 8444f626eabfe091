/*---
id: rollover_progress
title: Keys that an alias left, and who still encrypts under them
description: |
  Each alias that moved from one key to another in the window, with the
  callers that used the old key since then. A rollover is done when nobody
  encrypts under the old key any more; who only decrypts reads what was
  written before, so the old key has to stay. Where an alias pointed to before
  the logs begin is known if an inventory saw it. Of the hour of the move what the same caller
  did before it counts as well, except ReEncrypt, which counts as long as the
  calls themselves are kept.
grain: one row per alias and caller of its old key; one row without a caller where nobody used it
params:
  alias_name: {type: varchar, default: null, doc: "the alias, alias/…; without it all"}
  account_id: {type: varchar, default: null, doc: "account of the alias; without it all accounts"}
columns:
  - {name: alias_name, type: VARCHAR, doc: The alias.}
  - {name: account_id, type: VARCHAR, doc: Its account.}
  - {name: region, type: VARCHAR, doc: Its Region.}
  - {name: moved_at, type: TIMESTAMP, doc: "When it moved, UTC; of several times in the window the last. Where the logs lack the move, when an inventory saw it."}
  - {name: moved_by, type: VARCHAR, doc: "Who moved it; NULL where the logs lack the move."}
  - {name: old_key_arn, type: VARCHAR, doc: Key that it pointed to before.}
  - {name: new_key_arn, type: VARCHAR, doc: Key that it points to since then.}
  - {name: caller, type: VARCHAR, doc: "Who used the old key since then: principal ARN, else its unique id, or an AWS service; NULL when nobody did."}
  - {name: services, type: "VARCHAR[]", doc: "AWS services the calls came through; NULL when there are none."}
  - {name: encrypt_count, type: BIGINT, doc: "Calls that made new data under the old key: Encrypt, GenerateDataKey and its like, and ReEncrypt to it."}
  - {name: other_count, type: BIGINT, doc: "Other cryptographic calls: Decrypt, ReEncrypt from it to another key, and signatures and the like."}
  - {name: last_encrypt, type: TIMESTAMP, doc: "Last call that made new data, UTC; NULL when there is none."}
  - {name: last_use, type: TIMESTAMP, doc: "Last successful use of the old key, UTC; NULL when there is none."}
---*/
with pointed as (        -- one row per key that an alias pointed to, with the one before
    select
        valid_from as moved_at, key_arn, account_id, region, principal_arn, name as alias_name,
        lag(key_arn) over (partition by account_id, region, name order by valid_from, valid_to, event_id) as old_key_arn,
        row_number() over (partition by account_id, region, name order by valid_from, valid_to, event_id) as change_number
    from key_timeline
    where kind = 'alias'
      and valid_from < $window_end
      and ($alias_name is null or name = $alias_name)
      and ($account_id is null or account_id = $account_id)
),
moves as (               -- one row per move in the window, the last one of an alias first
    select
        pointed.*,
        row_number() over (partition by account_id, region, alias_name order by change_number desc) as n
    from pointed
    where moved_at >= $window_start
      and old_key_arn <> key_arn
),
uses as (                -- one row per successful use of a key, summed by hour except for ReEncrypt, which the sums have no direction of
    select
        key_arn,
        caller_id,
        principal_arn,
        service,
        event_name = 'Encrypt' or event_name like 'GenerateDataKey%' as encrypts,
        caller_use_count,
        use_count,
        last_event_time
    from usage_hourly
    where hour >= date_trunc('hour', $window_start)
      and hour < $window_end
      and operation_class = 'cryptographic'
      and event_name <> 'ReEncrypt'
      and error_class is null
      and not is_self
    union all
    select
        case when sides.encrypts then kms_calls.destination_key_arn else kms_calls.key_arn end as key_arn,
        kms_calls.caller_id,
        kms_calls.principal_arn,
        kms_calls.service,
        sides.encrypts,
        cast(1 as bigint) as caller_use_count,
        cast(0 as bigint) as use_count,
        kms_calls.event_time as last_event_time
    from kms_calls
    cross join (values (true), (false)) as sides (encrypts)
    where kms_calls.event_time >= $window_start
      and kms_calls.event_time < $window_end
      and kms_calls.event_name = 'ReEncrypt'
      and kms_calls.error_code is null
      and not kms_calls.is_self
      and (sides.encrypts or coalesce(kms_calls.destination_key_arn, '') <> kms_calls.key_arn)
),
used as (                -- one row per move, caller, service and kind of use, counted from the side that knows more
    select
        moves.account_id,
        moves.region,
        moves.alias_name,
        uses.caller_id,
        uses.service,
        max(uses.principal_arn) as principal_arn,
        uses.encrypts,
        case
            when sum(uses.caller_use_count) > sum(uses.use_count) then sum(uses.caller_use_count)
            else sum(uses.use_count)
        end as call_count,
        max(uses.last_event_time) as last_use
    from moves
    join uses
      on uses.key_arn = moves.old_key_arn
     and uses.last_event_time > moves.moved_at
    where moves.n = 1
    group by moves.account_id, moves.region, moves.alias_name, uses.caller_id, uses.service, uses.encrypts
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
    moves.moved_at,
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
