with new_seconds as (    -- one row per second with parts: what they add
    select
        second,
        account_id,
        region,
        quota_name,
        custom_key_store_id,
        sum(request_count) as added_count,
        sum(throttled_count) as throttled_count
    from request_seconds_parts
    group by second, account_id, region, quota_name, custom_key_store_id
),
old_seconds as (         -- what these seconds had before
    select
        old.second,
        old.account_id,
        old.region,
        old.quota_name,
        old.custom_key_store_id,
        sum(old.request_count) as request_count
    -- The seconds alone first: DuckDB leaves out row groups by them, and does not take
    -- the parts for many, of those that are deleted.
    from (
        select sums.*
        from request_seconds_sums as sums
        semi join (select distinct second from request_seconds_parts) as touched
          on touched.second = sums.second
    ) as old
    semi join new_seconds
      on new_seconds.second = old.second
     and new_seconds.account_id = old.account_id
     and new_seconds.region = old.region
     and new_seconds.quota_name = old.quota_name
    group by all
),
limits as (              -- one row per account, Region and quota whose limit is known: the one that holds
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
    from (select distinct account_id, region, quota_name from new_seconds) as asked
    join quotas
      on quotas.quota_name = asked.quota_name
     and (quotas.account_id is null or quotas.account_id = asked.account_id)
     and (quotas.region is null or quotas.region = asked.region)
    where quotas.requests_per_second > 0e0
    group by asked.account_id, asked.region, asked.quota_name
),
seconds as (             -- one row per second with parts, all of its requests
    select
        new_seconds.*,
        coalesce(old_seconds.request_count, 0) as old_count,
        coalesce(old_seconds.request_count, 0) + new_seconds.added_count as request_count,
        0.8e0 * limits.requests_per_second as near_count
    from new_seconds
    left join old_seconds
      on old_seconds.second = new_seconds.second
     and old_seconds.account_id = new_seconds.account_id
     and old_seconds.region = new_seconds.region
     and old_seconds.quota_name = new_seconds.quota_name
     and old_seconds.custom_key_store_id is not distinct from new_seconds.custom_key_store_id
    left join limits
      on limits.account_id = new_seconds.account_id
     and limits.region = new_seconds.region
     and limits.quota_name = new_seconds.quota_name
),
minutes as (             -- what is folded, and a row with what the new seconds change in it
    select *
    from settled_rows as folded
    union all
    select
        date_trunc('minute', second) as minute,
        account_id,
        region,
        quota_name,
        custom_key_store_id,
        sum(added_count) as request_count,
        sum(throttled_count) as throttled_count,
        -- A second without parts keeps its count, so it is a peak as before.
        max_by(second, request_count * 60 - extract(second from second)) as peak_second,
        max(request_count) as peak_count,
        count(case when request_count >= near_count then 1 end) - count(case when old_count >= near_count then 1 end) as near_seconds
    from seconds
    group by 1, 2, 3, 4, 5
)
select
    minute,
    account_id,
    region,
    quota_name,
    custom_key_store_id,
    cast(sum(request_count) as bigint) as request_count,
    cast(sum(throttled_count) as bigint) as throttled_count,
    -- Of several such seconds it is the first.
    max_by(peak_second, peak_count * 60 - extract(second from peak_second)) as peak_second,
    cast(max(peak_count) as bigint) as peak_count,
    cast(sum(near_seconds) as bigint) as near_seconds
from minutes
group by 1, 2, 3, 4, 5
