/*---
id: what_breaks
title: What would break without a key
description: |
  Everything that used a key with success: AWS services, callers, and the
  resources that the encryption contexts name. All of it stops when the key is
  disabled or deleted, and what is listed as a resource cannot be read any
  more. What reads its data seldom is in it only when the window reaches that
  far; resources come from the records themselves and end with them. Windows that begin and end on the hour are exact; of an hour
  that the window cuts, calls outside of it may count.
grain: one row per key, kind and name
params:
  key_arn: {type: varchar, required: true, doc: "key ARN, key id, alias (alias/…) or alias ARN; an alias means all keys that had it"}
columns:
  - {name: key_arn, type: VARCHAR, doc: The key.}
  - {name: aliases, type: VARCHAR, doc: "Its aliases; NULL when none is known."}
  - {name: kind, type: VARCHAR, doc: "service, caller or resource."}
  - {name: name, type: VARCHAR, doc: "Service or direct; principal ARN, else service principal or unique id; the resource as its encryption context names it: untrusted text."}
  - {name: account_id, type: VARCHAR, doc: "Account of the caller; of a resource that of its callers; NULL for services."}
  - {name: account_name, type: VARCHAR, doc: "Its name from the configuration; NULL when it has none."}
  - {name: operations, type: "VARCHAR[]", doc: "Operations, in order."}
  - {name: call_count, type: BIGINT, doc: "Successful cryptographic calls."}
  - {name: first_used, type: TIMESTAMP, doc: "First of them in the window, UTC."}
  - {name: last_used, type: TIMESTAMP, doc: "Last of them in the window, UTC."}
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
    where $key_arn like '%alias/%' or $key_arn in (key_arn, split_part(key_arn, '/', 2))
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
        caller_use_count as call_count,
        use_count,
        first_event_time,
        last_event_time
    from usage_daily
    where cast(day as timestamp) >= $window_start
      and cast(day as timestamp) + interval '1' day <= $window_end
      and ($key_arn like '%alias/%' or $key_arn in (key_arn, split_part(key_arn, '/', 2)))
      and operation_class = 'cryptographic'
      and error_class is null
    union all
    select
        key_arn,
        caller_id,
        principal_arn,
        caller_account_id,
        service,
        event_name,
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
      and ($key_arn like '%alias/%' or $key_arn in (key_arn, split_part(key_arn, '/', 2)))
      and operation_class = 'cryptographic'
      and error_class is null
),
uses as (                -- one row per key, caller, service and operation, counted from the side that knows more
    select
        key_arn,
        caller_id,
        caller_account_id,
        service,
        event_name,
        max(principal_arn) as principal_arn,
        case when sum(call_count) > sum(use_count) then sum(call_count) else sum(use_count) end as calls,
        min(first_event_time) as first_used,
        max(last_event_time) as last_used
    from usage
    where key_arn in (select key_arn from wanted)
    group by key_arn, caller_id, caller_account_id, service, event_name
),
named_uses as (          -- the same, with the name of the caller that any copy tells
    select uses.*, coalesce(max(principal_arn) over (partition by caller_id), caller_id) as caller
    from uses
),
touched as (             -- one row per successful call and key with a resource
    select
        case sides.side when 'source' then calls.key_arn else calls.destination_key_arn end as key_arn,
        coalesce(calls.caller_account_id, calls.recipient_account_id) as account_id,
        calls.event_name,
        calls.event_time,
        -- Copies of a volume or a database are encrypted anew for the copy.
        coalesce(
            case when sides.side = 'destination' then element_at(calls.destination_encryption_context, 'aws:rds:db-id') end,
            case when sides.side = 'destination' then element_at(calls.destination_encryption_context, 'aws:elasticfilesystem:filesystem:id') end,
            case when sides.side = 'destination' then element_at(calls.destination_encryption_context, 'aws:ebs:id') end,
            calls.resource
        ) as resource
    from kms_calls as calls
    cross join unnest(array['source', 'destination']) as sides (side)
    where calls.event_time >= $window_start
      and calls.event_time < $window_end
      and calls.operation_class = 'cryptographic'
      and calls.error_class is null
      and (
          $key_arn like '%alias/%'
          or $key_arn in (calls.key_arn, split_part(calls.key_arn, '/', 2))
          or $key_arn in (calls.destination_key_arn, split_part(calls.destination_key_arn, '/', 2))
      )
      and (sides.side = 'source' or calls.event_name = 'ReEncrypt' and calls.destination_key_arn <> coalesce(calls.key_arn, ''))
),
losses as (              -- one row per key, kind, name, account and operation
    select
        named_uses.key_arn,
        kinds.kind,
        case kinds.kind when 'service' then coalesce(named_uses.service, 'direct') else named_uses.caller end as name,
        case kinds.kind when 'caller' then named_uses.caller_account_id end as account_id,
        named_uses.event_name,
        named_uses.calls,
        named_uses.first_used,
        named_uses.last_used
    from named_uses
    cross join unnest(array['service', 'caller']) as kinds (kind)
    union all
    select
        key_arn, 'resource' as kind, resource as name, max(account_id) as account_id,
        event_name, count(*) as calls, min(event_time) as first_used, max(event_time) as last_used
    from touched
    where resource is not null
      and key_arn in (select key_arn from wanted)
    group by key_arn, resource, event_name
)
select
    losses.key_arn,
    max(labels.aliases) as aliases,
    losses.kind,
    losses.name,
    max(losses.account_id) as account_id,
    max(accounts.account_name) as account_name,
    array_agg(distinct losses.event_name order by losses.event_name) as operations,
    cast(sum(losses.calls) as bigint) as call_count,
    min(losses.first_used) as first_used,
    max(losses.last_used) as last_used
from losses
left join labels on labels.key_arn = losses.key_arn
left join accounts on accounts.account_id = losses.account_id
group by losses.key_arn, losses.kind, losses.name
order by
    losses.key_arn,
    case losses.kind when 'service' then 1 when 'caller' then 2 else 3 end,
    call_count desc,
    losses.name
