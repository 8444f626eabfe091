/*---
id: deletion_soak
title: Keys on their way to deletion, and whether anybody still calls
description: Keys that are disabled or pending deletion at the end of the window, with the calls since then. No call while it lasts is what one wants to see.
grain: one row per key
params:
  account_id: {type: varchar, default: null, doc: "account that owns the key; without it all accounts"}
columns:
  - {name: key_arn, type: VARCHAR, doc: The key.}
  - {name: account_id, type: VARCHAR, doc: Account that owns it.}
  - {name: region, type: VARCHAR, doc: Its Region.}
  - {name: state, type: VARCHAR, doc: "Disabled, PendingDeletion or PendingReplicaDeletion."}
  - {name: since, type: TIMESTAMP, doc: "Since when, UTC."}
  - {name: deletion_date, type: TIMESTAMP, doc: "When it will be destroyed, UTC; NULL when that is not scheduled."}
  - {name: principal_arn, type: VARCHAR, doc: Who began it.}
  - {name: call_count, type: BIGINT, doc: "Cryptographic calls since then, until the window's end."}
  - {name: caller_count, type: BIGINT, doc: Different callers.}
  - {name: last_call, type: TIMESTAMP, doc: "Last of these calls, UTC; NULL when there is none."}
  - {name: last_used_before, type: TIMESTAMP, doc: "Last successful use before, UTC; NULL when the logs hold none."}
---*/
with soaking as (        -- one row per key that is on its way at the window's end
    select key_arn, account_id, region, value as state, valid_from as since, deletion_date, principal_arn
    from key_timeline
    where kind = 'state'
      and value in ('Disabled', 'PendingDeletion', 'PendingReplicaDeletion')
      and valid_from < $window_end
      and (valid_to is null or valid_to >= $window_end)
      and (deletion_date is null or deletion_date >= $window_start)
      and ($account_id is null or account_id = $account_id)
),
calls as (               -- one row per cryptographic call with such a key before the window's end
    select kms_calls.key_arn, kms_calls.event_time, kms_calls.caller_id, kms_calls.error_code
    from kms_calls
    where kms_calls.operation_class = 'cryptographic'
      and kms_calls.event_time < $window_end
      and coalesce(kms_calls.error_class, '') not in ('dry_run', 'denied')
      and not kms_calls.is_self
)
select
    soaking.key_arn,
    soaking.account_id,
    soaking.region,
    soaking.state,
    soaking.since,
    soaking.deletion_date,
    soaking.principal_arn,
    count(case when calls.event_time > soaking.since then 1 end) as call_count,
    count(distinct case when calls.event_time > soaking.since then calls.caller_id end) as caller_count,
    max(case when calls.event_time > soaking.since then calls.event_time end) as last_call,
    max(case when calls.event_time <= soaking.since and calls.error_code is null then calls.event_time end) as last_used_before
from soaking
left join calls on calls.key_arn = soaking.key_arn
group by soaking.key_arn, soaking.account_id, soaking.region, soaking.state, soaking.since, soaking.deletion_date, soaking.principal_arn
order by call_count desc, soaking.deletion_date nulls last, soaking.key_arn
