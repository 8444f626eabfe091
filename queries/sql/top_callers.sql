/*---
id: top_callers
title: Who calls KMS most
description: Callers by number of requests, with their share. Where to begin when requests cost too much or are throttled.
grain: one row per paying account and caller
params:
  account_id: {type: varchar, default: null, doc: "paying account; without it all accounts"}
  region: {type: varchar, default: null, doc: "Region; without it all Regions"}
columns:
  - {name: account_id, type: VARCHAR, doc: Account that pays.}
  - {name: caller, type: VARCHAR, doc: "Principal ARN, else service principal, else account."}
  - {name: request_count, type: BIGINT, doc: Requests.}
  - {name: share, type: DOUBLE, doc: Share of all requests in the window.}
  - {name: key_count, type: BIGINT, doc: Different keys.}
  - {name: cryptographic_count, type: BIGINT, doc: Requests that count against a cryptographic quota.}
  - {name: error_count, type: BIGINT, doc: Requests that failed.}
  - {name: throttled_count, type: BIGINT, doc: Requests that were throttled.}
---*/
with requests as (       -- one row per request
    select *
    from quota_calls
    where event_time >= $window_start
      and event_time < $window_end
      and quota_name <> 'custom_key_store'
      and ($account_id is null or account_id = $account_id)
      and ($region is null or region = $region)
)
select
    account_id,
    caller,
    count(*) as request_count,
    cast(count(*) as double) / cast(sum(count(*)) over () as double) as share,
    count(distinct key_arn) as key_count,
    count(case when quota_name like 'cryptographic_%' or quota_name like 'generate_data_key_pair_%' then 1 end) as cryptographic_count,
    count(error_class) as error_count,
    count(case when error_class = 'throttled' then 1 end) as throttled_count
from requests
group by account_id, caller
order by request_count desc, account_id, caller
