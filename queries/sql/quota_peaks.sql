/*---
id: quota_peaks
title: Busiest second of every day, by quota
description: |
  How near each account came to each request quota, day by day;
  quota_headroom sums the window up. Approximate, like all rates from
  CloudTrail, and exact to the minute at the edges of the window.
grain: one row per account, Region, quota and day
params:
  account_id: {type: varchar, default: null, doc: "paying account; without it all accounts"}
  region: {type: varchar, default: null, doc: "Region; without it all Regions"}
  quota_name: {type: varchar, default: null, doc: "request quota; without it all quotas"}
columns:
  - {name: day, type: DATE, doc: "Day, UTC."}
  - {name: account_id, type: VARCHAR, doc: Account whose quota is used.}
  - {name: account_name, type: VARCHAR, doc: "Its name from the configuration; NULL when it has none."}
  - {name: region, type: VARCHAR, doc: Region.}
  - {name: quota_name, type: VARCHAR, doc: Request quota.}
  - {name: custom_key_store_id, type: VARCHAR, doc: "Custom key store, for its own quota."}
  - {name: quota_per_second, type: DOUBLE, doc: "Quota; NULL when none is known."}
  - {name: peak_second, type: TIMESTAMP, doc: "Second with most requests, UTC."}
  - {name: peak_requests, type: BIGINT, doc: Requests in that second.}
  - {name: peak_ratio, type: DOUBLE, doc: That number divided by the quota.}
  - {name: request_count, type: BIGINT, doc: Requests of the day.}
  - {name: throttled_count, type: BIGINT, doc: Requests that were throttled.}
---*/
with ranked as (         -- one row per minute, the busiest of each day first
    select
        request_rate.*,
        cast(minute as date) as day,
        row_number() over (
            partition by account_id, region, quota_name, custom_key_store_id, cast(minute as date)
            order by peak_count desc, peak_second
        ) as minute_number
    from request_rate
    where minute >= date_trunc('minute', $window_start)
      and minute < $window_end
      and ($account_id is null or account_id = $account_id)
      and ($region is null or region = $region)
      and ($quota_name is null or quota_name = $quota_name)
),
days as (                -- one row per account, Region, quota and day
    select
        day,
        account_id,
        region,
        quota_name,
        custom_key_store_id,
        max(peak_count) as peak_requests,
        max(case when minute_number = 1 then peak_second end) as peak_second,
        cast(sum(request_count) as bigint) as request_count,
        cast(sum(throttled_count) as bigint) as throttled_count
    from ranked
    group by day, account_id, region, quota_name, custom_key_store_id
),
limits as (              -- one row per account, Region and quota in use, with the quota that holds
    select
        pairs.account_id,
        pairs.region,
        pairs.quota_name,
        quotas.requests_per_second,
        quotas.origin,
        row_number() over (
            partition by pairs.account_id, pairs.region, pairs.quota_name
            order by
                case when quotas.account_id is not null then 0 else 1 end,
                case when quotas.origin = 'override' then 0 else 1 end,
                case when quotas.region is not null then 0 else 1 end,
                quotas.requests_per_second
        ) as choice
    from (select distinct account_id, region, quota_name from days) as pairs
    join quotas
      on quotas.quota_name = pairs.quota_name
     and (quotas.account_id is null or quotas.account_id = pairs.account_id)
     and (quotas.region is null or quotas.region = pairs.region)
)
select
    days.day,
    days.account_id,
    accounts.account_name,
    days.region,
    days.quota_name,
    days.custom_key_store_id,
    limits.requests_per_second as quota_per_second,
    days.peak_second,
    days.peak_requests,
    cast(days.peak_requests as double) / nullif(limits.requests_per_second, 0e0) as peak_ratio,
    days.request_count,
    days.throttled_count
from days
left join limits
  on limits.account_id = days.account_id
 and limits.region = days.region
 and limits.quota_name = days.quota_name
 and limits.choice = 1
left join accounts on accounts.account_id = days.account_id
order by peak_ratio desc nulls last, days.day, days.account_id, days.region, days.quota_name, days.custom_key_store_id
