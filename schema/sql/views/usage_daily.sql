-- usage_daily: One row per day, key, caller, service, operation and error class: who used a key for what. Each call counts once for each key it works on; ReEncrypt works on two.
--
-- day DATE: Day, UTC.
-- key_arn VARCHAR: The key.
-- key_account_id VARCHAR: Account that owns it.
-- region VARCHAR: Region that served the calls.
-- principal_arn VARCHAR: Caller; NULL for a service principal, or when only the owner's copy of a foreign account's call arrived.
-- caller_account_id VARCHAR: Account of the caller; NULL for a service principal.
-- service VARCHAR: AWS service behind the calls; NULL for direct calls.
-- event_name VARCHAR: Operation.
-- error_class VARCHAR: Class of the error; NULL for successful calls.
-- call_count BIGINT: Calls.

with uses as (           -- one row per call and key it works on
    select
        event_time, key_arn, key_account_id, region, principal_arn, caller_account_id, service, event_name, error_class
    from kms_calls
    where key_arn is not null
    union all
    select
        event_time, destination_key_arn as key_arn, destination_key_account_id as key_account_id, region,
        principal_arn, caller_account_id, service, event_name, error_class
    from kms_calls
    where event_name = 'ReEncrypt'
      and destination_key_arn is not null
      and destination_key_arn <> coalesce(key_arn, '')
)
select
    cast(event_time as date) as day,
    key_arn,
    key_account_id,
    region,
    principal_arn,
    caller_account_id,
    service,
    event_name,
    error_class,
    count(*) as call_count
from uses
group by 1, 2, 3, 4, 5, 6, 7, 8, 9
