/*---
id: denied_calls
title: Calls that were refused for lack of permission
description: Who was denied what. Explains broken applications, and shows who tries keys he should not.
grain: one row per caller, key, operation and message
params:
  account_id: {type: varchar, default: null, doc: "account of caller or key; without it all accounts"}
columns:
  - {name: caller_account_id, type: VARCHAR, doc: Account of the caller.}
  - {name: caller_account_name, type: VARCHAR, doc: "Its name from the configuration; NULL when it has none."}
  - {name: principal_arn, type: VARCHAR, doc: Caller.}
  - {name: key_arn, type: VARCHAR, doc: "Key; NULL when KMS did not name it."}
  - {name: aliases, type: VARCHAR, doc: "Its aliases; NULL when none is known."}
  - {name: event_name, type: VARCHAR, doc: Operation.}
  - {name: service, type: VARCHAR, doc: "AWS service behind the calls; NULL for direct calls."}
  - {name: error_message, type: VARCHAR, doc: "Message as logged; it tells which policy was missing."}
  - {name: call_count, type: BIGINT, doc: Calls.}
  - {name: first_seen, type: TIMESTAMP, doc: "First call, UTC."}
  - {name: last_seen, type: TIMESTAMP, doc: "Last call, UTC."}
---*/
select
    calls.caller_account_id,
    max(accounts.account_name) as caller_account_name,
    calls.principal_arn,
    calls.key_arn,
    max(key_names.aliases) as aliases,
    calls.event_name,
    calls.service,
    calls.error_message,
    count(*) as call_count,
    min(calls.event_time) as first_seen,
    max(calls.event_time) as last_seen
from kms_calls as calls
left join key_names on key_names.key_arn = calls.key_arn
left join accounts on accounts.account_id = calls.caller_account_id
where calls.event_time >= $window_start
  and calls.event_time < $window_end
  and calls.error_class = 'denied'
  and ($account_id is null or $account_id in (calls.caller_account_id, calls.key_account_id))
group by calls.caller_account_id, calls.principal_arn, calls.key_arn, calls.event_name, calls.service, calls.error_message
order by call_count desc, calls.caller_account_id, calls.principal_arn, calls.key_arn, calls.event_name, calls.service, calls.error_message
