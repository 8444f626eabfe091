-- usage_monthly: One row per month, key, caller, service, operation and outcome: usage_daily, summed by month. It is kept for good: keys and key_use are made of it.
-- kept: rollup of usage_daily by month
--
-- month DATE: First day of the month, UTC.
-- key_arn VARCHAR: The key; NULL for calls that work on none, or name one that is not known. ReEncrypt has a row for each of its keys.
-- key_account_id VARCHAR: Account that owns the key.
-- region VARCHAR: Region that served the calls.
-- caller_id VARCHAR: What identifies the caller in every copy of a call, as in kms_calls.
-- principal_arn VARCHAR: Caller; NULL for a service principal, and in what the owner of a key sees of a foreign account's calls.
-- caller_account_id VARCHAR: Account of the caller; NULL for a service principal.
-- paying_account_id VARCHAR: Account the calls are charged to: the caller's; for a service principal the one in whose trail they are.
-- actor_kind VARCHAR: human, workload, aws_service or unknown.
-- is_self BOOLEAN: True for calls made by kmstrail's own role.
-- service VARCHAR: AWS service behind the calls; NULL for direct calls.
-- event_name VARCHAR: Operation.
-- operation_class VARCHAR: Class of the operation as in kms_events.
-- error_class VARCHAR: Class of the error; NULL for successful calls.
-- price_tier VARCHAR: Price class of the requests; NULL for what is not billed.
-- call_count BIGINT sum: Calls, counted by the caller's copies; ReEncrypt counts at its source key only.
-- caller_use_count BIGINT sum: Uses of the key, counted by the caller's copies; ReEncrypt counts at both its keys, calls without a key count as well.
-- use_count BIGINT sum: Uses of the key, counted by the copies of its owner; 0 for keys of foreign accounts.
-- first_event_time TIMESTAMP min: First of these calls, UTC.
-- last_event_time TIMESTAMP max: Last of these calls, UTC.
-- alias_name VARCHAR max: An alias by which calls named the key, alias/…; NULL when none did.

select
    cast(date_trunc('month', cast(day as timestamp)) as date) as month,
    key_arn,
    key_account_id,
    region,
    caller_id,
    principal_arn,
    caller_account_id,
    paying_account_id,
    actor_kind,
    is_self,
    service,
    event_name,
    operation_class,
    error_class,
    price_tier,
    cast(sum(call_count) as bigint) as call_count,
    cast(sum(caller_use_count) as bigint) as caller_use_count,
    cast(sum(use_count) as bigint) as use_count,
    min(first_event_time) as first_event_time,
    max(last_event_time) as last_event_time,
    max(alias_name) as alias_name
from usage_daily
group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
