/*---
id: unused_keys
title: Keys that nobody used
description: |
  Keys that the logs or an inventory name and that had no successful
  cryptographic use in the window, longest unused first. Keys that neither
  names are not in it, nor those of AWS that no record names; and no use in
  the logs is no proof: look at the coverage, disable the key first
  and watch. Windows that begin and end on the hour are exact; of an hour
  that the window cuts, calls outside of it may count.
grain: one row per key
params:
  account_id: {type: varchar, default: null, doc: "account that owns the key; without it all accounts"}
columns:
  - {name: key_arn, type: VARCHAR, doc: The key.}
  - {name: account_id, type: VARCHAR, doc: Account that owns it.}
  - {name: account_name, type: VARCHAR, doc: "Its name from the configuration; NULL when it has none."}
  - {name: region, type: VARCHAR, doc: Its Region.}
  - {name: aliases, type: VARCHAR, doc: Its aliases.}
  - {name: state, type: VARCHAR, doc: "State it is in now; NULL when neither logs nor inventories tell."}
  - {name: created_at, type: TIMESTAMP, doc: "When it was created, UTC; NULL when that is not known."}
  - {name: last_used, type: TIMESTAMP, doc: "Last use in the logs, UTC; NULL when there is none."}
  - {name: last_seen, type: TIMESTAMP, doc: "Last call of any kind, UTC; NULL for a key that only an inventory knows."}
  - {name: call_count, type: BIGINT, doc: Calls of any kind in the logs.}
  - {name: aws_last_used, type: TIMESTAMP, doc: "Last cryptographic use that AWS told the inventories of, UTC: it may be none that the logs have."}
---*/
with usage as (          -- keys used on whole days of the window, and in the hours at its edges
    select
        key_arn
    from usage_daily
    where cast(day as timestamp) >= $window_start
      and cast(day as timestamp) + interval '1' day <= $window_end
      and operation_class = 'cryptographic'
      and error_class is null
      and key_arn is not null
    union all
    select
        key_arn
    from usage_hourly
    where hour > $window_start - interval '1' hour
      and hour < $window_end
      and (date_trunc('day', hour) < $window_start or date_trunc('day', hour) + interval '1' day > $window_end)
      and last_event_time >= $window_start
      and first_event_time < $window_end
      and operation_class = 'cryptographic'
      and error_class is null
      and key_arn is not null
)
select
    keys.key_arn,
    keys.account_id,
    accounts.account_name,
    keys.region,
    keys.aliases,
    keys.state,
    keys.created_at,
    keys.last_used,
    keys.last_seen,
    keys.call_count,
    keys.aws_last_used
from keys
left join accounts on accounts.account_id = keys.account_id
where not exists (select 1 from usage where usage.key_arn = keys.key_arn)
  -- A key that only an inventory knows is as old as it says.
  and coalesce(keys.first_seen, keys.created_at, keys.inventory_at) < $window_end
  and (keys.first_seen is not null or coalesce(keys.key_manager, '') <> 'AWS')
  and coalesce(keys.state, '') <> 'Deleted'
  and ($account_id is null or keys.account_id = $account_id)
order by keys.last_used nulls first, keys.last_seen, keys.key_arn
