/*---
id: event_lookup
title: Single calls, newest first
description: Calls one by one, by key, caller, operation or error. For looking closely once another query has told where.
grain: one row per call
params:
  key_arn: {type: varchar, default: null, doc: "key ARN, key id, alias (alias/…) or alias ARN; without it all keys"}
  principal: {type: varchar, default: null, doc: "principal ARN or unique id, or a pattern with %"}
  event_name: {type: varchar, default: null, doc: operation}
  error_class: {type: varchar, default: null, doc: "error class, or none for calls that succeeded"}
  max_rows: {type: integer, default: 1000, doc: at most so many rows}
columns:
  - {name: event_time, type: TIMESTAMP, doc: "When the request completed, UTC."}
  - {name: event_name, type: VARCHAR, doc: Operation.}
  - {name: key_arn, type: VARCHAR, doc: "Key; NULL for calls without one."}
  - {name: principal_arn, type: VARCHAR, doc: Caller.}
  - {name: caller_account_id, type: VARCHAR, doc: Account of the caller.}
  - {name: session_name, type: VARCHAR, doc: Role session name.}
  - {name: service, type: VARCHAR, doc: "AWS service behind the call; NULL for a direct call."}
  - {name: resource, type: VARCHAR, doc: Resource that the encryption context names.}
  - {name: source_ip_address, type: VARCHAR, doc: "IP address, or name of the calling service."}
  - {name: error_class, type: VARCHAR, doc: "Class of the error; NULL on success."}
  - {name: error_message, type: VARCHAR, doc: Message as logged.}
  - {name: event_id, type: UUID, doc: "Event id; kmstrail event shows the record."}
  - {name: copy_count, type: BIGINT, doc: Records of the call that arrived.}
---*/
with aliased as (        -- keys that had the alias asked for in the window, or that calls named by it
    select key_arn
    from key_timeline
    where kind = 'alias'
      and valid_from < $window_end
      and (valid_to is null or valid_to > $window_start)
      and $key_arn in (name, split_part(key_arn, ':key/', 1) || ':' || name)
    union
    select key_arn
    from usage_daily
    where day >= cast($window_start as date)
      and cast(day as timestamp) < $window_end
      and $key_arn like '%alias/%'
      and $key_arn in (alias_name, split_part(key_arn, ':key/', 1) || ':' || alias_name)
),
numbered as (            -- one row per call that fits, the newest first
    select kms_calls.*, row_number() over (order by event_time desc, event_id) as call_number
    from kms_calls
    where event_time >= $window_start
      and event_time < $window_end
      and ($key_arn is null
        or $key_arn in (key_arn, key_id, destination_key_arn, split_part(destination_key_arn, '/', 2))
        or key_arn in (select key_arn from aliased)
        or destination_key_arn in (select key_arn from aliased))
      and ($principal is null
        or $principal in (principal_arn, caller_id)
        or strpos($principal, '%') > 0 and (principal_arn like $principal or caller_id like $principal))
      and ($event_name is null or event_name = $event_name)
      and ($error_class is null or coalesce(error_class, 'none') = $error_class)
)
select
    event_time,
    event_name,
    key_arn,
    principal_arn,
    caller_account_id,
    session_name,
    service,
    resource,
    source_ip_address,
    error_class,
    error_message,
    event_id,
    copy_count
from numbered
where call_number <= $max_rows
order by event_time desc, event_id
