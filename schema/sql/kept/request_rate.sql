-- request_rate: One row per paying account, Region, request quota and minute with calls: how near the quota they came. Approximate: CloudTrail gives the second in which a request completed, and not every refused request is logged.
-- kept: fold of request_seconds by minute
--
-- minute TIMESTAMP: Start of the minute, UTC.
-- account_id VARCHAR: Account whose quota the calls use (see quota_calls).
-- region VARCHAR: Region.
-- quota_name VARCHAR: Request quota (quotas.quota_name).
-- custom_key_store_id VARCHAR: Store, for the quota custom_key_store; else NULL.
-- request_count BIGINT: Requests, throttled and refused ones included.
-- throttled_count BIGINT: Requests that were throttled.
-- peak_second TIMESTAMP: Second with most requests, the first of them, UTC.
-- peak_count BIGINT: Requests in that second.
-- near_seconds BIGINT: Seconds with at least 80 % of what the quota allows; 0 where the quota is not known.

with limits as (         -- one row per account, Region and quota whose limit is known: the one that holds
    select
        asked.account_id,
        asked.region,
        asked.quota_name,
        min_by(
            quotas.requests_per_second,
            case when quotas.account_id is not null then 0 else 4 end
                + case when quotas.origin = 'override' then 0 else 2 end
                + case when quotas.region is not null then 0 else 1 end
        ) filter (where quotas.requests_per_second is not null) as requests_per_second
    from (select distinct account_id, region, quota_name from request_seconds) as asked
    join quotas
      on quotas.quota_name = asked.quota_name
     and (quotas.account_id is null or quotas.account_id = asked.account_id)
     and (quotas.region is null or quotas.region = asked.region)
    where quotas.requests_per_second > 0e0
    group by asked.account_id, asked.region, asked.quota_name
),
ranked as (              -- one row per second, the busiest of its minute first
    select
        request_seconds.*,
        date_trunc('minute', second) as minute,
        row_number() over (
            partition by account_id, region, quota_name, custom_key_store_id, date_trunc('minute', second)
            order by request_count desc, second
        ) as second_number
    from request_seconds
)
select
    ranked.minute,
    ranked.account_id,
    ranked.region,
    ranked.quota_name,
    ranked.custom_key_store_id,
    cast(sum(ranked.request_count) as bigint) as request_count,
    cast(sum(ranked.throttled_count) as bigint) as throttled_count,
    min_by(ranked.second, ranked.second_number) filter (where ranked.second is not null) as peak_second,
    max(ranked.request_count) as peak_count,
    count(case when ranked.request_count >= 0.8e0 * limits.requests_per_second then 1 end) as near_seconds
from ranked
left join limits
  on limits.account_id = ranked.account_id
 and limits.region = ranked.region
 and limits.quota_name = ranked.quota_name
group by 1, 2, 3, 4, 5
