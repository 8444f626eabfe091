-- request_rate: One row per paying account, Region, request quota and second with calls. Only caller-side copies count, so that a call delivered twice or logged in two accounts counts once. Approximate: CloudTrail gives the second in which a request completed, and not every refused request is logged.
--
-- account_id VARCHAR: Account whose quota the calls use: the caller's; for an AWS service principal the account in whose trail the call is; for custom_key_store the owner of the store.
-- region VARCHAR: Region.
-- quota_name VARCHAR: Request quota (quotas.quota_name).
-- custom_key_store_id VARCHAR: Store, for the quota custom_key_store, which each store has for itself; else NULL.
-- second TIMESTAMP: The second, UTC.
-- request_count BIGINT: Requests, throttled and refused ones included.
-- throttled_count BIGINT: Requests that were throttled.

select
    coalesce(caller_account_id, recipient_account_id) as account_id,
    region,
    quota_name,
    cast(null as varchar) as custom_key_store_id,
    date_trunc('second', event_time) as second,
    count(*) as request_count,
    cast(sum(case when error_class = 'throttled' then 1 else 0 end) as bigint) as throttled_count
from kms_events
where quota_name is not null
  and coalesce(caller_account_id, recipient_account_id) is not null
  and record_copy in ('single', 'caller')
group by 1, 2, 3, 4, 5
union all
select
    coalesce(key_account_id, recipient_account_id) as account_id,
    region,
    'custom_key_store' as quota_name,
    custom_key_store_id,
    date_trunc('second', event_time) as second,
    count(*) as request_count,
    cast(sum(case when error_class = 'throttled' then 1 else 0 end) as bigint) as throttled_count
from kms_events
where operation_class = 'cryptographic'
  and custom_key_store_id is not null
  and record_copy in ('single', 'owner')
group by 1, 2, 3, 4, 5
