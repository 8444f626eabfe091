-- request_rate: One row per paying account, Region, request quota and second with calls. Approximate: CloudTrail gives the second in which a request completed, and not every refused request is logged.
--
-- account_id VARCHAR: Account whose quota the calls use (see quota_calls).
-- region VARCHAR: Region.
-- quota_name VARCHAR: Request quota (quotas.quota_name).
-- custom_key_store_id VARCHAR: Store, for the quota custom_key_store; else NULL.
-- second TIMESTAMP: The second, UTC.
-- request_count BIGINT: Requests, throttled and refused ones included.
-- throttled_count BIGINT: Requests that were throttled.

select
    account_id,
    region,
    quota_name,
    custom_key_store_id,
    date_trunc('second', event_time) as second,
    count(*) as request_count,
    count(case when error_class = 'throttled' then 1 end) as throttled_count
from quota_calls
group by 1, 2, 3, 4, 5
