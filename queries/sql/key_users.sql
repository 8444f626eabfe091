/*---
id: key_users
title: Who uses a key, and for what
description: Callers of a key with their operations, services and errors. The first question before a key is disabled or its policy narrowed.
grain: one row per caller, service and operation
params:
  key_arn: {type: varchar, default: null, doc: "key ARN or key id; without it all keys"}
columns:
  - {name: key_arn, type: VARCHAR, doc: The key.}
  - {name: principal_arn, type: VARCHAR, doc: "Caller; NULL for a service principal, or a stranger whose own record did not arrive."}
  - {name: caller_account_id, type: VARCHAR, doc: "Account of the caller; NULL for a service principal."}
  - {name: caller_id, type: VARCHAR, doc: "Unique id of the principal, or name of the service principal."}
  - {name: service, type: VARCHAR, doc: "AWS service behind the calls; NULL for direct calls."}
  - {name: event_name, type: VARCHAR, doc: Operation.}
  - {name: call_count, type: BIGINT, doc: "Calls, each counted once."}
  - {name: error_count, type: BIGINT, doc: "Calls that failed, dry runs not among them."}
  - {name: first_seen, type: TIMESTAMP, doc: "First call in the window, UTC."}
  - {name: last_seen, type: TIMESTAMP, doc: "Last call in the window, UTC."}
---*/
with uses as (           -- one row per call and key; ReEncrypt uses two
    select key_arn, key_id, principal_arn, caller_account_id, caller_id, service, event_name, error_class, event_time
    from kms_calls
    where event_time >= $window_start
      and event_time < $window_end
      and key_arn is not null
    union all
    select
        destination_key_arn as key_arn, split_part(destination_key_arn, '/', 2) as key_id,
        principal_arn, caller_account_id, caller_id, service, event_name, error_class, event_time
    from kms_calls
    where event_time >= $window_start
      and event_time < $window_end
      and event_name = 'ReEncrypt'
      and destination_key_arn is not null
      and destination_key_arn <> coalesce(key_arn, '')
)
select
    key_arn,
    max(principal_arn) as principal_arn,
    caller_account_id,
    caller_id,
    service,
    event_name,
    count(*) as call_count,
    count(case when error_class is not null and error_class <> 'dry_run' then 1 end) as error_count,
    min(event_time) as first_seen,
    max(event_time) as last_seen
from uses
where $key_arn is null
   or key_arn = $key_arn
   or key_id = $key_arn
group by key_arn, caller_account_id, caller_id, service, event_name
order by call_count desc, key_arn, caller_account_id, caller_id, service, event_name
