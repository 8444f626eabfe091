/*---
id: unused_keys
title: Keys that nobody used
description: |
  Keys that the logs name and that had no successful cryptographic use in the
  window, longest unused first. Keys that no record names are not in it, and
  no use in the logs is no proof: look at the coverage, disable the key first
  and watch.
grain: one row per key
params:
  account_id: {type: varchar, default: null, doc: "account that owns the key; without it all accounts"}
columns:
  - {name: key_arn, type: VARCHAR, doc: The key.}
  - {name: account_id, type: VARCHAR, doc: Account that owns it.}
  - {name: region, type: VARCHAR, doc: Its Region.}
  - {name: aliases, type: VARCHAR, doc: Its aliases.}
  - {name: state, type: VARCHAR, doc: "State at the end of the logs; NULL when they do not tell."}
  - {name: created_at, type: TIMESTAMP, doc: "When it was created, UTC; NULL when before the logs."}
  - {name: last_used, type: TIMESTAMP, doc: "Last use in the logs, UTC; NULL when there is none."}
  - {name: last_seen, type: TIMESTAMP, doc: "Last call of any kind, UTC."}
  - {name: call_count, type: BIGINT, doc: Calls of any kind in the logs.}
---*/
with used as (           -- one row per key used in the window
    select key_arn
    from kms_calls
    where event_time >= $window_start
      and event_time < $window_end
      and operation_class = 'cryptographic'
      and error_code is null
      and key_arn is not null
    union
    select destination_key_arn as key_arn
    from kms_calls
    where event_time >= $window_start
      and event_time < $window_end
      and event_name = 'ReEncrypt'
      and error_code is null
      and destination_key_arn is not null
)
select
    keys.key_arn,
    keys.account_id,
    keys.region,
    keys.aliases,
    keys.state,
    keys.created_at,
    keys.last_used,
    keys.last_seen,
    keys.call_count
from keys
left join used on used.key_arn = keys.key_arn
where used.key_arn is null
  and keys.first_seen < $window_end
  and coalesce(keys.state, '') <> 'Deleted'
  and ($account_id is null or keys.account_id = $account_id)
order by keys.last_used nulls first, keys.last_seen, keys.key_arn
