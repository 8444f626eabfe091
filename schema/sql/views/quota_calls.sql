-- quota_calls: One row per call and request quota that it counts against. Only caller-side copies count, so that a call delivered twice or logged in two accounts counts once; a call to a custom key store counts against the store's quota as well.
--
-- event_id UUID: Event id of the copy that counts.
-- event_time TIMESTAMP: When the request completed, UTC.
-- account_id VARCHAR: Account whose quota it uses: the caller's; for an AWS service principal the account in whose trail it is; for custom_key_store the owner of the store.
-- region VARCHAR: Region.
-- quota_name VARCHAR: Request quota (quotas.quota_name).
-- custom_key_store_id VARCHAR: Store, for the quota custom_key_store, which each store has for itself; else NULL.
-- caller VARCHAR: Principal ARN, else service principal, else account.
-- key_arn VARCHAR: Key of the call.
-- service VARCHAR: AWS service behind the call; NULL for a direct call.
-- event_name VARCHAR: Operation.
-- error_class VARCHAR: Class of the error; NULL on success.

select
    event_id,
    event_time,
    coalesce(caller_account_id, recipient_account_id) as account_id,
    region,
    quota_name,
    cast(null as varchar) as custom_key_store_id,
    coalesce(principal_arn, case when caller_type = 'AWSService' then invoked_by end, caller_account_id, 'unknown') as caller,
    key_arn,
    service,
    event_name,
    error_class
from kms_events
where record_copy in ('single', 'caller')
  and quota_name is not null
  and coalesce(caller_account_id, recipient_account_id) is not null
union all
select
    event_id,
    event_time,
    coalesce(key_account_id, recipient_account_id) as account_id,
    region,
    'custom_key_store' as quota_name,
    custom_key_store_id,
    coalesce(principal_arn, case when caller_type = 'AWSService' then invoked_by end, caller_account_id, 'unknown') as caller,
    key_arn,
    service,
    event_name,
    error_class
from kms_events
where record_copy <> 'network'
  and (record_copy = 'single' or recipient_account_id = key_account_id)
  and operation_class = 'cryptographic'
  and custom_key_store_id is not null
