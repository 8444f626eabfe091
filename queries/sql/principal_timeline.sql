/*---
id: principal_timeline
title: What a principal did with KMS, hour by hour
description: The calls of a principal in time, by key, operation and outcome. Shows when it began to do something else than usual.
grain: one row per hour, caller, key, service, operation and error class
params:
  principal: {type: varchar, default: null, doc: "principal ARN or unique id, or a pattern with % such as %:role/app; without it all principals"}
columns:
  - {name: hour, type: TIMESTAMP, doc: "Start of the hour, UTC."}
  - {name: principal_arn, type: VARCHAR, doc: "Caller; NULL where no record names it."}
  - {name: caller_id, type: VARCHAR, doc: "Unique id of the principal, or name of the service principal."}
  - {name: key_arn, type: VARCHAR, doc: "Key; NULL for calls without one."}
  - {name: service, type: VARCHAR, doc: "AWS service behind the calls; NULL for direct calls."}
  - {name: event_name, type: VARCHAR, doc: Operation.}
  - {name: error_class, type: VARCHAR, doc: "Class of the error; NULL on success."}
  - {name: call_count, type: BIGINT, doc: Calls.}
  - {name: source_ip_addresses, type: BIGINT, doc: Number of different source addresses.}
---*/
select
    date_trunc('hour', event_time) as hour,
    principal_arn,
    caller_id,
    key_arn,
    service,
    event_name,
    error_class,
    count(*) as call_count,
    count(distinct source_ip_address) as source_ip_addresses
from kms_calls
where event_time >= $window_start
  and event_time < $window_end
  and ($principal is null
    or $principal in (principal_arn, caller_id)
    or strpos($principal, '%') > 0 and (principal_arn like $principal or caller_id like $principal))
group by 1, 2, 3, 4, 5, 6, 7
order by hour, principal_arn, caller_id, key_arn, service, event_name, error_class
