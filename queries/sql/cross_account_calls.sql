/*---
id: cross_account_calls
title: Use of keys across accounts
description: Which accounts use which keys of which other accounts, trusted or not, and with what outcome.
grain: one row per key, caller, operation and error class
params:
  key_arn: {type: varchar, default: null, doc: "key ARN; without it all keys"}
  account_id: {type: varchar, default: null, doc: "account of caller or key; without it all accounts"}
columns:
  - {name: key_account_id, type: VARCHAR, doc: Account that owns the key.}
  - {name: caller_account_id, type: VARCHAR, doc: Account of the caller.}
  - {name: caller_account_name, type: VARCHAR, doc: "Its name from the configuration; NULL when it has none."}
  - {name: key_arn, type: VARCHAR, doc: "The key; of a ReEncrypt source or destination, whichever is of another account."}
  - {name: principal_arn, type: VARCHAR, doc: "Caller; NULL when only the owner's record arrived."}
  - {name: caller_id, type: VARCHAR, doc: Unique id of the principal.}
  - {name: event_name, type: VARCHAR, doc: Operation.}
  - {name: error_class, type: VARCHAR, doc: "Class of the error; NULL on success."}
  - {name: call_count, type: BIGINT, doc: "Calls, each counted once."}
  - {name: first_seen, type: TIMESTAMP, doc: "First call, UTC."}
  - {name: last_seen, type: TIMESTAMP, doc: "Last call, UTC."}
---*/
with uses as (           -- one row per call and key of another account
    select key_account_id, caller_account_id, key_arn, principal_arn, caller_id, event_name, error_class, event_time
    from kms_calls
    where event_time >= $window_start
      and event_time < $window_end
      and caller_account_id <> key_account_id
    union all
    select
        destination_key_account_id as key_account_id, caller_account_id, destination_key_arn as key_arn,
        principal_arn, caller_id, event_name, error_class, event_time
    from kms_calls
    where event_time >= $window_start
      and event_time < $window_end
      and event_name = 'ReEncrypt'
      and caller_account_id <> destination_key_account_id
)
select
    uses.key_account_id,
    uses.caller_account_id,
    max(accounts.account_name) as caller_account_name,
    uses.key_arn,
    max(uses.principal_arn) as principal_arn,
    uses.caller_id,
    uses.event_name,
    uses.error_class,
    count(*) as call_count,
    min(uses.event_time) as first_seen,
    max(uses.event_time) as last_seen
from uses
left join accounts on accounts.account_id = uses.caller_account_id
where ($key_arn is null or uses.key_arn = $key_arn)
  and ($account_id is null or uses.key_account_id = $account_id or uses.caller_account_id = $account_id)
group by uses.key_account_id, uses.caller_account_id, uses.key_arn, uses.caller_id, uses.event_name, uses.error_class
order by call_count desc, uses.key_arn, uses.caller_account_id, uses.caller_id, uses.event_name, uses.error_class
