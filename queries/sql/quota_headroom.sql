/*---
id: quota_headroom
title: How much room the request quotas leave
description: |
  For each account, Region and request quota the limit, where it comes from,
  the busiest second of the window and how near it came. Approximate:
  CloudTrail gives the second in which a request completed, and does not log
  every refused one. Exact to the minute at the edges of the window.
grain: one row per account, Region, quota and custom key store
params:
  account_id: {type: varchar, default: null, doc: "paying account; without it all accounts"}
  region: {type: varchar, default: null, doc: "Region; without it all Regions"}
  quota_name: {type: varchar, default: null, doc: "request quota; without it all quotas"}
columns:
  - {name: account_id, type: VARCHAR, doc: Account whose quota is used.}
  - {name: account_name, type: VARCHAR, doc: "Its name from the configuration; NULL when it has none."}
  - {name: region, type: VARCHAR, doc: Region.}
  - {name: quota_name, type: VARCHAR, doc: Request quota.}
  - {name: custom_key_store_id, type: VARCHAR, doc: "Custom key store, for its own quota."}
  - {name: quota_per_second, type: DOUBLE, doc: "Quota; NULL when none is known."}
  - {name: quota_origin, type: VARCHAR, doc: "default or override; NULL when none is known."}
  - {name: peak_requests, type: BIGINT, doc: Requests in the busiest second.}
  - {name: peak_second, type: TIMESTAMP, doc: "That second, UTC, the first of them."}
  - {name: peak_ratio, type: DOUBLE, doc: Requests of that second divided by the quota.}
  - {name: headroom_per_second, type: DOUBLE, doc: "Requests a second that were left then; less than 0 when the quota was exceeded."}
  - {name: near_seconds, type: BIGINT, doc: Seconds with at least 80 % of the quota.}
  - {name: request_count, type: BIGINT, doc: Requests.}
  - {name: throttled_count, type: BIGINT, doc: Requests that were throttled.}
---*/
with ranked as (         -- one row per minute, the busiest of each quota first
    select
        request_rate.*,
        row_number() over (
            partition by account_id, region, quota_name, custom_key_store_id
            order by peak_count desc, peak_second
        ) as minute_number
    from request_rate
    where minute >= date_trunc('minute', $window_start)
      and minute < $window_end
      and ($account_id is null or account_id = $account_id)
      and ($region is null or region = $region)
      and ($quota_name is null or quota_name = $quota_name)
),
peaks as (               -- one row per account, Region, quota and store
    select
        account_id,
        region,
        quota_name,
        custom_key_store_id,
        max(peak_count) as peak_requests,
        max(case when minute_number = 1 then peak_second end) as peak_second,
        cast(sum(near_seconds) as bigint) as near_seconds,
        cast(sum(request_count) as bigint) as request_count,
        cast(sum(throttled_count) as bigint) as throttled_count
    from ranked
    group by account_id, region, quota_name, custom_key_store_id
),
limits as (              -- the same with each quota that could hold, the one that holds first
    select
        peaks.*,
        quotas.requests_per_second,
        quotas.origin,
        row_number() over (
            partition by peaks.account_id, peaks.region, peaks.quota_name, peaks.custom_key_store_id
            order by
                case when quotas.account_id is not null then 0 else 1 end,
                case when quotas.origin = 'override' then 0 else 1 end,
                case when quotas.region is not null then 0 else 1 end,
                quotas.requests_per_second
        ) as choice
    from peaks
    left join quotas
      on quotas.quota_name = peaks.quota_name
     and (quotas.account_id is null or quotas.account_id = peaks.account_id)
     and (quotas.region is null or quotas.region = peaks.region)
)
select
    limits.account_id,
    accounts.account_name,
    limits.region,
    limits.quota_name,
    limits.custom_key_store_id,
    limits.requests_per_second as quota_per_second,
    limits.origin as quota_origin,
    limits.peak_requests,
    limits.peak_second,
    cast(limits.peak_requests as double) / nullif(limits.requests_per_second, 0e0) as peak_ratio,
    limits.requests_per_second - limits.peak_requests as headroom_per_second,
    limits.near_seconds,
    limits.request_count,
    limits.throttled_count
from limits
left join accounts on accounts.account_id = limits.account_id
where limits.choice = 1
order by peak_ratio desc nulls last, limits.account_id, limits.region, limits.quota_name, limits.custom_key_store_id
