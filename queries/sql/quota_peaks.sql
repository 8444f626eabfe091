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
limits as (              -- the same with each quota that could hold, the one that holds first
    select
        days.*,
        quotas.requests_per_second,
        quotas.origin,
        row_number() over (
            partition by days.account_id, days.region, days.quota_name, days.custom_key_store_id, days.day
            order by
                case when quotas.account_id is not null then 0 else 1 end,
                case when quotas.origin = 'override' then 0 else 1 end,
                case when quotas.region is not null then 0 else 1 end,
                quotas.requests_per_second
        ) as choice
    from days
    left join quotas
      on quotas.quota_name = days.quota_name
     and (quotas.account_id is null or quotas.account_id = days.account_id)
     and (quotas.region is null or quotas.region = days.region)
)
select
    limits.day,
    limits.account_id,
    accounts.account_name,
    limits.region,
    limits.quota_name,
    limits.custom_key_store_id,
    limits.requests_per_second as quota_per_second,
    limits.peak_second,
    limits.peak_requests,
    cast(limits.peak_requests as double) / nullif(limits.requests_per_second, 0e0) as peak_ratio,
    limits.request_count,
    limits.throttled_count
from limits
left join accounts on accounts.account_id = limits.account_id
where limits.choice = 1
order by peak_ratio desc nulls last, limits.day, limits.account_id, limits.region, limits.quota_name, limits.custom_key_store_id
