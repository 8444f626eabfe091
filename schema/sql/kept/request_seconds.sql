-- request_seconds: One row per paying account, Region, request quota and second with calls, for the last three days of the logs; request_rate has the rest by minute. Approximate: CloudTrail gives the second in which a request completed, and not every refused request is logged.
-- kept: rollup of kms_events by second
--
-- second TIMESTAMP: The second, UTC.
-- account_id VARCHAR: Account whose quota the calls use (see quota_calls).
-- region VARCHAR: Region.
-- quota_name VARCHAR: Request quota (quotas.quota_name).
-- custom_key_store_id VARCHAR: Store, for the quota custom_key_store; else NULL.
-- request_count BIGINT sum: Requests, throttled and refused ones included.
-- throttled_count BIGINT sum: Requests that were throttled.

select
    date_trunc('second', event_time) as second,
    account_id,
    region,
    quota_name,
    custom_key_store_id,
    count(*) as request_count,
    count(case when error_class = 'throttled' then 1 end) as throttled_count
from quota_calls
group by 1, 2, 3, 4, 5
