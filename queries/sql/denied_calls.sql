/*---
id: denied_calls
title: Calls that were refused for lack of permission
description: Who was denied what. Explains broken applications, and shows who tries keys he should not.
grain: one row per caller, key, operation and message
params:
  account_id: {type: varchar, default: null, doc: "account of caller or key; without it all accounts"}
columns:
  - {name: caller_account_id, type: VARCHAR, doc: Account of the caller.}
  - {name: principal_arn, type: VARCHAR, doc: Caller.}
  - {name: key_arn, type: VARCHAR, doc: "Key; NULL when KMS did not name it."}
  - {name: event_name, type: VARCHAR, doc: Operation.}
  - {name: service, type: VARCHAR, doc: "AWS service behind the calls; NULL for direct calls."}
  - {name: error_message, type: VARCHAR, doc: "Message as logged; it tells which policy was missing."}
  - {name: call_count, type: BIGINT, doc: Calls.}
  - {name: first_seen, type: TIMESTAMP, doc: "First call, UTC."}
  - {name: last_seen, type: TIMESTAMP, doc: "Last call, UTC."}
---*/
select
    caller_account_id,
    principal_arn,
    key_arn,
    event_name,
    service,
    error_message,
    count(*) as call_count,
    min(event_time) as first_seen,
    max(event_time) as last_seen
from kms_calls
where event_time >= $window_start
  and event_time < $window_end
  and error_class = 'denied'
  and ($account_id is null or caller_account_id = $account_id or key_account_id = $account_id)
group by caller_account_id, principal_arn, key_arn, event_name, service, error_message
order by call_count desc, caller_account_id, principal_arn, key_arn, event_name, service, error_message
